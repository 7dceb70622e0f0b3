use serde::{Deserialize, Serialize};

use crate::units::Nanoseconds;

/// What a delay is measured between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DelayDefinition {
    /// From before the generator hands the frame to its port until it has it back from a reflector; one clock.
    RoundTripSoftware,
    /// The same with the time the frame spent inside the reflector taken off.
    RoundTripWithoutResidence,
    /// Last bit in to first bit out of a store-and-forward device (RFC 1242 §3.8).
    StoreAndForward,
    /// First bit in to first bit out of a bit-forwarding device (RFC 1242 §3.8).
    BitForwarding,
    /// One way between two clocks that are held together.
    OneWay,
}

/// The delays of one direction of one trial. Percentiles are nearest-rank: values that were really seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DelaySummary {
    /// Between which two events.
    pub definition: DelayDefinition,
    /// Delays that were measured.
    pub count: u64,
    /// The smallest.
    #[serde(rename = "min_ns")]
    pub min: Nanoseconds,
    /// The mean, to a nanosecond.
    #[serde(rename = "mean_ns")]
    pub mean: Nanoseconds,
    /// The median.
    #[serde(rename = "p50_ns")]
    pub p50: Nanoseconds,
    /// 90 % are not above this.
    #[serde(rename = "p90_ns")]
    pub p90: Nanoseconds,
    /// 99 % are not above this.
    #[serde(rename = "p99_ns")]
    pub p99: Nanoseconds,
    /// 99.9 % are not above this.
    #[serde(rename = "p999_ns")]
    pub p999: Nanoseconds,
    /// 99.99 % are not above this.
    #[serde(rename = "p9999_ns")]
    pub p9999: Nanoseconds,
    /// The largest.
    #[serde(rename = "max_ns")]
    pub max: Nanoseconds,
    /// Differences between neighbours, where frames could be taken in sending order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipdv: Option<IpdvSummary>,
    /// Every delay, where the measurer keeps them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub histogram: Option<DelayHistogram>,
}

/// An HdrHistogram of every delay (V2 + DEFLATE, base64), or where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DelayHistogram {
    /// The text itself.
    Text(String),
    /// The file that holds the text, relative to what holds the summary: summaries are kept in lines of results, which megabytes help nobody in.
    File(String),
}

/// Inter-packet delay variation D(i) − D(i−1) in nanoseconds, signed (RFC 3393; RFC 8219 §7.3.2 asks for these three).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IpdvSummary {
    /// The smallest difference.
    pub min_ns: i64,
    /// The median difference.
    pub median_ns: i64,
    /// The largest difference.
    pub max_ns: i64,
}
