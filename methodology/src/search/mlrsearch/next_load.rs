use super::super::history::AtLoad;
use super::super::{SearchGoal, SearchSpace};
use super::end::End;
use crate::units::{PacketRate, Seconds};

/// Forwarding rates that are followed for one goal before strides and bisection take over: on a device that loses a little at every
/// load, each one leads only a little further down.
const MAX_HINTS: u32 = 3;

/// Strides grow by this factor while they go the same way. The reference doubles them; going far and halving back takes fewer trials where
/// the answer is hundreds of widths away, as it is after a refuted bound.
const GROWTH: u32 = 16;

/// The first stride from a refuted bound, in widths: what refuted it reaches further than to the next load.
const AFTER_REFUTATION: u32 = 4;

/// (upper − lower)/upper.
pub(super) fn relative_width(lower: PacketRate, upper: PacketRate) -> f64 {
    if upper.pps() > 0.0 { (upper.pps() - lower.pps()) / upper.pps() } else { 0.0 }
}

/// A load to try next.
#[derive(Debug, Clone, Copy)]
pub(super) struct NextLoad {
    pub load: PacketRate,
    /// Whether a forwarding rate led here.
    pub led: bool,
}

/// How the search for one goal moved until now.
#[derive(Debug, Default)]
pub(super) struct Walk {
    before: Option<(f64, f64)>,
    gait: Gait,
    hints_followed: u32,
    /// A load that a refuted bound makes one expect to hold: tried once.
    expected: Option<f64>,
}

/// How the next load is chosen where no forwarding rate leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Gait {
    /// Nothing is known yet.
    #[default]
    Standing,
    /// One goal width beyond the end that moved last, then [`GROWTH`] times as far.
    Striding { way: Way, widths: u32 },
    /// The answer was overstepped: halve.
    Bisecting,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

/// The interval that is being narrowed, in frames per second. An end that is not known is that of the search space.
#[derive(Debug, Clone, Copy)]
struct Interval {
    low: f64,
    high: f64,
    low_known: bool,
    high_known: bool,
    /// One goal width, as a factor below 1.
    narrow: f64,
}

impl Walk {
    /// A load above the apparent lower bound and below the apparent upper bound, or at an end of the space where one is missing.
    pub fn next(&mut self, goal: &SearchGoal, space: &SearchSpace, lower: Option<&AtLoad>, upper: Option<&AtLoad>) -> NextLoad {
        let (min, max) = (space.min_load.pps(), space.max_load.pps());
        let interval = Interval {
            low: lower.map_or(min, |at| at.load().pps()),
            high: upper.map_or(max, |at| at.load().pps()),
            low_known: lower.is_some(),
            high_known: upper.is_some(),
            // A little less than the width, so that rounding leaves the interval inside the goal.
            narrow: 1.0 - goal.width.ratio() * (1.0 - 1e-6),
        };
        self.take_note(&interval);
        let hint = upper.map(AtLoad::forwarded).or(space.hint).map(|rate| rate.pps() / (1.0 - goal.loss_ratio.ratio()));
        let led_to = hint.and_then(|expected| self.follow(&interval, expected));
        let candidate = led_to.unwrap_or_else(|| self.jump(&interval).unwrap_or_else(|| self.stride(&interval)));
        NextLoad { load: PacketRate::from_pps_lossy(interval.inside(candidate).clamp(min, max)), led: led_to.is_some() }
    }

    /// A bound that trials of `before` had shown did not hold at full length, and trials of `now` come next.
    ///
    /// A load that passes half of the trials of one length has a loss every so often. Where frames are lost by chance, that is so much rarer as
    /// the load is lower: the load that passes half of the longer trials is lower by the ratio of the lengths. The count of lost frames
    /// says the same, and more exactly, where each frame is lost on its own. Of the two the smaller step is taken.
    pub fn refuted(&mut self, at: &AtLoad, was: End, before: Seconds, now: Seconds) {
        self.before = None;
        self.gait = Gait::Striding { way: if was == End::Lower { Way::Down } else { Way::Up }, widths: AFTER_REFUTATION };
        let longer = before.seconds() / now.seconds();
        let by_count =
            at.last().map_or(0.0, |(duration, lost)| std::f64::consts::LN_2 * duration.seconds() / (lost.max(1.0) * now.seconds()));
        let factor = longer.max(by_count);
        self.expected = (was == End::Lower && factor < 1.0).then_some(at.load().pps() * factor);
    }

