//! How often the search of `tune` finds a setting within 2 % of the best, and with how many trials: the table of docs/tuning.md.
//!
//! `cargo run --release -p methodology --example tune_surfaces [RUNS]`

use methodology::simulate::{Disturbance, Surface};

fn main() {
    let runs: u64 = std::env::args().nth(1).and_then(|runs| runs.parse().ok()).unwrap_or(100);
    let noises = [0.01, 0.02, 0.05, 0.10, 0.20];
    for disturbance in [Disturbance::None, Disturbance::DriftAndOutliers] {
        println!("\n{disturbance:?}: runs of {runs} within 2 %, trials as a share of the grid's, and runs that say \"no difference\"\n");
        println!("| surface | 1 % | 2 % | 5 % | 10 % | 20 % |\n|---|---|---|---|---|---|");
        for surface in Surface::ALL {
            let cells = noises.map(|noise| cell(surface, noise, disturbance, runs));
            println!("| {surface:?} | {} |", cells.join(" | "));
        }
        let repetitions = noises.map(|noise| Surface::Flat.grid_repetitions(noise, disturbance).to_string());
        println!("\nrepetitions of each of the 80 settings in the grid: {}", repetitions.join(", "));
    }
}

fn cell(surface: Surface, noise: f64, disturbance: Disturbance, runs: u64) -> String {
    let (mut good, mut same, mut share) = (0, 0, 0.0);
    for seed in 0..runs {
        let run = surface.search(noise, disturbance, seed);
        good += u64::from(run.regret <= 0.02);
        same += u64::from(!run.result.better_than_default);
        share += run.share_of_grid / runs as f64;
    }
    let same = if surface.has_no_gain() { format!(", no difference {same}") } else { String::new() };
    format!("{good}, {:.0} %{same}", 100.0 * share)
}
