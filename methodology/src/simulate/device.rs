use crate::trial::{Direction, TrialPath};
use crate::units::{LossRatio, PacketRate, Seconds};

/// A device under test, and the faults of the tester in front of it. Everything not set is ideal.
#[derive(Debug, Clone, PartialEq)]
pub struct Device {
    /// Frames per second the device forwards; nothing: as many as the link carries.
    pub capacity: Option<PacketRate>,
    /// Frames its buffer holds, each direction.
    pub buffer: u64,
    /// Fixed delay.
    pub delay: Seconds,
    /// Random delay on top, uniform from zero to this.
    pub jitter: Seconds,
    /// Chance that a frame is lost, each on its own.
    pub loss: LossRatio,
    /// It serves nothing for a while, again and again.
    pub stall: Option<Periodic>,
    /// Loads at which it loses frames although it could forward them.
    pub bands: Vec<Band>,
    /// Its clock against the tester's, in parts per million: it cannot send faster than line rate by its own clock.
    pub ppm: f64,
    /// Chance that a frame comes twice.
    pub duplicate: LossRatio,
    /// Chance that a frame is overtaken.
    pub reorder: LossRatio,
    /// Chance that a frame's content is changed.
    pub corrupt: LossRatio,
    /// Frames of its own: keep-alives and the like.
    pub foreign: PacketRate,
    /// A direction that forwards nothing. Makes the trial bidirectional.
    pub dead: Option<Direction>,
    /// Frames per second that go out and come back through a reflector. Delays are those of round trips then; without it they are one-way delays.
    pub round_trips: Option<PacketRate>,
    /// One direction or two.
    pub bidirectional: bool,
    /// At this load and above it forwards less than it could.
    pub livelock: Option<Livelock>,
    /// How long it goes on losing every frame after an overload ended.
    pub recovery: Seconds,
    /// How long it forwards nothing after a reset.
    pub outage: Seconds,
    /// The tester sends this share less than it should.
    pub shortfall: LossRatio,
    /// The tester's receiving loop is interrupted for a while, again and again.
    pub hiccup: Option<Periodic>,
    /// Simulated time at which the first trial's waits begin: it sets the phase of stalls and hiccups.
    pub start: Seconds,
    /// Of all random draws.
    pub seed: u64,
}

/// Something that lasts `length` at the end of every `period`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Periodic {
    /// How long.
    pub length: Seconds,
    /// How often.
    pub period: Seconds,
}

/// Loads from `from` to `to` with extra loss.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Band {
    /// The lowest such load.
    pub from: PacketRate,
    /// The highest such load.
    pub to: PacketRate,
    /// Chance that a frame is lost at such a load.
    pub loss: LossRatio,
}

/// Receive livelock: offered `from` or more, the device forwards only `forwards`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Livelock {
    /// From this load on.
    pub from: PacketRate,
    /// What is left.
    pub forwards: PacketRate,
}

impl Default for Device {
    fn default() -> Self {
        Device {
            capacity: None,
            buffer: 0,
            delay: Seconds::ZERO,
            jitter: Seconds::ZERO,
            loss: LossRatio::ZERO,
            stall: None,
            bands: Vec::new(),
            ppm: 0.0,
            duplicate: LossRatio::ZERO,
            reorder: LossRatio::ZERO,
            corrupt: LossRatio::ZERO,
            foreign: PacketRate::ZERO,
            dead: None,
            round_trips: None,
            bidirectional: false,
            livelock: None,
            recovery: Seconds::ZERO,
            outage: Seconds::ZERO,
            shortfall: LossRatio::ZERO,
            hiccup: None,
            start: Seconds::ZERO,
            seed: 1,
        }
    }
}

impl Device {
    /// What it serves in frames per second while `offered` frames a second arrive, on a link of `line_rate`.
    pub(super) fn service(&self, path: TrialPath, offered: f64, line_rate: PacketRate) -> f64 {
        let own_line_rate = line_rate.pps() * (1.0 + self.ppm * 1e-6);
        let capacity = self.capacity.map_or(own_line_rate, |capacity| capacity.pps().min(own_line_rate));
        let capacity = match (path, self.round_trips) {
            (TrialPath::RoundTrip, Some(returned)) => capacity.min(returned.pps()),
            _ => capacity,
        };
        match self.livelock {
            Some(livelock) if offered >= livelock.from.pps() => capacity.min(livelock.forwards.pps()),
            _ => capacity,
        }
    }

    /// The chance that a frame is lost at random, once for each time that it passes the device, while `offered` frames a second arrive.
    pub(super) fn random_loss(&self, path: TrialPath, offered: f64) -> f64 {
        let bands = self.bands.iter().filter(|band| (band.from.pps()..=band.to.pps()).contains(&offered));
        let kept = bands.fold(1.0 - self.loss.ratio(), |kept, band| kept * (1.0 - band.loss.ratio()));
        1.0 - kept.powi(passes(path))
    }

    /// Whether a direction, or the way back of its round trips, forwards nothing.
    pub(super) fn is_dead(&self, path: TrialPath, direction: Direction) -> bool {
        self.dead.is_some_and(|dead| path == TrialPath::RoundTrip || dead == direction)
    }

    /// Which directions are counted: frames of round trips return to where they were sent.
    pub(super) fn directions(&self, path: TrialPath) -> &'static [Direction] {
        if path == TrialPath::RoundTrip {
            return &[Direction::Forward];
        }
        if self.bidirectional || self.dead.is_some() { &[Direction::Forward, Direction::Reverse] } else { &[Direction::Forward] }
    }
}

/// How often a frame passes the device.
pub(super) const fn passes(path: TrialPath) -> i32 {
    match path {
        TrialPath::OneWay => 1,
        TrialPath::RoundTrip => 2,
    }
}
