//! One kernel measurement: server tool, client tool, their raw output, the record.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use methodology::units::{FrameSize, Goodput, Seconds, tcp_goodput_ceiling};
use reporter::archive::{ArchiveError, RunDirectory};
use reporter::kernel_tools::{
    CommandLine, Commands, CpuSnapshot, Extent, KernelSpec, KernelTool, Measurement, MessageSize, Method, RecordContext, ToolError,
    ToolExit, Transport, failed_record, is_listening, raw_text,
};
use reporter::record::{Ceiling, CeilingKind, CpuCost, Pair, Reason, ReasonKind, Record, State, Verdict, View};

use super::frame_view::{self, InterfaceCounters};
use super::schedule::Step;
use crate::plan::{Protocol, What};
use crate::process::{Child, CommandSpec, Output, Place, ProcessError, run, spawn};
use crate::topology::{Endpoint, Testbed, TestbedError};

/// Away from the tools' own ports, so that a server someone else left running is not measured by mistake.
const PORT: u16 = 15_201;

/// How often a running client is looked at for the user's wish to end the run.
const GLANCE: Duration = Duration::from_millis(100);

/// How long a server may take to listen.
const READY_LIMIT: Duration = Duration::from_secs(5);

/// What is remembered from one kernel measurement to the next.
#[derive(Debug, Default)]
pub struct KernelTools {
    /// Goodput seen at a message size: how many bytes a run of less than a second should send.
    seen: BTreeMap<(Pair, Protocol, u32), Goodput>,
    /// Versions by endpoint place and tool.
    versions: BTreeMap<(String, KernelTool), String>,
}

/// What one measurement needs to know.
struct Job<'a> {
    tool: KernelTool,
    spec: KernelSpec,
    from: &'a Endpoint,
    to: &'a Endpoint,
    shared_machine: bool,
}

/// What a finished client left.
struct Ran {
    text: String,
    exit: ToolExit,
    cost: Option<CpuCost>,
    commands: Vec<String>,
}

impl KernelTools {
    /// Measures, keeps the raw output, and makes the record. A tool that fails makes a `failed` record, not an error.
    ///
    /// # Errors
    /// The run directory cannot be written; the testbed has no such endpoint.
    pub fn measure(
        &mut self,
        step: &Step<'_>,
        testbed: &Testbed,
        directory: &RunDirectory,
        interrupted: &AtomicBool,
    ) -> Result<Record, KernelError> {
        let (from, to) = (testbed.endpoint(&step.pair.from)?, testbed.endpoint(&step.pair.to)?);
        let Some((tool, spec, wanted)) = self.spec(step, from, to) else {
            return Ok(super::failed(step, directory, ReasonKind::Other, "this is no kernel measurement"));
        };
        let mut job = Job { tool, spec, from, to, shared_machine: testbed.emulated };
        let framed = matches!(step.what, What::KernelStream { protocol: Protocol::Udp, .. });
        let counters = || framed.then(|| InterfaceCounters::read(to)).flatten();
        let before = counters();
        let mut ran = job.run(interrupted);
        // Two more runs are enough: one with the right number of bytes, and one by time where bytes do not end in time.
        for _ in 0..2 {
            let Some((goodput, took)) = ran.as_ref().ok().and_then(|ran| ran.goodput(tool)) else { break };
            let next = match TransferLength::of(job.spec.extent, took, wanted.duration()) {
                TransferLength::AsPlanned => {
                    self.seen.insert((step.pair.clone(), protocol_of(step.what), step.size.bytes()), goodput);
                    break;
                }
                TransferLength::ByTime => break,
                TransferLength::TooShort => Extent::bytes_for(goodput, wanted.duration()),
                TransferLength::TooLong => Extent::For(wanted.duration()),
            };
            match job.run_for(next, interrupted) {
                Ok(again) => {
                    ran = Ok(again);
                    job.spec.extent = next;
                }
                // The first run stays in the record, which judges its length below.
                Err(_) => break,
            }
        }
        let mut context = RecordContext::new(step.id.clone(), jiff::Timestamp::now(), step.pair.clone());
        context.size = Some(job.spec.size);
        context.repetition = step.repetition;
        context.provenance = directory.provenance().clone();
        context.view = View::Application;
        context.ceiling = Some(ceiling(from, to, job.spec.transport));
        context.version = self.version(tool, &from.place);
        match ran {
            Ok(ran) => {
                let name = format!("{}.{}", step.id.0.replace('/', "_"), tool.raw_extension());
                context.raw = Some(directory.store_raw(&name, ran.text.as_bytes())?);
                context.commands = ran.commands;
                context.cpu = ran.cost;
                context.exit = ran.exit;
                let mut record = record(tool, &job.spec, &ran.text, ran.exit, &context);
                judge_length(&mut record, job.spec.extent, wanted.duration());
                if framed {
                    frame_view::prove(&mut record, step.size, before, counters());
                }
                Ok(record)
            }
            Err(error) => {
                let kind = match error {
                    RunError::NotReady { .. } => ReasonKind::TimedOut,
                    RunError::Interrupted => ReasonKind::Interrupted,
                    RunError::Process(_) | RunError::Spec(_) => ReasonKind::ToolFailed,
                };
                Ok(super::failed(step, directory, kind, &error.to_string()))
            }
        }
    }

