//! What a search of `tune` promises whatever the values are: the budget, the same decisions again, and settings that do not work.
#![allow(clippy::unwrap_used, reason = "in tests a failed unwrap is the failed assertion")]

use methodology::tune::{Aim, Axis, Candidate, Next, Outcome, Search, SearchOptions, Space, Stage, StopReason};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;

fn space() -> Space {
    let axes = vec![Axis::new("queues", [1, 2, 4], true), Axis::new("burst", [16, 32, 64, 128], false)];
    Space::new(axes, &[0, 2], |setting| Some(1 << setting[0])).unwrap()
}

fn options(seed: u64) -> SearchOptions {
    SearchOptions { seed, aim: Aim::Greatest, within: 0.02 }
}

/// Runs a search to its end, and returns what it asked for.
fn run(search: &mut Search, budget: usize, mut outcome: impl FnMut(Candidate) -> Outcome) -> (Vec<(Candidate, Stage)>, StopReason) {
    let mut asked = Vec::new();
    loop {
        match search.next(budget) {
            Next::Measure { candidate, stage, .. } => {
                asked.push((candidate, stage));
                search.record(outcome(candidate));
            }
            Next::Done(reason) => return (asked, reason),
        }
    }
}

fn noisy(seed: u64) -> impl FnMut(Candidate) -> Outcome {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    move |candidate| {
        let z: f64 = rng.sample(StandardNormal);
        Outcome::Value((100.0 + candidate.index() as f64) * (0.03 * z).exp())
    }
}

proptest! {
    #[test]
    fn a_budget_is_kept_and_the_same_seed_and_results_give_the_same_decisions(seed: u64, budget in 0_usize..200) {
        let (mut one, mut other) = (Search::new(space(), options(seed)), Search::new(space(), options(seed)));
        let (asked, _) = run(&mut one, budget, noisy(seed));
        prop_assert!(asked.len() <= budget);
        prop_assert_eq!(&asked, &run(&mut other, budget, noisy(seed)).0);
        prop_assert_eq!(one.result(), other.result());
    }

    #[test]
    fn whatever_happens_the_search_ends_and_names_only_what_has_a_value(seed: u64, outcomes in prop::collection::vec(0_u8..10, 1..150)) {
        let mut search = Search::new(space(), options(seed));
        let mut next = outcomes.iter().cycle();
        let mut seen = Vec::new();
        run(&mut search, 150, |candidate| match next.next() {
            Some(0) => Outcome::Failed,
            Some(1 | 2) => Outcome::Invalid,
            value => {
                seen.push(candidate);
                Outcome::Value(100.0 + f64::from(*value.unwrap()))
            }
        });
        if let Some(result) = search.result() {
            prop_assert!(seen.contains(&result.winner) && !result.failed.contains(&result.winner));
            prop_assert!(result.equal.contains(&result.winner) && result.equal.contains(&result.cheapest));
            prop_assert!(result.measured.iter().all(|estimate| seen.contains(&estimate.candidate)));
            prop_assert!((0.0..=1.0).contains(&result.confidence));
        }
    }

    #[test]
    fn the_default_is_the_first_setting_and_every_axis_is_seen(seed: u64) {
        let mut search = Search::new(space(), options(seed));
        let (asked, _) = run(&mut search, 60, noisy(seed));
        prop_assert_eq!(asked[0].0, search.space().default_setting());
        prop_assert_eq!(search.result().unwrap().untried, 0);
    }
}

#[test]
fn a_search_goes_on_where_another_ended_if_it_is_given_the_same_outcomes() {
    let mut whole = Search::new(space(), options(3));
    let mut known = Vec::new();
    let mut values = noisy(3);
    let (asked, reason) = run(&mut whole, 100, |candidate| {
        let outcome = values(candidate);
        known.push(outcome);
        outcome
    });
    let mut resumed = Search::new(space(), options(3));
    for (&(candidate, _), &outcome) in asked.iter().zip(&known).take(40) {
        assert!(matches!(resumed.next(100), Next::Measure { candidate: next, .. } if next == candidate));
        resumed.record(outcome);
    }
    let mut rest = known[40..].iter();
    let (asked_later, again) = run(&mut resumed, 100, |_| *rest.next().unwrap());
    assert_eq!((&asked[40..], reason), (&asked_later[..], again));
    assert_eq!(whole.result(), resumed.result());
}

