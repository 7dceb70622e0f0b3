use std::panic;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Barrier};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam::utils::CachePadded;

use crate::cpu::CpuId;
use crate::dpdk::{Eal, Port, PortView, pin};
use crate::error::DataplaneError;

/// A report that an engine ends with, and what it shows while it runs.
pub trait EngineReport: Send + Sized + 'static {
    /// Counters of a run that goes on.
    type Snapshot: Copy + Default + Send + std::fmt::Debug + serde::Serialize;

    #[doc(hidden)]
    fn snapshot(counters: Counters, elapsed: Duration) -> Self::Snapshot;
}

/// Counters by place; each engine gives them its own meaning.
#[doc(hidden)]
pub type Counters = [u64; 7];

/// Someone asked the loop to end.
const STOP: u8 = 1;
/// The link went down, so that the loop has nothing left to do.
const LINK_LOST: u8 = 2;

/// What a poll loop shares with whoever watches it. Each part has a cache line of its own, so that watching costs it nothing.
#[derive(Debug, Default)]
pub(super) struct Shared {
    begun: CachePadded<AtomicBool>,
    /// Bits of [`STOP`] and [`LINK_LOST`]: one look at it tells both.
    orders: CachePadded<AtomicU8>,
    counters: CachePadded<[AtomicU64; 7]>,
}

impl Shared {
    /// Tells that the loop polls from now on and that its meter runs.
    pub(super) fn begin(&self) {
        self.begun.store(true, Ordering::Relaxed);
    }

    fn ask_to_stop(&self) {
        self.orders.fetch_or(STOP, Ordering::Relaxed);
    }

    #[inline(always)]
    pub(super) fn stop_asked(&self) -> bool {
        self.orders.load(Ordering::Relaxed) != 0
    }

    /// Whether the loop was told to end because the link went down.
    pub(super) fn link_was_lost(&self) -> bool {
        self.orders.load(Ordering::Relaxed) & LINK_LOST != 0
    }

    /// Shows the counters. Each is whole by itself; together they may be a burst apart.
    #[inline(always)]
    pub(super) fn show(&self, counters: Counters) {
        for (shown, counter) in self.counters.iter().zip(counters) {
            shown.store(counter, Ordering::Relaxed);
        }
    }
}

/// An engine at work. Dropping it stops the engine, waits for it and closes its port.
#[derive(Debug)]
pub struct Running<R: EngineReport> {
    /// One for each poll loop.
    shared: Arc<[Shared]>,
    started: Instant,
    thread: Option<JoinHandle<(Port, Result<R, DataplaneError>)>>,
}

impl<R: EngineReport> Running<R> {
    /// Starts an engine of so many poll loops, which [`on_each`] runs, on a thread of its own. When this returns all of them poll, so that
    /// no absence and no frame is missed from here on, or the engine has ended.
    pub(super) fn start(
        mut port: Port,
        loops: usize,
        engine: impl FnOnce(&mut Port, &[Shared]) -> Result<R, DataplaneError> + Send + 'static,
    ) -> Self {
        let shared: Arc<[Shared]> = (0..loops).map(|_| Shared::default()).collect();
        let theirs = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            let result = engine(&mut port, &theirs);
            (port, result)
        });
        let mut running = Running { shared, started: Instant::now(), thread: Some(thread) };
        while !running.has_begun() && !running.is_finished() {
            thread::sleep(Duration::from_micros(100));
        }
        running.started = Instant::now();
        running
    }

    fn has_begun(&self) -> bool {
        self.shared.iter().all(|shared| shared.begun.load(Ordering::Relaxed))
    }

    /// The counters now, of all loops together. Costs the poll loops nothing.
    pub fn snapshot(&self) -> R::Snapshot {
        let mut counters = Counters::default();
        for shared in self.shared.iter() {
            for (counter, shown) in counters.iter_mut().zip(shared.counters.iter()) {
                *counter += shown.load(Ordering::Relaxed);
            }
        }
        R::snapshot(counters, self.started.elapsed())
    }

    /// Asks the engine to end: a sender at once, a sink and a reflector when the frames under way have come.
    pub fn stop(&self) {
        self.shared.iter().for_each(Shared::ask_to_stop);
    }

    /// Whether the engine has ended, so that [`join`](Self::join) does not wait.
    pub fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Waits for the end and gives the port back, with the report.
    ///
    /// # Panics
    /// Where the engine panicked, with its panic.
    #[allow(clippy::panic, reason = "only `join` and `drop` take the thread, and both consume the value")]
    pub fn join(mut self) -> (Port, Result<R, DataplaneError>) {
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(ended)) => ended,
            Some(Err(panic)) => panic::resume_unwind(panic),
            None => panic!("an engine is joined once"),
        }
    }
}

