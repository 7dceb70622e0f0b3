use serde::Serialize;

use super::statistics::{LogDifference, NoInterval, geometric_mean, geometric_mean_interval, ratio_interval, ratio_of_geometric_means};
use super::{Cell, Cells, LEVEL, Quantity};
use crate::amount::Amount;
use crate::record::{CeilingKind, Pair, ReportView, Stack};

/// A share of the ceiling, or of the highest rate, that counts as having reached it. Line rate itself is never quite reached: RFC 8239 §2.2
/// caps the generator at 99.98 %, and clocks differ.
const REACHED: f64 = 0.97;

/// How far below, at most, a point may be with 95 % confidence where it is said to have reached something. More noise than this says nothing.
const SURELY_WITHIN: f64 = 0.10;

/// Where a curve of throughput over size stops rising. Everything but the last three is a claim that noise does not overturn.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Plateau {
    /// At its ceiling from this size on.
    Ceiling {
        /// Which ceiling.
        ceiling: CeilingKind,
        /// The smallest size, in bytes.
        from_bytes: u32,
    },
    /// Level from this size on, below any known ceiling.
    Level {
        /// The smallest size, in bytes.
        from_bytes: u32,
        /// The highest rate.
        level: Amount,
        /// How far below the highest rate any of these sizes may be, with 95 % confidence: 0.05 for 5 %.
        within: f64,
    },
    /// Still rising at the largest size that was measured, beyond noise.
    StillRising,
    /// Highest at a smaller size than the largest, and lower at the largest beyond noise.
    Falls {
        /// Where it is highest, in bytes.
        best_bytes: u32,
        /// The highest rate.
        best: Amount,
    },
    /// Too noisy to tell whether it rises, is level or falls.
    Unclear {
        /// Where it was highest, in bytes.
        best_bytes: u32,
        /// The highest rate.
        best: Amount,
    },
    /// A size was measured once: nothing is known of noise, and nothing is claimed.
    MeasuredOnce {
        /// Where it was highest, in bytes.
        best_bytes: u32,
        /// The highest rate.
        best: Amount,
    },
    /// Fewer than three sizes with a valid result.
    NotEnoughData,
}

/// A pair's plateau on one stack.
#[derive(Debug, Clone, Serialize)]
pub struct PlateauOf {
    /// Between which endpoints.
    pub pair: Pair,
    /// On which stack.
    pub stack: Stack,
    /// Judged by this rate.
    pub quantity: Quantity,
    /// The answer.
    pub plateau: Plateau,
}

/// The plateau of every pair and stack that has a throughput curve. Bypass is judged by its layer-1 rate, the kernel by goodput.
pub fn plateaus(cells: &Cells<'_>) -> Vec<PlateauOf> {
    let mut found = Vec::new();
    for pair in cells.pairs() {
        for stack in Stack::in_view(ReportView::Plateau) {
            let quantity = if stack.is_kernel() { Quantity::Goodput } else { Quantity::Layer1 };
            let curve = cells.curve(&pair, stack);
            if !curve.is_empty() {
                found.push(PlateauOf { pair: pair.clone(), stack, quantity, plateau: plateau_of(&curve, quantity) });
            }
        }
    }
    found
}

/// One size of a curve.
struct CurvePoint {
    bytes: u32,
    values: Vec<f64>,
    rate: f64,
    ceiling: Option<(CeilingKind, f64)>,
}

