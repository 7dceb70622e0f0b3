//! What the kinds of sender and receiver explain: a two-way decomposition with interaction, in which endpoints are a sample of their kind.
//!
//! Eight pairs between two systems share four endpoints. What is particular to an endpoint is in every pair that it takes part in, so that
//! pairs are no independent evidence about kinds. The error of a kind's effect is therefore the variation between *endpoints of one kind*
//! (a nested design: Montgomery, Design and Analysis of Experiments, ch. 14), and an endpoint counts once, with the mean of its pairs. The
//! interaction is tested against what is left of the pairs once each endpoint has its own level as a sender and as a receiver.
//! `tests/kind_effects.rs` holds the rate of false claims against its level.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::distribution::upper_f;
use super::mean;

/// One pair's result.
#[derive(Debug, Clone, PartialEq)]
pub struct PairObservation {
    /// The sending endpoint.
    pub sender: String,
    /// Its kind.
    pub sender_kind: String,
    /// The receiving endpoint.
    pub receiver: String,
    /// Its kind.
    pub receiver_kind: String,
    /// The logarithm of the result, so that effects are factors.
    pub value: f64,
}

/// One source's share of the variation.
#[derive(Debug, Clone, PartialEq)]
pub struct KindEffect {
    /// Share of the variation between pairs that it explains, 0 to 1 (eta squared).
    pub explained: f64,
    /// p of the F test, not corrected.
    pub p: Result<f64, NoEffectTest>,
    /// Each kind's mean less the overall mean; empty for the interaction.
    pub deviations: Vec<(String, f64)>,
}

/// What explains the variation between pairs.
#[derive(Debug, Clone, PartialEq)]
pub struct KindEffects {
    /// The sender's kind.
    pub sender: KindEffect,
    /// The receiver's kind.
    pub receiver: KindEffect,
    /// The combination, beyond both.
    pub interaction: KindEffect,
    /// The share of endpoints and pairs of the same kinds.
    pub unexplained: f64,
}

/// Why an effect is not tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoEffectTest {
    /// Too few endpoints of one kind to see how they differ.
    TooFewEndpoints,
    /// Endpoints of one kind agree exactly, so that nothing is known of how they differ.
    ExactAgreement,
}

impl fmt::Display for NoEffectTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NoEffectTest::TooFewEndpoints => "too few endpoints of one kind were measured to show how they differ",
            NoEffectTest::ExactAgreement => "endpoints of one kind agree exactly, so that it is not known how they differ",
        })
    }
}

/// Why nothing can be decomposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotEnoughPairs {
    /// One kind of sender, or one of receiver.
    #[error("it takes two kinds of senders and two kinds of receivers between systems")]
    OneKind,
    /// A combination of kinds was not measured.
    #[error("some combinations of sender and receiver have no valid curve of at least three sizes")]
    MissingCombination,
    /// An endpoint stands for its kind alone.
    #[error("too few endpoints of one kind were measured, so that kinds cannot be told from endpoints; both directions are needed")]
    OneEndpointAKind,
}

/// Fewer degrees of freedom than this leave an error that is hardly known: F with one needs a ratio of 161 at the 5 % level.
const FEWEST_FREEDOM: usize = 2;

/// Differences of logarithms whose squares are only rounding.
const NEGLIGIBLE: f64 = 1e-18;

