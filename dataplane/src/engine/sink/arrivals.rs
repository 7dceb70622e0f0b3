//! Counting of received frames.

use methodology::units::PacketRate;

use super::report::{ReceiveCounters, ReceiveReport, StreamReport};
use crate::account::sequence::{Run, STAMP_BITS, SequenceCounts, Stamps, StreamStart, StreamTracker, Window};
use crate::dpdk::MAX_BURST;
use crate::engine::meter;
use crate::frame::{Class, Classifier, Corruption, StreamId, TSC_BITS, Tag};
use crate::time::TickRate;

/// More streams than any plan has. A frame of a further stream counts as corrupt.
const MOST_STREAMS: usize = 256;

/// Streams whose places are remembered: those of one sender, whose numbers follow each other.
const PLACES: usize = 64;

const _: () = assert!(MOST_STREAMS <= 256, "the place of a stream is a byte");

/// A damaged frame counts as one of a stream if its sequence number is at most this far from the stream's newest.
const NEAR: u64 = 1 << 20;

const _: () = assert!(STAMP_BITS == TSC_BITS, "a stream's stamps are the times of its tags");

/// Bytes of the FCS, which the port has stripped.
const FCS: u64 = methodology::units::FCS as u64;

/// Counts the frames that arrive at a sink: each frame once, by its class and by its place in its stream.
///
/// It needs no port, so the tests drive the same code as a run.
#[derive(Debug)]
pub struct Arrivals {
    classifier: Classifier,
    check: bool,
    window: Window,
    /// Where every stream begins.
    start: StreamStart,
    /// Whether this queue is one of several, so that it gets only a part of each stream.
    one_of_several: bool,
    /// The numbers of the frames of one burst of a sender, where this queue is one of several.
    sequences: Box<[u64; MAX_BURST]>,
    streams: Vec<(StreamId, StreamTracker)>,
    /// Where in `streams` a stream was found last, by the lowest bits of its number.
    places: [u8; PLACES],
    /// Index of the stream of the last frame: the next frame is most likely of the same stream.
    last_stream: usize,
    frames: u64,
    bytes: u64,
    corrupt: u64,
    foreign: u64,
    first: Option<u64>,
    last: u64,
    /// Longest time between two bursts with test frames.
    longest_gap: u64,
}

impl Arrivals {
    /// Empty counts. With `check`, the header checksum and payload of every test frame are checked too.
    pub fn new(classifier: Classifier, window: Window, check: bool) -> Self {
        Arrivals {
            classifier,
            check,
            window,
            start: StreamStart::FirstSeen,
            one_of_several: false,
            sequences: Box::new([0; MAX_BURST]),
            streams: Vec::new(),
            places: [0; PLACES],
            last_stream: 0,
            frames: 0,
            bytes: 0,
            corrupt: 0,
            foreign: 0,
            first: None,
            last: 0,
            longest_gap: 0,
        }
    }

    /// The same for streams that are known to begin with sequence number `first`: what is missing from it on is lost.
    pub fn beginning_at(self, first: u64) -> Self {
        Arrivals { start: StreamStart::At(first), ..self }
    }

    /// The same for one of several receive queues, over which the frames of each stream are spread.
    pub fn of_one_of_several_queues(self) -> Self {
        Arrivals { one_of_several: true, ..self }
    }

