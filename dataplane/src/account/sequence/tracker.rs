use serde::{Deserialize, Serialize};

use super::window::Window;

/// A larger jump ahead is implausible: 2^40 frames are an hour at 300 Mpps.
const LONGEST_JUMP: u64 = 1 << 40;

/// The class of one frame by its sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SequenceClass {
    /// The next one expected.
    InOrder,
    /// Ahead of the expected one: the numbers between are missing so far.
    AfterGap,
    /// After one with a higher number: *reordered* (RFC 4737 §3.3, sequence below the next expected).
    Reordered,
    /// A number that had arrived already.
    Duplicate,
    /// Too far behind to tell a late frame from a duplicate.
    BeyondWindow,
    /// Too far ahead to be of this stream.
    Implausible,
}

/// Counts of one stream. Every frame observed is in exactly one of `received`, `duplicate`, `beyond_window` and `implausible`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SequenceCounts {
    /// Sequence numbers that arrived, each once.
    pub received: u64,
    /// Sequence numbers between the first expected and the end that did not arrive. Exact where `beyond_window` is 0; otherwise up to that
    /// many of them may have arrived.
    pub lost: u64,
    /// Frames whose number had arrived already.
    pub duplicate: u64,
    /// Frames among `received` that arrived after one with a higher number (RFC 4737 §3.3). A second copy of a frame is a duplicate and not
    /// reordered.
    pub reordered: u64,
    /// The largest distance of a reordered frame behind the newest, in sequence numbers: the window that would have sufficed.
    pub longest_lateness: u64,
    /// Frames older than the window: late or duplicate, which the tracker cannot tell apart. If there are any, `lost` is an upper bound.
    pub beyond_window: u64,
    /// Frames whose number is too far ahead to be of this stream.
    pub implausible: u64,
}

impl SequenceCounts {
    /// The sums of two streams.
    pub(crate) fn plus(self, other: &SequenceCounts) -> SequenceCounts {
        SequenceCounts {
            received: self.received + other.received,
            lost: self.lost + other.lost,
            duplicate: self.duplicate + other.duplicate,
            reordered: self.reordered + other.reordered,
            longest_lateness: self.longest_lateness.max(other.longest_lateness),
            beyond_window: self.beyond_window + other.beyond_window,
            implausible: self.implausible + other.implausible,
        }
    }

    /// Whether every count is exact.
    pub fn is_exact(&self) -> bool {
        self.beyond_window == 0
    }

    /// Frames observed, of any class.
    pub fn observed(&self) -> u64 {
        self.received + self.duplicate + self.beyond_window + self.implausible
    }
}

/// Tracks the sequence numbers of one stream in constant time per frame, exactly within a [`Window`], across the wrap of 64 bits.
///
/// A bitmap holds which of the last `window` numbers are missing. While none is, frames in order touch no bitmap at all.
#[derive(Debug, Clone)]
pub struct Tracker {
    next: u64,
    /// Bits set in `missing`.
    holes: u64,
    counts: SequenceCounts,
    mask: u64,
    /// The highest number that left the window missing. Numbers leave in order, so it is the one that left last.
    left_missing: Option<u64>,
    /// Bit `n & mask`: n is one of the last `window` numbers below `next` and has not arrived.
    missing: Box<[u64]>,
}

impl Tracker {
    /// A tracker for a stream whose first frame has number `first`.
    pub fn new(first: u64, window: Window) -> Tracker {
        let frames = u64::from(window.frames());
        let missing = vec![0; (frames / 64) as usize].into_boxed_slice();
        Tracker { next: first, holes: 0, counts: SequenceCounts::default(), mask: frames - 1, left_missing: None, missing }
    }

    /// Counts one frame.
    #[inline(always)]
    pub fn observe(&mut self, sequence: u64) -> SequenceClass {
        if sequence == self.next && self.holes == 0 {
            self.next = sequence.wrapping_add(1);
            self.counts.received += 1;
            return SequenceClass::InOrder;
        }
        self.observe_slow(sequence)
    }

    /// Counts a burst in the order of arrival: each run of consecutive numbers at once.
    pub fn observe_burst(&mut self, sequences: &[u64]) {
        for run in sequences.chunk_by(|before, after| before.wrapping_add(1) == *after) {
            self.observe_run(run[0], run.len() as u64);
        }
    }

