//! Gates that pass, fail and cannot be judged, by each kind of target; the JUnit file by the schema of Jenkins.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in tests a failed unwrap is the failed assertion")]

mod python;
mod synthetic;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use reporter::archive::Archive;
use reporter::gate::{ExpectFile, Gate, GateError, Outcome, Verdict, draft};
use reporter::render::{gate_junit, gate_text};
use synthetic::{Truth, records};

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Place(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, name: &str, truth: &Truth) -> Archive {
        synthetic::archive(&self.path(name), &records(truth))
    }

    fn hold(&self, archive: &Archive, text: &str) -> Result<Gate, GateError> {
        let file = self.path("expect.toml");
        fs::write(&file, text).unwrap();
        Gate::hold(archive, &ExpectFile::read(&file)?, &file)
    }

    /// The outcome of one expectation of the DPDK rate at 64 B from a-cpu to b-cpu.
    fn outcome(&self, archive: &Archive, target: &str) -> Outcome {
        let text = format!("[[expect]]\npair = \"a-cpu:b-cpu\"\nstack = \"dpdk\"\nframe = 64\nquantity = \"forwarding-rate\"\n{target}\n");
        self.hold(archive, &text).unwrap().outcomes.remove(0)
    }
}

fn lab(seed: u64) -> Truth {
    Truth { noise: 0.01, link: true, ..Truth::lab(seed) }
}

/// The truth at 64 B between CPUs: 17 Mpps.
#[test]
fn an_absolute_target_passes_fails_or_cannot_be_judged() {
    let place = Place::new();
    let run = place.run("run", &lab(1));
    let verdict = |target: &str| place.outcome(&run, target).verdict;
    assert_eq!(verdict("at_least = \"16.5 Mpps\""), Verdict::Passed);
    assert_eq!(verdict("at_least = \"17 Mpps\""), Verdict::Passed, "within the tolerance of 5 %");
    assert_eq!(verdict("at_least = \"19 Mpps\""), Verdict::Failed);
    assert_eq!(verdict("at_least = \"19 Mpps\"\ntolerance = \"20%\""), Verdict::Passed);
    let measured = place.outcome(&run, "at_least = \"1pps\"").measured.unwrap();
    let close = place.outcome(&run, &format!("at_least = \"{measured}\"\ntolerance = \"0%\""));
    assert_eq!(close.verdict, Verdict::CannotJudge, "the result itself is the limit");
    assert!(close.detail.contains("repeat more often"), "{}", close.detail);
    assert!((close.measured.unwrap() / 17e6 - 1.0).abs() < 0.03 && close.interval.unwrap().holds(1.0));
}

#[test]
fn delays_have_an_upper_limit() {
    let place = Place::new();
    let mut list = records(&lab(2));
    let more: Vec<_> = (2..=4)
        .flat_map(|repetition| {
            let of = list.iter().filter(|r| r.values.rtt_ns.is_some()).cloned();
            of.map(|mut r| {
                r.repetition = repetition;
                r.id.0.push_str(&format!("-{repetition}"));
                r.values.rtt_ns.as_mut().unwrap().mean =
                    r.values.rtt_ns.as_ref().unwrap().mean.map(|m| m * (1.0 + 0.002 * f64::from(repetition)));
                r
            })
            .collect::<Vec<_>>()
        })
        .collect();
    list.extend(more);
    let run = synthetic::archive(&place.path("run"), &list);
    let text = |target: &str| {
        format!("[[expect]]\npair = \"a-cpu:b-cpu\"\nstack = \"kernel-tcp\"\nmessage = 1\nquantity = \"rtt-mean\"\n{target}\n")
    };
    let verdict = |target: &str| place.hold(&run, &text(target)).unwrap().outcomes[0].verdict;
    assert_eq!(verdict("at_most = \"90us\""), Verdict::Passed);
    assert_eq!(verdict("at_most = \"50 µs\""), Verdict::Failed);
    let error = place.hold(&run, &text("at_least = \"50us\"")).unwrap_err().to_string();
    assert!(error.contains("line 1") && error.contains("at_most"), "{error}");
}

