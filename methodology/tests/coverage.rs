//! Every 95 % interval holds the true value in 93 to 97 % of samples, by simulation.
//!
//! The spreads are those of real results: 3 % is a DPDK rate, 15 % a kernel tool or a round trip on a shared machine. Both sides of a ratio
//! have equal spreads in one case and unequal ones (3 % and 15 %) in the other. Sizes: 3, 5, 10, 30.
#![allow(clippy::unwrap_used, reason = "in tests a failed unwrap is the failed assertion")]

use methodology::statistics::{
    Interval, LogDifference, LogSpread, NoInterval, SharedNoise, geometric_mean_interval, logs, mean, median_interval, ratio_interval,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

/// Standard error of a coverage of 95 % over so many samples: 0.3 %.
const SAMPLES: u32 = 5000;
const SIZES: [usize; 4] = [3, 5, 10, 30];

#[derive(Debug, Clone, Copy)]
enum Shape {
    Normal,
    LogNormal,
}

/// Results around a centre.
#[derive(Debug, Clone, Copy)]
struct Source {
    shape: Shape,
    centre: f64,
    spread: f64,
}

impl Source {
    fn draw(self, rng: &mut ChaCha8Rng, n: usize) -> Vec<f64> {
        let one = |z: f64| match self.shape {
            Shape::Normal => self.centre * (1.0 + self.spread * z),
            Shape::LogNormal => self.centre * (self.spread * z).exp(),
        };
        (0..n).map(|_| one(rng.sample(StandardNormal))).collect()
    }

    /// Its true geometric mean.
    fn geometric_mean(self) -> f64 {
        match self.shape {
            Shape::LogNormal => self.centre,
            // E ln(1 + cz) = −c²/2 − 3c⁴/4 − 5c⁶/2 …
            Shape::Normal => {
                let square = self.spread * self.spread;
                self.centre * (-square / 2.0 - 3.0 * square * square / 4.0 - 2.5 * square.powi(3)).exp()
            }
        }
    }
}

fn sources(spread: f64) -> [Source; 2] {
    [Shape::Normal, Shape::LogNormal].map(|shape| Source { shape, centre: 1.0e6, spread })
}

/// Asserts that intervals from drawn samples hold the truth as often as they state.
fn covers(what: &str, truth: f64, mut interval: impl FnMut(&mut ChaCha8Rng) -> Interval) {
    let mut rng = ChaCha8Rng::seed_from_u64(12);
    let held = (0..SAMPLES).filter(|_| interval(&mut rng).holds(truth)).count();
    let coverage = held as f64 / f64::from(SAMPLES);
    println!("{coverage:.4}  {what}");
    assert!((0.93..=0.97).contains(&coverage), "{what}: {coverage}");
}

#[test]
fn intervals_of_a_geometric_mean_cover() {
    for source in [sources(0.03), sources(0.15)].concat() {
        for n in SIZES {
            covers(&format!("geometric mean, {source:?}, n {n}"), source.geometric_mean(), |rng| {
                geometric_mean_interval(&source.draw(rng, n)).unwrap()
            });
        }
    }
}

#[test]
fn intervals_of_a_ratio_cover() {
    let unequal = sources(0.03).into_iter().zip(sources(0.15));
    let equal = [sources(0.03), sources(0.15)].concat().into_iter().map(|source| (source, source));
    for (above, below) in equal.chain(unequal) {
        let truth = above.geometric_mean() / below.geometric_mean();
        for (n, m) in SIZES.map(|n| (n, n)).into_iter().chain([(3, 10), (10, 3), (5, 30)]) {
            covers(&format!("ratio, {above:?} over {below:?}, n {n} and {m}"), truth, |rng| {
                ratio_interval(&above.draw(rng, n), &below.draw(rng, m)).unwrap()
            });
        }
    }
}

#[test]
fn intervals_of_a_median_cover_or_are_not_stated() {
    for source in [sources(0.03), sources(0.15)].concat() {
        for n in [3, 5] {
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            let mut sample = source.draw(&mut rng, n);
            sample.sort_by(f64::total_cmp);
            assert_eq!(median_interval(&sample), Err(NoInterval::TooFewForAMedian));
        }
        for n in [6, 7, 8, 10, 11, 30] {
            covers(&format!("median, {source:?}, n {n}"), source.centre, |rng| {
                let mut sample = source.draw(rng, n);
                sample.sort_by(f64::total_cmp);
                median_interval(&sample).unwrap()
            });
        }
    }
}

/// The intervals of `compare`: the noise of a result is drawn towards that of all results of its kind. Spreads of results are alike, or differ
/// log-normally by a factor of 1.5.
#[test]
fn intervals_with_shared_noise_cover() {
    const RESULTS: usize = 84;
    for factor in [1.0_f64, 1.5] {
        for shape in [Shape::Normal, Shape::LogNormal] {
            for n in SIZES {
                let mut rng = ChaCha8Rng::seed_from_u64(77);
                let (mut held, mut all) = (0, 0);
                for _ in 0..60 {
                    let drawn: Vec<(Vec<f64>, Vec<f64>)> = (0..RESULTS)
                        .map(|_| {
                            let spread = 0.03 * (factor.ln() * rng.sample::<f64, _>(StandardNormal)).exp();
                            let source = Source { shape, centre: 1.0e6, spread };
                            (source.draw(&mut rng, n), source.draw(&mut rng, n))
                        })
                        .collect();
                    let spreads: Vec<LogSpread> = drawn.iter().map(|(a, b)| LogSpread::pooled(a, b).unwrap()).collect();
                    let common = SharedNoise::of(&spreads).unwrap();
                    for ((a, b), own) in drawn.iter().zip(spreads) {
                        all += 1;
                        held += u32::from(LogDifference::student(a, b, common.moderate(own)).unwrap().interval().unwrap().holds(1.0));
                    }
                }
                let coverage = f64::from(held) / f64::from(all);
                println!("{coverage:.4}  shared noise, {shape:?}, factor {factor}, n {n}");
                assert!((0.93..=0.97).contains(&coverage), "{shape:?} factor {factor} n {n}: {coverage}");
            }
        }
    }
}

/// One run against several, or two and more against as many: a run counts once, and runs have one spread.
#[test]
fn intervals_between_runs_cover() {
    for source in [sources(0.03), sources(0.15)].concat() {
        for runs in [2, 3, 5, 10] {
            covers(&format!("one run against {runs}, {source:?}"), 1.0, |rng| {
                let (one, several) = (source.draw(rng, 1), source.draw(rng, runs));
                LogDifference::student(&one, &several, LogSpread::pooled(&one, &several).unwrap()).unwrap().interval().unwrap()
            });
        }
    }
}

/// Two values a side, or two against three: what both sides measured is the same thing, and has one spread.
#[test]
fn intervals_of_two_values_cover_with_one_spread() {
    for source in [sources(0.03), sources(0.15)].concat() {
        for (n, m) in [(2, 2), (2, 3), (2, 10)] {
            covers(&format!("one spread, {source:?}, n {n} and {m}"), 1.0, |rng| {
                let (a, b) = (source.draw(rng, n), source.draw(rng, m));
                LogDifference::student(&a, &b, LogSpread::pooled(&a, &b).unwrap()).unwrap().interval().unwrap()
            });
        }
    }
}

/// The simulation draws what it says it draws.
#[test]
fn the_true_geometric_mean_of_a_normal_source_is_right() {
    let source = Source { shape: Shape::Normal, centre: 1.0, spread: 0.15 };
    let drawn = source.draw(&mut ChaCha8Rng::seed_from_u64(3), 400_000);
    let seen = mean(&logs(&drawn).unwrap()).unwrap().exp();
    assert!((seen / source.geometric_mean() - 1.0).abs() < 0.001, "{seen}");
}
