//! What a port does towards the spacing of frames.

use std::time::Duration;

use methodology::units::{Nanoseconds, Pace};

use super::pacing::{Pacing, PacingReport};
use super::plan::{SendPlan, Traffic};
use crate::dpdk::{CounterPair, Frame, Port, PortClock, PortView, TimeField};
use crate::engine::meter;
use crate::error::DataplaneError;
use crate::time::TickRate;

/// How long before its time a frame is given to a port that holds it: longer than the absences of a poll loop on a quiet machine, and
/// shorter by far than what mlx5 can look ahead (2^23 times `tx_pp`, mlx5.rst).
const AHEAD: Duration = Duration::from_micros(200);

/// Frames closer than this to one that carries a time follow it without one: mlx5's smallest `tx_pp`, and each time costs it a descriptor.
const GRAIN: Duration = Duration::from_nanos(500);

/// The times that a poll loop writes into frames for the port to keep; without them the loop is the only one that spaces.
pub(super) struct Pacer<'p>(Option<SendTimes<'p>>);

struct SendTimes<'p> {
    clock: PortClock<'p>,
    field: TimeField,
    ahead: u64,
    grain: u64,
    last: Option<u64>,
}

/// Refuses what the port or the plan cannot have.
pub(super) fn check(port: &Port, plan: &SendPlan) -> Result<(), DataplaneError> {
    let refuse = |what: &'static str, why: &str| Err(DataplaneError::Plan { what, why: why.to_owned() });
    if port.times().arrival.is_some() && (!plan.rtt || plan.pace == Pace::Max) {
        return refuse(
            "arrival times by the port",
            "they are for round-trip times at a given rate: they slow the port down, so throughput is never measured with them",
        );
    }
    if plan.pacing == Pacing::Software {
        return Ok(());
    }
    if !matches!((&plan.traffic, plan.pace), (Traffic::Test(_), Pace::Rate(_))) {
        return refuse("pacing by the port", "it spaces test frames of a given rate, and neither max nor a capture: give a rate");
    }
    if plan.pacing == Pacing::SendOnTimestamp && port.times().sending.is_none() {
        return refuse("pacing by the port", "the port was not opened for it: open it with send_on_timestamp");
    }
    if plan.pacing == Pacing::SendOnTimestamp && plan.probe.is_some() {
        return refuse(
            "a probe stream beside frames that wait in the port",
            "it would wait behind them: time the load's own frames instead",
        );
    }
    Ok(())
}

/// The limit of each of `loops` queues in megabits a second, where the plan asks for one: what its frames take at layer 1, rounded up.
/// Whether a driver counts preamble and gap is its own affair, and a limit below the rate would lose frames; so would one that forgets a probe
/// stream, which goes through the load's only queue where the port has no other.
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

/// What the port did.
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

/// mlx5's counters of frames whose time was over, or too far ahead, when they came to the port (mlx5_txpp.c): they go at once.
const NOT_KEPT: [&str; 2] = ["tx_pp_timestamp_past_errors", "tx_pp_timestamp_future_errors"];

fn times_not_kept(counters: &CounterPair) -> Option<u64> {
    let count = |name: &str| {
        let (before, after) = (counters.before.extended.get(name)?, counters.after.extended.get(name)?);
        Some(after.saturating_sub(*before))
    };
    NOT_KEPT.into_iter().filter_map(count).reduce(|a, b| a + b)
}

impl<'p> Pacer<'p> {
    pub(super) fn new(plan: &SendPlan, port: PortView<'p>, rate: TickRate) -> Result<Pacer<'p>, DataplaneError> {
        let (Pacing::SendOnTimestamp, Some(field)) = (plan.pacing, port.times().sending) else { return Ok(Pacer(None)) };
        let grain = if plan.rtt { 0 } else { meter::ticks_in(rate, GRAIN) };
        let ahead = meter::ticks_in(rate, AHEAD);
        Ok(Pacer(Some(SendTimes { clock: port.clock(rate)?, field, ahead, grain, last: None })))
    }

    /// How long before they are due frames are released, in ticks.
    pub(super) fn ahead(&self) -> u64 {
        self.0.as_ref().map_or(0, |times| times.ahead)
    }

    /// Writes when the frames shall go: the first at the tick `due`, each further one `gap` ticks later. Gives the time for their tags.
    #[inline(always)]
    pub(super) fn mark(&mut self, frames: &[Frame], now: u64, due: u64, gap: u64) -> u64 {
        match &mut self.0 {
            None => now,
            Some(times) => times.mark(frames, now, due, gap),
        }
    }

    /// The most frames that may go in one burst: one where each carries its time in its tag too, since a burst's tags have one time.
    pub(super) fn most(&self, plan: &SendPlan) -> u32 {
        if self.0.is_some() && plan.rtt { 1 } else { u32::from(plan.burst) }
    }
}

/// Waits until the port has sent what it holds, so that its counters have everything.
pub(super) fn settle(plan: &SendPlan) {
    if plan.pacing == Pacing::SendOnTimestamp {
        std::thread::sleep(AHEAD);
    }
}

impl SendTimes<'_> {
    #[inline(never)]
    fn mark(&mut self, frames: &[Frame], now: u64, due: u64, gap: u64) -> u64 {
        self.clock.follow(now);
        let times = spaced(due, gap, self.grain, &mut self.last);
        for (frame, time) in frames.iter().zip(times) {
            frame.set_send_time(self.field, time.map(|time| self.clock.map().clock_at(time)));
        }
        due
    }
}

/// The ticks at which frames shall go, without those that are closer than `grain` behind one that has its time.
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
    fn frames_whose_time_was_not_kept_are_those_that_the_driver_counted_meanwhile() {
        let mut counters = CounterPair::default();
        assert_eq!(times_not_kept(&counters), None);
        for (name, before, after) in [(NOT_KEPT[0], 3, 5), (NOT_KEPT[1], 0, 1), ("tx_pp_jitter", 7, 9)] {
            counters.before.extended.insert(name.to_owned(), before);
            counters.after.extended.insert(name.to_owned(), after);
        }
        assert_eq!(times_not_kept(&counters), Some(3));
        let report = report(&plan(1e6, Pacing::SendOnTimestamp), 1, &counters).unwrap();
        assert_eq!((report.ahead_ns, report.times_not_kept), (Some(Nanoseconds::new(200_000)), Some(3)));
    }

    proptest! {
        /// Each frame goes at its time or less than a grain before, right behind another, and never are two times closer than a grain.
        #[test]
        fn times_are_as_far_apart_as_the_port_can_tell(gap in 1..5000_u64, grain in 0..3000_u64, bursts in prop::collection::vec(1..64_usize, 1..20)) {
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

    #[test]
    fn a_frame_carries_the_time_that_was_written_last_or_none() {
        let mut memory = [0_u64; 32];
        // SAFETY: zeroed memory as large as an mbuf, which is this test's alone.
        let frame = unsafe { Frame::from_raw(memory.as_mut_ptr().cast()) };
        let field = TimeField { flag: 1 << 23, offset: 96 };
        assert_eq!(frame.arrival_time(field), None);
        frame.set_send_time(field, Some(42));
        assert_eq!(frame.arrival_time(field), Some(42));
        frame.set_send_time(field, None);
        assert_eq!(frame.arrival_time(field), None);
    }
}
