//! Who owns an mbuf.
//!
//! A burst owns its frames and borrows the place where their pointers stand. Handing it to a queue consumes it: what comes back is
//! what the queue did not take. Neither a frame nor a burst can be cloned, so no mbuf is freed twice or used after it was sent.

use std::mem::{self, ManuallyDrop};

use dpdk_sys as sys;

use super::mbuf::{Frame, are_plain};
use super::mempool::Pool;

/// The most frames a burst can have.
pub(crate) const MAX_BURST: usize = 256;

/// Room for one burst's pointers. It owns nothing.
#[derive(Debug)]
pub(crate) struct Slots([*mut sys::rte_mbuf; MAX_BURST]);

impl Slots {
    pub(crate) fn new() -> Self {
        Slots([std::ptr::null_mut(); MAX_BURST])
    }
}

/// How frames go home when a burst is dropped.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Home<'p> {
    pool: &'p Pool,
    /// Whether every mbuf is of `pool`, so that plain ones go back without a look at their second cache line.
    own: bool,
}

impl<'p> Home<'p> {
    pub(crate) fn new(pool: &'p Pool, own: bool) -> Self {
        Home { pool, own }
    }

    /// # Safety
    /// The caller owns the frames and uses them no more.
    #[inline(always)]
    unsafe fn take_back(&self, frames: &mut [Frame]) {
        if frames.is_empty() {
            return;
        }
        // SAFETY: Frame is a transparent pointer.
        let mbufs = unsafe { &mut *(frames as *mut [Frame] as *mut [*mut sys::rte_mbuf]) };
        if self.own && are_plain(mbufs) {
            // SAFETY: owned by the caller, of this pool by `own`, and plain as just seen.
            unsafe { self.pool.put_raw(mbufs) };
        } else {
            // SAFETY: owned by the caller; rte_pktmbuf_free_bulk finds each one's own pool.
            unsafe { sys::rte_pktmbuf_free_bulk(mbufs.as_mut_ptr(), mbufs.len() as u32) };
        }
    }
}

/// Frames, owned. Dropping it gives them back to where they came from.
#[derive(Debug)]
pub(crate) struct Burst<'s> {
    frames: &'s mut [Frame],
    home: Home<'s>,
}

impl<'s> Burst<'s> {
    /// `count` frames of `pool`, as they were put back; none where the pool has not so many.
    #[inline(always)]
    pub(crate) fn take(pool: &'s Pool, slots: &'s mut Slots, count: usize) -> Option<Self> {
        let slots = &mut slots.0[..count.min(MAX_BURST)];
        pool.get_raw(slots).then(|| {
            // SAFETY: Frame is a transparent pointer; the pool gave these mbufs to us alone.
            let frames = unsafe { &mut *(slots as *mut [*mut sys::rte_mbuf] as *mut [Frame]) };
            Burst { frames, home: Home::new(pool, true) }
        })
    }

    /// `count` frames, each of the pool that `next` says; none where one of the pools has not so many.
    #[inline(never)]
    pub(crate) fn take_each(pools: &'s [Pool], slots: &'s mut Slots, count: usize, mut next: impl FnMut() -> usize) -> Option<Self> {
        let home = Home::new(pools.first()?, false);
        let count = count.min(MAX_BURST);
        let mut order = [0u8; MAX_BURST];
        let mut taken = [std::ptr::null_mut(); MAX_BURST];
        order[..count].iter_mut().for_each(|pool| *pool = next() as u8);
        let mut begin = 0;
        for (pool, number) in pools.iter().zip(0u8..) {
            let wanted = order[..count].iter().filter(|&&of| of == number).count();
            if !pool.get_raw(&mut taken[begin..begin + wanted]) {
                // SAFETY: Frame is a transparent pointer; these were given to us alone, each by its own pool, and go home by it.
                unsafe { home.take_back(&mut *(&mut taken[..begin] as *mut [*mut sys::rte_mbuf] as *mut [Frame])) };
                return None;
            }
            let mut of_pool = taken[begin..begin + wanted].iter();
            for (slot, _) in slots.0.iter_mut().zip(&order[..count]).filter(|(_, of)| **of == number) {
                // As many as were counted above.
                *slot = of_pool.next().copied().unwrap_or(std::ptr::null_mut());
            }
            begin += wanted;
        }
        // SAFETY: Frame is a transparent pointer; every slot up to `count` was written, since each number in `order` is of a pool.
        let frames = unsafe { &mut *(&mut slots.0[..count] as *mut [*mut sys::rte_mbuf] as *mut [Frame]) };
        Some(Burst { frames, home })
    }

