//! `linerate testbed from-inventory`: files that `linerate run` accepts, written only where they differ, and errors that name the host.
#![cfg(feature = "dpdk")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in tests a failed unwrap is the failed assertion")]

use std::fs;

use assert_cmd::Command;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;

/// What `ansible-inventory --list` prints for one testbed.
const INVENTORY: &str = r#"{
    "_meta": {"hostvars": {
        "rack1-a-cpu": {"ansible_host": "192.0.2.1", "linerate_port": "net_null0"},
        "rack1-b-cpu": {"ansible_host": "192.0.2.2", "linerate_port": "net_null0"}}},
    "all": {"children": ["ungrouped", "testbeds"]}, "testbeds": {"children": ["rack1"]},
    "rack1": {"hosts": ["rack1-a-cpu", "rack1-b-cpu"]}}"#;

const PLAN: &str = "name = \"one\"\npairs = \"all\"\nsizes = [64]\n[[measure]]\nstack = \"dpdk\"\nmethod = \"mrr\"\nduration = \"1s\"\n";

fn linerate() -> Command {
    Command::cargo_bin("linerate").unwrap()
}

#[test]
fn a_file_is_written_once_and_run_accepts_it() {
    let place = tempfile::tempdir().unwrap();
    let (out, file) = (place.path().join("testbeds"), place.path().join("testbeds/rack1.toml"));
    let command = |more: &[&str]| {
        let mut command = linerate();
        command.args(["testbed", "from-inventory", "-", "--out"]).arg(&out).args(more).write_stdin(INVENTORY);
        command.assert().success()
    };
    command(&["--dry-run"]).stdout(contains("rack1.toml: would be written: rack1-a-cpu, rack1-b-cpu"));
    assert!(!out.exists());
    command(&[]).stdout(contains("rack1.toml: written"));
    command(&["--json"]).stdout(contains(r#""changed":false"#));
    let plan = place.path().join("plan.toml");
    fs::write(&plan, PLAN).unwrap();
    let run = linerate().args(["run", "--dry-run", "--plan"]).arg(&plan).arg("--testbed").arg(&file).assert().success();
    run.stdout(contains("testbed: rack1").and(contains("2 measurements")));
}

#[test]
fn an_inventory_that_cannot_be_used_writes_nothing_and_says_why() {
    let place = tempfile::tempdir().unwrap();
    let out = place.path().join("testbeds");
    for (inventory, words) in [
        (INVENTORY.replacen("net_null0", "eth0", 1), "host `rack1-a-cpu`: linerate_port = \"eth0\""),
        (INVENTORY.replace("testbeds", "web"), "no group `testbeds`"),
        ("rack1:".to_owned(), "ansible-inventory --list"),
    ] {
        let mut command = linerate();
        command.args(["testbed", "from-inventory", "--out"]).arg(&out).write_stdin(inventory).assert().failure().stderr(contains(words));
    }
    let missing = place.path().join("missing.json");
    linerate().args(["testbed", "from-inventory"]).arg(&missing).arg("--out").arg(&out).assert().failure().stderr(contains("missing.json"));
    assert!(!out.exists());
}