#[test]
fn a_share_of_line_rate_is_of_the_records_line_rate() {
    let place = Place::new();
    let run = place.run("run", &lab(3));
    // 17 Mpps of 148.8 Mpps is 11.4 %.
    assert_eq!(place.outcome(&run, "line_rate = \"11%\"").verdict, Verdict::Passed);
    assert_eq!(place.outcome(&run, "line_rate = \"90%\"").verdict, Verdict::Failed);
    let without_link = place.run("emulated", &Truth { link: false, ..lab(3) });
    let outcome = place.outcome(&without_link, "line_rate = \"11%\"");
    assert_eq!(outcome.verdict, Verdict::CannotJudge);
    assert!(outcome.detail.contains("no line rate"), "{}", outcome.detail);
}

#[test]
fn a_baseline_is_the_same_result_of_another_run() {
    let place = Place::new();
    place.run("base", &lab(4));
    let (same, slower) = (place.run("same", &lab(5)), place.run("slower", &Truth { dpdk_factor: 0.85, ..lab(6) }));
    assert_eq!(place.outcome(&same, "baseline = \"base\"").verdict, Verdict::Passed);
    assert_eq!(place.outcome(&slower, "baseline = \"base\"").verdict, Verdict::Failed);
    let error = place.hold(
        &same,
        "[[expect]]\npair = \"a-cpu:b-cpu\"\nstack = \"dpdk\"\nframe = 64\nquantity = \"forwarding-rate\"\nbaseline = \"none\"\n",
    );
    assert!(error.unwrap_err().to_string().contains("not a run directory"));
}

#[test]
fn a_history_is_its_newest_level_and_how_runs_vary() {
    let place = Place::new();
    // From run 30 of 40 on DPDK is 6 % faster: the newest level is 18 Mpps.
    synthetic::many::history(&place.path("nightly"), 40);
    let (newest, former) =
        (place.run("newest", &Truth { dpdk_factor: 1.06, ..lab(7) }), place.run("former", &Truth { dpdk_factor: 0.85, ..lab(8) }));
    let outcome = place.outcome(&newest, "history = \"nightly\"");
    assert_eq!(outcome.verdict, Verdict::Passed, "{}", outcome.detail);
    assert!((outcome.target.unwrap() / 18.02e6 - 1.0).abs() < 0.01, "{outcome:?}");
    assert_eq!(place.outcome(&former, "history = \"nightly\"").verdict, Verdict::Failed);
}

#[test]
fn what_is_measured_once_missing_or_not_valid_cannot_be_judged() {
    let place = Place::new();
    let once = place.run("once", &Truth { repetitions: 1, ..lab(9) });
    assert_eq!(place.outcome(&once, "at_least = \"1pps\"").verdict, Verdict::CannotJudge);
    let invalid = place.run("invalid", &Truth { invalid: 1.0, ..lab(9) });
    let outcome = place.outcome(&invalid, "at_least = \"1pps\"");
    assert!(outcome.verdict == Verdict::CannotJudge && outcome.detail.contains("no valid trial"), "{}", outcome.detail);
    let missing = place
        .hold(&once, "[[expect]]\npair = \"x:y\"\nstack = \"dpdk\"\nframe = 64\nquantity = \"forwarding-rate\"\nat_least = \"1pps\"\n")
        .unwrap();
    assert!(missing.outcomes[0].detail.contains("no such result"));
    assert_eq!(missing.verdict(), Verdict::CannotJudge);
}

#[test]
fn a_drafted_file_passes_on_its_run_and_fails_on_a_slower_one() {
    let place = Place::new();
    let run = place.run("good", &Truth { noise: 0.02, ..lab(10) });
    let text = draft(&run);
    let gate = place.hold(&run, &text).unwrap();
    // 12 pairs, 7 sizes, 2 stacks; latencies are measured once.
    assert_eq!((gate.outcomes.len(), gate.verdict()), (168, Verdict::Passed), "{}", gate_text(&gate, 120, false));
    assert!(text.contains("measured once"));
    let slower = place.run("slower", &Truth { noise: 0.02, dpdk_factor: 0.8, ..lab(11) });
    let gate = place.hold(&slower, &text).unwrap();
    assert!(gate.count(Verdict::Failed) >= 80 && gate.verdict() == Verdict::Failed, "{}", gate.summary());
}

