//! One measurement as it is kept in `results.jsonl`: who measured, what, under which load, what came out, and whether it can be trusted.
//!
//! Values are in base units; every latency is a round trip in nanoseconds. `docs/results.md` describes the format for readers of the files.

mod best;
mod calibration;
mod cost;
pub(crate) mod directions;
mod group;
mod identity;
mod json_name;
mod shown_parameter;
mod stack;
mod values;
mod verdict;

use methodology::procedures::Measured;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use best::{BEST, BestOf, CombinationRate, CombinationWithout};
pub use calibration::{Calibration, CalibrationMethod, CalibrationState};
pub use cost::{Ceiling, CeilingKind, CoreUse, CpuCost, EndCost, QueueUse};
pub use directions::{DirectionResult, InterfaceBytes};
pub use group::{MemberResult, Members, PairGroup};
pub use identity::{EndpointId, Metric, NotAPair, Pair, RecordId, SchemaVersion, Size, SizeKind, Tool, View};
pub(crate) use json_name::json_name;
pub use shown_parameter::ShownParameter;
pub use stack::{DataPath, ReportView, Stack};
pub use values::{LatencyDefinition, LossDomains, RttSummary, Values};
pub use verdict::{Reason, ReasonKind, State, Verdict};

/// One line of `results.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Record {
    /// The format's version.
    pub schema: SchemaVersion,
    /// Unique within the run.
    pub id: RecordId,
    /// When the measurement ended.
    pub time: jiff::Timestamp,
    /// From which endpoint to which.
    pub pair: Pair,
    /// What carried the traffic.
    pub stack: Stack,
    /// What measured it.
    pub tool: Tool,
    /// What was measured.
    pub metric: Metric,
    /// The procedure, by name: `mrr`, `ndr-pdr`, `stream`, `ping-pong` …
    pub method: String,
    /// The procedure's parameters, and what it found beyond `values` (goals, bounds, trials, deviations).
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[schemars(with = "KnownParameters")]
    pub parameters: Map<String, Value>,
    /// How large, and counted how.
    pub size: Size,
    /// Which of the report's two views the record belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<View>,
    /// The intended load as it was asked for (`max`, `1Mpps`, `50%`); absent where the tool has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<String>,
    /// Which repetition of the same measurement, from 1.
    #[serde(default = "first_repetition")]
    pub repetition: u32,
    /// How long traffic ran, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_s: Option<f64>,
    /// The results.
    pub values: Values,
    /// What the result cannot exceed, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ceiling: Option<Ceiling>,
    /// What the measurement cost in processor time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<CpuCost>,
    /// The tool's own output, relative to the run directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
    /// SHA-256 of the plan, the testbed and `environment.json` that the record was made under.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub provenance: Map<String, Value>,
    /// Whether to believe it.
    pub verdict: Verdict,
}

/// A record's parameters: what has a shape of its own, among much that is free.
#[derive(JsonSchema)]
#[allow(dead_code, reason = "only its schema is used")]
struct KnownParameters {
    /// How the round trips in `calibration_rtt_ns` were taken.
    calibration: Option<CalibrationMethod>,
    /// The pairs that were measured at the same time; absent for a pair that was measured alone.
    group: Option<PairGroup>,
    #[schemars(flatten)]
    free: Map<String, Value>,
}

impl Record {
    /// The round trips of the tester alone, where they were measured.
    pub fn calibration_rtt(&self) -> Option<RttSummary> {
        calibration::rtt_of(&self.parameters)
    }

    /// How the round trips of the tester alone were measured, where the record says so.
    pub fn calibration_method(&self) -> Option<CalibrationMethod> {
        calibration::method_of(&self.parameters)
    }

    /// What each direction did, where both ends sent at the same time; empty where one end sent.
    pub fn directions(&self) -> Vec<DirectionResult> {
        directions::of(&self.parameters)
    }

    /// Replaces what each direction did.
    pub fn set_directions(&mut self, each: &[DirectionResult]) {
        directions::note(each, &mut self.parameters);
    }

    /// The pairs that were measured at the same time as this one; none for a pair that was measured alone.
    pub fn group(&self) -> Option<PairGroup> {
        group::of(&self.parameters)
    }

    /// This record as that of a member of a group.
    pub fn as_member(&self) -> MemberResult<'_> {
        MemberResult { pair: &self.pair, values: &self.values, verdict: &self.verdict }
    }

    /// Whether other pairs were measured at the same time: its rate is not that of the pair alone.
    pub fn is_concurrent(&self) -> bool {
        self.parameter(ShownParameter::GROUP).is_some()
    }

    /// How many elements a list among the parameters has. A record that was read for reports has the number in place of the list.
    pub(crate) fn count_of(&self, parameter: &str) -> usize {
        match self.parameters.get(parameter) {
            Some(Value::Array(elements)) => elements.len(),
            Some(number) => number.as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or(0),
            None => 0,
        }
    }

    /// What a procedure of `methodology` found; nothing where none stands behind the record, or where it says it in a way unknown here.
    pub fn measured(&self) -> Option<Measured> {
        Measured::deserialize(self.parameter(ShownParameter::MEASURED)?).ok()
    }

    /// A parameter that reports show. What makes a report reads the parameters by this function only: others may not have been read from the run.
    pub(crate) fn parameter(&self, key: ShownParameter) -> Option<&Value> {
        key.of(&self.parameters)
    }
}

/// The parameters of which reports show only how many elements they have ([`Record::count_of`]).
pub(crate) const COUNTED_PARAMETERS: [&str; 2] = ["deviations", "trials"];

pub(crate) fn first_repetition() -> u32 {
    1
}
