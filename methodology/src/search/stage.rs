//! How much evidence the search asks for before it moves on from a load.
//!
//! A search begins with the least evidence: one trial of the initial duration. That is enough on a device that answers the same question
//! the same way. Where a bound found so does not hold at the goal's full length, the device loses frames rarely or by chance, and more short
//! trials would only find more loads that pass by luck. So refuted bounds raise the evidence, up to the goal's own duration sum.
//!
//! After the first refuted bound a load needs the geometric mean of the initial trial duration and the duration sum, as the preceding target
//! of the reference implementation does (MLRsearch 1.2.1, `target_scaling.py`). What follows depends on the trials:
//! - Where these are shorter than the goal's final trials, the next refuted bound shows that short trials mislead: full length from there on.
//! - Where they are as long, they say the same as the full sum, only less surely. Being wrong now and then costs less than
//!   deciding every load, so the evidence stays for [`PATIENT`] refuted bounds and is then raised in [`STEPS`] steps.
//!
//! The numbers are those with which `scripts/compare-mlrsearch` needs the least trial time.

use super::{Classification, Observation, SearchGoal, classify};
use crate::units::Seconds;

/// What a load is, as far as a stage can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// A lower bound; `decided` where the goal itself is satisfied with the evidence.
    Lower { decided: bool },
    /// An upper bound, in the same way.
    Upper { decided: bool },
}

impl Standing {
    pub fn is_decided(self) -> bool {
        matches!(self, Standing::Lower { decided: true } | Standing::Upper { decided: true })
    }

    pub fn is_lower(self) -> bool {
        matches!(self, Standing::Lower { .. })
    }
}

/// A goal together with the goal that its current stage asks for.
#[derive(Debug, Clone)]
pub(super) struct StagedGoal<'g> {
    pub goal: &'g SearchGoal,
    /// The goal with the durations of the current stage.
    asked: SearchGoal,
    /// Bounds that did not hold so far.
    refuted: u32,
}

/// Refuted bounds for which half the evidence is kept, where its trials are as long as the goal's.
const PATIENT: u32 = 5;

/// Steps from there to the goal's duration sum.
const STEPS: u32 = 2;

impl<'g> StagedGoal<'g> {
    /// A goal at its first stage.
    pub fn new(goal: &'g SearchGoal) -> Self {
        StagedGoal { goal, asked: with_duration_sum(goal, goal.initial_trial), refuted: 0 }
    }

    /// The length of the trials of this stage.
    pub fn trial_duration(&self) -> Seconds {
        self.asked.final_trial
    }

    /// Whether nothing but decided loads count.
    pub fn is_full(&self) -> bool {
        self.asked.duration_sum >= self.goal.duration_sum
    }

    /// Whether a bound was refuted already.
    pub fn is_raised(&self) -> bool {
        self.refuted > 0
    }

    /// A bound did not hold: asks for more evidence.
    pub fn raise(&mut self) {
        self.refuted = self.refuted.saturating_add(1);
        let (initial, whole) = (self.goal.initial_trial.seconds(), self.goal.duration_sum.seconds());
        let shorter_trials = (initial * whole).sqrt() < self.goal.final_trial.seconds();
        let steps =
            if shorter_trials { f64::from(self.refuted) - 1.0 } else { f64::from(self.refuted.saturating_sub(PATIENT)) / f64::from(STEPS) };
        // On a logarithmic scale from the initial trial (0) to the duration sum (1).
        let share = 0.5 + 0.5 * steps;
        let sum = if share >= 1.0 { self.goal.duration_sum } else { Seconds::lossy(initial * (whole / initial).powf(share)) };
        self.asked = with_duration_sum(self.goal, sum);
    }

    /// What a load is by these trials; nothing while the stage needs more of them.
    pub fn standing(&self, trials: &[Observation]) -> Option<Standing> {
        let (decided, classification) = match classify(self.goal, trials) {
            Classification::Undecided => (false, classify(&self.asked, trials)),
            decided => (true, decided),
        };
        match classification {
            Classification::Lower => Some(Standing::Lower { decided }),
            Classification::Upper => Some(Standing::Upper { decided }),
            Classification::Undecided => None,
        }
    }
}

/// The goal with another duration sum, and trials no longer than that.
fn with_duration_sum(goal: &SearchGoal, sum: Seconds) -> SearchGoal {
    let final_trial = if sum < goal.final_trial { sum } else { goal.final_trial };
    SearchGoal { final_trial, duration_sum: sum, ..goal.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::{ExceedRatio, Width};
    use crate::units::LossRatio;

    fn goal(exceed: ExceedRatio, final_trial: u32, sum: u32) -> SearchGoal {
        SearchGoal {
            name: "stages".to_owned(),
            loss_ratio: LossRatio::ZERO,
            exceed_ratio: exceed,
            initial_trial: Seconds::from_whole(1),
            final_trial: Seconds::from_whole(final_trial),
            duration_sum: Seconds::from_whole(sum),
            width: Width::HALF_PERCENT,
        }
    }

    fn passed(seconds: u32) -> Observation {
        let duration = Seconds::from_whole(seconds);
        Observation { duration, effective: duration, loss: LossRatio::ZERO }
    }

    #[test]
    fn refuted_bounds_ask_for_more_evidence() {
        let goal = goal(ExceedRatio::HALF, 1, 21);
        let mut staged = StagedGoal::new(&goal);
        let needed = |staged: &StagedGoal<'_>| (1..).find(|&count| staged.standing(&vec![passed(1); count]).is_some());
        assert_eq!(needed(&staged), Some(1));
        for _ in 0..PATIENT {
            staged.raise();
            assert_eq!(needed(&staged), Some(3), "more than half of the square root of 21");
        }
        staged.raise();
        assert_eq!(needed(&staged), Some(5), "more than half of 21 to the power of 3/4");
        staged.raise();
        assert_eq!(needed(&staged), Some(11), "more than half of 21");
        assert!(staged.is_full());
    }

    #[test]
    fn a_short_pass_says_nothing_once_a_longer_trial_refuted_one() {
        let goal = goal(ExceedRatio::ZERO, 60, 60);
        let mut staged = StagedGoal::new(&goal);
        assert_eq!(staged.standing(&[passed(1)]), Some(Standing::Lower { decided: false }));
        staged.raise();
        assert_eq!(staged.standing(&[passed(1)]), None);
        assert_eq!(staged.standing(&[passed(8)]), Some(Standing::Lower { decided: false }));
        staged.raise();
        assert_eq!(staged.standing(&[passed(8)]), None);
        assert_eq!(staged.standing(&[passed(60)]), Some(Standing::Lower { decided: true }));
    }
}
