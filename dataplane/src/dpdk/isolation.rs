//! Isolated mode: the port takes only test frames, and the kernel keeps the rest, such as an ssh session over the same NIC.

use std::ffi::CStr;

use dpdk_sys as sys;
use nix::errno::Errno;
use serde::{Deserialize, Serialize};

use super::device::Device;
use crate::error::DataplaneError;
use crate::frame::{FrameFormat, Tagging};

/// Headers of the test frames that an isolated port takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IsolatedFrames {
    /// The headers. IP frames are taken if they go to the addresses for benchmarking: 198.18.0.0/15 (RFC 2544 C.2.2) or 2001:2::/48
    /// (RFC 5180 §8).
    pub format: FrameFormat,
    /// The VLAN tags.
    pub tagging: Tagging,
}

const ADVICE: &str = "Open the port without isolation, and manage this machine over another NIC; or use a representor or a subfunction";

impl IsolatedFrames {
    fn rule(self) -> sys::lr_rule {
        let vlan_tags = match self.tagging {
            Tagging::Untagged => 0,
            Tagging::Vlan(_) => 1,
            Tagging::QinQ { .. } => 2,
        };
        let (ip_version, prefix, start): (u8, u8, &[u8]) = match self.format {
            FrameFormat::L2 => (0, 0, &[]),
            FrameFormat::Ipv4Udp => (4, 15, &[198, 18]),
            FrameFormat::Ipv6Udp => (6, 48, &[0x20, 0x01, 0x00, 0x02]),
        };
        let mut destination = [0; 16];
        destination[..start.len()].copy_from_slice(start);
        sys::lr_rule { vlan_tags, ip_version, prefix, ether_type: crate::frame::EXPERIMENTAL_ETHERTYPE, destination }
    }
}

/// Switches the port to isolated mode, before it is configured. `driver` is named where it has no such mode.
pub(super) fn isolate(device: &Device, driver: &str) -> Result<(), DataplaneError> {
    let mut text = [0u8; sys::LR_FLOW_TEXT_LEN as usize];
    // SAFETY: the port exists; the text has the length that the shim expects.
    let error = unsafe { sys::lr_isolate(device.id(), text.as_mut_ptr().cast()) };
    if error == 0 {
        return Ok(());
    }
    if matches!(Errno::from_raw(error.abs()), Errno::ENOSYS | Errno::ENOTSUP) {
        return Err(DataplaneError::Plan {
            what: "an isolated port",
            why: format!("{} ({driver}) has no isolated mode (rte_flow_isolate). {ADVICE}", device.name()),
        });
    }
    Err(device.error("switching to isolated mode", error, &format!("The driver {driver} says: {}. {ADVICE}", message(&text))))
}

/// Adds the rule for the test frames, after the port was started with `queues` queues.
pub(super) fn take_test_frames(device: &Device, driver: &str, frames: IsolatedFrames, queues: u16) -> Result<(), DataplaneError> {
    let mut text = [0u8; sys::LR_FLOW_TEXT_LEN as usize];
    // SAFETY: the port is started; the rule is read during the call, and the text has the length that the shim expects.
    let error = unsafe { sys::lr_rule_create(device.id(), &frames.rule(), queues, text.as_mut_ptr().cast()) };
    if error == 0 {
        return Ok(());
    }
    Err(device.error("the flow rule for the test frames", error, &format!("The driver {driver} says: {}. {ADVICE}", message(&text))))
}

fn message(text: &[u8]) -> String {
    let text = CStr::from_bytes_until_nul(text).map(|text| text.to_string_lossy().into_owned()).unwrap_or_default();
    if text.is_empty() { "nothing".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Network, VlanId};

    #[test]
    fn a_rule_takes_both_directions_of_a_round_trip() {
        for (format, addresses) in [(FrameFormat::Ipv4Udp, Network::IPV4), (FrameFormat::Ipv6Udp, Network::IPV6)] {
            let rule = IsolatedFrames { format, tagging: Tagging::Vlan(VlanId::new(7).unwrap()) }.rule();
            assert_eq!(rule.vlan_tags, 1);
            let (one, other) = match addresses {
                Network::Ipv4 { source, destination } => (source.octets().to_vec(), destination.octets().to_vec()),
                Network::Ipv6 { source, destination } => (source.octets().to_vec(), destination.octets().to_vec()),
                Network::Ethernet => unreachable!(),
            };
            let bit = |bytes: &[u8], at: usize| bytes[at / 8] >> (7 - at % 8) & 1;
            for address in [one, other] {
                let bits = usize::from(rule.prefix);
                assert!((0..bits).all(|at| bit(&address, at) == bit(&rule.destination, at)), "{address:?} {:?}", rule.destination);
            }
        }
        let l2 = IsolatedFrames { format: FrameFormat::L2, tagging: Tagging::Untagged }.rule();
        assert_eq!((l2.ip_version, l2.ether_type), (0, 0x88b5));
    }
}