    fn spec(&mut self, step: &Step<'_>, from: &Endpoint, to: &Endpoint) -> Option<(KernelTool, KernelSpec, Seconds)> {
        let (tool, method, protocol, size, duration) = match *step.what {
            What::KernelStream { protocol, tool, duration } => {
                (tool, Method::Stream, protocol, stream_message(protocol, step.size), duration)
            }
            What::KernelPingPong { protocol, tool, duration } => {
                // As much payload as a UDP test frame of that size carries, so that like is compared with like.
                (tool, Method::PingPong, protocol, step.size.udp4_payload(), duration)
            }
            What::RoundTrip { .. } | What::Procedure { .. } => return None,
        };
        let transport = protocol.transport();
        let whole = duration.seconds() >= 1.0;
        let version = self.version(tool, &from.place);
        let extent = if !whole && tool.ends_after_bytes(version.as_deref()) {
            // Unknown yet: what a slow machine sends in system calls of this size; the first run corrects it.
            let guess = Goodput::new(2e5 * 8.0 * f64::from(size)).unwrap_or(Goodput::ZERO);
            let own = self.seen.get(&(step.pair.clone(), protocol, step.size.bytes()));
            // Nor may the slowest pair's rate be far off for another: the first run that is too short is made again.
            let slowest =
                self.seen.iter().filter(|((_, of, size), _)| (*of, *size) == (protocol, step.size.bytes())).map(|(_, rate)| *rate);
            let slowest = slowest.min_by(|a, b| a.bps().total_cmp(&b.bps()));
            let expected = own.copied().or(slowest).unwrap_or(guess);
            Extent::bytes_for(expected, duration.duration())
        } else {
            Extent::For(duration.duration())
        };
        let spec = KernelSpec::new(method, transport, to.address, PORT, MessageSize::new(size)?, extent);
        Some((tool, spec, duration))
    }

    fn version(&mut self, tool: KernelTool, place: &Place) -> Option<String> {
        // The tools whose output carries their version need no second call.
        let key = (place.to_string(), tool);
        if let Some(version) = self.versions.get(&key) {
            return Some(version.clone());
        }
        let output = run(&command(place, &tool.version_command(), Duration::from_secs(5))).ok()?;
        let version = first_version(&raw_text(&output.stdout, &output.stderr))?;
        self.versions.insert(key, version.clone());
        Some(version)
    }
}

/// A stream's message: what an application writes into TCP, or the datagram that makes a frame of this size.
fn stream_message(protocol: Protocol, size: FrameSize) -> u32 {
    match protocol {
        Protocol::Tcp => size.bytes(),
        Protocol::Udp => size.udp4_payload(),
    }
}

fn protocol_of(what: &What) -> Protocol {
    match *what {
        What::KernelStream { protocol, .. } | What::KernelPingPong { protocol, .. } => protocol,
        What::RoundTrip { .. } | What::Procedure { .. } => Protocol::Udp,
    }
}

/// `iperf 3.12 (cJSON 1.7.15)` and its like: the first word that begins with a digit.
fn first_version(text: &str) -> Option<String> {
    let words = text.split(|c: char| c.is_whitespace() || c == ',');
    words
        .map(|word| word.trim_start_matches('v'))
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.'))
        .map(str::to_owned)
}

/// What the kernel cannot exceed: the link's speed, and for TCP what its headers leave of it at the sender's MTU. Virtual links have none.
fn ceiling(from: &Endpoint, to: &Endpoint, transport: Transport) -> Ceiling {
    // The slower end is the limit.
    let Some(link) = [from.link, to.link].into_iter().flatten().min() else {
        return Ceiling { kind: CeilingKind::None, l1_bps: None, pps: None, goodput_bps: None };
    };
    let line = Ceiling { kind: CeilingKind::LineRate, l1_bps: Some(link.bps() as f64), pps: None, goodput_bps: None };
    match mtu(from).filter(|_| transport == Transport::Tcp) {
        // Linux sends timestamps in every segment unless it is told not to (net.ipv4.tcp_timestamps).
        Some(mtu) => Ceiling { kind: CeilingKind::TcpGoodput, goodput_bps: Some(tcp_goodput_ceiling(link, mtu, true).bps()), ..line },
        None => line,
    }
}

