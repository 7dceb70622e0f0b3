//! The frames of the other end, which the poll loop of a sender counts while it sends (RFC 2544 §14).

use methodology::units::Frames;

use super::plan::{SendPlan, Traffic};
use super::report::SendCounters;
use super::returns::COLLECTED;
use crate::account::sequence::Window;
use crate::dpdk::{Burst, FreeTarget, RxQueue, Slots};
use crate::engine::ending::Ending;
use crate::engine::meter::Meter;
use crate::engine::running::Shared;
use crate::engine::sink::{Arrivals, ReceiveReport};
use crate::frame::{Classifier, Layout, prefetch_for_read};
use crate::time::TickRate;

/// Counts what arrives on the queue of a sender, as a sink does.
pub(super) struct Arriving<'p> {
    queue: &'p mut RxQueue,
    free_target: FreeTarget<'p>,
    slots: Slots,
    arrivals: Arrivals,
    /// As many bursts as the ring holds.
    most_bursts: u16,
}

impl<'p> Arriving<'p> {
    /// On a queue of so many descriptors. The other end sends frames of the same size and headers as `plan`.
    pub(super) fn new(plan: &SendPlan, queue: &'p mut RxQueue, free_target: FreeTarget<'p>, descriptors: u16) -> Self {
        let layout = Layout::new(plan.tagging, plan.frame.network());
        let classifier = match &plan.traffic {
            Traffic::Test(Frames::Fixed(size)) => Classifier::of_size(layout, *size),
            Traffic::Test(Frames::Mix(_)) | Traffic::Capture { .. } => Classifier::new(layout),
        };
        let arrivals = Arrivals::new(classifier, Window::DEFAULT, false);
        Arriving { queue, free_target, slots: Slots::new(), arrivals, most_bursts: (descriptors / COLLECTED as u16).max(1) }
    }

    /// Receives at `now` until a burst comes back short: after an interruption of the loop the ring is full, and it overflows if it is emptied one
    /// burst at a time while more frames arrive. Whether frames arrived.
    #[inline(always)]
    pub(super) fn collect(&mut self, now: u64) -> bool {
        for burst in 0..self.most_bursts {
            let received = self.collect_burst(now);
            if received < COLLECTED {
                return burst > 0 || received > 0;
            }
        }
        true
    }

    #[inline(always)]
    fn collect_burst(&mut self, now: u64) -> usize {
        let burst = Burst::receive(self.queue, self.free_target, &mut self.slots, COLLECTED);
        let received = burst.len();
        if received > 0 {
            if !self.queue.is_warm() {
                burst.mbufs().iter().for_each(|mbuf| prefetch_for_read(mbuf.data()));
            }
            // SAFETY: the burst owns the mbufs, each with `length` bytes in its first segment, and nothing writes to them.
            unsafe { self.arrivals.burst(burst.mbufs(), now, |mbuf| (mbuf.data().cast_const(), mbuf.length())) };
        }
        received
    }

    /// Counts until the sender may send. Its meter runs meanwhile: the other end may send already.
    pub(super) fn wait_to_send(&mut self, meter: &mut Meter, shared: &Shared<SendCounters>) {
        while !shared.may_send() && !shared.stop_asked() {
            let now = meter.next_iteration();
            self.collect(now);
        }
    }

    /// Counts after the last own frame until no frame has arrived for the plan's drain. The meter goes on: an interruption now can lose frames.
    /// `ask` is called at times for what is left in the transmit ring.
    pub(super) fn drain(&mut self, plan: &SendPlan, meter: &mut Meter, shared: &Shared<SendCounters>, mut ask: impl FnMut(u64)) {
        let mut ending = Ending::new(meter.rate(), meter.begin(), None, plan.drain);
        loop {
            let now = meter.next_iteration();
            ask(now);
            let received = self.collect(now);
            if shared.stop_asked() || ending.after(now, received, true, || shared.link_was_lost()).is_some() {
                return;
            }
        }
    }

    /// Frames of any class.
    pub(super) fn frames(&self) -> u64 {
        self.arrivals.frames()
    }

    /// The counts, without those of the loop and the port.
    pub(super) fn report(&self, rate: TickRate) -> ReceiveReport {
        self.arrivals.report(rate)
    }
}
