//! MLRsearch: any number of goals with one set of trials (draft-ietf-bmwg-mlrsearch-15, to be RFC 9971).
//!
//! The draft fixes what a result is (classification, relevant bounds, conditional throughput). Where to measure next is up to the
//! Controller. This one starts with single short trials, led by forwarding rates, until the apparent bounds are as close as the goal
//! asks. Only then does it spend the goal's duration sum on the two loads that need it. Where a bound does not hold, the search asks for
//! more evidence at each load (see `stage.rs`), goes down geometrically with trials of that length, and narrows from there: it does not try one
//! neighbour after the other until one passes by luck. All goals share all trials, and a goal that cannot be met stops no other.

mod end;
mod next_load;

use super::history::AtLoad;
use super::stage::StagedGoal;
use super::{GoalOutcome, GoalResult, Irregularity, MAX_DISTURBED, Probe, SearchGoal, SearchResult, SearchSpace, conditional_throughput};
use crate::trial::{Bench, Measurer, NoOutcome};
use crate::units::{PacketRate, Seconds};

use end::End;
use next_load::{Walk, relative_width};

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
    let mut searches: Vec<_> = goals.iter().map(GoalSearch::new).collect();
    let mut results = Vec::with_capacity(goals.len());
    for (index, search) in searches.iter_mut().enumerate() {
        // A goal that takes long leaves the later ones their part of the time.
        let goals_left = (goals.len() - index) as f64;
        let share = (space.time_limit - probe.spent()) * (1.0 / goals_left);
        results.push(search.run(space, &mut probe, share)?);
    }
    // Trials made for a later goal may have decided a load below an earlier goal's lower bound, or decided one of its bounds otherwise: the
    // relevant bounds are those at the end of the search (draft §"Relevant Upper Bound"), so go round until nothing moves. It ends: what moves
    // was measured, and the time for measuring is limited.
    loop {
        let mut moved = false;
        for (search, result) in searches.iter_mut().zip(&mut results) {
            if !matches!(result, GoalOutcome::Irregular { why: Irregularity::TesterDisturbed, .. }) {
                let again = search.run(space, &mut probe, space.time_limit)?;
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

/// The search for one goal. It remembers its way from one round to the next.
struct GoalSearch<'g> {
    staged: StagedGoal<'g>,
    walk: Walk,
    /// The load that was measured last, which the stage may want more trials of.
    at: Option<PacketRate>,
    /// The apparent bound that was last given trials of full length.
    confirming: Option<(PacketRate, End)>,
}

impl<'g> GoalSearch<'g> {
    fn new(goal: &'g SearchGoal) -> Self {
        GoalSearch { staged: StagedGoal::new(goal), walk: Walk::default(), at: None, confirming: None }
    }

    /// Goes on until the goal is reached or `time` is spent.
    fn run<M: Measurer>(
        &mut self,
        space: &SearchSpace,
        probe: &mut Probe<'_, '_, M>,
        time: Seconds,
    ) -> Result<GoalOutcome, NoOutcome<M::Error>> {
        let until = probe.spent() + time;
        loop {
            match self.next_step(space, probe) {
                Step::Done(outcome) => return Ok(outcome),
                Step::Measure { .. } if probe.exhausted() || probe.spent() >= until => return Ok(self.out_of_time(probe)),
                Step::Measure { load, duration } => {
                    probe.measure(load, duration)?;
                    self.at = Some(load);
                    if probe.history.at(load).is_some_and(|at| at.disturbed >= MAX_DISTURBED) {
                        return Ok(self.irregular(probe, Irregularity::TesterDisturbed));
                    }
                }
            }
        }
    }

    fn next_step<M: Measurer>(&mut self, space: &SearchSpace, probe: &Probe<'_, '_, M>) -> Step {
        let history = &probe.history;
        self.look_for_a_refutation(probe);
        let goal = self.staged.goal;
        let trial = self.staged.trial_duration();
        let standing = |at: &AtLoad| self.staged.standing(&at.observations);
        if let Some(at) = self.at.and_then(|load| history.at(load))
            && !at.observations.is_empty()
            && standing(at).is_none()
        {
            return Step::Measure { load: at.load(), duration: trial };
        }
        let decided = |at: &AtLoad| standing(at).is_some_and(|standing| standing.is_decided());
        let (lower, upper) = history.apparent_bounds(&self.staged);
        let mut confirm = |load, end| {
            self.confirming = Some((load, end));
            Step::Measure { load, duration: goal.final_trial }
        };
        match (lower, upper) {
            // Nothing passes: down to Min Load, and when that fails for certain there is no lower bound.
            (None, Some(upper)) if upper.load() <= space.min_load => {
                if decided(upper) {
                    Step::Done(self.irregular(probe, Irregularity::BelowMinLoad))
                } else {
                    confirm(space.min_load, End::Upper)
                }
            }
            // Nothing fails: up to Max Load, and when that passes for certain there is no upper bound.
            (Some(lower), None) if lower.load() >= space.max_load => {
                if decided(lower) {
                    Step::Done(self.irregular(probe, Irregularity::AtLeastMaxLoad))
                } else {
                    confirm(space.max_load, End::Lower)
                }
            }
            (Some(lower), Some(upper)) if relative_width(lower.load(), upper.load()) <= goal.width.ratio() * (1.0 + 1e-9) => {
                match (decided(lower), decided(upper)) {
                    // The lower bound first: if it does not hold, the upper one is not needed.
                    (false, _) => confirm(lower.load(), End::Lower),
                    (true, false) => confirm(upper.load(), End::Upper),
                    (true, true) => match conditional_throughput(goal, lower.load(), &lower.observations) {
                        Some(conditional_throughput) => {
                            Step::Done(GoalOutcome::Regular { lower: lower.bound(goal), upper: upper.bound(goal), conditional_throughput })
                        }
                        // A lower bound has full-length trials by its definition; without one, get one.
                        None => confirm(lower.load(), End::Lower),
                    },
                }
            }
            _ => {
                let next = self.walk.next(goal, space, lower, upper);
                // A forwarding rate that leads away from a refuted bound is that of a full-length trial, and so is asked at full length.
                let duration = if next.led && self.staged.is_raised() { goal.final_trial } else { trial };
                Step::Measure { load: history.known_near(next.load), duration }
            }
        }
    }

    /// Asks for more evidence where the bound that was given full-length trials is no such bound any more.
    fn look_for_a_refutation<M: Measurer>(&mut self, probe: &Probe<'_, '_, M>) {
        let Some((load, end)) = self.confirming else { return };
        let Some(at) = probe.history.at(load) else { return };
        let holds = self.staged.standing(&at.observations).is_none_or(|standing| standing.is_lower() == (end == End::Lower));
        if holds {
            return;
        }
        self.confirming = None;
        if !self.staged.is_full() {
            let before = self.staged.trial_duration();
            self.staged.raise();
            self.walk.refuted(at, end, before, self.staged.trial_duration());
        }
    }

    fn irregular<M: Measurer>(&self, probe: &Probe<'_, '_, M>, why: Irregularity) -> GoalOutcome {
        let (lower, upper) = probe.history.relevant_bounds(self.staged.goal);
        self.outcome(why, lower, upper)
    }

    /// Without time to decide a load, what was seen is reported: each bound says how many trials it rests on.
    fn out_of_time<M: Measurer>(&self, probe: &Probe<'_, '_, M>) -> GoalOutcome {
        let (lower, upper) = probe.history.relevant_bounds(self.staged.goal);
        let first_look = StagedGoal::new(self.staged.goal);
        let (seen_lower, seen_upper) = probe.history.apparent_bounds(&first_look);
        // What is decided comes first, and what was only seen must not contradict it.
        let lower = lower.or_else(|| seen_lower.filter(|seen| upper.is_none_or(|upper| seen.load() < upper.load())));
        let upper = upper.or_else(|| seen_upper.filter(|seen| lower.is_none_or(|lower| seen.load() > lower.load())));
        self.outcome(Irregularity::OutOfTime, lower, upper)
    }

    fn outcome(&self, why: Irregularity, lower: Option<&AtLoad>, upper: Option<&AtLoad>) -> GoalOutcome {
        let goal = self.staged.goal;
        GoalOutcome::Irregular { why, lower: lower.map(|at| at.bound(goal)), upper: upper.map(|at| at.bound(goal)) }
    }
}
