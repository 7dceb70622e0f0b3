use std::fmt;

use serde::{Deserialize, Serialize};

use crate::record::{Metric, Record, Stack};

/// A number that records hold, by name: what the analysis compares and the figures draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quantity {
    /// Frames a second that arrived.
    ForwardingRate,
    /// Received rate with preamble and gap.
    Layer1,
    /// Received rate of frames.
    Layer2,
    /// Received payload.
    Goodput,
    /// Mean round trip.
    RttMean,
    /// Shortest round trip.
    RttMin,
    /// Median round trip.
    RttP50,
    /// 90th percentile.
    RttP90,
    /// 99th percentile.
    RttP99,
    /// 99.9th percentile.
    RttP999,
    /// 99.99th percentile.
    RttP9999,
    /// Longest round trip.
    RttMax,
    /// Cores in use, both ends together.
    Cores,
    /// Busy cycles a frame at the receiver.
    CyclesPerFrame,
}

/// What a quantity is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
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

impl Quantity {
    /// The round-trip quantities, shortest first.
    pub const RTT: [Quantity; 8] = [
        Quantity::RttMin,
        Quantity::RttP50,
        Quantity::RttMean,
        Quantity::RttP90,
        Quantity::RttP99,
        Quantity::RttP999,
        Quantity::RttP9999,
        Quantity::RttMax,
    ];

    /// The quantity's value in base units, where the record holds it.
    pub fn of(self, record: &Record) -> Option<f64> {
        let values = &record.values;
        let rtt = |pick: fn(&crate::record::RttSummary) -> Option<f64>| values.rtt_ns.as_ref().and_then(pick);
        let value = match self {
            Quantity::ForwardingRate => values.forwarding_pps.map(f64::from),
            Quantity::Layer1 => values.l1_bps.map(f64::from),
            Quantity::Layer2 => values.l2_bps.map(f64::from),
            Quantity::Goodput => values.goodput_bps.map(f64::from),
            Quantity::RttMean => rtt(|r| r.mean),
            Quantity::RttMin => rtt(|r| r.min),
            Quantity::RttP50 => rtt(|r| r.p50),
            Quantity::RttP90 => rtt(|r| r.p90),
            Quantity::RttP99 => rtt(|r| r.p99),
            Quantity::RttP999 => rtt(|r| r.p999),
            Quantity::RttP9999 => rtt(|r| r.p9999),
            Quantity::RttMax => rtt(|r| r.max),
            Quantity::Cores => record.cpu.as_ref().and_then(|cpu| {
                let cores = |end: &Option<crate::record::EndCost>| end.as_ref().and_then(|e| e.cores);
                match (cores(&cpu.sender), cores(&cpu.receiver)) {
                    // Machine-wide figures of one machine hold both ends already; poll loops are counted one by one.
                    (Some(a), Some(b)) if cpu.shared_machine && record.stack.is_kernel() => Some(a.max(b)),
                    (Some(a), Some(b)) => Some(a + b),
                    (a, b) => a.or(b),
                }
            }),
            Quantity::CyclesPerFrame => record.cpu.as_ref().and_then(|cpu| cpu.receiver.as_ref().and_then(|end| end.cycles_per_frame)),
        };
        value.filter(|v| v.is_finite() && *v >= 0.0)
    }

    /// What a record is judged by: the rate its tool measures, or the round trip it gives.
    pub fn headline(stack: Stack, metric: Metric) -> &'static [Quantity] {
        match (metric, stack.is_kernel()) {
            (Metric::Throughput, false) => &[Quantity::ForwardingRate, Quantity::Goodput],
            (Metric::Throughput, true) => &[Quantity::Goodput],
            (Metric::Latency, _) => &[Quantity::RttP50, Quantity::RttMean, Quantity::RttP99],
            _ => &[],
        }
    }

    /// The unit of the base value.
    pub const fn unit(self) -> Unit {
        match self {
            Quantity::ForwardingRate => Unit::PacketsPerSecond,
            Quantity::Layer1 | Quantity::Layer2 | Quantity::Goodput => Unit::BitsPerSecond,
            Quantity::Cores => Unit::Cores,
            Quantity::CyclesPerFrame => Unit::Cycles,
            _ => Unit::Nanoseconds,
        }
    }

    /// In words, as a column or an axis is headed.
    pub const fn name(self) -> &'static str {
        match self {
            Quantity::ForwardingRate => "forwarding rate",
            Quantity::Layer1 => "layer-1 rate",
            Quantity::Layer2 => "layer-2 rate",
            Quantity::Goodput => "goodput",
            Quantity::RttMean => "mean RTT",
            Quantity::RttMin => "shortest RTT",
            Quantity::RttP50 => "median RTT",
            Quantity::RttP90 => "p90 RTT",
            Quantity::RttP99 => "p99 RTT",
            Quantity::RttP999 => "p99.9 RTT",
            Quantity::RttP9999 => "p99.99 RTT",
            Quantity::RttMax => "longest RTT",
            Quantity::Cores => "cores in use",
            Quantity::CyclesPerFrame => "cycles a frame",
        }
    }

    /// Whether more is better: rates yes, delays and costs no.
    pub const fn higher_is_better(self) -> bool {
        matches!(self.unit(), Unit::PacketsPerSecond | Unit::BitsPerSecond)
    }

    /// A value of this quantity.
    pub const fn amount(self, value: f64) -> Amount {
        Amount { unit: self.unit(), value }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A number with its unit, in the unit's base (frames/s, bit/s, ns …).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Amount {
    /// Counted in.
    pub unit: Unit,
    /// How many.
    pub value: f64,
}

impl Unit {
    /// The symbol that stands after a scaled number.
    pub const fn symbol(self) -> &'static str {
        match self {
            Unit::PacketsPerSecond => "pps",
            Unit::BitsPerSecond => "b/s",
            Unit::Nanoseconds => "s",
            Unit::Bytes => "B",
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
            Unit::Bytes | Unit::Cycles | Unit::Frames | Unit::Runs if value.fract() == 0.0 => write!(f, "{value:.0} {prefix}{symbol}"),
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
            (Unit::Ratio, 5.0, "5.00×"),
            (Unit::Percent, -5.21, "-5.21 %"),
        ] {
            assert_eq!(Amount { unit, value }.to_string(), text);
        }
    }
}