/// Decomposes the results of pairs.
pub fn kind_effects(observations: &[PairObservation]) -> Result<KindEffects, NotEnoughPairs> {
    let sender_kinds: Vec<&str> = distinct(observations.iter().map(|o| o.sender_kind.as_str()));
    let receiver_kinds: Vec<&str> = distinct(observations.iter().map(|o| o.receiver_kind.as_str()));
    if sender_kinds.len() < 2 || receiver_kinds.len() < 2 {
        return Err(NotEnoughPairs::OneKind);
    }
    let mut by_cell: BTreeMap<(&str, &str), Vec<f64>> = BTreeMap::new();
    for o in observations {
        by_cell.entry((&o.sender_kind, &o.receiver_kind)).or_default().push(o.value);
    }
    if by_cell.len() < sender_kinds.len() * receiver_kinds.len() {
        return Err(NotEnoughPairs::MissingCombination);
    }
    let of_senders = between_kinds(observations, |o| (&o.sender, &o.sender_kind, &o.receiver_kind), receiver_kinds.len());
    let of_receivers = between_kinds(observations, |o| (&o.receiver, &o.receiver_kind, &o.sender_kind), sender_kinds.len());
    if of_senders == Err(NoEffectTest::TooFewEndpoints) && of_receivers == Err(NoEffectTest::TooFewEndpoints) {
        return Err(NotEnoughPairs::OneEndpointAKind);
    }

    // Shares: an analysis of unweighted cell means.
    let average = |values: &[f64]| mean(values).unwrap_or(0.0);
    let cell_means: BTreeMap<(&str, &str), f64> = by_cell.iter().map(|(key, values)| (*key, average(values))).collect();
    let at = |s: &str, r: &str| cell_means.get(&(s, r)).copied().unwrap_or(0.0);
    let grand = average(&cell_means.values().copied().collect::<Vec<_>>());
    let sender_means: Vec<f64> =
        sender_kinds.iter().map(|s| average(&receiver_kinds.iter().map(|r| at(s, r)).collect::<Vec<_>>())).collect();
    let receiver_means: Vec<f64> =
        receiver_kinds.iter().map(|r| average(&sender_kinds.iter().map(|s| at(s, r)).collect::<Vec<_>>())).collect();
    // The harmonic mean of the cells' counts.
    let per_cell = by_cell.len() as f64 / by_cell.values().map(|v| 1.0 / v.len() as f64).sum::<f64>();
    let squares = |means: &[f64]| means.iter().map(|m| (m - grand).powi(2)).sum::<f64>();
    let sender_squares = per_cell * receiver_kinds.len() as f64 * squares(&sender_means);
    let receiver_squares = per_cell * sender_kinds.len() as f64 * squares(&receiver_means);
    let mut interaction_squares = 0.0;
    for (s, of_sender) in sender_kinds.iter().zip(&sender_means) {
        for (r, of_receiver) in receiver_kinds.iter().zip(&receiver_means) {
            interaction_squares += per_cell * (at(s, r) - of_sender - of_receiver + grand).powi(2);
        }
    }
    let within: f64 = observations.iter().map(|o| (o.value - at(&o.sender_kind, &o.receiver_kind)).powi(2)).sum();
    let total = sender_squares + receiver_squares + interaction_squares + within;
    let share = |squares: f64| if total > NEGLIGIBLE * observations.len() as f64 { squares / total } else { 0.0 };
    let deviations = |kinds: &[&str], means: &[f64]| kinds.iter().zip(means).map(|(k, m)| ((*k).to_owned(), m - grand)).collect();
    Ok(KindEffects {
        sender: KindEffect { explained: share(sender_squares), p: of_senders, deviations: deviations(&sender_kinds, &sender_means) },
        receiver: KindEffect {
            explained: share(receiver_squares),
            p: of_receivers,
            deviations: deviations(&receiver_kinds, &receiver_means),
        },
        interaction: KindEffect { explained: share(interaction_squares), p: beyond_endpoints(observations), deviations: Vec::new() },
        unexplained: share(within),
    })
}

fn distinct<'a>(values: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    values.collect::<BTreeSet<_>>().into_iter().collect()
}