    /// Counts `frames` frames with consecutive numbers from `first`: the same as [`observe`](Self::observe) for each, at the cost of one where
    /// they are in order.
    #[inline(always)]
    pub fn observe_run(&mut self, first: u64, frames: u64) {
        if first == self.next && self.holes == 0 {
            self.advance_in_order(frames);
        } else {
            self.observe_run_slow(first, frames);
        }
    }

    /// Counts frames whose numbers ascend by any steps: the same as [`observe`](Self::observe) for each. One of several receive queues sees its
    /// part of a stream so. All numbers up to the last one are marked as missing at once, and those that came are cleared.
    pub fn observe_ascending(&mut self, sequences: &[u64]) {
        let (Some(&first), Some(&last)) = (sequences.first(), sequences.last()) else { return };
        let (frames, span) = (sequences.len() as u64, last.wrapping_sub(self.next).wrapping_add(1));
        if first == self.next && span == frames && self.holes == 0 {
            self.advance_in_order(frames);
        } else if first.wrapping_sub(self.next) > LONGEST_JUMP || span > self.mask {
            sequences.iter().for_each(|&sequence| {
                self.observe_slow(sequence);
            });
        } else {
            self.write_ascending(sequences, last);
            self.holes += span - frames;
            self.counts.received += frames;
            self.counts.lost += span - frames;
            self.next = last.wrapping_add(1);
        }
    }

    /// Writes the bits of the numbers from `next` to `last`, of which only the ascending `sequences` have arrived, a word at a time.
    #[inline(always)]
    fn write_ascending(&mut self, sequences: &[u64], last: u64) {
        let (end, slots) = (last & !63, self.mask & !63);
        // The first number of the word.
        let mut begin = self.next & !63;
        let mut these = u64::MAX << (self.next % 64);
        let (mut left, mut left_begin, mut holes) = (0, 0, self.holes);
        let mut remaining = sequences;
        loop {
            let mut arrived = 0;
            // Numbers ascend: where the fourth is in this word, so are those before it.
            while let [first, second, third, fourth, others @ ..] = remaining
                && fourth ^ begin < 64
            {
                arrived |= 1 << (first % 64) | 1 << (second % 64) | 1 << (third % 64) | 1 << (fourth % 64);
                remaining = others;
            }
            while let [sequence, others @ ..] = remaining {
                let bit = sequence ^ begin;
                if bit >= 64 {
                    break;
                }
                arrived |= 1 << bit;
                remaining = others;
            }
            let is_last = begin == end;
            if is_last {
                these &= u64::MAX >> (63 - last % 64);
            }
            let word = &mut self.missing[((begin & slots) / 64) as usize];
            let leaving = *word & these;
            *word = (*word | these) & !arrived;
            if leaving != 0 {
                (left, left_begin) = (leaving, begin);
                holes -= u64::from(leaving.count_ones());
            }
            if is_last {
                break;
            }
            begin = begin.wrapping_add(64);
            these = u64::MAX;
        }
        self.holes = holes;
        if left != 0 {
            let highest = left_begin.wrapping_add(u64::from(left.ilog2()));
            self.left_missing = Some(highest.wrapping_sub(self.mask + 1));
        }
    }

    /// The number expected next: one above the highest received.
    pub fn next_expected(&self) -> u64 {
        self.next
    }

    /// The highest number below [`next_expected`](Self::next_expected) that has not arrived; `None` where all have. As exact as `lost`: if
    /// frames were [beyond the window](SequenceCounts::beyond_window), one of them may have had this number, and the highest lost one may be
    /// lower. Searches the window, so use it for a report and not for every frame.
    pub fn last_lost(&self) -> Option<u64> {
        if self.holes == 0 {
            return self.left_missing;
        }
        let window = self.mask + 1;
        (1..=window).map(|behind| self.next.wrapping_sub(behind)).find(|&sequence| self.is_missing(sequence))
    }

    /// The counts so far. Numbers above the highest received are not counted as lost.
    pub fn counts(&self) -> SequenceCounts {
        self.counts
    }

    /// The counts where the sender reports `end` as the number after the last one sent: numbers missing at the tail are lost as well.
    pub fn counts_until(&self, end: u64) -> SequenceCounts {
        let tail = end.wrapping_sub(self.next);
        let tail = if tail <= LONGEST_JUMP { tail } else { 0 };
        SequenceCounts { lost: self.counts.lost + tail, ..self.counts }
    }

    #[inline(always)]
    fn advance_in_order(&mut self, frames: u64) {
        self.next = self.next.wrapping_add(frames);
        self.counts.received += frames;
    }

