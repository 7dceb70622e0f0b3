//! A number with its unit, and how it is written: three significant digits with an SI prefix.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A number with its unit, in the unit's base (frames/s, bit/s, ns …).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Amount {
    /// Counted in.
    pub unit: Unit,
    /// How many.
    pub value: f64,
}

/// What a quantity is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Frames a second.
    PacketsPerSecond,
    /// Bits a second.
    BitsPerSecond,
    /// Nanoseconds.
    Nanoseconds,
    /// Bytes.
    Bytes,
    /// Bytes of files, which are large: with decimal prefixes.
    FileBytes,
    /// Cores.
    Cores,
    /// Processor cycles.
    Cycles,
    /// Frames.
    Frames,
    /// A factor between two results.
    Ratio,
    /// A change in per cent.
    Percent,
    /// Runs, by their number in the order of time.
    Runs,
}

impl Unit {
    /// The symbol that stands after a scaled number.
    pub const fn symbol(self) -> &'static str {
        match self {
            Unit::PacketsPerSecond => "pps",
            Unit::BitsPerSecond => "b/s",
            Unit::Nanoseconds => "s",
            Unit::Bytes | Unit::FileBytes => "B",
            Unit::Cores => "cores",
            Unit::Cycles => "cycles",
            Unit::Frames => "frames",
            Unit::Ratio => "×",
            Unit::Percent => "%",
            Unit::Runs => "runs",
        }
    }
}

impl fmt::Display for Amount {
    /// `37.2 Mpps`, `9.41 Gb/s`, `12.4 µs`: three significant digits with an SI prefix.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (value, prefix, symbol) = scaled(self.value, self.unit);
        match self.unit {
            Unit::Ratio | Unit::Percent => {
                write!(f, "{}{}{symbol}", three_digits(value), if self.unit == Unit::Percent { " " } else { "" })
            }
            // Bytes, cycles and frames are counted: they have no fractions unless they are means.
            Unit::Bytes | Unit::FileBytes | Unit::Cycles | Unit::Frames | Unit::Runs if value.fract() == 0.0 => {
                write!(f, "{value:.0} {prefix}{symbol}")
            }
            _ => write!(f, "{} {prefix}{symbol}", three_digits(value)),
        }
    }
}

/// The number as it is written before the prefix and the symbol.
pub(crate) fn scaled(value: f64, unit: Unit) -> (f64, &'static str, &'static str) {
    let magnitude = value.abs();
    match unit {
        Unit::Nanoseconds => match magnitude {
            v if v >= 1e9 => (value / 1e9, "", "s"),
            v if v >= 1e6 => (value / 1e6, "m", "s"),
            v if v >= 1e3 => (value / 1e3, "µ", "s"),
            _ => (value, "n", "s"),
        },
        Unit::PacketsPerSecond | Unit::BitsPerSecond | Unit::Frames => {
            let (scaled, prefix) = match magnitude {
                v if v >= 1e12 => (value / 1e12, "T"),
                v if v >= 1e9 => (value / 1e9, "G"),
                v if v >= 1e6 => (value / 1e6, "M"),
                v if v >= 1e3 && unit != Unit::Frames => (value / 1e3, "k"),
                v if v >= 1e5 => (value / 1e3, "k"),
                _ => (value, ""),
            };
            (scaled, prefix, unit.symbol())
        }
        Unit::FileBytes => match magnitude {
            v if v >= 1e9 => (value / 1e9, "G", "B"),
            v if v >= 1e6 => (value / 1e6, "M", "B"),
            v if v >= 1e3 => (value / 1e3, "k", "B"),
            _ => (value, "", "B"),
        },
        _ => (value, "", unit.symbol()),
    }
}

/// Three significant digits: 0.331, 5.02, 37.2, 149, 1500.
pub(crate) fn three_digits(value: f64) -> String {
    let magnitude = value.abs();
    let decimals = match magnitude {
        0.0 => 0,
        v if v >= 99.95 => 0,
        v if v >= 9.995 => 1,
        v if v >= 0.9995 => 2,
        v if v >= 0.0995 => 3,
        _ => 4,
    };
    format!("{value:.decimals$}")
}

/// `1 trial`, `4 trials`.
pub(crate) fn counted(count: usize, what: &str) -> String {
    counted_as(count, what, &format!("{what}s"))
}

/// `1 directory`, `4 directories`.
pub(crate) fn counted_as(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// A ratio as a change: `+4.50 %`, `-4.50 %`.
pub(crate) fn signed_percent(ratio: f64) -> String {
    let value = (ratio - 1.0) * 100.0;
    format!("{}{}", if value > 0.0 { "+" } else { "" }, Amount { unit: Unit::Percent, value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_as_people_write_them() {
        for (unit, value, text) in [
            (Unit::BitsPerSecond, 331e6, "331 Mb/s"),
            (Unit::BitsPerSecond, 9.412e9, "9.41 Gb/s"),
            (Unit::PacketsPerSecond, 37_202_380.0, "37.2 Mpps"),
            (Unit::Nanoseconds, 12_440.0, "12.4 µs"),
            (Unit::Nanoseconds, 950.0, "950 ns"),
            (Unit::FileBytes, 1e8, "100 MB"),
            (Unit::FileBytes, 1.5e6, "1.50 MB"),
            (Unit::Ratio, 5.0, "5.00×"),
            (Unit::Percent, -5.21, "-5.21 %"),
        ] {
            assert_eq!(Amount { unit, value }.to_string(), text);
        }
    }
}
