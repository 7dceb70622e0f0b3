use serde::{Deserialize, Serialize};

use super::checksum::{add64, decrement, fold64};

/// Bytes a tag takes: the UDP payload of a 64-byte IPv4 frame (L − 46).
pub const TAG_LEN: usize = 18;

/// Bits of the time stamp a tag carries; it wraps after 2^48 ticks, 30 hours at 2.6 GHz.
pub const TSC_BITS: u32 = 48;

const TSC_MASK: u64 = (1 << TSC_BITS) - 1;

/// The one's complement sum of a tag's nine little-endian words. Neither 0 nor 0xffff, so that it has one representation only.
pub(super) const TAG_SUM: u16 = 0x4c52;

/// The sum of a tag that is replayed from a capture: a receiver must not count its frame again. No single-bit error makes one of the other.
const REPLAYED_SUM: u16 = 0x1d93;

/// Which stream a frame belongs to: one sender queue, one sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StreamId(pub u16);

/// The tag of a test frame.
///
/// On the wire it has 18 bytes, **little-endian on every host**:
///
/// | offset | bytes | contents |
/// |---|---|---|
/// | 0 | 2 | check: brings the one's complement sum of the nine words to a fixed value |
/// | 2 | 8 | sequence, modulo 2^64 |
/// | 10 | 2 | stream |
/// | 12 | 6 | time stamp of the sender in its ticks, modulo 2^48 |
///
/// The check has three purposes and costs one store. It identifies a test frame (other bytes pass once in 65535). It detects every
/// single-bit error in the tag. And because the sum of the tag is constant, a UDP checksum over it is correct for every sequence number and
/// time (RFC 1071 §2) and is never computed in the loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag {
    /// The stream.
    pub stream: StreamId,
    /// Sequence number in the stream, modulo 2^64.
    pub sequence: u64,
    /// The sender's clock in ticks, modulo 2^48.
    pub tsc: u64,
}

impl Tag {
    /// A tag with the lower 48 bits of `tsc`.
    #[inline(always)]
    pub const fn new(stream: StreamId, sequence: u64, tsc: u64) -> Tag {
        Tag { stream, sequence, tsc: tsc & TSC_MASK }
    }

    /// Ticks from this tag's time to `now` of the same clock, correct across the wrap.
    #[inline(always)]
    pub const fn ticks_until(&self, now: u64) -> u64 {
        now.wrapping_sub(self.tsc) & TSC_MASK
    }

    /// The 18 bytes.
    pub fn to_bytes(self) -> [u8; TAG_LEN] {
        let raw = RawTag::new(self.stream, self.sequence, self.tsc);
        let mut bytes = [0; TAG_LEN];
        bytes[..2].copy_from_slice(&raw.check.to_le_bytes());
        bytes[2..10].copy_from_slice(&raw.sequence.to_le_bytes());
        bytes[10..].copy_from_slice(&raw.stamp.to_le_bytes());
        bytes
    }

    /// Reads 18 bytes; `None` where the sum is not a tag's.
    pub fn from_bytes(bytes: &[u8; TAG_LEN]) -> Option<Tag> {
        // SAFETY: the array is 18 readable bytes.
        unsafe { RawTag::read(bytes.as_ptr()) }.decode()
    }
}

/// A tag as it is stored: three words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RawTag {
    check: u16,
    sequence: u64,
    stamp: u64,
}

impl RawTag {
    #[inline(always)]
    pub(super) fn new(stream: StreamId, sequence: u64, tsc: u64) -> RawTag {
        let stamp = tsc << 16 | u64::from(stream.0);
        RawTag { check: check(sequence, stamp), sequence, stamp }
    }

    /// The tag of the next frame at the same time. One's complement arithmetic is arithmetic modulo 65535, so one more in the
    /// sequence is one less in the check, wherever the carry went; only 2^64 − 1 → 0 leaves it as it was.
    #[inline(always)]
    pub(super) fn successor(self) -> RawTag {
        let sequence = self.sequence.wrapping_add(1);
        let check = if sequence == 0 { self.check } else { decrement(self.check) };
        RawTag { check, sequence, ..self }
    }

    /// Whether the next so many tags have one more in the sequence and one less in the check, each of them, without a carry. That is so for all but
    /// one in about a thousand bursts of 64 frames.
    #[inline(always)]
    pub(super) fn counts_plainly(&self, frames: usize) -> bool {
        usize::from(self.check) >= frames && self.sequence.checked_add(frames as u64).is_some()
    }

    /// [`successor`](Self::successor); where `PLAIN`, of a tag that [counts plainly](Self::counts_plainly), which takes two instructions.
    #[inline(always)]
    pub(super) fn next<const PLAIN: bool>(self) -> RawTag {
        if PLAIN { RawTag { check: self.check.wrapping_sub(1), sequence: self.sequence.wrapping_add(1), ..self } } else { self.successor() }
    }