    /// Counts a burst that arrived at `now`. `bytes` returns the address of a frame's first byte and its length without FCS. It is inlined,
    /// so frames can be mbufs, slices or anything else.
    ///
    /// # Safety
    /// The bytes that `bytes` returns are valid for reading, and nothing writes to them during the call.
    // Not inlined: as part of a poll loop it has too few registers.
    #[inline(never)]
    pub unsafe fn burst<T: Copy>(&mut self, frames: &[T], now: u64, bytes: impl Fn(T) -> (*const u8, u32)) {
        self.frames += frames.len() as u64;
        if self.one_of_several {
            // SAFETY: this function's own contract, passed on.
            return unsafe { self.burst_of_a_part(frames, now, bytes) };
        }
        let mut stream = self.streams.get(self.last_stream).map_or(StreamId::default(), |(stream, _)| *stream);
        // Consecutive sequence numbers of one stream are tracked in one call, even if they were stamped at different times.
        let (mut first, mut run_length, mut tests, mut length_of_tests) = (0, 0u64, 0u64, 0u64);
        let mut stamps = Stamps { first: 0, last: 0 };
        let mut remaining = frames;
        while let Some(&frame) = remaining.first() {
            // With payload checks, frames are looked at one by one.
            let candidates = if self.check { &remaining[..1] } else { remaining };
            // SAFETY: this function's own contract.
            let run = unsafe { self.classifier.run_of(candidates, &bytes) };
            // SAFETY: as above; nothing writes to them meanwhile.
            let whole = || unsafe { std::slice::from_raw_parts(bytes(frame).0, bytes(frame).1 as usize) };
            let seen = match run {
                Some(run) if !self.check || self.is_sound(whole()) => {
                    let Tag { stream: its_stream, sequence, tsc } = run.first;
                    // A stamp that goes back is of another run, even with the next number.
                    if run_length == 0
                        || its_stream != stream
                        || sequence != u64::wrapping_add(first, run_length)
                        || is_before(tsc, stamps.last)
                    {
                        self.track(stream, first, run_length, stamps);
                        (stream, first, run_length, stamps.first) = (its_stream, sequence, 0, tsc);
                    }
                    stamps.last = tsc;
                    run_length += run.frames;
                    tests += run.frames;
                    length_of_tests += run.bytes;
                    run.frames as usize
                }
                Some(_) => {
                    self.corrupt += 1;
                    1
                }
                None => {
                    self.note_other(whole());
                    1
                }
            };
            remaining = &remaining[seen..];
        }
        self.track(stream, first, run_length, stamps);
        self.note_tests(tests, length_of_tests, now);
    }

    /// [`burst`](Self::burst) on one of several queues: numbers have gaps there, although no frame is lost.
    ///
    /// # Safety
    /// As for [`burst`](Self::burst).
    #[inline(never)]
    unsafe fn burst_of_a_part<T: Copy>(&mut self, frames: &[T], now: u64, bytes: impl Fn(T) -> (*const u8, u32)) {
        let (mut tests, mut length_of_tests) = (0, 0);
        // Ascending numbers of one stream are tracked in one call, even if they were stamped at different times.
        let (mut stream, mut noted, mut stamps) = (StreamId::default(), 0, Stamps { first: 0, last: 0 });
        let mut remaining = frames;
        while let Some(&frame) = remaining.first() {
            if noted == MAX_BURST {
                self.track_part(stream, noted, stamps);
                noted = 0;
            }
            // With payload checks, frames are looked at one by one.
            let candidates = if self.check { &remaining[..1] } else { remaining };
            // SAFETY: this function's own contract.
            let run = unsafe { self.classifier.ascending_run_of(candidates, &bytes, &mut self.sequences[noted..]) };
            // SAFETY: as above; nothing writes to them meanwhile.
            let whole = || unsafe { std::slice::from_raw_parts(bytes(frame).0, bytes(frame).1 as usize) };
            let seen = match run {
                Some(run) if !self.check || self.is_sound(whole()) => {
                    let (Tag { stream: its_stream, sequence, tsc }, frames) = (run.first, run.frames as usize);
                    let goes_on = noted > 0 && its_stream == stream && sequence > self.sequences[noted - 1] && !is_before(tsc, stamps.last);
                    if !goes_on {
                        self.track_part(stream, noted, stamps);
                        self.sequences.copy_within(noted..noted + frames, 0);
                        (stream, noted, stamps.first) = (its_stream, 0, tsc);
                    }
                    noted += frames;
                    stamps.last = tsc;
                    tests += run.frames;
                    length_of_tests += run.bytes;
                    frames
                }
                Some(_) => {
                    self.corrupt += 1;
                    1
                }
                None => {
                    self.note_other(whole());
                    1
                }
            };
            remaining = &remaining[seen..];
        }
        self.track_part(stream, noted, stamps);
        self.note_tests(tests, length_of_tests, now);
    }

    /// Notes the test frames of a burst.
    #[inline(always)]
    fn note_tests(&mut self, tests: u64, length_of_tests: u64, now: u64) {
        if tests > 0 {
            self.bytes += length_of_tests + tests * FCS;
            if self.first.is_none() {
                (self.first, self.last) = (Some(now), now);
            }
            self.longest_gap = self.longest_gap.max(now.wrapping_sub(self.last));
            self.last = now;
        }
    }

