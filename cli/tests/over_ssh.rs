//! Two machines that are reached over ssh only: from the bare pair to the report. The machines are network namespaces with an OpenSSH server each
//! (`program::sshd`). Needs root.

#![cfg(feature = "dpdk")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

mod program;

use program::sshd::{Bed, DATA};
use program::{errors, json, records};

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
