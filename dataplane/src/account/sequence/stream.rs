//! One stream number at a receiver, with the runs of its senders told apart.

use super::tracker::{SequenceCounts, Tracker};
use super::window::Window;

/// Bits of a stamp; it wraps after them.
pub const STAMP_BITS: u32 = 48;

/// More runs than anyone starts by hand while a receiver runs. Further ones count as one with the last.
const MOST_RUNS: usize = 256;

/// A run begins below this number. Anything above it is damage that the tag's check did not find.
const LATEST_BEGIN: u64 = 1 << 40;

/// Where a stream begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StreamStart {
    /// With the first frame seen: the receiver may have started after the sender, so that what came before is not known.
    #[default]
    FirstSeen,
    /// With this number: whatever is missing from it on is lost.
    At(u64),
}

/// The stamps of frames with consecutive numbers: of the first and of the last of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamps {
    /// The sender's clock at the first frame, modulo 2^48.
    pub first: u64,
    /// The same at the last.
    pub last: u64,
}

impl Stamps {
    /// Whether all of these frames were stamped before all of `others`.
    pub(crate) fn is_before(self, others: Stamps) -> bool {
        later(self.last, others.first) < 0
    }

    /// From the first of both to the last.
    pub(crate) fn together(self, other: Stamps) -> Stamps {
        Stamps {
            first: if later(other.first, self.first) < 0 { other.first } else { self.first },
            last: if later(other.last, self.last) > 0 { other.last } else { self.last },
        }
    }
}

/// How much later stamp `a` is than `b`, of a clock that wraps.
#[inline(always)]
fn later(a: u64, b: u64) -> i64 {
    const UNUSED: u32 = u64::BITS - STAMP_BITS;
    (a.wrapping_sub(b) << UNUSED).cast_signed() >> UNUSED
}

/// Follows the frames of one stream number.
///
/// A sender that is started again begins with sequence number 0 again, and two senders may use one number by mistake. Their frames are told
/// apart by their stamps: a sender stamps in the order of its sequence numbers, so a frame with a lower number and a later stamp than another
/// is of another run. Each run has its own counts.
#[derive(Debug, Clone)]
pub struct StreamTracker {
    window: Window,
    start: StreamStart,
    runs: Vec<RunTracker>,
    /// The run of the last frame.
    current: usize,
    /// How often a run went on after a younger one began.
    returns_to_older: u32,
    several_senders: bool,
}

/// One run of a sender.
#[derive(Debug, Clone)]
struct RunTracker {
    tracker: Tracker,
    /// The first number that the tracker covers.
    begin: u64,
    /// Whether everything missing from `begin` on is lost, and not only from the lowest number seen on.
    from_begin: bool,
    /// The lowest number seen, and its stamp.
    lowest: u64,
    oldest: u64,
    /// The stamp of the highest number seen.
    newest: u64,
}

/// A run that goes on so often after a younger one began is of another sender. Fewer times, the network can have kept its last frames back.
const OFTEN: u32 = 3;

/// What is known of one run of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Its counts. Lost are the missing numbers from the first one seen, or from the known start, to the highest one seen.
    pub counts: SequenceCounts,
    /// The lowest sequence number seen.
    pub first: u64,
    /// The highest sequence number seen.
    pub highest: u64,
    /// The highest number below `highest` that is missing.
    pub last_lost: Option<u64>,
    /// The stamps of the lowest and the highest number.
    pub stamps: Stamps,
}

/// How well a frame fits a run: in this order, the better ones first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// It is the next frame.
    Next,
    /// Late or a duplicate, this far behind.
    Behind(u64),
    /// This many numbers were skipped.
    Ahead(u64),
    /// Late, and from before the first frame seen.
    BeforeFirst(u64),
}

impl StreamTracker {
    /// A stream of which nothing was seen.
    pub fn new(start: StreamStart, window: Window) -> StreamTracker {
        StreamTracker { window, start, runs: Vec::new(), current: 0, returns_to_older: 0, several_senders: false }
    }

    /// Counts `frames` frames with consecutive numbers from `first`, and returns how many of the numbers had not come before.
    #[inline(always)]
    pub fn observe_run(&mut self, first: u64, frames: u64, stamps: Stamps) -> u64 {
        match &mut self.runs[..] {
            [run] if first == run.tracker.next_expected() && later(stamps.first, run.newest) >= 0 => {
                run.newest = stamps.last;
                run.tracker.observe_run(first, frames);
                frames
            }
            _ => self.observe_elsewhere(first, frames, stamps),
        }
    }

