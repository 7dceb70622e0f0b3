//! A few test frames through the path in one direction: learning frames (RFC 2544 §23), and the proof that a device forwards.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use dataplane::{MacAddress, ReceivePlan, SendPlan};
use methodology::units::{FrameSize, Pace, PacketRate};

use super::both_ends::Way;
use super::pair::{BypassError, BypassPair, GRACE};
use crate::agent::{Reply, Request, WaitLimit};

/// What became of the frames.
#[derive(Debug)]
pub struct Passed {
    /// Frames sent.
    pub sent: u64,
    /// Frames that came to the other end, each once.
    pub received: u64,
    /// Frames that came back to the end that sent them.
    pub returned: u64,
    /// The addresses with which they were sent: source and destination.
    pub addresses: [MacAddress; 2],
    /// The UDP ports with which they were sent: source and destination.
    pub udp_ports: [u16; 2],
    /// The TTL with which they were sent.
    pub ttl: u8,
    /// The headers of the first that came.
    pub headers: Option<Vec<u8>>,
}

/// Slow enough for every device, and over within a few milliseconds.
const RATE: f64 = 2000.0;

/// How long is waited for the last frame.
const DRAIN: Duration = Duration::from_millis(50);

/// A limit: so many frames take far less.
const DURATION: Duration = Duration::from_secs(2);

impl BypassPair {
    /// Sends so many frames one way, with a sink at the other end. The end that sends also counts what comes back to it.
    pub fn pass(&mut self, way: Way, frames: u64, size: FrameSize, interrupted: &AtomicBool) -> Result<Passed, BypassError> {
        let queues = self.ports.sender.port.queues.max(self.ports.receiver.port.queues);
        let (stream, destination) = (self.streams.take(queues + 1), self.destination(way));
        let (sending, receiving, port, cpus) = match way {
            Way::Forward => (&mut self.sender, &mut self.receiver, &self.ports.sender, [&self.cpus.sender, &self.cpus.receiver]),
            Way::Backward => (&mut self.receiver, &mut self.sender, &self.ports.receiver, [&self.cpus.receiver, &self.cpus.sender]),
        };
        let pace = PacketRate::new(RATE).map_or(Pace::Max, Pace::Rate);
        let plan = SendPlan::new(size, pace, DURATION);
        let plan = SendPlan { frames: Some(frames), stream, destination, cpus: cpus[0].clone(), rtt: true, drain: DRAIN, ..plan };
        let sink = ReceivePlan {
            cpus: cpus[1].clone(),
            drain: DRAIN,
            frame: plan.frame,
            tagging: plan.tagging,
            size: Some(size),
            keep_headers: true,
            ..ReceivePlan::default()
        };
        let wait = WaitLimit { limit: GRACE + DURATION, interrupted };
        match receiving.ask(&Request::Receive(sink), "receive", wait)? {
            Reply::Started => {}
            other => return Err(receiving.unexpected(&other).into()),
        }
        let spec = plan.frame_spec(port.port.mac);
        let sent = match sending.ask(&Request::Send(plan), "send", wait)? {
            Reply::Sent(sent) => *sent.report,
            other => return Err(sending.unexpected(&other).into()),
        };
        match receiving.ask(&Request::Stop, "stop receiving", wait)? {
            Reply::Received(received) => Ok(Passed {
                sent: sent.frames_sent,
                // Frames of earlier trials can still come.
                received: received
                    .report
                    .streams
                    .iter()
                    .filter(|seen| sent.streams.iter().any(|ours| ours.stream == seen.stream))
                    .map(|seen| seen.received)
                    .sum(),
                returned: sent.returned.map_or(0, |returned| returned.received + returned.duplicate),
                addresses: [spec.source, spec.destination],
                udp_ports: [spec.source_port, spec.destination_port],
                ttl: spec.ttl,
                headers: received.report.headers,
            }),
            other => Err(receiving.unexpected(&other).into()),
        }
    }
}
