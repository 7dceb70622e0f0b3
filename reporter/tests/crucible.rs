//! Crucible: the documents of `export.cdm.ndjson`, and the scripts of `integrations/crucible`. With LINERATE_CRUCIBLE, the path of a folder with
//! checkouts of perftool-incubator's rickshaw, toolbox and CommonDataModel, all are also held against their schemas and run with their libraries.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in tests a failed unwrap is the failed assertion")]

mod synthetic;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use reporter::record::State;
use reporter::render::{Export, render_run_with};
use serde_json::{Value, json};
use synthetic::{Truth, records};

/// Stands in for crucible's library where that is not there: keeps what it is given.
const TOOLBOX: &str = r#"
import json, os
class CDMMetrics:
    def __init__(self):
        os.makedirs("postprocess", exist_ok=True)
        self.samples = []
    def log_sample(self, file, description, names, sample):
        self.samples.append([description, names, sample])
    def finish_samples(self):
        json.dump(self.samples, open("postprocess/samples.json", "w"))
        return "metric-data-0"
"#;

/// Prints the fields of documents that the mappings of CommonDataModel do not have. Its other modules are not needed for that.
const FIELDS: &str = r#"
const Module = require('module');
const load = Module._load;
Module._load = (name, ...rest) => { try { return load(name, ...rest); } catch { return {}; } };
const cdm = require(process.argv[1]);
const unknown = new Set();
const walk = (document, properties, path) => {
  for (const [key, value] of Object.entries(document)) {
    if (!properties || !properties[key]) unknown.add(path + key);
    else if (value && typeof value === 'object' && !Array.isArray(value)) walk(value, properties[key].properties, path + key + '.');
  }
};
const lines = require('fs').readFileSync(process.argv[2], 'utf8').split('\n').filter((line) => line);
for (let at = 0; at < lines.length; at += 2) {
  const [, version, kind] = /^cdm-(v\d+dev)-([^@]+)@\d{4}\.\d\d$/.exec(JSON.parse(lines[at]).index._index);
  walk(JSON.parse(lines[at + 1]), cdm.indexDefs[version][kind].mappings.properties, kind + ': ');
}
console.log(JSON.stringify({ documents: lines.length / 2, unknown: [...unknown] }));
"#;

fn integration() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../integrations/crucible")
}

fn checkout(project: &str) -> Option<PathBuf> {
    let found = std::env::var_os("LINERATE_CRUCIBLE").map(|folder| Path::new(&folder).join(project));
    if found.is_none() {
        println!("skipped: LINERATE_CRUCIBLE is not the path of a folder with checkouts of perftool-incubator");
    }
    found
}

