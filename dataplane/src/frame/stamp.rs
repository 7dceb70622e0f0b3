use super::flows::{FlowFields, FlowWalk, Ipv4Fields, Ipv6Fields, MacFields, WriteFlow};
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
        let tag = RawTag::new(self.stream, self.sequence, now);
        // SAFETY: this function's own contract, passed on.
        unsafe {
            if tag.counts_plainly(frames.len()) {
                self.stamp_from::<T, true>(tag, frames, data);
            } else {
                self.stamp_from::<T, false>(tag, frames, data);
            }
        }
    }

    /// # Safety
    /// As for [`stamp`](Self::stamp).
    #[inline(always)]
    unsafe fn stamp_from<T, const PLAIN: bool>(&mut self, mut tag: RawTag, frames: &[T], data: impl Fn(&T) -> *mut u8) {
        for frame in frames {
            // SAFETY: the caller's contract covers the whole frame, which contains the tag.
            unsafe { tag.write(data(frame).add(self.tag)) };
            tag = tag.next::<PLAIN>();
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
                FlowFields::Mac => self.stamp_flows_of::<T, MacFields>(frames, now, walk, data),
                FlowFields::Ipv4 => self.stamp_flows_of::<T, Ipv4Fields>(frames, now, walk, data),
                FlowFields::Ipv6 => self.stamp_flows_of::<T, Ipv6Fields>(frames, now, walk, data),
            }
        }
    }

    /// # Safety
    /// As for [`stamp_flows`](Self::stamp_flows), with the flows of `walk` written as `F`.
    #[inline(always)]
    unsafe fn stamp_flows_of<T, F: WriteFlow>(&mut self, frames: &[T], now: u64, walk: &mut FlowWalk, data: impl Fn(&T) -> *mut u8) {
        let tag = RawTag::new(self.stream, self.sequence, now);
        // SAFETY: this function's own contract, passed on.
        unsafe {
            if tag.counts_plainly(frames.len()) {
                self.stamp_flows_from::<T, F, true>(tag, frames, walk, data);
            } else {
                self.stamp_flows_from::<T, F, false>(tag, frames, walk, data);
            }
        }
    }

    /// # Safety
    /// As for [`stamp_flows_of`](Self::stamp_flows_of).
    #[inline(always)]
    unsafe fn stamp_flows_from<T, F: WriteFlow, const PLAIN: bool>(
        &mut self,
        mut tag: RawTag,
        mut frames: &[T],
        walk: &mut FlowWalk,
        data: impl Fn(&T) -> *mut u8,
    ) {
        while !frames.is_empty() {
            let (fields, checksums) = walk.take(frames.len());
            let (these, later) = frames.split_at(fields.len());
            for ((frame, fields), checksum) in these.iter().zip(fields).zip(checksums) {
                let frame = data(frame);
                // SAFETY: the caller's contract covers the whole frame, with flows for its layout; header fields and tag are within it.
                unsafe { F::write(frame, self.network, fields, *checksum, tag, self.tag) };
                tag = tag.next::<PLAIN>();
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
