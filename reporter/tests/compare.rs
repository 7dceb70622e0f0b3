//! `compare` flags what was planted, keeps its stated rate of false alarms, and says when it cannot know.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in tests a failed unwrap is the failed assertion")]

mod synthetic;

use std::path::Path;

use methodology::units::{Goodput, PacketRate};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use reporter::archive::Archive;
use reporter::compare::{Across, Correction, Judgement, NoiseOf, compare, compare_across, compare_runs};
use reporter::record::{Metric, Record, Size, Stack};
use reporter::render::{comparison_text, render_comparison};
use synthetic::{Truth, records};

fn archive(records: Vec<Record>) -> Archive {
    let directory = tempfile::tempdir().unwrap();
    let mut archive = synthetic::archive(&directory.path().join("run"), &[]);
    archive.records = records;
    archive
}

fn sample(seed: u64, factor: f64, repetitions: u32) -> Archive {
    archive(records(&Truth { dpdk_factor: factor, repetitions, noise: 0.02, ..Truth::lab(seed) }))
}

#[test]
fn two_samples_of_one_distribution_raise_alarms_no_more_often_than_stated() {
    for correction in [Correction::BenjaminiHochberg, Correction::Holm] {
        let alarmed = (0..100)
            .filter(|seed| {
                let comparison = compare(&sample(10_000 + seed, 1.0, 3), &sample(20_000 + seed, 1.0, 3), correction);
                comparison.count(Judgement::Worse) + comparison.count(Judgement::Better) > 0
            })
            .count();
        // 5 % of 100 is 5; more than 13 would come about by chance about once in a thousand.
        assert!(alarmed <= 13, "{correction}: {alarmed} of 100 runs");
    }
}

#[test]
fn a_planted_shift_of_five_percent_is_found_where_it_was_planted_and_nowhere_else() {
    let comparison = compare(&sample(1, 1.0, 10), &sample(2, 0.95, 10), Correction::BenjaminiHochberg);
    let dpdk: Vec<_> = comparison.changes.iter().filter(|c| c.key.stack.name() == "dpdk" && c.quantity.higher_is_better()).collect();
    let found = dpdk.iter().filter(|c| c.finding == Judgement::Worse).count();
    assert_eq!(dpdk.len(), 84);
    assert!(found >= 80, "{found} of {}", dpdk.len());
    let elsewhere = comparison.changes.iter().filter(|c| c.key.stack.name() != "dpdk" && c.finding == Judgement::Worse).count();
    assert!(elsewhere <= 8, "{elsewhere} false alarms");
    // A regression is one whose interval lies beyond the threshold: of 5.0 % with intervals of ± 1.7 %, most are shown to be above 2 %.
    assert!(comparison.regressions("2%".parse().unwrap()).len() >= 70);
    assert!(comparison.regressions("20%".parse().unwrap()).is_empty());
    let mean = dpdk.iter().map(|c| c.worse_by()).sum::<f64>() / dpdk.len() as f64;
    assert!((mean - 0.05).abs() < 0.005, "{mean}");
}

/// Eighty-four DPDK rates, with 3 % noise, three times each: what `run --full` gives.
fn three(seed: u64, factor: f64) -> Archive {
    let mut list = records(&Truth { dpdk_factor: factor, repetitions: 3, noise: 0.03, ..Truth::lab(seed) });
    list.retain(|r| r.stack == Stack::Dpdk && r.metric == Metric::Throughput);
    archive(list)
}

#[test]
fn three_repetitions_and_three_percent_of_noise_still_show_a_shift_of_seven_percent() {
    let comparison = compare(&three(1, 1.0), &three(2, 0.93), Correction::BenjaminiHochberg);
    assert_eq!(comparison.changes.len(), 84);
    let found = comparison.count(Judgement::Worse);
    assert!(found >= 60, "{found} of 84");
    assert_eq!(comparison.count(Judgement::Better), 0);
}

