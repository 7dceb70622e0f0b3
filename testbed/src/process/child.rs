use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{self, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use super::error::ProcessError;
use super::identity::ProcessIdentity;
use super::input::Input;
use super::spawner;

/// How long a program that is asked to end (SIGTERM) has before it is killed.
const GRACE: Duration = Duration::from_millis(500);
/// How long a killed program may take to be gone.
const KILL_LIMIT: Duration = Duration::from_secs(5);
/// How long a pipe may stay open after the program has ended: something that it started and that left its group may still hold it. Long
/// enough for the thread that reads it to take what is left, on a machine that is busy too: half an output would be a wrong result.
const PIPE_LIMIT: Duration = Duration::from_secs(5);

/// The most that is kept of a program's standard output: far above what any tool writes, and far below a machine's memory.
const STDOUT_LIMIT: usize = 256 << 20;
/// The most that is kept of its standard error.
const STDERR_LIMIT: usize = 4 << 20;

/// A program that is running, in a process group of its own. Dropping it ends it, and everything it started.
///
/// What it writes to standard error is collected all the time. What it writes to standard output is for
/// [`take_stdout`](Self::take_stdout) or [`collect_stdout`](Self::collect_stdout): a program whose output is not read blocks when the pipe is full.
#[derive(Debug)]
pub struct Child {
    inner: process::Child,
    identity: Option<ProcessIdentity>,
    command: String,
    judge: Option<Judge>,
    started: Instant,
    ended: Option<(ExitStatus, Duration)>,
    stdout: Option<Collected>,
    stderr: Option<Collected>,
}

/// Gives the error where an output shows that the program was not run. The program's own failures are none.
struct Judge(Box<JudgeOutput>);

type JudgeOutput = dyn Fn(&Output) -> Option<ProcessError> + Send + Sync;

impl std::fmt::Debug for Judge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Judge")
    }
}

/// The output and the exit of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// What it wrote to standard output, where that was collected.
    pub stdout: Vec<u8>,
    /// What it wrote to standard error.
    pub stderr: Vec<u8>,
    /// How it ended.
    pub status: ExitStatus,
    /// From its start to its end, as seen here.
    pub elapsed: Duration,
    /// Whether it was ended because its time was up.
    pub timed_out: bool,
}

impl Output {
    /// Whether it ended by itself with status 0. For some tools that is no evidence: iperf3 before 3.13 and sockperf fail with status 0.
    pub fn success(&self) -> bool {
        self.status.success() && !self.timed_out
    }

    /// Standard output as text; what is not UTF-8 is replaced.
    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text; what is not UTF-8 is replaced.
    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// How it ended, as text, with the last line of standard error.
    pub fn ending(&self) -> String {
        let how = match (self.timed_out, self.status.code(), self.status.signal()) {
            (true, ..) => format!("did not end within {:.1} s and was killed", self.elapsed.as_secs_f64()),
            (_, Some(code), _) => format!("ended with status {code}"),
            (_, _, Some(signal)) => format!("was ended by signal {signal}"),
            _ => "ended".to_owned(),
        };
        match self.stderr_text().lines().rev().find(|line| !line.trim().is_empty()) {
            Some(line) => format!("{how}: {}", line.trim()),
            None => how,
        }
    }
}

impl Child {
    /// Starts a program on this machine: `words` are its path and arguments. `text` is the command in errors.
    pub(super) fn of_words(
        words: &[String],
        stdin: &Input,
        text: String,
        judge: Option<impl Fn(&Output) -> Option<ProcessError> + Send + Sync + 'static>,
    ) -> Result<Self, ProcessError> {
        let (first, rest) = words.split_first().ok_or(ProcessError::Empty)?;
        let mut command = Command::new(first);
        // Tools translate their output and write decimal commas otherwise.
        command.args(rest).env("LC_ALL", "C").stdout(Stdio::piped()).stderr(Stdio::piped());
        command.stdin(if *stdin == Input::Nothing { Stdio::null() } else { Stdio::piped() });
        // Its own group: Ctrl-C on the terminal reaches us alone, and all of it can be ended at once.
        command.process_group(0);
        let started = Instant::now();
        let mut inner = spawner::start(command).map_err(|source| ProcessError::Start { command: text.clone(), source })?;
        if let (Input::Bytes(bytes), Some(pipe)) = (stdin, inner.stdin.take_if(|_| matches!(stdin, Input::Bytes(_)))) {
            write_in_background(pipe, bytes.clone());
        }
        let stderr = inner.stderr.take().map(Collected::from_stderr);
        Ok(Child {
            identity: ProcessIdentity::of(inner.id()),
            inner,
            command: text,
            judge: judge.map(|judge| Judge(Box::new(judge))),
            started,
            ended: None,
            stdout: None,
            stderr,
        })
    }

