use std::io::{self, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::ChildStdin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use reporter::record::EndpointId;
use thiserror::Error;

use super::lease::HEARTBEAT;
use super::lines::{LINE_LIMIT, excerpt, next_line};
use super::protocol::{BUILD, Greeting, OpenPort, Opened, PROTOCOL, Reply, Request};
use super::start::{announced, command, remedy};
use crate::process::{Child, CommandSpec, Location, ProcessError, run, spawn};
use crate::topology::Endpoint;

/// How often a wait checks whether the user ended the run.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// How long an agent may take to greet: a process start, or an ssh connection.
const GREETING_LIMIT: Duration = Duration::from_secs(20);

/// How many lines a login may print before the greeting.
const LOGIN_LINES: usize = 1000;

/// How long an agent may take to close its port and end.
const CLOSE_LIMIT: Duration = Duration::from_secs(10);

/// How long an agent may take to end by itself when its input ends, before it is killed.
const END_LIMIT: Duration = Duration::from_secs(3);

/// The most of an agent's error that is kept.
const LONGEST_ERROR: usize = 4000;

/// How long the command that kills an agent on another machine may take.
const KILL_LIMIT: Duration = Duration::from_secs(3);

/// How long to wait for a reply, and the flag that ends the wait early.
#[derive(Debug, Clone, Copy)]
pub struct WaitLimit<'a> {
    /// At most this long.
    pub limit: Duration,
    /// Set when the user wants the run to end.
    pub interrupted: &'a AtomicBool,
}

/// An agent at an endpoint. Dropping it ends its process, also during a trial; [`close`](Self::close) waits until its port is closed.
#[derive(Debug)]
pub struct Agent {
    endpoint: EndpointId,
    location: Location,
    program: String,
    requests: Arc<Requests>,
    child: Child,
    replies: Receiver<io::Result<String>>,
    /// Its process number on another machine, once it has announced it.
    process: Option<u32>,
}

/// The pipe to an agent. The requests are written to it, and the heartbeats of [`keep_alive`].
#[derive(Debug)]
struct Requests {
    pipe: Mutex<Option<ChildStdin>>,
}

impl Requests {
    fn write(&self, request: &Request) -> io::Result<()> {
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        let mut pipe = self.pipe.lock().unwrap_or_else(PoisonError::into_inner);
        let pipe = pipe.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        pipe.write_all(&line)?;
        pipe.flush()
    }

    /// Closes the pipe, which ends the agent.
    fn end(&self) {
        *self.pipe.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Writes heartbeats from a thread, until the agent is dropped or its pipe breaks.
fn keep_alive(requests: &Arc<Requests>) {
    let requests = Arc::downgrade(requests);
    std::thread::spawn(move || {
        while let Some(requests) = requests.upgrade() {
            if requests.write(&Request::Alive).is_err() {
                return;
            }
            drop(requests);
            std::thread::sleep(HEARTBEAT);
        }
    });
}

/// An agent could not do what it was asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AgentError {
    /// Its process could not be started.
    #[error("endpoint {endpoint}: the agent did not start: {source}")]
    Start {
        /// Where.
        endpoint: EndpointId,
        /// Why.
        source: ProcessError,
    },
    /// Its process ended before its greeting.
    #[error("endpoint {endpoint}: the agent did not start: {why}; {remedy}")]
    NotStarted {
        /// Where.
        endpoint: EndpointId,
        /// How it ended, and the last line that it printed.
        why: String,
        /// What to do.
        remedy: String,
    },
    /// Its process ended, or the connection to its machine was lost.
    #[error("endpoint {endpoint}: agent exited during \"{task}\"{trace}")]
    Lost {
        /// Where.
        endpoint: EndpointId,
        /// What it was doing.
        task: String,
        /// Its exit status and the last lines of its standard error, or nothing.
        trace: String,
    },
    /// It did not answer in time.
    #[error("endpoint {endpoint}: agent did not answer \"{task}\" within {limit:?}")]
    Silent {
        /// Where.
        endpoint: EndpointId,
        /// What it was doing.
        task: String,
        /// How long was waited.
        limit: Duration,
    },
    /// It reported an error.
    #[error("endpoint {endpoint}: {error}")]
    Refused {
        /// Where.
        endpoint: EndpointId,
        /// The error.
        error: String,
    },
    /// It is another version of linerate, or its replies are out of step.
    #[error("endpoint {endpoint}: the agent is not compatible: {detail}; `linerate testbed install` copies this build to the endpoints")]
    Incompatible {
        /// Where.
        endpoint: EndpointId,
        /// What was expected, and what came.
        detail: String,
    },
    /// The user ended the run.
    #[error("endpoint {endpoint}: interrupted during \"{task}\"")]
    Interrupted {
        /// Where.
        endpoint: EndpointId,
        /// What it was doing.
        task: String,
    },
}

impl Agent {
    /// Starts an agent where the endpoint is. [`greet`](Self::greet) waits until it is ready.
    pub fn start(endpoint: &Endpoint) -> Result<Agent, AgentError> {
        let failed = |source| AgentError::Start { endpoint: endpoint.id.clone(), source };
        let mut child = spawn(&command(endpoint)).map_err(failed)?;
        let requests = Arc::new(Requests { pipe: Mutex::new(child.take_stdin()) });
        let (said, replies) = channel();
        if let Some(output) = child.take_stdout() {
            // Ends with the pipe, which ends with the agent.
            std::thread::spawn(move || {
                let mut output = BufReader::new(output);
                while let Some(line) = next_line(&mut output, LINE_LIMIT).transpose() {
                    let last = line.is_err();
                    if said.send(line).is_err() || last {
                        break;
                    }
                }
            });
        }
        keep_alive(&requests);
        let program = endpoint.program.display().to_string();
        Ok(Agent { endpoint: endpoint.id.clone(), location: endpoint.location.clone(), program, requests, child, replies, process: None })
    }

