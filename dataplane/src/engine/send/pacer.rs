//! Pacing by the port: send times in mbufs, and rate limits of queues.

use std::time::Duration;

use methodology::units::{Nanoseconds, Pace};

use super::pacing::{Pacing, PacingReport};
use super::plan::{SendPlan, Traffic};
use crate::dpdk::{CounterPair, Mbuf, Port, PortClock, PortView, SEND_TIME_ERRORS, TimeField};
use crate::engine::meter;
use crate::error::DataplaneError;
use crate::time::TickRate;

/// How long before its send time a frame is given to the port: longer than the hiccups of a poll loop on a quiet machine, and far shorter
/// than the range of mlx5 (2^23 times `tx_pp`, mlx5.rst).
const AHEAD: Duration = Duration::from_micros(200);

/// A frame closer than this to the last one with a send time gets none: it is the smallest `tx_pp` of mlx5, which needs a descriptor for each
/// send time.
const GRAIN: Duration = Duration::from_nanos(500);

/// Writes send times into mbufs where the port paces by them; otherwise does nothing.
pub(super) struct Pacer<'p>(Option<SendTimes<'p>>);

struct SendTimes<'p> {
    clock: PortClock<'p>,
    field: TimeField,
    ahead: u64,
    grain: u64,
    last: Option<u64>,
}

/// Refuses a plan whose pacing the port or the traffic does not support.
pub(super) fn check(port: &Port, plan: &SendPlan) -> Result<(), DataplaneError> {
    let refuse = |what: &'static str, why: &str| Err(DataplaneError::Plan { what, why: why.to_owned() });
    if port.time_fields().arrival.is_some() && (!plan.rtt || plan.pace == Pace::Max) {
        return refuse(
            "arrival times by the port",
            "they slow the port down, so they are allowed only for round-trip times at a given rate, not for throughput",
        );
    }
    if plan.pacing == Pacing::Software {
        return Ok(());
    }
    if !matches!((&plan.traffic, plan.pace), (Traffic::Test(_), Pace::Rate(_))) {
        return refuse("pacing by the port", "it needs test frames at a given rate: give a rate instead of max, and no capture");
    }
    if plan.pacing == Pacing::SendOnTimestamp && port.time_fields().send.is_none() {
        return refuse("pacing by the port", "the port was opened without it: open the port with send_on_timestamp");
    }
    if plan.pacing == Pacing::SendOnTimestamp && plan.probe.is_some() {
        return refuse(
            "a probe stream with send times",
            "it would queue behind frames that wait in the port: time the frames of the load instead",
        );
    }
    Ok(())
}

/// The rate limit of each of `loops` queues in Mbit/s, where the plan asks for one: the layer-1 rate of the queue's frames, rounded up.
/// Drivers differ in whether they count preamble and inter-frame gap, and a limit below the rate would lose frames. The limit includes the
/// probe stream, which shares the load's queue where the port has only one.
pub(super) fn queue_limit(plan: &SendPlan, loops: u16) -> Option<u32> {
    let (Pacing::QueueRate, Traffic::Test(frames), Pace::Rate(rate)) = (plan.pacing, &plan.traffic, plan.pace) else { return None };
    let highest = plan.then.map_or(rate, |then| if then.rate > rate { then.rate } else { rate });
    let share = highest.shared_by(loops);
    let probe = plan.probe.map_or(0.0, |probe| frames.l1(probe).bps());
    Some(megabits(frames.l1(share).bps() + probe))
}

fn megabits(bps: f64) -> u32 {
    (bps / 1e6).ceil().clamp(1.0, f64::from(u32::MAX)) as u32
}

/// How the port took part in pacing.
pub(super) fn report(plan: &SendPlan, loops: u16, counters: &CounterPair) -> Option<PacingReport> {
    let by = plan.pacing;
    let report = PacingReport { by, ahead_ns: None, queue_limit_mbps: queue_limit(plan, loops), times_not_kept: None };
    match by {
        Pacing::Software => None,
        Pacing::QueueRate => Some(report),
        Pacing::SendOnTimestamp => {
            let ahead_ns = Some(Nanoseconds::new(AHEAD.as_nanos() as u64));
            Some(PacingReport { ahead_ns, times_not_kept: times_not_kept(counters), ..report })
        }
    }
}

fn times_not_kept(counters: &CounterPair) -> Option<u64> {
    let count = |name: &str| {
        let (before, after) = (counters.before.extended.get(name)?, counters.after.extended.get(name)?);
        Some(after.saturating_sub(*before))
    };
    SEND_TIME_ERRORS.into_iter().filter_map(count).reduce(|a, b| a + b)
}

