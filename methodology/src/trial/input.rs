use serde::{Deserialize, Serialize};

use super::{TrialPath, TrialPhases};
use crate::units::{Pace, PacketRate, Seconds};

/// What to do to the device in one trial. Frame size, addresses and directions belong to the measurer: they are the same in every trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialInput {
    /// What is sent.
    pub stimulus: Stimulus,
    /// What the frames pass. Delays can be measured on the measurer's [`delay_path`](super::Measurer::delay_path) only.
    #[serde(default)]
    pub path: TrialPath,
    /// Whether the outcome must hold a [`DelaySummary`](super::DelaySummary) for each direction.
    pub delays: bool,
    /// Leading part of the stimulus whose frames are not in the delay summary (RFC 8219 §7.2: 60 s before the tagged frames).
    pub delays_after: Seconds,
    /// Waits before and after (RFC 2544 §23).
    pub phases: TrialPhases,
}

/// What is sent in a trial. Loads are per direction (draft-ietf-bmwg-mlrsearch-15: load per interface).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Stimulus {
    /// round(rate · duration) frames at a constant gap, or as many as go in `duration` where the pace is `max`.
    Constant {
        /// Frames per second, or as fast as the port takes them.
        pace: Pace,
        /// How long frames are sent.
        duration: Seconds,
    },
    /// One burst of `frames` frames from idle, at the smallest gap the port can make (RFC 9004 §6.2) or at a given pace.
    Burst {
        /// Frames in the burst.
        frames: u64,
        /// `max` for back-to-back frames.
        pace: Pace,
    },
    /// `first` for `first_duration`, then `then` for `then_duration` with no pause between (RFC 2544 §26.5). The outcome must hold
    /// [`recovery`](super::DirectionOutcome::recovery).
    Step {
        /// The overload.
        first: PacketRate,
        /// How long it lasts.
        first_duration: Seconds,
        /// The reduced load.
        then: PacketRate,
        /// How long it lasts.
        then_duration: Seconds,
    },
    /// A constant load; after `after`, the event happens while frames go on (RFC 2544 §26.6). The outcome must hold
    /// [`longest_gap`](super::DirectionOutcome::longest_gap).
    Event {
        /// Frames per second.
        rate: PacketRate,
        /// How long frames are sent in all.
        duration: Seconds,
        /// When the event is started, counted from the first frame.
        after: Seconds,
        /// What happens.
        event: ResetKind,
    },
}

/// What is reset while traffic goes on (RFC 2544 §26.6; one number each).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResetKind {
    /// The link of the device's port goes down and up.
    LinkBounce,
    /// The reflector or forwarder process is stopped and started.
    ReflectorRestart,
    /// The device's port is stopped and started.
    PortRestart,
}

impl TrialInput {
    /// A constant load one way, with RFC 2544 §23's phases and no delays.
    pub fn constant(rate: PacketRate, duration: Seconds) -> Self {
        TrialInput::of(Stimulus::Constant { pace: Pace::Rate(rate), duration })
    }

    /// As fast as the port takes frames, one way, with RFC 2544 §23's phases and no delays.
    pub fn max(duration: Seconds) -> Self {
        TrialInput::of(Stimulus::Constant { pace: Pace::Max, duration })
    }

    /// A stimulus one way, with RFC 2544 §23's phases and no delays.
    pub fn of(stimulus: Stimulus) -> Self {
        TrialInput { stimulus, path: TrialPath::OneWay, delays: false, delays_after: Seconds::ZERO, phases: TrialPhases::RFC2544 }
    }

    /// The same on another path.
    pub fn with_path(mut self, path: TrialPath) -> Self {
        self.path = path;
        self
    }

    /// The same with other waits.
    pub fn with_phases(mut self, phases: TrialPhases) -> Self {
        self.phases = phases;
        self
    }

    /// The same with delays of the frames sent later than `after`.
    pub fn with_delays(mut self, after: Seconds) -> Self {
        self.delays = true;
        self.delays_after = after;
        self
    }
}

impl Stimulus {
    /// How long frames are to be sent; nothing for a burst, whose length in time is the port's affair.
    pub fn duration(&self) -> Seconds {
        match *self {
            Stimulus::Constant { duration, .. } | Stimulus::Event { duration, .. } => duration,
            Stimulus::Burst { frames, pace: Pace::Rate(rate) } if rate.pps() > 0.0 => Seconds::lossy(frames as f64 / rate.pps()),
            Stimulus::Burst { .. } => Seconds::ZERO,
            Stimulus::Step { first_duration, then_duration, .. } => first_duration + then_duration,
        }
    }

    /// The load per direction that was asked for, where it is one number.
    pub fn rate(&self) -> Option<PacketRate> {
        match *self {
            Stimulus::Constant { pace: Pace::Rate(rate), .. }
            | Stimulus::Burst { pace: Pace::Rate(rate), .. }
            | Stimulus::Event { rate, .. } => Some(rate),
            _ => None,
        }
    }

    /// Frames per direction that the stimulus asks for: round(rate · duration); nothing where the pace is `max`.
    pub fn frames(&self) -> Option<u64> {
        let count = |rate: PacketRate, duration: Seconds| (rate.pps() * duration.seconds()).round() as u64;
        match *self {
            Stimulus::Constant { pace: Pace::Rate(rate), duration } | Stimulus::Event { rate, duration, .. } => Some(count(rate, duration)),
            Stimulus::Constant { pace: Pace::Max, .. } => None,
            Stimulus::Burst { frames, .. } => Some(frames),
            Stimulus::Step { first, first_duration, then, then_duration } => {
                Some(count(first, first_duration) + count(then, then_duration))
            }
        }
    }
}
