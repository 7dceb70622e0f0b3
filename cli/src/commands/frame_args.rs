//! Headers and tags of test frames: the same flags for `send`, `receive` and `reflect`, because both ends must use the same.

use clap::Args;
use dataplane::{FrameFormat, MacAddress, Tagging, VlanId};

/// Headers and tags of test frames. A receiver counts frames with other headers as foreign.
#[derive(Debug, Args)]
pub struct FrameArgs {
    /// Headers of the test frames; must be the same at both ends
    #[arg(long, value_enum, default_value = "ipv4")]
    headers: Headers,
    /// VLAN tag (802.1Q), 1 to 4094; its 4 bytes are part of the frame size
    #[arg(long, value_name = "ID", value_parser = vlan_id)]
    vlan: Option<VlanId>,
    /// Outer VLAN tag (802.1ad, QinQ), in addition to --vlan
    #[arg(long, value_name = "ID", requires = "vlan", value_parser = vlan_id)]
    outer_vlan: Option<VlanId>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Headers {
    /// Ethernet only, EtherType 0x88B5 (local experiments)
    L2,
    /// IPv4 and UDP
    Ipv4,
    /// IPv6 and UDP
    Ipv6,
}

impl FrameArgs {
    /// The headers.
    pub fn format(&self) -> FrameFormat {
        match self.headers {
            Headers::L2 => FrameFormat::L2,
            Headers::Ipv4 => FrameFormat::Ipv4Udp,
            Headers::Ipv6 => FrameFormat::Ipv6Udp,
        }
    }

    /// The tags.
    pub fn tagging(&self) -> Tagging {
        match (self.vlan, self.outer_vlan) {
            (None, _) => Tagging::Untagged,
            (Some(id), None) => Tagging::Vlan(id),
            (Some(inner), Some(outer)) => Tagging::QinQ { outer, inner },
        }
    }
}

/// Reads a unicast Ethernet address.
pub fn unicast(text: &str) -> Result<MacAddress, String> {
    let mac: MacAddress =
        text.parse().map_err(|_| format!("`{text}` is not an Ethernet address: write six bytes, such as 52:54:00:12:34:56"))?;
    if mac.is_unicast() { Ok(mac) } else { Err(format!("{mac} is not a unicast address: use the address of the other port")) }
}

fn vlan_id(text: &str) -> Result<VlanId, String> {
    let number = text.parse::<u16>().map_err(|_| format!("`{text}` is not a VLAN id: use 1 to 4094"))?;
    VlanId::new(number).map_err(|error| error.to_string())
}
