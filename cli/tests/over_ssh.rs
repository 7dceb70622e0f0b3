//! Two machines that are reached over ssh only: from the bare pair to the report. The machines are network namespaces with an OpenSSH server each
//! (`program::sshd`). Needs root.

#![cfg(feature = "dpdk")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

mod program;

use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use program::sshd::{Bed, DATA, Machine};
use program::veth::ip;
use program::{errors, executable, json, records, wait_for};

const LIMIT: Duration = Duration::from_secs(60);

const STREAM: &str = "stack = \"kernel-tcp\"\nmethod = \"stream\"\nduration = \"1s\"";
const PING_PONG: &str = "stack = \"kernel-tcp\"\nmethod = \"ping-pong\"\nduration = \"1s\"";
const ROUND_TRIPS: &str = "stack = \"dpdk\"\nmethod = \"round-trip\"\nrate = \"1kpps\"\nduration = \"500ms\"";
const MRR: &str = "stack = \"dpdk\"\nmethod = \"mrr\"\nduration = \"300ms\"";

#[test]
fn dpdk_and_the_kernel_are_measured_between_machines_that_only_ssh_reaches() {
    let bed = Bed::up("whole");
    let testbed = bed.testbed("");
    let file = testbed.display().to_string();

    let doctor = bed.linerate(&["doctor", "--testbed", &file, "--json"]).output().unwrap();
    assert!(doctor.status.success(), "{}\n{}", errors(&doctor), String::from_utf8_lossy(&doctor.stdout));
    let diagnosis = json(&doctor.stdout);
    let place = |name: &str| diagnosis["places"].as_array().unwrap().iter().find(|place| place["place"] == name).unwrap();
    let check =
        |name: &str, subject: &str| place(name)["checks"].as_array().unwrap().iter().find(|check| check["subject"] == subject).cloned();
    assert_eq!(check("a-cpu", "address 198.18.9.1").unwrap()["seen"], format!("on {DATA}"));
    assert_eq!(check("b-cpu", "clock").unwrap()["severity"], "ok");
    assert_eq!(check("a-cpu→b-cpu", "path").unwrap()["seen"], format!("198.18.9.2 is reached through {DATA}"));
    assert_eq!(check("b-cpu→a-cpu", "path").unwrap()["severity"], "ok");
    assert_eq!((bed.a.logins(), bed.b.logins()), (1, 1), "one connection for each endpoint");

    let plan = bed.plan(&[STREAM, PING_PONG, MRR, ROUND_TRIPS]);
    let run = bed.run(&testbed, &plan, "out").arg("--json").output().unwrap();
    assert!(run.status.success(), "{}", errors(&run));
    assert_eq!((bed.a.logins(), bed.b.logins()), (2, 2), "one connection for each endpoint and run");
    let records = records(&bed.path("out"));
    assert_eq!(records.len(), 4);
    for record in &records {
        assert_ne!(record["verdict"]["state"], "failed", "{record:#}");
    }
    let kernel: Vec<_> = records.iter().filter(|record| record["stack"] == "kernel-tcp").collect();
    for record in &kernel {
        // Each end's processor time was read by one process around the tool, so that no core can have worked longer than the time.
        for end in ["sender", "receiver"] {
            let cores = record["cpu"][end]["by_core"].as_array().unwrap();
            assert!(cores.iter().all(|core| core["busy"].as_f64().unwrap() <= 1.1), "{record:#}");
        }
        assert_eq!(record["cpu"]["shared_machine"], true, "both namespaces are on one machine: {record:#}");
        assert_eq!(record["verdict"]["state"], "valid", "{record:#}");
    }
    let dpdk = records.iter().find(|record| record["method"] == "round-trip").unwrap();
    assert!(dpdk["values"]["frames_received"].as_u64().unwrap() > 0, "{dpdk:#}");

    let report = bed.linerate(&["report", "out", "--out", "again"]).output().unwrap();
    assert!(report.status.success() && bed.path("again").join("report.html").is_file(), "{}", errors(&report));
    bed.is_clean_within_10_s();
}