    /// How many frames have arrived, of any class.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// When the first and the last test frame arrived.
    pub fn span(&self) -> Option<(u64, u64)> {
        self.first.map(|first| (first, self.last))
    }

    /// The counts as a report, with times by a clock of `rate`. The fields about the port and the poll loop are left empty.
    pub fn report(&self, rate: TickRate) -> ReceiveReport {
        let totals = self.totals();
        let duration = meter::duration(rate, self.first.map_or(0, |first| self.last.wrapping_sub(first)));
        ReceiveReport {
            frames_received: totals.received,
            lost: totals.lost,
            duplicate: totals.duplicate,
            reordered: totals.reordered,
            corrupt: self.corrupt + totals.implausible,
            foreign: self.foreign,
            bytes: self.bytes,
            duration,
            rate: PacketRate::between(totals.received, duration.as_secs_f64()),
            longest_gap: meter::duration(rate, self.longest_gap),
            window_exceeded: totals.beyond_window,
            streams: self.streams.iter().flat_map(|(stream, tracker)| of_stream(*stream, tracker)).collect(),
            payload_checked: self.check,
            ..ReceiveReport::default()
        }
    }

    /// The counters that a run shows.
    #[inline(always)]
    pub(super) fn counters(&self) -> ReceiveCounters {
        let totals = self.totals();
        ReceiveCounters {
            frames_received: totals.received,
            bytes: self.bytes,
            lost: totals.lost,
            duplicate: totals.duplicate,
            reordered: totals.reordered,
            corrupt: self.corrupt + totals.implausible,
            foreign: self.foreign,
        }
    }

    /// Whether to show the counters after this burst. Summing many streams takes longer than a burst, so that is done seldom.
    #[inline(always)]
    pub(super) fn worth_showing(&self) -> bool {
        self.streams.len() <= 2 || self.frames & 0x3fff < MAX_BURST as u64
    }

    /// Counts a frame that is not an intact test frame.
    #[cold]
    #[inline(never)]
    fn note_other(&mut self, frame: &[u8]) {
        match self.classifier.classify(frame) {
            Class::Corrupt(how) if self.was_ours(frame, how) => self.corrupt += 1,
            Class::Test(_) | Class::Corrupt(_) | Class::Foreign => self.foreign += 1,
        }
    }

    /// Whether a damaged frame was a test frame of a sender: by its headers where they are such as only linerate writes. Other generators use
    /// the benchmarking addresses too (testpmd's txonly, Pktgen); where the headers prove nothing, what is left of the tag must match a known
    /// stream.
    fn was_ours(&self, frame: &[u8], how: Corruption) -> bool {
        match how {
            Corruption::Length | Corruption::Payload | Corruption::HeaderChecksum | Corruption::UdpChecksum => true,
            Corruption::Truncated => self.first.is_some() || self.classifier.has_senders_headers(frame),
            Corruption::Tag => {
                let remains_match =
                    |(stream, sequence)| self.streams.iter().any(|(known, tracker)| *known == stream || tracker.is_near(sequence, NEAR));
                self.classifier.has_senders_headers(frame) || self.classifier.remains_of_tag(frame).is_some_and(remains_match)
            }
        }
    }

    /// Whether header checksum and payload of a test frame are correct.
    #[inline(never)]
    fn is_sound(&self, frame: &[u8]) -> bool {
        self.classifier.classify_checked(frame).is_test()
    }

    /// Tracks a run of sequence numbers of `stream`.
    #[inline(always)]
    fn track(&mut self, stream: StreamId, first: u64, run: u64, stamps: Stamps) {
        if run == 0 {
            return;
        }
        if self.streams.get(self.last_stream).is_none_or(|(known, _)| *known != stream) && !self.find_stream(stream) {
            self.corrupt += run;
            return;
        }
        self.streams[self.last_stream].1.observe_run(first, run, stamps);
    }

