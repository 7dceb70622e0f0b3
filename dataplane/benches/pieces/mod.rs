//! The per-frame pieces, each as a loop over bursts: timed by the bench `per_frame`, counted by the example `instructions`.

use std::hint::black_box;
use std::sync::Arc;

use dataplane::Arrivals;
use dataplane::account::gaps::GapRecorder;
use dataplane::account::hiccup::HiccupRecorder;
use dataplane::account::latency::RttRecorder;
use dataplane::account::sequence::{Tracker, Window};
use dataplane::frame::flows::{FlowCount, FlowSpec, FlowTable};
use dataplane::frame::reflect::{reflect_frames, swap_macs};
use dataplane::frame::{Class, Classifier, FrameSpec, Network, Payload, Stamper, StreamId, Template};
use dataplane::time::{LatePolicy, Schedule, TickRate};
use methodology::units::{FrameSize, Nanoseconds, PacketRate};

/// Frames a burst has.
pub const BURST: usize = 32;

/// Does one piece of the work on frames for this many bursts.
pub type Piece = Box<dyn FnMut(u64)>;

/// Data pointers of a burst of finished frames. Their memory is never given back: the pieces live as long as the program.
fn frames(template: &Template) -> Vec<*mut u8> {
    let stride = template.bytes().len().next_multiple_of(64) + 64;
    let memory = vec![0; stride * BURST].leak();
    let fill = |frame: &mut [u8]| {
        frame[..template.bytes().len()].copy_from_slice(template.bytes());
        frame.as_mut_ptr()
    };
    memory.chunks_mut(stride).map(fill).collect()
}

fn clock() -> TickRate {
    TickRate::from_hz(2_600_000_000).expect("not 0")
}