#[test]
fn what_could_be_seen_is_what_is_found_four_times_in_five() {
    // Where all results shift by `together`, an uncorrected test finds each with probability 0.8.
    let of = |seed: u64| compare(&three(300 + seed, 1.0), &three(400 + seed, 1.0), Correction::Holm).visible.first().unwrap().together;
    let seen = (0..12).map(of).sum::<f64>() / 12.0;
    assert!(0.05 < seen && seen < 0.10, "{seen}");
    let factor = 1.0 / (1.0 + seen);
    let all: Vec<f64> = (0..12)
        .flat_map(|seed| compare(&three(100 + seed, 1.0), &three(200 + seed, factor), Correction::Holm).changes)
        .filter_map(|c| c.p)
        .collect();
    let found = all.iter().filter(|p| **p < 0.05).count() as f64 / all.len() as f64;
    // 1008 tests, but the noise that they share differs by run: a few per cent either way.
    assert!((found - 0.8).abs() < 0.07, "{found}");
    // What one result alone would have to do is more.
    let comparison = compare(&three(1, 1.0), &three(2, 1.0), Correction::BenjaminiHochberg);
    assert!(comparison.changes.iter().all(|c| c.visible.is_some_and(|v| v.alone > v.together)));
}

#[test]
fn no_difference_says_which_difference_could_have_been_seen() {
    let comparison = compare(&three(1, 1.0), &three(2, 1.0), Correction::BenjaminiHochberg);
    let text = comparison_text(&comparison, 160, false);
    assert!(text.contains("What this comparison could see") && text.contains("dpdk forwarding rate: from 1"), "{text}");
    assert!(comparison.can_see("10%".parse().unwrap()) && !comparison.can_see("2%".parse().unwrap()));
    assert_eq!(comparison.blind_to("2%".parse().unwrap()), 84);
    assert_eq!(comparison.blind_to("50%".parse().unwrap()), 0);
}

#[test]
fn one_measurement_a_side_judges_nothing_however_large_the_difference() {
    let comparison = compare(&sample(1, 1.0, 1), &sample(2, 0.5, 1), Correction::BenjaminiHochberg);
    assert!(!comparison.can_judge() && comparison.regressions("1%".parse().unwrap()).is_empty());
    assert!(comparison_text(&comparison, 160, false).contains("noise cannot be judged"));
}

#[test]
fn invalid_results_are_no_regression() {
    let comparison =
        compare(&sample(1, 1.0, 3), &archive(records(&Truth { invalid: 1.0, dpdk_factor: 0.2, ..Truth::lab(2) })), Correction::Holm);
    assert!(comparison.changes.iter().all(|c| c.finding == Judgement::NotValid));
}

#[test]
fn differences_of_the_environment_stand_before_the_numbers() {
    let (base, mut new) = (sample(1, 1.0, 3), sample(2, 0.9, 3));
    for endpoint in new.environment.as_mut().unwrap().endpoints.values_mut() {
        endpoint.kernel = Some("6.12.0".to_owned());
    }
    new.plan = Some("repetitions = 3\n".to_owned());
    let comparison = compare(&base, &new, Correction::default());
    let names: Vec<_> = comparison.environment.iter().map(|d| d.what.as_str()).collect();
    assert!(names.contains(&"endpoints.a-cpu.kernel") && names.contains(&"plan.toml"), "{names:?}");
    let text = comparison_text(&comparison, 160, false);
    assert!(text.find("6.12.0").unwrap() < text.find("Benjamini-Hochberg").unwrap());
    assert!(text.find("6.12.0").unwrap() < text.find("kernel-tcp").or(text.find("dpdk")).unwrap());
}

