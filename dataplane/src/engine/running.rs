//! Runs the poll loops of an engine: starts them together, watches them, stops them and collects their results.

use std::panic;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Barrier};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam::utils::CachePadded;

use super::counters::Counters;
use crate::cpu::CpuId;
use crate::dpdk::{Eal, Port, PortView, QueuePair, pin};
use crate::error::DataplaneError;

/// The final report of an engine, and the snapshot that it shows while it runs.
pub trait EngineReport: Send + Sized + 'static {
    /// Counters of a run in progress.
    type Snapshot: Copy + Default + Send + std::fmt::Debug + serde::Serialize;

    /// The counters behind a snapshot.
    #[doc(hidden)]
    type Counters: Counters;

    /// A snapshot from the sums of the counters of `loops` poll loops.
    #[doc(hidden)]
    fn snapshot(counters: Self::Counters, loops: usize, elapsed: Duration) -> Self::Snapshot;
}

/// The user asked the loop to stop, or another loop of the engine failed.
const STOP: u8 = 1;
/// The link went down, so the loop cannot continue.
const LINK_LOST: u8 = 2;

/// State that a poll loop shares with its observers. Each part has a cache line of its own, so observing costs the loop nothing.
#[derive(Debug, Default)]
pub(super) struct Shared<C: Counters> {
    begun: CachePadded<AtomicBool>,
    /// Bits [`STOP`] and [`LINK_LOST`]: the loop reads both at once.
    stop: CachePadded<AtomicU8>,
    /// Whether a sender that counts the other end's frames may send.
    may_send: CachePadded<AtomicBool>,
    counters: CachePadded<C::Shared>,
}

impl<C: Counters> Shared<C> {
    /// Says that the loop polls from now on and that its meter runs.
    pub(super) fn begin(&self) {
        self.begun.store(true, Ordering::Relaxed);
    }

    /// Whether a sender that counts the other end's frames may send.
    #[inline(always)]
    pub(super) fn may_send(&self) -> bool {
        self.may_send.load(Ordering::Relaxed)
    }

    fn ask_to_stop(&self) {
        self.stop.fetch_or(STOP, Ordering::Relaxed);
    }

    /// Whether the loop has to stop, for whatever reason.
    #[inline(always)]
    pub(super) fn stop_asked(&self) -> bool {
        self.stop.load(Ordering::Relaxed) != 0
    }

    /// Whether the loop has to stop because the link went down.
    pub(super) fn link_was_lost(&self) -> bool {
        self.stop.load(Ordering::Relaxed) & LINK_LOST != 0
    }

    /// Shows the loop's counters to its observers.
    #[inline(always)]
    pub(super) fn show(&self, counters: C) {
        counters.store(&self.counters);
    }

    fn counters(&self) -> C {
        C::load(&self.counters)
    }
}

/// The sum of the counters of all loops.
fn total<C: Counters>(shared: &[Shared<C>]) -> C {
    shared.iter().map(Shared::counters).fold(C::default(), C::plus)
}

/// An engine that runs. Dropping it stops the engine, waits for its end and closes its port.
#[derive(Debug)]
pub struct Running<R: EngineReport> {
    /// One for each poll loop.
    shared: Arc<[Shared<R::Counters>]>,
    started: Instant,
    thread: Option<JoinHandle<(Port, Result<R, DataplaneError>)>>,
}

impl<R: EngineReport> Running<R> {
    /// Starts an engine of `loops` poll loops, which [`run_loops`] runs, on a thread of its own. On return all loops poll, so that no
    /// hiccup and no frame is missed from here on, or the engine has ended.
    pub(super) fn start(
        mut port: Port,
        loops: usize,
        engine: impl FnOnce(&mut Port, &[Shared<R::Counters>]) -> Result<R, DataplaneError> + Send + 'static,
    ) -> Self {
        let shared: Arc<[Shared<R::Counters>]> = (0..loops).map(|_| Shared::default()).collect();
        let of_engine = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            let result = engine(&mut port, &of_engine);
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

    /// The counters now, summed over all loops. Costs the poll loops nothing.
    pub fn snapshot(&self) -> R::Snapshot {
        R::snapshot(total(&self.shared), self.shared.len(), self.started.elapsed())
    }

    /// The counters of each poll loop now, in the order of the queues.
    pub fn snapshots(&self) -> Vec<R::Snapshot> {
        let elapsed = self.started.elapsed();
        self.shared.iter().map(|shared| R::snapshot(shared.counters(), 1, elapsed)).collect()
    }

    /// Asks the engine to stop: a sender stops at once, a sink and a reflector after the frames in flight have arrived.
    pub fn stop(&self) {
        self.shared.iter().for_each(Shared::ask_to_stop);
    }

    /// Lets a sender with [`SendPlan::both_ways`](crate::SendPlan::both_ways) send. Other engines do not wait for it.
    pub fn begin_sending(&self) {
        self.shared.iter().for_each(|shared| shared.may_send.store(true, Ordering::Relaxed));
    }

    /// Whether the engine has ended, so that [`join`](Self::join) does not wait.
    pub fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Waits for the end, and returns the port and the report.
    ///
    /// # Panics
    /// If the engine panicked, with the same panic.
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
            // The thread has printed the message of a panic already.
            let _ = thread.join();
        }
    }
}

