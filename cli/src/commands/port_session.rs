//! What `send`, `receive` and `reflect` share: opening one port, a live line each second, Ctrl-C, the final report.

use std::io::Write;
use std::num::NonZeroU16;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use dataplane::{
    CpuId, CycleReport, Dataplane, DataplaneError, EalOptions, EngineReport, HiccupReport, Memory, Port, PortOptions, PortSpec, Running,
};
use methodology::units::{Frames, LinkSpeed, PacketRate, Seconds};

use super::CommandError;

/// Which port, and where it is polled.
#[derive(Debug, Args)]
pub struct PortArgs {
    /// The DPDK port: net_null0, net_vhost0,iface=lr.sock, 0000:03:00.0,representor=vf0 … (`linerate ports` lists them)
    #[arg(long, value_name = "PORT")]
    pub port: PortSpec,
    /// CPUs of the poll loops, one a queue, such as 2 or 2,3. If not given: the highest that this process may use for `send`, the one below
    /// for `receive` and `reflect`, so that two ends on one machine do not share one
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',')]
    pub cpu: Vec<CpuId>,
    /// Queues of the port, each with a poll loop and a CPU of its own. Shared memory needs as many at both ends
    #[arg(long, default_value = "1", value_name = "COUNT", value_parser = queues)]
    pub queues: NonZeroU16,
    /// Do not use huge pages, even where there are some
    #[arg(long)]
    pub no_huge: bool,
    /// Print the final report as one JSON object on standard output
    #[arg(long)]
    pub json: bool,
    /// No live line each second
    #[arg(long, short)]
    pub quiet: bool,
}

fn queues(text: &str) -> Result<NonZeroU16, String> {
    text.parse().map_err(|_| format!("`{text}` is not a number of queues: write 1 to {}", u16::MAX))
}

/// Which end of a path a poll loop is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// `send`.
    Sender,
    /// `receive` and `reflect`.
    Receiver,
}

impl PortArgs {
    /// The CPUs of the poll loops: those that were given, or the highest ones for a sender and those below for a receiver.
    pub fn cpus(&self, end: End) -> Vec<CpuId> {
        if !self.cpu.is_empty() {
            return self.cpu.clone();
        }
        let loops = usize::from(self.queues.get());
        let highest: Vec<CpuId> = CpuId::allowed().into_iter().rev().collect();
        match end {
            End::Receiver if highest.len() >= 2 * loops => highest.into_iter().skip(loops).take(loops).collect(),
            End::Receiver if loops == 1 => highest.get(1).or(highest.first()).copied().into_iter().collect(),
            End::Sender | End::Receiver => highest.into_iter().take(loops).collect(),
        }
    }

    /// More CPUs than loops would leave someone waiting for a loop that there is not.
    fn check_cpus(&self) -> Result<(), CommandError> {
        if self.cpu.len() <= usize::from(self.queues.get()) {
            return Ok(());
        }
        Err(CommandError::new(format!(
            "--cpu names {} CPUs for {} poll loops, one a queue: name fewer, or give the port as many queues with --queues {}",
            self.cpu.len(),
            self.queues,
            self.cpu.len()
        )))
    }

    /// The port, with room for its queues.
    fn spec(&self) -> PortSpec {
        self.port.clone().with_queues(self.queues)
    }

