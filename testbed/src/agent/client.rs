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

/// How often a wait looks at the user's wish to end the run.
const GLANCE: Duration = Duration::from_millis(50);

/// How long an agent may take to greet: a process start, or an ssh connection.
const GREETING_LIMIT: Duration = Duration::from_secs(20);

/// How long a reply may take, and the flag that ends the wait early.
#[derive(Debug, Clone, Copy)]
pub struct Patience<'a> {
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
    #[error("no agent at {endpoint}: {source}")]
    Start {
        /// Where.
        endpoint: EndpointId,
        /// Why.
        source: ProcessError,
    },
    /// Its process ended, or its machine is gone.
    #[error("the agent at {endpoint} died while it should {task}{trace}")]
    Lost {
        /// Where.
        endpoint: EndpointId,
        /// What it was doing.
        task: String,
        /// The last of what it said, or nothing.
        trace: String,
    },
    /// It did not answer in time.
    #[error("the agent at {endpoint} did not answer within {limit:?} while it should {task}")]
    Silent {
        /// Where.
        endpoint: EndpointId,
        /// What it was doing.
        task: String,
        /// How long was waited.
        limit: Duration,
    },
    /// It said no.
    #[error("at {endpoint}: {error}")]
    Refused {
        /// Where.
        endpoint: EndpointId,
        /// Its words.
        error: String,
    },
    /// It is another linerate.
    #[error("the agent at {endpoint} is not the same linerate: {detail}; install the same version there")]
    Stranger {
        /// Where.
        endpoint: EndpointId,
        /// What was expected, and what came.
        detail: String,
    },
    /// The user ended the run.
    #[error("interrupted while the agent at {endpoint} should {task}")]
    Interrupted {
        /// Where.
        endpoint: EndpointId,
        /// What it was doing.
        task: String,
    },
}

impl Agent {
    /// Starts an agent where the endpoint is. It greets in its own time: [`greet`](Self::greet) waits for that.
    pub fn start(endpoint: &Endpoint) -> Result<Agent, AgentError> {
        let argv = [endpoint.program.display().to_string(), "agent".to_owned()];
        let spec = CommandSpec::new(endpoint.place.clone(), argv).with_stdin(Input::Piped);
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
    pub fn greet(&mut self, patience: Patience<'_>) -> Result<(), AgentError> {
        let line = self.next_line("greet", Patience { limit: GREETING_LIMIT, ..patience })?;
        let stranger = |detail: String| AgentError::Stranger { endpoint: self.endpoint.clone(), detail };
        let greeting: Greeting = serde_json::from_str(&line).map_err(|_| stranger(format!("it greets with `{line}`")))?;
        let version = env!("CARGO_PKG_VERSION");
        if greeting.protocol != PROTOCOL || greeting.linerate != version {
            let theirs = format!("version {} (protocol {})", greeting.linerate, greeting.protocol);
            return Err(stranger(format!("it is {theirs}, this is version {version} (protocol {PROTOCOL})")));
        }
        Ok(())
    }

    /// Has it open its port.
    pub fn open(&mut self, open: OpenPort, patience: Patience<'_>) -> Result<Opened, AgentError> {
        let task = format!("open {}", open.port);
        match self.ask(&Request::Open(open), &task, patience)? {
            Reply::Opened(opened) => Ok(*opened),
            other => Err(self.unexpected(&other)),
        }
    }

    /// Asks, and waits for the reply.
    pub fn ask(&mut self, request: &Request, task: &str, patience: Patience<'_>) -> Result<Reply, AgentError> {
        self.tell(request, task)?;
        self.answer(task, patience)
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
    fn answer(&mut self, task: &str, patience: Patience<'_>) -> Result<Reply, AgentError> {
        let line = self.next_line(task, patience)?;
        match serde_json::from_str(&line) {
            Ok(Reply::Failed { error }) => Err(AgentError::Refused { endpoint: self.endpoint.clone(), error }),
            Ok(reply) => Ok(reply),
            Err(_) => Err(AgentError::Stranger { endpoint: self.endpoint.clone(), detail: format!("it answers `{line}`") }),
        }
    }

    fn next_line(&mut self, task: &str, patience: Patience<'_>) -> Result<String, AgentError> {
        let deadline = Instant::now() + patience.limit;
        loop {
            match self.replies.recv_timeout(GLANCE) {
                Ok(line) => return Ok(line),
                Err(RecvTimeoutError::Disconnected) => return Err(self.lost(task)),
                Err(RecvTimeoutError::Timeout) if patience.interrupted.load(Ordering::Relaxed) => {
                    return Err(AgentError::Interrupted { endpoint: self.endpoint.clone(), task: task.to_owned() });
                }
                Err(RecvTimeoutError::Timeout) if Instant::now() >= deadline => {
                    return Err(AgentError::Silent { endpoint: self.endpoint.clone(), task: task.to_owned(), limit: patience.limit });
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// A reply that belongs to another request: the agent is out of step and cannot be used any more.
    pub fn unexpected(&self, reply: &Reply) -> AgentError {
        AgentError::Stranger { endpoint: self.endpoint.clone(), detail: format!("it answers {reply:?} to something else") }
    }

    /// That it is lost, where its process has ended: what others say of it then is hearsay.
    pub fn is_lost(&mut self, task: &str) -> Option<AgentError> {
        matches!(self.child.try_wait(), Ok(Some(_))).then(|| self.lost(task))
    }

    fn lost(&mut self, task: &str) -> AgentError {
        // What it said last may still be on its way.
        let ended = self.child.wait_timeout(Duration::from_millis(200)).ok().flatten();
        let said = self.child.stderr_so_far();
        let last: Vec<&str> = said.lines().rev().filter(|line| !line.trim().is_empty()).take(3).collect();
        let mut trace = match ended {
            Some(status) if status.signal() == Some(Signal::SIGKILL as i32) => {
                format!(" ({status}: someone killed it, or the kernel did for want of memory, which `dmesg` shows)")
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
