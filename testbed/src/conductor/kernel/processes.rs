//! A tool's server and client at the two ends of a pair, and the processor time around them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use methodology::units::Goodput;
use reporter::kernel_tools::{CommandLine, Commands, Extent, KernelSpec, KernelTool, Ready, ToolExit};
use reporter::record::{CpuCost, EndpointId, ReasonKind};

use crate::agent::{AgentError, Reply, Request, WaitLimit};
use crate::conductor::endpoint_agents::EndpointAgents;
use crate::conductor::start_line::Starter;
use crate::kernel_end::{Counted, InterfaceCounters, KernelEndError, Server, Spent, ToolCommand, ToolRun, run_tool};
use crate::topology::KernelEndpoint;

/// How long the reply of an agent may take beyond the tool itself.
const GRACE: Duration = Duration::from_secs(10);

/// How long a server that reports may take to end after its client. perftest's server ends later by the delay of its first frame: with less than its margin
/// (`MARGIN` of the tool's commands), its client still sent while it counted.
const SERVER_LIMIT: Duration = Duration::from_millis(1500);

/// What one measurement needs to know.
pub(super) struct Job<'a> {
    pub(super) tool: KernelTool,
    pub(super) spec: KernelSpec,
    pub(super) from: KernelEndpoint<'a>,
    pub(super) to: KernelEndpoint<'a>,
    pub(super) shared_machine: bool,
}

/// What a finished client left, or the server where it reports.
pub(super) struct Ran {
    pub(super) text: String,
    pub(super) exit: ToolExit,
    pub(super) cost: Option<CpuCost>,
    pub(super) counted: PathCounters,
    pub(super) commands: Vec<String>,
    /// When the client was started, and when it had ended.
    pub(super) times: (Instant, Instant),
}

/// The counters of both interfaces. None where they cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PathCounters {
    pub(super) sender: Option<InterfaceCounters>,
    pub(super) receiver: Option<InterfaceCounters>,
}

/// Why a tool did not run.
#[derive(Debug, thiserror::Error)]
pub(super) enum ToolRunError {
    #[error("endpoint {endpoint}: {source}")]
    End {
        endpoint: EndpointId,
        #[source]
        source: KernelEndError,
    },
    #[error(
        "endpoint {to}: {tool}'s server did not end within {} s after its client at {from}: too few of the client's frames arrived. Check that both interfaces are on one Ethernet segment without a router, that their MTU holds the frame, and that the NIC has flow steering",
        .limit.as_secs_f64()
    )]
    TooFewFrames { tool: KernelTool, from: EndpointId, to: EndpointId, limit: Duration },
    #[error(transparent)]
    Agent(#[from] AgentError),
    #[error(transparent)]
    Spec(#[from] reporter::kernel_tools::SpecError),
}

impl ToolRunError {
    pub(super) fn is_interruption(&self) -> bool {
        matches!(self, ToolRunError::End { source: KernelEndError::Interrupted, .. } | ToolRunError::Agent(AgentError::Interrupted { .. }))
    }

    /// The kind of reason that a record has for it.
    pub(super) fn reason_kind(&self) -> ReasonKind {
        match self {
            error if error.is_interruption() => ReasonKind::Interrupted,
            ToolRunError::End { source: KernelEndError::NotReady { .. }, .. } | ToolRunError::Agent(AgentError::Silent { .. }) => {
                ReasonKind::TimedOut
            }
            ToolRunError::TooFewFrames { .. } => ReasonKind::NothingReceived,
            ToolRunError::Agent(AgentError::Lost { .. }) => ReasonKind::AgentLost,
            ToolRunError::End { .. } | ToolRunError::Agent(_) | ToolRunError::Spec(_) => ReasonKind::ToolFailed,
        }
    }
}

/// A server that runs.
pub(super) enum Serving {
    /// On this machine.
    Here(Box<Server>),
    /// Held by the endpoint's agent.
    There,
}

impl Job<'_> {
    /// The same measurement with another end.
    pub(super) fn run_for(&self, extent: Extent, agents: &mut EndpointAgents, interrupted: &AtomicBool) -> Result<Ran, ToolRunError> {
        Job { spec: KernelSpec { extent, ..self.spec.clone() }, ..*self }.run(agents, interrupted)
    }

    pub(super) fn run(&self, agents: &mut EndpointAgents, interrupted: &AtomicBool) -> Result<Ran, ToolRunError> {
        self.run_from(None, agents, interrupted)
    }

    /// Starts the agents that it runs with, so that [`run`](Self::run) begins at once.
    pub(super) fn start_agents(&self, agents: &mut EndpointAgents, interrupted: &AtomicBool) -> Result<(), ToolRunError> {
        for end in [self.from, self.to].iter().filter(|end| !end.is_here()) {
            agents.agent(end, interrupted)?;
        }
        Ok(())
    }

    /// Runs it, the client from the common start of a group where there is one.
    pub(super) fn run_from(
        &self,
        start: Option<&Starter<'_>>,
        agents: &mut EndpointAgents,
        interrupted: &AtomicBool,
    ) -> Result<Ran, ToolRunError> {
        let commands = self.tool.commands(&self.spec)?;
        let serving = self.serve(&commands, agents, interrupted)?;
        if let Some(start) = start {
            start.wait(interrupted);
        }
        let began = Instant::now();
        let client = self.client(&commands, agents, interrupted);
        let times = (began, Instant::now());
        let reports = self.tool.server_reports(self.spec.method) && client.as_ref().is_ok_and(|client| client.exit == ToolExit::Code(0));
        // The server ends in any case, before anything is reported.
        let served = match reports {
            true => finish_serve_at(self.to, serving, agents, interrupted).map(|ran| (ran.spent, Some((ran.text, ran.exit)))),
            false => end_serve_at(self.to, serving, agents, interrupted).map(|spent| (spent, None)),
        };
        let (client, (served, reported)) = (client?, served?);
        if let Some((_, ToolExit::TimedOut(limit))) = reported {
            return Err(ToolRunError::TooFewFrames { tool: self.tool, from: self.from.id.clone(), to: self.to.id.clone(), limit });
        }
        let counted = PathCounters { sender: client.spent.counters, receiver: served.counters };
        let (sender, receiver) = (client.spent.cost, served.cost);
        let cost = (sender.is_some() || receiver.is_some()).then_some(CpuCost { sender, receiver, shared_machine: self.shared_machine });
        let (text, exit) = reported.unwrap_or((client.text, client.exit));
        Ok(Ran { text, exit, cost, counted, commands: commands.as_texts(), times })
    }

    fn serve(&self, commands: &Commands, agents: &mut EndpointAgents, interrupted: &AtomicBool) -> Result<Serving, ToolRunError> {
        let argv = commands.server.as_ref().map(argv).unwrap_or_default();
        let command = ToolCommand { argv, timeout: commands.timeout, counted: Some(counted(self.to)) };
        serve_at(self.to, command, commands.ready.clone(), agents, interrupted)
    }

    fn client(&self, commands: &Commands, agents: &mut EndpointAgents, interrupted: &AtomicBool) -> Result<ToolRun, ToolRunError> {
        let command = ToolCommand { argv: argv(&commands.client), timeout: commands.timeout, counted: Some(counted(self.from)) };
        run_tool_at(self.from, command, "run the client", WaitLimit { limit: commands.timeout + GRACE, interrupted }, agents)
    }
}

