//! The lab of containers: the main job in it, what it leaves, and what an engine that is missing or killed leaves.

#![cfg(feature = "dpdk")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

mod program;

use std::path::Path;
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::time::Duration;

use nix::sys::signal::Signal;
use program::work::Work;
use program::{Background, errors, json, records, run, wait_for};
use serde_json::Value;

const PLAN: &str = r#"
name = "containers"
sizes = [64]
pairs = ["a-container:b-container", "a-cpu:a-container", "a-cpu:b-cpu"]

[[measure]]
stack = "kernel-tcp"
method = "stream"
duration = "300ms"

[[measure]]
stack = "kernel-tcp"
method = "ping-pong"

[[measure]]
stack = "dpdk"
method = "mrr"
preset = "quick"
duration = "100ms"

[[measure]]
stack = "dpdk"
method = "round-trip"
rate = "5kpps"
duration = "200ms"

[[measure]]
stack = "af-xdp"
method = "mrr"
preset = "quick"
duration = "100ms"
pairs = ["a-container:b-container"]
"#;

const LONG: &str = r#"
name = "long"
sizes = [64]
pairs = ["a-container:b-container"]

[[measure]]
stack = "kernel-tcp"
method = "stream"
duration = "60s"
"#;

/// What makes the containers here: the namespaces always, Podman where it can start one.
fn engines() -> Vec<&'static str> {
    static FOUND: OnceLock<Vec<&'static str>> = OnceLock::new();
    FOUND.get_or_init(find_engines).clone()
}

fn find_engines() -> Vec<&'static str> {
    let name = format!("probe{}", std::process::id());
    let up = run(&["lab", "up", "--kind", "container", "--engine", "podman", "--name", &name]);
    if up.status.success() {
        assert!(run(&["lab", "down", "--name", &name]).status.success());
        return vec!["namespaces", "podman"];
    }
    let said = errors(&up);
    assert!(said.contains("podman") && said.trim().lines().count() == 1, "{said}");
    eprintln!("left out: containers of Podman: {}", said.trim());
    nothing_is_left_of(&name);
    vec!["namespaces"]
}

fn command(work: &Work, engine: &str) -> Command {
    work.command(&["--lab", "container", "--engine", engine])
}

/// Every namespace, container and control group whose name contains the name of a lab.
fn traces(lab: &str) -> Vec<String> {
    let (namespace, container) = (format!("lr-{lab}-"), format!("linerate-{lab}-"));
    let names = |folder: &Path| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path().display().to_string()).collect::<Vec<_>>()
    };
    let mut all = names(Path::new("/run/netns"));
    let groups = Path::new("/sys/fs/cgroup");
    all.extend(names(groups));
    all.extend(["cpuset", "memory"].iter().flat_map(|controller| names(&groups.join(controller))));
    all.extend(names(Path::new("/run/linerate")).into_iter().filter(|path| path.ends_with(&format!("/{lab}"))));
    if let Ok(listed) = Command::new("podman").args(["ps", "--all", "--format", "{{.Names}}"]).output() {
        all.extend(String::from_utf8_lossy(&listed.stdout).lines().map(str::to_owned));
    }
    all.retain(|name| name.contains(&namespace) || name.contains(&container) || name.ends_with(&format!("/run/linerate/{lab}")));
    all
}

fn nothing_is_left_of(lab: &str) {
    let left = traces(lab);
    assert!(left.is_empty(), "{left:?}");
}

/// The labs of this machine that a process owns, by name.
fn lab_of(owner: u32) -> Option<String> {
    let listed = json(&run(&["lab", "status", "--json"]).stdout);
    let labs = listed["labs"].as_array().unwrap().clone();
    let own = labs.into_iter().find(|lab| lab["state"]["process"] == owner)?;
    own["name"].as_str().map(str::to_owned)
}

fn run_in_containers(engine: &str) -> (Work, Output) {
    let work = Work::new(PLAN);
    let output = command(&work, engine).output().unwrap();
    (work, output)
}

#[test]
fn the_main_job_runs_in_two_containers_and_says_what_they_are() {
    for engine in engines() {
        let (work, output) = run_in_containers(engine);
        assert!(output.status.success(), "{engine}: {}", errors(&output));
        let records = records(&work.out());
        assert_eq!(records.len(), 3 * 4 + 1, "{engine}");
        for record in &records {
            let state = record["verdict"]["state"].as_str().unwrap();
            // A busy machine interrupts poll loops. Nothing else may go wrong.
            let reasons = record["verdict"]["reasons"].to_string();
            assert!(state != "failed" && !reasons.contains("counters-disagree"), "{engine}: {record:#}");
            if record["stack"] == "kernel-tcp" {
                assert_eq!(state, "valid", "{engine}: {record:#}");
            }
        }
        let round_trips = records.iter().filter(|record| record["stack"] == "dpdk" && record["method"] == "round-trip");
        for record in round_trips.filter(|record| record["verdict"]["state"] == "valid") {
            assert_eq!(record["values"]["frames_sent"], record["values"]["frames_received"], "{record:#}");
        }
        let environment: Value = serde_json::from_str(&std::fs::read_to_string(work.out().join("environment.json")).unwrap()).unwrap();
        let note = environment["note"].as_str().unwrap();
        let made_by = if engine == "podman" { "podman " } else { "network namespace" };
        assert!(note.contains(&format!("a-container: {made_by}")) && note.contains("CPU "), "{note}");
        let report = std::fs::read_to_string(work.out().join("report.md")).unwrap();
        assert!(report.contains("What each kind of endpoint costs") && report.contains("two containers"), "{report}");
    }
}

