//! Memory of a large table in transparent huge pages.

use std::ptr::NonNull;

use nix::sys::mman::{MmapAdvise, madvise};
use nix::unistd::{SysconfVar, sysconf};

/// Below this, nothing is asked for: a smaller block need not contain a whole huge page (2 MiB on x86-64 and on Arm with pages of 4 KiB).
const LEAST_BYTES: usize = 4 << 20;

/// An empty vector with room for so many items. The kernel is asked for huge pages where they are many (madvise(2), `MADV_HUGEPAGE`): a walk
/// through ordinary pages misses the TLB at each, and the hardware's prefetchers stop there. It may refuse, and the vector is the same.
pub(super) fn with_room_for<T>(items: usize) -> Vec<T> {
    let mut room: Vec<T> = Vec::with_capacity(items);
    let spare = room.spare_capacity_mut();
    let bytes = size_of_val(spare);
    let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten().and_then(|page| usize::try_from(page).ok()).filter(|page| *page > 0);
    let Some(page) = page.filter(|_| bytes >= LEAST_BYTES) else { return room };
    let begin = NonNull::from(spare).cast::<u8>();
    // Whole pages of this vector only.
    let to_page = begin.align_offset(page);
    let whole = bytes.saturating_sub(to_page) / page * page;
    if whole > 0 {
        // SAFETY: `to_page + whole` is within the vector's memory, which no other thread has yet. The advice changes no contents.
        let advised = unsafe { madvise(begin.add(to_page).cast(), whole, MmapAdvise::MADV_HUGEPAGE) };
        if let Err(error) = advised {
            tracing::debug!(%error, bytes = whole, "the kernel refuses transparent huge pages for a flow table");
        }
    }
    room
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vector_has_room_and_is_whole_whatever_its_size() {
        for items in [0, 1, 1_000, LEAST_BYTES / 8 - 1, LEAST_BYTES / 8, 3_000_001] {
            let mut numbers: Vec<u64> = with_room_for(items);
            assert!(numbers.is_empty() && numbers.capacity() >= items);
            let begin = numbers.as_ptr();
            numbers.extend(0..items as u64);
            assert_eq!(numbers.as_ptr(), begin, "{items} items fit without another allocation");
            assert!(numbers.iter().zip(0..).all(|(found, number)| *found == number));
        }
        assert_eq!(with_room_for::<()>(5).capacity(), usize::MAX);
    }
}