    /// Where it is.
    pub fn endpoint(&self) -> &EndpointId {
        &self.endpoint
    }

    /// Waits for its greeting, and checks that it is the same linerate. Lines that a login prints before it are skipped.
    pub fn greet(&mut self, wait: WaitLimit<'_>) -> Result<(), AgentError> {
        let deadline = Instant::now() + GREETING_LIMIT;
        let mut first = None;
        for _ in 0..LOGIN_LINES {
            let limit = deadline.saturating_duration_since(Instant::now());
            let line = match self.next_line("start", WaitLimit { limit, ..wait }) {
                Ok(line) => line,
                Err(AgentError::Lost { .. }) => return Err(self.not_started(first.as_deref())),
                Err(AgentError::Silent { .. }) => return Err(self.no_greeting(first.as_deref())),
                Err(error) => return Err(error),
            };
            if let Some(process) = announced(&line) {
                self.process = Some(process);
            } else if let Ok(greeting) = serde_json::from_str::<Greeting>(&line) {
                return self.same_linerate(&greeting);
            } else {
                first.get_or_insert(line);
            }
        }
        Err(self.no_greeting(first.as_deref()))
    }

    fn same_linerate(&self, greeting: &Greeting) -> Result<(), AgentError> {
        let version = env!("CARGO_PKG_VERSION");
        if (greeting.protocol, greeting.linerate.as_str(), greeting.build.as_str()) == (PROTOCOL, version, BUILD) {
            return Ok(());
        }
        let Greeting { protocol, linerate, build, .. } = greeting;
        let (linerate, build) = (excerpt(linerate), if build.is_empty() { "an older one".to_owned() } else { excerpt(build) });
        let detail =
            format!("it is {linerate}, build {build} (protocol {protocol}), and this is {version}, build {BUILD} (protocol {PROTOCOL})");
        Err(AgentError::Incompatible { endpoint: self.endpoint.clone(), detail })
    }

    /// The error of a process that ended before its greeting.
    fn not_started(&mut self, first: Option<&str>) -> AgentError {
        let ended = self.child.wait_timeout(END_LIMIT).ok().flatten();
        let said = self.child.stderr_so_far();
        tracing::debug!(endpoint = %self.endpoint, "the agent did not start: {ended:?}: {said}");
        let code = ended.and_then(|status| status.code());
        if let (Location::Ssh(target), Some(255)) = (&self.location, code) {
            return AgentError::Start { endpoint: self.endpoint.clone(), source: target.lost(&said) };
        }
        let last = [last_line(&said), first.unwrap_or_default()].into_iter().find(|text| !text.is_empty()).map(excerpt);
        let how = ended.map_or_else(|| "it did not answer".to_owned(), |status| status.to_string());
        let why = last.map_or_else(|| how.clone(), |last| format!("{how}: {last}"));
        AgentError::NotStarted { endpoint: self.endpoint.clone(), why, remedy: remedy(&self.program, code, &said) }
    }

    /// The error of a process that runs and sends no greeting.
    fn no_greeting(&self, first: Option<&str>) -> AgentError {
        let printed = first.map_or_else(|| "it printed nothing".to_owned(), |line| format!("it printed \"{}\"", excerpt(line)));
        let why = format!("no greeting of linerate came within {} s; {printed}", GREETING_LIMIT.as_secs());
        let remedy = format!("check that `program` ({}) is linerate there", self.program);
        AgentError::NotStarted { endpoint: self.endpoint.clone(), why, remedy }
    }

    /// Has it close its port and end, and waits for that: another process can open the port then.
    ///
    /// # Errors
    /// It does not answer in time. It is killed then.
    pub fn close(mut self) -> Result<(), AgentError> {
        let never = AtomicBool::new(false);
        let wait = WaitLimit { limit: CLOSE_LIMIT, interrupted: &never };
        match self.ask(&Request::Close, "close", wait)? {
            Reply::Closed => {
                self.requests.end();
                // Its process ends by itself; dropping it kills one that does not.
                let _ = self.child.wait_timeout(END_LIMIT);
                Ok(())
            }
            other => Err(self.unexpected(&other)),
        }
    }

    /// Has it open its port.
    pub fn open(&mut self, open: OpenPort, wait: WaitLimit<'_>) -> Result<Opened, AgentError> {
        let task = format!("open port {}", open.port);
        match self.ask(&Request::Open(open), &task, wait)? {
            Reply::Opened(opened) => Ok(*opened),
            other => Err(self.unexpected(&other)),
        }
    }

