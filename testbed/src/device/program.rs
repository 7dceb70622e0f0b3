//! The process of a device: it is written to, its output is kept, and it ends with this process.

use std::io::Write;
use std::process::ChildStdin;
use std::time::{Duration, Instant};

use super::error::DeviceError;
use super::place::Place;
use crate::process::{Child, CommandSpec, Input, spawn};

/// How often the output is looked at.
const INTERVAL: Duration = Duration::from_millis(5);

/// The most of the last output that a message has.
const MOST_SAID: usize = 300;

/// Runs a program and ends it, with what it started, when the input ends: so it also ends where the connection to its machine is lost or this
/// process is killed. The input is passed on as descriptor 3, because a shell gives commands in the background none (POSIX, "Asynchronous Lists").
const UNTIL_INPUT_ENDS: &str = r#"exec 3<&0
setsid "$@" </dev/null 3<&- & program=$!
{ cat <&3 >/dev/null 2>&1; kill -TERM -"$program"; sleep 1; kill -KILL -"$program"; } >/dev/null 2>&1 & watcher=$!
exec 3<&-
wait "$program"; status=$?
kill "$watcher" 2>/dev/null
exit "$status""#;

/// A device's process.
#[derive(Debug)]
pub(super) struct Program {
    place: Place,
    child: Child,
    input: Option<ChildStdin>,
    command: String,
}

impl Program {
    /// Starts a program that ends when its input does, such as testpmd.
    pub(super) fn start(place: &Place, words: &[String]) -> Result<Program, DeviceError> {
        let spec = CommandSpec::new(place.location.clone(), words.iter().cloned()).with_stdin(Input::Piped);
        let mut child = spawn(&spec).map_err(|source| DeviceError::Process { device: place.device.clone(), source })?;
        child.collect_stdout();
        let input = child.take_stdin();
        Ok(Program { place: place.clone(), child, input, command: spec.to_string() })
    }

    /// Starts a program that does not read its input. It gets an end of its own.
    pub(super) fn start_any(place: &Place, words: &[String]) -> Result<Program, DeviceError> {
        // The shell would say only that something was not found.
        place.ask(&["sh", "-c", "command -v \"$1\" || { echo \"there is no such program: $1\" >&2; exit 1; }", "sh", &words[0]])?;
        let wrapped = ["sh", "-c", UNTIL_INPUT_ENDS, "sh"].into_iter().map(str::to_owned).chain(words.iter().cloned());
        let program = Program::start(place, &wrapped.collect::<Vec<_>>())?;
        Ok(Program { command: words.join(" "), ..program })
    }

    /// The same under another name in messages, where the command is long.
    pub(super) fn named(self, command: String) -> Program {
        Program { command, ..self }
    }

    /// The command, as one would type it.
    pub(super) fn command(&self) -> &str {
        &self.command
    }

    /// Writes a line and waits until `read` makes something of what is printed from then on.
    pub(super) fn ask<T>(&mut self, line: &str, limit: Duration, read: impl Fn(&str) -> Option<T>) -> Result<T, DeviceError> {
        let from = self.child.stdout_length();
        if let Some(input) = &mut self.input {
            // How it ended says more than a pipe that broke.
            let _ = input.write_all(format!("{line}\n").as_bytes()).and_then(|()| input.flush());
        }
        self.wait_for(from, limit, read).map_err(|error| match error {
            DeviceError::NotReady { device, place, state, .. } => {
                DeviceError::NoCounters { device, place, command: line.to_owned(), said: state }
            }
            other => other,
        })
    }

    /// Waits until `read` makes something of what was printed after the first `from` bytes.
    pub(super) fn wait_for<T>(&mut self, from: usize, limit: Duration, read: impl Fn(&str) -> Option<T>) -> Result<T, DeviceError> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(found) = read(&self.child.stdout_since(from)) {
                return Ok(found);
            }
            self.check()?;
            if Instant::now() >= deadline {
                return Err(DeviceError::NotReady {
                    device: self.place.device.clone(),
                    place: self.place.location.to_string(),
                    limit_s: limit.as_secs(),
                    state: format!("`{}` runs, and its last output is: {}", self.command, self.last_words()),
                });
            }
            std::thread::sleep(INTERVAL);
        }
    }

    /// An error where it has ended.
    pub(super) fn check(&mut self) -> Result<(), DeviceError> {
        let ended = self.child.try_wait().map_err(|source| DeviceError::Process { device: self.place.device.clone(), source })?;
        let Some(status) = ended else { return Ok(()) };
        Err(DeviceError::Ended {
            device: self.place.device.clone(),
            place: self.place.location.to_string(),
            ending: format!("`{}` ended ({status}); its last output is: {}", self.command, self.last_words()),
        })
    }

    /// Everything that it has printed.
    pub(super) fn output(&self) -> String {
        format!("{}{}", self.child.stdout_since(0), self.child.stderr_so_far())
    }

    fn last_words(&self) -> String {
        let output = self.output();
        let lines: Vec<&str> = output.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let last = lines[lines.len().saturating_sub(3)..].join("; ");
        match last.char_indices().rev().nth(MOST_SAID) {
            _ if last.is_empty() => "nothing".to_owned(),
            Some((start, _)) => format!("…{}", &last[start..]),
            None => last,
        }
    }

    /// Writes a last line, and waits a moment for the end; then the process is ended.
    pub(super) fn stop(mut self, last_line: Option<&str>) {
        if let (Some(line), Some(input)) = (last_line, &mut self.input) {
            let _ = input.write_all(format!("{line}\n").as_bytes());
        }
        drop(self.input.take());
        let _ = self.child.wait_timeout(Duration::from_secs(3));
        let _ = self.child.stop();
    }
}
