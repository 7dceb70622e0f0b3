//! Series of runs with a known course. Values are logarithms, as [`Course`](methodology::statistics::Course) takes them.
#![allow(dead_code, reason = "each test uses its part")]

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

pub struct Source(ChaCha8Rng);

/// A series with one step.
pub struct Stepped {
    pub values: Vec<f64>,
    /// First value of the new level.
    pub at: usize,
    /// The step in standard deviations of the noise.
    pub deviations: f64,
}

impl Source {
    pub fn new(seed: u64) -> Self {
        Source(ChaCha8Rng::seed_from_u64(seed))
    }

    pub fn normal(&mut self) -> f64 {
        StandardNormal.sample(&mut self.0)
    }

    pub fn between(&mut self, low: usize, high: usize) -> usize {
        self.0.random_range(low..=high)
    }

    /// Evenly on a logarithmic scale.
    pub fn log_uniform(&mut self, low: f64, high: f64) -> f64 {
        self.0.random_range(low.ln()..high.ln()).exp()
    }

    /// 10 to 500 runs.
    pub fn length(&mut self) -> usize {
        self.log_uniform(10.0, 501.0) as usize
    }

    pub fn flat(&mut self, runs: usize, noise: f64) -> Vec<f64> {
        (0..runs).map(|_| 16.0 + noise * self.normal()).collect()
    }

    /// A step of 1 to 10 % up or down, at least five runs from each end, with noise of 0.5 to 10 % that the step exceeds `least` times.
    pub fn stepped(&mut self, runs: usize, least: f64) -> Stepped {
        loop {
            let (shift, noise) = (self.log_uniform(0.01, 0.10).ln_1p(), self.log_uniform(0.005, 0.10));
            if shift < least * noise {
                continue;
            }
            let at = self.between(5, runs - 5);
            let sign = if self.between(0, 1) == 0 { 1.0 } else { -1.0 };
            let mut values = self.flat(runs, noise);
            values.iter_mut().skip(at).for_each(|value| *value += sign * shift);
            return Stepped { values, at, deviations: shift / noise };
        }
    }
}
