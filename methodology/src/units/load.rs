use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::rate::parse_scaled;
use super::ratio::percent;
use super::{FrameSize, Frames, L1Rate, L2Rate, LinkSpeed, PacketRate, Share, UnitError};

/// An intended load as a person asks for it: `1Mpps`, `10Gbps` (layer 1), `10GbpsL2`, `50%`, `max`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Load {
    /// Frames per second.
    Packets(PacketRate),
    /// Bits per second on the wire, preamble and gap included.
    L1(L1Rate),
    /// Bits per second of frames, FCS included.
    L2(L2Rate),
    /// A share of the link's line rate.
    Share(Share),
    /// As fast as the port takes frames.
    Max,
}

/// A load made concrete for one frame size and one link.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pace {
    /// This many frames a second, on an open-loop schedule.
    Rate(PacketRate),
    /// As fast as the port takes frames.
    Max,
}

impl Load {
    /// What to send, frames of `size` on a link of `link` (where the port knows its speed).
    ///
    /// Refuses a load above line rate where line rate is known, and a share where it is not.
    pub fn pace(self, size: FrameSize, link: Option<LinkSpeed>) -> Result<Pace, UnitError> {
        Frames::Fixed(size).pace(self, link)
    }
}

impl Frames {
    /// What to send for `load` with these frames; [`Load::pace`] for mixes too, whose mean frame counts.
    pub fn pace(&self, load: Load, link: Option<LinkSpeed>) -> Result<Pace, UnitError> {
        let rate = match load {
            Load::Max => return Ok(Pace::Max),
            Load::Packets(rate) => rate,
            Load::L1(rate) => PacketRate::from_pps_lossy(rate.bps() / (8.0 * self.mean_on_wire())),
            Load::L2(rate) => PacketRate::from_pps_lossy(rate.bps() / (8.0 * self.mean_bytes())),
            Load::Share(share) => {
                let link = link.ok_or_else(|| UnitError::UnknownLinkSpeed { load: load.to_string() })?;
                PacketRate::from_pps_lossy(self.line_rate(link).pps() * share.share())
            }
        };
        match link {
            // Line rate is rounded down; a bit rate equal to the link's speed must not fail by that fraction of a frame.
            Some(link) if rate.pps() >= self.line_rate(link).pps() + 1.0 => Err(UnitError::AboveLineRate {
                load: load.to_string(),
                frame: self.to_string(),
                link: link.to_string(),
                limit: self.line_rate(link).to_string(),
            }),
            _ => Ok(Pace::Rate(rate)),
        }
    }
}

impl FromStr for Load {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let unreadable = || UnitError::Unreadable {
            text: text.to_owned(),
            what: "rate",
            example: "1Mpps, 10Gbps (layer 1), 10GbpsL2 (layer 2), 50% (of line rate) or max",
        };
        let trimmed = text.trim();
        if trimmed.eq_ignore_ascii_case("max") {
            return Ok(Load::Max);
        }
        let (value, unit) = parse_scaled(trimmed).ok_or_else(unreadable)?;
        if value <= 0.0 {
            return Err(UnitError::OutOfRange {
                what: "rate",
                value: trimmed.to_owned(),
                allowed: "above 0; use `max` for as fast as the port goes".to_owned(),
            });
        }
        match unit {
            "pps" | "fps" => Ok(Load::Packets(PacketRate::new(value)?)),
            "bps" | "bit/s" | "bpsL1" | "bit/sL1" => Ok(Load::L1(L1Rate::new(value)?)),
            "bpsL2" | "bit/sL2" => Ok(Load::L2(L2Rate::new(value)?)),
            "%" => Ok(Load::Share(Share::new(value / 100.0)?)),
            _ => Err(unreadable()),
        }
    }
}

impl TryFrom<String> for Load {
    type Error = UnitError;
    fn try_from(text: String) -> Result<Self, UnitError> {
        text.parse()
    }
}

impl From<Load> for String {
    fn from(load: Load) -> String {
        load.to_string()
    }
}

/// Writes what [`Load::from_str`] reads back to the same value.
impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Load::Packets(rate) => write!(f, "{}pps", rate.pps()),
            Load::L1(rate) => write!(f, "{}bps", rate.bps()),
            Load::L2(rate) => write!(f, "{}bpsL2", rate.bps()),
            Load::Share(share) => write!(f, "{}%", percent(share.share())),
            Load::Max => f.write_str("max"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Load {
        text.parse().unwrap()
    }

    #[test]
    fn loads_read_as_people_write_them() {
        assert_eq!(load("max"), Load::Max);
        assert_eq!(load("50%"), Load::Share(Share::new(0.5).unwrap()));
        assert_eq!(load("10Gbps"), Load::L1(L1Rate::new(10e9).unwrap()));
        for bad in ["0", "0pps", "-5Mpps", "10", "110%", "quick", "1Mppss"] {
            assert!(bad.parse::<Load>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_load_above_line_rate_is_refused_where_line_rate_is_known() {
        let link = Some(LinkSpeed::from_mbps(10_000));
        assert!(load("15Mpps").pace(FrameSize::MIN, link).is_err());
        assert!(load("10Gbps").pace(FrameSize::MIN, link).is_ok());
        assert!(load("15Mpps").pace(FrameSize::MIN, None).is_ok());
        assert!(load("50%").pace(FrameSize::MIN, None).is_err());
        assert_eq!(load("50%").pace(FrameSize::MIN, link).unwrap(), Pace::Rate(PacketRate::new(7_440_476.0).unwrap()));
    }

    #[test]
    fn loads_survive_being_written() {
        for text in ["1000000pps", "max", "10000000000bps", "5000000bpsL2", "50%", "33.3%", "16.1kpps"] {
            let parsed = load(text);
            assert_eq!(load(&parsed.to_string()), parsed);
        }
    }
}
