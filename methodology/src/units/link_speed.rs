use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::rate::{parse_scaled, write_scaled};
use super::{FrameSize, PacketRate, UnitError};

/// A link's nominal speed in bits per second at layer 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LinkSpeed(u64);

impl LinkSpeed {
    /// A speed in bits per second.
    pub const fn from_bps(bps: u64) -> Self {
        LinkSpeed(bps)
    }

    /// A speed in megabits per second, as DPDK and ethtool report it.
    pub const fn from_mbps(mbps: u32) -> Self {
        LinkSpeed(mbps as u64 * 1_000_000)
    }

    /// Bits per second.
    pub const fn bps(self) -> u64 {
        self.0
    }

    /// Line rate at this frame size in whole frames per second, rounded down (RFC 5180 appendix A).
    pub fn line_rate(self, size: FrameSize) -> PacketRate {
        PacketRate::from_pps_lossy(self.line_rate_fps(size) as f64)
    }

    /// [`line_rate`](Self::line_rate) as an exact whole number of frames per second.
    pub const fn line_rate_fps(self, size: FrameSize) -> u64 {
        self.0 / (8 * size.on_wire() as u64)
    }
}

impl FromStr for LinkSpeed {
    type Err = UnitError;

    /// Reads `25G`, `25Gbps`, `100Mbit/s`, `1e9`.
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let unreadable = || UnitError::Unreadable {
            text: text.to_owned(),
            what: "link speed",
            example: "bits per second such as 25G, 100Gbps or 1000Mbps",
        };
        let (value, unit) = parse_scaled(text).ok_or_else(unreadable)?;
        if !matches!(unit, "" | "bps" | "bit/s" | "b/s") || !(1.0..=1e15).contains(&value) {
            return Err(unreadable());
        }
        Ok(LinkSpeed(value.round() as u64))
    }
}

impl fmt::Display for LinkSpeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(f, self.0 as f64, "bit/s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k1_rfc5180_appendix_a_line_rates_round_down() {
        let rate = |speed: &str, size: u32| speed.parse::<LinkSpeed>().unwrap().line_rate_fps(FrameSize::new(size).unwrap());
        assert_eq!(rate("25G", 64), 37_202_380);
        assert_eq!(rate("25G", 1518), 2_031_859);
        assert_eq!(rate("100Gbps", 64), 148_809_523);
        assert_eq!(rate("200G", 9000), 2_771_618);
        assert_eq!(rate("10G", 64), 14_880_952);
    }
}
