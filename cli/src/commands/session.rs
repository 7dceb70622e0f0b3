//! One open port, from start to report: Ctrl-C, a status line each second, and how a run ended.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dataplane::{Dataplane, DataplaneError, EalOptions, EngineReport, MacAddress, Memory, Port, PortOptions, PortSpec, Running};
use methodology::units::{LinkSpeed, Seconds};

use super::CommandError;
use super::port_args::PortArgs;
use super::status_line::StatusLine;

/// How often a wait for the link looks for Ctrl-C.
const LINK_INTERVAL: Duration = Duration::from_millis(500);

/// An open port, with what it takes to end a run on it.
pub struct PortSession {
    // Dropped in this order: the port before DPDK.
    port: Option<Port>,
    _dataplane: Dataplane,
    name: PortSpec,
    mac: MacAddress,
    numa_node: Option<u32>,
    quiet: bool,
    interrupted: Arc<AtomicBool>,
}

/// How a run ended.
pub struct Outcome<R> {
    pub report: Result<R, DataplaneError>,
    pub exit: ExitCode,
}

/// Memory of one port without huge pages, in megabytes: buffers of a few queues at 1518 bytes, and more for larger frames.
fn megabytes(options: &PortOptions) -> u32 {
    // About 8000 buffers for each queue: for receiving, and for sending one size.
    256 + u32::from(options.queues.get()) * options.max_frame.bytes().saturating_sub(1518).div_ceil(128)
}

impl PortSession {
    /// Initialises DPDK and opens the port with the queues of `args`, and with `options` otherwise.
    pub fn open(args: &PortArgs, options: PortOptions) -> Result<PortSession, CommandError> {
        args.check_cpus()?;
        args.check_port()?;
        let interrupted = super::interrupt_flag()?;
        let options = args.rings().in_options(PortOptions { queues: args.queues, promiscuous: args.promiscuous, ..options });
        let memory = if args.no_huge { Memory::NoHuge { megabytes: megabytes(&options) } } else { Memory::Auto };
        let spec = args.spec(options.max_frame);
        let dataplane = Dataplane::init(EalOptions { memory, devices: vec![spec.clone()], ..EalOptions::default() })?;
        let port = dataplane.open(&spec, options)?;
        let (mac, numa_node) = (port.info().mac, port.info().numa_node);
        Ok(PortSession { port: Some(port), _dataplane: dataplane, name: args.port.clone(), mac, numa_node, quiet: args.quiet, interrupted })
    }

    /// The NUMA node of the port's device, if it has one.
    pub fn numa_node(&self) -> Option<u32> {
        self.numa_node
    }

    /// The link speed, if the port knows it. Many NICs know it when the link is up, and not before.
    pub fn link_speed(&self) -> Option<LinkSpeed> {
        self.port.as_ref().and_then(|port| port.info().link_speed)
    }

    /// Waits until the link is up. A shared-memory port has a link when the other process is connected.
    pub fn wait_for_link(&mut self, limit: Duration) -> Result<(), CommandError> {
        let Some(port) = &mut self.port else { return Ok(()) };
        let begin = Instant::now();
        let mut said = self.quiet;
        loop {
            let left = limit.saturating_sub(begin.elapsed());
            match port.wait_link_up(left.min(LINK_INTERVAL)) {
                Ok(()) => return Ok(()),
                Err(DataplaneError::NoLink { name, .. }) if left <= LINK_INTERVAL || self.interrupted.load(Ordering::Relaxed) => {
                    return Err(DataplaneError::NoLink { name, waited: limit }.into());
                }
                Err(DataplaneError::NoLink { .. }) => {
                    if !said {
                        eprintln!("{}: waiting up to {} for the link", self.name, Seconds::from(limit));
                        said = true;
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Takes the port, to run an engine on it. A session is one run.
    pub fn port(&mut self) -> Result<Port, CommandError> {
        self.port.take().ok_or_else(|| CommandError::new(format!("{}: this command already uses the port", self.name)))
    }

    /// Prints that the poll loop runs, before the first frame, and the address that a sender needs (`--dst-mac`). A loop that could not start says so in its report.
    pub fn say_ready<R: EngineReport>(&self, what: &str, running: &Running<R>) {
        if !self.quiet && !running.is_finished() {
            eprintln!("{what} on {}, address {} (press Ctrl-C to end)", self.name, self.mac);
        }
    }

    /// Waits until the engine ends, and prints a status line each second, with the share of each queue in the `frames`. Ctrl-C and SIGTERM stop the engine.
    pub fn watch<R: EngineReport>(
        &mut self,
        running: Running<R>,
        line: impl Fn(&R::Snapshot, &R::Snapshot, Duration) -> StatusLine,
        frames: impl Fn(&R::Snapshot) -> u64,
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
                    eprintln!("{}", line(&now, &before, interval).shares(running.snapshots().iter().map(&frames)));
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

    /// How `receive` and `reflect` exit. Without `--duration`, a sender that closes its port is the normal end. A sender that is killed and
    /// a link that goes down are errors, because frames may have been lost with them.
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
                eprintln!("ended: the sender closed its port");
                Ok(exit)
            }
            (Some(_), Some(duration)) if peer_left => Err(CommandError::new(format!(
                "{}: the sender closed its port before the --duration of {duration} was over; the report above covers the time until then",
                self.name
            ))),
            (Some(reason), _) => Err(self.ended_early(reason)),
        }
    }

    /// The error of a run that ended before its time.
    pub fn ended_early(&self, reason: &str) -> CommandError {
        CommandError::new(format!("{}: the run ended early: {reason}; the report above covers the time until then", self.name))
    }
}