impl<'p> Pacer<'p> {
    pub(super) fn new(plan: &SendPlan, port: PortView<'p>, rate: TickRate) -> Result<Pacer<'p>, DataplaneError> {
        let (Pacing::SendOnTimestamp, Some(field)) = (plan.pacing, port.time_fields().send) else { return Ok(Pacer(None)) };
        let grain = if plan.rtt { 0 } else { meter::ticks_in(rate, GRAIN) };
        let ahead = meter::ticks_in(rate, AHEAD);
        Ok(Pacer(Some(SendTimes { clock: port.clock(rate)?, field, ahead, grain, last: None })))
    }

    /// How long before they are due frames are released, in ticks.
    pub(super) fn ahead(&self) -> u64 {
        self.0.as_ref().map_or(0, |times| times.ahead)
    }

    /// Writes the send times: the first frame's is the tick `due`, each later one `gap` ticks after the one before. Returns the time for the
    /// frames' tags.
    #[inline(always)]
    pub(super) fn set_send_times(&mut self, mbufs: &[Mbuf<'_>], now: u64, due: u64, gap: u64) -> u64 {
        match &mut self.0 {
            None => now,
            Some(times) => times.set(mbufs, now, due, gap),
        }
    }

    /// The most frames in one burst, at most `burst`. It is one where each frame's tag needs its own send time, because a burst's tags share one time.
    pub(super) fn largest_burst(&self, plan: &SendPlan, burst: u16) -> u32 {
        if self.0.is_some() && plan.rtt { 1 } else { u32::from(burst) }
    }
}

/// Waits until the port has sent the frames that it holds, so that its counters include them.
pub(super) fn wait_until_sent(plan: &SendPlan) {
    if plan.pacing == Pacing::SendOnTimestamp {
        std::thread::sleep(AHEAD);
    }
}

impl SendTimes<'_> {
    #[inline(never)]
    fn set(&mut self, mbufs: &[Mbuf<'_>], now: u64, due: u64, gap: u64) -> u64 {
        self.clock.follow(now);
        let times = spaced(due, gap, self.grain, &mut self.last);
        for (mbuf, time) in mbufs.iter().zip(times) {
            mbuf.set_send_time(self.field, time.map(|time| self.clock.map().clock_at(time)));
        }
        due
    }
}

/// The send times of frames in ticks; `None` for a frame less than `grain` after the last one with a send time.
fn spaced(due: u64, gap: u64, grain: u64, last: &mut Option<u64>) -> impl Iterator<Item = Option<u64>> {
    (0..).map(move |number: u64| {
        let time = due.wrapping_add(number.wrapping_mul(gap));
        let close = last.is_some_and(|last| time.wrapping_sub(last) < grain);
        (!close).then(|| *last.insert(time))
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use methodology::units::{FrameSize, PacketRate};
    use proptest::prelude::*;

    use super::*;
    use crate::engine::send::plan::RateStep;

    fn plan(pps: f64, pacing: Pacing) -> SendPlan {
        let rate = PacketRate::new(pps).unwrap();
        SendPlan { pacing, ..SendPlan::new(FrameSize::MIN, Pace::Rate(rate), Duration::from_secs(1)) }
    }

    /// 64-byte frames take 672 bits at layer 1.
    #[test]
    fn a_queue_is_limited_to_no_less_than_its_share() {
        assert_eq!(queue_limit(&plan(1e6, Pacing::QueueRate), 1), Some(672));
        assert_eq!(queue_limit(&plan(1e6, Pacing::QueueRate), 2), Some(336));
        assert_eq!(queue_limit(&plan(1.0, Pacing::QueueRate), 1), Some(1));
        let step = RateStep { after: Duration::from_millis(500), rate: PacketRate::new(2e6).unwrap() };
        assert_eq!(queue_limit(&SendPlan { then: Some(step), ..plan(1e6, Pacing::QueueRate) }, 1), Some(1344));
        let probed = SendPlan { probe: Some(PacketRate::new(100e3).unwrap()), rtt: true, ..plan(1e6, Pacing::QueueRate) };
        assert_eq!(queue_limit(&probed, 1), Some(740));
        assert_eq!(queue_limit(&plan(1e6, Pacing::Software), 1), None);
    }

    #[test]
    fn frames_with_a_missed_send_time_are_those_that_the_driver_counted_meanwhile() {
        let mut counters = CounterPair::default();
        assert_eq!(times_not_kept(&counters), None);
        for (name, before, after) in [(SEND_TIME_ERRORS[0], 3, 5), (SEND_TIME_ERRORS[1], 0, 1), ("tx_pp_jitter", 7, 9)] {
            counters.before.extended.insert(name.to_owned(), before);
            counters.after.extended.insert(name.to_owned(), after);
        }
        assert_eq!(times_not_kept(&counters), Some(3));
        let report = report(&plan(1e6, Pacing::SendOnTimestamp), 1, &counters).unwrap();
        assert_eq!((report.ahead_ns, report.times_not_kept), (Some(Nanoseconds::new(200_000)), Some(3)));
    }

    proptest! {
        /// Each frame has its own send time or follows one less than a grain before it, and no two send times are closer than a grain.
        #[test]
        fn send_times_are_at_least_a_grain_apart(gap in 1..5000_u64, grain in 0..3000_u64, bursts in prop::collection::vec(1..64_usize, 1..20)) {
            let (mut due, mut last, mut before) = (1000, None, None);
            for burst in bursts {
                let times: Vec<_> = spaced(due, gap, grain, &mut last).take(burst).collect();
                for (number, time) in (0..).zip(times) {
                    let own = due + number * gap;
                    match time {
                        Some(time) => {
                            prop_assert_eq!(time, own);
                            prop_assert!(before.is_none_or(|before| time - before >= grain));
                            before = Some(time);
                        }
                        None => prop_assert!(before.is_some_and(|before| own - before < grain)),
                    }
                }
                due += burst as u64 * gap;
            }
        }
    }
}