/// Starts a server at an endpoint, and reads its counters: directly on this machine, and through the endpoint's agent on another.
pub(super) fn serve_at(
    endpoint: KernelEndpoint<'_>,
    command: ToolCommand,
    ready: Option<Ready>,
    agents: &mut EndpointAgents,
    interrupted: &AtomicBool,
) -> Result<Serving, ToolRunError> {
    if endpoint.is_here() {
        let server = Server::start(&endpoint.location, command, ready).map_err(|source| ended(endpoint, source))?;
        return Ok(Serving::Here(Box::new(server)));
    }
    let wait = WaitLimit { limit: GRACE, interrupted };
    Ok(agents.ask(&endpoint, &Request::Serve { command, ready }, "start the server", wait, |reply| match reply {
        Reply::Serving => Ok(Serving::There),
        other => Err(Box::new(other)),
    })?)
}

/// Ends a server at the endpoint where it was started.
pub(super) fn end_serve_at(
    endpoint: KernelEndpoint<'_>,
    serving: Serving,
    agents: &mut EndpointAgents,
    interrupted: &AtomicBool,
) -> Result<Spent, ToolRunError> {
    match serving {
        Serving::Here(server) => Ok(server.end()),
        // Where the run ends, the agent ends, and its server with it.
        Serving::There if interrupted.load(Ordering::Relaxed) => Ok(Spent::default()),
        Serving::There => {
            let wait = WaitLimit { limit: GRACE, interrupted };
            Ok(agents.ask(&endpoint, &Request::EndServe, "end the server", wait, |reply| match reply {
                Reply::Served(spent) => Ok(spent),
                other => Err(Box::new(other)),
            })?)
        }
    }
}

/// Waits until a server ends by itself at the endpoint where it was started.
fn finish_serve_at(
    endpoint: KernelEndpoint<'_>,
    serving: Serving,
    agents: &mut EndpointAgents,
    interrupted: &AtomicBool,
) -> Result<ToolRun, ToolRunError> {
    match serving {
        Serving::Here(server) => server.finish(SERVER_LIMIT).map_err(|source| ended(endpoint, source)),
        Serving::There => {
            let wait = WaitLimit { limit: SERVER_LIMIT + GRACE, interrupted };
            Ok(agents.ask(&endpoint, &Request::FinishServe { limit: SERVER_LIMIT }, "wait for the server", wait, |reply| match reply {
                Reply::RanTool(ran) => Ok(*ran),
                other => Err(Box::new(other)),
            })?)
        }
    }
}

/// Runs a tool to its end at an endpoint: directly on this machine, and through the endpoint's agent on another.
pub(super) fn run_tool_at(
    endpoint: KernelEndpoint<'_>,
    command: ToolCommand,
    task: &str,
    wait: WaitLimit<'_>,
    agents: &mut EndpointAgents,
) -> Result<ToolRun, ToolRunError> {
    if endpoint.is_here() {
        return run_tool(&endpoint.location, &command, wait.interrupted).map_err(|source| ended(endpoint, source));
    }
    Ok(agents.ask(&endpoint, &Request::RunTool(command), task, wait, |reply| match reply {
        Reply::RanTool(ran) => Ok(*ran),
        other => Err(Box::new(other)),
    })?)
}

/// The words of a command line.
pub(super) fn argv(line: &CommandLine) -> Vec<String> {
    std::iter::once(line.program.clone()).chain(line.arguments.iter().cloned()).collect()
}

pub(super) fn counted(endpoint: KernelEndpoint<'_>) -> Counted {
    Counted { interface: endpoint.interface.to_owned() }
}

fn ended(endpoint: KernelEndpoint<'_>, source: KernelEndError) -> ToolRunError {
    ToolRunError::End { endpoint: endpoint.id.clone(), source }
}

impl Ran {
    /// What was measured and how long data went, to size the next run.
    pub(super) fn goodput(&self, tool: KernelTool) -> Option<(Goodput, Duration)> {
        let measurement = tool.parse(&self.text, self.exit).ok()?.into_iter().next()?;
        Some((measurement.values.goodput_bps?, measurement.duration?))
    }
}
