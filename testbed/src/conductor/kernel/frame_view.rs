//! The frame view of the kernel: UDP datagrams of L − 46 bytes make frames of size L, and the interface's own counters prove it.

use methodology::trial::Direction;
use methodology::units::{FrameSize, Goodput, PacketRate};
use reporter::kernel_tools::invalidate_direction;
use reporter::record::{ReasonKind, Record, Size, State, View};

use super::processes::PathCounters;
use crate::kernel_end::{InterfaceCounters, PacketsAndBytes};

/// What else crosses the interface during a stream: the tool's own control connection and ARP, a few dozen packets in
/// tens of thousands. More than one part in a hundred is another frame size.
const TOLERANCE: f64 = 0.01;

/// Makes the record of a UDP stream one of the frame view: its size is the frame's, its rate is counted in frames, and bytes
/// per frame are what the receiver's interface counted. A record whose frames had another size is invalid.
///
/// Of a stream each way, each direction is proven by the interface that received it; the receiver of the reverse direction is the sender.
pub(super) fn prove(record: &mut Record, size: FrameSize, counted: PathCounters) {
    record.view = Some(View::Frame);
    record.size = Size::frame(size);
    let frames = |goodput: Goodput| PacketRate::new(goodput.bps() / (8.0 * f64::from(size.udp4_payload()))).ok();
    if let Some(rate) = record.values.goodput_bps.and_then(frames) {
        record.values.forwarding_pps = Some(rate);
        record.values.l1_bps = Some(rate.l1(size));
        record.values.l2_bps = Some(rate.l2(size));
    }
    if record.verdict.state == State::Failed {
        return;
    }
    let received = |counters: Option<InterfaceCounters>| counters.map(|counters| counters.received);
    let forward = received(counted.receiver);
    record.values.wire_bytes_per_frame = forward.and_then(PacketsAndBytes::bytes_per_frame);
    let mut each = record.directions();
    if each.is_empty() {
        if let Some(detail) = wrong_size("receiver", size, forward) {
            record.verdict.invalidate(ReasonKind::WrongFrameSize, detail);
        }
        return;
    }
    each.iter_mut().for_each(|one| one.forwarding_pps = one.goodput_bps.and_then(frames));
    record.set_directions(&each);
    for (direction, end, counted) in [(Direction::Forward, "receiver", forward), (Direction::Reverse, "sender", received(counted.sender))] {
        if let Some(detail) = wrong_size(end, size, counted) {
            invalidate_direction(record, direction, ReasonKind::WrongFrameSize, &detail);
        }
    }
}

/// What an end's interface counted against the frame size; none where it proves it.
fn wrong_size(end: &str, size: FrameSize, received: Option<PacketsAndBytes>) -> Option<String> {
    match received.and_then(PacketsAndBytes::bytes_per_frame) {
        Some(bytes) => {
            let wrong = (bytes / f64::from(size.bytes()) - 1.0).abs() > TOLERANCE;
            wrong.then(|| format!("the {end}'s interface counted {bytes:.2} bytes a frame instead of {}", size.bytes()))
        }
        None => Some(format!("the {end}'s interface counters could not be read, so the frame size is not proven")),
    }
}