#[test]
fn a_kept_lab_limits_its_containers_and_is_removed_completely() {
    for engine in engines() {
        let name = format!("boxes{}", std::process::id());
        let up = run(&["lab", "up", "--kind", "container", "--engine", engine, "--name", &name, "--json"]);
        assert!(up.status.success(), "{}", errors(&up));
        let status = json(&up.stdout);
        assert_eq!((status["kind"].as_str(), status["endpoints"].as_array().unwrap().len()), (Some("container"), 4));
        let containers = status["containers"].as_array().unwrap().clone();
        assert_eq!(containers.len(), 2);
        assert!(traces(&name).len() >= 5, "four namespaces and a directory: {:?}", traces(&name));
        for container in &containers {
            let endpoint = container["endpoint"].as_str().unwrap();
            let inside = format!("lr-{name}-{endpoint}");
            // The container's own view of the CPUs it may use.
            let allowed = match engine {
                "podman" => Command::new("podman")
                    .args(["exec", container["name"].as_str().unwrap(), "grep", "Cpus_allowed_list", "/proc/self/status"])
                    .output()
                    .unwrap(),
                _ => continue,
            };
            let expected: Vec<String> = container["cpus"].as_array().unwrap().iter().map(ToString::to_string).collect();
            let seen = String::from_utf8_lossy(&allowed.stdout).into_owned();
            assert!(seen.contains(&expected[0]), "{inside}: {seen}");
        }
        let text = String::from_utf8_lossy(&run(&["lab", "status", "--name", &name]).stdout).into_owned();
        assert!(text.contains("a-container:") && text.contains("MiB"), "{text}");
        assert!(run(&["lab", "down", "--name", &name]).status.success());
        nothing_is_left_of(&name);
    }
}

fn it_is_not_taken_down_under_a_run(name: &str) {
    let work = Work::new(LONG);
    let measuring = Background::start(work.command(&["--kept", name]));
    wait_for("the run", Duration::from_secs(60), || work.out().join("environment.json").exists());
    let refused = run(&["lab", "down", "--name", name]);
    assert!(
        !refused.status.success() && errors(&refused).contains(&format!("lab {name} is used by another command")),
        "{}",
        errors(&refused)
    );
    measuring.signal(Signal::SIGINT);
    measuring.finish(Duration::from_secs(30));
    assert_eq!(json(&run(&["lab", "status", "--name", name, "--json"]).stdout)["labs"][0]["state"]["kind"], "kept");
}

#[test]
fn a_kept_lab_is_checked_and_measured_as_often_as_wanted_and_stays() {
    for engine in engines() {
        let name = format!("kept{}", std::process::id());
        let up = run(&["lab", "up", "--kind", "container", "--engine", engine, "--name", &name]);
        assert!(up.status.success(), "{}", errors(&up));
        let doctor = run(&["doctor", "--kept", &name, "--json"]);
        let diagnosis = json(&doctor.stdout);
        let places: Vec<&str> = diagnosis["places"].as_array().unwrap().iter().filter_map(|place| place["place"].as_str()).collect();
        assert!(doctor.status.success() && places.contains(&"a-container") && places.contains(&"b-cpu"), "{engine}: {diagnosis:#}");
        for attempt in 1..=2 {
            let work = Work::new(&LONG.replace("60s", "300ms"));
            let output = work.command(&["--kept", &name]).output().unwrap();
            assert!(output.status.success(), "{engine}, run {attempt}: {}", errors(&output));
            assert_eq!(records(&work.out()).len(), 1);
        }
        it_is_not_taken_down_under_a_run(&name);
        assert_eq!(json(&run(&["lab", "status", "--name", &name, "--json"]).stdout)["labs"][0]["state"]["kind"], "kept");
        assert!(run(&["lab", "down", "--name", &name]).status.success());
        nothing_is_left_of(&name);
    }
    for command in ["doctor", "run"] {
        let said = errors(&run(&[command, "--kept", "no-such-lab"]));
        assert!(said.contains("lab no-such-lab does not exist") && said.trim().lines().count() == 1, "{said}");
    }
    let said = errors(&run(&["run", "--lab", "container", "--path", "vhost-user", "--dry-run"]));
    assert!(said.contains("--path is for a lab with virtual machines, and the lab of kind container has none"), "{said}");
}