    /// The process number of the local end: of the program itself, or of the ssh client.
    pub fn id(&self) -> u32 {
        self.inner.id()
    }

    /// The pipe to its standard input; only with [`Input::Piped`], and only once. Dropping it tells the program that the input ends.
    pub fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.inner.stdin.take()
    }

    /// The pipe from its standard output; only once.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.inner.stdout.take()
    }

    /// From now on reads its standard output into memory, for [`finish`](Self::finish) to give.
    pub fn collect_stdout(&mut self) {
        if let Some(pipe) = self.inner.stdout.take() {
            self.stdout = Some(Collected::new(pipe, STDOUT_LIMIT));
        }
    }

    /// What it has written to standard error until now, for messages and the log: lines end with a line feed only, and in place of other characters
    /// that a terminal obeys stands U+FFFD, because the program can be another machine's.
    pub fn stderr_so_far(&self) -> String {
        let text = self.stderr.as_ref().map(|stderr| String::from_utf8_lossy(&stderr.so_far()).replace("\r\n", "\n")).unwrap_or_default();
        text.chars().map(|c| if c.is_control() && !matches!(c, '\n' | '\t') { '\u{fffd}' } else { c }).collect()
    }

    /// What it has written to standard output until now, without the first `from` bytes; after [`collect_stdout`](Self::collect_stdout).
    pub fn stdout_since(&self, from: usize) -> String {
        let bytes = self.stdout.as_ref().map(Collected::so_far).unwrap_or_default();
        String::from_utf8_lossy(bytes.get(from..).unwrap_or_default()).into_owned()
    }

    /// How many bytes it has written to standard output until now.
    pub fn stdout_length(&self) -> usize {
        self.stdout.as_ref().map_or(0, |stdout| stdout.bytes.lock().unwrap_or_else(PoisonError::into_inner).len())
    }

    /// How it ended, if it has. What it started and left behind in its group is killed then.
    ///
    /// # Errors
    /// The program cannot be waited for.
    pub fn try_wait(&mut self) -> Result<Option<ExitStatus>, ProcessError> {
        if let Some((status, _)) = self.ended {
            return Ok(Some(status));
        }
        // Look first and reap afterwards: as long as it is not reaped, its number and its group are its own and can be killed safely.
        let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG;
        match waitid(Id::Pid(self.pid()), look) {
            Ok(WaitStatus::StillAlive) => Ok(None),
            Ok(_) => {
                let elapsed = self.started.elapsed();
                let _ = killpg(self.pid(), Signal::SIGKILL);
                let status = self.inner.wait().map_err(|source| self.lost(source))?;
                self.ended = Some((status, elapsed));
                Ok(Some(status))
            }
            Err(errno) => Err(self.lost(errno.into())),
        }
    }

    /// Waits for the end, at most this long; `None` if it still runs.
    ///
    /// # Errors
    /// The program cannot be waited for.
    pub fn wait_timeout(&mut self, limit: Duration) -> Result<Option<ExitStatus>, ProcessError> {
        let deadline = Instant::now().checked_add(limit);
        let mut pause = Duration::from_micros(500);
        loop {
            if let Some(status) = self.try_wait()? {
                return Ok(Some(status));
            }
            let left = deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return Ok(None);
            }
            thread::sleep(pause.min(left));
            // Rarely enough not to disturb what is being measured on the same machine.
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }

    /// Ends it and everything it started: asks first (SIGTERM), kills half a second later.
    ///
    /// # Errors
    /// It cannot be waited for, or does not end although it was killed.
    pub fn stop(&mut self) -> Result<ExitStatus, ProcessError> {
        if let Some(status) = self.try_wait()? {
            return Ok(status);
        }
        // Remembered now: once the parents are gone, nothing tells that the children were theirs.
        let mut family = self.identity.map(ProcessIdentity::descendants).unwrap_or_default();
        let _ = killpg(self.pid(), Signal::SIGTERM);
        signal_each(&family, Signal::SIGTERM);
        let ended = self.wait_timeout(GRACE)?;
        if ended.is_none() {
            family.extend(self.identity.map(ProcessIdentity::descendants).unwrap_or_default());
            let _ = killpg(self.pid(), Signal::SIGKILL);
        }
        signal_each(&family, Signal::SIGKILL);
        match ended {
            Some(status) => Ok(status),
            None => {
                let unkillable = ProcessError::Unkillable { command: self.command.clone(), pid: self.id() };
                self.wait_timeout(KILL_LIMIT)?.ok_or(unkillable)
            }
        }
    }

    /// Waits for the end, at most this long, ends it otherwise, and gives what it printed.
    ///
    /// # Errors
    /// It cannot be waited for, does not end although it was killed, or ssh did not reach the machine or found no such program there.
    pub fn finish(mut self, limit: Duration) -> Result<Output, ProcessError> {
        drop(self.inner.stdin.take());
        let timed_out = self.wait_timeout(limit)?.is_none();
        let status = self.stop()?;
        let elapsed = self.ended.map_or_else(|| self.started.elapsed(), |(_, elapsed)| elapsed);
        let stdout = self.stdout.take().map(Collected::all).unwrap_or_default();
        let stderr = self.stderr.take().map(Collected::all).unwrap_or_default();
        if stdout.len() > STDOUT_LIMIT {
            return Err(ProcessError::TooMuchOutput { command: self.command.clone(), limit_mib: STDOUT_LIMIT >> 20 });
        }
        let output = Output { stdout, stderr, status, elapsed, timed_out };
        match self.judge.as_ref().and_then(|judge| (judge.0)(&output)) {
            Some(error) => Err(error),
            None => Ok(output),
        }
    }

    fn pid(&self) -> Pid {
        // Process numbers are below 2^22 (proc_sys_kernel(5), pid_max).
        Pid::from_raw(i32::try_from(self.inner.id()).unwrap_or(i32::MAX))
    }

    fn lost(&self, source: io::Error) -> ProcessError {
        ProcessError::Watch { command: self.command.clone(), source }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        drop(self.inner.stdin.take());
        let _ = self.stop();
    }
}