    /// The load that a refuted bound makes one expect, once, where it is inside.
    fn jump(&mut self, interval: &Interval) -> Option<f64> {
        let expected = self.expected.take()?;
        let above = expected > interval.low * (1.0 + 1e-6) || !interval.low_known;
        if !(above && expected < interval.high * interval.narrow && interval.high_known) {
            return None;
        }
        // Not passed, the next step is as far again.
        let widths = ((expected / interval.high).ln() / interval.narrow.ln()).clamp(1.0, 1e6) as u32;
        self.gait = Gait::Striding { way: Way::Down, widths: (widths / GROWTH).max(1) };
        self.before = Some((interval.low, interval.high));
        Some(expected)
    }

    /// Sees which end moved since the last call.
    fn take_note(&mut self, now: &Interval) {
        let (low, high) = self.before.replace((now.low, now.high)).unwrap_or((now.low, now.high));
        let moved = match (now.low > low, now.high < high) {
            (true, _) => Some(Way::Up),
            (false, true) => Some(Way::Down),
            (false, false) => None,
        };
        self.gait = if now.low < low {
            // What passed once did not hold: the answer is further down than anything looked at near here.
            Gait::Striding { way: Way::Down, widths: 1 }
        } else if now.high > high {
            Gait::Striding { way: Way::Up, widths: 1 }
        } else {
            match (self.gait, moved) {
                (gait, None) => gait,
                (Gait::Standing, Some(way)) => Gait::Striding { way, widths: 1 },
                (Gait::Striding { way, widths }, Some(moved)) if way == moved => {
                    Gait::Striding { way, widths: widths.saturating_mul(GROWTH).min(1 << 20) }
                }
                _ => Gait::Bisecting,
            }
        };
    }

    /// Close around the load that a forwarding rate makes one expect: half a width below it. Nothing where that has been looked at.
    fn follow(&mut self, interval: &Interval, expected: f64) -> Option<f64> {
        let Interval { low, high, low_known, high_known, narrow } = *interval;
        if self.hints_followed >= MAX_HINTS || (low_known && low >= expected * narrow) {
            return None;
        }
        self.hints_followed += 1;
        self.gait = Gait::Standing;
        let one_width_below = high * narrow;
        // An upper end that is close enough already is kept, and its lower end looked for.
        let close = high_known && one_width_below <= expected && one_width_below > low;
        Some(if close {
            one_width_below
        } else if !high_known && expected >= high * (1.0 - 1e-6) {
            // Max Load itself is expected to pass: then it is all there is to measure.
            high
        } else if !high_known && expected >= high * narrow {
            // The answer lies in the topmost width: Max Load is its upper end.
            one_width_below
        } else {
            expected * narrow.sqrt()
        })
    }

    fn stride(&mut self, interval: &Interval) -> f64 {
        if self.gait == Gait::Standing {
            let way = if interval.low_known { Way::Up } else { Way::Down };
            self.gait = Gait::Striding { way, widths: 1 };
        }
        let Interval { low, high, low_known, high_known, narrow } = *interval;
        let step = |widths: u32| narrow.powi(i32::try_from(widths).unwrap_or(i32::MAX));
        match self.gait {
            _ if !low_known && !high_known => high,
            Gait::Striding { way: Way::Up, widths } if low_known => {
                let stride = low / step(widths);
                if high_known { stride.min(interval.middle()) } else { stride }
            }
            Gait::Striding { way: Way::Down, widths } if high_known => {
                let stride = high * step(widths);
                if low_known { stride.max(interval.middle()) } else { stride }
            }
            _ => interval.middle(),
        }
    }
}

impl Interval {
    /// The middle in widths, on whole widths from the lower end, so that the last interval is exactly one width.
    fn middle(&self) -> f64 {
        let widths = ((self.low / self.high).ln() / self.narrow.ln()).max(2.0);
        self.low / self.narrow.powf((widths / 2.0).floor().max(1.0))
    }

    /// Strictly between known ends; where there is no room, their geometric mean.
    fn inside(&self, candidate: f64) -> f64 {
        let above = !self.low_known || candidate > self.low;
        let below = !self.high_known || candidate < self.high;
        if candidate.is_finite() && above && below { candidate } else { (self.low * self.high).sqrt() }
    }
}
