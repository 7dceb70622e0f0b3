//! Plans as people write them, right and wrong.

use std::path::Path;

use methodology::units::{FrameSize, Seconds};
use reporter::record::Stack;

use super::file::parse;
use super::{BuiltInPlan, MeasureKind, Plan};

fn problem(text: &str) -> String {
    parse(text, Path::new("plan.toml")).unwrap_err().to_string()
}

fn measure(lines: &str) -> String {
    format!("name = \"p\"\nsizes = [64]\n[[measure]]\n{lines}")
}

const GROUP: &str = "[\"a:b\", \"c:d\"]";

/// A measure for groups of pairs.
fn groups(lines: &str, groups: &str) -> String {
    measure(&format!("{lines}\npairs = [{groups}]"))
}

#[test]
fn the_built_in_plans_read_and_cover_kernel_and_bypass() {
    for built_in in [BuiltInPlan::Quick, BuiltInPlan::Standard, BuiltInPlan::Full] {
        let plan = Plan::built_in(built_in).unwrap();
        let stacks: Vec<Stack> = plan.measures.iter().map(|measure| measure.stack()).collect();
        assert_eq!(stacks, [Stack::KernelTcp, Stack::KernelTcp, Stack::KernelUdp, Stack::Dpdk, Stack::Dpdk], "{}", built_in.name());
        assert_eq!(plan.name, built_in.name());
    }
    assert_eq!(Plan::built_in(BuiltInPlan::Standard).unwrap().measures[0].sizes, FrameSize::RFC2544);
    assert_eq!(Plan::built_in(BuiltInPlan::Full).unwrap().repetitions, 3);
}

