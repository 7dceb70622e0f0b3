//! `compare` flags what was planted, keeps its stated rate of false alarms, and says when it cannot know.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in tests a failed unwrap is the failed assertion")]

mod synthetic;

use reporter::archive::Archive;
use reporter::compare::{Correction, Finding, compare};
use reporter::record::Record;
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
                comparison.count(Finding::Worse) + comparison.count(Finding::Better) > 0
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
    let found = dpdk.iter().filter(|c| c.finding == Finding::Worse).count();
    assert_eq!(dpdk.len(), 84);
    assert!(found >= 80, "{found} of {}", dpdk.len());
    let elsewhere = comparison.changes.iter().filter(|c| c.key.stack.name() != "dpdk" && c.finding == Finding::Worse).count();
    assert!(elsewhere <= 8, "{elsewhere} false alarms");
    assert!(comparison.regressions("3%".parse().unwrap()).len() >= 70);
    assert!(comparison.regressions("20%".parse().unwrap()).is_empty());
    let mean = dpdk.iter().map(|c| c.worse_by()).sum::<f64>() / dpdk.len() as f64;
    assert!((mean - 0.05).abs() < 0.005, "{mean}");
}

/// Eighty-four DPDK rates, with 3 % noise, three times each: what `run --full` gives.
fn three(seed: u64, factor: f64) -> Archive {
    let mut list = records(&Truth { dpdk_factor: factor, repetitions: 3, noise: 0.03, ..Truth::lab(seed) });
    list.retain(|r| r.stack == reporter::record::Stack::Dpdk && r.metric == reporter::record::Metric::Throughput);
    archive(list)
}

#[test]
fn three_repetitions_and_three_percent_of_noise_still_show_a_shift_of_seven_percent() {
    let comparison = compare(&three(1, 1.0), &three(2, 0.93), Correction::BenjaminiHochberg);
    assert_eq!(comparison.changes.len(), 84);
    let found = comparison.count(Finding::Worse);
    assert!(found >= 60, "{found} of 84");
    assert_eq!(comparison.count(Finding::Better), 0);
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
    assert!(comparison.changes.iter().all(|c| c.finding == Finding::NotValid));
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
