//! [`Measurer`] over two agents: what the methods of `methodology` drive.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dataplane::{RateStep, SendPlan};
use methodology::trial::{Fault, Measurer, Stimulus, TrialInput, TrialOutcome, TrialPath};
use methodology::units::{FrameSize, Pace, Seconds};
use thiserror::Error;

use super::both_ends::{BothWays, OneWay, RoundTrips, Way};
use super::pair::{BypassError, BypassPair};
use super::trial_outcome::{OutcomeOf, generator_limit, recovery};
use crate::conductor::path_device::{Crossing, InPath, TesterCounts};
use crate::conductor::start_line::Starter;
use crate::device::DeviceError;
use crate::plan::Directions;
use crate::process::{CommandSpec, Location, run_until_interrupted};

/// One direction of one pair at one frame size, or both at once.
pub struct PairMeasurer<'a> {
    pub pair: &'a mut BypassPair,
    pub size: FrameSize,
    pub interrupted: &'a AtomicBool,
    /// What resets the device, for a trial in which that happens.
    pub reset: &'a [String],
    /// The common start of the pairs of a group; none for a pair alone.
    pub start: Option<&'a Starter<'a>>,
    /// The device in the path, where there is one.
    pub device: Option<&'a mut InPath>,
    /// What both ends said of the last trial: its cost, and the proof of the frame size.
    pub last: Option<LastTrial>,
}

/// The reports of both ends of a trial.
pub enum LastTrial {
    /// To a sink.
    OneWay(OneWay),
    /// In both directions at once.
    BothWays(Box<BothWays>),
    /// To a reflector.
    RoundTrips(RoundTrips),
}

/// A trial that was not made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MeasureError {
    /// An agent could not do it.
    #[error(transparent)]
    Bypass(#[from] BypassError),
    /// The device in the path ended, or cannot be counted.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The command that resets the device failed: nothing is known of the reset.
    #[error("the reset command `{command}` {ending}: run it by hand to see why")]
    Reset {
        /// The program and its arguments.
        command: String,
        /// How it ended.
        ending: String,
    },
    /// A measurement that two agents do not make.
    #[error("a {what} measurement cannot be made between two agents")]
    Unsupported {
        /// Which kind.
        what: &'static str,
    },
}

/// RFC 2544 §23 c: "at least one" learning frame to each port; a device under load may lose one.
const LEARNING_FRAMES: u64 = 3;

/// The longest that a burst of a known number of frames may take: a port that takes none must not hang the run.
const BURST_LIMIT: Duration = Duration::from_secs(30);

impl Measurer for PairMeasurer<'_> {
    type Error = MeasureError;

    /// Two endpoints have no common clock: delays are those of round trips.
    fn delay_path(&self) -> TrialPath {
        TrialPath::RoundTrip
    }

    fn trial(&mut self, input: &TrialInput) -> Result<TrialOutcome, MeasureError> {
        if input.delays && input.path != self.delay_path() {
            return Err(MeasureError::Unsupported { what: "one-way delay" });
        }
        let plan = self.plan(&input.stimulus)?;
        // RFC 2544 §23, in its order: routing (a), learning frames and the time that they take (b, c).
        self.pause(input.phases.routing_wait);
        self.teach()?;
        self.pause(input.phases.learning_wait);
        // After the waits: the device's frames in them are not the trial's.
        let device_before = self.device.as_mut().map(|device| device.before()).transpose()?;
        let drain = input.phases.drain_wait.duration();
        let generator_limit = generator_limit(&plan);
        let outcome = if input.path == TrialPath::RoundTrip {
            let timed_after = input.delays_after.duration();
            let trips = self.pair.round_trips(SendPlan { drain, timed_after, ..plan }, self.interrupted)?;
            let outcome = OutcomeOf { ports: &self.pair.ports, size: self.size, generator_limit }.round_trips(&trips, input.delays);
            self.last = Some(LastTrial::RoundTrips(trips));
            outcome
        } else if self.pair.directions() == Directions::Both {
            let trial = self.pair.both_ways(plan, drain, self.interrupted)?;
            let outcome = OutcomeOf { ports: &self.pair.ports, size: self.size, generator_limit }.both_ways(&trial);
            self.last = Some(LastTrial::BothWays(Box::new(trial)));
            outcome
        } else {
            let trial = match input.stimulus {
                Stimulus::Event { after, .. } => self.with_reset(plan, drain, after)?,
                _ => self.pair.one_way(plan, drain, self.start, self.interrupted)?,
            };
            let mut outcome = OutcomeOf { ports: &self.pair.ports, size: self.size, generator_limit }.one_way(&trial);
            if let (Stimulus::Step { then, .. }, [direction]) = (&input.stimulus, &mut outcome.directions[..]) {
                direction.recovery = recovery(&trial, *then);
            }
            if let (Stimulus::Event { .. }, [direction]) = (&input.stimulus, &mut outcome.directions[..]) {
                direction.longest_gap = (trial.received.frames_received > 0).then(|| Seconds::from(trial.received.longest_gap));
                if trial.links.sender.up_after && trial.links.receiver.up_after {
                    // The device was reset, and its link with it: that is what the trial is about.
                    outcome.faults.retain(|fault| !matches!(fault, Fault::LinkChange { .. }));
                }
            }
            self.last = Some(LastTrial::OneWay(trial));
            outcome
        };
        if let (Some(device), Some(before)) = (&mut self.device, device_before) {
            let crossing = match (input.path, self.pair.directions()) {
                (TrialPath::RoundTrip, _) => Crossing::RoundTrips,
                (TrialPath::OneWay, Directions::Both) => Crossing::BothWays,
                (TrialPath::OneWay, Directions::Forward) => Crossing::OneWay,
            };
            let counts = TesterCounts { sent: outcome.sent(), received: outcome.received(), crossing };
            device.after(before, Some(counts))?;
        }
        self.pause(input.phases.settle_wait);
        Ok(outcome)
    }
}

