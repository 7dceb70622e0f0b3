use std::convert::Infallible;

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};
use thiserror::Error;

use super::{Device, SimulatedMeasurer};
use crate::method::{InvalidMethod, IpVersion, MethodSpec};
use crate::procedures::{
    self, BackToBackResult, Conditions, FrameLossResult, KnownRates, LatencyResult, Measured, MethodReport, MethodVerdict, MrrResult,
    OverloadResult, PdvResult, RecoveryResult, ResetResult, RunError, SoakResult, ThroughputResult,
};
use crate::search::{GoalResult, Irregularity};
use crate::trial::{Deviation, Trial, TrialPath};
use crate::units::{Frames, LinkSpeed, LossRatio, PacketRate, Seconds};

/// A method to be tried on a simulated device.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulationRequest {
    /// The device.
    pub device: Device,
    /// The method.
    pub method: MethodSpec,
    /// The frames.
    pub frames: Frames,
    /// The link.
    pub link: LinkSpeed,
}

/// Why a simulation gave no result.
#[derive(Debug, Error)]
pub enum SimulateError {
    /// The method cannot be.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Method(Vec<InvalidMethod>),
    /// The method cannot be done with this device, frames and link.
    #[error(transparent)]
    Run(#[from] RunError<Infallible>),
}

/// What `linerate simulate --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SimulationSummary {
    /// The method's name.
    pub method: &'static str,
    /// The preset's name.
    pub preset: &'static str,
    /// The frames.
    pub size: Frames,
    /// The link's speed.
    pub link_bps: LinkSpeed,
    /// Line rate with these frames.
    pub line_rate_pps: PacketRate,
    /// The path of the search; none where nothing was searched.
    pub search_path: Option<TrialPath>,
    /// One entry for each goal that was searched for.
    pub goals: Vec<GoalSummary>,
    /// Trials in all.
    pub trials: usize,
    /// Their sending time together in simulated seconds.
    pub trial_seconds: Seconds,
    /// Simulated time with all waits, in seconds.
    pub elapsed_seconds: Seconds,
    /// What the procedure calls its results; nothing more for a search.
    #[serde(flatten)]
    pub results: NamedResults,
    /// Departures from the clauses the method is named for.
    pub deviations: Vec<Deviation>,
    /// Whether the result is valid; in JSON the reasons are sentences.
    #[serde(serialize_with = "in_sentences")]
    pub verdict: MethodVerdict,
}

fn in_sentences<S: Serializer>(verdict: &MethodVerdict, serializer: S) -> Result<S::Ok, S::Error> {
    let reasons: Vec<String> = verdict.reasons.iter().map(ToString::to_string).collect();
    let mut fields = serializer.serialize_struct("MethodVerdict", 2)?;
    fields.serialize_field("state", &verdict.state)?;
    fields.serialize_field("reasons", &reasons)?;
    fields.end()
}

/// A goal with its bounds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GoalSummary {
    /// The goal's name.
    pub name: String,
    /// Goal Loss Ratio.
    pub loss_ratio: LossRatio,
    /// Relevant Lower Bound.
    pub lower_bound_pps: Option<PacketRate>,
    /// Relevant Upper Bound.
    pub upper_bound_pps: Option<PacketRate>,
    /// Conditional Throughput, of regular results only.
    pub conditional_throughput_pps: Option<PacketRate>,
    /// Whether the result is regular.
    pub regular: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none", flatten)]
    pub irregularity: Option<Irregularity>,
}

/// The results of a procedure under their own names.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
#[allow(missing_docs, reason = "each is the result type of the method of that name")]
pub enum NamedResults {
    Throughput(ThroughputResult),
    NdrPdr {},
    Latency(LatencyResult),
    Pdv(PdvResult),
    FrameLoss(FrameLossResult),
    BackToBack(BackToBackResult),
    SystemRecovery(RecoveryResult),
    Reset(ResetResult),
    Mrr(MrrResult),
    Overload(OverloadResult),
    Soak(SoakResult),
}

/// Tries a method on a simulated device.
///
/// # Errors
/// [`SimulateError`] where the method cannot be, or not with this link. What the device does is no error.
pub fn simulate(request: &SimulationRequest, observer: &mut dyn FnMut(&Trial)) -> Result<(SimulationSummary, MethodReport), SimulateError> {
    let method = request.method.resolve(std::slice::from_ref(&request.frames), IpVersion::V4).map_err(SimulateError::Method)?;
    let line_rate = request.frames.line_rate(request.link);
    let mut measurer = SimulatedMeasurer::new(request.device.clone(), line_rate);
    let conditions = Conditions { frames: request.frames.clone(), link: Some(request.link), known: KnownRates::default() };
    let report = procedures::run(&method, &conditions, &mut measurer, observer)?;
    let summary = SimulationSummary {
        method: method.name.name(),
        preset: method.preset.name(),
        size: request.frames.clone(),
        link_bps: request.link,
        line_rate_pps: line_rate,
        search_path: report.search().map(|search| search.path),
        goals: report.goals().iter().map(GoalSummary::from).collect(),
        trials: report.trials.len(),
        trial_seconds: report.trial_time(),
        elapsed_seconds: measurer.now(),
        results: NamedResults::from(report.measured.clone()),
        deviations: report.deviations.clone(),
        verdict: report.verdict.clone(),
    };
    Ok((summary, report))
}

impl From<&GoalResult> for GoalSummary {
    fn from(result: &GoalResult) -> Self {
        let irregularity = match &result.outcome {
            crate::search::GoalOutcome::Irregular { why, .. } => Some(*why),
            crate::search::GoalOutcome::Regular { .. } => None,
        };
        GoalSummary {
            name: result.goal.name.clone(),
            loss_ratio: result.goal.loss_ratio,
            lower_bound_pps: result.outcome.lower().map(|bound| bound.load),
            upper_bound_pps: result.outcome.upper().map(|bound| bound.load),
            conditional_throughput_pps: result.outcome.conditional_throughput(),
            regular: result.outcome.is_regular(),
            irregularity,
        }
    }
}

impl From<Measured> for NamedResults {
    fn from(measured: Measured) -> Self {
        match measured {
            Measured::Throughput(result) => NamedResults::Throughput(result),
            Measured::NdrPdr(_) => NamedResults::NdrPdr {},
            Measured::Latency(result) => NamedResults::Latency(result),
            Measured::Pdv(result) => NamedResults::Pdv(result),
            Measured::FrameLoss(result) => NamedResults::FrameLoss(result),
            Measured::BackToBack(result) => NamedResults::BackToBack(result),
            Measured::SystemRecovery(result) => NamedResults::SystemRecovery(result),
            Measured::Reset(result) => NamedResults::Reset(result),
            Measured::Mrr(result) => NamedResults::Mrr(result),
            Measured::Overload(result) => NamedResults::Overload(result),
            Measured::Soak(result) => NamedResults::Soak(result),
        }
    }
}
