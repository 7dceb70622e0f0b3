//! Counting of received frames.

use methodology::units::PacketRate;

use super::report::{ReceiveCounters, ReceiveReport, StreamReport};
use crate::account::sequence::{SequenceCounts, Tracker, Window};
use crate::dpdk::MAX_BURST;
use crate::engine::meter;
use crate::frame::{Class, Classifier, Corruption, StreamId};
use crate::time::TickRate;

/// More streams than any plan has. A frame of a further stream counts as corrupt.
const MOST_STREAMS: usize = 256;

/// A damaged frame counts as one of a stream if its sequence number is at most this far from the stream's newest.
const NEAR: u64 = 1 << 20;

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
    /// The first number of every stream.
    begin: u64,
    streams: Vec<(StreamId, Tracker)>,
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
            begin: 0,
            streams: Vec::new(),
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

    /// The same for streams that begin with sequence number `first`. Those of a sender begin with 0.
    pub fn beginning_at(self, first: u64) -> Self {
        Arrivals { begin: first, ..self }
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
        let mut stream = self.streams.get(self.last_stream).map_or(StreamId::default(), |(stream, _)| *stream);
        // Consecutive sequence numbers of one stream are tracked in one call, even if they were stamped at different times.
        let (mut first, mut run_length, mut tests, mut length_of_tests) = (0, 0u64, 0u64, 0u64);
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
                    if run.first.stream != stream || run.first.sequence != u64::wrapping_add(first, run_length) {
                        self.track(stream, first, run_length);
                        (stream, first, run_length) = (run.first.stream, run.first.sequence, 0);
                    }
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
        self.track(stream, first, run_length);
        if tests > 0 {
            self.bytes += length_of_tests + tests * FCS;
            if self.first.is_none() {
                (self.first, self.last) = (Some(now), now);
            }
            self.longest_gap = self.longest_gap.max(now.wrapping_sub(self.last));
            self.last = now;
        }
    }

    /// Whether a test frame has arrived.
    pub fn any(&self) -> bool {
        self.first.is_some()
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
            rate: PacketRate::from_count(totals.received, duration.as_secs_f64()),
            longest_gap: meter::duration(rate, self.longest_gap),
            window_exceeded: totals.beyond_window,
            streams: self.streams.iter().map(|(stream, tracker)| of_stream(*stream, tracker)).collect(),
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

    /// Whether a damaged frame was a test frame of the sender. Other generators use the benchmarking addresses too (testpmd's txonly,
    /// Pktgen), so headers prove nothing: where the tag's check is wrong, its stream or sequence number must match a known stream.
    fn was_ours(&self, frame: &[u8], how: Corruption) -> bool {
        match how {
            Corruption::Length | Corruption::Payload | Corruption::HeaderChecksum => true,
            Corruption::Truncated => self.any(),
            Corruption::Tag => self.classifier.remains_of_tag(frame).is_some_and(|(stream, sequence)| {
                let near = |tracker: &Tracker| sequence.wrapping_sub(tracker.next_expected()).cast_signed().unsigned_abs() <= NEAR;
                self.streams.iter().any(|(known, tracker)| *known == stream || near(tracker))
            }),
        }
    }

    /// Whether header checksum and payload of a test frame are correct.
    #[inline(never)]
    fn is_sound(&self, frame: &[u8]) -> bool {
        self.classifier.classify_checked(frame).is_test()
    }

    /// Tracks a run of sequence numbers of `stream`.
    #[inline(always)]
    fn track(&mut self, stream: StreamId, first: u64, run: u64) {
        if run == 0 {
            return;
        }
        if self.streams.get(self.last_stream).is_none_or(|(known, _)| *known != stream) && !self.find_stream(stream) {
            self.corrupt += run;
            return;
        }
        self.streams[self.last_stream].1.observe_run(first, run);
    }

    /// Makes `stream` the last stream; false where there are too many streams.
    #[cold]
    fn find_stream(&mut self, stream: StreamId) -> bool {
        self.last_stream = match self.streams.iter().position(|(known, _)| *known == stream) {
            Some(at) => at,
            None if self.streams.len() < MOST_STREAMS => {
                self.streams.push((stream, Tracker::new(self.begin, self.window)));
                self.streams.len() - 1
            }
            None => return false,
        };
        true
    }

    fn totals(&self) -> SequenceCounts {
        self.streams.iter().fold(SequenceCounts::default(), |sum, (_, tracker)| {
            let counts = tracker.counts();
            SequenceCounts {
                received: sum.received + counts.received,
                lost: sum.lost + counts.lost,
                duplicate: sum.duplicate + counts.duplicate,
                reordered: sum.reordered + counts.reordered,
                longest_lateness: sum.longest_lateness.max(counts.longest_lateness),
                gaps: sum.gaps + counts.gaps,
                beyond_window: sum.beyond_window + counts.beyond_window,
                implausible: sum.implausible + counts.implausible,
            }
        })
    }
}

fn of_stream(stream: StreamId, tracker: &Tracker) -> StreamReport {
    let counts = tracker.counts();
    StreamReport {
        stream,
        received: counts.received,
        lost: counts.lost,
        duplicate: counts.duplicate,
        reordered: counts.reordered,
        window_exceeded: counts.beyond_window,
        highest_sequence: (counts.received > 0).then(|| tracker.next_expected().wrapping_sub(1)),
        last_lost: tracker.last_lost(),
    }
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
    fn a_damaged_tag_is_ours_only_where_what_is_left_of_it_fits_a_stream_that_came() {
        let mut path = Path::new();
        let mut damaged = path.frame(3, 10);
        damaged[path.template.layout().tag_offset()] ^= 1;
        path.take(0, std::slice::from_ref(&damaged));
        path.take_one(1, 3, 0);
        path.take(2, &[damaged]);
        let report = path.arrivals.report(CLOCK);
        assert_eq!((report.foreign, report.corrupt, report.frames_received), (1, 1, 1));
    }

    #[test]
    fn more_streams_than_any_plan_has_are_damage() {
        let mut path = Path::new();
        (0..MOST_STREAMS as u16 + 5).for_each(|stream| path.take_one(0, stream, 0));
        let report = path.arrivals.report(CLOCK);
        assert_eq!((report.streams.len(), report.frames_received, report.corrupt), (MOST_STREAMS, MOST_STREAMS as u64, 5));
    }
}