/// A device on a machine of its own, between two others: started, counted and stopped over ssh, also where the run is killed.
#[test]
fn a_device_on_another_machine_is_started_counted_and_stopped_over_ssh() {
    let bed = Bed::of_four("device");
    let [a, b, middle] = [0, 1, 2].map(|number| bed.machines().nth(number).unwrap());
    for (end, port) in [(a, "in0"), (b, "out0")] {
        ip(&["-n", &end.namespace, "link", "add", "path0", "type", "veth", "peer", "name", port, "netns", &middle.namespace]);
        ip(&["-n", &end.namespace, "link", "set", "path0", "up"]);
        ip(&["-n", &middle.namespace, "link", "set", port, "up"]);
    }
    let plan = bed.plan(&[&ROUND_TRIPS.replace("\"500ms\"", "\"1s\"")]);
    let state = || ip(&["-n", &middle.namespace, "rule"]) + &ip(&["-n", &middle.namespace, "-oneline", "link", "show", "type", "bridge"]);
    let before = state();
    let packets = "between = [\"net_af_packet0,iface=in0\", \"net_af_packet1,iface=out0\"]\ncpu = [0, 1]";
    let interfaces = "between = [\"in0\", \"out0\"]";
    let kinds = [("bridge", interfaces), ("ip-forward", interfaces), ("testpmd", packets), ("ovs-dpdk", packets)];
    let testbed = |kind: &str, keys: &str| {
        let file = bed.testbed_with(|machine: &Machine| {
            let reach = format!("reach = \"ssh:root@{}\"\nssh_options = [\"-F\", \"{}\"]", machine.host, bed.path("ssh_config").display());
            let port = match machine.name {
                "a" => "port = \"net_af_packet0,iface=path0\"\ncpu = 0",
                "b" => "port = \"net_af_packet0,iface=path0\"\ncpu = 1",
                _ => "",
            };
            format!("{reach}\nprogram = \"{}\"\n{port}", env!("CARGO_BIN_EXE_linerate"))
        });
        let device = format!("\n[[device]]\nid = \"dut\"\nkind = \"{kind}\"\nat = \"a-dpu\"\njoins = [\"a-cpu\", \"b-cpu\"]\n{keys}\n");
        std::fs::write(&file, std::fs::read_to_string(&file).unwrap() + &device).unwrap();
        file
    };
    for (kind, keys) in kinds {
        let run = bed.run(&testbed(kind, keys), &plan, kind).output().unwrap();
        assert!(run.status.success(), "{kind}: {}", errors(&run));
        let record = records(&bed.path(kind)).remove(0);
        assert_ne!(record["verdict"]["state"], "failed", "{kind}: {}", record["verdict"]);
        let device = &record["parameters"]["device"];
        assert_eq!(device["kind"], kind);
        // What a disturbed poll loop of the tester loses is not in its counts, and not lost inside the device.
        let is_valid = record["verdict"]["state"] == "valid";
        for trial in device["trials"].as_array().unwrap() {
            assert_eq!(trial["lost_inside"], 0, "{kind}: {trial}");
            assert!(!is_valid || trial["agrees"] == true, "{kind}: {trial}");
        }
        wait_for(&format!("the end of {kind}"), LIMIT, || state() == before && middle.processes().is_empty());
    }
    // The connection is lost with the process that has it.
    let long = bed.plan(&[&ROUND_TRIPS.replace("\"500ms\"", "\"60s\"")]);
    let run = bed.start(&testbed("testpmd", packets), &long, "killed");
    run.wait_for_words("[1/", LIMIT);
    wait_for("testpmd", LIMIT, || middle.process("testpmd").is_some());
    run.signal(Signal::SIGKILL);
    run.finish(LIMIT);
    wait_for("the end of testpmd", LIMIT, || middle.process("testpmd").is_none());
}

