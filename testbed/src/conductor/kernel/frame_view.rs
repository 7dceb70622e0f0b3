//! The frame view of the kernel: UDP datagrams of L − 46 bytes make frames of size L, and the interface's own counters prove it.

use methodology::units::{FrameSize, PacketRate};
use reporter::record::{ReasonKind, Record, Size, State, View};

use crate::kernel_end::PacketsAndBytes;

/// What else crosses the interface during a stream: the tool's own control connection and ARP, a few dozen packets in
/// tens of thousands. More than one part in a hundred is another frame size.
const TOLERANCE: f64 = 0.01;

/// Makes the record of a UDP stream one of the frame view: its size is the frame's, its rate is counted in frames, and bytes
/// per frame are what the receiver's interface counted. A record whose frames had another size is invalid.
pub(super) fn prove(record: &mut Record, size: FrameSize, received: Option<PacketsAndBytes>) {
    record.view = Some(View::Frame);
    record.size = Size::frame(size);
    if let Some(rate) =
        record.values.goodput_bps.and_then(|goodput| PacketRate::new(goodput.bps() / (8.0 * f64::from(size.udp4_payload()))).ok())
    {
        record.values.forwarding_pps = Some(rate);
        record.values.l1_bps = Some(rate.l1(size));
        record.values.l2_bps = Some(rate.l2(size));
    }
    if record.verdict.state == State::Failed {
        return;
    }
    let detail = match received.and_then(PacketsAndBytes::bytes_per_frame) {
        Some(bytes) => {
            record.values.wire_bytes_per_frame = Some(bytes);
            let wrong = (bytes / f64::from(size.bytes()) - 1.0).abs() > TOLERANCE;
            wrong.then(|| format!("the receiver's interface counted {bytes:.2} bytes a frame instead of {}", size.bytes()))
        }
        None => Some("the receiver's interface counters could not be read, so the frame size is not proven".to_owned()),
    };
    if let Some(detail) = detail {
        record.verdict.invalidate(ReasonKind::WrongFrameSize, detail);
    }
}
