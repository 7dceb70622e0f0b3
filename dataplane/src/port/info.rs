use std::fmt;

use methodology::units::{FrameSize, LinkSpeed};
use serde::{Deserialize, Serialize};

/// What a port is, and how it was set up. Goes into the environment record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PortInfo {
    /// DPDK's name of the port.
    pub name: String,
    /// The devargs it was opened with.
    pub devargs: String,
    /// The driver's name, such as `net_vhost` or `mlx5_pci`.
    pub driver: String,
    /// The link's speed, where the link has one. Software ports have none, whatever they report.
    pub link_speed: Option<LinkSpeed>,
    /// The port's own address.
    pub mac: MacAddress,
    /// The largest frame that was set up.
    pub max_frame: FrameSize,
    /// The NUMA node, where the device has one.
    pub numa_node: Option<u32>,
    /// Descriptors of the receive queue.
    pub rx_descriptors: u16,
    /// Descriptors of the transmit queue.
    pub tx_descriptors: u16,
    /// Offloads that were switched on.
    pub offloads: Vec<String>,
    /// Receive function that the driver chose (`rte_eth_rx_burst_mode_get`), where it says.
    pub rx_burst_mode: Option<String>,
    /// Transmit function that the driver chose.
    pub tx_burst_mode: Option<String>,
    /// Whether the port is a representor (RTE_ETH_DEV_REPRESENTOR).
    pub representor: bool,
    /// The embedded switch that the port belongs to, where it belongs to one.
    pub switch_domain: Option<u16>,
    /// Whether the frames live in huge pages.
    pub huge_pages: bool,
}

/// An Ethernet address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacAddress(pub [u8; 6]);

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// The text is not an Ethernet address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an Ethernet address: write it as 02:00:00:00:00:01")]
pub struct MacAddressError {
    text: String,
}

impl std::str::FromStr for MacAddress {
    type Err = MacAddressError;
    fn from_str(text: &str) -> Result<Self, MacAddressError> {
        let wrong = || MacAddressError { text: text.to_owned() };
        let mut bytes = [0; 6];
        let mut parts = text.trim().split(':');
        for byte in &mut bytes {
            let part = parts.next().filter(|part| part.len() == 2).ok_or_else(wrong)?;
            *byte = u8::from_str_radix(part, 16).map_err(|_| wrong())?;
        }
        if parts.next().is_some() { Err(wrong()) } else { Ok(MacAddress(bytes)) }
    }
}

impl TryFrom<String> for MacAddress {
    type Error = MacAddressError;
    fn try_from(text: String) -> Result<Self, MacAddressError> {
        text.parse()
    }
}

impl From<MacAddress> for String {
    fn from(mac: MacAddress) -> String {
        mac.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_survive_being_written() {
        let mac: MacAddress = "02:00:5e:10:00:ff".parse().unwrap();
        assert_eq!((mac.0, mac.to_string().as_str()), ([2, 0, 0x5e, 0x10, 0, 0xff], "02:00:5e:10:00:ff"));
        for bad in ["", "02:00:5e:10:00", "02:00:5e:10:00:ff:00", "2:0:5e:10:0:ff", "zz:00:5e:10:00:ff"] {
            assert!(bad.parse::<MacAddress>().is_err(), "{bad}");
        }
    }
}
