//! Busy polling, whose settings are those of all sockets of this machine: what a run changes is put back, and no other run measures meanwhile. In a file of its
//! own, because no test may run beside. Needs root.

#![cfg(feature = "dpdk")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

mod program;

use std::process::Output;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::Signal;
use program::sshd::Bed;
use program::veth::{Veth, ip};
use program::{Background, errors, linerate, records, run, wait_for};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(60);

/// One test at a time has the machine.
static MACHINE: Mutex<()> = Mutex::new(());

/// Settings of this machine and of its loopback interface; put back when this is dropped, whatever a test did.
struct OwnSettings {
    before: Vec<(&'static str, String)>,
}

const OWN_SETTINGS: [&str; 4] = [
    "/proc/sys/net/core/busy_read",
    "/proc/sys/net/core/busy_poll",
    "/sys/class/net/lo/napi_defer_hard_irqs",
    "/sys/class/net/lo/gro_flush_timeout",
];

impl OwnSettings {
    /// None where this process is in another namespace than the first, or may not change settings.
    fn read() -> Option<OwnSettings> {
        let value = |file: &'static str| {
            let text = std::fs::read_to_string(file).ok()?;
            std::fs::write(file, &text).ok()?;
            Some((file, text.trim().to_owned()))
        };
        Some(OwnSettings { before: OWN_SETTINGS.into_iter().map(value).collect::<Option<_>>()? })
    }

    fn now() -> Vec<String> {
        OWN_SETTINGS.iter().map(|file| std::fs::read_to_string(file).unwrap().trim().to_owned()).collect()
    }

    fn before(&self) -> Vec<String> {
        self.before.iter().map(|(_, value)| value.clone()).collect()
    }
}

impl Drop for OwnSettings {
    fn drop(&mut self) {
        for (file, value) in &self.before {
            let _ = std::fs::write(file, value);
        }
    }
}

/// Plans and a testbed of two addresses of the loopback interface.
struct Loopback {
    folder: TempDir,
}

/// Other values than those of this machine: microseconds, empty polls, nanoseconds.
const CHANGED: [u32; 3] = [37, 3, 23_000];

