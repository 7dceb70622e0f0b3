//! How many frames a poll loop hands over or takes at once.

use crate::dpdk::{MAX_BURST, PortInfo};
use crate::error::DataplaneError;

/// Refuses a size that no burst can have.
pub(super) fn check(burst: Option<u16>) -> Result<(), DataplaneError> {
    match burst {
        Some(burst) if !(1..=MAX_BURST).contains(&usize::from(burst)) => {
            Err(DataplaneError::Plan { what: "the burst", why: format!("{burst} is out of range: use 1 to {MAX_BURST}") })
        }
        _ => Ok(()),
    }
}

/// The burst of a plan; without one, what is fastest on the pages that hold the mbufs.
///
/// A burst's mbufs are used again by the next burst, because a mempool's cache returns the last ones first. 64 mbufs of 2.3 KB are in 37
/// ordinary pages, and their headers and frames need more entries than the first-level TLB has (64 on current x86-64): docs/performance.md has
/// the measurements.
pub(super) fn chosen(burst: Option<u16>, port: &PortInfo) -> u16 {
    burst.unwrap_or(if port.huge_pages { 64 } else { 32 })
}
