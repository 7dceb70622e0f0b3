//! Counts by domain equal the truth, to the frame: sequence numbers go through a device that loses, duplicates, delays and damages
//! them, and what the receiver makes of it is compared with what the device did.
//!
//! Ten million frames by default; a thousand million with `cargo test -p dataplane --release --test exactness -- --ignored`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in tests a failed unwrap is the failed assertion")]

use std::collections::VecDeque;

use dataplane::frame::{Class, Classifier, FrameSpec, Network, StreamId, TAG_LEN, Tag, Template};
use dataplane::sequence::{Tracker, Window};
use methodology::units::FrameSize;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What the device did, counted as it was done.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    received: u64,
    lost: u64,
    duplicate: u64,
    reordered: u64,
    corrupt: u64,
    foreign: u64,
}

/// Decides each frame's fate and knows the truth. Delays are bounded by `REACH` places, so that the window suffices.
struct Device {
    rng: ChaCha8Rng,
    /// Slot n: what leaves n places from now.
    delayed: VecDeque<Vec<Outgoing>>,
    /// Highest number that has left, plus one: the truth about order.
    left: u64,
    truth: Counts,
}

#[derive(Clone, Copy)]
struct Outgoing {
    sequence: u64,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    First,
    Copy,
    Damaged,
    Foreign,
}

const REACH: usize = 4000;

impl Device {
    fn new(seed: u64) -> Device {
        Device {
            rng: ChaCha8Rng::seed_from_u64(seed),
            delayed: VecDeque::from(vec![Vec::new(); REACH + 2]),
            left: 0,
            truth: Counts::default(),
        }
    }

    /// Takes a frame in and gives what leaves at this place.
    fn pass(&mut self, sequence: u64, out: &mut Vec<Outgoing>) {
        let dice = self.rng.next_u64();
        let (fate, place) = (dice % 1000, (dice >> 32) as usize % REACH);
        let mut put = |at: usize, kind| self.delayed[at].push(Outgoing { sequence, kind });
        match fate {
            0..10 => self.truth.lost += 1,
            10..12 => {
                // A damaged frame is lost as well: its number never comes.
                put(0, Kind::Damaged);
                self.truth.lost += 1;
            }
            12..22 => {
                put(0, Kind::First);
                put(1 + place, Kind::Copy);
            }
            22..32 => put(1 + place, Kind::First),
            32 => {
                put(0, Kind::First);
                put(0, Kind::Foreign);
            }
            _ => put(0, Kind::First),
        }
        self.leave(out);
    }

    fn leave(&mut self, out: &mut Vec<Outgoing>) {
        let mut leaving = self.delayed.pop_front().unwrap();
        for frame in &leaving {
            match frame.kind {
                Kind::Copy => self.truth.duplicate += 1,
                Kind::Damaged => self.truth.corrupt += 1,
                Kind::Foreign => self.truth.foreign += 1,
                Kind::First => {
                    self.truth.received += 1;
                    // RFC 4737 §3.3: reordered where the sequence is below the next expected.
                    self.truth.reordered += u64::from(frame.sequence < self.left);
                    self.left = self.left.max(frame.sequence + 1);
                }
            }
        }
        out.append(&mut leaving);
        self.delayed.push_back(leaving);
    }
}

/// Whole frames through the device: classified by their bytes, tracked by their tags, in bursts.
fn frames_through_the_device(frames: u64, first: u64) {
    let template = Template::build(&FrameSpec::new(Network::IPV4), FrameSize::MIN).unwrap();
    let classifier = Classifier::for_template(&template);
    let at = template.layout().tag_offset();
    let mut device = Device::new(42);
    let mut tracker = Tracker::new(first, Window::new(REACH as u32 * 2).unwrap());
    let (mut corrupt, mut foreign) = (0, 0);
    let mut buffer = template.bytes().to_vec();
    let (mut leaving, mut burst) = (Vec::new(), Vec::with_capacity(64));
    for sequence in 0..frames + REACH as u64 + 2 {
        if sequence < frames {
            device.pass(sequence, &mut leaving);
        } else {
            device.leave(&mut leaving);
        }
        for frame in leaving.drain(..) {
            let tag = Tag::new(StreamId(1), first.wrapping_add(frame.sequence), frame.sequence.wrapping_mul(77));
            buffer[at..at + TAG_LEN].copy_from_slice(&tag.to_bytes());
            match frame.kind {
                Kind::Damaged => buffer[at + (frame.sequence % 18) as usize] ^= 0x10,
                Kind::Foreign => buffer[13] = 0x06,
                Kind::First | Kind::Copy => {}
            }
            match classifier.classify(&buffer) {
                Class::Test(tag) => burst.push(tag.sequence),
                Class::Corrupt(_) => corrupt += 1,
                Class::Foreign => foreign += 1,
            }
            buffer[13] = 0x00;
            if burst.len() == 32 {
                tracker.observe_burst(&burst);
                burst.clear();
            }
        }
    }
    tracker.observe_burst(&burst);
    let counts = tracker.counts_until(first.wrapping_add(frames));
    let found =
        Counts { received: counts.received, lost: counts.lost, duplicate: counts.duplicate, reordered: counts.reordered, corrupt, foreign };
    assert!(counts.is_exact());
    assert_eq!(counts.implausible, 0);
    assert_eq!(found, device.truth);
    assert_eq!(found.received + found.lost, frames);
    let every_domain = [found.lost, found.duplicate, found.reordered, found.corrupt, found.foreign];
    assert!(every_domain.iter().all(|count| *count > 0), "a device that does nothing proves nothing: {found:?}");
}

#[test]
fn ten_million_frames_are_accounted_for_to_the_frame_across_the_wrap_of_the_sequence() {
    frames_through_the_device(10_000_000, u64::MAX - 4_999_999);
}

#[test]
#[ignore = "takes minutes: run with --release"]
fn a_thousand_million_frames_are_accounted_for_to_the_frame() {
    frames_through_the_device(1_000_000_000, 0);
}
