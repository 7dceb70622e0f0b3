//! Where the levels of a series begin.
//!
//! Candidates come from the partition with the least squares plus a cost for each level (Jackson et al. 2005, IEEE Signal Processing Letters
//! 12:105), which finds many levels at once. Then each step must show itself: t of the two levels beside it, against the chance that the best
//! split of a flat stretch looks as good (`scan`); and each level between two steps, against the chance that the best stretch of a flat
//! series looks as good. The weakest is removed until all do.

use super::super::interval::NO_SPREAD;
use super::SHORTEST_LEVEL;
use super::scan::{scan_p, scan_p_of_two_edges};

/// The cost of a level among candidates, in variances: about where one flat series in four has a candidate. Tests decide, not this.
const CANDIDATE_COST: f64 = 7.0;

/// Sums that give the squares of any stretch at once.
pub(super) struct Sums {
    sum: Vec<f64>,
    squares: Vec<f64>,
}

impl Sums {
    pub fn of(values: &[f64]) -> Self {
        // Around their mean, so that differences of large sums keep their digits.
        let centre = values.iter().sum::<f64>() / values.len().max(1) as f64;
        let (mut sum, mut squares) = (vec![0.0], vec![0.0]);
        for value in values {
            let x = value - centre;
            sum.push(sum[sum.len() - 1] + x);
            squares.push(squares[squares.len() - 1] + x * x);
        }
        Sums { sum, squares }
    }

    fn count(&self) -> usize {
        self.sum.len() - 1
    }

    /// Squared deviations from the stretch's own mean.
    pub fn within(&self, from: usize, to: usize) -> f64 {
        let total = self.sum[to] - self.sum[from];
        (self.squares[to] - self.squares[from] - total * total / (to - from) as f64).max(0.0)
    }

    /// The mean of a stretch, less the mean of all.
    pub fn mean(&self, from: usize, to: usize) -> f64 {
        (self.sum[to] - self.sum[from]) / (to - from) as f64
    }
}

/// The levels of a series: where each begins after the first, and how sure that is.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Segmentation {
    /// First values of levels, ascending.
    pub starts: Vec<usize>,
    /// p of each, among all splits of the series.
    pub p: Vec<f64>,
    /// p of the hypothesis that there is no step; none where there are too few values.
    pub smallest_p: Option<f64>,
}

/// Splits a series into levels whose steps are shown at this level.
pub(super) fn segment(values: &[f64], deviation: f64, level: f64) -> Segmentation {
    let sums = Sums::of(values);
    if sums.count() < 2 * SHORTEST_LEVEL || sums.within(0, sums.count()) <= NO_SPREAD * values.len() as f64 {
        return Segmentation::default();
    }
    let mut starts = candidates(&sums, CANDIDATE_COST * deviation * deviation);
    // The guess of the noise is poor in a short series; the test of one step needs none.
    if starts.is_empty() {
        starts.extend(best_split(&sums, 0, sums.count()));
    }
    loop {
        settle(&sums, &mut starts);
        let p = tests(&sums, &starts);
        let worst = |p: &[f64]| (0..p.len()).filter(|&k| p[k] > level).max_by(|&a, &b| p[a].total_cmp(&p[b]));
        if let Some(step) = worst(&p) {
            starts.remove(step);
            continue;
        }
        let levels = tests_of_levels(&sums, &starts);
        if let Some(between) = worst(&levels) {
            let (from, to) = around(&sums, &starts, between);
            starts.drain(between..=between + 1);
            if let Some(place) = best_split(&sums, from, to) {
                starts.insert(between, place);
            }
            continue;
        }
        let smallest_p = levels.into_iter().chain(p_of_one_step(&sums, &starts)).reduce(f64::min);
        return Segmentation { starts, p, smallest_p };
    }
}

/// Optimal partitioning: least squares plus a cost a level.
fn candidates(sums: &Sums, cost: f64) -> Vec<usize> {
    let count = sums.count();
    let mut best = vec![f64::INFINITY; count + 1];
    let mut from = vec![0; count + 1];
    best[0] = -cost;
    for to in SHORTEST_LEVEL..=count {
        for start in (0..=to - SHORTEST_LEVEL).filter(|&start| start == 0 || start >= SHORTEST_LEVEL) {
            let total = best[start] + sums.within(start, to) + cost;
            if total < best[to] {
                (best[to], from[to]) = (total, start);
            }
        }
    }
    let mut starts = Vec::new();
    let mut at = from[count];
    while at > 0 {
        starts.push(at);
        at = from[at];
    }
    starts.reverse();
    starts
}

/// The split of a stretch with the least squares.
fn best_split(sums: &Sums, from: usize, to: usize) -> Option<usize> {
    let places = from + SHORTEST_LEVEL..=to.checked_sub(SHORTEST_LEVEL)?;
    places.min_by(|&a, &b| squares_of_split(sums, from, a, to).total_cmp(&squares_of_split(sums, from, b, to)))
}

fn squares_of_split(sums: &Sums, from: usize, at: usize, to: usize) -> f64 {
    sums.within(from, at) + sums.within(at, to)
}

