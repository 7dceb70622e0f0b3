//! How the rate grows with queues and cores, as sentences and rows.

use super::document::Table;
use super::format;
use crate::amount::{Amount, Unit};
use crate::tuned::{Scaling, ScalingPoint};

fn rate(value: f64) -> String {
    Amount { unit: Unit::PacketsPerSecond, value }.to_string()
}

/// May be above 100 %: two queues can bring more than twice the rate of one.
fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

/// What limits each number of queues, what has no valid trial, and what was not measured.
pub fn sentences(scaling: &Scaling) -> Vec<String> {
    let mut sentences: Vec<String> = scaling.points.iter().map(of_point).collect();
    if scaling.points.is_empty() {
        sentences.push("No number of queues has a valid trial: there is no rate to show.".to_owned());
    }
    sentences.extend(scaling.no_valid_trial.iter().map(|missing| {
        let trials = match missing.trials {
            1 => "the only trial is not valid".to_owned(),
            trials => format!("none of {trials} trials is valid"),
        };
        format!("{} → {} queues: {trials}, so that no rate is shown. The last trial: {}.", missing.queues, missing.queues, missing.why)
    }));
    sentences.extend(
        scaling
            .not_measured
            .iter()
            .map(|missing| format!("{} queues were asked for and not measured: {}. Nothing is extrapolated.", missing.queues, missing.why)),
    );
    if let Some(ns) = scaling.generator_ns {
        sentences.push(format!("The generator alone takes {ns:.1} ns a frame, on a port that drops each frame at once (net_null)."));
    }
    sentences
}

fn of_point(point: &ScalingPoint) -> String {
    let queues = if (point.sender_queues, point.receiver_queues) == (1, 1) { "queue" } else { "queues" };
    format!(
        "{} → {} {queues}: {}, limited by {} ({}; {} of {} trials agree).",
        point.sender_queues,
        point.receiver_queues,
        rate(point.rate_pps),
        point.limit.limit,
        point.limit.because.join("; "),
        point.agreeing,
        point.trials
    )
}

/// A row for each number of queues.
pub fn table(scaling: &Scaling) -> Table {
    let ns = |value: Option<f64>| format::or_absent(value.map(|ns| format!("{ns:.1} ns")));
    let row = |point: &ScalingPoint| {
        vec![
            format!("{} → {}", point.sender_queues, point.receiver_queues),
            point.cores.to_string(),
            rate(point.rate_pps),
            format::range(rate(point.range_pps.0), rate(point.range_pps.1)),
            percent(point.of_perfect),
            format::or_absent(point.of_ceiling.map(percent)),
            ns(point.sender_ns),
            ns(point.receiver_ns),
            point.limit.limit.to_string(),
        ]
    };
    let header = ["queues", "cores", "rate", "trials", "of perfect", "of line rate", "sender, a frame", "receiver, a frame", "limited by"];
    Table::new(header, scaling.points.iter().map(row).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_number_of_queues_without_a_valid_trial_is_named_with_the_reason() {
        let scaling: Scaling = serde_json::from_value(json!({
            "pair": { "from": "a", "to": "b" }, "base": "", "points": [], "ceiling_pps": null, "generator_ns": null,
            "no_valid_trial": [{ "queues": "2", "trials": 3, "why": "hiccup: the receiver did not run" }]
        }))
        .unwrap();
        let expected = [
            "No number of queues has a valid trial: there is no rate to show.",
            "2 → 2 queues: none of 3 trials is valid, so that no rate is shown. The last trial: hiccup: the receiver did not run.",
        ];
        assert_eq!(sentences(&scaling), expected);
        assert!(table(&scaling).rows.is_empty());
    }
}
