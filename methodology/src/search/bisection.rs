//! Plain bisection and bisection with loss verification (ETSI GS NFV-TST 009 clauses 12.3.2 and 12.3.3), which RFC 9004 §6.2 asks for.
//!
//! With verification, a trial with loss is repeated up to max(r) times and the first one without decides for the load: a rare
//! interruption of the system around the device does not. Each goal is sought on its own. What bisection cannot see is a lossy band
//! between two loads it tried.

use super::{GoalOutcome, GoalResult, Irregularity, MAX_DISTURBED, Probe, SearchGoal, SearchResult, SearchSpace, conditional_throughput};
use crate::trial::{Bench, Measurer, NoOutcome};
use crate::units::PacketRate;

/// How often a load is tried and when it is given up (TST 009's max(r) and z).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verification {
    /// max(r): trials at most; 1 is plain bisection.
    pub max_trials: u32,
    /// z: a trial that loses more frames fails the load at once.
    pub max_loss: Option<u64>,
}

impl Verification {
    /// Plain bisection.
    pub const NONE: Verification = Verification { max_trials: 1, max_loss: None };
}

/// What a load's trials came to.
enum Answer {
    Passed,
    Failed,
    /// The tester disturbed it, or the time is up.
    Stopped(Irregularity),
}

/// Searches for every goal, one after the other, with trials of the goal's final duration.
///
/// # Errors
/// The measurer's own.
pub fn search<M: Measurer>(
    goals: &[SearchGoal],
    verification: Verification,
    space: &SearchSpace,
    bench: &mut Bench<'_, M>,
) -> Result<SearchResult, NoOutcome<M::Error>> {
    let mut probe = Probe::new(bench, space.time_limit);
    let mut results = Vec::with_capacity(goals.len());
    for goal in goals {
        // What another goal's trials decided is not this search's business.
        probe.history = super::History::default();
        let outcome = search_one(goal, verification, space, &mut probe)?;
        results.push(GoalResult { goal: goal.clone(), outcome });
    }
    Ok(probe.result(space, results))
}

fn search_one<M: Measurer>(
    goal: &SearchGoal,
    verification: Verification,
    space: &SearchSpace,
    probe: &mut Probe<'_, '_, M>,
) -> Result<GoalOutcome, NoOutcome<M::Error>> {
    let (mut low, mut high) = (None, None);
    loop {
        let load = match (low, high) {
            (_, None) if low == Some(space.max_load) => return Ok(ended(goal, probe, Irregularity::AtLeastMaxLoad, low, high)),
            (_, None) => space.max_load,
            (None, Some(upper)) if upper == space.min_load => return Ok(ended(goal, probe, Irregularity::BelowMinLoad, low, high)),
            (lower, Some(upper)) => {
                let floor = lower.unwrap_or(space.min_load);
                if (upper.pps() - floor.pps()) / upper.pps() > goal.width.ratio() {
                    PacketRate::from_pps_lossy(floor.pps().midpoint(upper.pps()))
                } else if let Some(lower) = lower {
                    return Ok(regular(goal, probe, lower, upper));
                } else {
                    space.min_load
                }
            }
        };
        match answer(goal, verification, load, probe)? {
            Answer::Passed => low = Some(load),
            Answer::Failed => high = Some(load),
            Answer::Stopped(why) => return Ok(ended(goal, probe, why, low, high)),
        }
    }
}

fn answer<M: Measurer>(
    goal: &SearchGoal,
    verification: Verification,
    load: PacketRate,
    probe: &mut Probe<'_, '_, M>,
) -> Result<Answer, NoOutcome<M::Error>> {
    let mut judged = 0;
    loop {
        if probe.exhausted() {
            return Ok(Answer::Stopped(Irregularity::OutOfTime));
        }
        probe.measure(load, goal.final_trial)?;
        let Some(at) = probe.history.at(load) else { return Ok(Answer::Stopped(Irregularity::TesterDisturbed)) };
        if at.disturbed >= MAX_DISTURBED {
            return Ok(Answer::Stopped(Irregularity::TesterDisturbed));
        }
        let Some(last) = at.observations.get(judged) else { continue };
        judged += 1;
        if last.loss <= goal.loss_ratio {
            return Ok(Answer::Passed);
        }
        let frames = last.loss.ratio() * load.pps() * last.duration.seconds();
        let hopeless = verification.max_loss.is_some_and(|z| frames > z as f64 + 0.5);
        if hopeless || judged >= verification.max_trials.max(1) as usize {
            return Ok(Answer::Failed);
        }
    }
}

fn regular<M: Measurer>(goal: &SearchGoal, probe: &Probe<'_, '_, M>, lower: PacketRate, upper: PacketRate) -> GoalOutcome {
    // One passed trial decides here: its forwarding ratio is the conditional throughput.
    let one = SearchGoal { duration_sum: goal.final_trial, exceed_ratio: super::ExceedRatio::ZERO, ..goal.clone() };
    let best = |load: PacketRate| {
        let best = probe.history.at(load)?.observations.iter().min_by(|a, b| a.loss.ratio().total_cmp(&b.loss.ratio()))?;
        conditional_throughput(&one, load, &[*best])
    };
    let bounds = probe.history.at(lower).zip(probe.history.at(upper)).zip(best(lower));
    match bounds {
        Some(((low, high), conditional_throughput)) => {
            GoalOutcome::Regular { lower: low.bound(goal), upper: high.bound(goal), conditional_throughput }
        }
        None => ended(goal, probe, Irregularity::TesterDisturbed, Some(lower), Some(upper)),
    }
}

fn ended<M: Measurer>(
    goal: &SearchGoal,
    probe: &Probe<'_, '_, M>,
    why: Irregularity,
    lower: Option<PacketRate>,
    upper: Option<PacketRate>,
) -> GoalOutcome {
    let bound = |load: Option<PacketRate>| load.and_then(|load| probe.history.at(load)).map(|at| at.bound(goal));
    GoalOutcome::Irregular { why, lower: bound(lower), upper: bound(upper) }
}

/// What a search over burst lengths found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BurstBounds {
    /// The longest burst that passed; 0 where none did.
    pub passed: u64,
    /// The shortest that failed; nothing where even `max` passed.
    pub failed: Option<u64>,
}

/// The longest burst from 1 to `max` frames that passes, to `step` frames (RFC 9004 §6.2: a search of TST 009 over burst length).
///
/// `passes` tries a burst once; a burst fails when it failed `max_trials` times.
///
/// # Errors
/// Those of `passes`.
pub fn longest_burst<E>(max: u64, step: u64, max_trials: u32, mut passes: impl FnMut(u64) -> Result<bool, E>) -> Result<BurstBounds, E> {
    let mut verified = |frames: u64| {
        for _ in 0..max_trials.max(1) {
            if passes(frames)? {
                return Ok(true);
            }
        }
        Ok(false)
    };
    let (mut passed, mut failed) = (0, max);
    if verified(max)? {
        return Ok(BurstBounds { passed: max, failed: None });
    }
    while failed - passed > step.max(1) {
        let middle = passed.midpoint(failed);
        if verified(middle)? {
            passed = middle;
        } else {
            failed = middle;
        }
    }
    Ok(BurstBounds { passed, failed: Some(failed) })
}
