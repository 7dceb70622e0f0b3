//! Pairs that are measured at the same time, and kernel streams in both directions at once.

#![cfg(feature = "dpdk")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

mod program;

use std::path::Path;
use std::process::{Command, Output};

use program::veth::Veth;
use program::{errors, executable, linerate, records};
use serde_json::Value;

const PAIRS: [&str; 2] = ["a-cpu→b-cpu", "a-dpu→b-dpu"];

const GROUP: &str = r#"
name = "together"
sizes = [1518]
pairs = ["a-cpu:b-cpu", ["a-cpu:b-cpu", "a-dpu:b-dpu"]]

[[measure]]
stack = "kernel-tcp"
method = "stream"
duration = "1s"
"#;

/// Runs a plan in the lab, with programs of `folder` before the others where there are some.
fn run_plan(text: &str, out: &Path, programs: Option<&Path>) -> (Output, Vec<Value>) {
    let folder = tempfile::tempdir().unwrap();
    let plan = folder.path().join("plan.toml");
    std::fs::write(&plan, text).unwrap();
    let path = std::env::var("PATH").unwrap();
    let path = programs.map_or(path.clone(), |folder| format!("{}:{path}", folder.display()));
    let output = linerate().env("PATH", path).args(["run", "--plan"]).arg(&plan).arg("--out").arg(out).output().unwrap();
    let records = records(out);
    (output, records)
}

fn pair(record: &Value) -> String {
    format!("{}→{}", record["pair"]["from"].as_str().unwrap(), record["pair"]["to"].as_str().unwrap())
}

fn goodput(record: &Value) -> f64 {
    record["values"]["goodput_bps"].as_f64().unwrap_or_else(|| panic!("no goodput: {record:#}"))
}

#[test]
fn pairs_of_a_group_overlap_and_stand_beside_themselves_alone() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let (output, records) = run_plan(GROUP, &out, None);
    let [alone, together @ ..] = &records[..] else { panic!("{}", errors(&output)) };
    assert_eq!((pair(alone).as_str(), &alone["parameters"]["group"]), (PAIRS[0], &Value::Null));
    assert_eq!(together.iter().map(pair).collect::<Vec<_>>(), PAIRS);
    let group = &together[0]["parameters"]["group"];
    assert_eq!(*group, together[1]["parameters"]["group"], "one group, in each of its records");
    let (overlap, sum) = (group["overlap"].as_f64().unwrap(), together.iter().map(goodput).sum::<f64>());
    assert!((group["sum"]["goodput_bps"].as_f64().unwrap() - sum).abs() <= sum * 1e-9, "{group}");
    for record in together {
        // A machine that was too busy to start both in time makes them invalid for that reason, and for no other.
        let expected = if overlap < 0.8 { "invalid" } else { "valid" };
        assert_eq!(record["verdict"]["state"], expected, "{record:#}");
        assert_eq!(record["cpu"], Value::Null, "processor times are those of the whole machine");
    }
    let report = std::fs::read_to_string(out.join("report.md")).unwrap();
    assert!(report.contains("Pairs at the same time") && report.contains("a-dpu→b-dpu"), "{report}");
    let csv = std::fs::read_to_string(out.join("results.csv")).unwrap();
    assert!(csv.lines().next().unwrap().contains("group_sum_goodput_bps"));
    assert_eq!(csv.lines().filter(|line| line.contains("a-cpu→b-cpu + a-dpu→b-dpu")).count(), 2);
    // The figures of pairs alone have one record of the three.
    let json = linerate().args(["report", "--json"]).arg(&out).output().unwrap();
    let analysis = &program::json(&json.stdout)["analysis"];
    assert_eq!(analysis["concurrent"].as_array().unwrap().len(), 1, "{analysis:#}");
    assert_eq!(analysis["concurrent"][0]["rates"][0]["alone"]["values"], serde_json::json!([goodput(alone)]));
}

#[test]
fn poll_loops_that_have_no_cpu_each_are_not_measured() {
    let folder = tempfile::tempdir().unwrap();
    let text =
        GROUP.replace("kernel-tcp", "dpdk").replace("\"stream\"\nduration = \"1s\"", "\"mrr\"\npreset = \"quick\"\nduration = \"200ms\"");
    let (output, records) = run_plan(&text, &folder.path().join("run"), None);
    assert_eq!(records.len(), 3, "{}", errors(&output));
    let cpus = program::shaped_link::allowed_cpus().len();
    for record in &records[1..] {
        let reasons = record["verdict"]["reasons"].to_string();
        assert_eq!(record["verdict"]["state"] == "failed", cpus < 4, "{record:#}");
        if cpus < 4 {
            assert!(
                reasons.contains("too-few-cpus") && reasons.contains("need 4 CPUs") && reasons.contains(&format!("has {cpus}")),
                "{reasons}"
            );
            assert_eq!(record["values"], serde_json::json!({}), "no number could be taken for a rate");
        }
    }
}