impl<R: EngineReport> Drop for Running<R> {
    fn drop(&mut self) {
        self.stop();
        if let Some(thread) = self.thread.take() {
            // A panic of the engine has been printed by its thread.
            let _ = thread.join();
        }
    }
}

/// Runs a poll loop for each item of `work`, each on a thread of its own that is pinned and registered with EAL, and waits for all of them.
/// They begin together. Where one fails the others are stopped, and the first failure is given. Where there is a port to watch and its link
/// goes down they are told to end.
pub(super) fn on_each<W: Send, P: Send>(
    eal: &Arc<Eal>,
    port: &str,
    cpus: &[CpuId],
    work: Vec<W>,
    shared: &[Shared],
    port_to_watch: Option<PortView<'_>>,
    poll: impl Fn(W, &Shared) -> Result<P, DataplaneError> + Sync,
) -> Result<Vec<P>, DataplaneError> {
    let together = Barrier::new(work.len());
    let one = |work: W, cpu: Option<CpuId>, own: &Shared| {
        let pinned = pin(eal, cpu, port);
        // Also a loop that cannot begin comes here, or the others would wait for it for ever.
        together.wait();
        let result = pinned.and_then(|_pinned| poll(work, own));
        if result.is_err() {
            shared.iter().for_each(Shared::ask_to_stop);
        }
        result
    };
    thread::scope(|scope| {
        let cpus = cpus.iter().copied().map(Some).chain(std::iter::repeat(None));
        let one = &one;
        let each = work.into_iter().zip(cpus).zip(shared);
        let (alive, ended) = channel::<()>();
        let start = |((work, cpu), own)| {
            let alive = alive.clone();
            scope.spawn(move || {
                let _alive = alive;
                one(work, cpu, own)
            })
        };
        let loops: Vec<_> = each.map(start).collect();
        drop(alive);
        if let Some(port) = port_to_watch {
            watch(port, shared, |length| ended.recv_timeout(length) == Err(RecvTimeoutError::Timeout));
        }
        loops.into_iter().map(|one| one.join().unwrap_or_else(|panic| panic::resume_unwind(panic))).collect()
    })
}

/// How often a sender's link is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// Tells the loops to end where the link goes down, or where it is down and the port has taken nothing for the time between two looks.
///
/// A loop does not look itself: that costs a system call on some ports. And it cannot tell from its port alone, since some drivers take frames
/// for a link that is not there (net_af_packet: the kernel drops what it is given for an interface without a carrier).
fn watch(port: PortView<'_>, shared: &[Shared], still_running: impl Fn(Duration) -> bool) {
    let taken = || shared.iter().map(|shared| shared.counters[0].load(Ordering::Relaxed)).sum::<u64>();
    let (mut was_up, mut before) = (port.link_is_up(), taken());
    while still_running(LOOK) {
        let (up, now) = (port.link_is_up(), taken());
        if !up && (was_up || now == before) {
            shared.iter().for_each(|shared| {
                shared.orders.fetch_or(LINK_LOST, Ordering::Relaxed);
            });
            return;
        }
        (was_up, before) = (up, now);
    }
}