/// p of the F test of kinds against endpoints within kinds. An endpoint's value is the mean over the kinds at the other end, so that each
/// endpoint has met the same; one that has not met all of them is left out.
fn between_kinds(
    observations: &[PairObservation],
    pick: for<'a> fn(&'a PairObservation) -> (&'a str, &'a str, &'a str),
    other_kinds: usize,
) -> Result<f64, NoEffectTest> {
    let mut met: BTreeMap<(&str, &str), BTreeMap<&str, Vec<f64>>> = BTreeMap::new();
    for observation in observations {
        let (endpoint, kind, other) = pick(observation);
        met.entry((kind, endpoint)).or_default().entry(other).or_default().push(observation.value);
    }
    let mut endpoints: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for ((kind, _), by_other) in met.iter().filter(|(_, by_other)| by_other.len() == other_kinds) {
        let means: Vec<f64> = by_other.values().filter_map(|values| mean(values)).collect();
        endpoints.entry(kind).or_default().extend(mean(&means));
    }
    let count: usize = endpoints.values().map(Vec::len).sum();
    let (between, within) = (endpoints.len().saturating_sub(1), count.saturating_sub(endpoints.len()));
    if between == 0 || within < FEWEST_FREEDOM {
        return Err(NoEffectTest::TooFewEndpoints);
    }
    let grand = endpoints.values().flatten().sum::<f64>() / count as f64;
    let (mut explained, mut error) = (0.0, 0.0);
    for values in endpoints.values() {
        let centre = mean(values).unwrap_or(grand);
        explained += values.len() as f64 * (centre - grand).powi(2);
        error += values.iter().map(|v| (v - centre).powi(2)).sum::<f64>();
    }
    f_test(explained, between, error, within)
}

/// p of the F test of the combination of kinds against what endpoints' own levels leave of the pairs.
fn beyond_endpoints(observations: &[PairObservation]) -> Result<f64, NoEffectTest> {
    let indicator =
        |holds: &dyn Fn(&PairObservation) -> bool| -> Vec<f64> { observations.iter().map(|o| if holds(o) { 1.0 } else { 0.0 }).collect() };
    let mut space = Span::default();
    for sender in distinct(observations.iter().map(|o| o.sender.as_str())) {
        space.add(indicator(&|o| o.sender == sender));
    }
    for receiver in distinct(observations.iter().map(|o| o.receiver.as_str())) {
        space.add(indicator(&|o| o.receiver == receiver));
    }
    let values: Vec<f64> = observations.iter().map(|o| o.value).collect();
    let (own_levels, left_by_levels) = (space.basis.len(), space.left(&values));
    let combinations: BTreeSet<(&str, &str)> = observations.iter().map(|o| (o.sender_kind.as_str(), o.receiver_kind.as_str())).collect();
    for (sender, receiver) in combinations {
        space.add(indicator(&|o| o.sender_kind == sender && o.receiver_kind == receiver));
    }
    let (between, within) = (space.basis.len() - own_levels, observations.len() - space.basis.len());
    if between == 0 || within < FEWEST_FREEDOM {
        return Err(NoEffectTest::TooFewEndpoints);
    }
    let error = space.left(&values);
    f_test(left_by_levels - error, between, error, within)
}

fn f_test(explained: f64, between: usize, error: f64, within: usize) -> Result<f64, NoEffectTest> {
    if error <= NEGLIGIBLE * within as f64 {
        return Err(NoEffectTest::ExactAgreement);
    }
    let (between, within) = (between as f64, within as f64);
    upper_f((explained / between) / (error / within), between, within).ok_or(NoEffectTest::TooFewEndpoints)
}

/// The space that columns span, as an orthonormal basis (Gram and Schmidt, applied twice for accuracy).
#[derive(Default)]
struct Span {
    basis: Vec<Vec<f64>>,
}

impl Span {
    fn add(&mut self, column: Vec<f64>) {
        let residual = self.residual(&self.residual(&column));
        let length = residual.iter().map(|x| x * x).sum::<f64>().sqrt();
        // Columns are of zeros and ones; what depends on the others leaves rounding only.
        if length > 1e-9 {
            self.basis.push(residual.iter().map(|x| x / length).collect());
        }
    }

    fn residual(&self, values: &[f64]) -> Vec<f64> {
        let mut left = values.to_vec();
        for axis in &self.basis {
            let along: f64 = axis.iter().zip(&left).map(|(a, b)| a * b).sum();
            left.iter_mut().zip(axis).for_each(|(value, a)| *value -= along * a);
        }
        left
    }