/// Moves each step to the best place between its neighbours.
fn settle(sums: &Sums, starts: &mut [usize]) {
    // Each move lowers the squares; a few rounds settle what neighbours do to each other.
    for _ in 0..8 {
        let before = starts.to_vec();
        for k in 0..starts.len() {
            let (from, to) = stretch(sums, starts, k);
            if let Some(place) = best_split(sums, from, to) {
                starts[k] = place;
            }
        }
        if before == starts {
            return;
        }
    }
}

/// From the level before a step to the end of the level after it.
fn stretch(sums: &Sums, starts: &[usize], k: usize) -> (usize, usize) {
    let from = if k == 0 { 0 } else { starts[k - 1] };
    (from, starts.get(k + 1).copied().unwrap_or(sums.count()))
}

/// Where levels begin and end, of `count` values with further levels that begin at `starts`.
pub(super) fn edges(starts: &[usize], count: usize) -> Vec<usize> {
    std::iter::once(0).chain(starts.iter().copied()).chain([count]).collect()
}

/// Squares within all levels.
pub(super) fn squares_within(sums: &Sums, starts: &[usize]) -> f64 {
    edges(starts, sums.count()).windows(2).map(|edge| sums.within(edge[0], edge[1])).sum()
}

/// p of each step: the noise of all levels together, the splits of the whole series.
fn tests(sums: &Sums, starts: &[usize]) -> Vec<f64> {
    let count = sums.count();
    let freedom = (count - starts.len()) as f64 - 1.0;
    if freedom < 1.0 {
        return vec![1.0; starts.len()];
    }
    let variance = (squares_within(sums, starts) / freedom).max(NO_SPREAD);
    (0..starts.len())
        .map(|k| {
            let (from, to) = stretch(sums, starts, k);
            let (left, right) = ((starts[k] - from) as f64, (to - starts[k]) as f64);
            let difference = sums.mean(starts[k], to) - sums.mean(from, starts[k]);
            let t = difference.abs() / (variance * (1.0 / left + 1.0 / right)).sqrt();
            // The series has so many stretches of this length side by side.
            (scan_p(t, freedom, to - from) * count as f64 / (to - from) as f64).min(1.0)
        })
        .collect()
}

/// p of the best split of the whole series, with the noise that the levels leave.
fn p_of_one_step(sums: &Sums, starts: &[usize]) -> Option<f64> {
    let count = sums.count();
    let split = best_split(sums, 0, count)?;
    // A flat series is tested with the noise beside the split itself, as each step is.
    let noise = if starts.is_empty() { vec![split] } else { starts.to_vec() };
    let freedom = (count - noise.len()) as f64 - 1.0;
    let variance = (squares_within(sums, &noise) / freedom).max(NO_SPREAD);
    let gain = sums.within(0, count) - squares_of_split(sums, 0, split, count);
    Some(scan_p((gain / variance).sqrt(), freedom, count))
}

/// p of each level between two steps: what the stretch around it gains over the best single step there, among all places of two edges.
fn tests_of_levels(sums: &Sums, starts: &[usize]) -> Vec<f64> {
    let count = sums.count();
    let freedom = (count - starts.len()) as f64 - 1.0;
    let variance = (squares_within(sums, starts) / freedom.max(1.0)).max(NO_SPREAD);
    (0..starts.len().saturating_sub(1))
        .map(|k| {
            let (from, to) = around(sums, starts, k);
            let two = squares_of_split(sums, from, starts[k], starts[k + 1]) + sums.within(starts[k + 1], to);
            let one = best_split(sums, from, to).map_or(f64::INFINITY, |at| squares_of_split(sums, from, at, to));
            let t = ((one - two).max(0.0) / variance).sqrt();
            (scan_p_of_two_edges(t, freedom, to - from) * count as f64 / (to - from) as f64).min(1.0)
        })
        .collect()
}

/// A level between two steps, with the levels beside it.
fn around(sums: &Sums, starts: &[usize], k: usize) -> (usize, usize) {
    (stretch(sums, starts, k).0, stretch(sums, starts, k + 1).1)
}

/// The places where a step may lie: 95 % of the likelihood between its neighbours.
pub(super) fn places(values: &[f64], starts: &[usize], k: usize) -> (usize, usize) {
    let sums = Sums::of(values);
    let (from, to) = stretch(&sums, starts, k);
    let freedom = ((sums.count() - starts.len()) as f64 - 1.0).max(1.0);
    let variance = (squares_within(&sums, starts) / freedom).max(NO_SPREAD);
    let least = squares_of_split(&sums, from, starts[k], to);
    let weights: Vec<(usize, f64)> =
        (from + 1..to).map(|at| (at, (-(squares_of_split(&sums, from, at, to) - least) / (2.0 * variance)).exp())).collect();
    let total: f64 = weights.iter().map(|w| w.1).sum();
    let mut ranked = weights;
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    let (mut held, mut range) = (0.0, (starts[k], starts[k]));
    for (at, weight) in ranked {
        if held >= 0.95 * total {
            break;
        }
        held += weight;
        range = (range.0.min(at), range.1.max(at));
    }
    range
}