/// The MTU of the interface that an endpoint's kernel traffic leaves by.
fn mtu(endpoint: &Endpoint) -> Option<u32> {
    let file = CommandLine::new("cat", [format!("/sys/class/net/{}/mtu", endpoint.interface)]);
    let output = run(&command(&endpoint.place, &file, Duration::from_secs(5))).ok().filter(Output::success)?;
    output.stdout_text().trim().parse().ok()
}

fn record(tool: KernelTool, spec: &KernelSpec, text: &str, exit: ToolExit, context: &RecordContext) -> Record {
    let first: Result<Measurement, ToolError> = tool.parse(text, exit).map(|mut all| all.swap_remove(0));
    match first {
        Ok(measurement) => match measurement.into_record(0, context) {
            Ok(record) => record,
            // Cannot happen while the context names a size; a record says it all the same.
            Err(unknown) => failed_record(tool, spec, context, &ToolError::Unreadable { tool, why: unknown.to_string() }),
        },
        Err(error) => failed_record(tool, spec, context, &error),
    }
}

/// How long a transfer by bytes lasted beside what was planned for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TransferLength {
    /// The run ended by time: its length is what was asked for.
    ByTime,
    /// Long enough to be a result, and not longer than planned.
    AsPlanned,
    /// Mostly start-up: it is no result, but says how many bytes to send.
    TooShort,
    /// The estimate of the rate was wrong, or the tool noticed the end late. Its rate sizes no other transfer.
    TooLong,
}

impl TransferLength {
    fn of(extent: Extent, took: Duration, wanted: Duration) -> Self {
        match extent {
            Extent::Bytes(_) if took < wanted / 2 => TransferLength::TooShort,
            Extent::Bytes(_) if took > wanted * 2 => TransferLength::TooLong,
            Extent::Bytes(_) => TransferLength::AsPlanned,
            Extent::For(_) | Extent::Messages(_) => TransferLength::ByTime,
        }
    }
}

/// A transfer by bytes that lasted much longer than planned is invalid: part of its time can be the tool's own wait.
fn judge_length(record: &mut Record, extent: Extent, wanted: Duration) {
    let took = record.duration_s.filter(|_| record.verdict.state != State::Failed).and_then(|seconds| Seconds::new(seconds).ok());
    let Some(took) = took else { return };
    if TransferLength::of(extent, took.duration(), wanted) == TransferLength::TooLong {
        let detail = format!(
            "the transfer was planned for {} and lasted {took}: part of that time can be the tool's wait for its own timer, and the rate too low",
            Seconds::from(wanted)
        );
        let mut reasons = record.verdict.reasons.clone();
        reasons.push(Reason { kind: ReasonKind::Implausible, detail });
        record.verdict = Verdict::invalid(reasons);
    }
}

/// A kernel measurement that cannot be kept or placed.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// The run directory.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The testbed.
    #[error(transparent)]
    Testbed(#[from] TestbedError),
}

/// Why a tool did not run.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error(transparent)]
    Spec(#[from] reporter::kernel_tools::SpecError),
    #[error("interrupted")]
    Interrupted,
    #[error("the server `{command}` at {place} did not listen on port {port} within {}: {said}", Seconds::from(READY_LIMIT))]
    NotReady { command: String, place: String, port: u16, said: String },
}

