use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{FrameSize, Seconds, UnitError};

macro_rules! rate_type {
    ($(#[$doc:meta])* $name:ident, $what:literal, $unit:literal, $ctor:ident, $getter:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
        #[serde(try_from = "f64", into = "f64")]
        pub struct $name(f64);

        impl $name {
            /// Zero.
            pub const ZERO: $name = $name(0.0);

            /// A rate that is finite and not negative.
            pub fn $ctor(value: f64) -> Result<Self, UnitError> {
                if value.is_finite() && value >= 0.0 {
                    Ok($name(value))
                } else {
                    Err(UnitError::OutOfRange { what: $what, value: format!(concat!("{} ", $unit), value), allowed: "finite and not negative".to_owned() })
                }
            }

            /// The value in base units.
            pub const fn $getter(self) -> f64 {
                self.0
            }
        }

        impl TryFrom<f64> for $name {
            type Error = UnitError;
            fn try_from(value: f64) -> Result<Self, UnitError> {
                $name::$ctor(value)
            }
        }

        impl From<$name> for f64 {
            fn from(rate: $name) -> f64 {
                rate.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_scaled(f, self.0, $unit)
            }
        }
    };
}

rate_type! {
    /// Frames per second.
    PacketRate, "packet rate", "pps", new, pps
}
rate_type! {
    /// Layer-1 bits per second: frames with preamble and inter-frame gap, 8·(L+20) bits each.
    L1Rate, "layer-1 rate", "bit/s", new, bps
}
rate_type! {
    /// Layer-2 bits per second: frames with their FCS, 8·L bits each.
    L2Rate, "layer-2 rate", "bit/s", new, bps
}
rate_type! {
    /// Bits per second of application payload.
    Goodput, "goodput", "bit/s", new, bps
}

impl PacketRate {
    /// For constants of this crate: finite and not negative by their writing.
    pub(crate) const fn of_known(pps: f64) -> Self {
        PacketRate(pps)
    }

    /// For values this crate computed itself and knows to be finite and not negative; anything else becomes zero.
    pub(crate) fn from_pps_lossy(pps: f64) -> Self {
        PacketRate::new(pps).unwrap_or(PacketRate::ZERO)
    }

    /// `frames` over `seconds`; zero where no time passed.
    pub fn from_count(frames: u64, seconds: f64) -> Self {
        if seconds > 0.0 { Self::from_pps_lossy(frames as f64 / seconds) } else { PacketRate::ZERO }
    }

    /// The rate of frames of which the first and the last were `seconds` apart: as many gaps as frames less one. None where there is no such
    /// time: the rate is then unknown, and not 0. Without frames the rate is 0.
    pub fn between(frames: u64, seconds: f64) -> Option<Self> {
        match frames {
            0 => Some(PacketRate::ZERO),
            _ => (frames > 1 && seconds > 0.0).then(|| Self::from_count(frames - 1, seconds)),
        }
    }

    /// How long so many frames take at this rate; no time at a rate of zero.
    pub fn time_of(self, frames: u64) -> Seconds {
        if self.0 > 0.0 { Seconds::lossy(frames as f64 / self.0) } else { Seconds::ZERO }
    }

    /// The rate of so many senders of this rate together.
    pub fn times(self, senders: u16) -> Self {
        Self::from_pps_lossy(self.0 * f64::from(senders))
    }

    /// What each of so many senders contributes to this rate; the whole rate where there is none.
    pub fn shared_by(self, senders: u16) -> Self {
        PacketRate(self.0 / f64::from(senders.max(1)))
    }

    /// Bits per second on the wire, preamble and gap included.
    pub fn l1(self, size: FrameSize) -> L1Rate {
        L1Rate(self.0 * 8.0 * f64::from(size.on_wire()))
    }

    /// Bits per second of frames, FCS included.
    pub fn l2(self, size: FrameSize) -> L2Rate {
        L2Rate(self.0 * 8.0 * f64::from(size.bytes()))
    }

    /// Bits per second of IPv4/UDP payload (L − 46 bytes a frame).
    pub fn udp4_goodput(self, size: FrameSize) -> Goodput {
        Goodput(self.0 * 8.0 * f64::from(size.udp4_payload()))
    }
}

impl L1Rate {
    /// `frames` of `bytes` bytes together, FCS included, in `seconds`; zero where no time passed.
    pub fn of_frames(frames: u64, bytes: u64, seconds: f64) -> Self {
        let gaps = frames * u64::from(super::INTERFRAME_OVERHEAD);
        L1Rate(L2Rate::of_frames(bytes + gaps, seconds).0)
    }

    /// The packet rate that makes this rate at this frame size.
    pub fn packets(self, size: FrameSize) -> PacketRate {
        PacketRate(self.0 / (8.0 * f64::from(size.on_wire())))
    }
}

impl L2Rate {
    /// Frames of `bytes` bytes together, FCS included, in `seconds`; zero where no time passed.
    pub fn of_frames(bytes: u64, seconds: f64) -> Self {
        if seconds > 0.0 { L2Rate(8.0 * bytes as f64 / seconds) } else { L2Rate::ZERO }
    }

    /// The packet rate that makes this rate at this frame size.
    pub fn packets(self, size: FrameSize) -> PacketRate {
        PacketRate(self.0 / (8.0 * f64::from(size.bytes())))
    }
}

impl FromStr for PacketRate {
    type Err = UnitError;

    /// Reads `1Mpps`, `250kpps`, `1e6pps`, `1000000`.
    fn from_str(text: &str) -> Result<Self, UnitError> {
        match parse_scaled(text) {
            Some((value, "pps" | "fps" | "")) => PacketRate::new(value),
            _ => Err(UnitError::Unreadable {
                text: text.to_owned(),
                what: "packet rate",
                example: "packets per second such as 1Mpps or 250kpps",
            }),
        }
    }
}

/// Splits `10.5Gbps` into (10.5e9, "bps"). SI prefixes, powers of 1000.
pub(super) fn parse_scaled(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let end = text
        .char_indices()
        .find(|&(i, c)| {
            let exponent = matches!(c, 'e' | 'E') && text[i + 1..].starts_with(|n: char| n.is_ascii_digit() || n == '-' || n == '+');
            let sign = matches!(c, '-' | '+') && (i == 0 || text[..i].ends_with(['e', 'E']));
            !(c.is_ascii_digit() || matches!(c, '.' | '_') || exponent || sign)
        })
        .map_or(text.len(), |(i, _)| i);
    let digits = text[..end].replace('_', "");
    let value: f64 = digits.parse().ok()?;
    let unit = text[end..].trim_start();
    let (exponent, unit) = match unit.as_bytes().first() {
        Some(b'k' | b'K') => (3, &unit[1..]),
        Some(b'M') => (6, &unit[1..]),
        Some(b'G') => (9, &unit[1..]),
        Some(b'T') => (12, &unit[1..]),
        _ => (0, unit),
    };
    // Read as one decimal number: 16.1k is 16100, and 16.1 times 1000 is 16100.000000000002.
    let scaled = if digits.contains(['e', 'E']) { value * 10f64.powi(exponent) } else { format!("{digits}e{exponent}").parse().ok()? };
    scaled.is_finite().then_some((scaled, unit))
}

/// Writes 37202380 "pps" as `37.20 Mpps`: four significant digits, SI prefix.
pub(super) fn write_scaled(f: &mut fmt::Formatter<'_>, value: f64, unit: &str) -> fmt::Result {
    let (scaled, prefix) = match value {
        v if v >= 1e12 => (v / 1e12, "T"),
        v if v >= 1e9 => (v / 1e9, "G"),
        v if v >= 1e6 => (v / 1e6, "M"),
        v if v >= 1e3 => (v / 1e3, "k"),
        v => (v, ""),
    };
    let decimals = if scaled >= 1000.0 || (prefix.is_empty() && scaled.fract() == 0.0) {
        0
    } else if scaled >= 100.0 {
        1
    } else if scaled >= 10.0 {
        2
    } else {
        3
    };
    write!(f, "{scaled:.decimals$} {prefix}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_read_as_people_write_them() {
        for (text, pps) in [("1Mpps", 1e6), ("250 kpps", 250e3), ("1e6pps", 1e6), ("1_000", 1e3), ("14.88Mpps", 14.88e6)] {
            assert_eq!(text.parse::<PacketRate>().unwrap().pps(), pps, "{text}");
        }
        for (text, pps) in [("16.1kpps", 16_100.0), ("2.3Mpps", 2.3e6), ("1.1e3kpps", 1.1e6), ("0.57kpps", 570.0)] {
            assert_eq!(text.parse::<PacketRate>().unwrap().pps(), pps, "{text}: the decimal number, not a product");
        }
        for text in ["", "-1Mpps", "1Mbps", "fast", "nan", "1MMpps", "e", "1e"] {
            assert!(text.parse::<PacketRate>().is_err(), "{text}");
        }
    }

    #[test]
    fn layers_differ_by_exactly_the_bytes_they_count() {
        let (rate, size) = (PacketRate::new(37_202_380.0).unwrap(), FrameSize::MIN);
        assert_eq!(rate.l1(size).bps(), 37_202_380.0 * 84.0 * 8.0);
        assert_eq!(rate.l2(size).bps(), 37_202_380.0 * 64.0 * 8.0);
        assert_eq!(rate.udp4_goodput(size).bps(), 37_202_380.0 * 18.0 * 8.0);
        assert_eq!(rate.l2(size).packets(size), rate);
    }

    #[test]
    fn a_few_frames_have_as_many_gaps_as_frames_less_one() {
        // Two frames 1.03 s apart are 0.97 a second, not 1.94.
        let between = |frames, seconds| PacketRate::between(frames, seconds).map(PacketRate::pps);
        assert_eq!((between(2, 1.25), between(11, 2.0)), (Some(0.8), Some(5.0)));
        assert_eq!((between(0, 0.0), between(1, 0.0), between(64, 0.0)), (Some(0.0), None, None));
    }

    #[test]
    fn bits_of_frames_that_differ_are_those_of_their_bytes() {
        // 28 frames of 64 bytes in a millisecond.
        assert_eq!(L2Rate::of_frames(28 * 64, 1e-3).bps(), 28.0 * 64.0 * 8.0 / 1e-3);
        assert_eq!(L1Rate::of_frames(28, 28 * 64, 1e-3).bps(), 28.0 * 84.0 * 8.0 / 1e-3);
        assert_eq!(L1Rate::of_frames(1, 64, 0.0), L1Rate::ZERO);
    }

    #[test]
    fn display_keeps_four_digits() {
        assert_eq!(PacketRate::new(37_202_380.0).unwrap().to_string(), "37.20 Mpps");
        assert_eq!(L1Rate::new(999.0).unwrap().to_string(), "999 bit/s");
    }
}
