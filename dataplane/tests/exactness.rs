//! Counts by domain equal the truth, to the frame: frames stamped as the generator stamps them go through a device that loses,
//! duplicates, delays and damages them, and what a sink's own counting makes of what is left is compared with what the device did.
//!
//! Ten million frames of each kind by default; a thousand million with
//! `cargo test -p dataplane --release --test exactness -- --ignored --nocapture`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in tests a failed unwrap is the failed assertion")]

mod support {
    pub mod lossy;
}

use std::sync::Arc;
use std::time::Instant;

use dataplane::account::sequence::Window;
use dataplane::frame::flows::{FlowCount, FlowSpec, FlowTable, FlowWalk};
use dataplane::frame::{Classifier, FrameSpec, Network, Payload, Stamper, StreamId, Tagging, Template, VlanId};
use dataplane::time::TickRate;
use dataplane::{Arrivals, ReceiveReport};
use methodology::units::FrameSize;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use support::lossy::{Device, Frame, REACH, Truth};

/// What is sent.
#[derive(Clone, Copy)]
struct Traffic {
    spec: FrameSpec,
    size: FrameSize,
    flows: u32,
    streams: u16,
    /// The sequence number that every stream begins with.
    first: u64,
    /// Frames of each stream.
    frames: u64,
    /// Whether the sink counts as on one of several queues.
    one_of_several_queues: bool,
}

impl Traffic {
    fn new(spec: FrameSpec, frames: u64) -> Traffic {
        Traffic { spec, size: spec.least_size().max(FrameSize::MIN), flows: 1, streams: 1, first: 0, frames, one_of_several_queues: false }
    }

    fn is_checked(&self) -> bool {
        self.spec.payload == Payload::Checked
    }
}

/// One stream's sender: the generator's stamper over frames that were filled once.
struct Sender {
    stamper: Stamper,
    walk: Option<FlowWalk>,
    filled: Vec<Vec<u8>>,
    left: u64,
}

const BURST: usize = 32;

impl Sender {
    fn new(traffic: &Traffic, template: &Template, stream: u16) -> Sender {
        let walk = (traffic.flows > 1).then(|| {
            let spec = FlowSpec::new(FlowCount::new(traffic.flows).unwrap(), 7);
            Arc::new(FlowTable::build(&spec, template).unwrap()).walk(0)
        });
        let stamper = Stamper::new(template.layout(), StreamId(stream), traffic.first);
        Sender { stamper, walk, filled: vec![template.bytes().to_vec(); BURST], left: traffic.frames }
    }

    /// Stamps the next burst and hands each frame on with its number from the stream's first.
    fn burst(&mut self, first: u64, now: u64, mut each: impl FnMut(u64, &[u8])) {
        let count = self.left.min(BURST as u64) as usize;
        self.left -= count as u64;
        let sequence = self.stamper.next_sequence().wrapping_sub(first);
        let pointers: Vec<*mut u8> = self.filled[..count].iter_mut().map(|frame| frame.as_mut_ptr()).collect();
        // SAFETY: each pointer is of a whole frame of the stamper's template, borrowed mutably here; the flows were made for the template.
        unsafe {
            match &mut self.walk {
                None => self.stamper.stamp(&pointers, now, |&data| data),
                Some(walk) => self.stamper.stamp_flows(&pointers, now, walk, |&data| data),
            }
        }
        self.filled[..count].iter().zip(sequence..).for_each(|(frame, sequence)| each(sequence, frame));
    }
}

/// The sink's counting, fed bursts of any length as a queue gives them.
struct Sink {
    arrivals: Arrivals,
    waiting: Vec<Frame>,
    lengths: ChaCha8Rng,
    next: usize,
}

impl Sink {
    fn new(traffic: &Traffic, template: &Template) -> Sink {
        let window = Window::new(2 * REACH as u32).unwrap();
        let arrivals = Arrivals::new(Classifier::for_template(template), window, traffic.is_checked()).beginning_at(traffic.first);
        let arrivals = if traffic.one_of_several_queues { arrivals.of_one_of_several_queues() } else { arrivals };
        Sink { arrivals, waiting: Vec::new(), lengths: ChaCha8Rng::seed_from_u64(1), next: 1 }
    }

    fn take(&mut self, now: u64, all: bool) {
        let mut taken = 0;
        while self.waiting.len() - taken >= self.next || all && taken < self.waiting.len() {
            let burst = &self.waiting[taken..self.waiting.len().min(taken + self.next)];
            let whole: Vec<&Frame> = burst.iter().collect();
            // SAFETY: `bytes` are the frame's own, and borrowed until after the call.
            unsafe { self.arrivals.burst(&whole, now, |frame| (frame.bytes().as_ptr(), frame.bytes().len() as u32)) };
            taken += burst.len();
            self.next = 1 + self.lengths.next_u32() as usize % 64;
        }
        self.waiting.drain(..taken);
    }
}