#[test]
fn a_comparison_is_written_whole() {
    let directory = tempfile::tempdir().unwrap();
    let comparison = compare(&sample(1, 1.0, 5), &sample(2, 0.9, 5), Correction::default());
    let rendered = render_comparison(&comparison, "runs/<one>", "runs/two", directory.path()).unwrap();
    assert_eq!(rendered.files.len(), 4);
    let html = std::fs::read_to_string(directory.path().join("compare.html")).unwrap();
    assert!(html.contains("&lt;one&gt;") && !html.contains("<one>") && html.contains("figure-changes"));
}

#[test]
fn a_gate_fails_on_smaller_changes_than_it_names_no_more_often_than_stated() {
    // Every DPDK rate is worse by 4.9 %: a gate at 5 % has nothing to find, though a third of the point estimates lie beyond it.
    for correction in [Correction::BenjaminiHochberg, Correction::Holm] {
        let one = |seed: u64, factor: f64| drawn(seed, factor, 0.0, 0.03, &synthetic::SIZES);
        let of = |seed: u64| compare(&one(50_000 + seed, 1.0), &one(60_000 + seed, 0.951), correction);
        let failed = (0..100).filter(|seed| !of(*seed).regressions("5%".parse().unwrap()).is_empty()).count();
        // 5 % of 100 is 5; more than 13 would come about by chance about once in a thousand.
        assert!(failed <= 13, "{correction}: {failed} of 100");
        assert!(of(0).changes.iter().filter(|c| c.worse_by() >= 0.05).count() > 20);
    }
}

#[test]
fn a_gate_finds_what_is_clearly_worse_and_says_what_it_cannot_rule_out() {
    let comparison = compare(&three(1, 1.0), &three(2, 0.80), Correction::default());
    assert!(comparison.regressions("5%".parse().unwrap()).len() >= 80);
    let alike = compare(&three(1, 1.0), &three(2, 1.0), Correction::default());
    assert!(alike.regressions("0%".parse().unwrap()).is_empty());
    assert!(alike.not_ruled_out("5%".parse().unwrap()) > 0 && alike.not_ruled_out("50%".parse().unwrap()) == 0);
}

/// DPDK rates with three repetitions, made from one template: simulations need hundreds of runs. A result's repetitions vary by `noise`; all
/// results of a run are moved together by `between`.
fn drawn(seed: u64, factor: f64, between: f64, noise: f64, sizes: &[u32]) -> Archive {
    static TEMPLATE: std::sync::OnceLock<Vec<Record>> = std::sync::OnceLock::new();
    let template = TEMPLATE.get_or_init(|| {
        let mut list = records(&Truth { noise: 0.0, ..Truth::lab(1) });
        list.retain(|r| r.stack == Stack::Dpdk && r.metric == Metric::Throughput);
        list
    });
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut normal = |deviation: f64| (deviation * ((0..12).map(|_| rng.random_range(0.0..1.0)).sum::<f64>() - 6.0)).exp();
    let own = factor * normal(between);
    let mut list: Vec<Record> = template.iter().filter(|r| sizes.contains(&r.size.bytes)).cloned().collect();
    for record in &mut list {
        let rate = record.values.forwarding_pps.unwrap().pps() * own * normal(noise);
        record.values.forwarding_pps = Some(PacketRate::new(rate).unwrap());
    }
    Archive::of_records(list, Path::new("run"))
}

/// A run whose results are moved by what that run has of its own: two per cent, more than its repetitions vary.
fn run(seed: u64, factor: f64) -> Archive {
    drawn(seed, factor, 0.02, 0.005, &[64])
}

#[test]
fn what_differs_from_run_to_run_is_noise_where_several_runs_are_given() {
    let alarms = |runs: u64, correction| {
        let alarmed = (0..100_u64).filter(|seed| {
            let side = |side: u64| -> Vec<Archive> { (0..runs).map(|k| run(1 + seed * 1000 + side * 100 + k, 1.0)).collect() };
            let (base, new) = (side(1), side(2));
            let comparison = compare_runs(&base.iter().collect::<Vec<_>>(), &new.iter().collect::<Vec<_>>(), correction);
            comparison.count(Judgement::Worse) + comparison.count(Judgement::Better) > 0
        });
        alarmed.count()
    };
    for runs in [2, 4] {
        let alarmed = alarms(runs, Correction::BenjaminiHochberg);
        assert!(alarmed <= 13, "{alarmed} of 100 with {runs} runs a side");
    }
    // With one run a side the same difference stands beyond the noise within a run, which is what it then says.
    assert!(alarms(1, Correction::BenjaminiHochberg) > 50);
}

