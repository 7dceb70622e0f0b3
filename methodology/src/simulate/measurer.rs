use std::convert::Infallible;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Binomial, Distribution};

use super::Device;
use super::device::passes;
use super::fluid::{FluidFlow, Segment, follow};
use crate::statistics::summarise_delays;
use crate::trial::{
    DelayDefinition, Direction, DirectionOutcome, Hiccups, LossDomains, Measurer, Stimulus, TrialInput, TrialOutcome, TrialPath,
};
use crate::units::{Nanoseconds, Pace, PacketRate, Seconds};

/// Delays drawn for one direction of one trial: enough for a 99.99th percentile, and a percent of what a histogram of all would cost.
const DELAYS: u64 = 20_000;

/// Frames the tester's receive queue holds while its loop is interrupted.
const TESTER_QUEUE: f64 = 1024.0;

/// Overflow below this is the fluid's rounding, not a frame.
const PART_OF_A_FRAME: f64 = 1e-3;

/// Tries a [`Device`] in simulated time.
#[derive(Debug, Clone)]
pub struct SimulatedMeasurer {
    device: Device,
    line_rate: PacketRate,
    /// Simulated time in seconds.
    now: f64,
    rng: ChaCha8Rng,
}

/// What arrives in one stretch of a trial.
struct Stretch {
    rate: f64,
    duration: f64,
    intended: u64,
    sent: u64,
}

