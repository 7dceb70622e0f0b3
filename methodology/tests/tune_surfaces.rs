//! The search of `tune` on surfaces whose best setting is known.
//!
//! Each cell of the table in docs/tuning.md is checked here with the same 100 seeds: the chosen setting is within 2 % of the best in at least 95
//! of them, with at most a third of the trials of a full grid with equal repetitions, and "no difference" is said in at least 90 where there is none.
#![allow(clippy::unwrap_used, reason = "in tests a failed unwrap is the failed assertion")]

use methodology::simulate::{Disturbance, Surface};

const RUNS: u64 = 100;

/// Every surface at this noise; both halves at the same time.
fn check(noise: f64, disturbance: Disturbance) {
    let half = |surfaces: &[Surface]| surfaces.iter().flat_map(|surface| failures(*surface, noise, disturbance)).collect::<Vec<_>>();
    let (one, other) = Surface::ALL.split_at(Surface::ALL.len() / 2);
    let failures = std::thread::scope(|scope| {
        let other = scope.spawn(|| half(other));
        [half(one), other.join().unwrap()].concat()
    });
    assert!(failures.is_empty(), "noise {noise}, {disturbance:?}: {failures:#?}");
}

fn failures(surface: Surface, noise: f64, disturbance: Disturbance) -> Vec<String> {
    let runs: Vec<_> = (0..RUNS).map(|seed| surface.search(noise, disturbance, seed)).collect();
    let mut failures = Vec::new();
    let good = runs.iter().filter(|run| run.regret <= 0.02).count();
    if good < 95 {
        failures.push(format!("{surface:?}: {good} of {RUNS} within 2 %"));
    }
    let same = runs.iter().filter(|run| !run.result.better_than_default).count();
    if surface.has_no_gain() && same < 90 {
        failures.push(format!("{surface:?}: \"no difference\" in {same} of {RUNS}"));
    }
    let most = runs.iter().map(|run| run.share_of_grid).fold(0.0, f64::max);
    if most > 1.0 / 3.0 {
        failures.push(format!("{surface:?}: {most} of the trials of the grid"));
    }
    // The stated confidence is a lower bound of what is true.
    let stated = runs.iter().map(|run| run.result.confidence).sum::<f64>() / RUNS as f64;
    if good as f64 / (RUNS as f64) < stated - 0.05 {
        failures.push(format!("{surface:?}: {good} of {RUNS} within 2 %, where {stated} was stated"));
    }
    // The interval of the gain holds the true ratio.
    let space = surface.space();
    let truth = |candidate| surface.value(space.setting(candidate));
    let gains = runs.iter().filter_map(|run| Some((run.result.gain?, truth(run.result.winner) / truth(space.default_setting()))));
    let (held, all) = gains.fold((0, 0), |(held, all), (gain, ratio)| {
        let holds = gain.interval.0 <= ratio && ratio <= gain.interval.1;
        (held + usize::from(holds), all + 1)
    });
    if (held as f64) < 0.87 * f64::from(all) {
        failures.push(format!("{surface:?}: the interval of the gain holds it in {held} of {all}"));
    }
    failures
}

#[test]
fn the_choice_is_right_at_5_percent_noise() {
    check(0.05, Disturbance::None);
}

#[test]
fn the_choice_is_right_at_1_percent_noise_with_drift_and_outliers() {
    check(0.01, Disturbance::DriftAndOutliers);
}

#[test]
fn the_choice_is_right_at_2_percent_noise_with_drift_and_outliers() {
    check(0.02, Disturbance::DriftAndOutliers);
}

#[test]
fn the_choice_is_right_at_5_percent_noise_with_drift_and_outliers() {
    check(0.05, Disturbance::DriftAndOutliers);
}

#[test]
fn the_choice_is_right_at_10_percent_noise_with_drift_and_outliers() {
    check(0.1, Disturbance::DriftAndOutliers);
}

#[test]
fn the_choice_is_right_at_20_percent_noise_with_drift_and_outliers() {
    check(0.2, Disturbance::DriftAndOutliers);
}
