//! A file over TLS in the lab: with real nginx and curl, on the wire, and with every fault that a transfer can have. Needs root.

#![cfg(feature = "dpdk")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

mod program;

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use program::sshd::listens;
use program::{Background, errors, executable, linerate, records, run, wait_for};
use serde_json::Value;

fn plan(keys: &str) -> String {
    format!(
        "name = \"tls\"\npairs = [\"a-cpu:b-cpu\"]\n[[measure]]\nstack = \"kernel-tls\"\nmethod = \"file-transfer\"\nrepetitions = 2\n{keys}\n"
    )
}

/// Runs a plan with the command that `prepare` makes of the program's own, and gives what it printed and its records.
fn run_plan(keys: &str, more: &[&str], prepare: impl FnOnce(&Path, Command) -> Command) -> (Output, Vec<Value>) {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("plan.toml"), folder.path().join("run"));
    std::fs::write(&file, plan(keys)).unwrap();
    let mut command = linerate();
    command.args(["run", "--plan", &file.display().to_string(), "--out", &out.display().to_string()]).args(more);
    let output = prepare(folder.path(), command).stdin(Stdio::null()).output().unwrap();
    (output, records(&out))
}

/// The reasons of the one record of a run, which failed.
fn why_failed(keys: &str, prepare: impl FnOnce(&Path, Command) -> Command) -> String {
    let (output, records) = run_plan(keys, &[], prepare);
    let [record] = &records[..] else { panic!("{records:?} {}", errors(&output)) };
    assert_eq!(record["verdict"]["state"], "failed", "{record}");
    let reasons = record["verdict"]["reasons"].as_array().unwrap();
    let [reason] = &reasons[..] else { panic!("{reasons:?}") };
    let reason = reason.as_str().unwrap().to_owned();
    assert!(!reason.contains('\n'), "{reason}");
    reason
}

/// Programs that are found before those of the system.
fn with_programs<const N: usize>(programs: [(&str, &str); N]) -> impl FnOnce(&Path, Command) -> Command {
    move |folder, mut command| {
        let bin = folder.join("bin");
        std::fs::create_dir(&bin).unwrap();
        for (name, text) in programs {
            executable(&bin.join(name), format!("#!/bin/sh\n{text}\n"));
        }
        command.env("PATH", format!("{}:{}", bin.display(), std::env::var("PATH").unwrap()));
        command
    }
}

/// A mount namespace in which a program of the system is not there.
fn without_program(program: &str) -> impl FnOnce(&Path, Command) -> Command {
    let path = testbed::process::find_program(program).unwrap();
    move |_, command| {
        let mut inside = Command::new("unshare");
        inside.args(["--mount", "sh", "-c", "mount --bind /dev/null \"$0\" && exec \"$@\""]).arg(path);
        inside.arg(command.get_program()).args(command.get_args());
        inside
    }
}

const ONE: &str = "files = [\"1 MB\"]\ntls-at = \"endpoint\"";

#[test]
fn a_file_moves_without_tls_and_with_both_versions_and_leaves_nothing_behind() {
    let keys = "files = [\"1 MB\", \"3 MB\"]\ntls-at = [\"none\", \"endpoint\"]\ntls-versions = [\"1.2\", \"1.3\"]";
    let folder = tempfile::tempdir().unwrap();
    let (output, records) = run_plan(keys, &[], |_, mut command| {
        command.env("TMPDIR", folder.path());
        command
    });
    assert_eq!(records.len(), 6, "{}", errors(&output));
    for record in &records {
        assert_eq!(record["verdict"]["state"], "valid", "{record}");
        let (values, parameters) = (&record["values"], &record["parameters"]);
        assert_eq!(parameters["transfers_s"].as_array().unwrap().len(), 2, "{record}");
        let bytes = record["size"]["bytes"].as_u64().unwrap();
        assert_eq!(record["size"]["kind"], "file");
        for end in ["a-cpu", "b-cpu"] {
            assert!(parameters["interface_bytes"][end]["bytes"].as_u64().unwrap() > 2 * bytes, "{record}");
        }
        let over_tls = parameters["tls_at"] != "none";
        assert_eq!(values["handshake_s"].is_number(), over_tls, "{record}");
        assert!(values["transfer_s"].as_f64().unwrap() > values["handshake_s"].as_f64().unwrap_or(0.0), "{record}");
        assert_eq!(parameters["tls_cipher"].is_string(), over_tls, "{record}");
    }
    let suites: Vec<_> = records.iter().filter_map(|record| record["parameters"]["tls_cipher"].as_str()).collect();
    assert_eq!(suites[..2], ["ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_AES_128_GCM_SHA256"]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "files of the transfers are left");
}

