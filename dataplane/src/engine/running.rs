use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam::utils::CachePadded;

use crate::cpu::CpuId;
use crate::eal::{self, Eal, Registered};
use crate::error::DataplaneError;
use crate::port::Port;
use crate::report::{ReceiveReport, ReceiveSnapshot, ReflectReport, ReflectSnapshot, SendReport, SendSnapshot};

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

impl EngineReport for SendReport {
    type Snapshot = SendSnapshot;

    fn snapshot([frames_sent, frames_unsent, frames_returned, ..]: Counters, elapsed: Duration) -> SendSnapshot {
        SendSnapshot { frames_sent, frames_unsent, frames_returned, elapsed }
    }
}

impl EngineReport for ReceiveReport {
    type Snapshot = ReceiveSnapshot;

    fn snapshot([frames_received, bytes, lost, duplicate, reordered, corrupt, foreign]: Counters, elapsed: Duration) -> ReceiveSnapshot {
        ReceiveSnapshot { frames_received, bytes, lost, duplicate, reordered, corrupt, foreign, elapsed }
    }
}

impl EngineReport for ReflectReport {
    type Snapshot = ReflectSnapshot;

    fn snapshot([frames_received, frames_sent, unsent, foreign, ..]: Counters, elapsed: Duration) -> ReflectSnapshot {
        ReflectSnapshot { frames_received, frames_sent, unsent, foreign, elapsed }
    }
}

/// What a poll loop shares with whoever watches it. Each part has a cache line of its own, so that watching costs it nothing.
#[derive(Debug, Default)]
pub(super) struct Shared {
    stop: CachePadded<AtomicBool>,
    counters: CachePadded<[AtomicU64; 7]>,
}

impl Shared {
    #[inline(always)]
    pub(super) fn stop_asked(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
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
    shared: Arc<Shared>,
    started: Instant,
    thread: Option<JoinHandle<(Port, Result<R, DataplaneError>)>>,
}

impl<R: EngineReport> Running<R> {
    /// Starts `engine` on a thread of its own, pinned to `cpu` and registered with EAL.
    pub(super) fn start(
        port: Port,
        cpu: Option<CpuId>,
        engine: impl FnOnce(&mut Port, &Shared) -> Result<R, DataplaneError> + Send + 'static,
    ) -> Self {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let mut port = port;
        let thread = thread::spawn(move || {
            let result = on_cpu(&port.eal.clone(), cpu, &port.info().name.clone(), || engine(&mut port, &theirs));
            (port, result)
        });
        Running { shared, started: Instant::now(), thread: Some(thread) }
    }

    /// The counters now. Costs the poll loop nothing.
    pub fn snapshot(&self) -> R::Snapshot {
        let mut counters = [0; 7];
        for (counter, shown) in counters.iter_mut().zip(self.shared.counters.iter()) {
            *counter = shown.load(Ordering::Relaxed);
        }
        R::snapshot(counters, self.started.elapsed())
    }

    /// Asks the engine to end: a sender at once, a sink and a reflector when the frames under way have come.
    pub fn stop(&self) {
        self.shared.stop.store(true, Ordering::Relaxed);
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

/// Runs `work` on this thread, pinned and registered.
fn on_cpu<R>(
    eal: &Arc<Eal>,
    cpu: Option<CpuId>,
    port: &str,
    work: impl FnOnce() -> Result<R, DataplaneError>,
) -> Result<R, DataplaneError> {
    let failed = |reason: String| DataplaneError::Thread { name: port.to_owned(), reason };
    let claim = eal.claim_cpu(cpu)?;
    claim.cpu().pin_current_thread().map_err(|error| failed(format!("CPU {}: {error}", claim.cpu())))?;
    let _registered = Registered::current_thread(Arc::clone(eal)).map_err(|error| failed(format!("rte_thread_register: {error}")))?;
    eal::take_log();
    work()
}
