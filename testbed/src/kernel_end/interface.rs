use std::time::Duration;

use methodology::units::FCS;
use serde::{Deserialize, Serialize};

use crate::process::{CommandSpec, Location, run};

/// Which way frames cross an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// Out of this machine.
    Sent,
    /// Into it.
    Received,
}

/// An interface whose frames are counted, those sent and those received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counted {
    /// Its name.
    pub interface: String,
}

/// Packets and bytes of one interface, one way, as the kernel counts them: frames without FCS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PacketsAndBytes {
    /// Packets.
    pub packets: u64,
    /// Bytes, without FCS.
    pub bytes: u64,
}

impl PacketsAndBytes {
    fn since(self, before: PacketsAndBytes) -> Option<PacketsAndBytes> {
        Some(PacketsAndBytes { packets: self.packets.checked_sub(before.packets)?, bytes: self.bytes.checked_sub(before.bytes)? })
    }

    /// Both together.
    pub fn plus(self, other: PacketsAndBytes) -> PacketsAndBytes {
        PacketsAndBytes { packets: self.packets + other.packets, bytes: self.bytes + other.bytes }
    }

    /// Bytes per packet, FCS included; none where no packet was counted.
    pub fn bytes_per_frame(self) -> Option<f64> {
        (self.packets > 0).then(|| self.bytes as f64 / self.packets as f64 + f64::from(FCS))
    }
}

/// What one interface counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InterfaceCounters {
    /// Frames out of this machine.
    pub sent: PacketsAndBytes,
    /// Frames into it.
    pub received: PacketsAndBytes,
    /// How often its link went down or came up.
    pub carrier_changes: u64,
}

impl InterfaceCounters {
    pub(super) fn since(self, before: InterfaceCounters) -> Option<InterfaceCounters> {
        let carrier_changes = self.carrier_changes.checked_sub(before.carrier_changes)?;
        Some(InterfaceCounters { sent: self.sent.since(before.sent)?, received: self.received.since(before.received)?, carrier_changes })
    }

    /// Frames of one way.
    pub fn of(&self, way: Way) -> PacketsAndBytes {
        match way {
            Way::Sent => self.sent,
            Way::Received => self.received,
        }
    }

    /// Both together.
    pub fn plus(self, other: InterfaceCounters) -> InterfaceCounters {
        InterfaceCounters {
            sent: self.sent.plus(other.sent),
            received: self.received.plus(other.received),
            carrier_changes: self.carrier_changes + other.carrier_changes,
        }
    }

    /// Reads them at an end on this machine: a network namespace has its own `/sys/class/net`.
    pub(super) fn read(location: &Location, counted: &Counted) -> Option<InterfaceCounters> {
        let folder = format!("/sys/class/net/{}", counted.interface);
        let file = |what: &str| format!("{folder}/statistics/{what}");
        // include/linux/netdevice.h: carrier_up_count + carrier_down_count; since Linux 3.15.
        let carrier_changes = format!("{folder}/carrier_changes");
        let files = [file("tx_packets"), file("tx_bytes"), file("rx_packets"), file("rx_bytes"), carrier_changes];
        let text = match location {
            Location::Here => files.iter().map(std::fs::read_to_string).collect::<Result<String, _>>().ok()?,
            _ => {
                let cat = std::iter::once("cat".to_owned()).chain(files);
                let spec = CommandSpec::new(location.clone(), cat).with_timeout(Duration::from_secs(5));
                run(&spec).ok().filter(|output| output.success())?.stdout_text()
            }
        };
        let mut numbers = text.split_whitespace().map(str::parse::<u64>);
        let mut next = || numbers.next()?.ok();
        let sent = PacketsAndBytes { packets: next()?, bytes: next()? };
        let received = PacketsAndBytes { packets: next()?, bytes: next()? };
        Some(InterfaceCounters { sent, received, carrier_changes: next()? })
    }
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
