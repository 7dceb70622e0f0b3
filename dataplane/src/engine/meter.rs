use std::time::Duration;

use methodology::units::Nanoseconds;
use nix::time::{ClockId, clock_gettime};

use crate::clock::ticks;
use crate::cpu::{CpuId, Steal};
use crate::error::DataplaneError;
use crate::hiccup::{HiccupRecorder, HiccupReport};
use crate::pace::TickRate;
use crate::port::Port;
use crate::report::CycleReport;

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
