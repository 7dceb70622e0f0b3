use std::io::{BufRead, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use dataplane::{
    CpuId, Dataplane, DataplaneError, DpdkVersion, EalOptions, EngineReport, Port, PortInfo, ReceivePlan, ReceiveReport, ReflectPlan,
    ReflectReport, Running, SendPlan, SendReport,
};
use reporter::environment::KernelFiles;
use thiserror::Error;

use super::check;
use super::describe::describe;
use super::held::{self, Held};
use super::lease::Lease;
use super::lines::{LINE_LIMIT, excerpt, next_line};
use super::protocol::{BUILD, CheckRequest, Greeting, LinkSeen, OpenPort, Opened, PROTOCOL, Reply, Request, TrialReply};
use crate::inventory::{PcieLink, check_native_xdp, check_port};
use crate::preflight::Check;

/// The connection to the conductor failed.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The pipe to the conductor broke.
    #[error("the agent lost its conductor: {0}")]
    Pipe(#[from] std::io::Error),
    /// A reply that cannot be written as JSON.
    #[error("the agent's reply cannot be written as JSON: {0}")]
    Encode(#[from] serde_json::Error),
}

/// The line of [`Request::Alive`], which has no reply.
const ALIVE: &str = r#"{"do":"alive"}"#;

/// How often a sender checks that its conductor is still connected. Rarely, because each check wakes a CPU.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// How often an agent that waits for its conductor checks its lease.
const LEASE_INTERVAL: Duration = Duration::from_millis(500);

/// Serves one conductor until it asks for the end, closes the pipe, or is silent for longer than the lease. A trial that runs then ends.
///
/// `kill` ends the process where the agent hangs after the end of its lease.
pub fn serve(
    requests: impl BufRead + Send + 'static,
    mut replies: impl Write,
    kill: impl FnOnce() + Send + 'static,
) -> Result<(), ServeError> {
    let greeting =
        Greeting { protocol: PROTOCOL, linerate: env!("CARGO_PKG_VERSION").to_owned(), build: BUILD.to_owned(), pid: std::process::id() };
    write_line(&mut replies, &greeting)?;
    let lease = Lease::new();
    Lease::watch(&lease, kill);
    let (said, lines) = channel();
    let (reader_lease, mut requests) = (Arc::clone(&lease), requests);
    std::thread::spawn(move || {
        while let Some(line) = next_line(&mut requests, LINE_LIMIT).transpose() {
            reader_lease.renew();
            let last = line.is_err();
            let is_heartbeat = line.as_ref().is_ok_and(|line| line == ALIVE);
            if !is_heartbeat && (said.send(line).is_err() || last) {
                break;
            }
        }
        // The thread drops the lease before it closes the channel, which ends the agent.
        reader_lease.end();
        drop(reader_lease);
        drop(said);
    });
    let mut agent = AgentState::new();
    loop {
        let line = match lines.recv_timeout(LEASE_INTERVAL) {
            Ok(line) => line?,
            Err(RecvTimeoutError::Disconnected) => break,
            // The reader ends the lease at the end of the input; lines that came before are in the channel.
            Err(RecvTimeoutError::Timeout) if lease.has_ended().load(Ordering::Relaxed) => break,
            Err(RecvTimeoutError::Timeout) => continue,
        };
        let reply = match serde_json::from_str::<Request>(&line) {
            Ok(Request::Close) => {
                // The port is closed and DPDK is cleaned up before the conductor goes on.
                agent = AgentState::new();
                Reply::Closed
            }
            Ok(request) => agent.answer(request, lease.has_ended()),
            Err(error) => Reply::Failed { error: format!("the agent does not understand `{}`: {error}", excerpt(&line)) },
        };
        write_line(&mut replies, &reply)?;
        if reply == Reply::Closed {
            break;
        }
    }
    drop(agent);
    Ok(())
}

fn write_line(to: &mut impl Write, message: &impl serde::Serialize) -> Result<(), ServeError> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    to.write_all(&line)?;
    Ok(to.flush()?)
}

/// How long a link may take to come up before a trial: a NIC trains its link after the port was started, and a vhost port learns a moment
/// later than its peer that they are connected. A trial on a link that stays down is made, and reports the link.
const LINK_LIMIT: Duration = Duration::from_secs(5);

/// Everything of one agent.
struct AgentState {
    state: State,
    held: Held,
    /// The checks of this machine, made once: they take half a second.
    checks: Option<Vec<Check>>,
}

impl AgentState {
    fn new() -> Self {
        AgentState { state: State::Empty, held: Held::default(), checks: None }
    }

    fn answer(&mut self, request: Request, ended: &AtomicBool) -> Reply {
        match request {
            Request::Describe { interface } => {
                let checks = self.checks.take().unwrap_or_else(|| check::machine(&CheckRequest::default()));
                Reply::Described(Box::new(describe(interface.as_deref(), &checks)))
            }
            Request::Check(request) => {
                let checked = check::check(&request);
                self.checks = Some(checked.checks.clone());
                Reply::Checked(Box::new(checked))
            }
            Request::CheckPort { port } => match check_port(&port) {
                Ok(()) => Reply::PortChecked,
                Err(in_use) => Reply::Failed { error: in_use.to_string() },
            },
            Request::Claim { interface } => self.held.claim(&interface),
            Request::ClaimBusyPolling { usage } => self.held.claim_busy_polling(usage),
            Request::Listen { address, ports } => self.held.listen(address, &ports),
            Request::Connect { from, to, port } => held::connect(from, to, port),
            Request::StopListening => self.held.stop_listening(),
            Request::RunTool(command) => held::tool(&command, ended),
            Request::Serve { command, ready } => self.held.serve(command, ready),
            Request::EndServe => self.held.end_serve(),
            Request::MakeDirectory => self.held.make_directory(),
            Request::RemoveDirectory { path } => self.held.remove_directory(&path),
            Request::FinishServe { limit } => self.held.finish_serve(limit),
            request => {
                let (next, reply) = std::mem::replace(&mut self.state, State::Empty).answer(request, ended);
                self.state = next;
                reply
            }
        }
    }
}

/// The agent's port. Fields are dropped in order: a poll loop ends and its port closes before DPDK is cleaned up.
enum State {
    Empty,
    Idle { port: Box<Port>, dataplane: Dataplane },
    Receiving { loop_: Running<ReceiveReport>, up_before: bool, dataplane: Dataplane },
    Reflecting { loop_: Running<ReflectReport>, up_before: bool, dataplane: Dataplane },
    Exchanging { loop_: Running<SendReport>, up_before: bool, dataplane: Dataplane },
}

impl State {
    fn answer(self, request: Request, gone: &AtomicBool) -> (State, Reply) {
        match (self, request) {
            (State::Empty, Request::Open(open)) => match check_native_xdp(&open.port) {
                // DPDK would only report that it failed to create a socket.
                Err(unsupported) => (State::Empty, Reply::Failed { error: unsupported.to_string() }),
                Ok(()) => match opened(&open) {
                    Ok((port, dataplane, dpdk)) => {
                        let pcie = PcieLink::of_devargs(&port.info().devargs, &KernelFiles::below(Path::new("/")));
                        let reply = Reply::Opened(Box::new(Opened { port: port.info().clone(), dpdk, pcie }));
                        (State::Idle { port: Box::new(port), dataplane }, reply)
                    }
                    Err(error) => (State::Empty, failed(&error)),
                },
            },
            (State::Idle { mut port, dataplane }, Request::AwaitLink { limit }) => {
                // A link that stays down is reported by the trials.
                let _ = port.wait_link_up(limit);
                let speed = port.info().link_speed;
                (State::Idle { port, dataplane }, Reply::Link { speed })
            }
            (State::Idle { mut port, dataplane }, Request::Send(plan)) => {
                let plan = SendPlan { cpus: cpus(plan.cpus, &port), ..plan };
                let up_before = port.wait_link_up(LINK_LIMIT).is_ok();
                match port.send(plan) {
                    Ok(running) => sent(running, up_before, dataplane, gone),
                    Err(error) => (State::Empty, failed(&error)),
                }
            }
            (State::Idle { mut port, dataplane }, Request::Exchange(plan)) => {
                let plan = SendPlan { cpus: cpus(plan.cpus, &port), both_ways: true, ..plan };
                let up_before = port.wait_link_up(LINK_LIMIT).is_ok();
                match port.send(plan) {
                    Ok(loop_) => (State::Exchanging { loop_, up_before, dataplane }, Reply::Started),
                    Err(error) => (State::Empty, failed(&error)),
                }
            }
            (State::Exchanging { loop_, up_before, dataplane }, Request::BeginSending) => {
                loop_.begin_sending();
                sent(loop_, up_before, dataplane, gone)
            }
            (State::Idle { mut port, dataplane }, Request::Receive(plan)) => {
                let plan = ReceivePlan { cpus: cpus(plan.cpus, &port), ..plan };
                let up_before = port.wait_link_up(LINK_LIMIT).is_ok();
                (State::Receiving { loop_: port.receive(plan), up_before, dataplane }, Reply::Started)
            }
            (State::Idle { mut port, dataplane }, Request::Reflect(plan)) => {
                let plan = ReflectPlan { cpus: cpus(plan.cpus, &port), ..plan };
                let up_before = port.wait_link_up(LINK_LIMIT).is_ok();
                (State::Reflecting { loop_: port.reflect(plan), up_before, dataplane }, Reply::Started)
            }
            (State::Receiving { loop_, up_before, dataplane }, Request::Stop) => {
                loop_.stop();
                ended(loop_, up_before, dataplane, Reply::Received)
            }
            (State::Reflecting { loop_, up_before, dataplane }, Request::Stop) => {
                loop_.stop();
                ended(loop_, up_before, dataplane, Reply::Reflected)
            }
            (state, request) => {
                let error = format!("the agent is {} and cannot do {request:?} now", state.name());
                (state, Reply::Failed { error })
            }
        }
    }

    fn name(&self) -> &'static str {
        match self {
            State::Empty => "without a port",
            State::Idle { .. } => "idle",
            State::Receiving { .. } => "receiving",
            State::Reflecting { .. } => "reflecting",
            State::Exchanging { .. } => "counting the other end's frames",
        }
    }
}

