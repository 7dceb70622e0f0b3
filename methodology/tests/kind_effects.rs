//! Effects of kinds are claimed at the stated rate where there are none, however endpoints differ, and found where they are planted.
#![allow(clippy::unwrap_used, reason = "in tests a failed unwrap is the failed assertion")]

use methodology::statistics::{PairObservation, holm, kind_effects};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

/// How results come about between systems a and b, with an endpoint of each kind in each. Standard deviations of logarithms.
#[derive(Clone, Copy)]
struct Truth {
    /// Between senders of one kind.
    senders: f64,
    /// Between receivers of one kind.
    receivers: f64,
    /// Between pairs.
    pairs: f64,
    /// What sending from a `cpu` adds.
    planted: f64,
}

/// One response of one stack.
fn response(truth: Truth, systems: &[&str], rng: &mut ChaCha8Rng) -> Vec<PairObservation> {
    let mut normal = |deviation: f64| deviation * rng.sample::<f64, _>(StandardNormal);
    let endpoints: Vec<(&str, &str, f64, f64)> = systems
        .iter()
        .flat_map(|s| ["cpu", "dpu"].map(|k| (*s, k)))
        .map(|(s, k)| (s, k, normal(truth.senders), normal(truth.receivers)))
        .collect();
    let mut found = Vec::new();
    for (system, kind, as_sender, _) in &endpoints {
        for (other, other_kind, _, as_receiver) in endpoints.iter().filter(|e| e.0 != *system) {
            found.push(PairObservation {
                sender: format!("{system}-{kind}"),
                sender_kind: (*kind).to_owned(),
                receiver: format!("{other}-{other_kind}"),
                receiver_kind: (*other_kind).to_owned(),
                value: as_sender + as_receiver + normal(truth.pairs) + if *kind == "cpu" { truth.planted } else { 0.0 },
            });
        }
    }
    found
}

/// The claims of a report: two stacks with two responses each, corrected together, what could not be tested included.
fn claims(truth: Truth, systems: &[&str], rng: &mut ChaCha8Rng, drop_a_pair: bool) -> Vec<bool> {
    let mut p = Vec::new();
    for _ in 0..4 {
        let mut observations = response(truth, systems, rng);
        if drop_a_pair {
            observations.remove(3);
        }
        let effects = kind_effects(&observations).unwrap();
        p.extend([effects.sender.p, effects.receiver.p, effects.interaction.p].map(|p| p.unwrap_or(1.0)));
    }
    holm(&p).into_iter().map(|p| p < 0.05).collect()
}

#[test]
fn false_claims_are_no_more_frequent_than_stated_however_endpoints_differ() {
    let null = |senders, receivers| Truth { senders, receivers, pairs: 0.03, planted: 0.0 };
    for (case, truth) in [
        ("endpoints alike", null(0.0, 0.0)),
        ("both ends differ", null(0.10, 0.10)),
        ("both ends differ little", null(0.03, 0.03)),
        ("only senders differ", null(0.10, 0.0)),
        ("only receivers differ", null(0.0, 0.10)),
    ] {
        for (systems, drop_a_pair) in [(&["a", "b"][..], false), (&["a", "b", "c"][..], true)] {
            let mut rng = ChaCha8Rng::seed_from_u64(2026);
            let claimed = (0..2000).filter(|_| claims(truth, systems, &mut rng, drop_a_pair).contains(&true)).count();
            println!("{:.2} %  {case}, {} systems, a pair missing: {drop_a_pair}", claimed as f64 / 20.0, systems.len());
            assert!(claimed <= 110, "{case}, {systems:?}, a pair missing: {drop_a_pair}: {claimed} of 2000");
        }
    }
}

#[test]
fn a_kind_that_differs_clearly_more_than_its_endpoints_is_found() {
    // Twice as fast, endpoints of one kind within 2 % of each other.
    let truth = Truth { senders: 0.02, receivers: 0.02, pairs: 0.01, planted: 2.0_f64.ln() };
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let found = (0..500).filter(|_| claims(truth, &["a", "b"], &mut rng, false).contains(&true)).count();
    assert!(found >= 450, "{found} of 500");
    // A third system: two thirds more, with endpoints within 10 %.
    let truth = Truth { senders: 0.10, receivers: 0.10, pairs: 0.03, planted: 0.8 };
    let found = (0..500).filter(|_| claims(truth, &["a", "b", "c"], &mut rng, false).contains(&true)).count();
    assert!(found >= 400, "{found} of 500");
}