/// A lab of its own, whose namespaces have known names.
struct Lab(String);

impl Lab {
    fn up() -> Lab {
        let name = format!("t{}", std::process::id());
        let output = run(&["lab", "up", "--name", &name]);
        assert!(output.status.success(), "{}", errors(&output));
        Lab(name)
    }

    fn namespace(&self, id: &str) -> String {
        format!("lr-{}-{id}", self.0)
    }

    fn testbed(&self) -> String {
        let ends = [("a-cpu", 1, "pf0"), ("a-dpu", 2, "eswitch0"), ("b-cpu", 3, "pf0"), ("b-dpu", 4, "eswitch0")];
        let end = |(id, last, interface): (&str, u8, &str)| {
            let namespace = self.namespace(id);
            format!(
                "[[endpoint]]\nid = \"{id}\"\nreach = \"netns:{namespace}\"\naddress = \"198.18.0.{last}\"\ninterface = \"{interface}\"\n"
            )
        };
        format!("name = \"lab\"\n{}", ends.map(end).concat())
    }

    /// Captures the beginnings of TCP segments on an interface of the first SmartNIC.
    fn capture(&self, interface: &str, file: &Path) -> Background {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace("a-dpu"), "tcpdump", "-i", interface, "-U", "-s", "600", "-w"]).arg(file);
        command.args(["-Z", "root", "tcp", "port", "15201"]);
        let capture = Background::start(command);
        capture.wait_for_words("listening on", Duration::from_secs(10));
        capture
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let output = run(&["lab", "down", "--name", &self.0]);
        assert!(output.status.success() || std::thread::panicking(), "{}", errors(&output));
    }
}

/// The payloads of the TCP segments in a pcap file of Ethernet frames with IPv4, with the port that sent them.
fn payloads(file: &Path) -> Vec<(u16, Vec<u8>)> {
    let bytes = std::fs::read(file).unwrap();
    let mut rest = &bytes[24..];
    let mut found = Vec::new();
    while rest.len() >= 16 {
        let kept = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
        let Some(frame) = rest.get(16..16 + kept) else { break };
        rest = &rest[16 + kept..];
        let ip = &frame[14..];
        let tcp = &ip[usize::from(ip[0] & 15) * 4..];
        let payload = &tcp[usize::from(tcp[12] >> 4) * 4..];
        // Ethernet pads short frames: the length of IP says where the payload ends.
        let whole = usize::from(u16::from_be_bytes([ip[2], ip[3]])).saturating_sub(ip.len() - payload.len());
        let payload = &payload[..payload.len().min(if ip[2..4] == [0, 0] { payload.len() } else { whole })];
        if !payload.is_empty() {
            found.push((u16::from_be_bytes([tcp[0], tcp[1]]), payload.to_vec()));
        }
    }
    found
}

fn has(payloads: &[(u16, Vec<u8>)], words: &[u8]) -> bool {
    payloads.iter().any(|(_, payload)| payload.windows(words.len()).any(|window| window == words))
}

/// Whether a segment begins with a record of application data (RFC 8446 §5.1).
fn is_application_data(payload: &[u8]) -> bool {
    payload.starts_with(&[23, 3])
}

