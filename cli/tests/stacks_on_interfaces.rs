//! AF_XDP and AF_PACKET on the interfaces of the lab, and settings of interfaces that a run changes.

#![cfg(feature = "dpdk")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

mod program;

use std::process::{Command, Output};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use program::agents::{agents_of, busiest_thread};
use program::{Background, errors, linerate, records, run, wait_for};
use serde_json::Value;

const STACKS: &str = r#"
name = "stacks"
sizes = [64]
pairs = ["a-cpu:b-cpu"]

[[measure]]
stack = "kernel-tcp"
method = "stream"
duration = "300ms"

[[measure]]
stack = "kernel-tcp"
method = "stream"
duration = "300ms"
message = "64K"

[[measure]]
stack = "af-xdp"
method = "mrr"
preset = "quick"
duration = "200ms"

[[measure]]
stack = "af-packet"
method = "mrr"
preset = "quick"
duration = "200ms"

[[measure]]
stack = "af-packet"
method = "round-trip"
rate = "1kpps"
duration = "200ms"
"#;

/// Runs a plan in the lab, and gives what it printed and its records.
fn run_plan(text: &str) -> (Output, Vec<Value>) {
    let folder = tempfile::tempdir().unwrap();
    let (plan, out) = (folder.path().join("plan.toml"), folder.path().join("run"));
    std::fs::write(&plan, text).unwrap();
    let output = run(&["run", "--plan", &plan.display().to_string(), "--out", &out.display().to_string()]);
    (output, records(&out))
}

#[test]
fn frames_of_af_xdp_and_af_packet_cross_the_kernel_interfaces_by_their_own_counters() {
    let (output, records) = run_plan(STACKS);
    assert_eq!(records.len(), 5, "{}", errors(&output));
    for record in &records {
        // On a busy machine a trial can be invalid. A frame that an interface did not count is a fault on any machine.
        let (state, reasons) = (&record["verdict"]["state"], record["verdict"]["reasons"].to_string());
        assert!(state != "failed" && !reasons.contains("counters-disagree") && !reasons.contains("wrong-frame-size"), "{record}");
    }
    let bypass: Vec<_> = records.iter().filter(|record| record["stack"].as_str().unwrap().starts_with("af-")).collect();
    assert_eq!(bypass.len(), 3);
    for record in bypass {
        let driver = format!("net_{}", record["stack"].as_str().unwrap().replace('-', "_"));
        assert_eq!(record["parameters"]["sender_port"]["driver"], driver.as_str(), "{record}");
        let (interfaces, came) = (&record["parameters"]["interface_frames"], record["values"]["frames_received"].as_u64().unwrap());
        assert!(came > 0, "{record}");
        assert!(interfaces["sender"]["sent"].as_u64().unwrap() >= came, "{interfaces} {came}");
        assert!(interfaces["receiver"]["received"].as_u64().unwrap() >= came, "{interfaces} {came}");
    }
}

/// The SmartNICs of the lab have their address on a bridge.
#[test]
fn af_xdp_on_a_bridge_fails_by_name_before_a_trial_and_other_pairs_are_measured() {
    let text = "name = \"bridge\"\nsizes = [64]\npairs = [\"a-cpu:b-cpu\", \"a-dpu:b-dpu\", \"a-cpu:a-dpu\"]\n[[measure]]\nstack = \"af-xdp\"\n\
                method = \"mrr\"\npreset = \"quick\"\nduration = \"200ms\"";
    let (output, records) = run_plan(text);
    assert_eq!(records.len(), 3, "{}", errors(&output));
    for record in &records {
        let (pair, reasons) = (record["pair"].to_string(), record["verdict"]["reasons"].to_string());
        let on_a_bridge = pair.contains("dpu");
        assert_eq!(record["verdict"]["state"] == "failed", on_a_bridge, "{record}");
        assert_eq!(reasons.contains("AF_XDP cannot use interface eswitch0, a bridge"), on_a_bridge, "{record}");
    }
}

#[test]
fn what_an_endpoint_does_not_have_stops_a_run_before_its_first_measurement() {
    let (output, records) = run_plan(&STACKS.replace("message = \"64K\"", "congestion-control = [\"reno\", \"vegetable\"]"));
    assert_eq!(output.status.code(), Some(1));
    let said = errors(&output);
    assert!(said.contains("endpoint a-cpu") && said.contains("`vegetable`") && said.contains("it has "), "{said}");
    assert!(records.is_empty(), "nothing was measured");
}