/// A port whose link is watched while its poll loops run.
pub(super) struct WatchedLink<'p, C> {
    pub(super) port: PortView<'p>,
    /// How many frames the port has accepted or received, from the counters.
    pub(super) frames: fn(C) -> u64,
    /// Which end of the link it is.
    pub(super) end: LinkEnd,
}

impl<'p, C> WatchedLink<'p, C> {
    /// The link of the port that these queues belong to.
    pub(super) fn of(queues: &[QueuePair<'p>], end: LinkEnd, frames: fn(C) -> u64) -> Option<Self> {
        queues.first().map(|queue| WatchedLink { port: queue.port, frames, end })
    }
}

/// When a link that is down ends a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LinkEnd {
    /// At once when it goes down. A link that was never up is lost when the port accepts no frame during one interval.
    Sender,
    /// When no frame has arrived during one interval, and some had before: until then the other end may not have begun.
    Receiver,
}

/// Runs one poll loop for each item of `work` and waits for all of them. Each loop has a thread of its own that is pinned and registered
/// with EAL, in the order of `work`. All loops begin together. When one fails or panics, the others are stopped and the first failure is
/// returned. When the link of `watched` is lost, all loops are stopped.
pub(super) fn run_loops<W: Send, T: Send, C: Counters>(
    eal: &Arc<Eal>,
    port: &str,
    cpus: &[CpuId],
    work: Vec<W>,
    shared: &[Shared<C>],
    watched: Option<WatchedLink<'_, C>>,
    poll: impl Fn(W, &Shared<C>) -> Result<T, DataplaneError> + Sync,
) -> Result<Vec<T>, DataplaneError> {
    let cpus = cpus.iter().copied().map(Some).chain(std::iter::repeat(None));
    let work = work.into_iter().zip(cpus).collect();
    run_on_threads(work, shared, watched, |cpu| pin(eal, cpu, port), poll)
}

/// [`run_loops`] on threads that `prepare` sets up; what it returns is dropped after the loop.
fn run_on_threads<W: Send, T: Send, C: Counters, P>(
    work: Vec<(W, Option<CpuId>)>,
    shared: &[Shared<C>],
    watched: Option<WatchedLink<'_, C>>,
    prepare: impl Fn(Option<CpuId>) -> Result<P, DataplaneError> + Sync,
    poll: impl Fn(W, &Shared<C>) -> Result<T, DataplaneError> + Sync,
) -> Result<Vec<T>, DataplaneError> {
    let all_prepared = Barrier::new(work.len());
    let run_loop = |work: W, cpu: Option<CpuId>, own: &Shared<C>, is_prepared: Sender<()>| {
        let prepared = prepare(cpu);
        drop(is_prepared);
        // A loop that failed to prepare waits too; otherwise the others would wait for it forever.
        all_prepared.wait();
        let _stop = StopOnPanic(shared);
        let result = prepared.and_then(|_prepared| poll(work, own));
        if result.is_err() {
            shared.iter().for_each(Shared::ask_to_stop);
        }
        result
    };
    thread::scope(|scope| {
        let run_loop = &run_loop;
        // `ended` disconnects when the last loop drops its `alive`.
        let (alive, ended) = channel::<()>();
        let start = |((work, cpu), own)| {
            let alive = alive.clone();
            let (is_prepared, prepared) = channel();
            let thread = scope.spawn(move || {
                let _alive = alive;
                run_loop(work, cpu, own, is_prepared)
            });
            // One after the other: EAL gives a thread the lowest free lcore id, so that a queue has the same one in every run. Mbufs that an
            // earlier run left in the cache of an lcore are then found there again.
            let _ = prepared.recv();
            thread
        };
        let loops: Vec<_> = work.into_iter().zip(shared).map(start).collect();
        drop(alive);
        if let Some(watched) = watched {
            watch(&watched, shared, |interval| ended.recv_timeout(interval) == Err(RecvTimeoutError::Timeout));
        }
        loops.into_iter().map(|one| one.join().unwrap_or_else(|panic| panic::resume_unwind(panic))).collect()
    })
}

/// Stops all loops when the loop that holds this value panics. Otherwise they would poll forever.
struct StopOnPanic<'s, C: Counters>(&'s [Shared<C>]);

impl<C: Counters> Drop for StopOnPanic<'_, C> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.iter().for_each(Shared::ask_to_stop);
        }
    }
}

