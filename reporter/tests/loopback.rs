//! The real tools over 127.0.0.1, where they are installed: driver, process, parser, record, and back from the raw file.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in tests a failed unwrap is the failed assertion")]

use std::net::{IpAddr, Ipv4Addr};
use std::num::{NonZeroU32, NonZeroU64};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use reporter::archive::RunDirectory;
use reporter::kernel_tools::{
    CommandLine, Extent, KernelSpec, KernelTool, MessageSize, Method, Ready, RecordContext, ToolExit, Transport, failed_record,
    listening_sockets, raw_text, reparse,
};
use reporter::record::{LatencyDefinition, Record, RecordId, State};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Ended and awaited whatever happens to the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn tool(name: &str) -> KernelTool {
    KernelTool::from_name(name).unwrap()
}

fn installed(tool: KernelTool) -> bool {
    let there = start(&tool.version_command()).is_ok_and(|mut child| child.wait().is_ok());
    if !there {
        eprintln!("skipped: {tool} is not installed");
    }
    there
}

fn start(command: &CommandLine) -> std::io::Result<Child> {
    Command::new(&command.program).args(&command.arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
}

/// Waits until the port is open, as the conductor does: by asking the kernel.
fn wait_until_ready(transport: Transport, port: u16) {
    let begin = Instant::now();
    loop {
        let tables: String = ["tcp", "tcp6", "udp", "udp6"]
            .iter()
            .map(|name| std::fs::read_to_string(format!("/proc/net/{name}")).unwrap_or_default())
            .collect();
        if !listening_sockets(&tables, transport, port).is_empty() {
            return;
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "the server did not open port {port}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The client's output, or none where it did not end in time. Read by threads, so that a full pipe stops nobody.
fn run_client(command: &CommandLine, timeout: Duration) -> Option<Output> {
    let child = start(command).unwrap();
    let id = child.id().to_string();
    let (done, wait) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let _ = done.send(child.wait_with_output());
    });
    let output = wait.recv_timeout(timeout).ok();
    if output.is_none() {
        let _ = Command::new("kill").args(["-9", &id]).status();
    }
    reader.join().unwrap();
    output.map(Result::unwrap)
}

fn measure(tool: KernelTool, spec: &KernelSpec) -> Record {
    let commands = tool.commands(spec).unwrap();
    let server = commands.server.as_ref().map(|command| Server(start(command).unwrap()));
    if let Some(Ready::Listens { transport, port }) = commands.ready {
        wait_until_ready(transport, port);
    }
    let output = run_client(&commands.client, commands.timeout).unwrap_or_else(|| panic!("{} hangs", commands.client));
    drop(server);

    let place = tempfile::tempdir().unwrap();
    let run = RunDirectory::create(place.path()).unwrap();
    let text = raw_text(&output.stdout, &output.stderr);
    let exit = ToolExit::Code(output.status.code().unwrap());
    let mut context = RecordContext::new(RecordId("r".to_owned()), jiff::Timestamp::now(), "a-cpu:b-cpu".parse().unwrap());
    context.size = Some(spec.size);
    context.commands = commands.as_texts();
    context.exit = exit;
    context.raw = Some(run.store_raw(&format!("{tool}.{}", tool.raw_extension()), text.as_bytes()).unwrap());
    let measurement = tool.parse(&text, exit).unwrap_or_else(|error| panic!("{error}\n{text}")).remove(0);
    let record = measurement.into_record(0, &context).unwrap();
    assert_eq!(reparse(&record, place.path()).unwrap(), record);
    assert_eq!(record.verdict.state, State::Valid, "{:?}", record.verdict);
    record
}

fn size(bytes: u32) -> MessageSize {
    MessageSize::new(bytes).unwrap()
}

#[test]
fn iperf3_by_bytes_takes_less_than_a_second_of_traffic() {
    if !installed(tool("iperf3")) {
        return;
    }
    let extent = Extent::Bytes(NonZeroU64::new(20_000_000).unwrap());
    for transport in [Transport::Tcp, Transport::Udp] {
        let record = measure(tool("iperf3"), &KernelSpec::new(Method::Stream, transport, LOOPBACK, 23_401, size(1400), extent));
        assert!(record.values.goodput_bps.unwrap().bps() > 0.0);
        assert_eq!((record.stack, record.size.bytes), (transport.stack(), 1400));
        assert!(!record.tool.version.is_empty());
    }
}

#[test]
fn iperf2_over_tcp_gives_bits_of_payload() {
    if !installed(tool("iperf2")) {
        return;
    }
    let extent = Extent::For(Duration::from_secs(1));
    let record = measure(tool("iperf2"), &KernelSpec::new(Method::Stream, Transport::Tcp, LOOPBACK, 23_461, size(1400), extent));
    // The rate against the bytes and the time, which iperf prints beside it, the time to a tenth of a second.
    let bits = record.parameters["bytes"].as_f64().unwrap() * 8.0;
    let share = record.values.goodput_bps.unwrap().bps() * record.duration_s.unwrap() / bits;
    assert!((0.85..1.15).contains(&share), "{record:?}");
}

/// Not every iperf 2 is told by its server what arrived: then what was sent must not pass for goodput.
#[test]
fn iperf2_over_udp_counts_what_arrived_or_says_that_it_cannot() {
    if !installed(tool("iperf2")) {
        return;
    }
    let rate = methodology::units::Goodput::new(20e6).unwrap();
    let extent = Extent::For(Duration::from_secs(1));
    let spec = KernelSpec { rate: Some(rate), ..KernelSpec::new(Method::Stream, Transport::Udp, LOOPBACK, 23_471, size(1400), extent) };
    let commands = tool("iperf2").commands(&spec).unwrap();
    let server = Server(start(commands.server.as_ref().unwrap()).unwrap());
    wait_until_ready(Transport::Udp, 23_471);
    let output = run_client(&commands.client, commands.timeout).unwrap();
    drop(server);
    let text = raw_text(&output.stdout, &output.stderr);
    let found = tool("iperf2").parse(&text, ToolExit::Code(0)).unwrap_or_else(|error| panic!("{error}\n{text}")).remove(0);
    match found.values.goodput_bps {
        Some(goodput) => assert!(goodput.bps() > 0.0 && found.parameters.contains_key("datagrams"), "{text}"),
        None => assert!(!found.doubts.is_empty() && found.parameters["sent_bps"].as_f64().unwrap() > 1e6, "{text}"),
    }
}

/// In a ping-pong, the number of round trips times their length is the time. This tells half from whole, whatever the machine does meanwhile:
/// the record's round trip (qperf's figure, doubled) against the datagrams that the kernel itself counted, in a network namespace of its own.
#[test]
fn qperf_round_trips_times_their_number_is_the_time() {
    if !installed(tool("qperf")) {
        return;
    }
    let script = "ip link set lo up && exec \"$1\" --exact qperf_alone_in_a_namespace --include-ignored --nocapture";
    let outcome =
        Command::new("unshare").args(["-n", "sh", "-c", script, "sh"]).arg(std::env::current_exe().unwrap()).env(ALONE, "1").output();
    match outcome {
        Ok(output) if String::from_utf8_lossy(&output.stdout).contains("running 1 test") => {
            let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            eprintln!("{err}");
            assert!(output.status.success(), "{out}\n{err}");
        }
        _ => eprintln!("skipped: a network namespace needs root, unshare(1) and ip(8)"),
    }
}

const ALONE: &str = "LINERATE_TEST_ALONE";

#[test]
#[ignore = "started by qperf_round_trips_times_their_number_is_the_time in its own network namespace"]
fn qperf_alone_in_a_namespace() {
    if std::env::var_os(ALONE).is_none() {
        return;
    }
    let before = datagrams_received();
    let extent = Extent::For(Duration::from_secs(1));
    let record = measure(tool("qperf"), &KernelSpec::new(Method::PingPong, Transport::Udp, LOOPBACK, 23_411, size(64), extent));
    let round_trips = (datagrams_received() - before) as f64 / 2.0;
    let whole = record.values.rtt_ns.unwrap().mean.unwrap() / 1e9 * round_trips / record.duration_s.unwrap();
    eprintln!("qperf: round trips times their length are {whole:.4} of the time");
    assert!((0.8..1.25).contains(&whole), "half a round trip would give 0.5, a doubled whole one 2: {whole}");
}

/// `InDatagrams` of the calling process's network namespace.
fn datagrams_received() -> u64 {
    let text = std::fs::read_to_string("/proc/self/net/snmp").unwrap();
    let mut lines = text.lines().filter(|line| line.starts_with("Udp: "));
    let column = lines.next().unwrap().split(' ').position(|name| name == "InDatagrams").unwrap();
    lines.next().unwrap().split(' ').nth(column).unwrap().parse().unwrap()
}

/// The same law for sockperf, which prints all three itself: of a live run and of the kept one.
#[test]
fn sockperf_round_trips_times_their_number_is_the_time() {
    let printed = std::fs::read_to_string(format!("{}/fixtures/sockperf_3.7_pp_stdout.txt", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let kept = tool("sockperf").parse(&printed, ToolExit::Code(0)).unwrap().remove(0);
    let mut runs = vec![(kept.values.rtt_ns.unwrap(), kept.duration.unwrap().as_secs_f64())];
    if installed(tool("sockperf")) {
        let extent = Extent::For(Duration::from_secs(1));
        let record = measure(tool("sockperf"), &KernelSpec::new(Method::PingPong, Transport::Tcp, LOOPBACK, 23_451, size(64), extent));
        runs.push((record.values.rtt_ns.unwrap(), record.duration_s.unwrap()));
    }
    for (rtt, seconds) in runs {
        let whole = rtt.mean.unwrap() / 1e9 * rtt.count.unwrap() as f64 / seconds;
        eprintln!("sockperf: round trips times their length are {whole:.4} of the time");
        assert!((0.8..1.25).contains(&whole), "half a round trip would give 0.5, a doubled whole one 2: {whole}");
    }
}

/// neper over loopback: round trips whose number times their length is the time, and a stream that its receiver counted.
#[test]
fn neper_measures_round_trips_and_goodput() {
    if !installed(tool("neper")) {
        return;
    }
    let extent = Extent::For(Duration::from_secs(1));
    for (transport, port) in [(Transport::Tcp, 23_481), (Transport::Udp, 23_485)] {
        let record = measure(tool("neper"), &KernelSpec::new(Method::PingPong, transport, LOOPBACK, port, size(64), extent));
        let rtt = record.values.rtt_ns.unwrap();
        assert_eq!((record.stack, record.size.bytes), (transport.stack(), 64));
        assert!(rtt.min <= rtt.p50 && rtt.p50 <= rtt.p99 && rtt.p99 <= rtt.max, "{rtt:?}");
        let record = measure(tool("neper"), &KernelSpec::new(Method::Stream, transport, LOOPBACK, port + 2, size(1400), extent));
        assert!(record.values.goodput_bps.unwrap().bps() > 0.0);
        assert_eq!((record.tool.version.is_empty(), record.size.bytes), (false, 1400));
    }
}

/// Three tools over one path. How cores are chosen makes 3 µs or 80 µs of it, so that only a wrong unit (1000 times) is outside the band;
/// halves and wholes are told apart by the two tests above.
#[test]
fn round_trips_of_qperf_sockperf_and_ping_agree() {
    let second = Extent::For(Duration::from_secs(1));
    let spec = |transport, port, extent| KernelSpec::new(Method::PingPong, transport, LOOPBACK, port, size(64), extent);
    let mut means = Vec::new();
    let plan = [
        (tool("qperf"), spec(Transport::Udp, 23_411, second)),
        (tool("sockperf"), spec(Transport::Udp, 23_421, second)),
        (tool("ping"), spec(Transport::Icmp, 23_431, Extent::Messages(NonZeroU32::new(200).unwrap()))),
    ];
    for (tool, spec) in plan {
        if !installed(tool) {
            continue;
        }
        let record = measure(tool, &spec);
        let rtt = record.values.rtt_ns.clone().unwrap();
        let definition = if tool.name() == "ping" { LatencyDefinition::RoundTrip } else { LatencyDefinition::HalfRoundTripDoubled };
        assert_eq!(record.values.latency_definition, Some(definition));
        means.push((tool, rtt.p50.or(rtt.mean).unwrap()));
    }
    eprintln!("round trips in ns: {means:?}");
    let (shortest, longest) = means.iter().fold((f64::MAX, 0.0_f64), |(low, high), (_, ns)| (low.min(*ns), high.max(*ns)));
    assert!(means.len() < 2 || longest / shortest < 100.0, "{means:?}");
}

/// What sockperf prints as half a round trip and, of the same path, as a whole one, are the same record.
#[test]
fn sockperf_halves_and_wholes_are_one_quantity() {
    let text = |name: &str| std::fs::read_to_string(format!("{}/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let printed = text("sockperf_3.7_pp_stdout.txt");
    let half = tool("sockperf").parse(&printed, ToolExit::Code(0)).unwrap().remove(0).values;
    let doubled = "avg-rtt=80.562".to_owned();
    let whole = printed.replace("avg-latency=40.281", &doubled).replace("Latency is 40.281", "Round trip is 80.562");
    let whole = tool("sockperf").parse(&whole, ToolExit::Code(0)).unwrap().remove(0).values;
    assert_eq!(half.rtt_ns.unwrap().mean, whole.rtt_ns.unwrap().mean);
    assert_eq!(
        (half.latency_definition, whole.latency_definition),
        (Some(LatencyDefinition::HalfRoundTripDoubled), Some(LatencyDefinition::RoundTrip))
    );
}

/// No server: exit code 0 or not, each tool's failure becomes a failed record that says what to do.
#[test]
fn a_missing_server_is_a_failed_record() {
    let second = Extent::For(Duration::from_secs(1));
    for (tool, method) in [(tool("iperf3"), Method::Stream), (tool("qperf"), Method::PingPong), (tool("sockperf"), Method::PingPong)] {
        if !installed(tool) {
            continue;
        }
        let spec = KernelSpec::new(method, Transport::Tcp, LOOPBACK, 23_441, size(64), second);
        let commands = tool.commands(&spec).unwrap();
        let (text, exit) = match run_client(&commands.client, commands.timeout) {
            Some(output) => (raw_text(&output.stdout, &output.stderr), ToolExit::Code(output.status.code().unwrap())),
            None => (String::new(), ToolExit::TimedOut(commands.timeout)),
        };
        let error = tool.parse(&text, exit).unwrap_err();
        let context = RecordContext::new(RecordId("r".to_owned()), jiff::Timestamp::now(), "a:b".parse().unwrap());
        let record = failed_record(tool, &spec, &context, &error);
        assert_eq!((record.verdict.state, record.size.bytes), (State::Failed, 64));
        eprintln!("{tool}: {}", record.verdict.reasons[0]);
        assert!(record.verdict.reasons[0].detail.contains("; "), "an error says what to do: {error}");
    }
}
