//! Ownership of mbufs between a pool, a poll loop and a queue.
//!
//! A [`Burst`] owns its mbufs and borrows the array that holds their pointers. [`Burst::submit`] consumes it and returns the mbufs that
//! the queue did not accept. A burst cannot be cloned, so no mbuf is freed twice or used after it was sent.

use std::mem::{self, ManuallyDrop};

use dpdk_sys as sys;

use super::kernel_ring::KernelRing;
use super::mbuf::{Mbuf, are_plain};
use super::mempool::Pool;

/// The most mbufs a burst can have.
pub(crate) const MAX_BURST: usize = 256;

/// Room for the pointers of one burst. It owns no mbuf.
///
/// It begins on a cache line. It is on the stack of a poll loop, where a change of the loop's other variables moves it: without the alignment, an
/// unrelated change lowered the generator's rate on net_null by 12 % (`scripts/bench null`). The extra time was in the driver's function.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Slots([*mut sys::rte_mbuf; MAX_BURST]);

impl Slots {
    pub(crate) fn new() -> Self {
        Slots([std::ptr::null_mut(); MAX_BURST])
    }
}

/// Where the mbufs of a burst are freed to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FreeTarget<'p> {
    pool: &'p Pool,
    /// Whether every mbuf belongs to `pool`: plain ones are then put back without reading their second cache line.
    only_this_pool: bool,
}

impl<'p> FreeTarget<'p> {
    pub(crate) fn new(pool: &'p Pool, only_this_pool: bool) -> Self {
        FreeTarget { pool, only_this_pool }
    }

    /// # Safety
    /// The caller owns the mbufs and does not use them afterwards.
    #[inline(always)]
    unsafe fn free(&self, mbufs: &mut [*mut sys::rte_mbuf]) {
        if mbufs.is_empty() {
            return;
        }
        // SAFETY: owned by the caller.
        if self.only_this_pool && unsafe { are_plain(mbufs) } {
            // SAFETY: owned by the caller, from this pool by `only_this_pool`, and plain.
            unsafe { self.pool.put_raw(mbufs) };
        } else {
            // SAFETY: owned by the caller; rte_pktmbuf_free_bulk reads each mbuf's own pool.
            unsafe { sys::rte_pktmbuf_free_bulk(mbufs.as_mut_ptr(), mbufs.len() as u32) };
        }
    }
}

/// Mbufs that one poll loop owns. Dropping the burst frees them.
#[derive(Debug)]
pub struct Burst<'s> {
    mbufs: &'s mut [*mut sys::rte_mbuf],
    free_target: FreeTarget<'s>,
}

impl<'s> Burst<'s> {
    /// Takes at most `count` mbufs from `pool` with their contents unchanged: fewer where the pool has fewer, and `None` where it has none. A
    /// driver frees sent mbufs when it is given the next ones, so a loop that waited for a whole burst could wait forever.
    #[inline(always)]
    pub(crate) fn take(pool: &'s Pool, slots: &'s mut Slots, count: usize) -> Option<Self> {
        let mut count = count.min(MAX_BURST);
        while !pool.get_raw(&mut slots.0[..count]) {
            count = fewer(count)?;
        }
        Some(Burst { mbufs: &mut slots.0[..count], free_target: FreeTarget::new(pool, true) })
    }

    /// Takes at most `count` mbufs as [`take`](Self::take) does, each from the pool whose index `next` gives, which is called `count` times.
    /// `None` also where `next` gives an index that no pool has.
    #[inline(never)]
    pub(crate) fn take_each(pools: &'s [Pool], slots: &'s mut Slots, count: usize, next: impl FnMut() -> usize) -> Option<Self> {
        let free_target = FreeTarget::new(pools.first()?, false);
        let count = count.min(MAX_BURST);
        let mut order = [0u8; MAX_BURST];
        let mut taken = [std::ptr::null_mut(); MAX_BURST];
        choose_pools(pools.len(), &mut order[..count], next)?;
        let mut count = count;
        // SAFETY: with `only_this_pool` false, each mbuf is freed to its own pool.
        while !unsafe { take_in_order(pools, &order[..count], &mut taken, slots, free_target) } {
            count = fewer(count)?;
        }
        Some(Burst { mbufs: &mut slots.0[..count], free_target })
    }

