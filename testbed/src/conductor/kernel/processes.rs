//! A tool's server and client, and the processor time around them.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use methodology::units::{Goodput, Seconds};
use reporter::kernel_tools::{
    CommandLine, Commands, CpuSnapshot, Extent, KernelSpec, KernelTool, ToolExit, Transport, is_listening, raw_text,
};
use reporter::record::CpuCost;

use super::command::command;
use super::interface::PathCounters;
use crate::process::{Child, Location, Output, ProcessError, run, spawn};
use crate::topology::KernelEndpoint;

/// How often a wait for a client checks whether the user ended the run.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// How long a server may take to listen.
const READY_LIMIT: Duration = Duration::from_secs(5);

/// What one measurement needs to know.
pub(super) struct Job<'a> {
    pub(super) tool: KernelTool,
    pub(super) spec: KernelSpec,
    pub(super) from: KernelEndpoint<'a>,
    pub(super) to: KernelEndpoint<'a>,
    pub(super) shared_machine: bool,
}

/// What a finished client left.
pub(super) struct Ran {
    pub(super) text: String,
    pub(super) exit: ToolExit,
    pub(super) cost: Option<CpuCost>,
    pub(super) counted: PathCounters,
    pub(super) commands: Vec<String>,
}

/// Why a tool did not run.
#[derive(Debug, thiserror::Error)]
pub(super) enum ToolRunError {
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error(transparent)]
    Spec(#[from] reporter::kernel_tools::SpecError),
    #[error("interrupted")]
    Interrupted,
    #[error("{location}: server `{command}` did not listen on port {port} within {}: {said}", Seconds::from(READY_LIMIT))]
    NotReady { command: String, location: String, port: u16, said: String },
}

impl Job<'_> {
    /// The same measurement with another end.
    pub(super) fn run_for(&self, extent: Extent, interrupted: &AtomicBool) -> Result<Ran, ToolRunError> {
        Job { spec: KernelSpec { extent, ..self.spec.clone() }, ..*self }.run(interrupted)
    }

    pub(super) fn run(&self, interrupted: &AtomicBool) -> Result<Ran, ToolRunError> {
        let commands = self.tool.commands(&self.spec)?;
        let _server = self.server(&commands)?;
        let counted = PathCounters::read(self.from, self.to);
        let before = (cpu_times(&self.from.location), cpu_times(&self.to.location));
        let started = Instant::now();
        let mut client = spawn(&command(&self.from.location, &commands.client, commands.timeout))?;
        client.collect_stdout();
        let deadline = started + commands.timeout;
        while client.wait_timeout(POLL_INTERVAL)?.is_none() && Instant::now() < deadline {
            if interrupted.load(Ordering::Relaxed) {
                return Err(ToolRunError::Interrupted);
            }
        }
        let output = client.finish(Duration::ZERO)?;
        let wall = started.elapsed();
        let after = (cpu_times(&self.from.location), cpu_times(&self.to.location));
        let counted = PathCounters::read(self.from, self.to).since(counted);
        let between = |before: Option<CpuSnapshot>, after: Option<CpuSnapshot>| after?.cost_since(&before?, wall).ok();
        let (sender, receiver) = (between(before.0, after.0), between(before.1, after.1));
        let cost = (sender.is_some() || receiver.is_some()).then_some(CpuCost { sender, receiver, shared_machine: self.shared_machine });
        Ok(Ran {
            text: raw_text(&output.stdout, &output.stderr),
            exit: exit(&output, commands.timeout),
            cost,
            counted,
            commands: commands.as_texts(),
        })
    }

    /// The server, listening. It ends when it is dropped.
    fn server(&self, commands: &Commands) -> Result<Option<Child>, ToolRunError> {
        let Some(line) = &commands.server else { return Ok(None) };
        let mut server = spawn(&command(&self.to.location, line, commands.timeout + READY_LIMIT))?;
        server.collect_stdout();
        let Some((transport, port)) = commands.ready else { return Ok(Some(server)) };
        let deadline = Instant::now() + READY_LIMIT;
        loop {
            if is_listening(&self.sockets(&server, transport), transport, port) {
                return Ok(Some(server));
            }
            let ended = server.try_wait()?;
            if ended.is_some() || Instant::now() >= deadline {
                let said = server.stderr_so_far();
                let said = said.lines().last().unwrap_or("it printed no error").to_owned();
                return Err(ToolRunError::NotReady { command: line.to_string(), location: self.to.location.to_string(), port, said });
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// The open sockets where the server is. On this machine its process tells which namespace that is.
    fn sockets(&self, server: &Child, transport: Transport) -> String {
        let name = if transport == Transport::Udp { "udp" } else { "tcp" };
        match &self.to.location {
            Location::Here | Location::Namespace(_) => {
                let folder = format!("/proc/{}/net", server.id());
                let read = |file: String| std::fs::read_to_string(Path::new(&folder).join(file)).unwrap_or_default();
                read(name.to_owned()) + &read(format!("{name}6"))
            }
            Location::Ssh(_) | Location::Container(_) => {
                let cat = CommandLine::new("cat", [format!("/proc/net/{name}"), format!("/proc/net/{name}6")]);
                run(&command(&self.to.location, &cat, Duration::from_secs(5))).map(|output| output.stdout_text()).unwrap_or_default()
            }
        }
    }
}

impl Ran {
    /// What was measured and how long data went, to size the next run.
    pub(super) fn goodput(&self, tool: KernelTool) -> Option<(Goodput, Duration)> {
        let measurement = tool.parse(&self.text, self.exit).ok()?.into_iter().next()?;
        Some((measurement.values.goodput_bps?, measurement.duration?))
    }
}

fn exit(output: &Output, limit: Duration) -> ToolExit {
    use std::os::unix::process::ExitStatusExt;
    match (output.timed_out, output.status.code(), output.status.signal()) {
        (true, ..) => ToolExit::TimedOut(limit),
        (_, Some(code), _) => ToolExit::Code(code),
        (_, _, Some(signal)) => ToolExit::Signal(signal),
        _ => ToolExit::Unknown,
    }
}

/// The processor times where an endpoint is: of the whole machine, which a network namespace is not.
fn cpu_times(location: &Location) -> Option<CpuSnapshot> {
    let text = match location {
        Location::Here | Location::Namespace(_) => std::fs::read_to_string("/proc/stat").ok()?,
        Location::Ssh(_) | Location::Container(_) => run(&command(location, &CommandLine::new("cat", ["/proc/stat"]), Duration::from_secs(5))).ok()?.stdout_text(),
    };
    CpuSnapshot::parse(&text).ok()
}