/// A client of one pair fails; the other runs, and its rate is not one beside another pair.
#[test]
fn a_member_that_fails_leaves_the_record_of_the_other_and_no_sum() {
    let folder = tempfile::tempdir().unwrap();
    let (bin, mark) = (folder.path().join("bin"), folder.path().join("once"));
    std::fs::create_dir(&bin).unwrap();
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *-c*) if mkdir {} 2> /dev/null; then echo '{{\"error\":\"the server is busy\",\"end\":{{}}}}'; exit 1; fi;; esac\nexec /usr/bin/iperf3 \"$@\"\n",
        mark.display()
    );
    executable(&bin.join("iperf3"), script);
    let text = GROUP.replace("\"a-cpu:b-cpu\", [", "[");
    let (output, records) = run_plan(&text, &folder.path().join("run"), Some(&bin));
    assert_eq!(records.len(), 2, "{}", errors(&output));
    let state = |state: &str| records.iter().find(|record| record["verdict"]["state"] == state).unwrap_or_else(|| panic!("{records:#?}"));
    let (failed, kept) = (state("failed"), state("invalid"));
    assert!(failed["verdict"]["reasons"][0].as_str().unwrap().contains("the server is busy"), "{failed:#}");
    let reasons = kept["verdict"]["reasons"].to_string();
    assert!(reasons.contains("not-concurrent") && reasons.contains(&format!("{} did not run", pair(failed))), "{reasons}");
    assert!(goodput(kept) > 0.0);
    for record in &records {
        let group = &record["parameters"]["group"];
        assert_eq!((&group["verdict"]["state"], &group["sum"]), (&Value::from("invalid"), &Value::Null), "{group}");
    }
}

/// Datagrams of one direction are dropped behind the interface that received them.
#[test]
fn rfc2544_14_a_dropped_direction_of_a_kernel_stream_is_found_and_named() {
    let cable = Veth::up("both");
    let folder = tempfile::tempdir().unwrap();
    for (namespace, address) in [(&cable.near, "198.18.78.1/24"), (&cable.far, "198.18.78.2/24")] {
        program::veth::ip(&["-n", namespace, "address", "add", address, "dev", "veth0"]);
    }
    let end = |id: &str, namespace: &str, address: &str| {
        format!("[[endpoint]]\nid = \"{id}\"\nreach = \"netns:{namespace}\"\naddress = \"{address}\"\ninterface = \"veth0\"\n")
    };
    let testbed = format!("name = \"both\"\n{}{}", end("a", &cable.near, "198.18.78.1"), end("b", &cable.far, "198.18.78.2"));
    std::fs::write(folder.path().join("testbed.toml"), testbed).unwrap();
    let plan = "name = \"p\"\nsizes = [1518]\npairs = [\"a:b\"]\n[[measure]]\nstack = \"kernel-udp\"\nmethod = \"stream\"\nduration = \"1s\"\ndirection = \"both\"\n";
    std::fs::write(folder.path().join("plan.toml"), plan).unwrap();
    let measure = |out: &str| {
        let path = |name: &str| folder.path().join(name);
        let output = linerate()
            .args(["run", "--force", "--testbed"])
            .arg(path("testbed.toml"))
            .arg("--plan")
            .arg(path("plan.toml"))
            .arg("--out")
            .arg(path(out))
            .output()
            .unwrap();
        let mut records = records(&path(out));
        assert_eq!(records.len(), 1, "{}", errors(&output));
        records.remove(0)
    };
    let whole = measure("whole");
    assert!(whole["tool"]["commands"][0].as_str().unwrap().contains("--bidir"), "{whole:#}");
    assert_eq!(
        (&whole["verdict"]["state"], &whole["parameters"]["bidirectional"]),
        (&Value::from("valid"), &Value::Bool(true)),
        "{whole:#}"
    );
    let each = whole["parameters"]["directions"].as_array().unwrap();
    let ends =
        |one: &Value| format!("{} {}→{}", one["direction"].as_str().unwrap(), one["from"].as_str().unwrap(), one["to"].as_str().unwrap());
    assert_eq!(each.iter().map(ends).collect::<Vec<_>>(), ["forward a→b", "reverse b→a"]);
    let rates: Vec<f64> = each.iter().map(|one| one["goodput_bps"].as_f64().unwrap()).collect();
    assert!((goodput(&whole) - (rates[0] + rates[1]) / 2.0).abs() < 1.0, "the mean of {rates:?}: {}", goodput(&whole));
    for one in each {
        let bytes = |way: &str| one["interface_bytes"][way].as_f64().unwrap();
        let payload = one["goodput_bps"].as_f64().unwrap() / 8.0 * whole["duration_s"].as_f64().unwrap();
        assert!(bytes("sent") >= payload / 2.0 && bytes("received") >= payload / 2.0, "both interfaces prove it: {one}");
    }
    // Datagrams that make frames of 1518 bytes have 1500 bytes with their IP header. Those that open the stream are smaller.
    let rule = ["netns", "exec", &cable.near, "iptables", "-A", "INPUT", "-p", "udp", "-m", "length", "--length", "1500", "-j", "DROP"];
    assert!(Command::new("ip").args(rule).status().unwrap().success());
    let dropped = measure("dropped");
    let states: Vec<&Value> = dropped["parameters"]["directions"].as_array().unwrap().iter().map(|one| &one["verdict"]["state"]).collect();
    assert_eq!(states, ["valid", "invalid"], "{dropped:#}");
    assert_eq!(dropped["verdict"]["state"], "invalid");
    let reasons: Vec<&str> = dropped["verdict"]["reasons"].as_array().unwrap().iter().map(|reason| reason.as_str().unwrap()).collect();
    assert!(reasons.iter().any(|reason| reason.starts_with("nothing-received: reverse direction: ")), "{reasons:?}");
    assert!(reasons.iter().all(|reason| !reason.contains("forward direction")), "{reasons:?}");
}
