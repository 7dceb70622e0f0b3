//! What the interfaces that the testbed names for a pair counted while a tool ran.

use std::time::Duration;

use methodology::units::FCS;

use crate::process::{CommandSpec, run};
use crate::topology::KernelEndpoint;

/// Packets and bytes of one interface, one way, as the kernel counts them: frames without FCS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct PacketsAndBytes {
    pub(super) packets: u64,
    pub(super) bytes: u64,
}

impl PacketsAndBytes {
    fn since(self, before: PacketsAndBytes) -> Option<PacketsAndBytes> {
        Some(PacketsAndBytes { packets: self.packets.checked_sub(before.packets)?, bytes: self.bytes.checked_sub(before.bytes)? })
    }

    /// Bytes per packet, FCS included; none where no packet was counted.
    pub(super) fn bytes_per_frame(self) -> Option<f64> {
        (self.packets > 0).then(|| self.bytes as f64 / self.packets as f64 + f64::from(FCS))
    }
}

/// What one interface counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InterfaceCounters {
    pub(super) traffic: PacketsAndBytes,
    /// How often its link went down or came up.
    pub(super) carrier_changes: u64,
}

impl InterfaceCounters {
    fn since(self, before: InterfaceCounters) -> Option<InterfaceCounters> {
        let carrier_changes = self.carrier_changes.checked_sub(before.carrier_changes)?;
        Some(InterfaceCounters { traffic: self.traffic.since(before.traffic)?, carrier_changes })
    }
}

/// The counters of the sender's interface on its way out and of the receiver's on its way in. None where they cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PathCounters {
    pub(super) sent: Option<InterfaceCounters>,
    pub(super) received: Option<InterfaceCounters>,
}

impl PathCounters {
    /// Reads both.
    pub(super) fn read(from: KernelEndpoint<'_>, to: KernelEndpoint<'_>) -> Self {
        PathCounters { sent: read(from, "tx"), received: read(to, "rx") }
    }

    /// What was counted since.
    pub(super) fn since(self, before: PathCounters) -> Self {
        let difference = |after: Option<InterfaceCounters>, before: Option<InterfaceCounters>| after?.since(before?);
        PathCounters { sent: difference(self.sent, before.sent), received: difference(self.received, before.received) }
    }
}

/// Where the endpoint is: a namespace has its own `/sys/class/net`.
fn read(endpoint: KernelEndpoint<'_>, way: &str) -> Option<InterfaceCounters> {
    let folder = format!("/sys/class/net/{}", endpoint.interface);
    let file = |what: &str| format!("{folder}/statistics/{way}_{what}");
    // include/linux/netdevice.h: carrier_up_count + carrier_down_count; since Linux 3.15.
    let carrier = format!("{folder}/carrier_changes");
    let spec = CommandSpec::new(endpoint.location.clone(), ["cat".to_owned(), file("packets"), file("bytes"), carrier]);
    let output = run(&spec.with_timeout(Duration::from_secs(5))).ok().filter(|output| output.success())?;
    let text = output.stdout_text();
    let mut numbers = text.split_whitespace().map(str::parse::<u64>);
    let traffic = PacketsAndBytes { packets: numbers.next()?.ok()?, bytes: numbers.next()?.ok()? };
    Some(InterfaceCounters { traffic, carrier_changes: numbers.next()?.ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_per_frame_are_counted_with_the_fcs() {
        let before = PacketsAndBytes { packets: 10, bytes: 1_000 };
        let after = PacketsAndBytes { packets: 1_010, bytes: 61_000 };
        assert_eq!(after.since(before).unwrap().bytes_per_frame(), Some(64.0));
        assert_eq!(before.since(before).unwrap().bytes_per_frame(), None);
        assert_eq!(before.since(after), None);
    }
}
