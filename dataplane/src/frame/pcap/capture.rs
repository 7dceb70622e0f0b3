use std::fs::File;
use std::path::Path;

use methodology::units::{FrameSize, Nanoseconds};

use super::error::CaptureError;
use super::read::Reader;
use crate::frame::replayed;

/// The frames of a capture file, in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    bytes: Vec<u8>,
    frames: Vec<Entry>,
    out_of_order: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    at: Nanoseconds,
    end: usize,
}

/// One frame of a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CapturedFrame<'a> {
    /// When it was captured, counted from the first frame.
    pub at: Nanoseconds,
    /// Its bytes, without the FCS; shorter than 60 where it was captured before padding.
    pub bytes: &'a [u8],
}

impl Capture {
    /// Reads a pcap or pcapng file with Ethernet frames of at most `most`. The whole file is read, so that an error in it is found now and not
    /// during a trial.
    pub fn open(path: &Path, most: FrameSize) -> Result<Capture, CaptureError> {
        let unreadable = |source| CaptureError::Unreadable { path: path.to_owned(), source };
        let mut reader = Reader::new(path, File::open(path).map_err(unreadable)?)?;
        let mut capture = Capture { bytes: Vec::new(), frames: Vec::new(), out_of_order: 0 };
        let mut began = None;
        while let Some(frame) = reader.next_frame()? {
            let number = capture.frames.len() + 1;
            let bytes = frame.bytes.len() + methodology::units::FCS as usize;
            if frame.original as usize > frame.bytes.len() {
                let (original, kept) = (frame.original, frame.bytes.len());
                return Err(CaptureError::Snapped { path: path.to_owned(), frame: number, original, kept });
            }
            if (frame.original as usize) < frame.bytes.len() {
                let (original, kept) = (frame.original, frame.bytes.len());
                return Err(CaptureError::LongerThanItWas { path: path.to_owned(), frame: number, original, kept });
            }
            if bytes < 18 || bytes > most.bytes() as usize {
                return Err(CaptureError::FrameLength { path: path.to_owned(), frame: number, bytes, most });
            }
            // Time in a capture can step back (several interfaces, a corrected clock). Such a frame is sent right after the one before.
            let began = *began.get_or_insert(frame.at_ns);
            let before = capture.frames.last().map_or(0, |entry| entry.at.ns());
            let at = u64::try_from(frame.at_ns - began).unwrap_or(0);
            capture.out_of_order += usize::from(frame.at_ns - began < i128::from(before));
            capture.bytes.extend_from_slice(&frame.bytes);
            capture.frames.push(Entry { at: Nanoseconds::new(at.max(before)), end: capture.bytes.len() });
        }
        if capture.frames.is_empty() { Err(CaptureError::Empty { path: path.to_owned() }) } else { Ok(capture) }
    }

    /// Marks the test frames among them as replayed, so that a receiver counts them as foreign like the others, and returns how many these are.
    pub fn mark_test_frames(&mut self) -> usize {
        let mut begin = 0;
        let mut marked = 0;
        for entry in &self.frames {
            marked += usize::from(replayed::mark(&mut self.bytes[begin..entry.end]));
            begin = entry.end;
        }
        marked
    }

    /// How many frames there are, at least one.
    pub fn frame_count(&self) -> usize {
        self.frames.len()
    }

    /// The largest frame on the wire: padded and with its FCS.
    pub fn largest(&self) -> FrameSize {
        self.sizes().max().unwrap_or(FrameSize::MIN)
    }

    /// The size of each frame as it goes on the wire, in order: with its FCS, and padded.
    pub fn sizes(&self) -> impl Iterator<Item = FrameSize> {
        // Shorter than a FrameSize can be is padded to the smallest, and longer ones were refused.
        self.frames().map(|frame| FrameSize::new(frame.bytes.len() as u32 + methodology::units::FCS).unwrap_or(FrameSize::MIN))
    }

    /// Frames with a time stamp before that of an earlier frame; they are sent right after it.
    pub fn out_of_order(&self) -> usize {
        self.out_of_order
    }

    /// Time from the first frame to the last.
    pub fn length(&self) -> Nanoseconds {
        self.frames.last().map_or(Nanoseconds::ZERO, |entry| entry.at)
    }

    /// One frame, from 0.
    pub fn frame(&self, index: usize) -> Option<CapturedFrame<'_>> {
        let entry = self.frames.get(index)?;
        let begin = index.checked_sub(1).map_or(0, |before| self.frames[before].end);
        Some(CapturedFrame { at: entry.at, bytes: &self.bytes[begin..entry.end] })
    }

    /// All frames in order.
    pub fn frames(&self) -> impl Iterator<Item = CapturedFrame<'_>> {
        (0..self.frames.len()).filter_map(|index| self.frame(index))
    }
}