#[test]
fn busy_polling_in_a_namespace_is_refused_by_name_before_the_first_measurement() {
    let (output, records) = run_plan(&STACKS.replace("message = \"64K\"", "busy-poll = \"50us\""));
    assert_eq!(output.status.code(), Some(1));
    let said = errors(&output);
    assert!(said.contains("endpoint a-cpu: `busy-poll`") && said.contains("initial network namespace only"), "{said}");
    assert!(records.is_empty(), "nothing was measured");
}

/// Two namespaces that outlive a run, joined by a cable; removed when this is dropped.
struct Cable {
    names: [String; 2],
}

impl Cable {
    fn new(tag: &str) -> Cable {
        let names = ["a", "b"].map(|end| format!("lrt-{tag}-{end}-{}", std::process::id()));
        let [a, b] = &names;
        for line in [
            format!("netns add {a}"),
            format!("netns add {b}"),
            format!("link add c0 mtu 9216 netns {a} type veth peer name c0 mtu 9216 netns {b}"),
            format!("-n {a} link set c0 mtu 1500 up"),
            format!("-n {b} link set c0 mtu 1500 up"),
            format!("-n {a} address add 198.18.77.1/24 dev c0"),
            format!("-n {b} address add 198.18.77.2/24 dev c0"),
        ] {
            assert!(Command::new("ip").args(line.split(' ')).status().unwrap().success(), "ip {line}");
        }
        Cable { names }
    }

    fn testbed(&self) -> String {
        let end = |id: &str, name: &str, address: &str| {
            format!("[[endpoint]]\nid = \"{id}\"\nreach = \"netns:{name}\"\naddress = \"{address}\"\ninterface = \"c0\"\n")
        };
        let [a, b] = &self.names;
        format!("name = \"cable\"\n{}{}", end("a", a, "198.18.77.1"), end("b", b, "198.18.77.2"))
    }

    /// Whether an XDP program is on the interface of each end.
    fn xdp_programs(&self) -> [bool; 2] {
        self.names.each_ref().map(|name| {
            let output = Command::new("ip").args(["-n", name, "link", "show", "dev", "c0"]).output().unwrap();
            assert!(output.status.success(), "{}", errors(&output));
            String::from_utf8_lossy(&output.stdout).contains("prog/xdp")
        })
    }

    fn mtus(&self) -> [String; 2] {
        self.names.each_ref().map(|name| {
            let output = Command::new("ip").args(["netns", "exec", name, "cat", "/sys/class/net/c0/mtu"]).output().unwrap();
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        })
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        for name in &self.names {
            let _ = Command::new("ip").args(["netns", "delete", name]).status();
        }
    }
}

#[test]
fn the_mtu_is_put_back_after_ctrl_c_and_after_sigkill_by_the_next_run() {
    let cable = Cable::new("mtu");
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("testbed.toml"), cable.testbed()).unwrap();
    let plan = |duration: &str, mtu: &str| {
        format!(
            "name = \"p\"\nsizes = [64]\npairs = [\"a:b\"]\n[[measure]]\nstack = \"kernel-tcp\"\nmethod = \"stream\"\nduration = \"{duration}\"\n{mtu}"
        )
    };
    std::fs::write(path("long.toml"), plan("60s", "mtu = 9000")).unwrap();
    std::fs::write(path("short.toml"), plan("300ms", "")).unwrap();
    let start = |out: &str| {
        let mut command = linerate();
        command.args(["run", "--force", "--testbed", &path("testbed.toml"), "--plan", &path("long.toml"), "--out", &path(out)]);
        let background = Background::start(command);
        wait_for("the larger MTU", Duration::from_secs(60), || cable.mtus() == ["9000", "9000"]);
        background
    };
    let interrupted = start("interrupted");
    interrupted.signal(Signal::SIGINT);
    interrupted.finish(Duration::from_secs(60));
    assert_eq!(cable.mtus(), ["1500", "1500"]);
    let killed = start("killed");
    killed.signal(Signal::SIGKILL);
    killed.finish(Duration::from_secs(60));
    assert_eq!(cable.mtus(), ["9000", "9000"], "nothing of a killed process runs");
    let next = run(&["run", "--force", "--testbed", &path("testbed.toml"), "--plan", &path("short.toml"), "--out", &path("next")]);
    assert_eq!(cable.mtus(), ["1500", "1500"], "{}", errors(&next));
    let records = records(std::path::Path::new(&path("next")));
    assert_eq!(records[0]["verdict"]["state"], "valid", "{}", records[0]);
}