    /// Counts frames whose numbers ascend by any steps, and their times with them, as one of several receive queues sees its part of a stream.
    #[inline(always)]
    pub fn observe_ascending(&mut self, sequences: &[u64], stamps: Stamps) {
        match &mut self.runs[..] {
            [run]
                if sequences.first().is_some_and(|first| first.wrapping_sub(run.tracker.next_expected()) <= LATEST_BEGIN)
                    && later(stamps.first, run.newest) >= 0 =>
            {
                run.newest = stamps.last;
                run.tracker.observe_ascending(sequences);
            }
            _ => self.observe_ascending_elsewhere(sequences, stamps),
        }
    }

    /// The sums of all runs.
    pub fn counts(&self) -> SequenceCounts {
        self.runs.iter().fold(SequenceCounts::default(), |sum, run| sum.plus(&run.counts()))
    }

    /// The runs, in the order in which they began.
    pub fn runs(&self) -> impl Iterator<Item = Run> {
        self.runs.iter().map(RunTracker::summary)
    }

    /// Whether two runs went on at the same time. Then frames of one can count as the other's, and neither's counts are right.
    pub fn has_several_senders(&self) -> bool {
        self.several_senders
    }

    /// Whether a frame with this number could be the current run's: for a damaged one.
    pub fn is_near(&self, sequence: u64, distance: u64) -> bool {
        self.runs
            .get(self.current)
            .is_some_and(|run| sequence.wrapping_sub(run.tracker.next_expected()).cast_signed().unsigned_abs() <= distance)
    }

    #[inline(never)]
    fn observe_elsewhere(&mut self, first: u64, frames: u64, stamps: Stamps) -> u64 {
        self.choose_run(first, stamps.first).observe(stamps, first, |tracker| tracker.observe_run(first, frames))
    }

    #[inline(never)]
    fn observe_ascending_elsewhere(&mut self, sequences: &[u64], stamps: Stamps) {
        if let Some(&first) = sequences.first() {
            self.choose_run(first, stamps.first).observe(stamps, first, |tracker| tracker.observe_ascending(sequences));
        }
    }

    /// The run that frames from the number `first` on belong to, where the first of them has this stamp.
    fn choose_run(&mut self, first: u64, stamp: u64) -> &mut RunTracker {
        // Of two that fit alike the one that was stamped at the nearest time.
        let apart = |run: &RunTracker| later(stamp, run.newest).unsigned_abs();
        let fits = self.runs.iter().enumerate().filter_map(|(at, run)| Some((run.fit(first, stamp)?, apart(run), at)));
        self.current = match fits.min() {
            Some((fit, _, at)) => {
                let youngest = self.runs.last().filter(|_| at + 1 < self.runs.len());
                if let (Some(youngest), Fit::Next | Fit::Ahead(_)) = (youngest, fit) {
                    self.returns_to_older += 1;
                    // With one clock its stamp proves it; two senders may have two.
                    self.several_senders |= later(stamp, youngest.oldest) > 0 || self.returns_to_older >= OFTEN;
                }
                at
            }
            None if self.runs.is_empty() || first < LATEST_BEGIN && self.runs.len() < MOST_RUNS => {
                let start = if self.runs.is_empty() { self.start } else { StreamStart::FirstSeen };
                self.runs.push(RunTracker::new(start, self.window, first, stamp));
                self.runs.len() - 1
            }
            None => self.current,
        };
        &mut self.runs[self.current]
    }
}

impl RunTracker {
    /// A run whose first frame seen has the number `first`.
    fn new(start: StreamStart, window: Window, first: u64, stamp: u64) -> RunTracker {
        let (begin, from_begin) = match start {
            StreamStart::At(begin) => (begin, true),
            // Frames that were overtaken by the first one seen come after it: the tracker has a window for them.
            StreamStart::FirstSeen => (first.saturating_sub(u64::from(window.frames())), false),
        };
        RunTracker { tracker: Tracker::new(begin, window), begin, from_begin, lowest: first, oldest: stamp, newest: stamp }
    }

    /// Whether a frame can be of this run, and how well it fits. Its sender stamps in the order of the numbers.
    fn fit(&self, sequence: u64, stamp: u64) -> Option<Fit> {
        let ahead = sequence.wrapping_sub(self.tracker.next_expected()).cast_signed();
        let (after_newest, after_oldest) = (later(stamp, self.newest), later(stamp, self.oldest));
        let distance = ahead.unsigned_abs();
        if ahead >= 0 {
            return (after_newest >= 0 && distance <= LATEST_BEGIN).then_some(if ahead == 0 { Fit::Next } else { Fit::Ahead(distance) });
        }
        let below_lowest = sequence.wrapping_sub(self.lowest).cast_signed() < 0;
        match below_lowest {
            true => (after_oldest <= 0).then_some(Fit::BeforeFirst(distance)),
            false => (after_newest <= 0 && after_oldest >= 0).then_some(Fit::Behind(distance)),
        }
    }