#[test]
fn a_shift_beyond_what_runs_differ_by_is_found_with_several_runs() {
    let side = |first: u64, factor: f64| -> Vec<Archive> { (first..first + 5).map(|seed| run(seed, factor)).collect() };
    let (base, new) = (side(1, 1.0), side(11, 0.85));
    let comparison = compare_runs(&base.iter().collect::<Vec<_>>(), &new.iter().collect::<Vec<_>>(), Correction::default());
    assert_eq!((comparison.noise, comparison.runs, comparison.changes.len()), (NoiseOf::BetweenRuns, (5, 5), 12));
    assert_eq!(comparison.count(Judgement::Worse), 12);
    assert!(comparison.changes.iter().all(|c| c.base.values.len() == 5));
    assert!(comparison.summary().contains("beyond the noise between runs"), "{}", comparison.summary());
    // One new run against five: found as well, because it is far off.
    let one = run(99, 0.7);
    let comparison = compare_runs(&base.iter().collect::<Vec<_>>(), &[&one], Correction::default());
    assert_eq!(comparison.count(Judgement::Worse), 12);
}

#[test]
fn runs_of_a_side_that_differ_in_their_environment_are_named() {
    let (base, mut odd, new) = (sample(1, 1.0, 1), sample(2, 1.0, 1), sample(3, 1.0, 1));
    for endpoint in odd.environment.as_mut().unwrap().endpoints.values_mut() {
        endpoint.kernel = Some("6.12.0".to_owned());
    }
    let comparison = compare_runs(&[&base, &odd], &[&new], Correction::default());
    let kernel = comparison.environment.iter().find(|d| d.what == "endpoints.a-cpu.kernel").unwrap();
    assert!(kernel.base.as_ref().unwrap().starts_with("differs among 2 runs: 6.1") && kernel.new.is_some(), "{kernel:?}");
}

#[test]
fn one_run_a_side_says_that_its_noise_is_that_within_a_run() {
    let summary = compare(&sample(1, 1.0, 3), &sample(2, 1.0, 3), Correction::default()).summary();
    assert!(summary.contains("beyond the noise within a run") && summary.contains("several runs a side"), "{summary}");
}

#[test]
fn repetitions_that_agree_exactly_prove_no_difference() {
    let exact = |factor: f64| {
        let mut list = records(&Truth { dpdk_factor: factor, noise: 0.0, ..Truth::lab(1) });
        list.retain(|r| r.stack == Stack::Dpdk && r.metric == Metric::Throughput);
        archive(list)
    };
    let comparison = compare(&exact(1.0), &exact(0.999_999), Correction::default());
    assert!(comparison.changes.iter().all(|c| c.finding == Judgement::CannotJudge), "{}", comparison.summary());
    let same = compare(&exact(1.0), &exact(1.0), Correction::default());
    assert!(same.changes.iter().all(|c| c.finding == Judgement::WithinNoise), "{}", same.summary());
}

#[test]
fn every_change_lies_in_its_interval() {
    for repetitions in [2, 3, 10] {
        let noisy = |seed| archive(records(&Truth { repetitions, noise: 0.4, ..Truth::lab(seed) }));
        let comparison = compare(&noisy(1), &noisy(2), Correction::default());
        assert!(comparison.changes.iter().all(|c| c.interval.is_none_or(|i| i.holds(c.ratio))));
    }
}