    /// Whether this is the tag of a later frame of the same stream and time as the intact tag `earlier`, and intact itself. False also where it
    /// is too far ahead to tell by the check alone, and across the wrap of the sequence.
    #[inline(always)]
    pub(super) fn follows(&self, earlier: &RawTag) -> bool {
        let ahead = self.sequence.wrapping_sub(earlier.sequence);
        // As in `successor`: so much more in the sequence is so much less in the check, modulo 65535.
        let (difference, borrow) = earlier.check.overflowing_sub(ahead as u16);
        let expected = difference.wrapping_sub(u16::from(borrow));
        // Across the wrap the check would be one more.
        let is_ahead = self.sequence > earlier.sequence && ahead < 65535;
        self.stamp == earlier.stamp && is_ahead && self.check == expected
    }

    #[inline(always)]
    pub(super) fn stream(&self) -> StreamId {
        StreamId(self.stamp as u16)
    }

    #[inline(always)]
    pub(super) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// # Safety
    /// `at` is valid for writing [`TAG_LEN`] bytes; no alignment is asked.
    #[inline(always)]
    pub(super) unsafe fn write(self, at: *mut u8) {
        // SAFETY: 2 + 8 + 8 bytes within the 18 of the caller's contract, written unaligned.
        unsafe {
            at.cast::<u16>().write_unaligned(self.check.to_le());
            at.add(2).cast::<u64>().write_unaligned(self.sequence.to_le());
            at.add(10).cast::<u64>().write_unaligned(self.stamp.to_le());
        }
    }

    /// [`write`](Self::write), and the two bytes before the tag: these and the check are one store.
    ///
    /// # Safety
    /// `at` is valid for writing [`TAG_LEN`] bytes, and so are the two bytes before it; no alignment is asked.
    #[inline(always)]
    pub(super) unsafe fn write_behind(self, before: [u8; 2], at: *mut u8) {
        let first = u32::from(u16::from_le_bytes(before)) | u32::from(self.check) << 16;
        // SAFETY: 2 + 2 + 8 + 8 bytes within the 20 of the caller's contract, written unaligned.
        unsafe {
            at.sub(2).cast::<u32>().write_unaligned(first.to_le());
            at.add(2).cast::<u64>().write_unaligned(self.sequence.to_le());
            at.add(10).cast::<u64>().write_unaligned(self.stamp.to_le());
        }
    }

    /// # Safety
    /// `at` is valid for reading [`TAG_LEN`] bytes; no alignment is asked.
    #[inline(always)]
    pub(super) unsafe fn read(at: *const u8) -> RawTag {
        // SAFETY: 2 + 8 + 8 bytes within the 18 of the caller's contract, read unaligned.
        unsafe {
            RawTag {
                check: u16::from_le(at.cast::<u16>().read_unaligned()),
                sequence: u64::from_le(at.add(2).cast::<u64>().read_unaligned()),
                stamp: u64::from_le(at.add(10).cast::<u64>().read_unaligned()),
            }
        }
    }

    #[inline(always)]
    pub(super) fn is_sound(&self) -> bool {
        fold64(add64(add64(self.sequence, self.stamp), u64::from(self.check))) == TAG_SUM
    }

    /// The same tag, marked as replayed.
    pub(super) fn replayed(self) -> RawTag {
        RawTag { check: check_to(REPLAYED_SUM, self.sequence, self.stamp), ..self }
    }

    /// Whether this is a tag that [`replayed`](Self::replayed) marked.
    pub(super) fn is_replayed(&self) -> bool {
        fold64(add64(add64(self.sequence, self.stamp), u64::from(self.check))) == REPLAYED_SUM
    }

    #[inline(always)]
    pub(super) fn decode(self) -> Option<Tag> {
        self.is_sound().then_some(Tag { stream: StreamId(self.stamp as u16), sequence: self.sequence, tsc: self.stamp >> 16 })
    }
}

#[inline(always)]
fn check(sequence: u64, stamp: u64) -> u16 {
    check_to(TAG_SUM, sequence, stamp)
}

