//! Which of several values does not belong with the others.

use statrs::distribution::{Binomial, DiscreteCDF};

use super::distribution::lower_t;
use super::{mean, variance};

/// With fewer values than this nothing is known about how they vary.
pub const FEWEST_PEERS: usize = 5;

/// A value that differs from the others at this level, corrected for the number of values, is left out of the comparison of the others.
const NO_PEER: f64 = 0.01;

/// p of each value: that it comes from the normal distribution of the others; two-sided, not corrected. None from fewer than
/// [`FEWEST_PEERS`] values, and where all of them agree.
///
/// Several odd values hide each other, because each widens the spread that the others are compared with. So the most extreme are set aside
/// first, up to a third of all, as the generalised extreme studentised deviate does it (Rosner 1983, Technometrics 25:165), and every value is
/// then compared with those that are left.
pub fn p_of_odd_ones(values: &[f64]) -> Option<Vec<f64>> {
    if values.len() < FEWEST_PEERS || variance(values)? <= 0.0 {
        return None;
    }
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    // Around their mean, so that differences of large sums keep their digits.
    let centre = mean(values)?;
    let away: Vec<f64> = values.iter().map(|value| value - centre).collect();
    // The most extreme value is the lowest or the highest of those that are left.
    let (mut low, mut high) = (0, values.len());
    let (mut odd, mut peers) = ((low, high), Sums::of(&away));
    let mut rest = peers;
    for _ in 0..values.len() / 3 {
        let (lowest, highest) = (away[order[low]], away[order[high - 1]]);
        let (p_low, p_high) = (rest.without(lowest).p(lowest), rest.without(highest).p(highest));
        let p = p_low.min(p_high) * rest.count;
        if p_low <= p_high {
            (low, rest) = (low + 1, rest.without(lowest));
        } else {
            (high, rest) = (high - 1, rest.without(highest));
        }
        if p <= NO_PEER {
            (odd, peers) = ((low, high), rest);
        }
    }
    let mut p = vec![1.0; values.len()];
    for (rank, &place) in order.iter().enumerate() {
        let is_peer = (odd.0..odd.1).contains(&rank);
        p[place] = if is_peer { peers.without(away[place]).p(away[place]) } else { peers.p(away[place]) };
    }
    Some(p)
}

/// The chance that at least so many of several results have a p of `rate` or less where nothing differs and the results are independent.
pub fn p_of_so_many(found: usize, of: usize, rate: f64) -> f64 {
    let Some(fewer) = found.checked_sub(1) else { return 1.0 };
    Binomial::new(rate.clamp(0.0, 1.0), of as u64).map_or(1.0, |chance| chance.sf(fewer as u64))
}

/// What a sample's mean and variance are made of.
#[derive(Clone, Copy)]
struct Sums {
    count: f64,
    sum: f64,
    squares: f64,
}

impl Sums {
    fn of(values: &[f64]) -> Self {
        let squares = values.iter().map(|value| value * value).sum();
        Sums { count: values.len() as f64, sum: values.iter().sum(), squares }
    }

    fn without(self, value: f64) -> Self {
        Sums { count: self.count - 1.0, sum: self.sum - value, squares: self.squares - value * value }
    }

    /// p of a value that is not among them.
    fn p(self, value: f64) -> f64 {
        let centre = self.sum / self.count;
        let rounding = 1e-13 * self.squares.max(value * value);
        let within = self.squares - self.sum * centre;
        let variance = if within > rounding { within / (self.count - 1.0) } else { 0.0 };
        let away = (value - centre).abs();
        let error = (variance * (1.0 + 1.0 / self.count)).sqrt();
        match (away * away > rounding, error > 0.0) {
            (false, _) => 1.0,
            (true, false) => 0.0,
            (true, true) => lower_t(-away / error, self.count - 1.0).map_or(1.0, |p| (2.0 * p).min(1.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, StandardNormal};

    #[test]
    fn values_that_belong_together_have_small_p_as_often_as_p_says() {
        let mut source = ChaCha8Rng::seed_from_u64(1);
        for count in [5, 8, 20, 100] {
            let (mut below, repeats) = (0, 40_000 / count);
            for _ in 0..repeats {
                let values: Vec<f64> = (0..count).map(|_| StandardNormal.sample(&mut source)).collect();
                below += p_of_odd_ones(&values).unwrap().iter().filter(|p| **p <= 0.01).count();
            }
            let rate = below as f64 / (repeats * count) as f64;
            assert!(rate < 0.014, "{rate} of {count} values at 1 %");
        }
    }

    #[test]
    fn many_small_p_are_rarer_than_one() {
        // 1 − 0.99^100 and 1 − 0.99^100 − 100·0.01·0.99^99.
        assert!((p_of_so_many(1, 100, 0.01) - 0.633_97).abs() < 1e-5);
        assert!((p_of_so_many(2, 100, 0.01) - 0.264_24).abs() < 1e-5);
        assert_eq!(p_of_so_many(0, 100, 0.01), 1.0);
    }

    #[test]
    fn odd_values_do_not_hide_each_other() {
        let p = p_of_odd_ones(&[10.0, 10.1, 9.9, 10.05, 5.0, 5.1]).unwrap();
        assert!(p[4] < 1e-3 && p[5] < 1e-3 && p[..4].iter().all(|p| *p > 0.05), "{p:?}");
        assert_eq!(p_of_odd_ones(&[1.0, 2.0, 3.0, 4.0]), None);
        assert_eq!(p_of_odd_ones(&[1.0; 9]), None);
        let exact = p_of_odd_ones(&[1.0, 1.0, 1.0, 1.0, 2.0]).unwrap();
        assert_eq!((exact[4], exact[0] > 0.3), (0.0, true), "{exact:?}");
    }
}