/// Waits for the end of a sender.
fn sent(running: Running<SendReport>, up_before: bool, dataplane: Dataplane, gone: &AtomicBool) -> (State, Reply) {
    while !running.is_finished() {
        if gone.load(Ordering::Relaxed) {
            running.stop();
        }
        std::thread::sleep(POLL_INTERVAL);
    }
    ended(running, up_before, dataplane, Reply::Sent)
}

/// Takes the port back from an engine, with its report.
fn ended<R: EngineReport>(loop_: Running<R>, up_before: bool, dataplane: Dataplane, reply: fn(TrialReply<R>) -> Reply) -> (State, Reply) {
    let (port, report) = loop_.join();
    let link = LinkSeen { up_before, up_after: port.link_is_up() };
    let reply = report.map_or_else(|error| failed(&error), |report| reply(TrialReply { report: Box::new(report), link }));
    (State::Idle { port: Box::new(port), dataplane }, reply)
}

/// The CPUs of the poll loops: those given, otherwise the best for the port's NUMA node.
fn cpus(given: Vec<CpuId>, port: &Port) -> Vec<CpuId> {
    let PortInfo { numa_node, queues, .. } = port.info();
    if given.is_empty() { CpuId::allowed_near(*numa_node).into_iter().take(usize::from(*queues)).collect() } else { given }
}

