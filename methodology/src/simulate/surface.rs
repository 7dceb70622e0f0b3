//! Response surfaces whose best setting is known, for the search of [`tune`](crate::tune).

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

use crate::tune::{Aim, Axis, Candidate, Next, Outcome, Search, SearchOptions, Space, TuneResult, grid_repetitions};

/// Values over the queues, bursts and descriptors of a port: 4 × 5 × 4 settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    /// All settings are equal.
    Flat,
    /// The default is best; every step away from it costs.
    DefaultBest,
    /// From two queues and a burst of 16 on, all settings are equal.
    Plateau,
    /// More is better, until the rings leave the cache.
    Cliff,
    /// Bursts must grow with the queues.
    Ridge,
    /// Small bursts are best with many queues, large ones with few.
    Interaction,
    /// Two settings far apart are best.
    TwoOptima,
    /// One setting is better than a flat rest.
    Needle,
    /// Each axis raises the value.
    Slope,
    /// Each axis raises the value less and less.
    Saturating,
    /// The middle of an axis is worst.
    Valley,
    /// One axis decides, in no order.
    OneAxis,
    /// Half a percent a step: many settings are close to the best.
    NearTies,
    /// No structure at all.
    Rugged,
    /// A delay, of which less is better.
    Delay,
    /// The best is 3 % above the default.
    SmallGain,
}

/// What disturbs a trial in addition to its noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disturbance {
    /// Nothing.
    None,
    /// The machine slows down by 10 % over the budget, with waves of ±3 % every 200 trials; three of a hundred trials are worse by a tenth to a half.
    DriftAndOutliers,
}

/// The result of one search over a surface.
#[derive(Debug, Clone)]
pub struct SurfaceRun {
    /// What the search found.
    pub result: TuneResult,
    /// How far the chosen setting is below the best: 0.02 for 2 %.
    pub regret: f64,
    /// Trials over those of a full grid with equal repetitions ([`grid_repetitions`]).
    pub share_of_grid: f64,
}

impl Surface {
    /// All of them.
    pub const ALL: [Surface; 16] = [
        Surface::Flat,
        Surface::DefaultBest,
        Surface::Plateau,
        Surface::Cliff,
        Surface::Ridge,
        Surface::Interaction,
        Surface::TwoOptima,
        Surface::Needle,
        Surface::Slope,
        Surface::Saturating,
        Surface::Valley,
        Surface::OneAxis,
        Surface::NearTies,
        Surface::Rugged,
        Surface::Delay,
        Surface::SmallGain,
    ];

    /// Its settings; the default has one queue, a burst of 64 and 1024 descriptors.
    pub fn space(self) -> Space {
        let axes = vec![
            Axis::new("queues", [1, 2, 3, 4], true),
            Axis::new("burst", [8, 16, 32, 64, 128], false),
            Axis::new("descriptors", [512, 1024, 2048, 4096], true),
        ];
        match Space::new(axes, &[0, 3, 1], |setting| Some(setting[0] as u32 + 1)) {
            Ok(space) => space,
            Err(error) => unreachable!("a fixed space: {error}"),
        }
    }

    /// Which values are better.
    pub fn aim(self) -> Aim {
        if self == Surface::Delay { Aim::Least } else { Aim::Greatest }
    }

    /// Whether no setting is better than the default.
    pub fn has_no_gain(self) -> bool {
        matches!(self, Surface::Flat | Surface::DefaultBest)
    }

