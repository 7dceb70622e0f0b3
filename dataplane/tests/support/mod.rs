//! Engines in processes of their own: EAL is initialised once per process.

#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

pub mod veth;

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// Nothing here takes so long, not even on a machine that compiles meanwhile; it only keeps a hang from being one.
const FOREVER: Duration = Duration::from_secs(120);

/// An engine at work; killed where the test fails.
pub struct Engine {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    errors: Receiver<String>,
}

impl Engine {
    /// Starts one, directly.
    pub fn start(job: &Value) -> Engine {
        Engine::start_with(Command::new(env!("CARGO_BIN_EXE_engine")), job)
    }

    /// Starts one in a network namespace.
    pub fn start_in(namespace: &str, job: &Value) -> Engine {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace, env!("CARGO_BIN_EXE_engine")]);
        Engine::start_with(command, job)
    }

    /// Starts one in a network namespace, with a shared library in it and these variables.
    pub fn start_preloaded_in(namespace: &str, library: &Path, variables: &[(&str, &str)], job: &Value) -> Engine {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace, env!("CARGO_BIN_EXE_engine")]);
        command.env("LD_PRELOAD", library).envs(variables.iter().copied());
        Engine::start_with(command, job)
    }

    /// Starts one with a shared library in it, such as a driver.
    pub fn start_preloaded(library: &Path, job: &Value) -> Engine {
        let mut command = Command::new(env!("CARGO_BIN_EXE_engine"));
        command.env("LD_PRELOAD", library);
        Engine::start_with(command, job)
    }

    /// Starts one with a driver in it, on a machine whose buses are those of the folder `buses` instead of /sys/bus. The driver writes to `log`.
    pub fn start_with_buses(driver: &Path, buses: &Path, log: &Path, job: &Value) -> Engine {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", r#"mount --bind "$0" /sys/bus && LD_PRELOAD="$1" exec "$2" "$3""#]).arg(buses).arg(driver);
        command.env("LRSWITCH_LOG", log).arg(env!("CARGO_BIN_EXE_engine"));
        Engine::start_with(command, job)
    }

    fn start_with(mut command: Command, job: &Value) -> Engine {
        let mut child = command.arg(job.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = reader(child.stdout.take().unwrap());
        let errors = reader(child.stderr.take().unwrap());
        Engine { stdin: child.stdin.take(), child, lines, errors }
    }

    /// Waits until its poll loop runs.
    pub fn running(self) -> Engine {
        match self.errors.recv_timeout(FOREVER) {
            Ok(line) if line == "running" => self,
            other => panic!("the engine does not run: {other:?} {:?}", self.errors.try_iter().collect::<Vec<_>>()),
        }
    }

    pub fn id(&self) -> i32 {
        self.child.id() as i32
    }

    /// Asks it to stop.
    pub fn stop(&mut self) {
        self.stdin = None;
    }

    /// Waits for its report; its port stays open.
    pub fn report(&self) -> Value {
        match self.lines.recv_timeout(FOREVER) {
            Ok(line) => serde_json::from_str(&line).unwrap(),
            Err(_) => panic!("no report: {:?}", self.errors.try_iter().collect::<Vec<_>>()),
        }
    }

    /// Waits for its report, then lets it close its port.
    pub fn stopped_by_itself(self) -> Value {
        let report = self.report();
        self.finished();
        report
    }

    /// Stops it and waits for its report.
    pub fn stopped(mut self) -> Value {
        self.stop();
        let report = self.report();
        assert!(self.child.wait().unwrap().success());
        report
    }

    /// Lets it close its port after its report.
    pub fn finished(mut self) {
        self.stop();
        assert!(self.child.wait().unwrap().success());
    }

    /// Waits for it to fail, and gives what it said.
    pub fn failure(mut self) -> String {
        self.stop();
        let said: Vec<String> = self.errors.iter().collect();
        assert!(!self.child.wait().unwrap().success(), "it did not fail: {said:?}");
        said.join("\n")
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn reader(from: impl Read + Send + 'static) -> Receiver<String> {
    let (to, lines) = channel();
    thread::spawn(move || BufReader::new(from).lines().map_while(Result::ok).try_for_each(|line| to.send(line)));
    lines
}

/// A job: `role` on `port` with these changes to the plan, stopped by the end of its standard input.
pub fn job(role: &str, port: &str, plan: Value) -> Value {
    json!({ "role": role, "port": port, "plan": plan, "until": "stdin" })
}

/// A socket for shared memory.
pub fn socket(directory: &Path) -> PathBuf {
    directory.join("lr.sock")
}

/// Runs a sink (or reflector) on vhost-user and a sender on virtio-user until the sender is done: (other end's, sender's) results.
pub fn pair(other: &str, other_plan: Value, send_plan: Value) -> (Value, Value) {
    let directory = tempfile::tempdir().unwrap();
    let socket = socket(directory.path());
    let (vhost, virtio) = (format!("net_vhost0,iface={}", socket.display()), format!("net_virtio_user0,path={}", socket.display()));
    let far = Engine::start(&job(other, &vhost, on(0, other_plan))).running();
    let mut send = job("send", &virtio, on(1, send_plan));
    send["link"] = json!(60.0);
    let near = Engine::start(&send);
    let sent = near.report();
    // The sender's port is still open: what is in its ring is not lost.
    let received = far.stopped();
    near.finished();
    (received, sent)
}

/// The plan on CPU `cpu`, where there is such a CPU.
fn on(cpu: u32, mut plan: Value) -> Value {
    if dataplane::CpuId::allowed().contains(&dataplane::CpuId::new(cpu)) {
        plan["cpus"] = json!([cpu]);
    }
    plan
}

/// A number of a report.
pub fn number(result: &Value, key: &str) -> u64 {
    result["report"][key].as_u64().unwrap_or_else(|| panic!("no {key} in {result}"))
}
