//! The search over a simulated kernel, whose rates are planted.

use std::convert::Infallible;
use std::path::Path;

use methodology::tune::Candidate;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reporter::record::{BestOf, ReasonKind, Record, State, Verdict};
use serde_json::json;

use super::result::{best_of, middle_trial, no_valid_trial};
use super::search::{Searched, search};
use crate::plan::{KernelSearch, Plan};

/// Twelve combinations; the values of `message` are next to each other.
fn combinations(trials: &str) -> KernelSearch {
    let text = format!(
        "name = \"p\"\npairs = [\"a:b\"]\n[[measure]]\nstack = \"kernel-tcp\"\nmethod = \"best\"\nmtu = [1500, 3000]\nstreams = [1, 2, 4]\n\
         message = [\"64\", \"16K\"]\n{trials}"
    );
    let plan = Plan::reread(&text, Path::new("plan.toml")).unwrap();
    plan.measures[0].kind.kernel_search().unwrap().clone()
}

fn trial(gbps: f64, verdict: Verdict) -> Record {
    let record = json!({
        "schema": 1, "id": "r", "time": "2026-03-01T12:00:00Z", "pair": { "from": "a", "to": "b" }, "stack": "kernel-tcp",
        "tool": { "name": "iperf3", "version": "3.12" }, "metric": "throughput", "method": "stream", "size": { "kind": "message", "bytes": 64 },
        "values": { "goodput_bps": gbps * 1e9 }, "verdict": verdict
    });
    serde_json::from_value(record).unwrap()
}

/// A trial varies by 3 % around the planted rate, and the machine slows down by 5 % in forty trials.
fn simulate(combinations: &KernelSearch, seed: u64, planted: impl Fn(usize) -> f64, verdict: impl Fn(usize, usize) -> Verdict) -> Searched {
    let mut rng = StdRng::seed_from_u64(seed);
    let measured = |candidate: Candidate, number: usize| {
        // The sum of twelve uniform numbers is nearly normal, with a variance of 1.
        let normal: f64 = (0..12).map(|_| rng.random_range(0.0..1.0)).sum::<f64>() - 6.0;
        let drift = 1.0 - 0.05 * number as f64 / 40.0;
        let gbps = planted(candidate.index()) * drift * (0.03 * normal).exp();
        Ok::<_, Infallible>(Some(trial(gbps, verdict(candidate.index(), number))))
    };
    search(combinations, seed, measured).unwrap().unwrap()
}

fn always_valid(_: usize, _: usize) -> Verdict {
    Verdict::valid()
}

const SEEDS: u64 = 20;

#[test]
fn the_planted_best_is_found_and_its_rate_lies_in_the_interval() {
    let combinations = combinations("");
    // 4 streams with messages of 16 KiB at MTU 3000.
    let planted = |candidate| if candidate == 11 { 12.0 } else { 5.0 + 0.5 * candidate as f64 };
    let (mut found, mut within, mut trials) = (0, 0, 0);
    for seed in 0..SEEDS {
        let searched = simulate(&combinations, seed, planted, always_valid);
        let best = best_of(&combinations, &searched);
        let chosen = best.chosen.clone().unwrap();
        found += u64::from(chosen.setting == "mtu 3000, streams 4, message 16384 B" && best.not_distinguished.is_empty());
        let (low, high) = chosen.interval_bps.unwrap();
        // The rate of the middle of the search: the drift is common to all.
        within += u64::from(low.bps() < 12e9 && high.bps() > 12e9 * 0.95);
        trials += best.valid_trials;
        assert!(best.valid_trials <= combinations.trials() as usize && best.confidence.unwrap() > 0.9, "seed {seed}: {best:?}");
        let middle = middle_trial(&searched).unwrap().values.goodput_bps.unwrap().bps();
        let mut of_best: Vec<f64> = searched.trials[11].iter().map(|record| record.values.goodput_bps.unwrap().bps()).collect();
        of_best.sort_by(f64::total_cmp);
        assert_eq!(middle, of_best[(of_best.len() - 1) / 2]);
    }
    println!("found {found}, in the interval {within}, of {SEEDS}; {} trials each", trials as u64 / SEEDS);
    assert_eq!(found, SEEDS);
    assert!(within >= 18, "{within} of {SEEDS}");
}

