//! Whether this CPU has the instructions that DPDK was compiled with. Asked before DPDK is loaded, because its initialisers already use them.

use std::fs;

/// Those of `required` (DPDK's names, such as `SSE4_2`) that this CPU does not have. Names that are not known here are left to EAL.
pub(crate) fn missing(required: &[&'static str]) -> Vec<&'static str> {
    missing_of(required, has)
}

fn missing_of(required: &[&'static str], has: impl Fn(&str) -> Option<bool>) -> Vec<&'static str> {
    required.iter().copied().filter(|name| has(name) == Some(false)).collect()
}

/// The name of the CPU, as /proc/cpuinfo has it.
pub(crate) fn name() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}

/// CPUID's answer, and not /proc/cpuinfo's: an emulator may pass on the file of its host.
#[cfg(target_arch = "x86_64")]
fn has(flag: &str) -> Option<bool> {
    Some(match flag {
        "SSE" => is_x86_feature_detected!("sse"),
        "SSE2" => is_x86_feature_detected!("sse2"),
        "SSE3" => is_x86_feature_detected!("sse3"),
        "SSSE3" => is_x86_feature_detected!("ssse3"),
        "SSE4_1" => is_x86_feature_detected!("sse4.1"),
        "SSE4_2" => is_x86_feature_detected!("sse4.2"),
        "POPCNT" => is_x86_feature_detected!("popcnt"),
        "AES" => is_x86_feature_detected!("aes"),
        "PCLMULQDQ" => is_x86_feature_detected!("pclmulqdq"),
        "RDRAND" => is_x86_feature_detected!("rdrand"),
        "RDSEED" => is_x86_feature_detected!("rdseed"),
        "F16C" => is_x86_feature_detected!("f16c"),
        "AVX" => is_x86_feature_detected!("avx"),
        "AVX2" => is_x86_feature_detected!("avx2"),
        "AVX512F" => is_x86_feature_detected!("avx512f"),
        "AVX512BW" => is_x86_feature_detected!("avx512bw"),
        "AVX512CD" => is_x86_feature_detected!("avx512cd"),
        "AVX512DQ" => is_x86_feature_detected!("avx512dq"),
        "AVX512IFMA" => is_x86_feature_detected!("avx512ifma"),
        "AVX512VBMI" => is_x86_feature_detected!("avx512vbmi"),
        "AVX512VL" => is_x86_feature_detected!("avx512vl"),
        "VPCLMULQDQ" => is_x86_feature_detected!("vpclmulqdq"),
        _ => return None,
    })
}

/// The kernel's answer (HWCAP).
#[cfg(target_arch = "aarch64")]
fn has(flag: &str) -> Option<bool> {
    use std::arch::is_aarch64_feature_detected;
    Some(match flag {
        "NEON" => is_aarch64_feature_detected!("neon"),
        "CRC32" => is_aarch64_feature_detected!("crc"),
        "AES" => is_aarch64_feature_detected!("aes"),
        "PMULL" => is_aarch64_feature_detected!("pmull"),
        "SHA1" | "SHA2" => is_aarch64_feature_detected!("sha2"),
        "ATOMICS" => is_aarch64_feature_detected!("lse"),
        "SVE" => is_aarch64_feature_detected!("sve"),
        "SVE2" => is_aarch64_feature_detected!("sve2"),
        _ => return None,
    })
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn has(_: &str) -> Option<bool> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_cpu_certainly_lacks_is_missing() {
        let old_cpu = |flag: &str| match flag {
            "SSE2" => Some(true),
            "SSE4_2" | "AVX2" => Some(false),
            _ => None,
        };
        assert_eq!(missing_of(&["SSE2", "SSE4_2", "AVX2", "MOVBE"], old_cpu), ["SSE4_2", "AVX2"]);
        assert_eq!(missing_of(&[], old_cpu), Vec::<&str>::new());
    }

    #[test]
    fn the_build_asks_for_instructions_that_are_known_here() {
        let flags = crate::library::facts::CPU_FLAGS;
        assert!(!flags.is_empty(), "RTE_COMPILE_TIME_CPUFLAGS was not read from DPDK's headers");
        assert!(flags.iter().any(|flag| has(flag) == Some(true)), "{flags:?}");
    }
}
