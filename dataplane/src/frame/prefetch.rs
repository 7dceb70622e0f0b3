/// Prefetches the cache line at `at` for writing. Useful for a whole burst before stamping when another core read the frames last: the
/// transfers of the lines then overlap.
///
/// Any address is allowed: a prefetch never faults.
#[inline(always)]
pub fn prefetch_for_write(at: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: PREFETCHW never faults, writes nothing the program can see, and is a no-operation where the CPU lacks it.
    // Not the intrinsic: it becomes a prefetch for reading unless the whole program is built for a CPU with PREFETCHW.
    unsafe {
        std::arch::asm!("prefetchw [{}]", in(reg) at, options(nostack, preserves_flags, readonly));
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: PRFM is a hint; it never faults and writes nothing the program can see.
    unsafe {
        std::arch::asm!("prfm pstl1keep, [{}]", in(reg) at, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = at;
}

/// Prefetches the cache line at `at` for reading. Any address is allowed: a prefetch never faults.
#[inline(always)]
pub fn prefetch_for_read(at: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: PREFETCHT0 is a hint of the baseline instruction set; it never faults and writes nothing the program can see.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(at.cast());
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: PRFM is a hint; it never faults and writes nothing the program can see.
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{}]", in(reg) at, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = at;
}