#[test]
fn what_is_wrong_is_named_with_its_line_and_the_valid_choices() {
    let cases = [
        (measure("stack = \"dpdk\"\nmethod = \"warp\""), 5, "ndr-pdr"),
        (measure("stack = \"kernel\"\nmethod = \"mrr\""), 4, "kernel-tcp"),
        (measure("stack = \"kernel-icmp\"\nmethod = \"ping-pong\""), 3, "kernel-udp, kernel-tls, dpdk, verbs, af-xdp or af-packet"),
        (measure("stack = \"verbs\"\nmethod = \"mrr\""), 5, "use stream (perftest) or ping-pong (perftest)"),
        (measure("stack = \"verbs\"\nmethod = \"best\"\nclient-cpu = [0, 1]"), 5, "stack \"verbs\" has no method \"best\""),
        (measure("stack = \"verbs\"\nmethod = \"stream\"\nstreams = 2"), 6, "its keys are: duration, tool, client-cpu, server-cpu"),
        (measure("stack = \"verbs\"\nmethod = \"stream\"\ntool = \"iperf3\""), 6, "use perftest"),
        (measure("stack = \"verbs\"\nmethod = \"stream\"\nsizes = [64, 9601]"), 6, "64 to 9600 bytes"),
        (groups("stack = \"verbs\"\nmethod = \"stream\"", GROUP), 6, "in the middle of its run"),
        (measure("stack = \"kernel-tls\"\nmethod = \"stream\""), 5, "use file-transfer"),
        (measure("stack = \"kernel-tls\"\nmethod = \"file-transfer\""), 5, "needs `files`"),
        (measure("stack = \"kernel-tls\"\nmethod = \"file-transfer\"\nfiles = \"1 MB\"\nsizes = [64]"), 7, "the sizes of files"),
        (measure("stack = \"kernel-tls\"\nmethod = \"file-transfer\"\nfiles = \"1 MB\"\nstreams = 2"), 7, "no key `streams`"),
        (measure("stack = \"kernel-tcp\"\nmethod = \"stream\"\ntls-at = \"none\""), 6, "no key `tls-at`"),
        (measure("stack = \"dpdk\"\nmethod = \"mrr\"\nfiles = [\"1 MB\"]"), 6, "no key `files`"),
        (measure("stack = \"af-xdp\"\nmethod = \"warp\""), 5, "stack \"af-xdp\" has no method"),
        (measure("stack = \"kernel-tcp\"\nmethod = \"mrr\""), 5, "stream (iperf3, qperf, netperf, neper or iperf2)"),
        (measure("stack = \"kernel-tcp\"\nmethod = \"ping-pong\"\ntool = \"ping\""), 6, "qperf, sockperf, netperf or neper"),
        (measure("stack = \"kernel-tcp\"\nmethod = \"stream\"\nduration = \"0s\""), 6, "measures nothing"),
        (measure("stack = \"kernel-tcp\"\nmethod = \"stream\"\nmin-load = \"1Mpps\""), 6, "has no key `min-load`"),
        (measure("stack = \"dpdk\"\nmethod = \"mrr\"\nspeed = 3"), 6, "`preset`"),
        (measure("stack = \"dpdk\"\nmethod = \"reset\""), 5, "`command`"),
        (measure("stack = \"dpdk\"\nmethod = \"reset\"\nevent = \"port-restart\"\ncommand = []"), 5, "needs `command`"),
        (measure("stack = \"dpdk\"\nmethod = \"mrr\"\ncommand = [\"true\"]"), 6, "has no key `command`"),
        (measure("stack = \"dpdk\"\nmethod = \"round-trip\"\nrate = \"1Gbps\""), 6, "20kpps"),
        (measure("stack = \"dpdk\"\nmethod = \"mrr\"\nsizes = [64, 64]"), 3, "twice"),
        (measure("stack = \"dpdk\"\nmethod = \"mrr\"\nqueues = 0"), 6, "1 or more"),
        (measure("stack = \"dpdk\"\nmethod = \"mrr\"\ndirection = \"back\""), 6, "one value, or a list"),
        (measure("stack = \"dpdk\"\nmethod = \"mrr\"\nqueues = 2\ndirection = \"both\""), 7, "one poll loop at each end"),
        (measure("stack = \"dpdk\"\nmethod = \"latency\"\ndirection = \"both\""), 6, "use both directions already"),
        (measure("stack = \"dpdk\"\nmethod = \"back-to-back\"\ndirection = \"both\""), 6, "short bursts would not meet"),
        (measure("stack = \"dpdk\"\nmethod = \"round-trip\"\ndirection = \"both\""), 6, "has no key `direction`"),
        (measure("stack = \"kernel-tcp\"\nmethod = \"ping-pong\"\ndirection = \"both\""), 6, "has no key `direction`"),
        (measure("stack = \"kernel-tcp\"\nmethod = \"stream\"\ntool = \"qperf\"\ndirection = \"both\""), 7, "use iperf3"),
        (groups("stack = \"dpdk\"\nmethod = \"mrr\"", "[\"a:b\"]"), 6, "at least two pairs"),
        (groups("stack = \"dpdk\"\nmethod = \"mrr\"", "[\"a:b\", \"c:b\"]"), 6, "endpoint `b` is in `a→b` and in `c→b`"),
        (groups("stack = \"dpdk\"\nmethod = \"mrr\"", "[\"a:b\", \"c:d\"], [\"a:b\", \"c:d\"]"), 6, "twice"),
        (groups("stack = \"dpdk\"\nmethod = \"mrr\"", "[\"a:b\", 3]"), 6, "list of groups"),
        (groups("stack = \"dpdk\"\nmethod = \"ndr-pdr\"", GROUP), 6, "a search chooses each load by its own trials"),
        (groups("stack = \"dpdk\"\nmethod = \"throughput\"", GROUP), 6, "a search chooses each load by its own trials"),
        (groups("stack = \"dpdk\"\nmethod = \"frame-loss\"", GROUP), 6, "loads of its own"),
        (groups("stack = \"dpdk\"\nmethod = \"latency\"", GROUP), 6, "do not add up"),
        (groups("stack = \"dpdk\"\nmethod = \"round-trip\"", GROUP), 6, "do not add up"),
        (groups("stack = \"kernel-tcp\"\nmethod = \"ping-pong\"", GROUP), 6, "do not add up"),
        (groups("stack = \"dpdk\"\nmethod = \"mrr\"\nrepetitions = 3", GROUP), 7, "would drift apart"),
        (groups("stack = \"dpdk\"\nmethod = \"mrr\"\ndirection = \"both\"", GROUP), 7, "a sender and a receiver of its group"),
        (groups("stack = \"kernel-tcp\"\nmethod = \"stream\"\ndirection = \"both\"", GROUP), 7, "a sender and a receiver of its group"),
        (measure("stack = \"dpdk\"\nmethod = \"mrr\"\nqueues = \"two\""), 6, "one value, or a list"),
        (measure("stack = \"dpdk\"\nmethod = \"mrr\"\nsender-queues = 2\nqueues = 4"), 7, "`queues` sets both ends"),
        (measure("stack = \"dpdk\"\nmethod = \"mrr\"\nreflector-queues = 2"), 6, "its far end has `receiver-queues`"),
        (measure("stack = \"dpdk\"\nmethod = \"latency\"\nreceiver-queues = 2"), 6, "its far end has `reflector-queues`"),
        (measure("stack = \"dpdk\"\nmethod = \"round-trip\"\nreceiver-queues = 2"), 6, "its keys are"),
        (measure("stack = \"kernel-tcp\"\nmethod = \"stream\"\nsender-queues = 2"), 6, "has no key `sender-queues`"),
        (measure("stack = \"dpdk\"\nmethod = \"mrr\"\nburst = [32, 257]"), 6, "not 257"),
        (measure("stack = \"dpdk\"\nmethod = \"mrr\"\nflows = []"), 6, "measures nothing"),
        (measure("stack = \"dpdk\"\nmethod = \"mrr\"\npacing = \"hardware\""), 6, "one value, or a list"),
        (measure("stack = \"dpdk\"\nmethod = \"mrr\"\nburst = [32, 32]"), 3, "twice"),
        (measure("stack = \"dpdk\"\nmethod = \"mrr\"\npacing = \"queue-rate\""), 6, "no rate"),
        (measure("stack = \"kernel-tcp\"\nmethod = \"stream\"\nqueues = 2"), 6, "has no key `queues`"),
        (measure("stack = \"dpdk\"\nmethod = \"mrr\"\nmtu = 9000"), 6, "has no key `mtu`: it is for kernel measures"),
        (measure("stack = \"kernel-tcp\"\nmethod = \"stream\"\nmtu = [1500, 67]"), 6, "68 to 65535 bytes, not 67"),
        (measure("stack = \"kernel-tcp\"\nmethod = \"stream\"\nbusy-poll = \"1500ns\""), 6, "not a whole number of microseconds up to 1 s"),
        (measure("stack = \"kernel-tcp\"\nmethod = \"stream\"\nbusy-poll = 50"), 6, "such as \"50us\""),
        (measure("stack = \"kernel-tcp\"\nmethod = \"stream\"\nnapi-defer-hard-irqs = 2147483648"), 6, "0 to 2147483647 times"),
        (measure("stack = \"kernel-tcp\"\nmethod = \"stream\"\ngro-flush-timeout = \"2s\""), 6, "up to 1 s"),
        (measure("stack = \"dpdk\"\nmethod = \"mrr\"\nbusy-poll = \"50us\""), 6, "it is for kernel measures"),
        (measure("stack = \"kernel-tcp\"\nmethod = \"stream\"\nmessage = 0"), 6, "1 or more"),
        (measure("stack = \"kernel-tcp\"\nmethod = \"stream\"\nmessage = \"2M\""), 6, "choose 1 to 1048576 bytes"),
        (measure("stack = \"kernel-tcp\"\nmethod = \"stream\"\nmessage = \"64K\"\nsizes = [64]"), 7, "either `message` or `sizes`"),
        (measure("stack = \"kernel-tcp\"\nmethod = \"stream\"\ncongestion-control = \"Best one\""), 6, "\"cubic\" or \"bbr\""),
        (measure("stack = \"kernel-udp\"\nmethod = \"stream\"\nzero-copy = true"), 6, "cannot do this: send without a copy over UDP"),
        (measure("stack = \"kernel-tcp\"\nmethod = \"stream\"\ngsro = true"), 6, "receive offload over TCP"),
        (measure("stack = \"kernel-udp\"\nmethod = \"stream\"\ngsro = [false, true]"), 6, "`gsro` needs `message`"),
        (measure("stack = \"kernel-udp\"\nmethod = \"ping-pong\"\ngsro = true"), 6, "has no key `gsro`"),
        (measure("stack = \"kernel-tcp\"\nmethod = \"stream\"\ntool = \"qperf\"\nwindow = 65536"), 7, "or use iperf3"),
        (measure("stack = \"kernel-tcp\"\nmethod = \"stream\"\nstreams = 129"), 6, "1 to 128 streams"),
        (measure("stack = \"kernel-tcp\"\nmethod = \"ping-pong\"\nstreams = 2"), 6, "its keys are: duration, tool, mtu"),
        (measure("stack = \"dpdk\"\nmethod = \"mrr\"\n[[measure]]\nstack = \"dpdk\"\nmethod = \"mrr\""), 6, "twice"),
        ("name = \"p\"\nsizes = [63]\n[[measure]]\nstack = \"dpdk\"\nmethod = \"mrr\"".to_owned(), 2, "64"),
        ("name = \"p\"\nrepetitions = 0\n[[measure]]\nstack = \"dpdk\"\nmethod = \"mrr\"".to_owned(), 2, "1 or more"),
        ("name = \"p\"\n[[measure]]\nstack = \"dpdk\"\nmethod = \"mrr\"".to_owned(), 4, "no sizes"),
        ("name = \"p\"\nsizes = [64]\npairs = [\"a\"]\n[[measure]]\nstack = \"dpdk\"\nmethod = \"mrr\"".to_owned(), 3, "FROM:TO"),
        ("name = \"../p\"".to_owned(), 1, "letters"),
        ("name = \"p\"".to_owned(), 1, "[[measure]]"),
        ("name = ".to_owned(), 1, ""),
    ];
    for (text, line, choice) in cases {
        let problem = problem(&text);
        assert!(problem.starts_with(&format!("plan.toml:{line}:")) && problem.contains(choice), "{text}\n→ {problem}");
    }
}