impl PairMeasurer<'_> {
    /// Learning frames from the receiver (RFC 2544 §23), where a device is in the path.
    fn teach(&mut self) -> Result<(), MeasureError> {
        if self.device.is_some() {
            self.pair.pass(Way::Backward, LEARNING_FRAMES, self.size, self.interrupted)?;
        }
        Ok(())
    }

    fn plan(&self, stimulus: &Stimulus) -> Result<SendPlan, MeasureError> {
        match *stimulus {
            Stimulus::Constant { pace, duration } => Ok(SendPlan::new(self.size, pace, duration.duration())),
            Stimulus::Burst { frames, pace } => Ok(SendPlan { frames: Some(frames), ..SendPlan::new(self.size, pace, BURST_LIMIT) }),
            Stimulus::Step { first, first_duration, then, then_duration } => {
                let step = RateStep { after: first_duration.duration(), rate: then };
                let duration = first_duration + then_duration;
                Ok(SendPlan { then: Some(step), ..SendPlan::new(self.size, Pace::Rate(first), duration.duration()) })
            }
            // The link may go down with the device: the trial measures for how long it is down.
            Stimulus::Event { rate, duration, .. } => {
                Ok(SendPlan { outlast_link: true, ..SendPlan::new(self.size, Pace::Rate(rate), duration.duration()) })
            }
        }
    }

    /// A trial in which the device is reset `after` the beginning. When exactly does not matter: only the silence does.
    fn with_reset(&mut self, plan: SendPlan, drain: Duration, after: Seconds) -> Result<OneWay, MeasureError> {
        let (argv, interrupted) = (self.reset, self.interrupted);
        let pair = &mut *self.pair;
        std::thread::scope(|scope| {
            let reset = scope.spawn(move || {
                wait(after.duration(), interrupted);
                // Ctrl-C before the reset: the device is left as it is.
                (!interrupted.load(Ordering::Relaxed))
                    .then(|| run_until_interrupted(&CommandSpec::new(Location::Here, argv.iter().cloned()), interrupted))
            });
            let trial = pair.one_way(plan, drain, None, interrupted);
            let failed = |ending: String| MeasureError::Reset { command: argv.join(" "), ending };
            match reset.join() {
                Ok(None) => Ok(trial?),
                Ok(Some(Ok(output))) if output.success() => Ok(trial?),
                Ok(Some(Ok(output))) => Err(failed(output.ending())),
                Ok(Some(Err(error))) => Err(failed(format!("could not be run: {error}"))),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    fn pause(&self, length: Seconds) {
        wait(length.duration(), self.interrupted);
    }
}

/// A wait that ends early when the user ends the run.
fn wait(length: Duration, interrupted: &AtomicBool) {
    let until = Instant::now() + length;
    while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        if interrupted.load(Ordering::Relaxed) {
            return;
        }
        std::thread::sleep(left.min(Duration::from_millis(100)));
    }
}
