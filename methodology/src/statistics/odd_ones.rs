//! Which of several values does not belong with the others.

use super::distribution::lower_t;
use super::{mean, variance};

/// With fewer values than this nothing is known about how they vary.
pub const FEWEST_PEERS: usize = 5;

/// A value that stands out at this level, corrected for the number of values, is no peer of the others.
const NO_PEER: f64 = 0.01;

/// p of each value: that it comes from the normal distribution of the others; two-sided, not corrected. None from fewer than
/// [`FEWEST_PEERS`] values, and where all of them agree.
///
/// Several odd values hide each other, because each widens the spread that the others are held against. So the most extreme are set aside
/// first, up to a third of all, as the generalised extreme studentised deviate does it (Rosner 1983, Technometrics 25:165), and every value is
/// then held against those that are left.
pub fn p_of_odd_ones(values: &[f64]) -> Option<Vec<f64>> {
    if values.len() < FEWEST_PEERS || variance(values)? <= 0.0 {
        return None;
    }
    let mut rest: Vec<usize> = (0..values.len()).collect();
    let (mut aside, mut odd) = (Vec::new(), 0);
    while aside.len() < values.len() / 3 && rest.len() > 3 {
        let far = |place: &usize| against(values, &rest, *place).unwrap_or(1.0);
        let extreme = rest.iter().copied().min_by(|a, b| far(a).total_cmp(&far(b)))?;
        let p = far(&extreme) * rest.len() as f64;
        rest.retain(|place| *place != extreme);
        aside.push(extreme);
        if p <= NO_PEER {
            odd = aside.len();
        }
    }
    let peers: Vec<usize> = (0..values.len()).filter(|place| !aside[..odd].contains(place)).collect();
    Some((0..values.len()).map(|place| against(values, &peers, place).unwrap_or(1.0)).collect())
}

/// p of one value, held against peers without it.
fn against(values: &[f64], peers: &[usize], place: usize) -> Option<f64> {
    let others: Vec<f64> = peers.iter().filter(|peer| **peer != place).map(|peer| values[*peer]).collect();
    let (centre, spread) = (mean(&others)?, variance(&others)?);
    let away = (values[place] - centre).abs();
    let error = (spread * (1.0 + 1.0 / others.len() as f64)).sqrt();
    match (away > 0.0, error > 0.0) {
        (false, _) => Some(1.0),
        (true, false) => Some(0.0),
        (true, true) => Some((2.0 * lower_t(-away / error, others.len() as f64 - 1.0)?).min(1.0)),
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
    fn odd_values_do_not_hide_each_other() {
        let p = p_of_odd_ones(&[10.0, 10.1, 9.9, 10.05, 5.0, 5.1]).unwrap();
        assert!(p[4] < 1e-3 && p[5] < 1e-3 && p[..4].iter().all(|p| *p > 0.05), "{p:?}");
        assert_eq!(p_of_odd_ones(&[1.0, 2.0, 3.0, 4.0]), None);
        assert_eq!(p_of_odd_ones(&[1.0; 9]), None);
        let exact = p_of_odd_ones(&[1.0, 1.0, 1.0, 1.0, 2.0]).unwrap();
        assert_eq!((exact[4], exact[0] > 0.3), (0.0, true), "{exact:?}");
    }
}
