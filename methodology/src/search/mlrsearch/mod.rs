//! MLRsearch: any number of goals with one set of trials (draft-ietf-bmwg-mlrsearch-15, to be RFC 9971).
//!
//! The draft fixes what a result is (classification, relevant bounds, conditional throughput); where to measure next is the
//! Controller's own affair. This one looks with single trials first, led by forwarding rates, until the apparent bounds are as close
//! as the goal asks; only then does it spend the goal's duration sum on the two loads that need it. Every goal is served in turn with
//! all trials there are, and a goal that cannot be met stops no other.

mod next_load;

use super::history::Looks;
use super::{GoalOutcome, GoalResult, Irregularity, MAX_DISTURBED, Probe, SearchGoal, SearchResult, SearchSpace, conditional_throughput};
use crate::trial::{Bench, Measurer, NoOutcome};
use crate::units::{PacketRate, Seconds};

use next_load::{Walk, next_inner_load, relative_width};

/// What is to be done next for a goal.
enum Step {
    Measure { load: PacketRate, duration: Seconds },
    Done(GoalOutcome),
}

/// Searches for every goal.
///
/// # Errors
/// The measurer's own. A device that meets no goal is a result.
pub fn search<M: Measurer>(
    goals: &[SearchGoal],
    space: &SearchSpace,
    bench: &mut Bench<'_, M>,
) -> Result<SearchResult, NoOutcome<M::Error>> {
    let mut probe = Probe::new(bench, space.time_limit);
    let mut results = Vec::with_capacity(goals.len());
    for goal in goals {
        let outcome = search_one(goal, space, &mut probe)?;
        results.push(outcome);
    }
    // Trials made for a later goal may have decided a load below an earlier goal's lower bound, or decided one of its bounds otherwise: the
    // relevant bounds are those at the end of the search (draft §"Relevant Upper Bound"), so go round until nothing moves. It ends: what moves
    // was measured, and the time for measuring is limited.
    loop {
        let mut moved = false;
        for (goal, result) in goals.iter().zip(&mut results) {
            if !matches!(result, GoalOutcome::Irregular { why: Irregularity::OutOfTime | Irregularity::TesterDisturbed, .. }) {
                let again = search_one(goal, space, &mut probe)?;
                moved |= again != *result;
                *result = again;
            }
        }
        if !moved {
            break;
        }
    }
    let results = goals.iter().cloned().zip(results).map(|(goal, outcome)| GoalResult { goal, outcome }).collect();
    Ok(probe.result(space, results))
}

fn search_one<M: Measurer>(
    goal: &SearchGoal,
    space: &SearchSpace,
    probe: &mut Probe<'_, '_, M>,
) -> Result<GoalOutcome, NoOutcome<M::Error>> {
    let mut walk = Walk::default();
    loop {
        match next_step(goal, space, probe, &mut walk) {
            Step::Done(outcome) => return Ok(outcome),
            Step::Measure { .. } if probe.exhausted() => return Ok(irregular(goal, probe, Irregularity::OutOfTime)),
            Step::Measure { load, duration } => {
                probe.measure(load, duration)?;
                if probe.history.at(load).is_some_and(|at| at.disturbed >= MAX_DISTURBED) {
                    return Ok(irregular(goal, probe, Irregularity::TesterDisturbed));
                }
            }
        }
    }
}

fn next_step<M: Measurer>(goal: &SearchGoal, space: &SearchSpace, probe: &Probe<'_, '_, M>, walk: &mut Walk) -> Step {
    let history = &probe.history;
    let look = |load| Step::Measure { load, duration: goal.initial_trial };
    let confirm = |load| Step::Measure { load, duration: goal.final_trial };
    let (lower, upper) = history.apparent_bounds(goal);
    let decided =
        |at: &super::history::AtLoad| matches!(at.looks(goal), Some(Looks::Low { decided: true } | Looks::High { decided: true }));

    match (lower, upper) {
        // Nothing passes: down to Min Load, and when that fails for certain there is no lower bound.
        (None, Some(upper)) if upper.load() <= space.min_load => {
            if decided(upper) {
                Step::Done(irregular(goal, probe, Irregularity::BelowMinLoad))
            } else {
                confirm(space.min_load)
            }
        }
        // Nothing fails: up to Max Load, and when that passes for certain there is no upper bound.
        (Some(lower), None) if lower.load() >= space.max_load => {
            if decided(lower) {
                Step::Done(irregular(goal, probe, Irregularity::AtLeastMaxLoad))
            } else {
                confirm(space.max_load)
            }
        }
        (Some(lower), Some(upper)) if relative_width(lower.load(), upper.load()) <= goal.width.ratio() * (1.0 + 1e-9) => {
            match (decided(lower), decided(upper)) {
                // The lower bound first: if it does not hold, the upper one is not needed.
                (false, _) => confirm(lower.load()),
                (true, false) => confirm(upper.load()),
                (true, true) => match conditional_throughput(goal, lower.load(), &lower.observations) {
                    Some(conditional_throughput) => {
                        Step::Done(GoalOutcome::Regular { lower: lower.bound(goal), upper: upper.bound(goal), conditional_throughput })
                    }
                    // A lower bound has full-length trials by its definition; without one, get one.
                    None => confirm(lower.load()),
                },
            }
        }
        _ => look(next_inner_load(goal, space, lower, upper, walk)),
    }
}

fn irregular<M: Measurer>(goal: &SearchGoal, probe: &Probe<'_, '_, M>, why: Irregularity) -> GoalOutcome {
    let (lower, upper) = probe.history.relevant_bounds(goal);
    GoalOutcome::Irregular { why, lower: lower.map(|at| at.bound(goal)), upper: upper.map(|at| at.bound(goal)) }
}