impl Loopback {
    fn new() -> Loopback {
        let loopback = Loopback { folder: tempfile::tempdir().unwrap() };
        let end = |id: &str, address: &str| format!("[[endpoint]]\nid = \"{id}\"\naddress = \"{address}\"\ninterface = \"lo\"\n");
        let testbed = format!("name = \"loopback\"\n{}{}", end("a", "127.0.0.1"), end("b", "127.0.0.2"));
        std::fs::write(loopback.path("testbed.toml"), testbed).unwrap();
        let [us, times, ns] = CHANGED;
        let keys = format!("busy-poll = \"{us}us\"\nnapi-defer-hard-irqs = {times}\ngro-flush-timeout = \"{ns}ns\"");
        for (name, duration, keys) in
            [("long", "60s", keys.as_str()), ("tuned", "300ms", &keys), ("plain", "300ms", ""), ("beside", "60s", "")]
        {
            let plan = format!(
                "name = \"p\"\nsizes = [64]\npairs = [\"a:b\"]\n[[measure]]\nstack = \"kernel-tcp\"\nmethod = \"stream\"\nduration = \"{duration}\"\n{keys}"
            );
            std::fs::write(loopback.path(&format!("{name}.toml")), plan).unwrap();
        }
        loopback
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn arguments(&self, plan: &str, out: &str) -> [String; 8] {
        let plan = self.path(&format!("{plan}.toml"));
        ["run", "--force", "--testbed", &self.path("testbed.toml"), "--plan", &plan, "--out", &self.path(out)].map(str::to_owned)
    }

    fn run(&self, plan: &str, out: &str) -> Output {
        run(&self.arguments(plan, out).each_ref().map(String::as_str))
    }

    fn start(&self, plan: &str, out: &str) -> Background {
        let mut command = linerate();
        command.args(self.arguments(plan, out));
        Background::start(command)
    }

    /// A run that has changed the settings.
    fn start_changing(&self, out: &str) -> Background {
        let background = self.start("long", out);
        wait_for("the settings of the plan", LIMIT, || OwnSettings::now() == changed());
        background
    }
}

/// Values of the settings of a plan, in the order of [`OWN_SETTINGS`].
fn changed() -> [String; 4] {
    let [us, times, ns] = CHANGED;
    [us, us, times, ns].map(|number| number.to_string())
}

#[test]
fn busy_polling_and_deferred_interrupts_are_put_back_after_success_ctrl_c_and_sigkill() {
    let _machine = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(own) = OwnSettings::read() else {
        println!("not run: these settings cannot be changed here");
        return;
    };
    let loopback = Loopback::new();
    let finished = loopback.run("tuned", "tuned");
    let record = &records(std::path::Path::new(&loopback.path("tuned")))[0];
    let keys_of_record = ["busy_poll_us", "napi_defer_hard_irqs", "gro_flush_timeout_ns"].map(|key| record["parameters"][key].as_u64());
    assert_eq!(keys_of_record, CHANGED.map(|number| Some(u64::from(number))), "{} {record}", errors(&finished));
    assert_eq!(OwnSettings::now(), own.before(), "after success");
    let interrupted = loopback.start_changing("interrupted");
    interrupted.signal(Signal::SIGINT);
    interrupted.finish(LIMIT);
    assert_eq!(OwnSettings::now(), own.before(), "after Ctrl-C");
    let killed = loopback.start_changing("killed");
    killed.signal(Signal::SIGKILL);
    killed.finish(LIMIT);
    assert_eq!(OwnSettings::now(), changed(), "nothing of a killed process runs");
    let next = loopback.run("plain", "next");
    assert_eq!(OwnSettings::now(), own.before(), "after the next run: {}", errors(&next));
}

#[test]
fn a_run_that_changes_busy_polling_and_a_run_on_other_interfaces_of_the_machine_refuse_each_other() {
    let _machine = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(own) = OwnSettings::read() else {
        println!("not run: these settings cannot be changed here");
        return;
    };
    let loopback = Loopback::new();
    let veth = Veth::up("busy");
    let testbed = loopback.path("veth.toml");
    let mut text = "name = \"veth\"\n".to_owned();
    for (id, namespace, number) in [("a", &veth.near, 1), ("b", &veth.far, 2)] {
        ip(&["-n", namespace, "address", "add", &format!("198.18.78.{number}/24"), "dev", "veth0"]);
        text += &format!(
            "[[endpoint]]\nid = \"{id}\"\nreach = \"netns:{namespace}\"\naddress = \"198.18.78.{number}\"\ninterface = \"veth0\"\n"
        );
    }
    std::fs::write(&testbed, text).unwrap();
    let on_veth = |plan: &str, out: &str| {
        let mut command = linerate();
        command.args(["run", "--force", "--testbed", &testbed, "--plan", &loopback.path(plan), "--out", &loopback.path(out)]);
        command
    };
    let refused = |output: Output, words: &str, out: &str| {
        let said = errors(&output);
        assert!(!output.status.success() && said.contains(words) && said.lines().count() == 1, "{said}");
        assert!(!std::path::Path::new(&loopback.path(out)).exists(), "a refused run left a directory");
        said
    };

    let beside = Background::start(on_veth("beside.toml", "beside"));
    beside.wait_for_words("[1/", LIMIT);
    let said = refused(loopback.run("tuned", "tuned"), "endpoint a: another run of linerate measures on that machine", "tuned");
    assert!(said.contains(&format!("process {}", beside.pid())) && said.contains("remove `busy-poll`"), "{said}");
    assert_eq!(OwnSettings::now(), own.before());
    let together = loopback.run("plain", "plain");
    assert!(together.status.success(), "runs that change nothing of the machine are beside each other: {}", errors(&together));
    beside.signal(Signal::SIGINT);
    beside.finish(LIMIT);

    let changing = loopback.start_changing("alone");
    let words = "another run of linerate has `busy-poll` in its plan";
    let said = refused(on_veth("plain.toml", "refused").output().unwrap(), words, "refused");
    assert!(said.starts_with("linerate: endpoint a: ") && said.contains(&format!("process {}", changing.pid())), "{said}");
    let lab = run(&["run", "--quick", "--out", &loopback.path("lab")]);
    refused(lab, &format!("this machine: {words}"), "lab");
    // Agents over ssh claim the machine that they run on.
    let bed = Bed::shared("busy");
    let stream = "stack = \"kernel-tcp\"\nmethod = \"stream\"\nduration = \"300ms\"";
    let over_ssh = || bed.run(&bed.testbed(""), &bed.plan(&[stream]), "out").output().unwrap();
    let said = errors(&over_ssh());
    assert!(said.contains(&format!("endpoint a-cpu: {words}")) && said.contains(&format!("process {}", changing.pid())), "{said}");
    changing.signal(Signal::SIGKILL);
    changing.finish(LIMIT);
    let next = loopback.run("plain", "next");
    assert_eq!(OwnSettings::now(), own.before(), "after the next run: {}", errors(&next));
    let there = over_ssh();
    assert!(there.status.success(), "the claim ends with its process: {}", errors(&there));
    bed.is_clean_within_10_s();
}