#[test]
fn with_tls_at_the_smartnics_the_wire_carries_tls_and_the_inside_of_a_system_plain_text() {
    let lab = Lab::up();
    let folder = tempfile::tempdir().unwrap();
    let (wire, inside, testbed) = (folder.path().join("wire.pcap"), folder.path().join("inside.pcap"), folder.path().join("testbed.toml"));
    std::fs::write(&testbed, lab.testbed()).unwrap();
    let captures = [lab.capture("p0", &wire), lab.capture("pf0hpf", &inside)];
    let more = ["--testbed", &testbed.display().to_string()];
    let (output, records) = run_plan("files = [\"1 MB\"]\ntls-at = \"dpu\"", &more, |_, command| command);
    let [record] = &records[..] else { panic!("{}", errors(&output)) };
    assert_eq!(record["verdict"]["state"], "valid", "{record}");
    assert!(record["values"]["handshake_s"].is_number() && record["parameters"]["tls_cipher"] == "TLS_AES_128_GCM_SHA256", "{record}");
    for proxy in ["a-dpu", "b-dpu"] {
        assert!(record["parameters"]["cpu_at_proxies"][proxy]["cores"].as_f64().unwrap() > 0.0, "{record}");
        assert!(record["parameters"]["interface_bytes"][proxy]["bytes"].as_u64().unwrap() > 2_000_000, "{record}");
    }
    // The last reply has passed both interfaces. Each tcpdump gets packets when the kernel hands over a block, so that one can be behind the other.
    wait_for("the reply inside the system", Duration::from_secs(10), || has(&payloads(&inside), b"HTTP/1.1 200 OK"));
    wait_for("both sides' records on the wire", Duration::from_secs(10), || {
        let wire = payloads(&wire);
        let from = |server: bool| wire.iter().any(|(port, _)| (*port == 15_201) == server);
        from(true) && from(false) && wire.iter().any(|(_, payload)| is_application_data(payload))
    });
    drop(captures);
    let (wire, inside) = (payloads(&wire), payloads(&inside));
    assert!(has(&inside, b"GET /file") && has(&inside, b"HTTP/1.1 200 OK"), "plain text inside the system");
    assert!(!has(&wire, b"GET /file") && !has(&wire, b"HTTP/1.1"), "no plain text on the wire");
    // RFC 8446 §5.1: a handshake record (22) begins each side's stream, and application data (23) follows.
    for from_server in [true, false] {
        let first = wire.iter().find(|(port, _)| (*port == 15_201) == from_server).unwrap();
        assert_eq!(first.1[..2], [22, 3], "the first record of a stream");
    }
    assert!(wire.iter().any(|(_, payload)| is_application_data(payload)), "application data");
}

#[test]
fn a_run_that_is_killed_leaves_no_server_and_the_next_one_removes_its_files() {
    let lab = Lab::up();
    let (folder, temporary) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(path("testbed.toml"), lab.testbed()).unwrap();
    std::fs::write(path("plan.toml"), plan("files = [\"100 MB\"]\ntls-at = \"endpoint\"")).unwrap();
    let slow = with_programs([("curl", "exec /usr/bin/curl \"$@\" --limit-rate 2M")]);
    let mut command = slow(folder.path(), linerate());
    command.args(["run", "--testbed", &path("testbed.toml"), "--plan", &path("plan.toml"), "--out", &path("killed")]);
    let killed = Background::start({
        command.env("TMPDIR", temporary.path());
        command
    });
    let left = || std::fs::read_dir(temporary.path()).unwrap().flatten().map(|entry| entry.path()).collect::<Vec<_>>();
    let came = || left().iter().any(|directory| directory.join("came").exists());
    wait_for("the transfer", Duration::from_secs(60), || listens(&lab.namespace("a-cpu"), 15_201) && came());
    killed.signal(Signal::SIGKILL);
    killed.finish(Duration::from_secs(60));
    wait_for("the end of the server", Duration::from_secs(10), || !listens(&lab.namespace("a-cpu"), 15_201));
    assert_eq!(left().len(), 2, "a killed process removes nothing");
    let more = ["--testbed", &path("testbed.toml")];
    let (output, records) = run_plan(ONE, &more, |_, mut command| {
        command.env("TMPDIR", temporary.path());
        command
    });
    assert_eq!(records[0]["verdict"]["state"], "valid", "{}", errors(&output));
    assert!(left().is_empty(), "{:?}", left());
}

