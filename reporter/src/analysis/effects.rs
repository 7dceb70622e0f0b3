//! Does the sender or the receiver decide? A two-way decomposition with interaction over {kind of sender} × {kind of receiver}.
//!
//! Two things are asked of every throughput curve between systems: how steeply it *rises* at small sizes, and its *maximum*. Each pair gives
//! one observation of each (the mean over its repetitions). Pairs share endpoints, so that effects of kinds are tested against the variation
//! between endpoints of one kind: see [`kind_effects`]. Logarithms are decomposed, so that effects are factors.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer};

use super::statistics::{self, KindEffect, KindEffects, NoEffectTest, PairObservation, kind_effects};
use super::{Cells, Group, LEVEL, Quantity, SizeKey};
use crate::record::{Pair, ReportView, Stack};

/// What is explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResponseKind {
    /// Goodput a byte that is handed over at once (message, or payload of a frame), at the smallest size that all pairs have. One size for all,
    /// so that what is called the rise of a pair does not depend on its maximum.
    Rise,
    /// The highest throughput of any size that all pairs have.
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
    /// p of the F test, corrected (Holm) over all tests of the run, or why there was no test.
    #[serde(serialize_with = "p_or_null")]
    pub p: Result<f64, NoEffectTest>,
    /// Whether p is below [`LEVEL`].
    pub significant: bool,
    /// The kinds with their mean as a factor of the overall mean; empty for the interaction.
    pub factors: Vec<(String, f64)>,
}

fn p_or_null<S: Serializer>(p: &Result<f64, NoEffectTest>, to: S) -> Result<S::Ok, S::Error> {
    p.ok().serialize(to)
}

/// What explains one response.
#[derive(Debug, Clone, Serialize)]
pub struct Response {
    /// Of what.
    pub kind: ResponseKind,
    /// Sender, receiver, interaction.
    pub effects: Vec<Effect>,
    /// Share of endpoints and pairs of the same kinds.
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
    // What could not be tested counts among them, so that the level does not depend on which tests the data allow.
    let raw: Vec<f64> = results.iter().flat_map(|r| &r.responses).flat_map(|r| &r.effects).map(|e| e.p.unwrap_or(1.0)).collect();
    let mut corrected = statistics::holm(&raw).into_iter();
    for effect in results.iter_mut().flat_map(|r| &mut r.responses).flat_map(|r| &mut r.effects) {
        let p = corrected.next().unwrap_or(1.0);
        effect.p = effect.p.map(|_| p);
        effect.significant = effect.p.is_ok_and(|p| p < LEVEL);
    }
    results
}

/// With fewer sizes than this a curve has no shape.
const FEWEST_SIZES: usize = 3;

/// One pair's mean throughput by size.
type Curve = BTreeMap<SizeKey, f64>;

fn decompose(cells: &Cells<'_>, stack: Stack, quantity: Quantity) -> Effects {
    let curves: Vec<(Pair, Curve)> = cells
        .pairs()
        .into_iter()
        .filter(|pair| matches!(Group::of(pair), Group::Between { .. }))
        .map(|pair| {
            let curve = curve(cells, &pair, stack, quantity);
            (pair, curve)
        })
        .filter(|(_, curve)| curve.len() >= FEWEST_SIZES)
        .collect();
    let nothing = |why: String| Effects { stack, responses: Vec::new(), pairs: curves.len(), not_enough: Some(why) };
    let common = common_sizes(&curves);
    if !curves.is_empty() && common.len() < FEWEST_SIZES {
        return nothing("the pairs between systems have fewer than three sizes with valid results in common".to_owned());
    }
    let rise =
        observations(&curves, |curve| common.first().and_then(|size| Some(curve.get(size)? / f64::from(size.payload_bytes().max(1)))));
    let maximum = observations(&curves, |curve| common.iter().filter_map(|size| curve.get(size).copied()).max_by(f64::total_cmp));
    match (kind_effects(&rise), kind_effects(&maximum)) {
        (Ok(rise), Ok(maximum)) => Effects {
            stack,
            responses: vec![response(ResponseKind::Rise, rise), response(ResponseKind::Maximum, maximum)],
            pairs: curves.len(),
            not_enough: None,
        },
        (Err(why), _) | (_, Err(why)) => nothing(why.to_string()),
    }
}

fn curve(cells: &Cells<'_>, pair: &Pair, stack: Stack, quantity: Quantity) -> Curve {
    let mut curve = Curve::new();
    for cell in cells.curve(pair, stack) {
        let Some(sample) = cell.sample(quantity).filter(|sample| sample.trusted && sample.centre() > 0.0) else { continue };
        let rate = curve.entry(cell.key.size).or_insert(0.0);
        *rate = rate.max(sample.centre());
    }
    curve
}

/// The sizes of every curve: a maximum over other sizes would be another question.
fn common_sizes(curves: &[(Pair, Curve)]) -> BTreeSet<SizeKey> {
    let sizes = curves.iter().map(|(_, curve)| curve.keys().copied().collect::<BTreeSet<_>>());
    sizes.reduce(|common, of| common.intersection(&of).copied().collect()).unwrap_or_default()
}

fn observations(curves: &[(Pair, Curve)], response: impl Fn(&Curve) -> Option<f64>) -> Vec<PairObservation> {
    curves
        .iter()
        .filter_map(|(pair, curve)| {
            Some(PairObservation {
                sender: pair.from.to_string(),
                sender_kind: pair.from.kind().to_owned(),
                receiver: pair.to.to_string(),
                receiver_kind: pair.to.kind().to_owned(),
                value: response(curve)?.ln(),
            })
        })
        .collect()
}

fn response(kind: ResponseKind, found: KindEffects) -> Response {
    let effect = |source, of: KindEffect| Effect {
        source,
        explained: of.explained,
        p: of.p,
        significant: false,
        factors: of.deviations.into_iter().map(|(kind, deviation)| (kind, deviation.exp())).collect(),
    };
    Response {
        kind,
        effects: vec![
            effect(EffectSource::Sender, found.sender),
            effect(EffectSource::Receiver, found.receiver),
            effect(EffectSource::Interaction, found.interaction),
        ],
        unexplained: found.unexplained,
    }
}