    /// Asks, and waits for the reply.
    pub fn ask(&mut self, request: &Request, task: &str, wait: WaitLimit<'_>) -> Result<Reply, AgentError> {
        self.tell(request, task)?;
        self.answer(task, wait)
    }

    /// Asks, without waiting.
    fn tell(&mut self, request: &Request, task: &str) -> Result<(), AgentError> {
        self.requests.write(request).map_err(|_| self.lost(task))
    }

    /// Waits for the reply to the last request.
    fn answer(&mut self, task: &str, wait: WaitLimit<'_>) -> Result<Reply, AgentError> {
        let line = self.next_line(task, wait)?;
        match serde_json::from_str(&line) {
            Ok(Reply::Failed { error }) => {
                let error = error.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_ERROR).collect();
                Err(AgentError::Refused { endpoint: self.endpoint.clone(), error })
            }
            Ok(reply) => Ok(reply),
            Err(_) => {
                Err(AgentError::Incompatible { endpoint: self.endpoint.clone(), detail: format!("its reply is `{}`", excerpt(&line)) })
            }
        }
    }

    fn next_line(&mut self, task: &str, wait: WaitLimit<'_>) -> Result<String, AgentError> {
        let deadline = Instant::now() + wait.limit;
        loop {
            match self.replies.recv_timeout(POLL_INTERVAL) {
                Ok(Ok(line)) => return Ok(line),
                Ok(Err(error)) => return Err(self.unreadable(&error)),
                Err(RecvTimeoutError::Disconnected) => return Err(self.lost(task)),
                Err(RecvTimeoutError::Timeout) if wait.interrupted.load(Ordering::Relaxed) => {
                    return Err(AgentError::Interrupted { endpoint: self.endpoint.clone(), task: task.to_owned() });
                }
                Err(RecvTimeoutError::Timeout) if Instant::now() >= deadline => {
                    return Err(AgentError::Silent { endpoint: self.endpoint.clone(), task: task.to_owned(), limit: wait.limit });
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    fn unreadable(&self, error: &io::Error) -> AgentError {
        AgentError::Incompatible { endpoint: self.endpoint.clone(), detail: format!("its reply cannot be read: {error}") }
    }

    /// A reply that belongs to another request: the agent is out of step and cannot be used any more.
    pub fn unexpected(&self, reply: &Reply) -> AgentError {
        AgentError::Incompatible {
            endpoint: self.endpoint.clone(),
            detail: format!("its reply `{}` belongs to another request", excerpt(&format!("{reply:?}"))),
        }
    }

    /// The error of a lost agent, where its process has ended. It comes before errors of the other end, which are its consequences.
    pub fn is_lost(&mut self, task: &str) -> Option<AgentError> {
        matches!(self.child.try_wait(), Ok(Some(_))).then(|| self.lost(task))
    }

    fn lost(&mut self, task: &str) -> AgentError {
        // Where a line cannot be read, the pipe is closed and the agent ends: the line is the cause.
        if let Some(error) = self.replies.try_iter().find_map(Result::err) {
            return self.unreadable(&error);
        }
        // Its last lines may still be in the pipe.
        let ended = self.child.wait_timeout(Duration::from_millis(200)).ok().flatten();
        let said = self.child.stderr_so_far();
        tracing::debug!(endpoint = %self.endpoint, "agent lost during \"{task}\": {ended:?}: {said}");
        let last: Vec<String> = said.lines().rev().filter(|line| !line.trim().is_empty()).take(3).map(excerpt).collect();
        let mut trace = match ended {
            Some(status) if status.signal() == Some(Signal::SIGKILL as i32) => {
                format!(" ({status}: it was killed; if memory ran out, `dmesg` says so)")
            }
            Some(status) => format!(" ({status})"),
            None => String::new(),
        };
        if let (Location::Ssh(target), Some(255)) = (&self.location, ended.and_then(|status| status.code())) {
            trace = format!(" (the connection to {target} was lost: {})", excerpt(&target.lost_reason(&said)));
        } else if !last.is_empty() {
            trace.push_str(&format!(": {}", last.into_iter().rev().collect::<Vec<_>>().join(" | ")));
        }
        AgentError::Lost { endpoint: self.endpoint.clone(), task: task.to_owned(), trace }
    }

    /// Kills the process at the other machine, which a signal to the local end of the connection does not reach.
    fn kill_there(&self) {
        let Some(process) = self.process else { return };
        // Only over an open connection: an agent whose connection was lost ends with its lease.
        if self.location.is_connected() {
            let spec = CommandSpec::new(self.location.clone(), ["kill", "-KILL", &process.to_string()]);
            let _ = run(&spec.with_timeout(KILL_LIMIT));
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.requests.end();
        let ended = self.child.wait_timeout(END_LIMIT);
        if !matches!(ended, Ok(Some(_))) {
            self.kill_there();
        }
    }
}

fn last_line(text: &str) -> &str {
    text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default()
}
