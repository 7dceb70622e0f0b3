use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::statistics::NoInterval;
use super::{Basis, Group, Ladder, LatencyRatio, Quantity, Ratio};
use crate::record::{Pair, Record, Stack, State};

/// How many records of each verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct VerdictCounts {
    /// Can be trusted.
    pub valid: usize,
    /// Measured, but spoilt.
    pub invalid: usize,
    /// Not measured.
    pub failed: usize,
}

impl VerdictCounts {
    /// Counts.
    pub fn of(records: &[Record]) -> Self {
        records.iter().fold(VerdictCounts::default(), |mut counts, record| {
            match record.verdict.state {
                State::Valid => counts.valid += 1,
                State::Invalid => counts.invalid += 1,
                State::Failed => counts.failed += 1,
            }
            counts
        })
    }

    /// All of them.
    pub fn total(self) -> usize {
        self.valid + self.invalid + self.failed
    }
}

/// One reason and how often it was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReasonCount {
    /// `hiccup`, `tool-failed` …
    pub name: &'static str,
    /// In how many records that are not valid.
    pub count: usize,
}

/// The first screen: what was found, and how far it can be trusted.
#[derive(Debug, Clone, Serialize)]
pub struct Overview {
    /// Verdicts of all records.
    pub verdicts: VerdictCounts,
    /// Why records are not valid, most frequent first.
    pub reasons: Vec<ReasonCount>,
    /// The answer in one sentence.
    pub headline: String,
    /// What the sentence rests on.
    pub basis: String,
    /// Whether each side of each ratio was measured at least twice.
    pub repeated: bool,
}

impl Overview {
    /// Sums up.
    pub fn of(records: &[Record], ratios: &[Ratio], latency: &[LatencyRatio], ladders: &[Ladder]) -> Self {
        let mut reasons: BTreeMap<&'static str, usize> = BTreeMap::new();
        for record in records.iter().filter(|record| record.verdict.state != State::Valid) {
            let mut kinds: Vec<_> = record.verdict.reasons.iter().map(|reason| reason.kind.name()).collect();
            kinds.sort_unstable();
            kinds.dedup();
            for kind in kinds {
                *reasons.entry(kind).or_default() += 1;
            }
        }
        let mut reasons: Vec<_> = reasons.into_iter().map(|(name, count)| ReasonCount { name, count }).collect();
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.count));
        let (headline, basis) = headline(records, ratios, latency, ladders);
        Overview {
            verdicts: VerdictCounts::of(records),
            reasons,
            headline,
            basis,
            repeated: !ratios.is_empty() && ratios.iter().all(|ratio| ratio.interval != Err(NoInterval::MeasuredOnce)),
        }
    }
}

fn headline(records: &[Record], ratios: &[Ratio], latency: &[LatencyRatio], ladders: &[Ladder]) -> (String, String) {
    let usable = |trusted: bool| -> Vec<&Ratio> {
        ratios
            .iter()
            .filter(|r| r.kernel_stack == Stack::REFERENCE_KERNEL && r.basis == Basis::PayloadAtSameNumber && r.is_trusted() == trusted)
            .collect()
    };
    let (chosen, trusted) = match usable(true) {
        trusted if !trusted.is_empty() => (trusted, true),
        _ => (usable(false), false),
    };
    // Pairs between systems answer for the wire; where there are none, those that exist.
    let between: Vec<&Ratio> = chosen.iter().copied().filter(|r| !matches!(Group::of(&r.pair), Group::Inside(_))).collect();
    let (chosen, place) = match between.is_empty() {
        false => (between, "between the systems"),
        true => (chosen, "inside a system"),
    };
    let Some(smallest) = chosen.iter().map(|r| r.bytes).min() else {
        // Messages of other sizes than the frames give no ratio; the ladder compares them all the same.
        let pairs: BTreeSet<&Pair> = ladders.iter().map(|ladder| &ladder.pair).collect();
        let sizes = || ladders.iter().map(|ladder| ladder.frame_bytes);
        let basis = over_kernel_at_its_best(&pairs, &sizes().min().into_iter().chain(sizes().max()).collect(), ladders);
        return (nothing_to_compare(records).to_owned(), basis.trim_start().to_owned());
    };
    let largest = chosen.iter().map(|r| r.bytes).max().unwrap_or(smallest);
    let span = |bytes: u32| range(chosen.iter().filter(|r| r.bytes == bytes).map(|r| r.ratio));
    let mut sentence = format!("Kernel bypass carried {} the payload of kernel TCP at {smallest}\u{a0}B", span(smallest));
    if largest != smallest {
        sentence.push_str(&format!(" and {} at {largest}\u{a0}B", span(largest)));
    }
    let pairs: BTreeSet<&Pair> = chosen.iter().map(|r| &r.pair).collect();
    let compared = round_trips_of(&pairs, trusted, latency);
    if let Some(quantity) = compared.first().map(|l| l.quantity()) {
        let ratios: Vec<f64> = compared.iter().map(|l| l.ratio).collect();
        sentence.push_str(&format!("; {}", round_trips(quantity, &ratios)));
    }
    sentence.push('.');
    let counted = |count: usize| format!("{count} {}", if count == 1 { "pair" } else { "pairs" });
    let round_trips = match compared.len() {
        count if count == 0 || count == pairs.len() => String::new(),
        count => format!(" (round trips: {count} of them)"),
    };
    let mut basis = format!(
        "Range over {} {place}{round_trips}. Frames of N bytes against TCP messages of N bytes: the same number, two different experiments.",
        counted(pairs.len())
    );
    if !trusted {
        sentence.insert_str(0, "Not proven, because no valid pair of results exists: ");
        basis.push_str(" Every figure of the headline comes from trials that are not valid.");
    }
    basis.push_str(&over_kernel_at_its_best(&pairs, &BTreeSet::from([smallest, largest]), ladders));
    (sentence, basis)
}