impl Job<'_> {
    /// The same measurement with another end.
    fn run_for(&self, extent: Extent, interrupted: &AtomicBool) -> Result<Ran, RunError> {
        Job { spec: KernelSpec { extent, ..self.spec.clone() }, ..*self }.run(interrupted)
    }

    fn run(&self, interrupted: &AtomicBool) -> Result<Ran, RunError> {
        let commands = self.tool.commands(&self.spec)?;
        let _server = self.server(&commands)?;
        let before = (cpu_times(&self.from.place), cpu_times(&self.to.place));
        let started = Instant::now();
        let mut client = spawn(&command(&self.from.place, &commands.client, commands.timeout))?;
        client.collect_stdout();
        let deadline = started + commands.timeout;
        while client.wait_timeout(GLANCE)?.is_none() && Instant::now() < deadline {
            if interrupted.load(Ordering::Relaxed) {
                return Err(RunError::Interrupted);
            }
        }
        let output = client.finish(Duration::ZERO)?;
        let wall = started.elapsed();
        let after = (cpu_times(&self.from.place), cpu_times(&self.to.place));
        let between = |before: Option<CpuSnapshot>, after: Option<CpuSnapshot>| after?.cost_since(&before?, wall).ok();
        let (sender, receiver) = (between(before.0, after.0), between(before.1, after.1));
        let cost = (sender.is_some() || receiver.is_some()).then_some(CpuCost { sender, receiver, shared_machine: self.shared_machine });
        Ok(Ran {
            text: raw_text(&output.stdout, &output.stderr),
            exit: exit(&output, commands.timeout),
            cost,
            commands: commands.as_texts(),
        })
    }

    /// The server, listening. It ends when it is dropped.
    fn server(&self, commands: &Commands) -> Result<Option<Child>, RunError> {
        let Some(line) = &commands.server else { return Ok(None) };
        let mut server = spawn(&command(&self.to.place, line, commands.timeout + READY_LIMIT))?;
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
                let said = said.lines().last().unwrap_or("it said nothing").to_owned();
                return Err(RunError::NotReady { command: line.to_string(), place: self.to.place.to_string(), port, said });
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// The open sockets where the server is. On this machine its process tells which namespace that is.
    fn sockets(&self, server: &Child, transport: Transport) -> String {
        let name = if transport == Transport::Udp { "udp" } else { "tcp" };
        match &self.to.place {
            Place::Here | Place::Namespace(_) => {
                let folder = format!("/proc/{}/net", server.id());
                let read = |file: String| std::fs::read_to_string(Path::new(&folder).join(file)).unwrap_or_default();
                read(name.to_owned()) + &read(format!("{name}6"))
            }
            Place::Ssh(_) => {
                let cat = CommandLine::new("cat", [format!("/proc/net/{name}"), format!("/proc/net/{name}6")]);
                run(&command(&self.to.place, &cat, Duration::from_secs(5))).map(|output| output.stdout_text()).unwrap_or_default()
            }
        }
    }
}

impl Ran {
    /// What was measured and how long data went, to size the next run.
    fn goodput(&self, tool: KernelTool) -> Option<(Goodput, Duration)> {
        let measurement = tool.parse(&self.text, self.exit).ok()?.into_iter().next()?;
        Some((measurement.values.goodput_bps?, measurement.duration?))
    }
}

fn command(place: &Place, line: &CommandLine, timeout: Duration) -> CommandSpec {
    let argv = std::iter::once(line.program.clone()).chain(line.arguments.iter().cloned());
    CommandSpec::new(place.clone(), argv).with_timeout(timeout)
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
fn cpu_times(place: &Place) -> Option<CpuSnapshot> {
    let text = match place {
        Place::Here | Place::Namespace(_) => std::fs::read_to_string("/proc/stat").ok()?,
        Place::Ssh(_) => run(&command(place, &CommandLine::new("cat", ["/proc/stat"]), Duration::from_secs(5))).ok()?.stdout_text(),
    };
    CpuSnapshot::parse(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_where_tools_print_them() {
        assert_eq!(first_version("iperf 3.12 (cJSON 1.7.15)\nLinux").as_deref(), Some("3.12"));
        assert_eq!(first_version("sockperf, version 3.7-no.git").as_deref(), Some("3.7-no.git"));
        assert_eq!(first_version("qperf 0.4.11").as_deref(), Some("0.4.11"));
        assert_eq!(first_version("no version here"), None);
    }

    #[test]
    fn a_transfer_longer_than_planned_sizes_nothing_and_is_no_result() {
        let bytes = Extent::Bytes(std::num::NonZeroU64::MIN);
        let wanted = Duration::from_millis(300);
        let judged = |took| TransferLength::of(bytes, Duration::from_millis(took), wanted);
        assert_eq!(judged(20), TransferLength::TooShort);
        assert_eq!(judged(290), TransferLength::AsPlanned);
        // What iperf3 3.18 reports of a transfer that took 20 ms.
        assert_eq!(judged(1001), TransferLength::TooLong);
        assert_eq!(TransferLength::of(Extent::For(wanted), Duration::from_secs(1), wanted), TransferLength::ByTime);
    }

    #[test]
    fn a_datagram_makes_the_frame_and_a_message_is_a_message() {
        assert_eq!(stream_message(Protocol::Udp, FrameSize::MIN), 18);
        assert_eq!(stream_message(Protocol::Tcp, FrameSize::MIN), 64);
    }
}
