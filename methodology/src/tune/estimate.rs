//! What the trials until now say of each setting: its mean score, free of the drift of the machine and of outliers, and how sure that is.

/// A valid trial.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    /// The setting.
    pub candidate: usize,
    /// Trials of one block follow each other.
    pub block: usize,
    /// Its score.
    pub score: f64,
}

/// The mean score of one setting.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Centre {
    /// The mean.
    pub mean: f64,
    /// Its standard error.
    pub error: f64,
    /// The trials behind it.
    pub count: usize,
}

/// All settings.
#[derive(Debug, Clone)]
pub(super) struct Estimates {
    /// By setting; none where there is no valid trial.
    pub centres: Vec<Option<Centre>>,
    /// Standard deviation of a trial.
    pub noise: f64,
    /// Degrees of freedom behind it; 0 where nothing was repeated.
    pub freedom: f64,
}

/// Residuals beyond so many standard deviations count as this many: an outlier moves a mean by a bounded amount (Huber 1964).
const CLAMP: f64 = 2.5;

/// The variance that remains of a normal distribution that is clamped there.
const CLAMPED_VARIANCE: f64 = 0.977;

/// The noise of one setting counts as if the noise of all had been seen in so many of its trials (an inverse-gamma prior: Smyth 2004,
/// "Linear models and empirical Bayes methods"). Settings differ in noise, and few trials do not show how much.
pub(super) const PRIOR_TRIALS: f64 = 6.0;

/// Blocks with fewer residuals than this share those of their neighbours.
const FEW: usize = 5;

/// No timer is finer. Without it, repetitions that agree exactly would have an error of 0.
const LEAST_NOISE: f64 = 1e-6;

impl Estimates {
    /// From these trials, in the order in which they were made.
    pub(super) fn of(candidates: usize, trials: &[Measured]) -> Estimates {
        let groups = Groups::of(candidates, trials);
        let mut noise = groups.noise_of_successive();
        let mut drift = Drift::none(trials.iter().map(|trial| trial.block + 1).max().unwrap_or(0));
        let mut means = groups.means(&drift, noise);
        let mut freedom = groups.freedom();
        if freedom > 0.0 {
            for _ in 0..3 {
                drift = groups.drift(&means, noise, drift.steps.len());
                means = groups.means(&drift, noise);
            }
            freedom = (freedom - drift.freedom).max(1.0);
            noise = groups.noise(&means, &drift, noise, freedom);
        }
        let centres = (0..candidates).map(|candidate| groups.centre(candidate, &means, &drift, noise)).collect();
        Estimates { centres, noise, freedom }
    }

    /// How far `one` is above `other`, and the standard error of that; none where one of them was not measured.
    pub(super) fn difference(&self, one: usize, other: usize) -> Option<(f64, f64)> {
        let (one, other) = (self.centres[one]?, self.centres[other]?);
        Some((one.mean - other.mean, one.error.hypot(other.error)))
    }

    /// By mean, the greatest first; settings that were not measured come last.
    pub(super) fn sort_best_first(&self, candidates: &mut [usize]) {
        let mean = |candidate: usize| self.centres[candidate].map_or(f64::NEG_INFINITY, |centre| centre.mean);
        candidates.sort_by(|one, other| mean(*other).total_cmp(&mean(*one)));
    }
}

/// The trials by setting.
struct Groups {
    /// Where the trials of a setting begin in `trials`.
    starts: Vec<usize>,
    /// (block, score), sorted by setting.
    trials: Vec<(usize, f64)>,
}

/// What all trials of a block have in common.
struct Drift {
    steps: Vec<f64>,
    /// Mean variance of a step.
    variance: f64,
    /// Degrees of freedom that it takes from the noise.
    freedom: f64,
}

impl Drift {
    fn none(blocks: usize) -> Drift {
        Drift { steps: vec![0.0; blocks], variance: 0.0, freedom: 0.0 }
    }
}

impl Groups {
    fn of(candidates: usize, trials: &[Measured]) -> Groups {
        let mut starts = vec![0; candidates + 1];
        for trial in trials {
            starts[trial.candidate + 1] += 1;
        }
        for place in 1..starts.len() {
            starts[place] += starts[place - 1];
        }
        let mut next = starts.clone();
        let mut sorted = vec![(0, 0.0); trials.len()];
        for trial in trials {
            sorted[next[trial.candidate]] = (trial.block, trial.score);
            next[trial.candidate] += 1;
        }
        Groups { starts, trials: sorted }
    }

