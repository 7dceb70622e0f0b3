//! Measures a poll loop while it runs.

use std::time::Duration;

use methodology::units::{Nanoseconds, Seconds};
use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use super::seconds;
use crate::account::hiccup::HiccupRecorder;
use crate::cpu::{CpuId, Steal};
use crate::dpdk::Port;
use crate::error::DataplaneError;
use crate::time::{TickRate, TickSource, ticks};

/// Default hiccup threshold: a longer iteration is a hiccup even where the ring absorbed it, because it delays frames. The ring and the rate
/// can make shorter iterations hiccups too ([`HiccupRecorder::report`]).
pub(super) const HICCUP_THRESHOLD: Duration = Duration::from_micros(25);

/// What every poll loop measures of itself: hiccups, and how its time is spent.
#[derive(Debug)]
pub(super) struct Meter {
    rate: TickRate,
    begin: u64,
    cpu_begin: Duration,
    cpu: Option<CpuId>,
    stolen_before: Option<Steal>,
    hiccups: HiccupRecorder,
    busy: u64,
    /// Iterations longer than this, in ticks, are stalls: 1 µs.
    stall: u64,
    stalled_until: u64,
    /// Whether the current iteration moves frames.
    busy_now: bool,
}

impl Meter {
    /// A meter for a poll loop of a receive ring of `descriptors` that begins now. Iterations longer than `threshold` are hiccups, and shorter
    /// ones that could overflow the ring.
    pub(super) fn new(rate: TickRate, threshold: Duration, descriptors: u16) -> Self {
        // The thread is pinned, so its CPU stays the same. Read before the loop begins, because reading takes time.
        let cpu = CpuId::current();
        let stolen_before = cpu.and_then(Steal::of);
        let begin = ticks();
        let hiccups = HiccupRecorder::new(rate, nanoseconds(threshold), descriptors, begin);
        Meter {
            rate,
            begin,
            cpu_begin: cpu_time(),
            cpu,
            stolen_before,
            hiccups,
            busy: 0,
            stall: ticks_in(rate, Duration::from_micros(1)),
            stalled_until: begin,
            busy_now: false,
        }
    }

    /// Begins the measured time anew, with the hiccups seen so far.
    pub(super) fn restart(&mut self) {
        (self.stolen_before, self.cpu_begin, self.busy, self.busy_now) = (self.cpu.and_then(Steal::of), cpu_time(), 0, false);
        self.begin = self.next_iteration();
    }

    /// Ends one iteration of the loop and begins the next. Returns the time in ticks.
    #[inline(always)]
    pub(super) fn next_iteration(&mut self) -> u64 {
        let now = ticks();
        let length = self.hiccups.observe(now);
        if length > self.stall {
            self.stalled_until = now;
        }
        if self.busy_now {
            self.busy += length;
            self.busy_now = false;
        }
        now
    }

    /// Notes that this iteration moves frames.
    #[inline(always)]
    pub(super) fn mark_busy(&mut self) {
        self.busy_now = true;
    }

    /// When the last iteration that took longer than 1 µs ended; the start of the loop where there was none.
    #[inline(always)]
    pub(super) fn stalled_until(&self) -> u64 {
        self.stalled_until
    }

    pub(super) fn begin(&self) -> u64 {
        self.begin
    }

    pub(super) fn rate(&self) -> TickRate {
        self.rate
    }

    /// Ticks as a duration.
    pub(super) fn duration(&self, ticks: u64) -> Duration {
        duration(self.rate, ticks)
    }

    /// A duration as ticks.
    pub(super) fn ticks(&self, duration: Duration) -> u64 {
        ticks_in(self.rate, duration)
    }

    /// The CPU that the loop runs on.
    pub(super) fn cpu(&self) -> Option<CpuId> {
        self.cpu
    }

    /// The hiccups so far.
    pub(super) fn hiccups(&self) -> HiccupRecorder {
        self.hiccups.clone()
    }

    /// CPU time of the loop's thread since the loop began.
    pub(super) fn on_cpu(&self) -> Duration {
        cpu_time().saturating_sub(self.cpu_begin)
    }

