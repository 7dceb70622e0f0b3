//! The CPU's time-stamp counter.

use std::fs::File;
use std::io::{BufRead, BufReader};

use serde::{Deserialize, Serialize};

/// Which time-stamp counter a CPU has.
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
    /// Why the counter of this machine may not advance steadily; `None` where it does. Without these flags of the CPU, the TSC follows the CPU's
    /// frequency or stops in deep sleep (Intel SDM 19.17.1, "Invariant TSC"; Linux: arch/x86/include/asm/cpufeatures.h). The generic timer of Arm
    /// always is steady.
    pub fn unsteady() -> Option<String> {
        match TickSource::HERE {
            // The first processor's flags: the kernel makes the file anew for each reader, some KB for each processor.
            TickSource::Tsc => {
                let lines = BufReader::new(File::open("/proc/cpuinfo").ok()?).lines();
                TickSource::unsteady_by(&lines.map_while(Result::ok).find(|line| line.starts_with("flags"))?)
            }
            TickSource::GenericTimer => None,
        }
    }

    /// The flags that an x86 CPU with a steady time-stamp counter has, and that this one does not have.
    pub fn missing_flags(has: impl Fn(&str) -> bool) -> Vec<&'static str> {
        ["constant_tsc", "nonstop_tsc"].into_iter().filter(|flag| !has(flag)).collect()
    }

    fn unsteady_by(cpuinfo: &str) -> Option<String> {
        let flags = cpuinfo.lines().find(|line| line.starts_with("flags"))?;
        let missing = TickSource::missing_flags(|wanted| flags.split_whitespace().any(|flag| flag == wanted));
        (!missing.is_empty())
            .then(|| format!("the CPU does not report {}: its time-stamp counter may not advance steadily", missing.join(" and ")))
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_that_is_not_invariant_is_named() {
        let of = |flags: &str| TickSource::unsteady_by(&format!("processor\t: 0\nflags\t\t: {flags}\n"));
        assert_eq!(of("fpu tsc constant_tsc nonstop_tsc"), None);
        assert!(of("fpu tsc constant_tsc").unwrap().contains("does not report nonstop_tsc"));
        assert!(of("fpu tsc").unwrap().contains("constant_tsc and nonstop_tsc"));
        assert_eq!(TickSource::unsteady_by("processor\t: 0\n"), None, "a kernel that lists no flags");
    }
}
