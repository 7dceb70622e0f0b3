//! Does the sender or the receiver decide? A two-way decomposition with interaction over {kind of sender} × {kind of receiver}.
//!
//! Two things are asked of every throughput curve between systems: how steeply it *rises* with the size, and its *maximum*. Each pair gives
//! one observation of each (the mean over its repetitions, because repetitions of one pair share whatever is particular to that pair and
//! are no independent evidence about kinds). Logarithms are decomposed, so that effects are factors.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Cells, Group, LEVEL, Quantity, statistics};
use crate::record::{ReportView, Stack};

/// What is explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResponseKind {
    /// Goodput a byte that is handed over at once (message, or payload of a frame), over the sizes where throughput is below half its maximum (always the smallest size).
    Rise,
    /// The highest throughput of any size.
    Maximum,
}

/// What may explain it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EffectSource {
    /// The sender's kind.
    Sender,
    /// The receiver's kind.
    Receiver,
    /// The combination, beyond both.
    Interaction,
}

/// One source's share.
#[derive(Debug, Clone, Serialize)]
pub struct Effect {
    /// Which.
    pub source: EffectSource,
    /// Share of the variation that it explains, 0 to 1 (eta squared).
    pub explained: f64,
    /// p of the F test, corrected (Holm) over all tests of the run.
    pub p: f64,
    /// Whether p is below [`LEVEL`].
    pub significant: bool,
    /// The kinds with their mean as a factor of the overall mean; empty for the interaction.
    pub factors: Vec<(String, f64)>,
}

/// What explains one response.
#[derive(Debug, Clone, Serialize)]
pub struct Response {
    /// Of what.
    pub kind: ResponseKind,
    /// Sender, receiver, interaction.
    pub effects: Vec<Effect>,
    /// Share of the variation between pairs of the same kinds.
    pub unexplained: f64,
}

/// The decomposition for one stack.
#[derive(Debug, Clone, Serialize)]
pub struct Effects {
    /// Which stack.
    pub stack: Stack,
    /// Rise and maximum; empty where there is not enough data.
    pub responses: Vec<Response>,
    /// How many pairs went in.
    pub pairs: usize,
    /// Why nothing can be said.
    pub not_enough: Option<String>,
}

/// Decomposes each stack's curves.
pub fn effects(cells: &Cells<'_>) -> Vec<Effects> {
    let mut results: Vec<Effects> = Stack::in_view(ReportView::Effects).map(|stack| decompose(cells, stack, Quantity::Goodput)).collect();
    // One family for the whole section: the chance of any false claim in it stays at LEVEL.
    let raw: Vec<f64> = results.iter().flat_map(|r| &r.responses).flat_map(|r| &r.effects).map(|e| e.p).collect();
    let mut corrected = statistics::holm(&raw).into_iter();
    for effect in results.iter_mut().flat_map(|r| &mut r.responses).flat_map(|r| &mut r.effects) {
        effect.p = corrected.next().unwrap_or(1.0);
        effect.significant = effect.p < LEVEL;
    }
    results
}

struct Observation {
    sender: String,
    receiver: String,
    rise: f64,
    maximum: f64,
}

fn decompose(cells: &Cells<'_>, stack: Stack, quantity: Quantity) -> Effects {
    let observations: Vec<Observation> = cells
        .pairs()
        .into_iter()
        .filter(|pair| matches!(Group::of(pair), Group::Between { .. }))
        .filter_map(|pair| {
            let points: Vec<(f64, f64)> = cells
                .curve(&pair, stack)
                .into_iter()
                .filter_map(|cell| {
                    let sample = cell.sample(quantity).filter(|sample| sample.trusted)?;
                    Some((f64::from(cell.key.size.payload_bytes().max(1)), sample.centre()))
                })
                .collect();
            let (rise, maximum) = rise_and_maximum(&points)?;
            Some(Observation { sender: pair.from.kind().to_owned(), receiver: pair.to.kind().to_owned(), rise, maximum })
        })
        .collect();
    let pairs = observations.len();
    let nothing = |why: &str| Effects { stack, responses: Vec::new(), pairs, not_enough: Some(why.to_owned()) };
    let of = |pick: fn(&Observation) -> f64| -> Vec<(String, String, f64)> {
        observations.iter().map(|o| (o.sender.clone(), o.receiver.clone(), pick(o).ln())).collect()
    };
    let rise = two_way(&of(|o| o.rise));
    let maximum = two_way(&of(|o| o.maximum));
    match (rise, maximum) {
        (Ok(rise), Ok(maximum)) => Effects {
            stack,
            responses: vec![rise.named(ResponseKind::Rise), maximum.named(ResponseKind::Maximum)],
            pairs,
            not_enough: None,
        },
        (Err(why), _) | (_, Err(why)) => nothing(why),
    }
}

