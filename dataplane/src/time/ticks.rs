//! The CPU's time-stamp counter.

use serde::{Deserialize, Serialize};

/// Which counter `ticks` reads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TickSource {
    /// The TSC of x86: cycles of the CPU's base clock, whatever its frequency is at the time.
    #[default]
    Tsc,
    /// The generic timer of Arm (CNTVCT): a clock of its own, not cycles of the CPU.
    GenericTimer,
}

impl TickSource {
    /// The counter of this build.
    pub const HERE: TickSource = if cfg!(target_arch = "aarch64") { TickSource::GenericTimer } else { TickSource::Tsc };
}

/// Reads the CPU's time-stamp counter (x86: TSC; Arm: CNTVCT).
#[inline(always)]
pub fn ticks() -> u64 {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: RDTSC reads a counter and has no other effect; every x86-64 CPU has it.
    unsafe {
        std::arch::x86_64::_rdtsc()
    }
    #[cfg(target_arch = "aarch64")]
    {
        let ticks: u64;
        // Without the barrier the CPU may read the counter before earlier instructions, such as the poll of a queue (Arm ARM, D11.2; Linux:
        // arch/arm64/include/asm/arch_timer.h, `__arch_counter_get_cntvct`).
        // SAFETY: CNTVCT_EL0 is readable from user space on Linux; the barrier and the read change nothing. No `nomem`, so that the compiler keeps
        // the order too.
        unsafe { std::arch::asm!("isb", "mrs {}, cntvct_el0", out(reg) ticks, options(nostack, preserves_flags)) };
        ticks
    }
}
