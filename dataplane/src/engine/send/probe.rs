//! A stream at a low rate beside the load, whose round-trip times are those of the path under that load.

use super::plan::SendPlan;
use super::returns::{Returned, Returns};
use super::source::Source;
use crate::dpdk::{Pool, Slots, TxQueue};
use crate::engine::meter::Meter;
use crate::engine::running::Shared;
use crate::error::DataplaneError;
use crate::time::{LatePolicy, Schedule};

/// How often a frame is offered before the port counts as full.
const TRIES: u32 = 16;

/// The probe stream, driven by the loop of the first load stream.
pub(super) struct Probe<'p> {
    source: Source,
    schedule: Schedule,
    /// Its own queues, where the port has them; the load's otherwise.
    own: Option<(&'p mut TxQueue, Option<Returns<'p>>)>,
    sent: Probes,
}

/// Frames of a probe stream.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Probes {
    pub(super) taken: u64,
    pub(super) unsent: u64,
}

impl<'p> Probe<'p> {
    /// Begins with the loop. A probe that is late is left out: it would measure a moment that was not asked for.
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
        Ok(Probe { source, schedule, own, sent: Probes::default() })
    }

    pub(super) fn sent(&self) -> Probes {
        self.sent
    }

    pub(super) fn has_own_queue(&self) -> bool {
        self.own.is_some()
    }

    /// Sends the next frame where it is due at `now`, and takes in what came back.
    #[inline(always)]
    pub(super) fn turn(&mut self, now: u64, load: &mut TxQueue, pools: &[Pool], slots: &mut Slots) {
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
            self.source.write(burst.frames(), now);
            for _ in 0..TRIES {
                burst = burst.submit(queue);
                if burst.is_empty() {
                    self.sent.taken += 1;
                    return;
                }
                std::hint::spin_loop();
            }
            self.source.rewind(1);
        }
        self.sent.unsent += 1;
    }

    /// Waits for the rest where it has a queue of its own.
    pub(super) fn finish(self, plan: &SendPlan, meter: &mut Meter, shared: &Shared) -> Option<Returned> {
        let (_, returns) = self.own?;
        Some(returns?.finish(plan, self.sent.taken, meter, shared))
    }
}