/// How often the link of a watched port is read.
const LINK_INTERVAL: Duration = Duration::from_millis(250);

/// Stops the loops when the link is down, by the rule of [`LinkEnd`].
///
/// One thread reads the link, and no poll loop does: it is a system call on some ports and many reads of registers on others, and the link
/// functions of drivers are not thread-safe (igb takes a hardware semaphore, e1000_phy.c). Accepted frames alone prove nothing: some drivers
/// accept frames while the link is down (net_af_packet: the kernel drops frames for an interface without a carrier).
fn watch<C: Counters>(watched: &WatchedLink<'_, C>, shared: &[Shared<C>], still_running: impl Fn(Duration) -> bool) {
    let frames = || (watched.frames)(total(shared));
    let (mut was_up, mut before) = (watched.end == LinkEnd::Sender && watched.port.link_is_up(), frames());
    while still_running(LINK_INTERVAL) {
        let now = frames();
        let lost = match watched.end {
            LinkEnd::Sender => {
                let up = watched.port.link_is_up();
                !up && (std::mem::replace(&mut was_up, up) || now == before)
            }
            LinkEnd::Receiver => now > 0 && now == before && !watched.port.link_is_up(),
        };
        if lost {
            shared.iter().for_each(|shared| {
                shared.stop.fetch_or(LINK_LOST, Ordering::Relaxed);
            });
            return;
        }
        before = now;
    }
}

#[cfg(test)]
mod tests {
    use std::panic::AssertUnwindSafe;

    use super::super::counters::counters;
    use super::*;

    counters! {
        /// One counter.
        Frames / SharedFrames {
            /// Frames.
            frames,
        }
    }

    /// Runs loops 0 to 2 on threads that need no preparation.
    fn run(
        shared: &[Shared<Frames>],
        poll: impl Fn(u64, &Shared<Frames>) -> Result<bool, DataplaneError> + Sync,
    ) -> Result<Vec<bool>, DataplaneError> {
        run_on_threads((0..3).map(|number| (number, None)).collect(), shared, None, |_| Ok(()), poll)
    }

    fn three() -> Vec<Shared<Frames>> {
        (0..3).map(|_| Shared::default()).collect()
    }

    /// Polls until it is stopped; false where it is not stopped within a minute.
    fn until_stopped(shared: &Shared<Frames>) -> bool {
        let begin = Instant::now();
        while !shared.stop_asked() && begin.elapsed() < Duration::from_secs(60) {
            thread::yield_now();
        }
        shared.stop_asked()
    }

    fn failure() -> DataplaneError {
        DataplaneError::Thread { name: "net_null0".to_owned(), reason: "a test".to_owned() }
    }

    #[test]
    fn a_loop_that_panics_stops_the_others() {
        let shared = three();
        let stopped = AtomicU8::new(0);
        let result = panic::catch_unwind(AssertUnwindSafe(|| {
            run(&shared, |number, own| {
                if number == 1 {
                    panic::resume_unwind(Box::new("a defect"));
                }
                stopped.fetch_add(u8::from(until_stopped(own)), Ordering::Relaxed);
                Ok(true)
            })
        }));
        assert_eq!(result.unwrap_err().downcast_ref(), Some(&"a defect"));
        assert_eq!(stopped.into_inner(), 2, "both other loops were stopped");
    }

    #[test]
    fn a_loop_that_fails_stops_the_others_and_its_error_is_returned() {
        let result = run(&three(), |number, own| if number == 1 { Err(failure()) } else { Ok(until_stopped(own)) });
        assert_eq!(result, Err(failure()));
    }

    #[test]
    fn loops_are_prepared_in_order_so_that_each_has_the_same_lcore_in_every_run() {
        let shared: Vec<Shared<Frames>> = (0..8).map(|_| Shared::default()).collect();
        for _ in 0..20 {
            let order = std::sync::Mutex::new(Vec::new());
            let prepare = |cpu: Option<CpuId>| {
                // The later ones would overtake the earlier ones.
                let number = cpu.map_or(0, CpuId::number);
                thread::sleep(Duration::from_micros(u64::from(8 - number) * 100));
                order.lock().unwrap().push(number);
                Ok(())
            };
            let work = (0..8).map(|number| ((), Some(CpuId::new(number)))).collect();
            run_on_threads(work, &shared, None, prepare, |(), _| Ok(())).unwrap();
            assert_eq!(order.into_inner().unwrap(), (0..8).collect::<Vec<_>>());
        }
    }

    #[test]
    fn loops_that_end_by_themselves_are_not_stopped_and_their_counters_add_up() {
        let shared = three();
        let result = run(&shared, |number, own| {
            own.show(Frames { frames: 10 + number });
            Ok(!own.stop_asked())
        });
        assert_eq!((result, total(&shared)), (Ok(vec![true; 3]), Frames { frames: 33 }));
    }
}