#[test]
fn lists_of_tuning_keys_are_measured_in_every_combination_and_have_ids_of_their_own() {
    let lines = "stack = \"dpdk\"\nmethod = \"throughput\"\nqueues = [1, 2]\nburst = [16, 64]\nflows = 1000\npacing = \"queue-rate\"";
    let plan = parse(&measure(lines), Path::new("plan.toml")).unwrap();
    let labels: Vec<_> = plan.measures.iter().map(|measure| measure.tuning.label().unwrap()).collect();
    assert_eq!(labels, ["b16-f1000-queue-rate", "b64-f1000-queue-rate", "q2-b16-f1000-queue-rate", "q2-b64-f1000-queue-rate"]);
    assert_eq!(plan.measures[2].tuning.in_words().as_deref(), Some("2 queues, burst 16, 1000 flows, queues limited"));
    let parameters = serde_json::Value::Object(plan.measures[2].tuning.parameters().into_iter().map(|(k, v)| (k.to_owned(), v)).collect());
    let expected = serde_json::json!({ "sender_queues": 2, "receiver_queues": 2, "burst": 16, "flows": 1000, "pacing": "queue-rate" });
    assert_eq!(parameters, expected);
    let rings = "stack = \"dpdk\"\nmethod = \"round-trip\"\nrx-descriptors = [256, 4096]\ntx-descriptors = 512";
    let plan = parse(&measure(rings), Path::new("plan.toml")).unwrap();
    let labels: Vec<_> = plan.measures.iter().map(|measure| measure.tuning.label().unwrap()).collect();
    assert_eq!(labels, ["rx256-tx512", "rx4096-tx512"]);
    let tuning = &plan.measures[1].tuning;
    assert_eq!(tuning.in_words().as_deref(), Some("4096 receive descriptors, 512 transmit descriptors"));
    assert_eq!(tuning.parameters(), [("rx_descriptors", serde_json::json!(4096)), ("tx_descriptors", serde_json::json!(512))]);
    assert!(!tuning.shares_ports_with(&plan.measures[0].tuning), "the ports are opened anew");
    let apart = "stack = \"dpdk\"\nmethod = \"mrr\"\nsender-queues = 8\nreceiver-queues = [2, 8]";
    let apart: Vec<_> =
        parse(&measure(apart), Path::new("plan.toml")).unwrap().measures.iter().map(|measure| measure.tuning.clone()).collect();
    assert_eq!(apart.iter().map(|tuning| tuning.label().unwrap()).collect::<Vec<_>>(), ["q8to2", "q8"]);
    assert_eq!(apart[0].in_words().as_deref(), Some("8 → 2 queues"));
    let parameters: serde_json::Map<_, _> = apart[0].parameters().into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    assert_eq!(serde_json::Value::Object(parameters), serde_json::json!({ "sender_queues": 8, "receiver_queues": 2 }));
    let plain = parse(&measure("stack = \"dpdk\"\nmethod = \"mrr\""), Path::new("plan.toml")).unwrap().measures[0].tuning.clone();
    assert_eq!((plain.label(), plain.in_words(), plain.parameters().len()), (None, None, 0));
}