impl SimulatedMeasurer {
    /// A tester on a link that carries `line_rate` frames a second, at the device's `start`.
    pub fn new(device: Device, line_rate: PacketRate) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(device.seed);
        let now = device.start.seconds();
        SimulatedMeasurer { device, line_rate, now, rng }
    }

    /// Simulated time since the first trial began, waits included.
    pub fn now(&self) -> Seconds {
        Seconds::lossy(self.now) - self.device.start
    }

    fn stretches(&self, stimulus: &Stimulus) -> Vec<Stretch> {
        let line = self.line_rate.pps();
        let stretch = |rate: f64, duration: f64, frames: u64, paced: bool| {
            let possible = if rate > line { (line * duration).floor() as u64 } else { frames };
            let sent = (possible as f64 * (1.0 - self.device.shortfall.ratio())).round() as u64;
            Stretch { rate: sent as f64 / duration, duration, intended: if paced { frames } else { sent }, sent }
        };
        let paced = |rate: PacketRate, duration: Seconds| {
            let frames = (rate.pps() * duration.seconds()).round();
            stretch(rate.pps(), duration.seconds(), frames as u64, true)
        };
        let whole = |rate: f64, duration: f64| (rate * duration).round() as u64;
        match *stimulus {
            Stimulus::Constant { pace: Pace::Rate(rate), duration } | Stimulus::Event { rate, duration, .. } => vec![paced(rate, duration)],
            Stimulus::Constant { pace: Pace::Max, duration } => {
                vec![stretch(line, duration.seconds(), whole(line, duration.seconds()), false)]
            }
            Stimulus::Burst { frames, pace } => {
                let rate = match pace {
                    Pace::Rate(rate) => rate.pps().min(line),
                    Pace::Max => line,
                };
                vec![stretch(rate, frames as f64 / rate, frames, true)]
            }
            Stimulus::Step { first, first_duration, then, then_duration } => vec![paced(first, first_duration), paced(then, then_duration)],
        }
        .into_iter()
        .filter(|stretch| stretch.duration > 0.0 && stretch.rate.is_finite())
        .collect()
    }

    fn draw(&mut self, frames: u64, chance: f64) -> u64 {
        if frames == 0 || chance <= 0.0 {
            return 0;
        }
        if chance >= 1.0 {
            return frames;
        }
        Binomial::new(frames, chance).map_or(0, |binomial| binomial.sample(&mut self.rng).min(frames))
    }

    /// How often the tester's loop is interrupted during the trial for longer than its queue holds frames, and the frames each time costs.
    fn hiccups(&self, rate: f64, begin: f64, duration: f64) -> (u64, u64, Seconds) {
        let Some(hiccup) = self.device.hiccup else { return (0, 0, Seconds::ZERO) };
        let missed = rate * hiccup.length.seconds() - TESTER_QUEUE;
        if missed <= 0.0 {
            return (0, 0, Seconds::ZERO);
        }
        let period = hiccup.period.seconds();
        let count = ((begin + duration) / period).floor() - (begin / period).floor();
        (count as u64, missed.ceil() as u64, hiccup.length)
    }

    fn one_direction(&mut self, direction: Direction, input: &TrialInput, begin: f64) -> DirectionOutcome {
        let stretches = self.stretches(&input.stimulus);
        let segments: Vec<_> = stretches
            .iter()
            .map(|s| Segment { rate: s.rate, service: self.device.service(input.path, s.rate, self.line_rate), duration: s.duration })
            .collect();
        let flow = follow(&segments, self.device.buffer as f64, self.device.stall, begin);
        let outage = self.outage(&input.stimulus, &segments);

        let (mut received, mut last_lost) = (0, flow.last_overflow);
        let mut begin_of_segment = 0.0;
        for (index, (stretch, segment)) in stretches.iter().zip(&segments).enumerate() {
            let overflow = whole_frames(flow.overflow.get(index).copied().unwrap_or(0.0)).min(stretch.sent);
            // During an outage everything that arrives is lost, whatever there is room for.
            let gone = match outage {
                Some((from, until)) if from >= begin_of_segment && from < begin_of_segment + segment.duration => {
                    let gone = arrivals(segment.rate, until.min(begin_of_segment + segment.duration) - from);
                    if gone > 0 {
                        last_lost = Some(from + (gone - 1) as f64 / segment.rate);
                    }
                    gone
                }
                _ => 0,
            };
            let through = stretch.sent.saturating_sub(overflow).saturating_sub(gone);
            let lost = self.draw(through, self.device.random_loss(input.path, segment.rate));
            received += through - lost;
            begin_of_segment += segment.duration;
        }
        // What the device still holds when the drain wait is over comes too late to be counted.
        let drained = segments.last().map_or(0.0, |segment| segment.service * input.phases.drain_wait.seconds());
        received = received.saturating_sub(whole_frames(flow.left - drained));
        if self.device.is_dead(input.path, direction) {
            received = 0;
        }

        let sent: u64 = stretches.iter().map(|s| s.sent).sum();
        let duration: f64 = stretches.iter().map(|s| s.duration).sum();
        let rate = if duration > 0.0 { sent as f64 / duration } else { 0.0 };
        let (count, missed, longest) = self.hiccups(rate, begin, duration);
        let no_descriptor = (count * missed).min(received);
        received -= no_descriptor;
        let corrupt = self.draw(received, self.device.corrupt.ratio());
        received -= corrupt;
        let duplicate = self.draw(received, self.device.duplicate.ratio());
        let reordered = self.draw(received, self.device.reorder.ratio());
        let intended: u64 = stretches.iter().map(|s| s.intended).sum();

        DirectionOutcome {
            direction,
            intended,
            sent,
            received,
            loss: LossDomains {
                unsent: intended.saturating_sub(sent),
                no_descriptor,
                lost: sent - received,
                duplicate,
                reordered,
                corrupt,
                foreign: (self.device.foreign.pps() * duration).round() as u64,
                ..LossDomains::default()
            },
            offered_duration: Seconds::lossy(duration),
            hiccups: Hiccups { count, longest },
            delays: if input.delays && received > 0 { self.delays(input, &flow, sent, duration) } else { None },
            recovery: match input.stimulus {
                Stimulus::Step { first_duration, .. } => {
                    Some(Seconds::lossy(last_lost.map_or(0.0, |last| last - first_duration.seconds())))
                }
                _ => None,
            },
            longest_gap: match (&input.stimulus, outage) {
                (Stimulus::Event { rate, .. }, Some((from, until))) => {
                    Some(Seconds::lossy((arrivals(rate.pps(), until - from) + 1) as f64 / rate.pps()))
                }
                (Stimulus::Event { rate, .. }, None) => Some(Seconds::lossy(1.0 / rate.pps())),
                _ => None,
            },
        }
    }

    /// When the device forwards nothing: after a reset, and after an overload it takes long to recover from.
    fn outage(&self, stimulus: &Stimulus, segments: &[Segment]) -> Option<(f64, f64)> {
        let (from, length) = match *stimulus {
            Stimulus::Event { after, .. } => (after.seconds(), self.device.outage.seconds()),
            Stimulus::Step { first_duration, .. } => {
                let overload = segments.first().is_some_and(|segment| segment.rate > segment.service);
                (first_duration.seconds(), if overload { self.device.recovery.seconds() } else { 0.0 })
            }
            _ => return None,
        };
        (length > 0.0).then_some((from, from + length))
    }

    fn delays(&mut self, input: &TrialInput, flow: &FluidFlow, sent: u64, duration: f64) -> Option<crate::trial::DelaySummary> {
        let (after, passes) = (input.delays_after.seconds(), passes(input.path));
        let span = duration - after;
        let frames = (sent as f64 * (span / duration).max(0.0)) as u64;
        let samples = frames.min(DELAYS);
        let delays: Vec<_> = (0..samples)
            .map(|index| {
                let moment = after + span * index as f64 / samples as f64;
                let pass = |_| self.device.delay.seconds() + self.device.jitter.seconds() * self.rng.random::<f64>();
                let passing: f64 = (0..passes).map(pass).sum();
                Nanoseconds::new(((passing + flow.wait(moment)) * 1e9).round() as u64)
            })
            .collect();
        let definition = match input.path {
            TrialPath::OneWay => DelayDefinition::OneWay,
            TrialPath::RoundTrip => DelayDefinition::RoundTripSoftware,
        };
        summarise_delays(definition, &delays)
    }
}

impl Measurer for SimulatedMeasurer {
    type Error = Infallible;

    fn delay_path(&self) -> TrialPath {
        if self.device.round_trips.is_some() { TrialPath::RoundTrip } else { TrialPath::OneWay }
    }

    fn trial(&mut self, input: &TrialInput) -> Result<TrialOutcome, Infallible> {
        let begin = self.now + (input.phases.routing_wait + input.phases.learning_wait).seconds();
        let directions: Vec<_> =
            self.device.directions(input.path).iter().map(|&direction| self.one_direction(direction, input, begin)).collect();
        let outcome = TrialOutcome { directions, faults: Vec::new() };
        let waits = input.phases.drain_wait + input.phases.settle_wait;
        self.now = begin + outcome.offered_duration().seconds() + waits.seconds();
        Ok(outcome)
    }
}

/// Frames that overflow: a part of a frame is a frame lost.
fn whole_frames(amount: f64) -> u64 {
    (amount - PART_OF_A_FRAME).max(0.0).ceil() as u64
}

/// Frames at times 0, 1/rate, 2/rate … before `span`.
fn arrivals(rate: f64, span: f64) -> u64 {
    (rate * span - 1e-6).max(0.0).ceil() as u64
}