    /// The sum of squares of what the space does not explain.
    fn left(&self, values: &[f64]) -> f64 {
        self.residual(values).iter().map(|x| x * x).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All pairs between systems that have an endpoint of each kind.
    fn pairs(systems: &[&str], value: impl Fn(&str, &str) -> f64) -> Vec<PairObservation> {
        let endpoints: Vec<(String, String)> =
            systems.iter().flat_map(|s| ["cpu", "dpu"].map(|k| (format!("{s}-{k}"), k.to_owned()))).collect();
        let mut found = Vec::new();
        for (sender, sender_kind) in &endpoints {
            for (receiver, receiver_kind) in endpoints.iter().filter(|other| other.0[..1] != sender[..1]) {
                found.push(PairObservation {
                    value: value(sender, receiver),
                    sender: sender.clone(),
                    sender_kind: sender_kind.clone(),
                    receiver: receiver.clone(),
                    receiver_kind: receiver_kind.clone(),
                });
            }
        }
        found
    }

    #[test]
    fn a_worked_example_has_its_f() {
        // Sender levels: cpu 1.0 and 1.2, dpu 0.1 and 0.3; receivers alike. Kind means 1.1 and 0.2, MS between = 0.81, MS within = 0.02,
        // F(1,2) = 40.5, p = 1 − sqrt(40.5/42.5) = 0.0238.
        let level = |s: &str| [("a-cpu", 1.0), ("b-cpu", 1.2), ("a-dpu", 0.1), ("b-dpu", 0.3)].iter().find(|x| x.0 == s).unwrap().1;
        let effects = kind_effects(&pairs(&["a", "b"], |s, _| level(s))).unwrap();
        assert!((effects.sender.p.unwrap() - 0.023_81).abs() < 1e-4, "{effects:?}");
        assert!((effects.sender.deviations[0].1 - 0.45).abs() < 1e-12);
        assert_eq!(effects.interaction.p, Err(NoEffectTest::TooFewEndpoints));
    }

    #[test]
    fn exact_agreement_is_no_proof() {
        let effects = kind_effects(&pairs(&["a", "b"], |s, _| if s.ends_with("cpu") { 1.0 } else { 0.0 })).unwrap();
        assert_eq!(effects.sender.p, Err(NoEffectTest::ExactAgreement));
        assert!((effects.sender.explained - 1.0).abs() < 1e-12);
    }

    #[test]
    fn with_three_systems_an_interaction_is_tested_beyond_what_endpoints_add() {
        let hash = |name: &str| name.bytes().fold(7_u32, |hash, byte| hash.wrapping_mul(31) ^ u32::from(byte));
        let noise = |s: &str, r: &str| f64::from(hash(s).wrapping_mul(hash(r)) % 1009) * 1e-6;
        let own = |e: &str| f64::from(e.as_bytes()[0] - b'a') * 0.3;
        let additive = kind_effects(&pairs(&["a", "b", "c"], |s, r| own(s) + 2.0 * own(r) + noise(s, r))).unwrap();
        assert!(additive.interaction.p.unwrap() > 0.05, "{additive:?}");
        let combined = |s: &str, r: &str| if s.ends_with("cpu") && r.ends_with("dpu") { 0.2 } else { 0.0 };
        let found = kind_effects(&pairs(&["a", "b", "c"], |s, r| own(s) + combined(s, r) + noise(s, r))).unwrap();
        assert!(found.interaction.p.unwrap() < 0.001, "{found:?}");
    }

    #[test]
    fn too_little_is_named() {
        let all = pairs(&["a", "b"], |_, _| 1.0);
        let one_way: Vec<_> = all.iter().filter(|o| o.sender.starts_with('a')).cloned().collect();
        assert_eq!(kind_effects(&one_way), Err(NotEnoughPairs::OneEndpointAKind));
        let one_kind: Vec<_> = all.iter().filter(|o| o.sender_kind == "cpu").cloned().collect();
        assert_eq!(kind_effects(&one_kind), Err(NotEnoughPairs::OneKind));
        let holes: Vec<_> = all.iter().filter(|o| o.sender_kind != "cpu" || o.receiver_kind != "cpu").cloned().collect();
        assert_eq!(kind_effects(&holes), Err(NotEnoughPairs::MissingCombination));
    }
}
