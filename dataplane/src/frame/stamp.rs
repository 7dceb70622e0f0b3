use super::flows::{FlowFields, FlowWalk, Ipv4Fields, Ipv6Fields, MacFields, WriteFields};
use super::layout::Layout;
use super::tag::{RawTag, StreamId, TAG_LEN, Tag};

/// Writes what changes from frame to frame: tag and, with many flows, addresses, ports and checksums.
///
/// One stamper is one stream: its sequence goes on from burst to burst. It allocates nothing and calls nothing.
#[derive(Debug, Clone)]
pub struct Stamper {
    stream: StreamId,
    sequence: u64,
    tag: usize,
    network: usize,
}

impl Stamper {
    /// A stamper for frames of `layout`; the stream's first frame gets `first`.
    pub fn new(layout: Layout, stream: StreamId, first: u64) -> Stamper {
        Stamper { stream, sequence: first, tag: layout.tag_offset(), network: layout.network_offset() }
    }

    /// The stream it stamps.
    pub fn stream(&self) -> StreamId {
        self.stream
    }

    /// The sequence number that the next frame gets.
    #[inline(always)]
    pub fn next_sequence(&self) -> u64 {
        self.sequence
    }

    /// Goes back by `frames` numbers, so that frames that were stamped but not sent do not count as lost. With flows, rewind the walk too
    /// ([`FlowWalk::rewind`]).
    #[inline(always)]
    pub fn rewind(&mut self, frames: u64) {
        self.sequence = self.sequence.wrapping_sub(frames);
    }

    /// Stamps a burst of frames of one flow with consecutive sequence numbers and the time `now`.
    ///
    /// `data` returns the address of a frame's first byte. It is inlined, so frames can be mbufs, pointers or anything else.
    ///
    /// # Safety
    /// Each pointer that `data` returns is valid for writing a frame of this stamper's layout ([`Layout::least_bytes`]), and nothing else uses
    /// those bytes during the call.
    #[inline(always)]
    pub unsafe fn stamp<T>(&mut self, frames: &[T], now: u64, data: impl Fn(&T) -> *mut u8) {
        let mut tag = RawTag::new(self.stream, self.sequence, now);
        for frame in frames {
            // SAFETY: the caller's contract covers the whole frame, which contains the tag.
            unsafe { tag.write(data(frame).add(self.tag)) };
            tag = tag.successor();
        }
        self.sequence = tag.sequence();
    }

    /// [`stamp`](Self::stamp), and each frame gets the next flow of `walk`.
    ///
    /// # Safety
    /// As for [`stamp`](Self::stamp); and the flows of `walk` were made for this layout.
    #[inline(always)]
    pub unsafe fn stamp_flows<T>(&mut self, frames: &[T], now: u64, walk: &mut FlowWalk, data: impl Fn(&T) -> *mut u8) {
        // SAFETY: this function's own contract, passed on.
        unsafe {
            match walk.fields() {
                FlowFields::Mac => self.stamp_with::<T, MacFields>(frames, now, walk, data),
                FlowFields::Ipv4 => self.stamp_with::<T, Ipv4Fields>(frames, now, walk, data),
                FlowFields::Ipv6 => self.stamp_with::<T, Ipv6Fields>(frames, now, walk, data),
            }
        }
    }

    /// # Safety
    /// As for [`stamp_flows`](Self::stamp_flows), with the entries of `walk` written as `F`.
    #[inline(always)]
    unsafe fn stamp_with<T, F: WriteFields>(&mut self, mut frames: &[T], now: u64, walk: &mut FlowWalk, data: impl Fn(&T) -> *mut u8) {
        let mut tag = RawTag::new(self.stream, self.sequence, now);
        while !frames.is_empty() {
            let entries = walk.take(frames.len());
            let (these, later) = frames.split_at(entries.len());
            for (frame, entry) in these.iter().zip(entries) {
                let frame = data(frame);
                // SAFETY: the caller's contract covers the whole frame, with entries for its layout; header fields and tag are within it.
                unsafe {
                    F::write(frame, self.network, entry);
                    tag.write(frame.add(self.tag));
                }
                tag = tag.successor();
            }
            frames = later;
        }
        self.sequence = tag.sequence();
    }

    /// Stamps one frame in a slice; the same bytes as [`stamp`](Self::stamp), for tests and cold paths.
    ///
    /// # Panics
    /// If the slice ends before the tag does.
    pub fn stamp_slice(&mut self, frame: &mut [u8], now: u64) {
        let tag = &mut frame[self.tag..self.tag + TAG_LEN];
        tag.copy_from_slice(&Tag::new(self.stream, self.sequence, now).to_bytes());
        self.sequence = self.sequence.wrapping_add(1);
    }
}
