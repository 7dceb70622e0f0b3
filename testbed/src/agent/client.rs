use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::ChildStdin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use reporter::record::EndpointId;
use thiserror::Error;

use super::protocol::{Greeting, OpenPort, Opened, PROTOCOL, Reply, Request};
use crate::process::{Child, CommandSpec, Input, ProcessError, spawn};
use crate::topology::Endpoint;

/// How often a wait checks whether the user ended the run.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// How long an agent may take to greet: a process start, or an ssh connection.
const GREETING_LIMIT: Duration = Duration::from_secs(20);

/// How long to wait for a reply, and the flag that ends the wait early.
#[derive(Debug, Clone, Copy)]
pub struct WaitLimit<'a> {
    /// At most this long.
    pub limit: Duration,
    /// Set when the user wants the run to end.
    pub interrupted: &'a AtomicBool,
}

/// An agent at an endpoint. Dropping it ends its process, wherever it is in a trial.
#[derive(Debug)]
pub struct Agent {
    endpoint: EndpointId,
    // The pipe is closed first: an agent behind ssh ends when its input does.
    requests: Option<ChildStdin>,
    child: Child,
    replies: Receiver<String>,
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
    /// Its process ended, or its machine is gone.
    #[error("endpoint {endpoint}: agent exited during \"{task}\"{trace}")]
    Lost {
        /// Where.
        endpoint: EndpointId,
        /// What it was doing.
        task: String,
        /// The last of what it said, or nothing.
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
    #[error("endpoint {endpoint}: the agent is not compatible: {detail}; install the same version of linerate there")]
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
        let argv = [endpoint.program.display().to_string(), "agent".to_owned()];
        let spec = CommandSpec::new(endpoint.location.clone(), argv).with_stdin(Input::Piped);
        let failed = |source| AgentError::Start { endpoint: endpoint.id.clone(), source };
        let mut child = spawn(&spec).map_err(failed)?;
        let requests = child.take_stdin();
        let (said, replies) = channel();
        if let Some(output) = child.take_stdout() {
            // Ends with the pipe, which ends with the agent.
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if said.send(line).is_err() {
                        break;
                    }
                }
            });
        }
        Ok(Agent { endpoint: endpoint.id.clone(), requests, child, replies })
    }

    /// Where it is.
    pub fn endpoint(&self) -> &EndpointId {
        &self.endpoint
    }

    /// Waits for its greeting, and checks that it is the same linerate.
    pub fn greet(&mut self, wait: WaitLimit<'_>) -> Result<(), AgentError> {
        let line = self.next_line("start", WaitLimit { limit: GREETING_LIMIT, ..wait })?;
        let incompatible = |detail: String| AgentError::Incompatible { endpoint: self.endpoint.clone(), detail };
        let greeting: Greeting = serde_json::from_str(&line).map_err(|_| incompatible(format!("its greeting is `{line}`")))?;
        let version = env!("CARGO_PKG_VERSION");
        if greeting.protocol != PROTOCOL || greeting.linerate != version {
            let theirs = format!("version {} (protocol {})", greeting.linerate, greeting.protocol);
            return Err(incompatible(format!("it is {theirs}, this is version {version} (protocol {PROTOCOL})")));
        }
        Ok(())
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
        let written = serde_json::to_vec(request).ok().and_then(|mut line| {
            line.push(b'\n');
            let pipe = self.requests.as_mut()?;
            pipe.write_all(&line).and_then(|()| pipe.flush()).ok()
        });
        written.ok_or_else(|| self.lost(task))
    }

    /// Waits for the reply to the last request.
    fn answer(&mut self, task: &str, wait: WaitLimit<'_>) -> Result<Reply, AgentError> {
        let line = self.next_line(task, wait)?;
        match serde_json::from_str(&line) {
            Ok(Reply::Failed { error }) => Err(AgentError::Refused { endpoint: self.endpoint.clone(), error }),
            Ok(reply) => Ok(reply),
            Err(_) => Err(AgentError::Incompatible { endpoint: self.endpoint.clone(), detail: format!("its reply is `{line}`") }),
        }
    }

    fn next_line(&mut self, task: &str, wait: WaitLimit<'_>) -> Result<String, AgentError> {
        let deadline = Instant::now() + wait.limit;
        loop {
            match self.replies.recv_timeout(POLL_INTERVAL) {
                Ok(line) => return Ok(line),
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

    /// A reply that belongs to another request: the agent is out of step and cannot be used any more.
    pub fn unexpected(&self, reply: &Reply) -> AgentError {
        AgentError::Incompatible { endpoint: self.endpoint.clone(), detail: format!("its reply {reply:?} belongs to another request") }
    }

    /// The error of a lost agent, where its process has ended. It comes before errors of the other end, which are its consequences.
    pub fn is_lost(&mut self, task: &str) -> Option<AgentError> {
        matches!(self.child.try_wait(), Ok(Some(_))).then(|| self.lost(task))
    }

    fn lost(&mut self, task: &str) -> AgentError {
        // Its last lines may still be in the pipe.
        let ended = self.child.wait_timeout(Duration::from_millis(200)).ok().flatten();
        let said = self.child.stderr_so_far();
        let last: Vec<&str> = said.lines().rev().filter(|line| !line.trim().is_empty()).take(3).collect();
        let mut trace = match ended {
            Some(status) if status.signal() == Some(Signal::SIGKILL as i32) => {
                format!(" ({status}: it was killed; if memory ran out, `dmesg` says so)")
            }
            Some(status) => format!(" ({status})"),
            None => String::new(),
        };
        if !last.is_empty() {
            trace.push_str(&format!(": {}", last.into_iter().rev().collect::<Vec<_>>().join(" | ")));
        }
        AgentError::Lost { endpoint: self.endpoint.clone(), task: task.to_owned(), trace }
    }
}