#[test]
fn some_keys_of_phases_and_tester_leave_the_others_to_the_preset() {
    let lines = "stack = \"dpdk\"\nmethod = \"throughput\"\npreset = \"quick\"\n";
    let method = |more: &str| match parse(&measure(&format!("{lines}{more}")), Path::new("plan.toml")).unwrap().measures.remove(0).kind {
        MeasureKind::Procedure { method, .. } => *method,
        other => panic!("{other:?}"),
    };
    let preset = method("");
    let changed = method("tester = { repeats = 9 }\nphases = { drain-wait = \"70ms\" }");
    assert_ne!((preset.tester.repeats, preset.phases.drain_wait), (9, Seconds::from_millis(70)), "a change that is none");
    assert_eq!(changed.tester, methodology::method::TesterRule { repeats: 9, ..preset.tester });
    assert_eq!(changed.phases, methodology::trial::TrialPhases { drain_wait: Seconds::from_millis(70), ..preset.phases });
    // The same as tables of their own.
    let tables = method("[measure.tester]\ncalibration = \"0s\"\n[measure.phases]\nsettle-wait = \"1s\"");
    assert_eq!(tables.tester, methodology::method::TesterRule { calibration: Seconds::ZERO, ..preset.tester });
    assert_eq!(tables.phases, methodology::trial::TrialPhases { settle_wait: Seconds::from_whole(1), ..preset.phases });
    for (more, line, choices) in [
        ("tester = { repeat = 9 }", 7, "`repeats`, `offered-slack`, `calibration`"),
        ("\n[measure.phases]\ndrain = \"1s\"", 9, "`drain-wait`, `settle-wait`"),
    ] {
        let problem = problem(&measure(&format!("{lines}{more}")));
        assert!(problem.starts_with(&format!("plan.toml:{line}:")) && problem.contains(choices), "{problem}");
    }
}