    /// Waits until somebody listens on the socket that this port connects to, as the other end may still be starting.
    pub fn wait_for_listener(&self, limit: Duration) -> Result<(), CommandError> {
        let Some(path) = self.port.argument("path").filter(|_| self.port.software_driver() == Some("net_virtio_user")) else {
            return Ok(());
        };
        let interrupted = super::interrupt_flag()?;
        let deadline = Instant::now() + limit;
        // Whether it is there is looked at again, and told, when the port is opened.
        while !std::path::Path::new(path).exists() && Instant::now() < deadline && !interrupted.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

/// One open port and the way out of it.
pub struct Session {
    // Dropped in this order: the port before DPDK.
    port: Option<Port>,
    _dataplane: Dataplane,
    name: PortSpec,
    quiet: bool,
    interrupted: Arc<AtomicBool>,
}

/// How a run ended.
pub struct Outcome<R> {
    pub report: Result<R, DataplaneError>,
    pub exit: ExitCode,
}

/// Megabytes for one port without huge pages: buffers of a few queues at 1518 bytes.
const MEGABYTES: u32 = 256;

impl Session {
    /// Initialises DPDK and opens the port with its queues and otherwise as `options` say.
    pub fn open(args: &PortArgs, options: PortOptions) -> Result<Session, CommandError> {
        args.check_cpus()?;
        let interrupted = super::interrupt_flag()?;
        let memory = if args.no_huge { Memory::NoHuge { megabytes: MEGABYTES } } else { Memory::Auto };
        let spec = args.spec();
        let dataplane = Dataplane::init(EalOptions { memory, devices: vec![spec.clone()], ..EalOptions::default() })?;
        let port = dataplane.open(&spec, PortOptions { queues: args.queues, ..options })?;
        Ok(Session { port: Some(port), _dataplane: dataplane, name: args.port.clone(), quiet: args.quiet, interrupted })
    }

    /// The link's speed, where the port knows it.
    pub fn link_speed(&self) -> Option<LinkSpeed> {
        self.port.as_ref().and_then(|port| port.info().link_speed)
    }

    /// Waits until the link is up: for shared memory, until the other process is there.
    pub fn wait_for_link(&self, limit: Duration) -> Result<(), CommandError> {
        match &self.port {
            Some(port) => Ok(port.wait_link_up(limit)?),
            None => Ok(()),
        }
    }

    /// The port, to run an engine on. Once: a session is one run.
    pub fn port(&mut self) -> Result<Port, CommandError> {
        self.port.take().ok_or_else(|| CommandError::new(format!("{} is in use by this command already", self.name)))
    }

    /// Tells a person that the loop runs, before the first frame. Of one that could not begin its report tells.
    pub fn say_ready<R: EngineReport>(&self, what: &str, running: &Running<R>) {
        if !self.quiet && !running.is_finished() {
            eprintln!("{what} on {} (Ctrl-C ends)", self.name);
        }
    }

    /// Watches an engine to its end: a live line each second, and Ctrl-C or SIGTERM stops it.
    pub fn watch<R: EngineReport>(
        &mut self,
        running: Running<R>,
        line: impl Fn(&R::Snapshot, &R::Snapshot, Duration) -> Live,
    ) -> Outcome<R> {
        let mut before = running.snapshot();
        let mut last = Instant::now();
        let mut stopped = false;
        while !running.is_finished() {
            std::thread::sleep(Duration::from_millis(20));
            if !stopped && self.interrupted.load(Ordering::Relaxed) {
                running.stop();
                stopped = true;
            }
            let interval = last.elapsed();
            if interval >= Duration::from_secs(1) {
                let now = running.snapshot();
                if !self.quiet {
                    eprintln!("{}", line(&now, &before, interval).text);
                }
                before = now;
                last = Instant::now();
            }
        }
        let (port, report) = running.join();
        self.port = Some(port);
        let _ = std::io::stderr().flush();
        Outcome { report, exit: if stopped { ExitCode::from(130) } else { ExitCode::SUCCESS } }
    }
}

impl Session {
    /// How a sink or a reflector ends: at its time, on Ctrl-C, or with its sender. That is the natural end where no time was asked for and the
    /// sender closed its port; one that just went, and a link that went down, may have taken frames with them.
    pub fn conclude(
        &self,
        ended_early: Option<&str>,
        peer_left: bool,
        duration: Option<Seconds>,
        exit: ExitCode,
    ) -> Result<ExitCode, CommandError> {
        match (ended_early, duration) {
            (None, _) => Ok(ExitCode::SUCCESS),
            (Some(_), None) if peer_left => {
                eprintln!("ended: the sender has closed its port");
                Ok(exit)
            }
            (Some(_), Some(duration)) if peer_left => Err(CommandError::new(format!(
                "{}: the sender closed its port before the --duration of {duration} was over; what was counted until then stands above",
                self.name
            ))),
            (Some(reason), _) => Err(self.ended_early(reason)),
        }
    }

    /// What to say of a run that did not come to its end.
    pub fn ended_early(&self, reason: &str) -> CommandError {
        CommandError::new(format!("{}: the run ended early: {reason}; what was counted until then stands above", self.name))
    }
}

/// One live line.
pub struct Live {
    text: String,
}

impl Live {
    /// `[  3.0 s] sent`
    pub fn new(verb: &str, elapsed: Duration) -> Live {
        Live { text: format!("[{:6.1} s] {verb}", elapsed.as_secs_f64()) }
    }

    /// Test frames a second, with their layer-1 rate.
    pub fn rate(self, frames: u64, interval: Duration, of: &Frames) -> Live {
        let rate = PacketRate::from_count(frames, interval.as_secs_f64());
        Live { text: format!("{} {rate}, {} at layer 1", self.text, of.l1(rate)) }
    }

    /// Frames a second of any size.
    pub fn packets(self, frames: u64, interval: Duration) -> Live {
        Live { text: format!("{} {}", self.text, PacketRate::from_count(frames, interval.as_secs_f64())) }
    }

    /// A counter; left out while it is 0, except loss, whose 0 is news.
    pub fn count(self, name: &str, value: u64) -> Live {
        if value == 0 && name != "lost" && name != "unsent" { self } else { Live { text: format!("{}, {value} {name}", self.text) } }
    }
}

/// Says what the poll loop's time went into, and that it was away, where it was.
pub fn loop_lines(hiccups: &HiccupReport, cycles: &CycleReport) -> Vec<String> {
    let share = 100.0 * cycles.busy as f64 / cycles.total.max(1) as f64;
    let mut lines = vec![format!("poll loop   {share:.0} % busy, {:.0} cycles a frame", cycles.per_frame)];
    if hiccups.count > 0 {
        lines.push(format!(
            "hiccups     {} times the poll loop was away longer than {}, at most {}: something else ran on its CPU, or the driver was in the kernel",
            hiccups.count, hiccups.threshold_ns, hiccups.longest_ns
        ));
    }
    if let Some(steal) = cycles.steal.filter(|steal| !steal.is_zero()) {
        lines.push(format!("steal       {steal} that the hypervisor took from the loop's CPU"));
    }
    lines
}