#[test]
fn after_sigkill_the_next_lab_removes_containers_namespaces_and_groups() {
    for engine in engines() {
        let work = Work::new(LONG);
        let background = Background::start(command(&work, engine));
        let pid = background.pid();
        let mut lab = None;
        wait_for("the lab", Duration::from_secs(60), || {
            lab = lab_of(pid);
            lab.is_some()
        });
        let lab = lab.unwrap();
        // The first measurement: its server runs in a container.
        background.wait_for_words("[1/1]", Duration::from_secs(60));
        background.signal(Signal::SIGKILL);
        background.finish(Duration::from_secs(20));
        let next = run(&["lab", "up", "--name", &format!("after{}", std::process::id())]);
        assert!(next.status.success(), "{}", errors(&next));
        assert!(run(&["lab", "down", "--name", &format!("after{}", std::process::id())]).status.success());
        wait_for("the removal of the lab", Duration::from_secs(10), || traces(&lab).is_empty());
    }
}

/// Runs linerate where these programs are not installed: in a mount namespace of its own, another file covers each.
fn without(programs: &[&str], arguments: &[&str]) -> Output {
    let mut script = String::new();
    for program in programs {
        script.push_str(&format!("[ ! -e {program} ] || mount --bind /dev/null {program}; "));
    }
    script.push_str("exec \"$@\"");
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", &script, "sh", env!("CARGO_BIN_EXE_linerate")]).args(arguments);
    command.output().unwrap()
}

const PODMAN: [&str; 2] = ["/usr/bin/podman", "/usr/local/bin/podman"];

#[test]
fn a_missing_podman_is_one_line_and_the_lab_does_without_it_where_nobody_asked_for_it() {
    let name = format!("none{}", std::process::id());
    let asked = without(&PODMAN, &["lab", "up", "--kind", "container", "--engine", "podman", "--name", &name]);
    let said = errors(&asked);
    assert_eq!(asked.status.code(), Some(1), "{said}");
    assert!(said.trim().lines().count() == 1 && said.contains("sudo apt-get install podman"), "{said}");
    nothing_is_left_of(&name);

    let best = without(&PODMAN, &["lab", "up", "--kind", "container", "--name", &name, "--json"]);
    let said = errors(&best);
    assert!(best.status.success() && said.contains("note: the containers are network namespaces"), "{said}");
    let containers = json(&best.stdout)["containers"].clone();
    assert_eq!(containers[0]["made_by"]["engine"], "namespaces", "{containers}");
    assert!(run(&["lab", "down", "--name", &name]).status.success());
    nothing_is_left_of(&name);
}

#[test]
fn a_missing_qemu_is_one_line_and_nothing_is_left() {
    let name = format!("noqemu{}", std::process::id());
    let script = "for file in /usr/bin/qemu-system-x86_64 /usr/local/bin/qemu-system-x86_64; do [ ! -e $file ] || mount --bind /dev/null $file; done; exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script, "sh", env!("CARGO_BIN_EXE_linerate"), "lab", "up", "--kind", "vm", "--name", &name]);
    let output = command.env("LINERATE_GUESTS", "/nonexistent").output().unwrap();
    let said = errors(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.trim().lines().count() == 1 && said.contains("sudo apt-get install qemu-system-x86"), "{said}");
    nothing_is_left_of(&name);
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script, "sh", env!("CARGO_BIN_EXE_linerate"), "run", "--quick", "--lab", "vm", "--out"]);
    let output = command.arg(&run).env("LINERATE_GUESTS", "/nonexistent").output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
    assert!(!run.exists(), "a run without a lab leaves no directory");
}

#[test]
fn guests_on_vhost_user_without_testpmd_are_one_line_and_nothing_is_left() {
    let name = format!("notestpmd{}", std::process::id());
    let script = "for file in /usr/bin/dpdk-testpmd /usr/local/bin/dpdk-testpmd; do [ ! -e $file ] || mount --bind /dev/null $file; done; exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script, "sh", env!("CARGO_BIN_EXE_linerate"), "lab", "up", "--kind", "vm"]);
    let output = command.args(["--path", "vhost-user", "--name", &name]).output().unwrap();
    let said = errors(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.trim().lines().count() == 1 && said.contains("dpdk-testpmd") && said.contains("sudo apt-get install dpdk"), "{said}");
    nothing_is_left_of(&name);
}

#[test]
fn an_engine_without_containers_and_an_unknown_kind_are_refused_before_anything_is_made() {
    let engine = run(&["run", "--engine", "podman", "--dry-run"]);
    assert!(errors(&engine).contains("--engine is for a lab with containers"), "{}", errors(&engine));
    let kind = run(&["run", "--lab", "zone", "--dry-run"]);
    assert!(errors(&kind).contains("`zone` is not a kind of lab"), "{}", errors(&kind));
    let planned = run(&["run", "--lab", "container", "--quick", "--dry-run"]);
    assert!(String::from_utf8_lossy(&planned.stdout).contains("lab of containers"));
}
