use std::time::Duration;

use methodology::units::{Nanoseconds, Seconds};
use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use super::seconds;
use crate::account::hiccup::{HiccupRecorder, HiccupReport};
use crate::cpu::{CpuId, Steal};
use crate::dpdk::Port;
use crate::error::DataplaneError;
use crate::time::{TickRate, ticks};

/// Longer than this between two turns of a poll loop is a hiccup: what 1024 descriptors hide at 40 Mpps.
pub(super) const HICCUP: Duration = Duration::from_micros(25);

/// What every poll loop measures of itself: hiccups, and what its time goes into.
#[derive(Debug)]
pub(super) struct Meter {
    rate: TickRate,
    begin: u64,
    cpu_begin: Duration,
    cpu: Option<CpuId>,
    stolen_before: Option<Steal>,
    hiccups: HiccupRecorder,
    busy: u64,
    /// Turns longer than this in ticks are told apart by gaps: 1 µs.
    long: u64,
    away_until: u64,
    /// Whether the turn that is under way has moved a frame.
    moved: bool,
}

impl Meter {
    pub(super) fn new(rate: TickRate, threshold: Duration) -> Self {
        // The thread is pinned: its CPU stays the same. Asked before the loop begins, since it takes its time.
        let cpu = CpuId::current();
        let stolen_before = cpu.and_then(Steal::of);
        let begin = ticks();
        let hiccups = HiccupRecorder::new(rate, nanoseconds(threshold), begin);
        Meter {
            rate,
            begin,
            cpu_begin: cpu_time(),
            cpu,
            stolen_before,
            hiccups,
            busy: 0,
            long: ticks_in(rate, Duration::from_micros(1)),
            away_until: begin,
            moved: false,
        }
    }

    /// Begins a turn of the loop, and gives its time.
    #[inline(always)]
    pub(super) fn turn(&mut self) -> u64 {
        let now = ticks();
        let before = self.hiccups.observe(now);
        if before > self.long {
            self.away_until = now;
        }
        if self.moved {
            self.busy += before;
            self.moved = false;
        }
        now
    }

    /// Notes that this turn moves frames.
    #[inline(always)]
    pub(super) fn moves(&mut self) {
        self.moved = true;
    }

    /// When the last turn that took longer than 1 µs ended; the loop's begin where there was none.
    #[inline(always)]
    pub(super) fn away_until(&self) -> u64 {
        self.away_until
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

    pub(super) fn hiccups(&self) -> HiccupReport {
        self.hiccups.report()
    }

    /// How long the loop's thread has been on a CPU since it began.
    pub(super) fn on_cpu(&self) -> Duration {
        cpu_time().saturating_sub(self.cpu_begin)
    }

    /// What the time went into until `end`, at which [`on_cpu`](Self::on_cpu) was asked.
    pub(super) fn cycles(&self, end: u64, on_cpu: Duration, frames: u64) -> CycleReport {
        let per_frame = if frames == 0 { 0.0 } else { self.busy as f64 / frames as f64 };
        let steal = self.stolen_before.zip(self.cpu.and_then(Steal::of)).map(|(before, after)| after.since(before));
        CycleReport { hz: self.rate.hz(), total: end.wrapping_sub(self.begin), busy: self.busy, per_frame, on_cpu, steal }
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

/// The TSC's frequency, or why there is none.
pub(super) fn tick_rate(port: &Port) -> Result<TickRate, DataplaneError> {
    port.eal.calibration().rate().ok_or_else(|| DataplaneError::Thread {
        name: port.info().name.clone(),
        reason: "the time-stamp counter does not advance with CLOCK_MONOTONIC_RAW: linerate needs a machine with a constant TSC".to_owned(),
    })
}

/// Time that the calling thread has been on a CPU.
fn cpu_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from).unwrap_or_default()
}

fn nanoseconds(duration: Duration) -> Nanoseconds {
    Nanoseconds::new(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}

/// What the poll loops' time went into, in TSC cycles of all loops together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CycleReport {
    /// TSC frequency in Hz.
    pub hz: u64,
    /// From the loop's start to its end.
    pub total: u64,
    /// Turns of the loop that moved at least one frame.
    pub busy: u64,
    /// `busy` over the frames moved.
    pub per_frame: f64,
    /// How long the kernel had the loops on their CPUs. What is missing to the whole time was someone else's.
    #[serde(rename = "on_cpu_s", with = "seconds")]
    pub on_cpu: Duration,
    /// Time that the hypervisor took from the loops' CPUs (steal of /proc/stat, in its ticks of 10 ms); none where the kernel does not tell.
    #[serde(rename = "steal_s", default, skip_serializing_if = "Option::is_none")]
    pub steal: Option<Seconds>,
}

impl CycleReport {
    /// Those of two poll loops, each with a core of its own.
    pub(crate) fn and(&self, other: &CycleReport) -> CycleReport {
        let frames = |cycles: &CycleReport| if cycles.per_frame > 0.0 { cycles.busy as f64 / cycles.per_frame } else { 0.0 };
        let all = frames(self) + frames(other);
        let busy = self.busy + other.busy;
        CycleReport {
            hz: self.hz.max(other.hz),
            total: self.total + other.total,
            busy,
            per_frame: if all > 0.0 { busy as f64 / all } else { 0.0 },
            on_cpu: self.on_cpu + other.on_cpu,
            steal: [self.steal, other.steal].into_iter().flatten().reduce(|all, one| all + one),
        }
    }
}