#[test]
fn a_combination_that_cannot_be_is_refused_with_its_line_when_the_plan_is_read() {
    let cases = [
        ("stack = \"dpdk\"\nmethod = \"ndr-pdr\"\nmin-load = \"2Mpps\"\nmax-load = \"1Mpps\"", "load"),
        (
            "stack = \"dpdk\"\nmethod = \"ndr-pdr\"\ngoals = [{ name = \"NDR\", loss-ratio = 0.0, initial-trial = 1, final-trial = 1, duration-sum = 1, width = 0.0 }]",
            "width",
        ),
        ("stack = \"dpdk\"\nmethod = \"ndr-pdr\"\nsizes = [128]\nip = \"v6\"", "IPv4 headers only"),
        ("stack = \"dpdk\"\nmethod = \"reset\"\ncommand = [\"true\"]", "needs `event`"),
        ("stack = \"dpdk\"\nmethod = \"mrr\"\nmax-load = \"1Mpps\"", "maximum rate"),
        ("stack = \"dpdk\"\nmethod = \"frame-loss\"\nalgorithm = { kind = \"binary\" }", "does not search"),
        ("stack = \"dpdk\"\nmethod = \"ndr-pdr\"\nalgorithm = { kind = \"bslv\", max-trials = 2, max-los = 10 }", "max-los"),
    ];
    for (lines, word) in cases {
        let problem = problem(&measure(lines));
        let line: usize = problem.split(':').nth(1).unwrap().parse().unwrap();
        assert!(line >= 3 && problem.contains(word), "{lines}\n→ {problem}");
    }
}

#[test]
fn lists_of_kernel_keys_are_measured_in_every_combination_and_each_message_once() {
    let lines = "stack = \"kernel-tcp\"\nmethod = \"stream\"\nmessage = [\"64K\", 1024]\nstreams = [1, 4]\nzero-copy = true\nmtu = 9000\n\
                 congestion-control = \"reno\"\nwindow = \"256K\"\ngro = false\nclient-cpu = 0\nserver-cpu = 1";
    let plan = parse(&measure(lines), Path::new("plan.toml")).unwrap();
    let labels: Vec<_> = plan.measures.iter().map(|measure| measure.label().unwrap()).collect();
    let common = "reno-w262144-zero-copy-mtu9000-gro-off-c0-v1";
    assert_eq!(labels, ["m65536", "m1024", "s4-m65536", "s4-m1024"].map(|streams| format!("{streams}-{common}")));
    assert!(plan.measures.iter().all(|measure| measure.sizes.len() == 1), "a message has no frame size");
    assert_eq!(
        plan.measures[2].tuning_in_words().as_deref(),
        Some("4 streams, reno, window 262144 B, zero copy, MTU 9000, GRO off, client on CPU 0, server on CPU 1")
    );
    let keys: Vec<&str> = plan.measures[2].kind.kernel_tuning().unwrap().parameters().map(|(key, _)| key).collect();
    assert_eq!(keys, ["streams", "congestion_control", "window", "zero_copy", "mtu", "gro", "client_cpu", "server_cpu"]);
}

