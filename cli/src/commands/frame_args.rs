//! How test frames look: the same flags for `send`, `receive` and `reflect`, because both ends must agree.

use clap::Args;
use dataplane::{FrameFormat, Tagging, VlanId};

/// Headers and tags of test frames. Give both ends the same: whatever looks otherwise is foreign.
#[derive(Debug, Args)]
pub struct FrameArgs {
    /// Headers of the test frames; both ends must say the same
    #[arg(long, value_enum, default_value = "ipv4")]
    headers: Headers,
    /// VLAN tag (802.1Q), 1 to 4094; part of the size
    #[arg(long, value_name = "ID", value_parser = vlan_id)]
    vlan: Option<VlanId>,
    /// Outer tag around --vlan (802.1ad, QinQ)
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

fn vlan_id(text: &str) -> Result<VlanId, String> {
    let number = text.parse::<u16>().map_err(|_| format!("`{text}` is not a VLAN id: write 1 to 4094"))?;
    VlanId::new(number).map_err(|error| error.to_string())
}