fn plateau_of(curve: &[&Cell<'_>], quantity: Quantity) -> Plateau {
    let points: Vec<CurvePoint> = curve
        .iter()
        .filter_map(|cell| {
            let sample = cell.sample(quantity).filter(|sample| sample.trusted)?;
            let (bytes, rate) = (cell.key.size.bytes, geometric_mean(&sample.values)?);
            Some(CurvePoint { bytes, values: sample.values, rate, ceiling: ceiling_of(cell, quantity) })
        })
        .collect();
    judge(&points, quantity)
}

fn judge(points: &[CurvePoint], quantity: Quantity) -> Plateau {
    let (Some(best), Some(last)) = (points.iter().max_by(|a, b| a.rate.total_cmp(&b.rate)), points.last()) else {
        return Plateau::NotEnoughData;
    };
    if points.len() < 3 {
        return Plateau::NotEnoughData;
    }
    let (best_bytes, highest) = (best.bytes, quantity.amount(best.rate));
    if points.iter().any(|point| point.values.len() < 2) {
        return Plateau::MeasuredOnce { best_bytes, best: highest };
    }
    let unclear = Plateau::Unclear { best_bytes, best: highest };
    let at_ceiling = |point: &CurvePoint| point.ceiling.is_some_and(|(_, limit)| point.rate >= REACHED * limit);
    if let Some((first, tail)) = tail_where(points, at_ceiling)
        && let Some((ceiling, _)) = first.ceiling
    {
        return match tail.iter().all(surely_at_ceiling) {
            true => Plateau::Ceiling { ceiling, from_bytes: first.bytes },
            false => unclear,
        };
    }
    match tail_where(points, |point| point.rate >= REACHED * best.rate) {
        Some((first, tail)) if tail.len() > 1 => match tail.iter().map(|point| below(point, best)).reduce(f64::max) {
            Some(within) if within <= SURELY_WITHIN => Plateau::Level { from_bytes: first.bytes, level: highest, within },
            _ => unclear,
        },
        // The last size alone is the highest: beyond noise above the one before it?
        Some(_) if points.get(points.len() - 2).is_some_and(|before| surely_above(last, before, LEVEL)) => Plateau::StillRising,
        // The highest of several is high by chance too: as many tests as it could have been.
        None if surely_above(best, last, LEVEL / (points.len() - 1) as f64) => Plateau::Falls { best_bytes, best: highest },
        _ => unclear,
    }
}

/// The longest run of sizes, up to the largest, at which something holds, and the smallest of them.
fn tail_where(points: &[CurvePoint], holds: impl Fn(&CurvePoint) -> bool) -> Option<(&CurvePoint, &[CurvePoint])> {
    let from = points.len() - points.iter().rev().take_while(|point| holds(point)).count();
    let tail = points.get(from..)?;
    Some((tail.first()?, tail))
}

// Repetitions that agree exactly (a paced rate, a simulated device) have a noise far below the shares that are asked about here, and count as
// having none.

fn surely_at_ceiling(point: &CurvePoint) -> bool {
    let Some((_, limit)) = point.ceiling else { return false };
    match geometric_mean_interval(&point.values) {
        Ok(interval) => interval.low >= (1.0 - SURELY_WITHIN) * limit,
        Err(why) => why == NoInterval::NoSpread,
    }
}

/// How far a point may be below the highest, with 95 % confidence.
fn below(point: &CurvePoint, best: &CurvePoint) -> f64 {
    if point.bytes == best.bytes {
        return 0.0;
    }
    let lowest = match ratio_interval(&point.values, &best.values) {
        Ok(interval) => interval.low,
        Err(NoInterval::NoSpread) => ratio_of_geometric_means(&point.values, &best.values).unwrap_or(0.0),
        Err(_) => 0.0,
    };
    (1.0 - lowest).max(0.0)
}

/// Whether one point is above another beyond noise. Asked only of points that differ by more than [`REACHED`] allows.
fn surely_above(high: &CurvePoint, low: &CurvePoint, level: f64) -> bool {
    match LogDifference::welch(&high.values, &low.values) {
        Ok(test) => test.p_not_above(1.0).is_some_and(|p| p < level),
        Err(why) => why == NoInterval::NoSpread,
    }
}

fn ceiling_of(cell: &Cell<'_>, quantity: Quantity) -> Option<(CeilingKind, f64)> {
    let ceiling = cell.shown().iter().find_map(|record| record.ceiling.as_ref())?;
    let limit = match quantity {
        Quantity::Layer1 => ceiling.l1_bps,
        Quantity::Goodput => ceiling.goodput_bps,
        _ => None,
    }?;
    (limit > 0.0).then_some((ceiling.kind, limit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    const SIZES: [u32; 7] = [64, 128, 256, 512, 1024, 1280, 1518];

    /// A curve with repetitions of about normal noise.
    fn curve(rng: &mut ChaCha8Rng, rates: [f64; 7], noise: f64, repetitions: usize) -> Vec<CurvePoint> {
        SIZES
            .iter()
            .zip(rates)
            .map(|(&bytes, rate)| {
                let mut normal = || (0..12).map(|_| rng.random_range(0.0..1.0)).sum::<f64>() - 6.0;
                let values: Vec<f64> = (0..repetitions).map(|_| rate * (noise * normal()).exp()).collect();
                CurvePoint { bytes, rate: geometric_mean(&values).unwrap(), values, ceiling: None }
            })
            .collect()
    }

    fn share(rates: [f64; 7], noise: f64, repetitions: usize, of: fn(&Plateau) -> bool) -> f64 {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let found = (0..1000).filter(|_| of(&judge(&curve(&mut rng, rates, noise, repetitions), Quantity::Goodput))).count();
        found as f64 / 1000.0
    }

    const LEVEL_CURVE: [f64; 7] = [1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0];
    const RISING_CURVE: [f64; 7] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.2];
    const FALLING_CURVE: [f64; 7] = [1.0, 2.0, 4.0, 8.0, 7.5, 7.0, 6.0];

    #[test]
    fn noise_is_no_rise_and_no_fall() {
        for noise in [0.01, 0.05, 0.15] {
            for repetitions in [2, 3, 5, 10] {
                let wrong = share(LEVEL_CURVE, noise, repetitions, |p| matches!(p, Plateau::StillRising | Plateau::Falls { .. }));
                assert!(wrong <= 0.05, "{wrong} at {noise}, n {repetitions}");
            }
        }
    }

    #[test]
    fn a_rise_or_a_fall_of_a_fifth_is_not_called_level() {
        for rates in [RISING_CURVE, FALLING_CURVE] {
            for noise in [0.01, 0.05, 0.15] {
                for repetitions in [2, 3, 5, 10] {
                    let wrong = share(rates, noise, repetitions, |p| matches!(p, Plateau::Level { .. }));
                    assert!(wrong <= 0.05, "{wrong} at {noise}, n {repetitions}");
                }
            }
        }
    }

    #[test]
    fn what_is_clear_is_said() {
        let level = |p: &Plateau| matches!(p, Plateau::Level { from_bytes: 512, within, .. } if *within < 0.10);
        assert!(share(LEVEL_CURVE, 0.01, 3, level) > 0.9);
        assert!(share(RISING_CURVE, 0.02, 3, |p| *p == Plateau::StillRising) > 0.9);
        assert!(share(FALLING_CURVE, 0.02, 5, |p| matches!(p, Plateau::Falls { best_bytes: 512, .. })) > 0.9);
        assert!(share(RISING_CURVE, 0.5, 3, |p| matches!(p, Plateau::Unclear { .. })) > 0.8);
    }

    #[test]
    fn measured_once_claims_nothing_whatever_the_curve() {
        for rates in [LEVEL_CURVE, RISING_CURVE, FALLING_CURVE] {
            assert_eq!(share(rates, 0.01, 1, |p| matches!(p, Plateau::MeasuredOnce { .. })), 1.0);
        }
        let mut at_line_rate = curve(&mut ChaCha8Rng::seed_from_u64(1), LEVEL_CURVE, 0.0, 1);
        at_line_rate.iter_mut().for_each(|point| point.ceiling = Some((CeilingKind::LineRate, 8.0)));
        assert!(matches!(judge(&at_line_rate, Quantity::Layer1), Plateau::MeasuredOnce { best_bytes: _, .. }));
    }

    #[test]
    fn a_ceiling_is_claimed_where_it_is_reached_and_not_below_it_whatever_the_noise() {
        let claimed = |limit: f64, noise: f64, repetitions: usize| {
            let mut rng = ChaCha8Rng::seed_from_u64(6);
            let found = (0..500).filter(|_| {
                let mut points = curve(&mut rng, LEVEL_CURVE, noise, repetitions);
                points.iter_mut().for_each(|point| point.ceiling = Some((CeilingKind::LineRate, limit)));
                matches!(judge(&points, Quantity::Layer1), Plateau::Ceiling { .. })
            });
            found.count() as f64 / 500.0
        };
        assert!(claimed(8.0, 0.003, 3) > 0.95);
        for noise in [0.01, 0.05, 0.15] {
            for repetitions in [2, 3, 10] {
                // The curve is level at 85 % of the ceiling.
                let wrong = claimed(8.0 / 0.85, noise, repetitions);
                assert!(wrong <= 0.05, "{wrong} at {noise}, n {repetitions}");
            }
        }
    }
}