    /// Tracks the first `frames` of the noted numbers, of `stream`.
    #[inline(always)]
    fn track_part(&mut self, stream: StreamId, frames: usize, stamps: Stamps) {
        if frames == 0 {
            return;
        }
        if self.streams.get(self.last_stream).is_none_or(|(known, _)| *known != stream) && !self.find_stream(stream) {
            self.corrupt += frames as u64;
            return;
        }
        self.streams[self.last_stream].1.observe_ascending(&self.sequences[..frames], stamps);
    }

    /// Makes `stream` the last stream; false where there are too many streams.
    #[inline(always)]
    fn find_stream(&mut self, stream: StreamId) -> bool {
        let place = usize::from(self.places[usize::from(stream.0) % PLACES]);
        if self.streams.get(place).is_some_and(|(known, _)| *known == stream) {
            self.last_stream = place;
            return true;
        }
        self.search_stream(stream)
    }

    /// Finds a stream for the first time, or one whose place another has taken.
    #[cold]
    fn search_stream(&mut self, stream: StreamId) -> bool {
        self.last_stream = match self.streams.iter().position(|(known, _)| *known == stream) {
            Some(at) => at,
            None if self.streams.len() < MOST_STREAMS => {
                self.streams.push((stream, StreamTracker::new(self.start, self.window)));
                self.streams.len() - 1
            }
            None => return false,
        };
        // There are at most 256 streams.
        self.places[usize::from(stream.0) % PLACES] = self.last_stream as u8;
        true
    }

    fn totals(&self) -> SequenceCounts {
        self.streams.iter().fold(SequenceCounts::default(), |sum, (_, tracker)| sum.plus(&tracker.counts()))
    }
}

/// Whether stamp `a` is before `b`, of a clock that wraps.
#[inline(always)]
fn is_before(a: u64, b: u64) -> bool {
    const UNUSED: u32 = u64::BITS - STAMP_BITS;
    (a.wrapping_sub(b) << UNUSED).cast_signed() < 0
}