#[test]
fn errors_name_the_line_and_what_would_be_right() {
    let place = Place::new();
    let run = place.run("run", &lab(12));
    let error = |text: &str| place.hold(&run, text).unwrap_err().to_string();
    let expect = "[[expect]]\npair = \"a-cpu:b-cpu\"\nstack = \"dpdk\"\nframe = 64\nquantity = \"forwarding-rate\"\n";
    for (text, line, right) in [
        (String::new(), 1, "[[expect]]"),
        ("confidence = 2\n".to_owned() + expect, 1, "such as 0.95"),
        (format!("{expect}at_least = \"fast\"\n"), 6, "1Mpps"),
        (format!("{expect}at_least = \"1pps\"\nbaseline = \"x\"\n"), 1, "one of `at_least`"),
        (format!("{expect}\n"), 1, "one of `at_least`"),
        (format!("{expect}at_least = \"1pps\"\ntolerance = \"much\"\n"), 7, "such as 5%"),
        (format!("{expect}at_most = \"1pps\"\n"), 1, "`at_least`"),
        (format!("{expect}at_lest = \"1pps\"\n"), 6, "at_least"),
        (expect.replace("frame = 64", "message = 1\nframe = 2") + "at_least = \"1pps\"\n", 1, "`frame`, `message` and `file`"),
        (expect.replace("a-cpu:b-cpu", "a-cpu") + "at_least = \"1pps\"\n", 2, "FROM:TO"),
    ] {
        let error = error(&text);
        assert!(error.contains(&format!("line {line}:")) && error.contains(right), "{text}\n{error}");
    }
}

/// The schema that Jenkins reads JUnit files by, as pytest ships it for its own tests.
const SCHEMA: &str = "testing/example_scripts/junit-10.xsd";
const SHIPPED_WITH: &str = "pytest==8.3.4";

const VALIDATE: &str = "
import sys, xmlschema
schema = xmlschema.XMLSchema(sys.argv[1])
errors = [str(error.reason) for error in schema.iter_errors(sys.argv[2])]
print(len(errors), *errors, sep='\\n')
";

/// The schema's file; none where it cannot be had.
fn schema(python: &Path) -> Option<PathBuf> {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("junit-schema");
    let found = || fs::read_dir(&home).ok()?.filter_map(|e| Some(e.ok()?.path().join(SCHEMA))).find(|p| p.is_file());
    if let Some(file) = found() {
        return Some(file);
    }
    fs::create_dir_all(&home).unwrap();
    let pip = ["-m", "pip", "download", "--quiet", "--no-deps", "--no-binary=:all:", SHIPPED_WITH, "-d"];
    let unpacked = Command::new(python).args(pip).arg(&home).output().is_ok_and(|output| output.status.success())
        && fs::read_dir(&home).unwrap().any(|entry| {
            Command::new("tar")
                .arg("-xzf")
                .arg(entry.unwrap().path())
                .arg("-C")
                .arg(&home)
                .output()
                .is_ok_and(|output| output.status.success())
        });
    if !unpacked {
        println!("skipped: the schema could not be had from {SHIPPED_WITH}");
    }
    found()
}

#[test]
fn the_junit_file_is_valid_by_the_schema_of_jenkins() {
    let Some(python) = python::python_with("xmlschema", &["xmlschema"]) else { return };
    let Some(schema) = schema(&python) else { return };
    let place = Place::new();
    let run = place.run("run", &lab(13));
    let one = |pair: &str, target: &str| {
        format!("[[expect]]\npair = \"{pair}\"\nstack = \"dpdk\"\nframe = 64\nquantity = \"forwarding-rate\"\nat_least = \"{target}\"\n")
    };
    let text = one("a-cpu:b-cpu", "1pps") + &one("a-cpu:b-cpu", "1Tpps") + &one("<&\\\"]]>:b-cpu", "1pps");
    let gate = place.hold(&run, &text).unwrap();
    let count = |verdict| gate.count(verdict);
    assert_eq!((count(Verdict::Passed), count(Verdict::Failed), count(Verdict::CannotJudge)), (1, 1, 1));
    let xml = gate_junit(&gate, "runs/<new>").unwrap();
    assert!(xml.contains("tests=\"3\"") && xml.contains("failures=\"1\"") && xml.contains("errors=\"1\""), "{xml}");
    let file = place.path("gate.xml");
    fs::write(&file, &xml).unwrap();
    let validate = |file: &Path| python::run(&python, VALIDATE, &[schema.to_str().unwrap(), file.to_str().unwrap()]);
    assert_eq!(validate(&file).trim(), "0", "{xml}");
    // The check can fail.
    fs::write(&file, xml.replace("<testcase ", "<testcase when=\"now\" ")).unwrap();
    assert_ne!(validate(&file).lines().next(), Some("0"));
}
