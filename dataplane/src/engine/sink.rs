use std::sync::Arc;
use std::time::Duration;

use methodology::units::PacketRate;

use super::meter::{self, Meter};
use super::plan::ReceivePlan;
use super::running::{self, Running, Shared};
use crate::burst::{Burst, Frame, MAX_BURST, Slots};
use crate::error::DataplaneError;
use crate::frame::{Class, Classifier, Corruption, Layout, StreamId, prefetch_for_read};
use crate::pace::TickRate;
use crate::port::{Parts, Port};
use crate::report::{CounterPair, ReceiveReport, StreamReport};
use crate::sequence::{SequenceCounts, Tracker, Window};

/// More streams than any plan has: beyond them a stream's number is taken for damage.
const MOST_STREAMS: usize = 256;

/// How near a stream's newest number the number of a damaged frame must be to have been of that stream.
const NEAR: u64 = 1 << 20;

/// The FCS, which the port has stripped.
const FCS: u64 = methodology::units::FCS as u64;

/// Starts a sink. What the plan asks for and cannot have, `join` says.
pub(crate) fn receive(port: Port, plan: ReceivePlan) -> Running<ReceiveReport> {
    let loops = usize::from(port.info().queues);
    Running::start(port, loops, move |port, shared| run(port, &plan, shared))
}

fn run(port: &mut Port, plan: &ReceivePlan, shared: &[Shared]) -> Result<ReceiveReport, DataplaneError> {
    let window = Window::new(plan.window).map_err(|error| DataplaneError::Plan { what: "the window", why: error.to_string() })?;
    if !(1..=MAX_BURST).contains(&usize::from(plan.burst)) {
        return Err(DataplaneError::Plan { what: "the burst", why: format!("{} is not from 1 to {MAX_BURST}", plan.burst) });
    }
    let rate = meter::tick_rate(port)?;
    let before = port.counters();
    let (eal, name) = (Arc::clone(&port.eal), port.info().name.clone());
    let loops =
        running::on_each(&eal, &name, &plan.cpus, port.split(), shared, |queue, shared| Ok(receive_on(queue, plan, rate, window, shared)))?;
    Ok(summed(loops, rate, CounterPair { before, after: port.counters() }))
}

/// What one poll loop saw.
struct Loop {
    /// First and last test frame, in ticks.
    span: Option<(u64, u64)>,
    report: ReceiveReport,
}

fn receive_on(queue: Parts<'_>, plan: &ReceivePlan, rate: TickRate, window: Window, shared: &Shared) -> Loop {
    let Parts { rx, home, link, .. } = queue;
    let layout = Layout::new(plan.tagging, plan.frame.network());
    let classifier = plan.size.map_or(Classifier::new(layout), |size| Classifier::of_size(layout, size));
    let mut seen = Seen::new(classifier, window, plan.check_payload);
    let mut slots = Slots::new();
    let mut meter = Meter::new(rate, plan.hiccup_threshold);
    let drain = meter.ticks(plan.drain);
    let limit = plan.duration.map(|duration| meter.ticks(duration));
    // Asking for the link costs a system call on some ports: only while nothing comes, and seldom.
    let look = meter.ticks(Duration::from_millis(250));
    let (mut last_frame, mut last_look) = (meter.begin(), meter.begin());
    let mut stopping = false;
    let mut ended_early = None;

    loop {
        let now = meter.turn();
        let burst = Burst::receive(rx, home, &mut slots, usize::from(plan.burst));
        if !burst.is_empty() {
            meter.moves();
            seen.burst(burst.frames(), now);
            last_frame = now;
            drop(burst);
            if seen.worth_showing() {
                shared.show(seen.counters());
            }
            // Even a flood of frames must not keep a sink from ending.
            if limit.is_none_or(|limit| now.wrapping_sub(meter.begin()) < limit) && !shared.stop_asked() {
                continue;
            }
        }
        if limit.is_some_and(|limit| now.wrapping_sub(meter.begin()) >= limit) {
            break;
        }
        if shared.stop_asked() {
            if !stopping {
                stopping = true;
                last_look = now;
                last_frame = now;
            }
            // Frames under way are waited for, but no longer than ten times as long as a silence.
            if now.wrapping_sub(last_frame) > drain || now.wrapping_sub(last_look) > drain.saturating_mul(10) {
                break;
            }
        } else if now.wrapping_sub(last_look) > look && now.wrapping_sub(last_frame) > look {
            last_look = now;
            if seen.any() && !link.is_up() {
                ended_early = Some("the link went down: the other end has gone, or the cable".to_owned());
                break;
            }
        }
    }
    let end = meter.turn();
    shared.show(seen.counters());
    let frames = seen.frames;
    let span = seen.first.map(|first| (first, seen.last));
    let longest_gap = meter.duration(seen.longest_gap);
    let mut report = seen.report(longest_gap);
    report.hiccups = meter.hiccups();
    report.cycles = meter.cycles(end, frames);
    report.ended_early = ended_early;
    Loop { span, report }
}

