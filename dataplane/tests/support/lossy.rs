//! A device that loses, duplicates, delays and damages frames, and knows the truth about each.

use std::collections::VecDeque;

use dataplane::frame::{Layout, TAG_LEN};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Frames are delayed by at most this many places, so that a window of twice as many suffices.
pub const REACH: usize = 4000;

/// The largest frame that it carries.
const LARGEST: usize = 132;

/// What the device did, counted as it was done.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Truth {
    pub received: u64,
    pub lost: u64,
    pub duplicate: u64,
    pub reordered: u64,
    pub corrupt: u64,
    pub foreign: u64,
    /// The highest number of each stream that did not leave it soundly.
    pub last_lost: Vec<Option<u64>>,
}

/// A frame on its way.
#[derive(Clone)]
pub struct Frame {
    stream: usize,
    sequence: u64,
    kind: Kind,
    length: usize,
    bytes: [u8; LARGEST],
}

impl Frame {
    fn new(stream: usize, sequence: u64, kind: Kind, bytes: &[u8]) -> Frame {
        let mut frame = Frame { stream, sequence, kind, length: bytes.len(), bytes: [0; LARGEST] };
        frame.bytes[..bytes.len()].copy_from_slice(bytes);
        frame
    }

    /// As it is on the wire, without FCS.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn flip(&mut self, byte: usize, bit: u64) {
        self.bytes[byte] ^= 1 << (bit % 8);
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Sound,
    Copy,
    Corrupt,
    Foreign,
}

/// Decides each frame's fate by a seed.
pub struct Device {
    rng: ChaCha8Rng,
    /// Place n: what leaves n places from now.
    delayed: VecDeque<Vec<Frame>>,
    /// Of each stream: the highest number that has left, plus one. The truth about order.
    left: Vec<u64>,
    truth: Truth,
    layout: Layout,
    payload_is_checked: bool,
}

impl Device {
    /// A device for frames of this layout. Payloads are damaged only where somebody checks them.
    pub fn new(seed: u64, streams: u16, layout: Layout, payload_is_checked: bool) -> Device {
        let streams = usize::from(streams);
        Device {
            rng: ChaCha8Rng::seed_from_u64(seed),
            delayed: VecDeque::from(vec![Vec::new(); REACH + 1]),
            left: vec![0; streams],
            truth: Truth { last_lost: vec![None; streams], ..Truth::default() },
            layout,
            payload_is_checked,
        }
    }

    /// Takes a frame in and gives what leaves at this place.
    pub fn pass(&mut self, stream: usize, sequence: u64, bytes: &[u8], untouched: bool, out: &mut Vec<Frame>) {
        let dice = self.rng.next_u64();
        let (fate, place, detail) = (if untouched { 999 } else { dice % 1000 }, 1 + (dice >> 16) as usize % (REACH - 1), dice >> 40);
        let mut frame = Frame::new(stream, sequence, Kind::Sound, bytes);
        match fate {
            0..10 => self.lose(stream, sequence),
            // A damaged frame is lost as well: its number never comes.
            10..18 => {
                self.lose(stream, sequence);
                self.damage(&mut frame, fate, detail);
                self.delayed[0].push(frame);
            }
            18..28 => {
                self.delayed[place].push(Frame { kind: Kind::Copy, ..frame.clone() });
                self.delayed[0].push(frame);
            }
            28..38 => self.delayed[place].push(frame),
            38 => {
                let mut other = frame.clone();
                self.estrange(&mut other, detail);
                self.delayed[0].extend([frame, other]);
            }
            _ => self.delayed[0].push(frame),
        }
        self.leave(out);
    }

    /// Gives what leaves at this place, where nothing more comes in.
    pub fn leave(&mut self, out: &mut Vec<Frame>) {
        let mut leaving = self.delayed.pop_front().unwrap();
        for frame in &leaving {
            match frame.kind {
                Kind::Copy => self.truth.duplicate += 1,
                Kind::Corrupt => self.truth.corrupt += 1,
                Kind::Foreign => self.truth.foreign += 1,
                Kind::Sound => {
                    self.truth.received += 1;
                    // RFC 4737 §3.3: reordered where the sequence is below the next expected.
                    let left = &mut self.left[frame.stream];
                    self.truth.reordered += u64::from(frame.sequence < *left);
                    *left = (*left).max(frame.sequence + 1);
                }
            }
        }
        out.append(&mut leaving);
        self.delayed.push_back(leaving);
    }

    /// What was done to all that has left.
    pub fn truth(self) -> Truth {
        assert!(self.delayed.iter().all(Vec::is_empty), "frames are still under way");
        self.truth
    }

    fn lose(&mut self, stream: usize, sequence: u64) {
        self.truth.lost += 1;
        self.truth.last_lost[stream] = Some(sequence);
    }

    /// Gives a frame an EtherType that is not the test's: nobody can know what it was.
    fn estrange(&self, frame: &mut Frame, detail: u64) {
        frame.kind = Kind::Foreign;
        frame.flip(self.layout.network_offset() - 2, detail);
    }

    /// Damages a frame in one of the ways that a sink must tell.
    fn damage(&self, frame: &mut Frame, fate: u64, detail: u64) {
        let tag = self.layout.tag_offset();
        frame.kind = Kind::Corrupt;
        match fate {
            10 => frame.length = tag + detail as usize % TAG_LEN,
            11 => frame.length += 1 + detail as usize % 4,
            12 if self.payload_is_checked => {
                let behind = tag + TAG_LEN;
                frame.flip(behind + detail as usize % (frame.length - behind), detail >> 16);
            }
            13 => self.estrange(frame, detail),
            _ => frame.flip(tag + detail as usize % TAG_LEN, detail >> 16),
        }
    }
}