    /// Reads at most `count` mbufs from a receive queue.
    #[inline(always)]
    pub(crate) fn receive(queue: &mut RxQueue, free_target: FreeTarget<'s>, slots: &'s mut Slots, count: usize) -> Self {
        let count = count.min(MAX_BURST);
        // SAFETY: the queue is set up and started by the contract of `RxQueue::new`, `&mut` makes this thread its only user, and there is
        // room for `count` pointers. The driver hands the mbufs over.
        let received = unsafe { sys::lr_rx_burst(queue.port, queue.number, slots.0.as_mut_ptr(), count as u16) };
        Burst { mbufs: &mut slots.0[..usize::from(received)], free_target }
    }

    /// The mbufs, in order.
    #[inline(always)]
    pub fn mbufs(&self) -> &[Mbuf<'_>] {
        // SAFETY: Mbuf is a transparent pointer. The burst owns the mbufs while it is borrowed, which is their lifetime here.
        unsafe { &*(&raw const *self.mbufs as *const [Mbuf<'_>]) }
    }

    /// How many mbufs there are.
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.mbufs.len()
    }

    /// Whether there are none.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.mbufs.is_empty()
    }

    /// Offers the mbufs to a transmit queue once, and returns those that the queue did not accept.
    #[inline(always)]
    pub(crate) fn submit(self, queue: &mut TxQueue) -> Burst<'s> {
        let mut this = ManuallyDrop::new(self);
        let mbufs = mem::take(&mut this.mbufs);
        // SAFETY: the queue is set up and started by the contract of `TxQueue::new` and `&mut` makes this thread its only user; the burst
        // owns the mbufs. The driver owns the first `sent` of them afterwards, and no reference to those remains.
        let sent = unsafe { sys::lr_tx_burst(queue.port, queue.number, mbufs.as_mut_ptr(), mbufs.len() as u16) };
        Burst { mbufs: &mut mbufs[usize::from(sent)..], free_target: this.free_target }
    }

    /// Keeps the mbufs for which `keep` returns true (it gets the index and the mbuf), in order, and frees the others.
    #[inline(always)]
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(usize, Mbuf<'_>) -> bool) {
        let mut kept = 0;
        for i in 0..self.mbufs.len() {
            // SAFETY: the burst owns the mbuf during the call.
            if keep(i, unsafe { Mbuf::from_raw(self.mbufs[i]) }) {
                self.mbufs.swap(kept, i);
                kept += 1;
            }
        }
        let (keep, free) = mem::take(&mut self.mbufs).split_at_mut(kept);
        // SAFETY: the burst owned them and holds only `keep` from here on.
        unsafe { self.free_target.free(free) };
        self.mbufs = keep;
    }
}

impl Drop for Burst<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: the burst owns its mbufs and does not exist afterwards.
        unsafe { self.free_target.free(self.mbufs) };
    }
}

/// The next smaller number of mbufs to try; `None` where none is left.
#[cold]
fn fewer(count: usize) -> Option<usize> {
    (count > 1).then_some(count / 2)
}