/// Sends all of it through the device, and compares.
fn counts_equal_the_truth(traffic: &Traffic) -> (ReceiveReport, Truth) {
    let template = Template::build(&traffic.spec, traffic.size).unwrap();
    let mut senders: Vec<Sender> = (0..traffic.streams).map(|stream| Sender::new(traffic, &template, stream)).collect();
    let mut device = Device::new(42, traffic.streams, template.layout(), traffic.is_checked());
    let mut sink = Sink::new(traffic, &template);
    let mut now = 0;
    while senders.iter().any(|sender| sender.left > 0) {
        for (stream, sender) in senders.iter_mut().enumerate() {
            now += 1000;
            sender.burst(traffic.first, now, |sequence, bytes| {
                // A stream's first frames make it known and its last one ends it, so that the truth has no open ends.
                let untouched = !(1000..traffic.frames - 1).contains(&sequence);
                device.pass(stream, sequence, bytes, untouched, &mut sink.waiting);
            });
            sink.take(now, false);
        }
    }
    (0..=REACH).for_each(|_| device.leave(&mut sink.waiting));
    sink.take(now + 1000, true);

    let truth = device.truth();
    let report = sink.arrivals.report(TickRate::from_hz(1_000_000_000).unwrap());
    let found = [report.frames_received, report.lost, report.duplicate, report.reordered, report.corrupt, report.foreign];
    assert_eq!(found, [truth.received, truth.lost, truth.duplicate, truth.reordered, truth.corrupt, truth.foreign]);
    assert_eq!(report.frames_received + report.lost, traffic.frames * u64::from(traffic.streams));
    assert_eq!(report.bytes, (truth.received + truth.duplicate) * u64::from(traffic.size.bytes()));
    assert_eq!(report.window_exceeded, 0, "every delay is within the window");
    assert_eq!(report.streams.len(), usize::from(traffic.streams));
    for (stream, last_lost) in report.streams.iter().zip(&truth.last_lost) {
        assert_eq!(stream.highest_sequence, Some(traffic.first.wrapping_add(traffic.frames - 1)));
        assert_eq!(stream.last_lost, last_lost.map(|lost| traffic.first.wrapping_add(lost)));
    }
    assert!(found.iter().all(|count| *count > 0), "a device that does nothing proves nothing: {truth:?}");
    (report, truth)
}

/// How many of each kind by default.
const FRAMES: u64 = 10_000_000;

#[test]
fn ipv4_frames_of_one_flow_are_accounted_for_to_the_frame() {
    counts_equal_the_truth(&Traffic::new(FrameSpec::new(Network::IPV4), FRAMES));
}

#[test]
fn across_the_wrap_of_the_sequence_too() {
    counts_equal_the_truth(&Traffic { first: u64::MAX - FRAMES / 2, ..Traffic::new(FrameSpec::new(Network::IPV4), FRAMES) });
}

#[test]
fn with_a_thousand_flows_too() {
    for network in [Network::Ethernet, Network::IPV4, Network::IPV6] {
        counts_equal_the_truth(&Traffic { flows: 1000, ..Traffic::new(FrameSpec::new(network), FRAMES / 2) });
    }
}

#[test]
fn as_one_of_several_queues_too() {
    let one = Traffic { one_of_several_queues: true, ..Traffic::new(FrameSpec::new(Network::IPV4), FRAMES / 2) };
    counts_equal_the_truth(&Traffic { streams: 5, flows: 10, frames: FRAMES / 10, ..one });
    counts_equal_the_truth(&Traffic { first: u64::MAX - FRAMES / 4, ..one });
}

#[test]
fn with_several_streams_and_vlan_tags_too() {
    let tagging = Tagging::Vlan(VlanId::new(7).unwrap());
    let spec = FrameSpec { tagging, ..FrameSpec::new(Network::IPV4) };
    counts_equal_the_truth(&Traffic { streams: 5, flows: 10, ..Traffic::new(spec, FRAMES / 5) });
}

#[test]
fn with_every_payload_checked_too() {
    for network in [Network::Ethernet, Network::IPV4, Network::IPV6] {
        let spec = FrameSpec { payload: Payload::Checked, ..FrameSpec::new(network) };
        let size = FrameSize::new(128).unwrap();
        counts_equal_the_truth(&Traffic { size, ..Traffic::new(spec, FRAMES / 2) });
    }
}

#[test]
#[ignore = "takes minutes: run with --release"]
fn a_thousand_million_frames_are_accounted_for_to_the_frame() {
    let began = Instant::now();
    let half = Traffic::new(FrameSpec::new(Network::IPV4), 500_000_000);
    for traffic in [Traffic { flows: 1000, ..half }, half] {
        let (report, truth) = counts_equal_the_truth(&traffic);
        println!("{} flows, {} frames: {truth:?}", traffic.flows, traffic.frames);
        println!("the sink's own report: {}", serde_json::to_string(&report.streams).unwrap());
    }
    println!("1000000000 frames in {:.0?}", began.elapsed());
}
