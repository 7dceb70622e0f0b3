//! Starting the real program, in the background too, and reading what it says.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod agents;
pub mod between;
pub mod device;
pub mod host;
pub mod pcap;
pub mod shaped_link;
pub mod sshd;
pub mod veth;
pub mod work;

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// The program under test.
pub fn linerate() -> Command {
    Command::new(env!("CARGO_BIN_EXE_linerate"))
}

/// Runs it to its end.
pub fn run(arguments: &[&str]) -> Output {
    linerate().args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// What it wrote to standard error.
pub fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The last line of standard output as JSON.
pub fn json(stdout: &[u8]) -> Value {
    let text = String::from_utf8_lossy(stdout);
    let last = text.lines().last().unwrap_or_else(|| panic!("nothing on standard output"));
    serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {last}"))
}

/// A program in the background, killed when it is dropped.
pub struct Background {
    child: Option<Child>,
    said: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
}

impl Background {
    /// Starts it with piped output.
    pub fn start(mut command: Command) -> Background {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (said, lines) = (Arc::new(Mutex::new(String::new())), BufReader::new(child.stderr.take().unwrap()));
        let heard = Arc::clone(&said);
        let reader = std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                *heard.lock().unwrap() += &format!("{line}\n");
            }
        });
        Background { child: Some(child), said, reader }
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Waits until it has said this on standard error.
    pub fn wait_for_words(&self, words: &str, limit: Duration) {
        wait_for(&format!("`{words}` on standard error"), limit, || self.said.lock().unwrap().contains(words));
    }

    /// What it has written to standard error until now.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Whether its standard error is closed, which it is when the program has ended.
    pub fn has_ended(&self) -> bool {
        self.reader.is_finished()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid() as i32), signal).unwrap();
    }

    /// Waits for the end; a program that hangs is a failed test.
    pub fn finish(mut self, limit: Duration) -> Output {
        let mut child = self.child.take().unwrap();
        let deadline = Instant::now() + limit;
        // Standard output is small here; it is read when the program has ended.
        while child.try_wait().unwrap().is_none() {
            if Instant::now() > deadline {
                child.kill().unwrap();
                panic!("did not end within {limit:?}: {}", self.said.lock().unwrap());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let output = child.wait_with_output().unwrap();
        // Until the end of standard error: what it said last is there.
        while !self.reader.is_finished() {
            std::thread::sleep(Duration::from_millis(1));
        }
        let said = self.said.lock().unwrap().clone();
        Output { stderr: said.into_bytes(), ..output }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Waits until something is true; a test that waits in vain fails with its name.
pub fn wait_for(what: &str, limit: Duration, mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !happened() {
        assert!(Instant::now() < deadline, "{what} did not happen within {limit:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Writes a file that can be executed.
pub fn executable(file: &Path, text: impl AsRef<[u8]>) {
    std::fs::write(file, text).unwrap();
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Every record of a run directory, in order.
pub fn records(directory: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(directory.join("results.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