/// What the sentence would be with the kernel's fastest settings and message size, where the run has them.
fn over_kernel_at_its_best(pairs: &BTreeSet<&Pair>, sizes: &BTreeSet<u32>, ladders: &[Ladder]) -> String {
    let of_size = |&bytes: &u32| {
        let ladders = ladders.iter().filter(|ladder| ladder.frame_bytes == bytes && pairs.contains(&ladder.pair));
        let factors: Vec<f64> = ladders.filter_map(Ladder::bypass_over_kernel_at_its_best).collect();
        (!factors.is_empty()).then(|| format!("{} at {bytes}\u{a0}B", range(factors.into_iter())))
    };
    let found: Vec<String> = sizes.iter().filter_map(of_size).collect();
    match found.is_empty() {
        true => String::new(),
        false => format!(" Bypass over kernel TCP at its best, with settings and messages of its own: {}.", found.join(" and ")),
    }
}

/// The headline of a run in which no ratio was found.
fn nothing_to_compare(records: &[Record]) -> &'static str {
    let kernel = records.iter().any(|record| record.stack.is_kernel());
    let bypass = records.iter().any(|record| !record.stack.is_kernel());
    match (kernel, bypass) {
        (true, false) => "Only the kernel was measured: there is no kernel bypass to compare it with.",
        (false, true) => "Only kernel bypass was measured: there is no kernel TCP to compare it with.",
        _ => "Kernel bypass and kernel TCP cannot be compared yet: no pair and size was measured with both.",
    }
}

/// The round trips of the pairs that the sentence is about. All of one quantity: means where there are any, medians otherwise.
fn round_trips_of<'a>(pairs: &BTreeSet<&Pair>, trusted: bool, latency: &'a [LatencyRatio]) -> Vec<&'a LatencyRatio> {
    let mut found: Vec<&LatencyRatio> = latency
        .iter()
        .filter(|l| l.kernel_stack == Stack::REFERENCE_KERNEL && l.is_trusted() == trusted && pairs.contains(&l.pair))
        .collect();
    if found.iter().any(|l| l.quantity() == Quantity::RttMean) {
        found.retain(|l| l.quantity() == Quantity::RttMean);
    }
    found
}

/// `3.1 to 24 times`, or `3.1 times` where all agree.
fn range(values: impl Iterator<Item = f64>) -> String {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    let (low, high) = (two_digits(low), two_digits(high));
    if low == high { format!("{low} times") } else { format!("{low} to {high} times") }
}

/// Two digits are what a range over pairs can bear: 0.31, 3.1, 31, 312.
fn two_digits(value: f64) -> String {
    match value {
        v if v >= 9.95 => format!("{v:.0}"),
        v if v >= 0.995 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

fn round_trips(quantity: Quantity, ratios: &[f64]) -> String {
    let which = if quantity == Quantity::RttMean { "mean" } else { "median" };
    if ratios.iter().all(|r| *r > 1.0) {
        format!("its {which} round trips were {} shorter", range(ratios.iter().copied()))
    } else if ratios.iter().all(|r| *r < 1.0) {
        format!("its {which} round trips were {} longer", range(ratios.iter().map(|r| 1.0 / r)))
    } else {
        format!("kernel TCP's {which} round trips were {} as long", range(ratios.iter().copied()))
    }
}