    fn group(&self, candidate: usize) -> &[(usize, f64)] {
        &self.trials[self.starts[candidate]..self.starts[candidate + 1]]
    }

    fn groups(&self) -> impl Iterator<Item = &[(usize, f64)]> {
        self.starts.windows(2).map(|ends| &self.trials[ends[0]..ends[1]])
    }

    fn freedom(&self) -> f64 {
        self.groups().map(|group| group.len().saturating_sub(1)).sum::<usize>() as f64
    }

    /// From the differences of successive trials of one setting, which a slow drift hardly changes (von Neumann 1941). Differences beyond three
    /// times their median size count as that.
    fn noise_of_successive(&self) -> f64 {
        let mut sizes: Vec<f64> = self.groups().flat_map(|group| group.windows(2).map(|pair| (pair[1].1 - pair[0].1).abs())).collect();
        if sizes.is_empty() {
            return LEAST_NOISE;
        }
        let limit = 3.0 * deviation_of_sizes(&mut sizes);
        let squares: f64 = sizes.iter().map(|size| if limit > 0.0 { size.min(limit) } else { *size }).map(|size| size * size).sum();
        (squares / (2.0 * sizes.len() as f64)).sqrt().max(LEAST_NOISE)
    }

    fn means(&self, drift: &Drift, noise: f64) -> Vec<f64> {
        let mut values = Vec::new();
        let mean = |group: &[(usize, f64)]| {
            values.clear();
            values.extend(group.iter().map(|&(block, score)| score - drift.steps[block]));
            robust_mean(&mut values, noise)
        };
        self.groups().map(mean).collect()
    }

    /// What the repeated settings show of the drift: the mean residual of each block and its neighbours, drawn towards 0 as far as noise
    /// explains it.
    fn drift(&self, means: &[f64], noise: f64, blocks: usize) -> Drift {
        let mut ends = vec![0; blocks + 1];
        let repeated = || self.groups().zip(means).filter(|(group, _)| group.len() > 1);
        repeated().for_each(|(group, _)| group.iter().for_each(|&(block, _)| ends[block] += 1));
        let mut sum = 0;
        for end in &mut ends {
            sum += std::mem::replace(end, sum);
        }
        // `ends` now has where the residuals of each block begin. Each residual that is put in place moves it, so that it has the ends afterwards.
        let mut residuals = vec![0.0; sum];
        for (group, &mean) in repeated() {
            for &(block, score) in group {
                residuals[ends[block]] = score - mean;
                ends[block] += 1;
            }
        }
        let begin = |block: usize| block.checked_sub(1).map_or(0, |before| ends[before]);
        // A drift is slow, so a block with few residuals also uses those of its neighbours: an outlier is then one of several residuals.
        let mut window = Vec::new();
        let raw: Vec<Option<(f64, f64)>> = (0..blocks)
            .map(|block| {
                window.clear();
                let own = begin(block)..ends[block];
                let shared = begin(block.saturating_sub(1))..ends[(block + 1).min(blocks - 1)];
                window.extend_from_slice(&residuals[if own.len() < FEW { shared } else { own }]);
                let variance = noise * noise / window.len().max(1) as f64;
                (!window.is_empty()).then(|| (robust_mean(&mut window, noise), variance))
            })
            .collect();
        let known: Vec<(f64, f64)> = raw.iter().flatten().copied().collect();
        let spread = known.iter().map(|(step, variance)| step * step - variance).sum::<f64>() / known.len().max(1) as f64;
        let spread = spread.max(0.0);
        let kept = |variance: f64| if spread > 0.0 { spread / (spread + variance) } else { 0.0 };
        let steps = raw.iter().map(|step| step.map_or(0.0, |(step, variance)| step * kept(variance))).collect();
        let variance = known.iter().map(|(_, variance)| kept(*variance) * variance).sum::<f64>() / known.len().max(1) as f64;
        Drift { steps, variance, freedom: 0.5 * known.iter().map(|(_, variance)| kept(*variance)).sum::<f64>() }
    }

    fn noise(&self, means: &[f64], drift: &Drift, before: f64, freedom: f64) -> f64 {
        let squares: f64 = self.groups().zip(means).map(|(group, &mean)| squares(group, mean, drift, CLAMP * before)).sum();
        (squares / (CLAMPED_VARIANCE * freedom)).sqrt().max(LEAST_NOISE)
    }