    /// The true value of a setting.
    pub fn value(self, setting: &[usize]) -> f64 {
        let [x, y, z] = [setting[0] as f64, setting[1] as f64, setting[2] as f64];
        match self {
            Surface::Flat => 1.0,
            Surface::DefaultBest => 1.0 - 0.04 * (x + (y - 3.0).abs() + (z - 1.0).abs()),
            Surface::Plateau => {
                let short = [(x < 1.0, 0.75), (y < 1.0, 0.85)];
                short.iter().filter(|(is_short, _)| *is_short).map(|(_, share)| share).product()
            }
            Surface::Cliff => {
                let climb = 0.6 + 0.08 * x + 0.03 * y + 0.03 * z;
                if x + z > 4.0 { 0.5 * climb } else { climb }
            }
            Surface::Ridge => (1.0 + 0.04 * x) * (-0.15 * (y - x - 0.5).powi(2)).exp() * (1.0 - 0.01 * z),
            Surface::Interaction => {
                let burst = if x >= 2.0 { 1.0 - 0.08 * y } else { 0.6 + 0.08 * y };
                burst * (1.0 + 0.05 * x) * (1.0 - 0.02 * (z - 2.0).abs())
            }
            Surface::TwoOptima => {
                let hill = |a: f64, b: f64, c: f64| (-0.12 * ((x - a).powi(2) + (y - b).powi(2) + (z - c).powi(2))).exp();
                0.5 + 0.5 * hill(0.0, 0.0, 3.0).max(hill(3.0, 4.0, 0.0))
            }
            Surface::Needle => {
                if setting == [2, 1, 3] {
                    1.1
                } else {
                    1.0
                }
            }
            Surface::Slope => 0.5 + 0.06 * x + 0.04 * y + 0.03 * z,
            Surface::Saturating => (1.0 - 0.4 * (-x).exp()) * (1.0 - 0.3 * (-1.2 * y).exp()) * (1.0 - 0.2 * (-z).exp()),
            Surface::Valley => 0.7 + 0.08 * (y - 2.0).abs() + if y > 2.0 { 0.04 } else { 0.0 } - 0.03 * x,
            Surface::OneAxis => [0.8, 1.0, 0.7, 0.9, 0.75][setting[1]],
            Surface::NearTies => 1.0 - 0.005 * ((x - 3.0).abs() + (y - 1.0).abs() + (z - 2.0).abs()) - if x < 1.0 { 0.05 } else { 0.0 },
            Surface::Rugged => {
                let place = setting.iter().fold(0_u64, |place, &index| place * 5 + index as u64);
                let mut rng = ChaCha8Rng::seed_from_u64(40 + place);
                0.6 + 0.4 * rng.random::<f64>()
            }
            Surface::Delay => 10.0 + 2.0 * (x - 2.0).powi(2) + 1.5 * (y - 1.0).powi(2) + z,
            Surface::SmallGain => 1.0 + if x >= 2.0 { 0.03 } else { 0.0 } - 0.02 * (y - 3.0).abs(),
        }
    }

    /// How far a setting is below the best.
    pub fn regret(self, space: &Space, chosen: Candidate) -> f64 {
        let values = space.candidates().map(|candidate| self.value(space.setting(candidate)));
        let value = self.value(space.setting(chosen));
        match self.aim() {
            Aim::Greatest => 1.0 - value / values.fold(0.0, f64::max),
            Aim::Least => value / values.fold(f64::INFINITY, f64::min) - 1.0,
        }
    }

    /// The repetitions that a full grid needs for a choice within 2 % in 95 of 100 runs. Where trials are disturbed, a grid has to use medians,
    /// whose variance is π/2 of that of means.
    pub fn grid_repetitions(self, noise: f64, disturbance: Disturbance) -> u32 {
        let of_medians = std::f64::consts::FRAC_PI_2.sqrt();
        let noise = if disturbance == Disturbance::None { noise } else { noise * of_medians };
        grid_repetitions(self.space().len(), noise, 0.02, 0.95)
    }

    /// One search with at most a third of the trials of that grid.
    pub fn search(self, noise: f64, disturbance: Disturbance, seed: u64) -> SurfaceRun {
        let space = self.space();
        let grid = space.len() * self.grid_repetitions(noise, disturbance) as usize;
        let budget = grid / 3;
        let truth: Vec<f64> = space.candidates().map(|candidate| self.value(space.setting(candidate))).collect();
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x5eed_0000);
        let mut search = Search::new(space, SearchOptions { seed, aim: self.aim(), within: 0.02 });
        while let Next::Measure { candidate, .. } = search.next(budget) {
            let z: f64 = rng.sample(StandardNormal);
            let mut worse = 1.0;
            if disturbance == Disturbance::DriftAndOutliers {
                let time = search.spent() as f64;
                worse *= 1.0 + 0.1 * time / budget as f64 + 0.03 * (time * std::f64::consts::TAU / 200.0).sin();
                if rng.random::<f64>() < 0.03 {
                    worse /= 1.0 - rng.random_range(0.1..0.5);
                }
            }
            let value = truth[candidate.index()] * (noise * z).exp();
            search.record(Outcome::Value(match self.aim() {
                Aim::Greatest => value / worse,
                Aim::Least => value * worse,
            }));
        }
        let spent = search.spent();
        let Some(result) = search.result() else { unreachable!("every trial of a surface has a value") };
        SurfaceRun { regret: self.regret(search.space(), result.chosen), share_of_grid: spent as f64 / grid as f64, result }
    }
}