/// One report of what all loops saw.
fn summed(loops: Vec<Loop>, rate: TickRate, counters: CounterPair) -> ReceiveReport {
    let spans = || loops.iter().filter_map(|one| one.span);
    // Ticks are of one clock; differences from one of them do not care about its wrap.
    let span = spans()
        .map(|(first, _)| first)
        .reduce(|a, b| if b.wrapping_sub(a) as i64 >= 0 { a } else { b })
        .map(|first| spans().map(|(_, last)| last.wrapping_sub(first)).max().unwrap_or(0));
    let duration = rate.nanoseconds(span.unwrap_or(0)).seconds().duration();
    let mut sum = loops.into_iter().map(|one| one.report).reduce(ReceiveReport::and).unwrap_or_default();
    sum.duration = duration;
    sum.rate = PacketRate::from_count(sum.frames_received, duration.as_secs_f64());
    sum.counters = counters;
    sum
}

/// What has come so far.
struct Seen {
    classifier: Classifier,
    check: bool,
    window: Window,
    streams: Vec<(StreamId, Tracker)>,
    /// Sequence numbers of one burst and stream, until they are tracked.
    pending: [u64; MAX_BURST],
    /// Index of the stream that came last: the next frame is most likely of the same.
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

impl Seen {
    fn new(classifier: Classifier, window: Window, check: bool) -> Self {
        Seen {
            classifier,
            check,
            window,
            streams: Vec::new(),
            pending: [0; MAX_BURST],
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

    fn any(&self) -> bool {
        self.first.is_some()
    }

    /// Adding up many streams takes longer than a burst: then only every so often.
    #[inline(always)]
    fn worth_showing(&self) -> bool {
        self.streams.len() <= 2 || self.frames & 0x3fff < MAX_BURST as u64
    }

    /// Takes note of a burst that came at `now`.
    #[inline(always)]
    fn burst(&mut self, frames: &[Frame], now: u64) {
        self.frames += frames.len() as u64;
        for frame in frames {
            prefetch_for_read(frame.data());
        }
        let mut stream = self.streams.get(self.last_stream).map_or(StreamId::default(), |(stream, _)| *stream);
        let mut pending = 0;
        let mut tests = 0u64;
        for frame in frames {
            // SAFETY: the burst owns the frame, which has `length` bytes in its first segment.
            let class = unsafe { self.classifier.classify_raw(frame.data(), frame.length()) };
            let class = if self.check { self.checked(*frame, class) } else { class };
            match class {
                Class::Test(tag) => {
                    if tag.stream != stream {
                        self.track(stream, pending);
                        pending = 0;
                        stream = tag.stream;
                    }
                    self.pending[pending] = tag.sequence;
                    pending += 1;
                    tests += 1;
                    self.bytes += u64::from(frame.length()) + FCS;
                }
                Class::Corrupt(how) if self.was_ours(*frame, how) => self.corrupt += 1,
                Class::Corrupt(_) | Class::Foreign => self.foreign += 1,
            }
        }
        self.track(stream, pending);
        if tests > 0 {
            if self.first.is_none() {
                (self.first, self.last) = (Some(now), now);
            }
            self.longest_gap = self.longest_gap.max(now.wrapping_sub(self.last));
            self.last = now;
        }
    }

    /// Whether a damaged frame was a test frame. Other generators use the benchmarking addresses too (testpmd's txonly, Pktgen), so headers
    /// prove nothing: where the tag's check is wrong, what is left of the tag must fit a stream that has come soundly.
    #[cold]
    #[inline(never)]
    fn was_ours(&self, frame: Frame, how: Corruption) -> bool {
        // SAFETY: as in `burst`; nothing writes to the frame meanwhile.
        let bytes = unsafe { std::slice::from_raw_parts(frame.data(), frame.length() as usize) };
        match how {
            Corruption::Length | Corruption::Payload | Corruption::HeaderChecksum => true,
            Corruption::Truncated => self.any(),
            Corruption::Tag => self.classifier.remains_of_tag(bytes).is_some_and(|(stream, sequence)| {
                let near = |tracker: &Tracker| sequence.wrapping_sub(tracker.next_expected()).cast_signed().unsigned_abs() <= NEAR;
                self.streams.iter().any(|(known, tracker)| *known == stream || near(tracker))
            }),
        }
    }

    /// Header checksum and payload too.
    #[inline(never)]
    fn checked(&self, frame: Frame, class: Class) -> Class {
        // SAFETY: as in `burst`; nothing writes to the frame meanwhile.
        let bytes = unsafe { std::slice::from_raw_parts(frame.data(), frame.length() as usize) };
        if matches!(class, Class::Test(_)) { self.classifier.classify_checked(bytes) } else { class }
    }

    /// Tracks the pending numbers as `stream`'s.
    #[inline(always)]
    fn track(&mut self, stream: StreamId, pending: usize) {
        if pending == 0 {
            return;
        }
        if self.streams.get(self.last_stream).is_none_or(|(known, _)| *known != stream) && !self.find_stream(stream) {
            self.corrupt += pending as u64;
            return;
        }
        self.streams[self.last_stream].1.observe_burst(&self.pending[..pending]);
    }

    /// Makes `stream` the last one; false where there are too many.
    #[cold]
    fn find_stream(&mut self, stream: StreamId) -> bool {
        self.last_stream = match self.streams.iter().position(|(known, _)| *known == stream) {
            Some(at) => at,
            None if self.streams.len() < MOST_STREAMS => {
                self.streams.push((stream, Tracker::new(0, self.window)));
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

    #[inline(always)]
    fn counters(&self) -> [u64; 7] {
        let totals = self.totals();
        let corrupt = self.corrupt + totals.implausible;
        [totals.received, self.bytes, totals.lost, totals.duplicate, totals.reordered, corrupt, self.foreign]
    }

    fn report(self, longest_gap: Duration) -> ReceiveReport {
        let totals = self.totals();
        let streams = self.streams.iter().map(|(stream, tracker)| {
            let counts = tracker.counts();
            StreamReport {
                stream: *stream,
                received: counts.received,
                lost: counts.lost,
                duplicate: counts.duplicate,
                reordered: counts.reordered,
                window_exceeded: counts.beyond_window,
                highest_sequence: tracker.next_expected().checked_sub(1),
                last_lost: tracker.last_lost(),
            }
        });
        ReceiveReport {
            frames_received: totals.received,
            lost: totals.lost,
            duplicate: totals.duplicate,
            reordered: totals.reordered,
            corrupt: self.corrupt + totals.implausible,
            foreign: self.foreign,
            bytes: self.bytes,
            longest_gap,
            window_exceeded: totals.beyond_window,
            streams: streams.collect(),
            ..ReceiveReport::default()
        }
    }
}
