//! Stack `verbs`: perftest between two interfaces with RDMA devices. Neither is here, so that stand-ins play the devices and the programs; they take only what
//! perftest's source takes. Needs root.

#![cfg(feature = "dpdk")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

mod program;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};

use program::{errors, linerate, records, run};
use serde_json::Value;

const TESTBED: &str = r#"
name = "rdma"
[[endpoint]]
id = "a"
reach = "local"
address = "192.0.2.10"
interface = "rdma0"
[[endpoint]]
id = "b"
reach = "local"
address = "192.0.2.11"
interface = "rdma1"
"#;

const RATE: &str = "[[measure]]\nstack = \"verbs\"\nmethod = \"stream\"\n";
const ROUND_TRIPS: &str = "[[measure]]\nstack = \"verbs\"\nmethod = \"ping-pong\"\n";

/// A machine with two RDMA ports and the stand-ins.
struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    fn new() -> Machine {
        let machine = Machine { folder: tempfile::tempdir().unwrap() };
        for program in ["raw_ethernet_bw", "raw_ethernet_lat"] {
            let file = machine.path(program);
            fs::write(&file, include_str!("program/raw_ethernet.py")).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::write(machine.path("testbed.toml"), TESTBED).unwrap();
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program there. `fault` is what the stand-ins do wrong.
    fn linerate(&self, fault: &str, arguments: &[&str]) -> Output {
        let path = format!("{}:{}", self.folder.path().display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("unshare");
        command.args(["--mount", "--net", "sh", "-c", include_str!("program/rdma.sh"), "sh"]).arg(self.folder.path());
        command.arg(linerate().get_program()).args(arguments).current_dir(self.folder.path());
        command.env("PATH", path).env("STAND_IN", self.folder.path()).env("FAULT", fault).output().unwrap()
    }

    fn run(&self, fault: &str, measures: &str) -> (Output, Vec<Value>) {
        let plan = format!("name = \"verbs\"\nsizes = [64]\npairs = [\"a:b\"]\n{measures}");
        fs::write(self.path("plan.toml"), plan).unwrap();
        let output = self.linerate(fault, &["run", "--testbed", "testbed.toml", "--plan", "plan.toml", "--out", "run"]);
        let records = if self.path("run/results.jsonl").exists() { records(&self.path("run")) } else { Vec::new() };
        (output, records)
    }
}

#[test]
fn rates_are_those_of_the_receiver_and_round_trips_those_of_the_client() {
    let machine = Machine::new();
    let (output, records) = machine.run("", &format!("{RATE}server-cpu = 0\n{ROUND_TRIPS}"));
    let [rate, trips] = &records[..] else { panic!("{records:?}: {}", errors(&output)) };
    for record in [rate, trips] {
        assert_eq!(record["verdict"]["state"], "valid", "{record}");
        assert_eq!(
            (&record["stack"], &record["tool"]["name"], &record["tool"]["version"]),
            (&"verbs".into(), &"perftest".into(), &"6.29".into())
        );
        assert_eq!((&record["size"]["kind"], &record["size"]["bytes"], &record["view"]), (&"frame".into(), &64.into(), &"frame".into()));
    }
    let values = &rate["values"];
    assert_eq!(values["forwarding_pps"], 8_127_438.0);
    // The payload of UDP in a frame of 64 bytes.
    assert_eq!(values["goodput_bps"], 8_127_438.0 * 18.0 * 8.0);
    assert_eq!(
        (&rate["load"], &rate["parameters"]["server_cpu"], &rate["parameters"]["device_of_tool"]),
        (&"max".into(), &0.into(), &"mlx5_1".into())
    );
    let client = rate["tool"]["commands"][0].as_str().unwrap();
    assert!(client.contains("-D 5 -f 2"), "{client}");
    assert!(client.contains("-d mlx5_0 -i 1 -B 02:00:00:00:00:0a -E 02:00:00:00:00:0b"), "{client}");
    assert_eq!(trips["parameters"]["mtu_of_tool"], 1518.0);
    // Half a round trip is 1.10 us.
    assert_eq!(trips["values"]["rtt_ns"]["p50"].as_f64().unwrap().round(), 2200.0);
    let page = fs::read_to_string(machine.path("run/report.html")).unwrap();
    assert!(page.contains("raw Ethernet (verbs)"));
}

#[test]
fn what_goes_wrong_with_perftest_is_in_the_record() {
    let faults = [
        ("server-fails", RATE, "did not print `#bytes` within 5 s: Couldn't get context for the device"),
        ("client-fails", RATE, "perftest reports: Couldn't get context for the device"),
        ("client-fails", ROUND_TRIPS, "perftest reports: Couldn't get context for the device"),
        (
            "sends-nothing",
            RATE,
            "endpoint b: perftest's server did not end within 1.5 s after its client at a: too few of the client's frames",
        ),
        ("sends-nothing", ROUND_TRIPS, "perftest did not end within 20 s"),
        ("bad-json", RATE, "`BW_average` is missing"),
    ];
    std::thread::scope(|scope| {
        for (fault, measure, why) in faults {
            scope.spawn(move || {
                let (output, records) = Machine::new().run(fault, measure);
                let [record] = &records[..] else { panic!("{fault}: {records:?}: {}", errors(&output)) };
                let reasons = record["verdict"]["reasons"].to_string();
                assert!(record["verdict"]["state"] == "failed" && reasons.contains(why), "{fault}: {reasons}");
                assert_eq!(
                    (&record["stack"], &record["size"]["kind"], &record["view"]),
                    (&"verbs".into(), &"frame".into(), &"frame".into()),
                    "{fault}"
                );
            });
        }
    });
}

#[test]
fn a_rate_from_a_wrong_cpu_frequency_is_invalid() {
    let (output, records) = Machine::new().run("wrong-clock", RATE);
    let [record] = &records[..] else { panic!("{records:?}: {}", errors(&output)) };
    let reasons = record["verdict"]["reasons"].to_string();
    assert_eq!(record["verdict"]["state"], "invalid", "{reasons}");
    assert!(reasons.contains("perftest counted for 1 s, and its rate is that of 0.980 s"), "{reasons}");
}

#[test]
fn doctor_names_the_rdma_port_of_each_endpoint() {
    let machine = Machine::new();
    fs::write(machine.path("plan.toml"), format!("name = \"verbs\"\nsizes = [64]\npairs = [\"a:b\"]\n{RATE}")).unwrap();
    let output = machine.linerate("", &["doctor", "--testbed", "testbed.toml", "--plan", "plan.toml", "--json"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        said.contains("rdma0 RDMA port") && said.contains("port 1 of mlx5_0") && said.contains("port 1 of mlx5_1"),
        "{said}{}",
        errors(&output)
    );
}

#[test]
fn an_endpoint_without_an_rdma_device_stops_a_run_before_its_first_measurement() {
    let folder = tempfile::tempdir().unwrap();
    let (plan, out) = (folder.path().join("plan.toml"), folder.path().join("run"));
    fs::write(&plan, format!("name = \"verbs\"\nsizes = [64]\npairs = [\"a-cpu:b-cpu\"]\n{RATE}")).unwrap();
    let output = run(&["run", "--plan", &plan.display().to_string(), "--out", &out.display().to_string()]);
    let said = errors(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("endpoint a-cpu: interface ") && said.contains("has no RDMA device, which stack \"verbs\" needs"), "{said}");
    assert!(records(&out).is_empty(), "nothing was measured");
}

#[test]
fn a_missing_perftest_is_named_with_its_package_before_the_first_measurement() {
    let machine = Machine::new();
    fs::remove_file(machine.path("raw_ethernet_lat")).unwrap();
    if std::env::split_paths(&std::env::var_os("PATH").unwrap()).any(|folder| folder.join("raw_ethernet_lat").exists()) {
        eprintln!("skipped: perftest is installed here");
        return;
    }
    let (output, records) = machine.run("", RATE);
    let said = errors(&output);
    assert!(said.contains("a: rdma0 RDMA port: raw_ethernet_lat is not installed: sudo apt-get install perftest"), "{said}");
    assert!(records.is_empty() && output.status.code() == Some(1), "nothing was measured");
}

#[test]
fn frames_that_the_mtu_does_not_hold_stop_a_run_before_its_first_measurement() {
    let machine = Machine::new();
    fs::write(machine.path("plan.toml"), format!("name = \"verbs\"\nsizes = [1519, 64]\npairs = [\"a:b\"]\n{RATE}")).unwrap();
    let output = machine.linerate("", &["run", "--testbed", "testbed.toml", "--plan", "plan.toml", "--out", "run"]);
    let said = errors(&output);
    assert!(
        said.contains("endpoint a: interface rdma0 has MTU 1500, and frames of 1519 bytes need 1501: sudo ip link set rdma0"),
        "{said}"
    );
    assert!(!machine.path("run/results.jsonl").exists() || records(&machine.path("run")).is_empty(), "nothing was measured");
    assert_eq!(output.status.code(), Some(1));
}