/// A file between endpoints on machines of their own: without TLS, with TLS at the endpoints, and at proxies on two further machines.
#[test]
fn files_move_over_tls_between_machines_and_nothing_is_left_also_where_the_run_is_killed() {
    let bed = Bed::of_four("tls");
    let testbed = bed.testbed("");
    let plan = |keys: &str| bed.plan(&[&format!("stack = \"kernel-tls\"\nmethod = \"file-transfer\"\n{keys}")]);
    let all = plan("files = [\"1 MB\"]\ntls-at = [\"none\", \"endpoint\", \"dpu\"]\nrepetitions = 2");
    let run = bed.run(&testbed, &all, "out").output().unwrap();
    assert!(run.status.success(), "{}", errors(&run));
    let moved = records(&bed.path("out"));
    let tls_at: Vec<_> = moved.iter().map(|record| record["parameters"]["tls_at"].as_str().unwrap()).collect();
    assert_eq!(tls_at, ["none", "endpoint", "dpu"]);
    for record in &moved {
        let parameters = &record["parameters"];
        assert_eq!(record["verdict"]["state"], "valid", "{record:#}");
        assert_eq!(parameters["transfers_s"].as_array().unwrap().len(), 2, "{record:#}");
        let (over_tls, through_proxies) = (parameters["tls_at"] != "none", parameters["tls_at"] == "dpu");
        assert_eq!(record["values"]["handshake_s"].is_number(), over_tls, "{record:#}");
        assert_eq!(parameters["tls_cipher"] == "TLS_AES_128_GCM_SHA256", over_tls, "{record:#}");
        let on_the_way = if through_proxies { &["a-cpu", "a-dpu", "b-dpu", "b-cpu"][..] } else { &["a-cpu", "b-cpu"] };
        for endpoint in on_the_way {
            assert!(parameters["interface_bytes"][endpoint]["bytes"].as_u64().unwrap() > 2_000_000, "{endpoint}: {record:#}");
        }
    }
    bed.is_clean_within_10_s();

    // Slow enough to be killed in the middle.
    executable(&bed.programs.join("curl"), "#!/bin/sh\nexec /usr/bin/curl \"$@\" --limit-rate 2M\n");
    let slow = plan("files = [\"100 MB\"]\ntls-at = \"dpu\"\nrepetitions = 1");
    let run = bed.start(&testbed, &slow, "killed");
    // Before the first measurement, the same programs are asked for their versions.
    run.wait_for_words("[1/1]", LIMIT);
    let served = ["a-cpu", "a-dpu", "b-dpu"];
    let servers = || bed.machines().filter(|machine| served.contains(&machine.endpoint) && machine.process("nginx").is_some()).count();
    let client = || bed.machines().any(|machine| machine.process("curl").is_some());
    wait_for("the transfer", LIMIT, || servers() == 3 && client());
    assert_eq!(bed.temporary_files(), 4, "a directory for each program");
    kill(Pid::from_raw(bed.controller_process().unwrap() as i32), Signal::SIGKILL).unwrap();
    run.finish(LIMIT);
    bed.is_clean_within_10_s();

    // An agent that is killed cannot remove its directory: the next one does, and no server of it has the port.
    let run = bed.start(&testbed, &slow, "agent");
    run.wait_for_words("[1/1]", LIMIT);
    wait_for("the transfer", LIMIT, || servers() == 3 && client());
    for agent in bed.a.agents() {
        kill(Pid::from_raw(agent as i32), Signal::SIGKILL).unwrap();
    }
    let said = errors(&run.finish(LIMIT));
    bed.is_clean_within_10_s();
    let states: Vec<_> = records(&bed.path("agent")).iter().map(|record| record["verdict"]["state"].clone()).collect();
    assert_eq!(states, ["failed"], "{said}");
}

