//! What the versions of iperf3 do differently.

use super::id::TOOL;
use crate::kernel_tools::MessageSize;

/// Whether a version, such as `3.12`, runs all its streams on one core: all before 3.16 do (release notes of 3.16).
fn is_single_threaded(version: &str) -> bool {
    is_before(version, 16)
}

/// Whether a version cannot send both ways at once: `--bidir` came with 3.7 (release notes of 3.7).
pub(super) fn lacks_bidir(version: &str) -> bool {
    is_before(version, 7)
}

/// The smallest message that 3.21 sends with `--gsro`: it fills 65507 bytes, and the kernel takes 128 segments in one call (UDP_MAX_SEGMENTS in
/// linux/udp.h). Pull request 2033 of iperf limits the number of segments after 3.21.
const LEAST_GSRO_OF_3_21: u32 = 508;

/// Why a version cannot ask for UDP's segmentation offload: `--gsro` came with 3.21 (release notes of 3.21).
pub(super) fn lacks_gsro(version: &str, size: MessageSize) -> Option<String> {
    if is_before(version, 21) {
        return Some(format!(
            "{TOOL} {version} has no --gsro, which came with 3.21: install a newer {TOOL} at both ends, or leave `gsro` out"
        ));
    }
    (version == "3.21" && size.bytes() < LEAST_GSRO_OF_3_21).then(|| {
        format!(
            "{TOOL} {version} cannot send messages of {} bytes with --gsro: the kernel refuses more than 128 segments in one call; use messages of \
             at least {LEAST_GSRO_OF_3_21} bytes, or a newer {TOOL}",
            size.bytes()
        )
    })
}

/// Whether a version is older than 3.`minor`. What is no version is not.
fn is_before(version: &str, before: u32) -> bool {
    let mut parts = version.split('.').map(|part| part.chars().take_while(char::is_ascii_digit).collect::<String>().parse::<u32>());
    match (parts.next(), parts.next()) {
        (Some(Ok(3)), Some(Ok(minor))) => minor < before,
        (Some(Ok(major)), _) => major < 3,
        _ => false,
    }
}

/// Whether a version ends a transfer of `-n BYTES` when the bytes are sent.
///
/// From 3.16 on the streams have threads of their own, and the main loop, which decides when a test is over, sleeps in `select`
/// until its next one-second timer (`iperf_run_client` in iperf_client_api.c). A transfer of 20 ms then lasts 1 s by its own report, and its
/// rate is far too low. An unknown version is not trusted.
pub(super) fn ends_after_bytes(version: Option<&str>) -> bool {
    version.is_some_and(is_single_threaded)
}

pub(super) fn version_note(version: &str) -> &'static str {
    if is_single_threaded(version) {
        "before 3.16 all its streams share one thread, so that -P does not use more cores (iperf RELNOTES); some of these versions end with \
         status 0 when they fail, which linerate detects"
    } else {
        "from 3.16 on a transfer of a given number of bytes ends only at a one-second timer (iperf_client_api.c), so linerate measures every \
         stream for whole seconds, at least one"
    }
}

/// What a reader must know of a test with several streams of a single-threaded version; none for others.
pub(super) fn single_threaded_note(version: &str) -> Option<String> {
    is_single_threaded(version).then(|| {
        format!(
            "{TOOL} {version} runs all its streams on one core, as all versions before 3.16 do: the result can be that core's limit and not the \
             network's; do not compare it with 3.16 or newer"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_before_3_16_have_one_thread() {
        for (version, single) in [("3.1.3", true), ("3.12", true), ("3.15", true), ("3.16", false), ("3.21+", false), ("", false)] {
            assert_eq!(is_single_threaded(version), single, "{version}");
        }
    }
}
