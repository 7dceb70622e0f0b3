use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::FrameError;

/// An Ethernet address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacAddress(pub [u8; 6]);

impl MacAddress {
    /// Every station on the segment.
    pub const BROADCAST: MacAddress = MacAddress([0xff; 6]);

    /// Whether this is the address of one station: neither a group address (IEEE 802, the lowest bit of the first byte) nor all zero.
    pub const fn is_unicast(self) -> bool {
        let [first, b, c, d, e, f] = self.0;
        first & 1 == 0 && (first | b | c | d | e | f) != 0
    }

    /// A locally administered unicast address, `02:00:00:00:00:last`, for frames that need none in particular.
    pub const fn local(last: u8) -> MacAddress {
        MacAddress([0x02, 0, 0, 0, 0, last])
    }
}

impl FromStr for MacAddress {
    type Err = FrameError;

    /// Reads `02:00:00:00:00:01`.
    fn from_str(text: &str) -> Result<Self, FrameError> {
        let unreadable = || FrameError::UnreadableMac { text: text.to_owned() };
        let mut bytes = [0; 6];
        let mut parts = text.trim().split(':');
        for byte in &mut bytes {
            let part = parts.next().filter(|part| part.len() == 2 && !part.starts_with('+')).ok_or_else(unreadable)?;
            *byte = u8::from_str_radix(part, 16).map_err(|_| unreadable())?;
        }
        if parts.next().is_some() { Err(unreadable()) } else { Ok(MacAddress(bytes)) }
    }
}

impl TryFrom<String> for MacAddress {
    type Error = FrameError;
    fn try_from(text: String) -> Result<Self, FrameError> {
        text.parse()
    }
}

impl From<MacAddress> for String {
    fn from(mac: MacAddress) -> String {
        mac.to_string()
    }
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn group_addresses_and_zero_are_not_unicast() {
        for (text, unicast) in [
            ("02:00:00:00:00:01", true),
            ("52:54:00:00:00:01", true),
            ("00:00:00:00:01:00", true),
            ("00:00:00:00:00:00", false),
            ("01:00:5e:00:00:01", false),
            ("33:33:00:00:00:01", false),
            ("ff:ff:ff:ff:ff:ff", false),
        ] {
            assert_eq!(text.parse::<MacAddress>().unwrap().is_unicast(), unicast, "{text}");
        }
    }

    #[test]
    fn addresses_survive_being_written_and_bad_ones_are_refused() {
        let mac = MacAddress([0x02, 0, 0xab, 0xcd, 0xef, 0x01]);
        assert_eq!(mac.to_string().parse::<MacAddress>().unwrap(), mac);
        for bad in ["", "02:00:00:00:00", "02:00:00:00:00:01:02", "2:0:0:0:0:1", "02:00:00:00:00:zz", "+2:00:00:00:00:01"] {
            assert!(bad.parse::<MacAddress>().is_err(), "{bad}");
        }
    }
}
