use std::fmt;

use serde::{Deserialize, Serialize};

use crate::amount::{Amount, Unit};
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
    /// Time of the receiver's poll loops for each frame.
    BusyPerFrame,
    /// The same in cycles, where its clock counts cycles.
    CyclesPerFrame,
    /// Time to move a file.
    TransferTime,
    /// Of that, the TLS handshake.
    HandshakeTime,
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
                    // Machine-wide figures of one machine hold both ends already; linerate's poll loops are counted one by one.
                    (Some(a), Some(b)) if cpu.shared_machine && (record.stack.is_kernel() || record.stack == Stack::Verbs) => {
                        Some(a.max(b))
                    }
                    (Some(a), Some(b)) => Some(a + b),
                    // One end of two machines would pass for both.
                    (a, b) if cpu.shared_machine && (record.stack.is_kernel() || record.stack == Stack::Verbs) => a.or(b),
                    _ => None,
                }
            }),
            Quantity::BusyPerFrame => record.cpu.as_ref().and_then(|cpu| cpu.receiver.as_ref()?.busy_ns_per_frame()),
            Quantity::CyclesPerFrame => record.cpu.as_ref().and_then(|cpu| cpu.receiver.as_ref().and_then(|end| end.cycles_per_frame)),
            Quantity::TransferTime => values.transfer_s.map(|seconds| seconds * 1e9),
            Quantity::HandshakeTime => values.handshake_s.map(|seconds| seconds * 1e9),
        };
        value.filter(|v| v.is_finite() && *v >= 0.0)
    }

    /// What a record is judged by: the rate its tool measures, or the round trip it gives.
    pub fn headline(stack: Stack, metric: Metric) -> &'static [Quantity] {
        match (metric, stack.is_kernel()) {
            (Metric::Throughput, false) => &[Quantity::ForwardingRate, Quantity::Goodput],
            (Metric::Throughput, true) => &[Quantity::Goodput],
            (Metric::TransferTime, _) => &[Quantity::TransferTime],
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
            Quantity::BusyPerFrame => "time a frame",
            Quantity::CyclesPerFrame => "cycles a frame",
            Quantity::TransferTime => "transfer time",
            Quantity::HandshakeTime => "handshake time",
        }
    }

    /// Whether more is better: rates yes, delays and costs no.
    pub const fn higher_is_better(self) -> bool {
        matches!(self.unit(), Unit::PacketsPerSecond | Unit::BitsPerSecond)
    }

    /// How much worse a ratio of two values is, 0.05 for 5 %; negative where it is better.
    pub fn worse_by(self, ratio: f64) -> f64 {
        if self.higher_is_better() { 1.0 - ratio } else { ratio - 1.0 }
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