    /// How the time until `end` was spent, with the CPU time that [`on_cpu`](Self::on_cpu) returned then.
    pub(super) fn cycles(&self, end: u64, on_cpu: Duration, frames: u64) -> CycleReport {
        let per_frame = if frames == 0 { 0.0 } else { self.busy as f64 / frames as f64 };
        let steal = self.stolen_before.zip(self.cpu.and_then(Steal::of)).map(|(before, after)| after.since(before));
        let report = CycleReport {
            hz: self.rate.hz(),
            clock: TickSource::HERE,
            total: end.wrapping_sub(self.begin),
            busy: self.busy,
            per_frame,
            on_cpu,
            steal,
            ..CycleReport::default()
        };
        report.in_nanoseconds()
    }
}

/// Ticks of a clock of `rate` as a duration.
pub(super) fn duration(rate: TickRate, ticks: u64) -> Duration {
    Duration::from_nanos(rate.nanoseconds(ticks).ns())
}

/// A duration as ticks of a clock of `rate`.
pub(super) fn ticks_in(rate: TickRate, duration: Duration) -> u64 {
    rate.ticks(nanoseconds(duration))
}

/// The frequency of the time-stamp counter, or an error where it does not advance steadily.
pub(super) fn tick_rate(port: &Port) -> Result<TickRate, DataplaneError> {
    port.eal().calibration().rate().ok_or_else(|| DataplaneError::Thread {
        name: port.info().name.clone(),
        reason: "the time-stamp counter does not advance with CLOCK_MONOTONIC_RAW; use a machine with a constant TSC".to_owned(),
    })
}

/// CPU time of the calling thread.
fn cpu_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from).unwrap_or_default()
}

fn nanoseconds(duration: Duration) -> Nanoseconds {
    Nanoseconds::new(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}

/// How the poll loops' time was spent, in ticks of the CPU's time-stamp counter, summed over all loops.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CycleReport {
    /// Ticks per second.
    pub hz: u64,
    /// Which counter that is. Its ticks are cycles on x86 only.
    #[serde(default)]
    pub clock: TickSource,
    /// From the start of the loop to its end.
    pub total: u64,
    /// Iterations that moved at least one frame.
    pub busy: u64,
    /// `busy` over the frames moved.
    pub per_frame: f64,
    /// The same in nanoseconds, which can be compared across CPUs.
    #[serde(default)]
    pub ns_per_frame: f64,
    /// CPU time of the loops. The difference to the whole time went to other threads.
    #[serde(rename = "on_cpu_s", with = "seconds")]
    pub on_cpu: Duration,
    /// Time that the hypervisor took from the loops' CPUs (steal of /proc/stat, in its ticks of 10 ms); `None` where the kernel does not
    /// report it.
    #[serde(rename = "steal_s", default, skip_serializing_if = "Option::is_none")]
    pub steal: Option<Seconds>,
}

impl CycleReport {
    /// The sum of two poll loops, each with a core of its own.
    pub(super) fn plus(&self, other: &CycleReport) -> CycleReport {
        let frames = |cycles: &CycleReport| if cycles.per_frame > 0.0 { cycles.busy as f64 / cycles.per_frame } else { 0.0 };
        let all = frames(self) + frames(other);
        let busy = self.busy + other.busy;
        let sum = CycleReport {
            hz: self.hz.max(other.hz),
            // A queue without a poll loop of its own has no clock, and is never the first.
            clock: self.clock,
            total: self.total + other.total,
            busy,
            per_frame: if all > 0.0 { busy as f64 / all } else { 0.0 },
            on_cpu: self.on_cpu + other.on_cpu,
            steal: [self.steal, other.steal].into_iter().flatten().reduce(|all, one| all + one),
            ..CycleReport::default()
        };
        sum.in_nanoseconds()
    }

    fn in_nanoseconds(self) -> CycleReport {
        let ns_per_frame = if self.hz == 0 { 0.0 } else { self.per_frame * 1e9 / self.hz as f64 };
        CycleReport { ns_per_frame, ..self }
    }
}