/// The reports of a stream's runs.
fn of_stream(stream: StreamId, tracker: &StreamTracker) -> impl Iterator<Item = StreamReport> {
    let several_senders = tracker.has_several_senders();
    let report = move |(run, number): (Run, u32)| StreamReport {
        stream,
        run: number,
        several_senders,
        received: run.counts.received,
        lost: run.counts.lost,
        duplicate: run.counts.duplicate,
        reordered: run.counts.reordered,
        window_exceeded: run.counts.beyond_window,
        first_sequence: (run.counts.received > 0).then_some(run.first),
        highest_sequence: (run.counts.received > 0).then_some(run.highest),
        last_lost: run.last_lost,
        stamps: Some(run.stamps),
    };
    tracker.runs().zip(0..).map(report)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use methodology::units::FrameSize;

    use super::*;
    use crate::frame::{FrameSpec, Network, Stamper, Template};

    /// A clock of nanoseconds.
    const CLOCK: TickRate = TickRate::from_hz(1_000_000_000).unwrap();

    /// A sink's counting and a sender of frames of 60 bytes.
    struct Path {
        template: Template,
        arrivals: Arrivals,
    }

    impl Path {
        fn new() -> Path {
            let template = Template::build(&FrameSpec::new(Network::IPV4), FrameSize::MIN).unwrap();
            let arrivals = Arrivals::new(Classifier::for_template(&template), Window::DEFAULT, false);
            Path { template, arrivals }
        }

        /// A frame of `stream` with this number.
        fn frame(&self, stream: u16, sequence: u64) -> Vec<u8> {
            let mut frame = self.template.bytes().to_vec();
            Stamper::new(self.template.layout(), StreamId(stream), sequence).stamp_slice(&mut frame, 0);
            frame
        }

        /// The same with the time `stamp`.
        fn stamped(&self, stream: u16, sequence: u64, stamp: u64) -> Vec<u8> {
            let mut frame = self.template.bytes().to_vec();
            Stamper::new(self.template.layout(), StreamId(stream), sequence).stamp_slice(&mut frame, stamp);
            frame
        }

        fn take(&mut self, now: u64, frames: &[Vec<u8>]) {
            let frames: Vec<&Vec<u8>> = frames.iter().collect();
            // SAFETY: the bytes are borrowed until after the call.
            unsafe { self.arrivals.burst(&frames, now, |frame| (frame.as_ptr(), frame.len() as u32)) };
        }

        fn take_one(&mut self, now: u64, stream: u16, sequence: u64) {
            let frame = self.frame(stream, sequence);
            self.take(now, &[frame]);
        }
    }

    #[test]
    fn rfc2544_26_6_the_longest_gap_is_between_test_frames_from_the_first_to_the_last() {
        let mut path = Path::new();
        let foreign = vec![0; 60];
        path.take(1_000, std::slice::from_ref(&foreign));
        path.take_one(u64::MAX - 499, 0, 0);
        path.take_one(u64::MAX - 399, 0, 1);
        // 1000 ns across the wrap of the counter, in which a frame came that is no test frame.
        path.take(100, std::slice::from_ref(&foreign));
        path.take_one(600, 0, 2);
        path.take(1_000_000, std::slice::from_ref(&foreign));
        let report = path.arrivals.report(CLOCK);
        assert_eq!((report.longest_gap, report.duration), (Duration::from_nanos(1000), Duration::from_nanos(1100)));
        assert_eq!((report.frames_received, report.foreign, report.bytes), (3, 3, 3 * 64));
    }

    #[test]
    fn one_frame_has_no_gap() {
        let mut path = Path::new();
        path.take_one(5_000, 0, 0);
        assert_eq!(path.arrivals.report(CLOCK).longest_gap, Duration::ZERO);
    }

    #[test]
    fn each_stream_is_accounted_for_by_itself_however_they_are_mixed() {
        let mut path = Path::new();
        let mixed: Vec<Vec<u8>> = (0..300).filter(|n| *n != 290).flat_map(|n| [path.frame(7, n), path.frame(9, n / 2)]).collect();
        path.take(0, &mixed);
        let report = path.arrivals.report(CLOCK);
        let counts: Vec<_> = report.streams.iter().map(|s| (s.stream.0, s.received, s.lost, s.duplicate, s.last_lost)).collect();
        assert_eq!(counts, [(7, 299, 1, 0, Some(290)), (9, 150, 0, 149, None)]);
        assert_eq!((report.frames_received, report.lost, report.duplicate), (449, 1, 149));
    }

    #[test]
    fn a_damaged_tag_is_ours_by_its_headers_or_by_what_is_left_of_it() {
        let mut path = Path::new();
        let mut damaged = path.frame(3, 10);
        damaged[path.template.layout().tag_offset()] ^= 1;
        // Not as linerate writes it: the identification is not the length's complement, as with testpmd.
        let mut others = damaged.clone();
        others[18..20].copy_from_slice(&[0, 0]);
        path.take(0, &[damaged, others.clone()]);
        path.take_one(1, 3, 0);
        path.take(2, &[others]);
        let report = path.arrivals.report(CLOCK);
        assert_eq!((report.foreign, report.corrupt, report.frames_received), (1, 2, 1));
    }

    #[test]
    fn a_sender_that_starts_again_is_another_run_of_its_stream() {
        let mut path = Path::new();
        let runs: Vec<Vec<u8>> =
            [0, 1000].into_iter().flat_map(|at| (0..100).map(move |n| (n, at + n / 4))).map(|(n, at)| path.stamped(0, n, at)).collect();
        // In bursts that cut the runs anywhere; ten frames of the second one are lost.
        let kept: Vec<Vec<u8>> = runs.into_iter().enumerate().filter(|(at, _)| !(150..160).contains(at)).map(|(_, frame)| frame).collect();
        kept.chunks(7).zip(0..).for_each(|(burst, now)| path.take(now, burst));
        let report = path.arrivals.report(CLOCK);
        assert_eq!((report.frames_received, report.lost, report.duplicate), (190, 10, 0));
        let found: Vec<_> =
            report.streams.iter().map(|run| (run.run, run.received, run.lost, run.first_sequence, run.several_senders)).collect();
        assert_eq!(found, [(0, 100, 0, Some(0), false), (1, 90, 10, Some(0), false)]);
    }

    #[test]
    fn more_streams_than_any_plan_has_are_damage() {
        let mut path = Path::new();
        (0..MOST_STREAMS as u16 + 5).for_each(|stream| path.take_one(0, stream, 0));
        let report = path.arrivals.report(CLOCK);
        assert_eq!((report.streams.len(), report.frames_received, report.corrupt), (MOST_STREAMS, MOST_STREAMS as u64, 5));
    }
}
