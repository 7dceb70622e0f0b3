//! Which settings are measured first, and which enter later.

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::estimate::Estimates;
use super::space::{Candidate, Space};

/// `count` settings in which each value of each axis is about equally frequent: a repeated Latin hypercube. All settings if `count` is large enough.
pub(super) fn start(space: &Space, count: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    if count >= space.len() {
        let mut all: Vec<usize> = (0..space.len()).collect();
        all.shuffle(rng);
        return all;
    }
    let mut columns: Vec<Vec<usize>> = Vec::new();
    for axis in space.axes() {
        let mut column: Vec<usize> = (0..count).map(|place| place % axis.values.len()).collect();
        column.shuffle(rng);
        columns.push(column);
    }
    let mut chosen = vec![space.default_setting().index()];
    for place in 0..count {
        let setting: Vec<usize> = columns.iter().map(|column| column[place]).collect();
        // A combination may be not allowed, or chosen already: then another setting is drawn at random.
        let found = space.find(&setting).map(Candidate::index).filter(|found| !chosen.contains(found));
        let other = || (0..20).map(|_| rng.random_range(0..space.len())).find(|other| !chosen.contains(other));
        if let Some(found) = found.or_else(other) {
            chosen.push(found);
        }
    }
    chosen.truncate(count.max(1));
    chosen
}

/// Up to `count` settings that were not measured yet, the most promising first: alternately a neighbour of the leader, and one that the main
/// effects of the axes favour.
pub(super) fn unmeasured(space: &Space, estimates: &Estimates, allowed: &[bool], leader: usize, count: usize) -> Vec<usize> {
    let fresh: Vec<usize> = (0..space.len()).filter(|&candidate| allowed[candidate] && estimates.centres[candidate].is_none()).collect();
    if fresh.is_empty() {
        return fresh;
    }
    let effects = main_effects(space, estimates);
    let predicted = |candidate: usize| -> f64 {
        space.setting(Candidate(candidate)).iter().zip(&effects).map(|(&index, effects)| effects[index]).sum()
    };
    let by_prediction = |settings: &mut Vec<usize>| settings.sort_by(|one, other| predicted(*other).total_cmp(&predicted(*one)));
    let mut neighbours: Vec<usize> =
        fresh.iter().copied().filter(|&other| space.on_one_axis(Candidate(leader), Candidate(other))).collect();
    by_prediction(&mut neighbours);
    let mut favoured = fresh;
    by_prediction(&mut favoured);
    let mut chosen: Vec<usize> = Vec::new();
    let (mut neighbours, mut favoured) = (neighbours.into_iter(), favoured.into_iter());
    loop {
        let next = [neighbours.next(), favoured.next()];
        if next == [None, None] {
            return chosen;
        }
        for candidate in next.into_iter().flatten() {
            if !chosen.contains(&candidate) {
                chosen.push(candidate);
            }
            if chosen.len() == count {
                return chosen;
            }
        }
    }
}

/// Settings near the leader that were dropped after a single trial, the nearest first: the best setting must not be lost by one outlier.
pub(super) fn second_looks(space: &Space, estimates: &Estimates, dropped: impl Iterator<Item = usize>, leader: usize) -> Vec<usize> {
    let once = dropped.filter(|&candidate| estimates.centres[candidate].is_some_and(|centre| centre.count == 1));
    let distance = |candidate: usize| {
        let (one, other) = (Candidate(leader), Candidate(candidate));
        space.steps_between(one, other).or_else(|| space.on_one_axis(one, other).then_some(1))
    };
    let mut near: Vec<(usize, usize)> = once.filter_map(|candidate| Some((distance(candidate)?, candidate))).collect();
    near.sort_unstable();
    near.into_iter().map(|(_, candidate)| candidate).collect()
}

/// The mean score of each value of each axis, minus the mean of all. 0 for a value that was not measured.
fn main_effects(space: &Space, estimates: &Estimates) -> Vec<Vec<f64>> {
    let measured: Vec<(usize, f64)> =
        estimates.centres.iter().enumerate().filter_map(|(candidate, centre)| Some((candidate, (*centre)?.mean))).collect();
    let overall = measured.iter().map(|(_, mean)| mean).sum::<f64>() / measured.len().max(1) as f64;
    let effects = space.axes().iter().enumerate().map(|(place, axis)| {
        let effect = |index: usize| {
            let with: Vec<f64> = measured
                .iter()
                .filter(|(candidate, _)| space.setting(Candidate(*candidate))[place] == index)
                .map(|(_, mean)| mean - overall)
                .collect();
            // Drawn towards 0, as if one more trial had shown no effect: a value with few trials is uncertain.
            with.iter().sum::<f64>() / (with.len() as f64 + 1.0)
        };
        (0..axis.values.len()).map(effect).collect()
    });
    effects.collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::tune::Axis;

    #[test]
    fn a_start_holds_the_default_and_each_value_of_each_axis() {
        let space =
            Space::new(vec![Axis::new("a", 0..5, true), Axis::new("b", 0..8, false), Axis::new("c", 0..4, false)], &[2, 3, 1], |_| Some(1));
        let space = space.unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let chosen = start(&space, 24, &mut rng);
        assert_eq!(chosen.len(), 24);
        assert!(chosen.contains(&space.default_setting().index()));
        for (place, axis) in space.axes().iter().enumerate() {
            for index in 0..axis.values.len() {
                assert!(chosen.iter().any(|&candidate| space.setting(Candidate(candidate))[place] == index), "{place} {index}");
            }
        }
        let mut all = start(&space, 1000, &mut rng);
        all.sort_unstable();
        assert_eq!(all, (0..160).collect::<Vec<_>>());
    }
}