    fn centre(&self, candidate: usize, means: &[f64], drift: &Drift, noise: f64) -> Option<Centre> {
        let group = self.group(candidate);
        let mean = means[candidate];
        let count = group.len();
        (count > 0).then(|| {
            // A setting may be noisier than the rest: its own residuals are clamped at its own width.
            let mut sizes: Vec<f64> = group.iter().map(|&(block, score)| (score - drift.steps[block] - mean).abs()).collect();
            let own = if count >= 6 { deviation_of_sizes(&mut sizes) } else { 0.0 };
            let squares = squares(group, mean, drift, CLAMP * noise.max(own)) / CLAMPED_VARIANCE;
            let variance = (PRIOR_TRIALS * noise * noise + squares) / (PRIOR_TRIALS + count as f64 - 1.0);
            Centre { mean, error: ((variance + drift.variance) / count as f64).sqrt(), count }
        })
    }
}

fn squares(group: &[(usize, f64)], mean: f64, drift: &Drift, limit: f64) -> f64 {
    group.iter().map(|&(block, score)| (score - drift.steps[block] - mean).clamp(-limit, limit)).map(|residual| residual * residual).sum()
}

/// Two trials of one setting that are further apart than so many standard deviations of their difference are not both undisturbed.
const DISAGREE: f64 = 4.0;

/// The mean where residuals beyond [`CLAMP`] standard deviations count as that many. Reorders the values.
fn robust_mean(values: &mut [f64], noise: f64) -> f64 {
    match *values {
        [] => return 0.0,
        [one] => return one,
        // A disturbance makes a trial worse.
        [one, other] if (one - other).abs() > DISAGREE * std::f64::consts::SQRT_2 * noise => return one.max(other),
        [one, other] => return f64::midpoint(one, other),
        _ => {}
    }
    let mut centre = median(values);
    let reach = CLAMP * noise;
    for _ in 0..3 {
        centre += values.iter().map(|value| (value - centre).clamp(-reach, reach)).sum::<f64>() / values.len() as f64;
    }
    centre
}

/// The standard deviation of normal values whose sizes (absolute values) are these, at least one: the median size is 0.6745 of it. Reorders them.
pub(super) fn deviation_of_sizes(sizes: &mut [f64]) -> f64 {
    median(sizes) / 0.674_5
}

/// The median of at least one value: of an even number, the upper of the two in the middle. Reorders the values, and sorts only as far as needed:
/// [`crate::statistics::median`] copies and sorts, which a search over thousands of trials would notice.
pub(super) fn median(values: &mut [f64]) -> f64 {
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use rand_distr::StandardNormal;

    use super::*;

    /// Ten settings, 0.05 apart, in blocks of ten; `extra` is added to each trial by its number.
    fn trials(rounds: usize, noise: f64, extra: impl Fn(usize) -> f64) -> Vec<Measured> {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        (0..rounds * 10)
            .map(|number| {
                let (block, candidate) = (number / 10, number % 10);
                let z: f64 = rng.sample(StandardNormal);
                Measured { candidate, block, score: 0.05 * candidate as f64 + noise * z + extra(number) }
            })
            .collect()
    }

    #[test]
    fn noise_and_differences_are_found() {
        let found = Estimates::of(10, &trials(200, 0.05, |_| 0.0));
        assert!((found.noise - 0.05).abs() < 0.002, "{}", found.noise);
        let (difference, error) = found.difference(9, 0).unwrap();
        assert!((difference - 0.45).abs() < 3.0 * error && (error - 0.005).abs() < 0.001, "{difference} {error}");
        assert!(Estimates::of(2, &[]).difference(0, 1).is_none());
    }

    #[test]
    fn a_drift_is_not_taken_for_noise() {
        // The machine gains 40 % over 40 blocks.
        let found = Estimates::of(10, &trials(40, 0.02, |number| 0.001 * number as f64));
        assert!((found.noise - 0.02).abs() < 0.003, "{}", found.noise);
    }

    #[test]
    fn an_outlier_moves_a_mean_by_a_bounded_amount() {
        let found = Estimates::of(10, &trials(20, 0.02, |number| if number == 55 { -2.0 } else { 0.0 }));
        let (difference, error) = found.difference(9, 5).unwrap();
        assert!((difference - 0.2).abs() < 3.0 * error, "{difference} {error}");
        assert!(found.noise < 0.03, "{}", found.noise);
    }
}
