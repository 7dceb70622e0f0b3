//! The frame view of the kernel: UDP datagrams of L − 46 bytes make frames of size L, and the interface's own counters prove it.

use std::time::Duration;

use methodology::units::{FCS, FrameSize, PacketRate};
use reporter::record::{Reason, ReasonKind, Record, Size, State, Verdict, View};

use crate::process::{CommandSpec, run};
use crate::topology::Endpoint;

/// What else crosses the interface during a stream: the tool's own control connection and ARP, a few dozen packets in
/// tens of thousands. More than one part in a hundred is another frame size.
const TOLERANCE: f64 = 0.01;

/// What an interface received, as the kernel counts it: frames without FCS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InterfaceCounters {
    packets: u64,
    bytes: u64,
}

impl InterfaceCounters {
    /// Reads them where the endpoint is: a namespace has its own `/sys/class/net`.
    pub fn read(endpoint: &Endpoint) -> Option<InterfaceCounters> {
        let file = |name: &str| format!("/sys/class/net/{}/statistics/{name}", endpoint.interface);
        let spec = CommandSpec::new(endpoint.place.clone(), ["cat".to_owned(), file("rx_packets"), file("rx_bytes")]);
        let output = run(&spec.with_timeout(Duration::from_secs(5))).ok().filter(|output| output.success())?;
        let text = output.stdout_text();
        let mut numbers = text.split_whitespace().map(str::parse::<u64>);
        Some(InterfaceCounters { packets: numbers.next()?.ok()?, bytes: numbers.next()?.ok()? })
    }

    /// Bytes per packet since `before`, FCS included; none where nothing came.
    fn bytes_per_frame_since(self, before: InterfaceCounters) -> Option<f64> {
        let packets = self.packets.checked_sub(before.packets).filter(|packets| *packets > 0)?;
        Some(self.bytes.checked_sub(before.bytes)? as f64 / packets as f64 + f64::from(FCS))
    }
}

/// Makes the record of a UDP stream one of the frame view: its size is the frame's, its rate is counted in frames, and bytes
/// per frame are what the receiver's interface counted. A record whose frames had another size is invalid.
pub fn prove(record: &mut Record, size: FrameSize, before: Option<InterfaceCounters>, after: Option<InterfaceCounters>) {
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
    let counted = before.zip(after).and_then(|(before, after)| after.bytes_per_frame_since(before));
    let detail = match counted {
        Some(bytes) => {
            record.values.wire_bytes_per_frame = Some(bytes);
            let wrong = (bytes / f64::from(size.bytes()) - 1.0).abs() > TOLERANCE;
            wrong.then(|| format!("the receiver's interface counted {bytes:.2} bytes a frame instead of {}", size.bytes()))
        }
        None => Some("the receiver's interface counters could not be read, so the frame size is not proven".to_owned()),
    };
    if let Some(detail) = detail {
        let mut reasons = record.verdict.reasons.clone();
        reasons.push(Reason { kind: ReasonKind::WrongFrameSize, detail });
        record.verdict = Verdict::invalid(reasons);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_per_frame_are_counted_with_the_fcs() {
        let before = InterfaceCounters { packets: 10, bytes: 1_000 };
        let after = InterfaceCounters { packets: 1_010, bytes: 61_000 };
        assert_eq!(after.bytes_per_frame_since(before), Some(64.0));
        assert_eq!(before.bytes_per_frame_since(before), None);
        assert_eq!(before.bytes_per_frame_since(after), None);
    }
}