/// SIGKILL leaves the agent no time to detach its program from the interface, which would take frames from the kernel for ever.
#[test]
fn an_af_xdp_agent_that_is_killed_in_mid_trial_leaves_no_program_on_the_interfaces() {
    let cable = Cable::new("xdp");
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("testbed.toml"), cable.testbed()).unwrap();
    let measure = |size: u32, duration: &str| {
        format!("[[measure]]\nstack = \"af-xdp\"\nmethod = \"mrr\"\npreset = \"quick\"\nsizes = [{size}]\nduration = \"{duration}\"\n")
    };
    let head = "name = \"p\"\npairs = [\"a:b\"]\n";
    std::fs::write(path("long.toml"), format!("{head}{}{}", measure(64, "60s"), measure(128, "200ms"))).unwrap();
    std::fs::write(path("short.toml"), format!("{head}{}", measure(64, "200ms"))).unwrap();
    let arguments = |plan: &str, out: &str| {
        let words = ["run", "--force", "--testbed", &path("testbed.toml"), "--plan", &path(plan), "--out", &path(out)];
        words.map(str::to_owned)
    };
    assert_eq!(cable.xdp_programs(), [false, false]);
    // The receiver's agent is started first. Each has a program on the interface of its own end.
    for (end, name) in [(0, "receiver"), (1, "sender")] {
        let mut command = linerate();
        command.args(arguments("long.toml", name));
        let running = Background::start(command);
        let mut victim = None;
        wait_for("a trial", Duration::from_secs(60), || {
            let agents = agents_of(running.pid());
            // Those that describe the endpoints have ended by then, and only poll loops use up a processor.
            let polling = agents.len() == 2 && agents.iter().any(|agent| busiest_thread(*agent) >= Duration::from_millis(300));
            victim = agents.get(end).copied().filter(|_| polling);
            victim.is_some()
        });
        assert_eq!(cable.xdp_programs(), [true, true], "both ends hold their interfaces during the trial");
        kill(Pid::from_raw(victim.unwrap() as i32), Signal::SIGKILL).unwrap();
        let output = running.finish(Duration::from_secs(120));
        assert_eq!(cable.xdp_programs(), [false, false], "after the {name}'s agent was killed: {}", errors(&output));
        let records = records(std::path::Path::new(&path(name)));
        assert_eq!(records.len(), 2, "{}", errors(&output));
        assert_eq!(records[0]["verdict"]["state"], "failed", "{}", records[0]);
        assert!(records[0]["verdict"]["reasons"][0].as_str().unwrap().starts_with("agent-lost: "), "{}", records[0]);
        assert_ne!(records[1]["verdict"]["state"], "failed", "the next measurement has new agents: {}", records[1]);
    }
    let next = run(&arguments("short.toml", "next").each_ref().map(String::as_str));
    let records = records(std::path::Path::new(&path("next")));
    assert!(records.len() == 1 && records[0]["verdict"]["state"] != "failed", "{} {records:?}", errors(&next));
    assert!(records[0]["values"]["frames_received"].as_u64().unwrap() > 0, "{}", records[0]);
    assert_eq!(cable.xdp_programs(), [false, false]);
}

/// The load is there: iperf3's own figure of the stream, and the text that it printed.
#[test]
fn round_trips_of_the_kernel_are_measured_beside_a_stream() {
    let measure = r#"
name = "load"
sizes = [64]
pairs = ["a-cpu:b-cpu"]

[[measure]]
stack = "kernel-tcp"
method = "ping-pong"
duration = "1s"
stream-load = ["0%", "20%"]
"#;
    let (output, records) = run_plan(measure);
    assert!(output.status.success(), "{}", errors(&output));
    let [alone, beside] = &records[..] else { panic!("two records: {records:#?}") };
    assert_eq!((&alone["load"], &alone["parameters"]["stream_beside"]), (&Value::Null, &Value::Null));
    assert_eq!(beside["load"], "beside a stream at 20 %");
    assert_eq!(alone["verdict"]["state"], "valid", "{alone:#}");
    let of_stream = |key: &str| beside["parameters"]["stream_beside"][key].as_f64().unwrap();
    assert_eq!(of_stream("share"), 0.2);
    // A machine that is too slow for both makes the record invalid, and says so.
    let short = of_stream("reached_bps") < 0.8 * of_stream("target_bps");
    assert_eq!(beside["verdict"]["state"] == "invalid", short, "{beside:#}");
    assert!(of_stream("reached_bps") < 1.2 * of_stream("target_bps"), "the stream keeps to its rate: {beside:#}");
    assert!(beside["values"]["rtt_ns"]["mean"].as_f64().unwrap() > 0.0, "{beside:#}");
}
