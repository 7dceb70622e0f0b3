use methodology::units::PacketRate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{RttSummary, ShownParameter};

/// The tester's own share of a round trip: what the sender's poll loop measures where each of its frames comes back at once. It stands beside a
/// result and is never subtracted from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// The round trips; none where it failed.
    pub rtt: Option<RttSummary>,
    /// How they were taken.
    pub how: CalibrationMethod,
}

/// How a calibration was taken: at the size and the intended load of the record that it stands in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CalibrationMethod {
    /// Whether to believe it.
    pub state: CalibrationState,
    /// What disturbed it, or why there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// When it ended: records of one run with the same sender, size and load share one.
    pub time: jiff::Timestamp,
    /// The port that gave each frame back.
    pub port: String,
    /// The CPU of the poll loop, the same as the record's sender had; the agent's own choice where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<u32>,
    /// Frames a second that were really sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<f64>")]
    pub offered_pps: Option<PacketRate>,
    /// How long they were sent, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_s: Option<f64>,
}

/// How far a calibration can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CalibrationState {
    /// The poll loop had its CPU, and sent what it should.
    Undisturbed,
    /// It was measured, and something else was measured with it.
    Disturbed,
    /// There are no round trips.
    Failed,
}

impl Calibration {
    /// Notes it among the parameters of a record.
    pub fn note(&self, parameters: &mut Map<String, Value>) {
        if let Some(rtt) = &self.rtt {
            ShownParameter::CALIBRATION_RTT_NS.note(parameters, json!(rtt));
        }
        ShownParameter::CALIBRATION.note(parameters, json!(self.how));
    }
}

/// The round trips of the tester alone among the parameters of a record. One number alone is a median (`docs/results.md`).
pub(super) fn rtt_of(parameters: &Map<String, Value>) -> Option<RttSummary> {
    let value = ShownParameter::CALIBRATION_RTT_NS.of(parameters)?;
    let median = value.as_f64().map(|p50| RttSummary { p50: Some(p50), ..RttSummary::default() });
    median.or_else(|| RttSummary::deserialize(value).ok())
}

/// How they were taken, where the parameters say so.
pub(super) fn method_of(parameters: &Map<String, Value>) -> Option<CalibrationMethod> {
    CalibrationMethod::deserialize(ShownParameter::CALIBRATION.of(parameters)?).ok()
}