/// Fills the first slots with mbufs of the pools in `order`, each of which is the index of a pool. Where a pool has too few, everything is put
/// back and the result is false.
///
/// # Safety
/// `free_target` frees each mbuf to its own pool.
unsafe fn take_in_order(
    pools: &[Pool],
    order: &[u8],
    taken: &mut [*mut sys::rte_mbuf; MAX_BURST],
    slots: &mut Slots,
    free_target: FreeTarget<'_>,
) -> bool {
    let mut begin = 0;
    for (pool, number) in pools.iter().zip(0u8..) {
        let wanted = order.iter().filter(|&&chosen| chosen == number).count();
        if !pool.get_raw(&mut taken[begin..begin + wanted]) {
            // SAFETY: these came from their pools for this call alone, and are freed to them by the caller's contract.
            unsafe { free_target.free(&mut taken[..begin]) };
            return false;
        }
        let mut of_pool = taken[begin..begin + wanted].iter();
        for (slot, _) in slots.0.iter_mut().zip(order).filter(|(_, chosen)| **chosen == number) {
            // `of_pool` has exactly as many as were counted above.
            *slot = of_pool.next().copied().unwrap_or(std::ptr::null_mut());
        }
        begin += wanted;
    }
    // Every slot was written: each number in `order` is the index of a pool.
    true
}

/// Fills `order` with pool indices from `next`; `None` where one of them is not below `pools`.
fn choose_pools(pools: usize, order: &mut [u8], mut next: impl FnMut() -> usize) -> Option<()> {
    for chosen in order {
        let pool = next();
        *chosen = u8::try_from(pool).ok().filter(|_| pool < pools)?;
    }
    Some(())
}

/// One receive queue of a port. One value exists for each queue, so one thread at a time polls it.
#[derive(Debug)]
pub(crate) struct RxQueue {
    port: u16,
    number: u16,
    warm: bool,
}

/// One transmit queue of a port. One value exists for each queue, so one thread at a time uses it.
#[derive(Debug)]
pub(crate) struct TxQueue {
    port: u16,
    number: u16,
    kernel_ring: Option<KernelRing>,
}

impl RxQueue {
    /// `warm` says that received frames are in the polling core's cache already.
    ///
    /// # Safety
    /// Receive queue `number` of `port` is set up, the port is started and stays so while this value exists, and no other RxQueue exists
    /// for the same queue.
    pub(crate) unsafe fn new(port: u16, number: u16, warm: bool) -> Self {
        RxQueue { port, number, warm }
    }

    /// Whether received frames are in the polling core's cache already, so that a prefetch gains nothing.
    #[inline(always)]
    pub(crate) fn is_warm(&self) -> bool {
        self.warm
    }
}

impl TxQueue {
    /// `kernel_ring` is its ring, where the kernel must be asked to empty it.
    ///
    /// # Safety
    /// As for [`RxQueue::new`], for transmit queue `number`.
    pub(crate) unsafe fn new(port: u16, number: u16, kernel_ring: Option<KernelRing>) -> Self {
        TxQueue { port, number, kernel_ring }
    }

    /// The queue's ring, where frames that the queue has accepted stay until the kernel is asked to take them.
    pub(crate) fn kernel_ring(&self) -> Option<&KernelRing> {
        self.kernel_ring.as_ref()
    }

    /// Makes the driver free the mbufs that it has sent, where it can (`rte_eth_tx_done_cleanup`); others free them when they are given the next
    /// frames.
    #[cold]
    pub(crate) fn reclaim(&mut self) {
        // SAFETY: the queue is set up by the contract of `new`, and `&mut` makes this thread its only user. 0: all of them.
        unsafe { sys::rte_eth_tx_done_cleanup(self.port, self.number, 0) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_index_that_does_not_exist_is_refused() {
        let choose = |pools, indices: &[usize]| {
            let mut order = [9; 3];
            let mut indices = indices.iter().copied();
            choose_pools(pools, &mut order, || indices.next().unwrap()).map(|()| order)
        };
        assert_eq!(choose(3, &[2, 0, 1]), Some([2, 0, 1]));
        assert_eq!(choose(3, &[2, 0, 3]), None);
        // 256 must not become pool 0.
        assert_eq!(choose(3, &[0, 256, 0]), None);
        assert_eq!(choose(0, &[0, 0, 0]), None);
    }
}
