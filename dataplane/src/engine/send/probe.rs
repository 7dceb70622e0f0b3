//! A stream at a low rate beside the load. Its round-trip times are those of the path under that load.

use super::plan::SendPlan;
use super::report::SendCounters;
use super::returns::{Returned, Returns};
use super::source::Source;
use crate::dpdk::{Pool, Slots, TxQueue};
use crate::engine::meter::Meter;
use crate::engine::running::Shared;
use crate::error::DataplaneError;
use crate::time::{LatePolicy, Schedule};

/// How often a probe frame is offered before the port counts as full.
const TRIES: u32 = 16;

/// The probe stream. The poll loop of the first load stream drives it.
pub(super) struct Probe<'p> {
    source: Source,
    schedule: Schedule,
    /// The probe's own queues where the port has them; otherwise it shares those of the load.
    own: Option<(&'p mut TxQueue, Option<Returns<'p>>)>,
    sent: ProbeCounts,
}

/// Frames of a probe stream.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ProbeCounts {
    pub(super) accepted: u64,
    pub(super) unsent: u64,
}

impl<'p> Probe<'p> {
    /// Begins with the loop. A late probe frame is skipped, because it would measure another moment than the one intended.
    pub(super) fn new(
        plan: &SendPlan,
        source: Source,
        mut own: Option<(&'p mut TxQueue, Option<Returns<'p>>)>,
        meter: &Meter,
    ) -> Result<Probe<'p>, DataplaneError> {
        if let Some((_, Some(returns))) = &mut own {
            returns.begin(plan, meter);
        }
        let refuse = |why: String| DataplaneError::Plan { what: "the probe stream", why };
        let rate = plan.probe.ok_or_else(|| refuse("it has no rate".to_owned()))?;
        let schedule = Schedule::new(meter.rate(), rate, meter.begin(), LatePolicy::Skip).map_err(|error| refuse(error.to_string()))?;
        Ok(Probe { source, schedule, own, sent: ProbeCounts::default() })
    }

    pub(super) fn sent(&self) -> ProbeCounts {
        self.sent
    }

    /// Bytes that the probe frames take, FCS included.
    pub(super) fn bytes(&self) -> u64 {
        self.sent.accepted * u64::from(self.source.fixed_length().unwrap_or(0) + methodology::units::FCS)
    }

    pub(super) fn has_own_queue(&self) -> bool {
        self.own.is_some()
    }

    /// Sends the next frame if it is due at `now`, and receives returned frames on the probe's own queue.
    #[inline(always)]
    pub(super) fn poll(&mut self, now: u64, load: &mut TxQueue, pools: &[Pool], slots: &mut Slots) {
        if let Some((_, Some(returns))) = &mut self.own {
            returns.collect();
        }
        if self.schedule.due(now, 1).is_ok_and(|release| release.frames > 0) {
            self.send(now, load, pools, slots);
        }
    }

    #[cold]
    fn send(&mut self, now: u64, load: &mut TxQueue, pools: &[Pool], slots: &mut Slots) {
        let queue = match &mut self.own {
            Some((own, _)) => own,
            None => load,
        };
        if let Some(mut burst) = self.source.take(pools, slots, 1) {
            self.source.write(burst.mbufs(), now);
            for _ in 0..TRIES {
                burst = burst.submit(queue);
                if burst.is_empty() {
                    self.sent.accepted += 1;
                    return;
                }
                std::hint::spin_loop();
            }
            self.source.rewind(1, false);
        }
        self.sent.unsent += 1;
    }

    /// Waits for the frames in flight, where the probe has its own queue.
    pub(super) fn drain(self, plan: &SendPlan, meter: &mut Meter, shared: &Shared<SendCounters>) -> Option<Returned> {
        let (_, returns) = self.own?;
        Some(returns?.drain(plan, self.sent.accepted, meter, shared))
    }
}