    /// A run at or ahead of the front is counted at once, a run behind it frame by frame.
    #[inline(never)]
    fn observe_run_slow(&mut self, first: u64, frames: u64) {
        let ahead = first.wrapping_sub(self.next);
        if ahead > LONGEST_JUMP || frames > self.mask {
            (0..frames).for_each(|i| {
                self.observe_slow(first.wrapping_add(i));
            });
            return;
        }
        if ahead > 0 {
            self.skip(ahead);
        }
        if self.holes > 0 {
            self.mark(first, frames, false);
        }
        self.advance_in_order(frames);
    }

    #[inline(never)]
    fn observe_slow(&mut self, sequence: u64) -> SequenceClass {
        let ahead = sequence.wrapping_sub(self.next);
        if ahead == 0 {
            self.enter(sequence);
            self.advance_in_order(1);
            SequenceClass::InOrder
        } else if ahead <= LONGEST_JUMP {
            self.skip(ahead);
            self.enter(sequence);
            self.advance_in_order(1);
            SequenceClass::AfterGap
        } else {
            self.observe_behind(sequence)
        }
    }

    fn observe_behind(&mut self, sequence: u64) -> SequenceClass {
        let behind = self.next.wrapping_sub(sequence);
        if behind > LONGEST_JUMP {
            self.counts.implausible += 1;
            return SequenceClass::Implausible;
        }
        if behind > self.mask + 1 {
            self.counts.beyond_window += 1;
            return SequenceClass::BeyondWindow;
        }
        if self.forget(sequence) {
            self.counts.lost -= 1;
            self.counts.received += 1;
            self.counts.reordered += 1;
            self.counts.longest_lateness = self.counts.longest_lateness.max(behind - 1);
            SequenceClass::Reordered
        } else {
            self.counts.duplicate += 1;
            SequenceClass::Duplicate
        }
    }

    /// Whether a number of the window is missing.
    fn is_missing(&self, sequence: u64) -> bool {
        let slot = sequence & self.mask;
        self.missing[(slot / 64) as usize] & 1 << (slot % 64) != 0
    }

    /// Makes room for a number at the front: it uses the bit of the number that leaves the window.
    fn enter(&mut self, sequence: u64) {
        if self.forget(sequence) {
            self.left_missing = Some(sequence.wrapping_sub(self.mask + 1));
        }
    }

    /// Clears the bit of a number and returns whether it was set.
    fn forget(&mut self, sequence: u64) -> bool {
        let slot = sequence & self.mask;
        let word = &mut self.missing[(slot / 64) as usize];
        // A number and no bool: rustc 1.95 to 1.97 with optimisation drop a comparison with a constant that is used once more before its caller
        // branches on it, and `holes` was never counted down (rust-lang/rust#158206). This module's tests show it where they run with --release.
        let missing = *word >> (slot % 64) & 1;
        *word &= !(1 << (slot % 64));
        self.holes -= missing;
        missing == 1
    }

    /// Marks the next `frames` numbers as missing and moves past them.
    #[cold]
    fn skip(&mut self, frames: u64) {
        self.counts.lost += frames;
        let window = self.mask + 1;
        let end = self.next.wrapping_add(frames);
        // Only the last `window` of them have a place in the bitmap.
        let marked = frames.min(window);
        self.mark(end.wrapping_sub(marked), marked, true);
        if frames > window {
            self.left_missing = Some(end.wrapping_sub(window + 1));
        }
        self.next = end;
    }

    /// Sets or clears the bits of `frames` numbers at the front from `first`, at most a window of them, a word at a time.
    fn mark(&mut self, first: u64, frames: u64, missing: bool) {
        let (mut at, mut left) = (first, frames);
        while left > 0 {
            let slot = at & self.mask;
            let bits = left.min(64 - slot % 64);
            let these = (u64::MAX >> (64 - bits)) << (slot % 64);
            let word = &mut self.missing[(slot / 64) as usize];
            let leaving = *word & these;
            if leaving != 0 {
                let highest = at.wrapping_sub(slot % 64).wrapping_add(u64::from(leaving.ilog2()));
                self.left_missing = Some(highest.wrapping_sub(self.mask + 1));
            }
            let before = leaving.count_ones();
            let after = if missing { these.count_ones() } else { 0 };
            *word = if missing { *word | these } else { *word & !these };
            self.holes = self.holes - u64::from(before) + u64::from(after);
            at = at.wrapping_add(bits);
            left -= bits;
        }
    }
}