fn valid_by(schema: &Path, instance: &Value) {
    let schema: Value = serde_json::from_slice(&fs::read(schema).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(instance).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The documents of a run by kind.
fn export(directory: &Path) -> (reporter::archive::Archive, BTreeMap<String, Vec<Value>>) {
    let list = records(&Truth { invalid: 0.05, failed: 0.02, ..Truth::lab(7) });
    let archive = synthetic::archive(&directory.join("run"), &list);
    render_run_with(&archive, &[Export::Cdm], directory).unwrap();
    let text = fs::read_to_string(directory.join("export.cdm.ndjson")).unwrap();
    let mut documents: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let lines: Vec<&str> = text.lines().collect();
    for pair in lines.chunks(2) {
        let kind = pair[0].strip_prefix(r#"{"index": {"_index": "cdm-v9dev-"#).and_then(|rest| rest.strip_suffix(r#"@2026.03"}}"#));
        documents.entry(kind.unwrap_or_else(|| panic!("{}", pair[0])).to_owned()).or_default().push(serde_json::from_str(pair[1]).unwrap());
    }
    (archive, documents)
}

#[test]
fn every_valid_record_is_a_sample_with_its_values() {
    let directory = tempfile::tempdir().unwrap();
    let (archive, documents) = export(directory.path());
    assert_eq!(documents["run"].len(), 1);
    assert_eq!(documents["sample"].len(), archive.records.len());
    let passed = documents["sample"].iter().filter(|sample| sample["sample"]["status"] == "pass").count();
    let valid: Vec<_> = archive.records.iter().filter(|record| record.verdict.state == State::Valid).collect();
    assert!(passed == valid.len() && passed < archive.records.len(), "{passed}");
    // By settings and repetition.
    let mut values: BTreeMap<(String, String), f64> = BTreeMap::new();
    let data: BTreeMap<&str, &Value> =
        documents["metric_data"].iter().map(|document| (document["metric_desc"]["metric_desc-uuid"].as_str().unwrap(), document)).collect();
    assert_eq!(data.len(), documents["metric_desc"].len(), "each metric has one value");
    for described in &documents["metric_desc"] {
        let metric = &described["metric_desc"];
        let of = data[metric["metric_desc-uuid"].as_str().unwrap()];
        let key = (described["sample"]["sample-uuid"].as_str().unwrap().to_owned(), metric["type"].as_str().unwrap().to_owned());
        values.insert(key, of["metric_data"]["value"].as_f64().unwrap());
        assert_eq!(of["metric_data"]["duration"], json!(1001), "a second, both ends counted");
    }
    let samples = &documents["sample"];
    let parameter = |sample: &Value, name: &str| {
        let of =
            |param: &&Value| param["iteration"]["iteration-uuid"] == sample["iteration"]["iteration-uuid"] && param["param"]["arg"] == name;
        documents["param"].iter().find(of).unwrap()["param"]["val"].as_str().unwrap().to_owned()
    };
    for record in valid {
        let fits = |sample: &&Value| {
            sample["sample"]["num"].as_u64() == Some(record.repetition.into())
                && parameter(sample, "from") == record.pair.from.0
                && parameter(sample, "to") == record.pair.to.0
                && parameter(sample, "stack") == record.stack.name()
                && parameter(sample, "method") == record.method
                && parameter(sample, "size") == record.size.bytes.to_string()
        };
        let found: Vec<&Value> = samples.iter().filter(fits).collect();
        let [sample] = found[..] else { panic!("{}: {} samples", record.id, found.len()) };
        let value = |kind: &str| values.get(&(sample["sample"]["sample-uuid"].as_str().unwrap().to_owned(), kind.to_owned())).copied();
        assert_eq!(value("frames-sec"), record.values.forwarding_pps.map(f64::from));
        assert_eq!(value("goodput-bits-sec"), record.values.goodput_bps.map(f64::from));
        let trip = record.values.rtt_ns.as_ref().and_then(|rtt| rtt.p50.or(rtt.mean)).map(|ns| ns / 1e3);
        assert_eq!(value("round-trip-usec"), trip);
        let primary = sample["iteration"]["primary-metric"].as_str().unwrap().strip_prefix("linerate::").unwrap();
        assert!(value(primary).is_some(), "{primary}");
    }
    let ids: BTreeSet<&str> = samples.iter().map(|sample| sample["sample"]["sample-uuid"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), samples.len());
}

#[test]
fn every_field_of_a_document_is_one_of_the_common_data_model() {
    let Some(model) = checkout("CommonDataModel") else { return };
    if Command::new("node").arg("--version").output().is_err() {
        println!("skipped: node is not installed");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    export(directory.path());
    let output = Command::new("node")
        .args(["-e", FIELDS])
        .arg(model.join("queries/cdmq/cdm.js"))
        .arg(directory.path().join("export.cdm.ndjson"))
        .output();
    let output = output.unwrap();
    let found: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    println!("{found}");
    assert_eq!(found["unknown"], json!([]));
    assert!(found["documents"].as_u64().unwrap() > 100);
}

#[test]
fn rickshaw_json_names_scripts_that_are_there_and_is_valid_by_rickshaws_schema() {
    let (folder, rickshaw) = (integration(), read(&integration().join("rickshaw.json")));
    let mut named: Vec<&str> = vec![rickshaw["controller"]["post-script"].as_str().unwrap()];
    let client = &rickshaw["client"];
    named.extend(client["files-from-controller"].as_array().unwrap().iter().map(|file| file["src"].as_str().unwrap()));
    let ours = named.iter().filter_map(|name| name.strip_prefix("%bench-dir%"));
    let ours: Vec<&str> = ours.map(|name| name.trim_start_matches('/')).collect();
    assert_eq!(ours.len(), 4);
    for name in &ours {
        assert!(fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o111 != 0, "{name} is a program");
    }
    assert!(["runtime", "start"].iter().all(|key| ours.contains(&client[*key].as_str().unwrap())));
    if let Some(checkout) = checkout("rickshaw") {
        valid_by(&checkout.join("schema/benchmark.json"), &rickshaw);
    }
}

/// Runs a script of the integration in a folder, with a toolbox.
fn script(name: &str, toolbox: &Path, folder: &Path, arguments: &[&str]) -> Output {
    Command::new(integration().join(name)).args(arguments).env("TOOLBOX_HOME", toolbox).current_dir(folder).output().unwrap()
}

#[test]
fn the_post_processing_script_makes_metrics_of_the_records() {
    let place = tempfile::tempdir().unwrap();
    let stand_in = place.path().join("toolbox");
    fs::create_dir_all(stand_in.join("python/toolbox")).unwrap();
    fs::write(stand_in.join("python/toolbox/cdm_metrics.py"), TOOLBOX).unwrap();
    let list: Vec<_> =
        records(&Truth { invalid: 0.1, ..Truth::lab(7) }).into_iter().filter(|record| record.stack.name() == "dpdk").collect();
    synthetic::archive(&place.path().join("run"), &list);
    let output = script("linerate-post-process.py", &stand_in, place.path(), &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let data = read(&place.path().join("postprocess/post-process-data.json"));
    assert_eq!((data["primary-metric"].as_str(), &data["periods"][0]["metric-files"]), (Some("frames-sec"), &json!(["metric-data-0"])));
    let samples = read(&place.path().join("postprocess/samples.json"));
    let logged: Vec<f64> =
        samples.as_array().unwrap().iter().filter(|s| s[0]["type"] == "frames-sec").map(|s| s[2]["value"].as_f64().unwrap()).collect();
    let valid = list.iter().filter(|record| record.verdict.state == State::Valid);
    assert_eq!(logged, valid.filter_map(|record| record.values.forwarding_pps.map(f64::from)).collect::<Vec<_>>());

    let (toolbox, rickshaw) = (checkout("toolbox"), checkout("rickshaw"));
    if let (Some(toolbox), Some(rickshaw)) = (toolbox, rickshaw) {
        let output = script("linerate-post-process.py", &toolbox, place.path(), &[]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let data = read(&place.path().join("postprocess/post-process-data.json"));
        valid_by(&rickshaw.join("schema/bench-metric.json"), &data);
        assert!(place.path().join("postprocess/metric-data-0.json.xz").exists());
    }

    fs::write(place.path().join("run/results.jsonl"), "").unwrap();
    let output = script("linerate-post-process.py", &stand_in, place.path(), &[]);
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stdout).contains("none of 0 records is valid"));
}

/// The client in a folder of its own, with a stand-in for crucible's library and one for linerate that keeps its arguments.
#[test]
fn the_client_writes_a_plan_of_its_parameters() {
    let place = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = place.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    };
    file("toolbox/bash/library/bench-base", "dump_runtime() { :; }\nvalidate_sw_prereqs() { :; }\nexit_error() { echo \"$1\"; exit 1; }\n");
    file("bin/linerate", "#!/bin/sh\necho \"$@\" >arguments\n");
    let base = integration().join("linerate-base");
    let text = fs::read_to_string(integration().join("linerate-client")).unwrap();
    let client =
        file("client", &text.replace("/usr/bin/linerate-base", base.to_str().unwrap()).replace("/tmp/testbed.toml", "testbed.toml"));
    let run = |arguments: &[&str]| {
        let path = format!("{}:{}", place.path().join("bin").display(), std::env::var("PATH").unwrap());
        let environment = [("TOOLBOX_HOME", place.path().join("toolbox").display().to_string()), ("PATH", path)];
        let output = Command::new(&client).args(arguments).envs(environment).current_dir(place.path()).output().unwrap();
        (output.status.success(), fs::read_to_string(place.path().join("linerate-client-stderrout.txt")).unwrap())
    };
    let parameters = ["--stack=dpdk", "--method=round-trip", "--size=512", "--duration=3", "--rate=20kpps", "--pair=a-cpu:b-cpu"];
    assert_eq!(run(&parameters), (true, String::new()));
    let plan: toml::Table = fs::read_to_string(place.path().join("plan.toml")).unwrap().parse().unwrap();
    let wanted: toml::Table = "name = \"crucible\"\npairs = [\"a-cpu:b-cpu\"]\nsizes = [512]\n[[measure]]\nstack = \"dpdk\"\nmethod = \"round-trip\"\nduration = \"3s\"\nrate = \"20kpps\"".parse().unwrap();
    assert_eq!(plan, wanted);
    assert_eq!(fs::read_to_string(place.path().join("arguments")).unwrap(), "run --plan plan.toml --out run --json\n");
    file("testbed.toml", "");
    assert!(run(&[]).0);
    assert!(fs::read_to_string(place.path().join("arguments")).unwrap().contains("--testbed testbed.toml"));
    let (succeeded, said) = run(&["--colour=red"]);
    assert!(!succeeded && said.contains("Unrecognized option"), "{said}");
    for arguments in [&["--duration", "30"][..], &["--size=64", "--duration=30"]] {
        let output = script("linerate-get-runtime", place.path(), place.path(), arguments);
        assert_eq!(String::from_utf8_lossy(&output.stdout), "90\n");
    }
}