fn signal_each(family: &[ProcessIdentity], signal: Signal) {
    for member in family.iter().filter(|member| member.is_alive()) {
        if let Ok(pid) = i32::try_from(member.pid) {
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }
}

/// A program that ends without reading everything breaks the pipe; how it ended says enough.
fn write_in_background(mut pipe: ChildStdin, bytes: Vec<u8>) {
    thread::spawn(move || pipe.write_all(&bytes));
}

/// What a pipe gave until now, read by a thread of its own so that no program ever waits for us.
#[derive(Debug)]
struct Collected {
    bytes: Arc<Mutex<Vec<u8>>>,
    ended: Receiver<()>,
}

impl Collected {
    fn from_stderr(pipe: ChildStderr) -> Self {
        Collected::new(pipe, STDERR_LIMIT)
    }

    /// What is beyond the limit is read and dropped.
    fn new(mut pipe: impl Read + Send + 'static, limit: usize) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let filled = Arc::clone(&bytes);
        let (end, ended) = channel();
        thread::spawn(move || {
            let mut chunk = [0; 16 * 1024];
            loop {
                match pipe.read(&mut chunk) {
                    Ok(0) => break,
                    Ok(count) => {
                        let mut filled = filled.lock().unwrap_or_else(PoisonError::into_inner);
                        let taken = count.min(limit.saturating_add(1).saturating_sub(filled.len()));
                        filled.extend_from_slice(chunk.get(..taken).unwrap_or_default());
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
            }
            let _ = end.send(());
        });
        Collected { bytes, ended }
    }

    fn so_far(&self) -> Vec<u8> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn all(self) -> Vec<u8> {
        let _ = self.ended.recv_timeout(PIPE_LIMIT);
        self.so_far()
    }
}