#[test]
fn two_that_are_equally_fast_cannot_be_told_apart() {
    let combinations = combinations("");
    let planted = |candidate| if candidate == 3 || candidate == 8 { 10.0 } else { 6.0 };
    let equal = ["mtu 1500, streams 2, message 16384 B", "mtu 3000, streams 2, message 64 B"];
    let (mut named, mut spurious) = (0, 0);
    for seed in 0..SEEDS {
        let best = best_of(&combinations, &simulate(&combinations, seed, planted, always_valid));
        let chosen = best.chosen.unwrap().setting;
        let other = equal.into_iter().find(|setting| *setting != chosen).unwrap();
        assert!(equal.contains(&chosen.as_str()), "seed {seed}: {chosen}");
        named += u64::from(best.not_distinguished.iter().any(|rate| rate.setting == other));
        spurious += best.not_distinguished.iter().filter(|rate| rate.setting != other).count();
    }
    println!("named {named} of {SEEDS}, spurious {spurious}");
    assert_eq!((named, spurious), (SEEDS, 0));
}

#[test]
fn trials_that_are_not_valid_do_not_count_and_what_has_no_other_is_named() {
    let combinations = combinations("");
    // Combination 2 seems the fastest, and is never valid. Every third trial of the others is invalid too.
    let verdict = |candidate: usize, number: usize| {
        let mut verdict = Verdict::valid();
        if candidate == 2 || number.is_multiple_of(3) {
            verdict.invalidate(ReasonKind::LinkChange, format!("the link of combination {candidate} changed"));
        }
        verdict
    };
    let searched = simulate(&combinations, 1, |candidate| if candidate == 2 { 100.0 } else { 4.0 + candidate as f64 }, verdict);
    let best = best_of(&combinations, &searched);
    assert_eq!(best.chosen.unwrap().setting, "mtu 3000, streams 4, message 16384 B");
    let without: Vec<&str> = best.without_valid_trial.iter().map(|without| without.setting.as_str()).collect();
    assert_eq!(without, ["mtu 1500, streams 2, message 64 B"]);
    assert!(best.without_valid_trial[0].why.contains("the link of combination 2 changed"));
    let all: usize = searched.trials.iter().map(Vec::len).sum();
    assert!(best.invalid_trials > 3 && best.valid_trials + best.invalid_trials == all, "{} of {all}", best.invalid_trials);
}

#[test]
fn without_a_valid_trial_nothing_is_chosen_and_the_reason_is_kept() {
    let combinations = combinations("");
    let link = |_: usize, _: usize| {
        let mut verdict = Verdict::valid();
        verdict.invalidate(ReasonKind::LinkChange, "the link changed");
        verdict
    };
    let searched = simulate(&combinations, 1, |_| 5.0, link);
    let (best, verdict) = (best_of(&combinations, &searched), no_valid_trial(&combinations, &searched));
    assert!(middle_trial(&searched).is_none() && best.chosen.is_none() && best.valid_trials == 0);
    assert_eq!((verdict.state, verdict.reasons[0].kind), (State::Invalid, ReasonKind::LinkChange));
    assert!(verdict.reasons[0].detail.ends_with("the link changed"), "{}", verdict.reasons[0]);
    let failed = simulate(&combinations, 1, |_| 5.0, |_, _| Verdict::failed(ReasonKind::ToolFailed, "iperf3 is missing"));
    let best = best_of(&combinations, &failed);
    assert_eq!((no_valid_trial(&combinations, &failed).state, best.without_valid_trial.len()), (State::Failed, 12));
    assert_eq!(best.invalid_trials, 12, "what cannot work is tried once");
}

#[test]
fn a_record_keeps_what_the_search_said() {
    let combinations = combinations("trials = 8\n");
    let searched = simulate(&combinations, 1, |candidate| 4.0 + candidate as f64, always_valid);
    let best = best_of(&combinations, &searched);
    assert!(best.valid_trials <= 8, "{best:?}");
    assert!(!best.untried.is_empty(), "eight trials do not cover twelve combinations");
    let mut record = middle_trial(&searched).unwrap().clone();
    record.set_best_of(&best);
    let read: Record = serde_json::from_str(&serde_json::to_string(&record).unwrap()).unwrap();
    assert_eq!((read.best_of(), read.method.as_str()), (Some(best), "best"));
    assert_eq!(trial(1.0, Verdict::valid()).best_of(), None::<BestOf>);
}