/// A piece's name and what sets it up: a million flows take 18 MB and a moment, so not all at once.
pub type Named = (&'static str, fn() -> Piece);

/// Every piece.
pub fn all() -> Vec<Named> {
    vec![
        ("stamp, one flow", stamp_one_flow),
        ("stamp, 1 IPv4 flow from the table", || stamp_flows(Network::IPV4, 1)),
        ("stamp, 1000 IPv4 flows", || stamp_flows(Network::IPV4, 1000)),
        ("stamp, 1000000 IPv4 flows", || stamp_flows(Network::IPV4, 1_000_000)),
        ("stamp, 1000000 IPv6 flows", || stamp_flows(Network::IPV6, 1_000_000)),
        ("stamp, 1000000 Ethernet flows", || stamp_flows(Network::Ethernet, 1_000_000)),
        ("classify", classify),
        ("track in order", track_in_order),
        ("track with 1 % loss", track_with_loss),
        ("sink: take note of what came", || sink(false)),
        ("sink: take note of what came, payload checked", || sink(true)),
        ("record round trip", record),
        ("pace, frames due", pace),
        ("swap Ethernet addresses", swap),
        ("reflect IPv4", || reflect(Network::IPV4)),
        ("reflect IPv6", || reflect(Network::IPV6)),
        ("per burst: poll a schedule, hiccup and gap", poll),
    ]
}

fn template(network: Network) -> Template {
    let spec = FrameSpec { ttl: 255, ..FrameSpec::new(network) };
    Template::build(&spec, spec.least_size().max(FrameSize::MIN)).expect("the least size fits")
}

fn stamp_one_flow() -> Piece {
    let template = template(Network::IPV4);
    let frames = frames(&template);
    let mut stamper = Stamper::new(template.layout(), StreamId(1), 0);
    let run = move |bursts| {
        for now in 0..bursts {
            // SAFETY: each pointer is of a frame of the template, and nothing else uses it.
            unsafe { stamper.stamp(black_box(&frames), now, |&data| data) };
        }
    };
    Box::new(run)
}

fn stamp_flows(network: Network, flows: u32) -> Piece {
    let template = template(network);
    let frames = frames(&template);
    let spec = FlowSpec::new(FlowCount::new(flows).expect("within a million"), 1);
    let mut walk = Arc::new(FlowTable::build(&spec, &template).expect("the ranges hold a million flows")).walk(0);
    let mut stamper = Stamper::new(template.layout(), StreamId(1), 0);
    let run = move |bursts| {
        for now in 0..bursts {
            // SAFETY: each pointer is of a frame of the template the flows were made for, and nothing else uses it.
            unsafe { stamper.stamp_flows(black_box(&frames), now, &mut walk, |&data| data) };
        }
    };
    Box::new(run)
}

fn classify() -> Piece {
    let template = template(Network::IPV4);
    let frames = frames(&template);
    let classifier = Classifier::new(template.layout());
    let length = template.bytes().len() as u32;
    let run = move |bursts| {
        let mut sum = 0u64;
        for _ in 0..bursts {
            for &data in black_box(&frames) {
                // SAFETY: each pointer is of a frame of this length.
                if let Class::Test(tag) = unsafe { classifier.classify_raw(data, length) } {
                    sum = sum.wrapping_add(tag.sequence);
                }
            }
        }
        black_box(sum);
    };
    Box::new(run)
}

fn track_in_order() -> Piece {
    let mut tracker = Tracker::new(0, Window::DEFAULT);
    let mut sequences: Vec<u64> = (0..BURST as u64).collect();
    let run = move |bursts| {
        for _ in 0..bursts {
            tracker.observe_burst(black_box(&sequences));
            sequences.iter_mut().for_each(|sequence| *sequence += BURST as u64);
        }
    };
    Box::new(run)
}

fn track_with_loss() -> Piece {
    let mut tracker = Tracker::new(0, Window::DEFAULT);
    let mut sequences: Vec<u64> = (0..BURST as u64).collect();
    let run = move |bursts| {
        for burst in 0..bursts {
            tracker.observe_burst(black_box(&sequences));
            // About one frame in a hundred is missing: one in front of every third burst.
            let next = BURST as u64 + u64::from(burst % 3 == 0);
            sequences.iter_mut().for_each(|sequence| *sequence += next);
        }
    };
    Box::new(run)
}

/// What a sink does with a burst that one stamper made.
fn sink(check: bool) -> Piece {
    let payload = if check { Payload::Checked } else { Payload::Pattern };
    let spec = FrameSpec { payload, ..FrameSpec::new(Network::IPV4) };
    let template = Template::build(&spec, FrameSize::MIN).expect("64 bytes hold the tag");
    let frames = frames(&template);
    let length = template.bytes().len() as u32;
    let mut stamper = Stamper::new(template.layout(), StreamId(1), 0);
    let mut arrivals = Arrivals::new(Classifier::for_template(&template), Window::DEFAULT, check);
    let run = move |bursts| {
        for now in 0..bursts {
            // SAFETY: each pointer is of a frame of the template, and nothing else uses it.
            unsafe {
                stamper.stamp(&frames, now, |&data| data);
                arrivals.burst(black_box(&frames), now, |data| (data.cast_const(), length));
            }
        }
        assert_eq!(arrivals.report(clock()).lost, 0);
    };
    Box::new(run)
}

fn record() -> Piece {
    let mut recorder = RttRecorder::new(clock());
    // 10 to 12.5 µs, in no order.
    let times: Vec<u64> = (0..BURST as u64).map(|i| 26_000 + i * 2_654_435_761 % 6500).collect();
    let run = move |bursts| {
        for burst in 0..bursts {
            recorder.record_burst(black_box(&times).iter().map(|ticks| ticks + burst % 64));
        }
    };
    Box::new(run)
}

fn schedule() -> Schedule {
    let rate = PacketRate::new(10e6).expect("finite");
    Schedule::new(clock(), rate, 0, LatePolicy::CatchUp { bound: Nanoseconds::new(u64::MAX) }).expect("10 Mpps is below the clock")
}

fn pace() -> Piece {
    let mut schedule = schedule();
    let mut now = 0;
    let run = move |bursts| {
        for _ in 0..bursts {
            now += 260 * BURST as u64;
            let release = schedule.due(black_box(now), BURST as u32).expect("the policy never aborts");
            assert_eq!(release.frames, BURST as u32);
        }
    };
    Box::new(run)
}

fn poll() -> Piece {
    let mut schedule = schedule();
    let mut hiccups = HiccupRecorder::new(clock(), Nanoseconds::new(25_000), 1024, 0);
    let mut gaps = GapRecorder::new(clock());
    let mut now = 0;
    let run = move |bursts| {
        for _ in 0..bursts {
            now += 100;
            hiccups.observe(now);
            let due = schedule.next_release();
            let release = schedule.due(black_box(now), BURST as u32).expect("the policy never aborts");
            if release.frames > 0 {
                gaps.observe(now, due, now);
            }
        }
    };
    Box::new(run)
}

fn swap() -> Piece {
    let template = template(Network::Ethernet);
    let frames = frames(&template);
    let run = move |bursts| {
        for _ in 0..bursts {
            // SAFETY: each pointer is of a frame of 60 bytes, and nothing else uses it.
            unsafe { swap_macs(black_box(&frames), |&data| data) };
        }
    };
    Box::new(run)
}

fn reflect(network: Network) -> Piece {
    let template = template(network);
    let frames = frames(&template);
    let (layout, ttl_at) = (template.layout(), template.layout().network_offset() + if network == Network::IPV4 { 8 } else { 7 });
    let run = move |bursts| {
        let mut expired = 0u64;
        for _ in 0..bursts {
            // SAFETY: each pointer is of a frame of the template, and nothing else uses it. The TTL is put back, or 254 rounds end it.
            unsafe {
                reflect_frames(black_box(&frames), layout, |&data| data, |_| expired += 1);
                frames.iter().for_each(|data| *data.add(ttl_at) = 255);
            }
        }
        assert_eq!(expired, 0);
    };
    Box::new(run)
}