#[test]
fn busy_polling_and_deferred_interrupts_are_settings_of_the_machines_and_interfaces() {
    let lines = "stack = \"kernel-tcp\"\nmethod = \"ping-pong\"\nbusy-poll = [\"0us\", \"50us\"]\nnapi-defer-hard-irqs = 2\n\
                 gro-flush-timeout = \"20us\"";
    let plan = parse(&measure(lines), Path::new("plan.toml")).unwrap();
    let labels: Vec<_> = plan.measures.iter().map(|measure| measure.label().unwrap()).collect();
    assert_eq!(labels, ["defer2-flush20000-busy0", "defer2-flush20000-busy50"]);
    let tuning = plan.measures[1].kind.kernel_tuning().unwrap();
    let expected = [("napi_defer_hard_irqs", 2), ("gro_flush_timeout_ns", 20_000), ("busy_poll_us", 50)];
    assert_eq!(tuning.parameters().collect::<Vec<_>>(), expected.map(|(key, value)| (key, serde_json::json!(value))));
    assert_eq!(tuning.interface.to_string(), "napi_defer_hard_irqs 2, gro_flush_timeout 20000 ns, busy_read 50 us, busy_poll 50 us");
}

#[test]
fn best_is_one_measure_that_searches_every_combination() {
    let keys = "stack = \"kernel-tcp\"\nmethod = \"best\"\nmtu = [1500, 3000]\nmessage = [\"64K\", 1024]\nstreams = [1, 4]\n\
                zero-copy = [false, true]\ngro = false";
    let plan = parse(&measure(keys), Path::new("plan.toml")).unwrap();
    let [only] = &plan.measures[..] else { panic!("{plan:?}") };
    let search = only.kind.kernel_search().unwrap();
    let space = search.space();
    assert_eq!((space.len(), search.tunings().len(), search.trials()), (16, 16, 64));
    // A candidate of the space and its settings are the same combination.
    for candidate in space.candidates() {
        let tuning = search.tuning(candidate).unwrap();
        let zero_copy = if tuning.tcp.zero_copy { "on" } else { "off" };
        let values = [
            tuning.interface.mtu.unwrap().to_string(),
            zero_copy.to_owned(),
            tuning.streams.to_string(),
            tuning.message.unwrap().to_string(),
        ];
        assert_eq!(space.values(candidate), values);
        assert!(tuning.interface.gro.is_some());
    }
    let costly: Vec<&str> = space.axes().iter().filter(|axis| axis.costly).map(|axis| axis.name.as_str()).collect();
    assert_eq!(costly, ["mtu"], "a NIC starts anew with each change");
    assert_eq!(only.label().unwrap(), "16-of-mtu-zero-copy-streams-message-m65536-mtu1500-gro-off");
    assert_eq!((only.kind.method(), only.sizes.len(), only.kind.messages().len()), ("best", 1, 2));
}

#[test]
fn a_search_that_has_nothing_to_choose_from_or_too_few_trials_is_refused() {
    let error = |keys: &str| {
        let text = measure(&format!("stack = \"kernel-tcp\"\nmethod = \"best\"\n{keys}"));
        parse(&text, Path::new("plan.toml")).unwrap_err().to_string()
    };
    assert!(error("streams = 2").contains("has one combination only"), "{}", error("streams = 2"));
    assert!(error("streams = [1, 2]\ntrials = 3").contains("trials = 3 is too few"));
    assert!(error("streams = [2, 2]").contains("has the value 2 twice"), "{}", error("streams = [2, 2]"));
    assert!(error("streams = [1, 2]\nburst = 32").contains("no key `burst`"));
    assert!(error("streams = [1, 2]\npairs = [[\"a:b\", \"c:d\"]]").contains("cannot be measured for pairs at the same time"));
    let of_stream = measure("stack = \"kernel-tcp\"\nmethod = \"stream\"\ntrials = 20");
    assert!(parse(&of_stream, Path::new("plan.toml")).unwrap_err().to_string().contains("no key `trials`"));
}