/// Three repetitions of one goodput of kernel TCP from a-cpu to b-cpu.
fn streams(streams: u64, message: u32, gbps: f64) -> Vec<Record> {
    let mut list = records(&Truth::lab(1));
    list.retain(|r| {
        r.stack == Stack::KernelTcp && r.metric == Metric::Throughput && r.pair.to_string() == "a-cpu→b-cpu" && r.size.bytes == 64
    });
    for (index, record) in list.iter_mut().enumerate() {
        record.size = Size::message(message);
        record.parameters.insert("streams".to_owned(), streams.into());
        record.values.goodput_bps = Goodput::new(1e9 * gbps * (1.0 + 0.001 * index as f64)).ok();
    }
    list
}

#[test]
fn a_default_stands_beside_a_tuned_setting_across_the_keys_that_were_tuned() {
    let (default, tuned) = (archive(streams(1, 1460, 1.0)), archive(streams(8, 16000, 3.0)));
    let apart = compare(&default, &tuned, Correction::default());
    assert!(apart.changes.is_empty() && apart.summary().contains("`--across sizes,streams`"), "{}", apart.summary());
    let across = |keys: &str| compare_across(&[&default], &[&tuned], Correction::default(), &keys.parse().unwrap()).unwrap();
    // The streams alone are not enough, and the sentence says what is.
    assert!(across("streams").changes.is_empty() && across("streams").summary().contains("`--across streams,sizes`"));
    let comparison = across("streams,sizes");
    let change = &comparison.changes[0];
    assert_eq!((comparison.changes.len(), change.finding), (1, Judgement::Better));
    assert!((change.ratio - 3.0).abs() < 1e-9 && comparison.environment.iter().all(|fact| !fact.what.starts_with("configuration")));
    assert!(change.name().ends_with("goodput (streams 1 → 8, sizes 1460 → 16000)"), "{}", change.name());
    let text = comparison_text(&comparison, 160, true);
    assert!(text.contains("Compared across streams, sizes"), "{text}");
    let json = serde_json::to_value(&comparison).unwrap();
    assert_eq!((&json["across"][1], &json["changes"][0]["across"][0]["new"]), (&"sizes".into(), &"8".into()));
}

#[test]
fn results_of_one_side_that_fall_together_are_refused() {
    let default = archive(streams(1, 1460, 1.0));
    let several = archive([streams(4, 16000, 2.5), streams(8, 16000, 3.0)].concat());
    let refused = |base: &[&Archive], new: &[&Archive], keys: &str| {
        compare_across(base, new, Correction::default(), &keys.parse::<Across>().unwrap()).unwrap_err().to_string()
    };
    let new = refused(&[&default], &[&several], "streams,sizes");
    assert!(new.contains("new side") && new.contains("(4 streams)") && new.contains("(8 streams)"), "{new}");
    assert!(refused(&[&several], &[&default], "streams").contains("base side"));
    // Also where they are in two runs.
    let eight = archive(streams(8, 16000, 3.0));
    assert!(refused(&[&default], &[&eight, &default], "streams,sizes").contains("fall together"));
    // Runs of a side with the same setting are repetitions of one result.
    let again = archive(streams(8, 16000, 3.1));
    let comparison = compare_across(&[&default], &[&eight, &again], Correction::default(), &"streams,sizes".parse().unwrap()).unwrap();
    assert_eq!((comparison.changes.len(), comparison.changes[0].new.values.len()), (1, 2));
}

#[test]
fn results_that_do_not_differ_in_the_keys_are_compared_as_before() {
    let (base, new) = (sample(1, 1.0, 3), sample(2, 0.9, 3));
    let plain = compare(&base, &new, Correction::Holm);
    let across = compare_across(&[&base], &[&new], Correction::Holm, &"burst,flows".parse().unwrap()).unwrap();
    let names = |of: &reporter::compare::Comparison| of.changes.iter().map(|c| (c.name(), c.finding)).collect::<Vec<_>>();
    assert_eq!(names(&plain), names(&across));
}