/// None with fewer than three sizes: two points have no shape.
fn rise_and_maximum(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    let maximum = points.iter().map(|p| p.1).fold(0.0, f64::max);
    if points.len() < 3 || maximum <= 0.0 {
        return None;
    }
    let smallest = points.first()?;
    let rising: Vec<&(f64, f64)> = points.iter().filter(|p| p.1 < maximum / 2.0).collect();
    let rising = if rising.is_empty() { vec![smallest] } else { rising };
    let slopes: Vec<f64> = rising.iter().map(|(size, rate)| rate / size).collect();
    Some((statistics::geometric_mean(&slopes)?, maximum))
}

struct TwoWay {
    effects: Vec<Effect>,
    unexplained: f64,
}

impl TwoWay {
    fn named(self, kind: ResponseKind) -> Response {
        Response { kind, effects: self.effects, unexplained: self.unexplained }
    }
}

/// Analysis of unweighted cell means: exact for equal counts, and for two kinds a side equal to the type III tests otherwise.
fn two_way(observations: &[(String, String, f64)]) -> Result<TwoWay, &'static str> {
    let senders: Vec<&String> = observations.iter().map(|o| &o.0).collect::<BTreeSet<_>>().into_iter().collect();
    let receivers: Vec<&String> = observations.iter().map(|o| &o.1).collect::<BTreeSet<_>>().into_iter().collect();
    if senders.len() < 2 || receivers.len() < 2 {
        return Err("it takes two kinds of senders and two kinds of receivers between systems");
    }
    let mut by_cell: BTreeMap<(&String, &String), Vec<f64>> = BTreeMap::new();
    for (sender, receiver, value) in observations {
        by_cell.entry((sender, receiver)).or_default().push(*value);
    }
    if by_cell.len() < senders.len() * receivers.len() {
        return Err("some combinations of sender and receiver have no valid curve of at least three sizes");
    }
    let within = observations.len() - by_cell.len();
    if within < 2 {
        return Err("each combination was measured on one pair only, so that kinds cannot be told from pairs; both directions are needed");
    }
    let cell_mean: BTreeMap<_, f64> = by_cell.iter().map(|(key, values)| (*key, statistics::mean(values).unwrap_or(0.0))).collect();
    let at = |s: &String, r: &String| cell_mean.get(&(s, r)).copied().unwrap_or(0.0);
    let average = |values: &[f64]| statistics::mean(values).unwrap_or(0.0);
    let grand = average(&cell_mean.values().copied().collect::<Vec<_>>());
    let sender_means: Vec<f64> = senders.iter().map(|s| average(&receivers.iter().map(|r| at(s, r)).collect::<Vec<_>>())).collect();
    let receiver_means: Vec<f64> = receivers.iter().map(|r| average(&senders.iter().map(|s| at(s, r)).collect::<Vec<_>>())).collect();
    // The harmonic mean of the cells' counts.
    let per_cell = by_cell.len() as f64 / by_cell.values().map(|v| 1.0 / v.len() as f64).sum::<f64>();

    let squares = |means: &[f64]| means.iter().map(|m| (m - grand).powi(2)).sum::<f64>();
    let sender_ss = per_cell * receivers.len() as f64 * squares(&sender_means);
    let receiver_ss = per_cell * senders.len() as f64 * squares(&receiver_means);
    let mut interaction_ss = 0.0;
    for (s, sm) in senders.iter().zip(&sender_means) {
        for (r, rm) in receivers.iter().zip(&receiver_means) {
            interaction_ss += per_cell * (at(s, r) - sm - rm + grand).powi(2);
        }
    }
    let error_ss: f64 = by_cell.iter().map(|(key, values)| values.iter().map(|v| (v - at(key.0, key.1)).powi(2)).sum::<f64>()).sum();
    let total = sender_ss + receiver_ss + interaction_ss + error_ss;
    // Differences of logarithms that are only rounding.
    let negligible = 1e-18 * observations.len() as f64;

    let effect = |source, ss: f64, freedom: usize, factors: Vec<(String, f64)>| {
        let mean_error = error_ss / within as f64;
        let p = if ss <= negligible {
            1.0
        } else if error_ss <= negligible {
            0.0
        } else {
            statistics::upper_f(ss / freedom as f64 / mean_error, freedom as f64, within as f64).unwrap_or(1.0)
        };
        Effect { source, explained: if total > negligible { ss / total } else { 0.0 }, p, significant: false, factors }
    };
    let factors = |names: &[&String], means: &[f64]| names.iter().zip(means).map(|(n, m)| ((*n).clone(), (m - grand).exp())).collect();
    let (s_freedom, r_freedom) = (senders.len() - 1, receivers.len() - 1);
    Ok(TwoWay {
        effects: vec![
            effect(EffectSource::Sender, sender_ss, s_freedom, factors(&senders, &sender_means)),
            effect(EffectSource::Receiver, receiver_ss, r_freedom, factors(&receivers, &receiver_means)),
            effect(EffectSource::Interaction, interaction_ss, s_freedom * r_freedom, Vec::new()),
        ],
        unexplained: if total > negligible { error_ss / total } else { 0.0 },
    })
}