fn opened(open: &OpenPort) -> Result<(Port, Dataplane, DpdkVersion), DataplaneError> {
    let version = Dataplane::version()?;
    let dataplane = Dataplane::init(EalOptions { devices: vec![open.port.clone()], ..EalOptions::default() })?;
    let port = dataplane.open(&open.port, open.options.clone())?;
    Ok((port, dataplane, version))
}

fn failed(error: &DataplaneError) -> Reply {
    Reply::Failed { error: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replies(requests: &str) -> Vec<String> {
        let mut out = Vec::new();
        serve(std::io::Cursor::new(requests.to_owned()), &mut out, || {}).unwrap();
        String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn an_agent_greets_and_refuses_what_it_cannot_do_without_dying() {
        let lines = replies("{\"do\":\"stop\"}\nnonsense\n{\"do\":\"dance\"}\n");
        assert_eq!(lines.len(), 4);
        assert!(lines[0].contains(&format!(r#""protocol":{PROTOCOL}"#)));
        assert!(lines[1].contains("without a port"), "{}", lines[1]);
        assert!(lines[2].contains("nonsense") && lines[3].contains("dance"));
    }

    #[test]
    fn an_agent_that_is_asked_to_close_says_so_and_ends() {
        let lines = replies("{\"do\":\"alive\"}\n{\"do\":\"close\"}\n{\"do\":\"stop\"}\n");
        assert_eq!(lines[1..], [r#"{"reply":"closed"}"#], "a sign of life has no reply, and nothing is answered after the end");
    }

    #[test]
    fn an_interface_is_claimed_once_and_the_claim_ends_with_the_agent() {
        let claim = r#"{"do":"claim","interface":"lo"}"#;
        let lines = replies(&format!("{claim}\n{claim}\n{{\"do\":\"claim\",\"interface\":\"../lo\"}}\n"));
        assert_eq!(lines[1], r#"{"reply":"claimed"}"#);
        assert!(lines[2].contains("in-use") && lines[2].contains(&format!("process {}", std::process::id())), "{}", lines[2]);
        assert!(lines[3].contains("is not the name of an interface"), "{}", lines[3]);
        assert_eq!(replies(claim)[1], r#"{"reply":"claimed"}"#);
    }
}
