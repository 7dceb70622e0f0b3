//! From the report of a method to a record.

use methodology::procedures::{LatencyAtLoad, Measured, MethodReport, MethodState};
use methodology::search::{GoalOutcome, Irregularity};
use methodology::statistics::RepetitionSummary;
use methodology::trial::{DelaySummary, DirectionOutcome, TrialOutcome};
use methodology::units::{FrameSize, Nanoseconds, PacketRate};
use reporter::record::{LatencyDefinition, Reason, ReasonKind, RttSummary, View};
use serde_json::{Map, Value, json};

use super::loss_domains;
use super::reason_kind::reasons_of_method;
use super::results::{Results, ceiling};

/// A method's whole report: its headline in `values`, everything else in `parameters`.
pub(super) fn of_method(report: &MethodReport, size: FrameSize) -> Results {
    let mut results = Results { view: Some(View::Frame), ceiling: Some(ceiling(report.conditions.link, size)), ..Results::default() };
    results.duration_s = Some(report.trial_time().seconds());
    // The trial that shows the result: the last one at a load that meets the goal, else the last one there is.
    let shown = report.goals().first().and_then(|goal| goal.outcome.lower()).map(|bound| bound.load);
    let trial =
        shown.and_then(|load| report.trials.iter().rev().find(|trial| trial.input.stimulus.rate() == Some(load))).or(report.trials.last());
    // One trial stands for a rate. Curves, delays and bursts have no trial that does: their results are in `parameters`.
    if let Some(trial) = trial.filter(|_| matches!(report.measured, Measured::Mrr(_) | Measured::Throughput(_) | Measured::NdrPdr(_))) {
        take_outcome(&mut results, &trial.outcome, size);
    }
    match &report.measured {
        Measured::Mrr(mrr) => {
            results.load = Some("max".to_owned());
            if let Some(rate) = mrr.rate.as_ref().and_then(|sample| PacketRate::new(sample.mean).ok()) {
                results.set_rate(rate, size);
            }
            results.values.offered_pps = Some(mrr.offered);
        }
        Measured::Throughput(result) => match result.throughput.or(result.at_least) {
            Some(rate) => results.set_rate(rate, size),
            None => results.clear_rate(),
        },
        Measured::NdrPdr(search) => match search.goals.first().map(|goal| &goal.outcome) {
            Some(GoalOutcome::Regular { conditional_throughput, .. }) => results.set_rate(*conditional_throughput, size),
            // At least max load: the number is a bound, and the remark beside it says so.
            Some(GoalOutcome::Irregular { why: Irregularity::AtLeastMaxLoad, lower: Some(lower), .. }) => {
                results.set_rate(lower.load, size);
            }
            // Any other irregular answer has no number that could be mistaken for a regular one.
            _ => results.clear_rate(),
        },
        Measured::Latency(latency) => {
            if let Some(load) = latency.loads.first().filter(|load| !load.repetitions.is_empty()) {
                results.load = Some(latency.name_of(load.at));
                results.values.latency_definition = Some(LatencyDefinition::RoundTrip);
                results.values.rtt_ns = Some(typical_round_trips(load));
            }
        }
        _ => {}
    }
    results.parameters = parameters(report);
    if let Some(trial) = trial.filter(|trial| trial.outcome.directions.len() > 1) {
        results.parameters.insert("directions".to_owned(), json!(trial.outcome.directions.iter().map(direction).collect::<Vec<_>>()));
        let sum = results.values.forwarding_pps.map(|each| each.times(2));
        results.parameters.extend(sum.map(|sum| ("sum_forwarding_pps".to_owned(), json!(sum))));
    }
    if report.verdict.state == MethodState::Invalid {
        let invalidating = report.verdict.reasons.iter().filter(|reason| reason.invalidates());
        results.reasons.extend(invalidating.flat_map(reasons_of_method));
        if results.reasons.is_empty() {
            results.reasons.push(Reason { kind: ReasonKind::Other, detail: "the method gives no valid result and no reason".to_owned() });
        }
    }
    results
}

/// The headline of one load: percentiles are medians over the repetitions, as RFC 8219 §7.2 defines TL and WCL; shortest, longest and count are
/// those of all.
fn typical_round_trips(load: &LatencyAtLoad) -> RttSummary {
    let median = |of: fn(&DelaySummary) -> Nanoseconds| {
        RepetitionSummary::of(load.repetitions.iter().map(|delays| of(delays).ns() as f64)).map(|s| s.median)
    };
    RttSummary {
        min: Some(load.min.ns() as f64),
        p50: Some(load.typical.median.ns() as f64),
        p90: median(|delays| delays.p90),
        p99: median(|delays| delays.p99),
        p999: Some(load.worst_case.median.ns() as f64),
        p9999: median(|delays| delays.p9999),
        max: Some(load.max.ns() as f64),
        mean: Some(load.mean.ns() as f64),
        count: Some(load.repetitions.iter().map(|delays| delays.count).sum()),
        histogram: None,
    }
}

/// Everything the method has to say. The histograms of what it found are files by now ([`super::histograms`]); those of single trials are left
/// out.
fn parameters(report: &MethodReport) -> Map<String, Value> {
    let mut parameters = Map::new();
    for (key, mut value) in [
        ("preset", json!(report.method.preset)),
        ("settings", json!(report.method)),
        ("goals", json!(report.goals())),
        ("measured", json!(report.measured)),
        ("deviations", json!(report.deviations)),
        ("trials", json!(report.trials)),
        ("remarks", json!(report.verdict.reasons.iter().map(ToString::to_string).collect::<Vec<_>>())),
    ] {
        if key == "trials" {
            remove_histograms(&mut value);
        }
        parameters.insert(key.to_owned(), value);
    }
    parameters
}

/// What one of two directions did in the trial that a record shows.
fn direction(of: &DirectionOutcome) -> Value {
    let rate = |frames| PacketRate::from_count(frames, of.offered_duration.seconds());
    json!({
        "direction": of.direction,
        "offered_pps": rate(of.sent),
        "forwarding_pps": rate(of.received),
        "frames_sent": of.sent,
        "frames_received": of.received,
        "loss": loss_domains::in_record(&of.loss),
        "hiccups": of.hiccups,
    })
}

fn remove_histograms(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.remove("histogram");
            map.values_mut().for_each(remove_histograms);
        }
        Value::Array(list) => list.iter_mut().for_each(remove_histograms),
        _ => {}
    }
}

fn take_outcome(results: &mut Results, outcome: &TrialOutcome, size: FrameSize) {
    let rate = outcome.forwarding_rate();
    results.set_rate(rate, size);
    let values = &mut results.values;
    values.offered_pps = Some(outcome.offered_rate());
    values.loss_ratio = Some(outcome.loss_ratio());
    values.frames_sent = Some(outcome.sent());
    values.frames_received = Some(outcome.received());
    values.loss = Some(loss_domains::of_directions(&outcome.directions));
    if outcome.received() == 0 && outcome.sent() > 0 {
        results.reasons.push(Reason { kind: ReasonKind::NothingReceived, detail: format!("{} frames sent, none came", outcome.sent()) });
    }
}