    /// What a queue has received, at most `count` frames.
    #[inline(always)]
    pub(crate) fn receive(queue: &mut RxQueue, home: Home<'s>, slots: &'s mut Slots, count: usize) -> Self {
        let count = count.min(MAX_BURST);
        // SAFETY: the queue is set up and started as `RxQueue::new` says, this thread alone polls it (&mut), and there is room for `count`
        // pointers.
        let received = unsafe { sys::lr_rx_burst(queue.port, queue.number, slots.0.as_mut_ptr(), count as u16) };
        let slots = &mut slots.0[..usize::from(received)];
        // SAFETY: Frame is a transparent pointer; the driver gave these mbufs to us alone.
        Burst { frames: unsafe { &mut *(slots as *mut [*mut sys::rte_mbuf] as *mut [Frame]) }, home }
    }

    /// The frames, in order.
    #[inline(always)]
    pub(crate) fn frames(&self) -> &[Frame] {
        self.frames
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.frames.len()
    }

    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Offers the frames to a queue, once. What it took is the driver's; what it did not take comes back.
    #[inline(always)]
    pub(crate) fn submit(self, queue: &mut TxQueue) -> Burst<'s> {
        let mut this = ManuallyDrop::new(self);
        let frames = mem::take(&mut this.frames);
        // SAFETY: the queue is set up and started as `TxQueue::new` says, this thread alone uses it (&mut); the frames are ours, and the
        // first `sent` of them are forgotten here, so nothing of ours refers to them any more.
        let sent = unsafe { sys::lr_tx_burst(queue.port, queue.number, frames.as_mut_ptr().cast(), frames.len() as u16) };
        Burst { frames: &mut frames[usize::from(sent)..], home: this.home }
    }

    /// Keeps the frames that `keep` says by place, in order, and gives the others back.
    #[inline(always)]
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(usize, Frame) -> bool) {
        let mut kept = 0;
        for i in 0..self.frames.len() {
            if keep(i, self.frames[i]) {
                self.frames.swap(kept, i);
                kept += 1;
            }
        }
        let (keep, drop) = mem::take(&mut self.frames).split_at_mut(kept);
        // SAFETY: the burst owned them and lets go of them here.
        unsafe { self.home.take_back(drop) };
        self.frames = keep;
    }
}

impl Drop for Burst<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: the burst owns its frames and is gone after this.
        unsafe { self.home.take_back(self.frames) };
    }
}

/// One of a port's receive queues. There is one value of each, so one thread at a time polls it.
#[derive(Debug)]
pub(crate) struct RxQueue {
    port: u16,
    number: u16,
    warm: bool,
}

/// One of a port's transmit queues. There is one value of each, so one thread at a time uses it.
#[derive(Debug)]
pub(crate) struct TxQueue {
    port: u16,
    number: u16,
}

impl RxQueue {
    /// # Safety
    /// Receive queue `number` of `port` is set up, the port is started and stays so as long as this lives, and no other RxQueue is made for it.
    pub(crate) unsafe fn new(port: u16, number: u16, warm: bool) -> Self {
        RxQueue { port, number, warm }
    }

    /// Whether received frames are in the polling core's cache already.
    #[inline(always)]
    pub(crate) fn is_warm(&self) -> bool {
        self.warm
    }
}

impl TxQueue {
    /// # Safety
    /// As for [`RxQueue::new`], for transmit queue `number`.
    pub(crate) unsafe fn new(port: u16, number: u16) -> Self {
        TxQueue { port, number }
    }
}