#[test]
fn offload_of_udp_is_a_setting_of_its_own() {
    let text = measure("stack = \"kernel-udp\"\nmethod = \"stream\"\nmessage = 1400\ngsro = [false, true]");
    let plan = parse(&text, Path::new("plan.toml")).unwrap();
    let labels: Vec<_> = plan.measures.iter().map(|measure| measure.label().unwrap()).collect();
    assert_eq!(labels, ["m1400", "m1400-gsro"]);
    let tuning = plan.measures[1].kind.kernel_tuning().unwrap();
    assert_eq!(tuning.parameters().collect::<Vec<_>>(), [("gsro", serde_json::json!("on"))]);
    assert_eq!(tuning.in_words().as_deref(), Some("GSO and GRO of UDP"));
}

#[test]
fn af_xdp_and_af_packet_have_the_methods_and_the_keys_of_dpdk_and_ports_of_their_own() {
    let of = |stack: &str| format!("[[measure]]\nstack = \"{stack}\"\nmethod = \"mrr\"\nburst = [16, 64]\n");
    let text = format!("name = \"p\"\nsizes = [64]\n{}{}{}", of("dpdk"), of("af-xdp"), of("af-packet"));
    let plan = parse(&text, Path::new("plan.toml")).unwrap();
    let stacks: Vec<Stack> = plan.measures.iter().map(super::Measure::stack).collect();
    assert_eq!(stacks, [Stack::Dpdk, Stack::AfXdp, Stack::AfPacket].map(|stack| [stack; 2]).concat());
    let [dpdk, _, xdp, larger, ..] = &plan.measures[..] else { panic!("{plan:?}") };
    assert!(xdp.tuning.shares_ports_with(&larger.tuning) && !xdp.tuning.shares_ports_with(&dpdk.tuning));
}

#[test]
fn a_list_within_pairs_is_a_group_and_pairs_beside_it_are_alone() {
    let text = measure(
        "stack = \"kernel-tcp\"\nmethod = \"stream\"\nmessage = [\"64K\", 64]\npairs = [\"a:b\", [\"a:b\", \"c:d\"], [\"a:d\", \"c:b\"]]",
    );
    let plan = parse(&text, Path::new("plan.toml")).unwrap();
    let pair = "a:b".parse().unwrap();
    let of = |measure: &super::Measure| (measure.is_alone_for(&pair), measure.is_for(&pair), measure.groups().len());
    assert_eq!(plan.measures.iter().map(of).collect::<Vec<_>>(), [(true, true, 0), (false, true, 2), (true, true, 0), (false, true, 2)]);
}

#[test]
fn rfc2544_14_both_directions_of_a_kernel_stream_are_a_setting_of_its_tool() {
    let lines = "stack = \"kernel-udp\"\nmethod = \"stream\"\ndirection = [\"forward\", \"both\"]";
    let plan = parse(&measure(lines), Path::new("plan.toml")).unwrap();
    let labels: Vec<_> = plan.measures.iter().map(super::Measure::label).collect();
    assert_eq!(labels, [None, Some("both".to_owned())]);
    let tuning = plan.measures[1].kind.kernel_tuning().unwrap();
    assert_eq!(tuning.parameters().collect::<Vec<_>>(), [("bidirectional", serde_json::json!(true))]);
    assert_eq!(plan.measures[1].directions(), super::Directions::Both);
}

#[test]
fn rfc2544_14_both_directions_have_an_id_and_a_configuration_of_their_own() {
    let plan = parse(&measure("stack = \"dpdk\"\nmethod = \"mrr\"\ndirection = [\"forward\", \"both\"]"), Path::new("plan.toml")).unwrap();
    let labels: Vec<_> = plan.measures.iter().map(super::Measure::label).collect();
    assert_eq!(labels, [None, Some("both".to_owned())]);
    assert_eq!(plan.measures[1].tuning.parameters(), [("bidirectional", serde_json::json!(true))]);
    // The same ports serve both.
    assert!(plan.measures[0].tuning.shares_ports_with(&plan.measures[1].tuning));
}
