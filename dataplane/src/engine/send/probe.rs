//! A stream at a low rate beside the load. Its round-trip times are those of the path under that load.

use super::plan::SendPlan;
use super::returns::Returns;
use super::source::Source;
use crate::dpdk::{Pool, Slots, TxQueue};
use crate::engine::meter::Meter;
use crate::error::DataplaneError;
use crate::time::{LatePolicy, Schedule};

/// How often a probe frame is offered before the port counts as full.
const TRIES: u32 = 16;

/// The probe stream. The poll loop of the first load stream drives it.
pub(super) struct Probe<'p> {
    source: Source,
    schedule: Schedule,
    /// The probe's own queue where the port has one; otherwise it shares that of the load.
    own: Option<OwnQueue<'p>>,
    sent: ProbeCounts,
}

/// A queue that only the probe stream uses.
pub(super) struct OwnQueue<'p> {
    pub(super) tx: &'p mut TxQueue,
    /// The queue's own mbufs. With RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE, all mbufs that a queue ever sends must be of one pool: drivers such as
    /// i40e and ice return a batch of them to the pool of the first.
    pub(super) pools: &'p [Pool],
    pub(super) returns: Option<Returns<'p>>,
}

/// Frames of a probe stream.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ProbeCounts {
    pub(super) accepted: u64,
    pub(super) unsent: u64,
}

impl<'p> Probe<'p> {
    /// Begins with the loop. `begin` is when the sender began. A late probe frame is skipped: it would measure another moment than the
    /// intended one.
    pub(super) fn new(
        plan: &SendPlan,
        source: Source,
        mut own: Option<OwnQueue<'p>>,
        meter: &Meter,
        begin: u64,
    ) -> Result<Probe<'p>, DataplaneError> {
        if let Some(OwnQueue { returns: Some(returns), .. }) = &mut own {
            returns.begin(plan, meter, begin);
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

    /// The probe's own queue, where it has one.
    pub(super) fn own_tx(&self) -> Option<&TxQueue> {
        Some(&*self.own.as_ref()?.tx)
    }

    /// What returned on the probe's own queue.
    pub(super) fn own_returns(&mut self) -> Option<&mut Returns<'p>> {
        self.own.as_mut()?.returns.as_mut()
    }

    /// Gives back what returned on the probe's own queue.
    pub(super) fn into_own_returns(self) -> Option<Returns<'p>> {
        self.own?.returns
    }

    /// Sends the next frame if it is due at `now`, and receives returned frames on the probe's own queue.
    #[inline(always)]
    pub(super) fn poll(&mut self, now: u64, load: &mut TxQueue, pools: &[Pool], slots: &mut Slots) {
        if let Some(OwnQueue { returns: Some(returns), .. }) = &mut self.own {
            returns.collect();
        }
        if self.schedule.due(now, 1).is_ok_and(|release| release.frames > 0) {
            self.send(now, load, pools, slots);
        }
    }

    #[cold]
    fn send(&mut self, now: u64, load: &mut TxQueue, pools: &[Pool], slots: &mut Slots) {
        let (queue, pools) = match &mut self.own {
            Some(own) => (&mut *own.tx, own.pools),
            None => (load, pools),
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
}
