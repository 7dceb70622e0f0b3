use std::fmt;

use serde::Serialize;

use super::{Configuration, Quantity, statistics};
use crate::record::{Members, Metric, Pair, Record, Size, SizeKind, Stack, View};

/// What repetitions of one measurement have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct CellKey {
    /// From where to where.
    pub pair: Pair,
    /// What carried the traffic.
    pub stack: Stack,
    /// What was measured.
    pub metric: Metric,
    /// By which procedure.
    pub method: String,
    /// How large.
    pub size: SizeKey,
    /// In which view it belongs.
    pub view: Option<View>,
    /// At which intended load.
    pub load: Option<String>,
    /// Set up how.
    pub configuration: Configuration,
    /// The pairs that sent at the same time, this one included; none for a pair that was measured alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<Members>,
}

impl CellKey {
    /// What was measured, however it was set up.
    pub fn measurement(&self) -> CellKey {
        CellKey { configuration: Configuration::default(), ..self.clone() }
    }
}

/// A [`Size`] that can be ordered: by kind, then by bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct SizeKey {
    /// What the bytes count.
    pub kind: SizeKind,
    /// Bytes.
    pub bytes: u32,
}

/// Bytes that an Ethernet frame with IPv4 and UDP adds to its payload (18 + 20 + 8).
const UDP4_OVERHEAD: u32 = 46;

impl SizeKey {
    /// What an application hands over at once: the message, or the UDP payload of a frame.
    pub fn payload_bytes(self) -> u32 {
        match self.kind {
            SizeKind::Frame => self.bytes.saturating_sub(UDP4_OVERHEAD),
            SizeKind::Message | SizeKind::File => self.bytes,
        }
    }
}

impl From<Size> for SizeKey {
    fn from(size: Size) -> Self {
        SizeKey { kind: size.kind, bytes: size.bytes }
    }
}

impl fmt::Display for SizeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Size { kind: self.kind, bytes: self.bytes }.fmt(f)
    }
}

/// The repetitions of one measurement.
#[derive(Debug, Clone)]
pub struct Cell<'a> {
    /// What they have in common.
    pub key: CellKey,
    /// Those that can be trusted.
    pub valid: Vec<&'a Record>,
    /// Those that were measured but are spoilt.
    pub invalid: Vec<&'a Record>,
    /// How many gave no result.
    pub failed: usize,
    pub(super) drawn: bool,
    pub(super) chosen: bool,
}

/// A cell's values of one quantity.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sample {
    /// Of what.
    pub quantity: Quantity,
    /// In base units, in the order of the records.
    pub values: Vec<f64>,
    /// Whether they come from valid records.
    pub trusted: bool,
}

impl Sample {
    /// The sample's mean (one value: that value).
    pub fn centre(&self) -> f64 {
        statistics::mean(&self.values).unwrap_or(f64::NAN)
    }

    /// The sample's geometric mean, which ratios and changes are made of.
    pub fn geometric_mean(&self) -> f64 {
        statistics::geometric_mean(&self.values).unwrap_or(f64::NAN)
    }

    /// Lowest and highest value.
    pub fn range(&self) -> (f64, f64) {
        self.values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v)))
    }
}

impl<'a> Cell<'a> {
    /// The values of valid records; where there are none, those of invalid records, marked as not trusted.
    pub fn sample(&self, quantity: Quantity) -> Option<Sample> {
        let of = |records: &[&Record]| -> Vec<f64> { records.iter().filter_map(|r| quantity.of(r)).collect() };
        let valid = of(&self.valid);
        if !valid.is_empty() {
            return Some(Sample { quantity, values: valid, trusted: true });
        }
        let invalid = of(&self.invalid);
        (!invalid.is_empty()).then_some(Sample { quantity, values: invalid, trusted: false })
    }

    /// The records that [`sample`](Self::sample) draws on.
    pub fn shown(&self) -> &[&'a Record] {
        if self.valid.is_empty() { &self.invalid } else { &self.valid }
    }

    /// Whether this is a point of the report's throughput figures: kernel goodput, and DPDK at maximum load (`mrr`); in a run without
    /// `mrr`, DPDK by the procedure that most results come from. Of several configurations, the chosen one.
    pub fn is_throughput_curve(&self) -> bool {
        self.drawn && self.chosen
    }

    /// Whether the cell's configuration is the one that figures and conclusions rest on, where there are several.
    pub fn is_chosen(&self) -> bool {
        self.chosen
    }
}