/// The check that brings a tag's sum to `sum`.
#[inline(always)]
fn check_to(sum: u16, sequence: u64, stamp: u64) -> u16 {
    // One's complement has two zeros. It is the one that `decrement` arrives at: a frame is the same wherever in a burst it is stamped.
    match fold64(u64::from(sum) + u64::from(!fold64(add64(sequence, stamp)))) {
        0xffff => 0,
        check => check,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_wire_form_is_little_endian_and_fixed() {
        let bytes = Tag::new(StreamId(0x0201), 0x0807_0605_0403_0201, 0x0605_0403_0201).to_bytes();
        assert_eq!(bytes[2..], [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 1, 2, 3, 4, 5, 6]);
        let sum: u64 = bytes.chunks(2).map(|word| u64::from(u16::from_le_bytes([word[0], word[1]]))).sum();
        assert_eq!(sum % 65535, u64::from(TAG_SUM));
    }

    #[test]
    fn the_time_between_two_stamps_survives_the_wrap_of_48_bits() {
        let tag = Tag::new(StreamId(0), 0, (1 << 48) - 10);
        assert_eq!(tag.ticks_until((1 << 48) + 5), 15);
        assert_eq!(Tag::new(StreamId(0), 0, u64::MAX - 3).ticks_until(6), 10);
    }

    #[test]
    fn a_tag_is_the_same_bytes_wherever_in_a_burst_it_is_stamped() {
        // Every check there is, its zero too, and the wrap of the sequence.
        for first in [0u64, u64::MAX - 70_000] {
            let mut tag = RawTag::new(StreamId(4234), first, 8_103_105_815_552_497_297);
            for at in 0..140_000 {
                let whole = RawTag::new(StreamId(4234), first.wrapping_add(at), 8_103_105_815_552_497_297);
                assert_eq!((tag.check, tag.sequence, tag.stamp), (whole.check, whole.sequence, whole.stamp));
                if tag.counts_plainly(1) {
                    assert_eq!(tag.next::<true>(), tag.next::<false>());
                }
                tag = tag.successor();
            }
        }
    }

    #[test]
    fn tags_that_count_plainly_are_the_successors() {
        for check in [0, 1, 63, 64, 65, 65534] {
            for sequence in [0, u64::MAX - 64, u64::MAX - 63, u64::MAX] {
                let first = RawTag { check, sequence, stamp: 7 };
                let (mut plain, mut each) = (first, first);
                for _ in 0..64 {
                    (plain, each) = (plain.next::<true>(), each.next::<false>());
                }
                assert_eq!(first.counts_plainly(64), plain == each && check >= 64 && sequence < u64::MAX - 63, "{check} {sequence}");
            }
        }
    }

    #[test]
    fn nothing_empty_is_a_tag() {
        assert_eq!(Tag::from_bytes(&[0; TAG_LEN]), None);
        assert_eq!(Tag::from_bytes(&[0xff; TAG_LEN]), None);
    }

    proptest! {
        #[test]
        fn a_tag_is_read_as_it_was_written(stream: u16, sequence: u64, tsc: u64) {
            let tag = Tag::new(StreamId(stream), sequence, tsc);
            prop_assert_eq!(Tag::from_bytes(&tag.to_bytes()), Some(tag));
        }

        #[test]
        fn every_single_bit_error_is_found(stream: u16, sequence: u64, tsc: u64, bit in 0..TAG_LEN * 8) {
            let mut bytes = Tag::new(StreamId(stream), sequence, tsc).to_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(Tag::from_bytes(&bytes), None);
        }

        #[test]
        fn a_replayed_tag_is_no_tag_and_no_damage_by_one_bit_makes_either_of_the_other(stream: u16, sequence: u64, tsc: u64, bit in 0..TAG_LEN * 8) {
            let tag = RawTag::new(StreamId(stream), sequence, tsc);
            let replayed = tag.replayed();
            prop_assert!(replayed.is_replayed() && replayed.decode().is_none() && !tag.is_replayed());
            prop_assert_eq!((replayed.stream(), replayed.sequence()), (tag.stream(), tag.sequence()));
            for raw in [tag, replayed] {
                let mut bytes = [0u8; TAG_LEN];
                // SAFETY: the array is 18 writable and readable bytes.
                let damaged = unsafe {
                    raw.write(bytes.as_mut_ptr());
                    bytes[bit / 8] ^= 1 << (bit % 8);
                    RawTag::read(bytes.as_ptr())
                };
                prop_assert!(damaged.decode().is_none() && !damaged.is_replayed());
            }
        }

        #[test]
        fn a_later_frame_of_one_time_follows_exactly_where_its_tag_is_intact(
            first: u64, ahead in prop_oneof![1u64..200, 65_000u64..66_000, any::<u64>()], tsc: u64, other_time: bool, bit in 0..TAG_LEN * 8, damaged: bool,
        ) {
            let earlier = RawTag::new(StreamId(7), first, tsc);
            let later = RawTag::new(StreamId(7), first.wrapping_add(ahead), tsc ^ u64::from(other_time));
            let in_reach = (1..=65_534).contains(&ahead) && !other_time;
            if in_reach && first.checked_add(ahead).is_some() {
                prop_assert!(later.follows(&earlier));
            }
            prop_assert!(in_reach || !later.follows(&earlier));
            if damaged {
                let mut bytes = [0u8; TAG_LEN];
                // SAFETY: the array is 18 writable and readable bytes.
                let damaged = unsafe {
                    later.write(bytes.as_mut_ptr());
                    bytes[bit / 8] ^= 1 << (bit % 8);
                    RawTag::read(bytes.as_ptr())
                };
                prop_assert!(!damaged.follows(&earlier) || damaged.decode().is_some(), "{:?} {:?}", earlier, damaged);
            }
        }

        #[test]
        fn successors_are_tags_too_across_every_carry_and_the_wrap(
            start in prop_oneof![any::<u64>(), Just(u64::MAX - 5), (0..64u32).prop_map(|bit| (1u64 << bit).wrapping_sub(5))],
            tsc: u64,
        ) {
            let mut raw = RawTag::new(StreamId(7), start, tsc);
            for step in 1..20 {
                raw = raw.successor();
                prop_assert_eq!(raw.decode(), Some(Tag::new(StreamId(7), start.wrapping_add(step), tsc)));
            }
        }
    }
}