#[test]
fn a_certificate_that_is_not_the_server_s_is_a_failed_record() {
    // Another certificate is in the file that curl trusts.
    let curl = r#"trusted=$(printf '%s\n' "$@" | sed -n '/^--cacert$/{n;p;}')
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout /dev/null -out "$trusted" -days 2 -subj /CN=other 2>/dev/null
exec /usr/bin/curl "$@""#;
    let why = why_failed(ONE, with_programs([("curl", curl)]));
    assert!(why.starts_with("tool-failed: endpoint b-cpu: transfer 1: curl reports: (60) SSL certificate problem"), "{why}");
}

#[test]
fn a_proxy_that_does_not_trust_the_other_one_is_a_failed_record() {
    let nginx = r#"if [ -e "$2/trusted.pem" ]; then
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout /dev/null -out "$2/trusted.pem" -days 2 -subj /CN=other 2>/dev/null
fi
exec /usr/sbin/nginx "$@""#;
    let why = why_failed("files = [\"1 MB\"]\ntls-at = \"dpu\"", with_programs([("nginx", nginx)]));
    assert!(why.contains("error: 502") && why.contains("the proxy at b-dpu did not reach the one at a-dpu, or did not trust"), "{why}");
}

#[test]
fn a_transfer_that_is_cut_is_a_failed_record() {
    // The server ends while a slow client has only a part. A shell's number stays that of the program that it becomes.
    let nginx = "(sleep 1; kill -TERM $$) & exec /usr/sbin/nginx \"$@\"";
    let curl = "exec /usr/bin/curl \"$@\" --limit-rate 2M";
    let why = why_failed("files = [\"100 MB\"]\ntls-at = \"endpoint\"", with_programs([("nginx", nginx), ("curl", curl)]));
    assert!(why.starts_with("tool-failed: endpoint b-cpu: transfer 1: curl reports: ("), "{why}");
    assert!(why.contains("(18)") || why.contains("(56)"), "{why}");
}

#[test]
fn a_file_that_came_with_another_hash_is_a_failed_record() {
    // A byte more than was sent.
    let curl = r#"/usr/bin/curl "$@" && printf x >>"$(printf '%s\n' "$@" | sed -n '/^-o$/{n;p;}')""#;
    let why = why_failed(ONE, with_programs([("curl", curl)]));
    assert!(why.starts_with("counters-disagree: endpoint b-cpu: transfer 1: the file that came has the wrong hash: SHA-256 "), "{why}");
}

#[test]
fn a_missing_nginx_or_curl_is_a_failed_record_that_names_its_package() {
    for (program, endpoint) in [("nginx", "a-cpu"), ("curl", "b-cpu")] {
        let why = why_failed(ONE, without_program(program));
        assert!(
            why.starts_with(&format!("tool-failed: endpoint {endpoint}: ")) && why.contains(&format!("apt-get install {program}")),
            "{why}"
        );
    }
}

#[test]
fn what_cannot_be_measured_is_refused_before_the_first_measurement() {
    let refused = |keys: &str| {
        let (output, records) = run_plan(keys, &[], |_, command| command);
        assert!(records.is_empty() && output.status.code() == Some(1), "{}", errors(&output));
        errors(&output)
    };
    if !Path::new("/proc/net/tls_stat").exists() {
        let said = refused("files = [\"1 MB\"]\ntls-at = [\"none\", \"endpoint-ktls\"]");
        assert!(said.contains("endpoint a-cpu: `tls-at = \"endpoint-ktls\"`") && said.contains("modprobe tls"), "{said}");
    }
    let said = refused("files = [\"1 MB\"]\ntls-at = [\"none\", \"endpoint-inline\"]");
    assert!(said.contains("endpoint a-cpu: `tls-at = \"endpoint-inline\"`") && said.contains("pf0 has no tls-hw-tx-offload"), "{said}");
}
