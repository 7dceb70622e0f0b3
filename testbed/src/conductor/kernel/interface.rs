//! What the interfaces that the testbed names for a pair counted while a tool ran.

use std::time::Duration;

use methodology::units::FCS;

use crate::process::{CommandSpec, run};
use crate::topology::KernelEndpoint;

/// Packets and bytes of one interface, one way, as the kernel counts them: frames without FCS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Traffic {
    pub(super) packets: u64,
    pub(super) bytes: u64,
}

impl Traffic {
    fn since(self, before: Traffic) -> Option<Traffic> {
        Some(Traffic { packets: self.packets.checked_sub(before.packets)?, bytes: self.bytes.checked_sub(before.bytes)? })
    }

    /// Bytes per packet, FCS included; none where no packet was counted.
    pub(super) fn bytes_per_frame(self) -> Option<f64> {
        (self.packets > 0).then(|| self.bytes as f64 / self.packets as f64 + f64::from(FCS))
    }
}

/// The counters of the sender's interface on its way out and of the receiver's on its way in. None where they cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PathCounters {
    pub(super) sent: Option<Traffic>,
    pub(super) received: Option<Traffic>,
}

impl PathCounters {
    /// Reads both.
    pub(super) fn read(from: KernelEndpoint<'_>, to: KernelEndpoint<'_>) -> Self {
        PathCounters { sent: read(from, "tx"), received: read(to, "rx") }
    }

    /// What was counted since.
    pub(super) fn since(self, before: PathCounters) -> Self {
        let difference = |after: Option<Traffic>, before: Option<Traffic>| after?.since(before?);
        PathCounters { sent: difference(self.sent, before.sent), received: difference(self.received, before.received) }
    }
}

/// Where the endpoint is: a namespace has its own `/sys/class/net`.
fn read(endpoint: KernelEndpoint<'_>, way: &str) -> Option<Traffic> {
    let file = |what: &str| format!("/sys/class/net/{}/statistics/{way}_{what}", endpoint.interface);
    let spec = CommandSpec::new(endpoint.location.clone(), ["cat".to_owned(), file("packets"), file("bytes")]);
    let output = run(&spec.with_timeout(Duration::from_secs(5))).ok().filter(|output| output.success())?;
    let text = output.stdout_text();
    let mut numbers = text.split_whitespace().map(str::parse::<u64>);
    Some(Traffic { packets: numbers.next()?.ok()?, bytes: numbers.next()?.ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_per_frame_are_counted_with_the_fcs() {
        let before = Traffic { packets: 10, bytes: 1_000 };
        let after = Traffic { packets: 1_010, bytes: 61_000 };
        assert_eq!(after.since(before).unwrap().bytes_per_frame(), Some(64.0));
        assert_eq!(before.since(before).unwrap().bytes_per_frame(), None);
        assert_eq!(before.since(after), None);
    }
}