/// Twelve pairs of four endpoints over ssh, beside the same pairs of the same namespaces without it.
#[test]
fn twelve_pairs_over_ssh_take_one_login_for_each_endpoint_and_little_time() {
    let bed = Bed::of_four("pairs");
    let plan = bed.plan(&[PING_PONG, ROUND_TRIPS]);
    let every_pair = std::fs::read_to_string(&plan).unwrap().replace("pairs = [\"a-cpu:b-cpu\"]\n", "");
    std::fs::write(&plan, every_pair).unwrap();
    let measured = |testbed: &std::path::Path, out: &str| {
        let run = bed.run(testbed, &plan, out).arg("--json").output().unwrap();
        assert!(run.status.success(), "{}", errors(&run));
        let records = records(&bed.path(out));
        let pairs: std::collections::BTreeSet<String> = records.iter().map(|record| record["pair"].to_string()).collect();
        assert_eq!((records.len(), pairs.len()), (24, 12));
        for record in &records {
            assert_ne!(record["verdict"]["state"], "failed", "{record:#}");
        }
        json(&run.stdout)["measured_s"].as_f64().unwrap()
    };
    let local = bed.testbed_with(|machine| {
        format!(
            "reach = \"netns:{}\"\naddress = \"{}\"\ninterface = \"{DATA}\"\nport = \"net_af_packet0,iface={DATA}\"",
            machine.namespace, machine.address
        )
    });
    let logins = || bed.machines().map(|machine| machine.logins()).collect::<Vec<_>>();
    let without = measured(&local, "local");
    assert_eq!(logins(), [0; 4]);
    let with = measured(&bed.testbed(""), "ssh");
    assert_eq!(logins(), [1; 4]);
    // A disturbed machine takes longer for either, so the difference is printed and not judged.
    println!("24 measurements of 12 pairs: {without:.1} s without ssh, {with:.1} s with it, {:+.3} s for each", (with - without) / 24.0);
    bed.is_clean_within_10_s();
}

#[test]
fn the_ports_of_each_endpoint_are_listed_and_missing_lines_are_drafted() {
    let bed = Bed::up("ports");
    let program = env!("CARGO_BIN_EXE_linerate");
    let testbed = bed.testbed_with(|machine| {
        format!(
            "reach = \"ssh:root@{}\"\nssh_options = [\"-F\", \"{}\"]\nprogram = \"{program}\"",
            machine.host,
            bed.path("ssh_config").display()
        )
    });
    let output = bed.linerate(&["ports", "--testbed", &testbed.display().to_string(), "--json"]).output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    let listed = json(&output.stdout);
    for (endpoint, name) in listed.as_array().unwrap().iter().zip(["a-cpu", "b-cpu"]) {
        assert_eq!((&endpoint["endpoint"], &endpoint["error"]), (&name.into(), &serde_json::Value::Null));
        assert!(endpoint["inventory"]["software"].as_array().unwrap().len() > 3 && endpoint["draft"].is_array(), "{endpoint}");
    }
    bed.is_clean_within_10_s();
}

#[test]
fn an_endpoint_in_a_container_is_reached_through_its_engine() {
    let bed = Bed::up("container");
    // A program that runs commands at the two machines as `podman exec` does in containers.
    let folder = bed.path("engines");
    std::fs::create_dir(&folder).unwrap();
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = exec ] || exit 125\nshift\n[ \"$1\" = -i ] && shift\ncase $1 in a) n={};; b) n={};; *) exit 125;; esac\nshift\nexec ip netns exec $n \"$@\"\n",
        bed.a.namespace, bed.b.namespace
    );
    let engine = folder.join("podman");
    executable(&engine, script);
    let program = env!("CARGO_BIN_EXE_linerate");
    let testbed = bed.testbed_with(|machine| {
        format!(
            "reach = \"podman:{}\"\naddress = \"{}\"\ninterface = \"{DATA}\"\nport = \"net_af_packet0,iface={DATA}\"\nprogram = \"{program}\"",
            machine.name, machine.address
        )
    });
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let run = bed.run(&testbed, &bed.plan(&[PING_PONG, ROUND_TRIPS]), "out").env("PATH", path).output().unwrap();
    assert!(run.status.success(), "{}", errors(&run));
    assert_eq!(records(&bed.path("out")).len(), 2);
    assert_eq!((bed.a.logins(), bed.b.logins()), (0, 0));
    bed.is_clean_within_10_s();
}