    /// Lets the tracker count frames from the number `first` on, and returns how many numbers had not come before.
    fn observe(&mut self, stamps: Stamps, first: u64, count: impl FnOnce(&mut Tracker)) -> u64 {
        let (before, next) = (self.tracker.counts().received, self.tracker.next_expected());
        count(&mut self.tracker);
        if first.wrapping_sub(self.lowest).cast_signed() < 0 {
            (self.lowest, self.oldest) = (first, stamps.first);
        }
        if self.tracker.next_expected() != next && later(stamps.last, self.newest) > 0 {
            self.newest = stamps.last;
        }
        self.tracker.counts().received - before
    }

    fn counts(&self) -> SequenceCounts {
        let counts = self.tracker.counts();
        let unknown = if self.from_begin { 0 } else { self.lowest.wrapping_sub(self.begin) };
        // What came before the lowest number seen is missing for the tracker, and is no loss.
        SequenceCounts { lost: counts.lost.saturating_sub(unknown), ..counts }
    }

    fn summary(&self) -> Run {
        let from = if self.from_begin { self.begin } else { self.lowest };
        Run {
            counts: self.counts(),
            first: self.lowest,
            highest: self.tracker.next_expected().wrapping_sub(1),
            last_lost: self.tracker.last_lost().filter(|lost| lost.wrapping_sub(from).cast_signed() >= 0),
            stamps: Stamps { first: self.oldest, last: self.newest },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A stream whose frames are observed one by one.
    struct Stream(StreamTracker);

    impl Stream {
        fn new(start: StreamStart) -> Stream {
            Stream(StreamTracker::new(start, Window::new(64).unwrap()))
        }

        fn sees(&mut self, sequence: u64, stamp: u64) -> u64 {
            self.0.observe_run(sequence, 1, Stamps { first: stamp, last: stamp })
        }

        /// Received, lost, duplicate and reordered of each run.
        fn counted(&self) -> Vec<[u64; 4]> {
            self.0.runs().map(|run| [run.counts.received, run.counts.lost, run.counts.duplicate, run.counts.reordered]).collect()
        }
    }

    #[test]
    fn a_sender_that_starts_again_is_a_new_run() {
        let mut stream = Stream::new(StreamStart::FirstSeen);
        (0..1000).for_each(|n| assert_eq!(stream.sees(n, n), 1));
        // The second run loses 500 frames, of which 20 belonged to numbers within the window of the first.
        (0..1000).filter(|n| !(490..990).contains(n)).for_each(|n| assert_eq!(stream.sees(n, 5000 + n), 1));
        assert_eq!(stream.counted(), [[1000, 0, 0, 0], [500, 500, 0, 0]]);
        assert!(!stream.0.has_several_senders());
        // What the network kept back of either run, and a copy.
        assert_eq!((stream.sees(700, 5700), stream.sees(999, 999), stream.sees(995, 5995)), (0, 0, 0));
        assert_eq!(stream.counted(), [[1000, 0, 1, 0], [500, 500, 1, 0]], "700 is older than the window of 64");
        assert_eq!(stream.0.counts().beyond_window, 1);
    }

    #[test]
    fn a_run_may_begin_with_a_loss_and_with_the_very_next_number() {
        let mut stream = Stream::new(StreamStart::FirstSeen);
        (0..10).for_each(|n| _ = stream.sees(n, n));
        // The second run has lost its first 5; its later numbers reach beyond the first run's.
        (5..20).for_each(|n| _ = stream.sees(n, 100 + n));
        assert_eq!(stream.counted(), [[10, 0, 0, 0], [15, 0, 0, 0]]);
        assert_eq!(stream.0.runs().map(|run| (run.first, run.highest)).collect::<Vec<_>>(), [(0, 9), (5, 19)]);
    }

    #[test]
    fn two_senders_at_once_are_named() {
        let mut stream = Stream::new(StreamStart::FirstSeen);
        for n in 0..200u64 {
            // One began 500 frames before the other.
            stream.sees(500 + n, 2 * n);
            stream.sees(n, 2 * n + 1);
        }
        assert!(stream.0.has_several_senders());
        assert_eq!(stream.counted(), [[200, 0, 0, 0], [200, 0, 0, 0]]);
        // On clocks that have nothing to do with each other.
        for apart in [1u64 << 40, (1 << 48) - (1 << 40)] {
            let mut stream = Stream::new(StreamStart::FirstSeen);
            for n in 0..200u64 {
                stream.sees(n, n);
                stream.sees(n, apart.wrapping_add(n));
            }
            assert!(stream.0.has_several_senders(), "{apart}");
            assert_eq!(stream.0.counts().duplicate, 0);
        }
    }

    #[test]
    fn a_receiver_that_started_late_counts_from_the_first_frame_seen() {
        let mut stream = Stream::new(StreamStart::FirstSeen);
        for n in [1003, 1004, 1001, 1006, 1006] {
            stream.sees(n, n);
        }
        // 1002 and 1005 are missing; 1001 was overtaken.
        assert_eq!(stream.counted(), [[4, 2, 1, 1]]);
        let run = stream.0.runs().next().unwrap();
        assert_eq!((run.first, run.highest, run.last_lost), (1001, 1006, Some(1005)));
        stream.sees(1005, 1005);
        stream.sees(1002, 1002);
        let run = stream.0.runs().next().unwrap();
        assert_eq!((run.counts.lost, run.last_lost), (0, None));
    }

    #[test]
    fn with_a_known_start_all_before_the_first_seen_is_lost() {
        let mut stream = Stream::new(StreamStart::At(0));
        stream.sees(5, 5);
        stream.sees(3, 3);
        assert_eq!(stream.counted(), [[2, 4, 0, 1]]);
        assert_eq!(stream.0.runs().next().unwrap().last_lost, Some(4));
    }

    #[test]
    fn a_number_that_cannot_be_begins_no_run() {
        let mut stream = Stream::new(StreamStart::FirstSeen);
        (0..10).for_each(|n| _ = stream.sees(n, n));
        stream.sees(1 << 60, 11);
        assert_eq!((stream.0.runs().count(), stream.0.counts().implausible), (1, 1));
    }

    proptest! {
        /// One sender, whatever the network does to its frames, is one run; and its counts are those of a plain tracker.
        #[test]
        fn one_sender_is_one_run(first in prop_oneof![Just(0u64), Just(u64::MAX - 20), 0u64..1 << 50], moves in prop::collection::vec(0usize..100, 1..100), began: u64) {
            // The order of arrival: a permutation with some frames doubled and others missing, within the window of 64.
            let mut order: Vec<u64> = (0..50).collect();
            for pair in moves.chunks_exact(2) {
                let (a, b) = (pair[0] % order.len(), pair[1] % order.len());
                match pair[0] % 3 {
                    0 => order.swap(a, b),
                    1 => { let copy = order[a]; order.insert(b, copy); }
                    _ if order.len() > 1 => { order.remove(a); }
                    _ => {}
                }
            }
            let mut stream = Stream::new(StreamStart::At(first));
            let mut seen = Stream::new(StreamStart::FirstSeen);
            let mut plain = Tracker::new(first, Window::new(64).unwrap());
            for n in order.iter().copied() {
                // Five frames have one stamp, as those of a burst do.
                let (sequence, stamp) = (first.wrapping_add(n), began.wrapping_add(n / 5) & ((1 << STAMP_BITS) - 1));
                let before = plain.counts().received;
                plain.observe(sequence);
                let new = plain.counts().received - before;
                prop_assert_eq!(stream.sees(sequence, stamp), new);
                let new_seen = seen.sees(sequence, stamp);
                prop_assert!(new_seen == new || first > 1 << 60);
            }
            prop_assert_eq!((stream.0.runs().count(), seen.0.runs().count()), (1, 1));
            prop_assert!(!stream.0.has_several_senders());
            prop_assert_eq!(stream.0.counts(), plain.counts());
            prop_assert_eq!(stream.0.runs().next().unwrap().last_lost, plain.last_lost());
            if first > 1 << 60 {
                // A stream that wraps is not expected to have begun below 0.
                return Ok(());
            }
            let lowest = order.iter().min().unwrap();
            let run = seen.0.runs().next().unwrap();
            prop_assert_eq!(run.first, first.wrapping_add(*lowest));
            prop_assert_eq!(run.counts.lost, plain.counts().lost - lowest);
            prop_assert_eq!((run.counts.received, run.counts.duplicate), (plain.counts().received, plain.counts().duplicate));
        }
    }
}
