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