#[test]
fn settings_that_do_not_work_are_named_and_the_search_goes_on() {
    let mut search = Search::new(space(), options(1));
    let mut values = noisy(1);
    // Four queues do not start, and a burst of 128 is always disturbed.
    let outcome = |candidate: Candidate| match space().setting(candidate) {
        [2, _] => Outcome::Failed,
        [_, 3] => Outcome::Invalid,
        _ => values(candidate),
    };
    let (asked, _) = run(&mut search, 150, outcome);
    let result = search.result().unwrap();
    let settings = |of: &[Candidate]| of.iter().map(|&one| search.space().setting(one).to_vec()).collect::<Vec<_>>();
    assert_eq!(settings(&result.failed), [vec![2, 0], vec![2, 1], vec![2, 2], vec![2, 3]]);
    assert_eq!(settings(&result.unknown), [vec![0, 3], vec![1, 3]], "a disturbed machine says nothing of a setting");
    assert_eq!(result.invalid, 6);
    assert_eq!(asked.iter().filter(|(candidate, _)| search.space().setting(*candidate)[0] == 2).count(), 4, "each fails once");
    assert_eq!((result.measured.len(), result.untried), (6, 0));

    let mut search = Search::new(space(), options(1));
    assert_eq!(run(&mut search, 150, |_| Outcome::Failed).1, StopReason::NothingWorks);
    assert_eq!(search.result(), None);
}

#[test]
fn nothing_is_better_than_a_default_of_which_nothing_is_known() {
    let mut search = Search::new(space(), options(5));
    let default = search.space().default_setting();
    let mut values = noisy(5);
    run(&mut search, 150, |candidate| if candidate == default { Outcome::Invalid } else { values(candidate) });
    let result = search.result().unwrap();
    assert_eq!((result.chosen, result.better_than_default, result.gain), (default, false, None));
    assert_eq!((result.failed, result.unknown), (vec![], vec![default]));
}

#[test]
fn a_default_that_does_not_work_is_replaced_without_a_comparison() {
    let mut search = Search::new(space(), options(5));
    let default = search.space().default_setting();
    let mut values = noisy(5);
    run(&mut search, 150, |candidate| if candidate == default { Outcome::Failed } else { values(candidate) });
    let result = search.result().unwrap();
    assert!(result.better_than_default && result.gain.is_none() && result.chosen == result.winner, "{result:?}");
}

#[test]
fn the_cheapest_of_equal_settings_takes_the_fewest_cores() {
    let mut search = Search::new(space(), options(2));
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    // Bursts of 64 and more are fast, whatever the queues are.
    let fast = |candidate: Candidate| if space().setting(candidate)[1] >= 2 { 100.0 } else { 60.0 };
    run(&mut search, 100, |candidate| {
        let z: f64 = rng.sample(StandardNormal);
        Outcome::Value(fast(candidate) * (0.02 * z).exp())
    });
    let result = search.result().unwrap();
    assert_eq!(search.space().cores(result.cheapest), 1);
    assert!(result.equal.len() >= 5, "{result:?}");
    assert!(!result.better_than_default && result.chosen == search.space().default_setting(), "{result:?}");
}

#[test]
fn a_space_that_the_budget_does_not_cover_is_searched_from_its_main_effects_and_the_leader_s_neighbours() {
    let axes = || (0..4).map(|axis| Axis::new(&format!("axis {axis}"), 0..6, false)).collect::<Vec<_>>();
    let value = |setting: &[usize]| {
        100.0 * setting.iter().zip([1.0, 4.0, 2.0, 5.0]).map(|(&x, best)| 1.0 - 0.03 * (x as f64 - best).abs()).product::<f64>()
    };
    let mut good = 0;
    for seed in 0..50 {
        let space = Space::new(axes(), &[5, 0, 5, 0], |_| Some(1)).unwrap();
        let mut search = Search::new(space.clone(), options(seed));
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // 1296 settings, 150 trials.
        run(&mut search, 150, |candidate| {
            let z: f64 = rng.sample(StandardNormal);
            Outcome::Value(value(space.setting(candidate)) * (0.02 * z).exp())
        });
        let result = search.result().unwrap();
        assert!(result.untried > 1000);
        good += u32::from(value(space.setting(result.chosen)) > 94.0);
    }
    assert!(good >= 45, "within 6 % of the best in {good} of 50");
}
