//! How much evidence the search asks for before it moves on from a load.
//!
//! A search begins with the least evidence: one trial of the initial duration. That is enough on a device that answers the same question
//! the same way. Where a bound found so does not hold at the goal's full length, the device loses frames rarely or by chance, and more short
//! trials would only find more loads that pass by luck. So each refuted bound raises the evidence by one stage.

use super::{Classification, Observation, SearchGoal, classify};
use crate::units::Seconds;

/// The stage of one goal's search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Stage {
    /// One trial of the initial duration.
    #[default]
    Initial,
    /// A duration sum half-way between, geometrically.
    Middle,
    /// The goal's own durations: nothing counts but a decided load.
    Full,
}

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
    stage: Stage,
    asked: SearchGoal,
}

impl<'g> StagedGoal<'g> {
    pub fn new(goal: &'g SearchGoal) -> Self {
        StagedGoal { goal, stage: Stage::Initial, asked: at_stage(goal, Stage::Initial) }
    }

    /// The length of the trials of this stage.
    pub fn trial_duration(&self) -> Seconds {
        self.asked.final_trial
    }

    /// Whether nothing but decided loads count.
    pub fn is_full(&self) -> bool {
        self.stage == Stage::Full
    }

    /// Whether a bound was refuted already.
    pub fn is_raised(&self) -> bool {
        self.stage > Stage::Initial
    }

    /// Asks for more evidence.
    pub fn raise(&mut self) {
        self.stage = match self.stage {
            Stage::Initial => Stage::Middle,
            Stage::Middle | Stage::Full => Stage::Full,
        };
        self.asked = at_stage(self.goal, self.stage);
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

/// The goal with the durations of a stage. The middle one is that of the reference implementation's preceding target (MLRsearch 1.2.1,
/// `target_scaling.py`): the geometric mean of the initial trial duration and the duration sum.
fn at_stage(goal: &SearchGoal, stage: Stage) -> SearchGoal {
    let sum = match stage {
        Stage::Initial => goal.initial_trial,
        Stage::Middle => Seconds::lossy((goal.initial_trial.seconds() * goal.duration_sum.seconds()).sqrt()),
        Stage::Full => goal.duration_sum,
    };
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
    fn each_refuted_bound_asks_for_more_evidence() {
        let goal = goal(ExceedRatio::HALF, 1, 21);
        let mut staged = StagedGoal::new(&goal);
        let needed = |staged: &StagedGoal<'_>| (1..).find(|&count| staged.standing(&vec![passed(1); count]).is_some());
        assert_eq!(needed(&staged), Some(1));
        staged.raise();
        assert_eq!(needed(&staged), Some(3), "more than half of the square root of 21");
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
