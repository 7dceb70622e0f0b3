use std::collections::BTreeMap;

use super::stage::{StagedGoal, Standing};
use super::{Bound, BoundSetBy, Classification, Observation, SearchGoal, classify};
use crate::trial::Trial;
use crate::units::{LossRatio, PacketRate, Seconds};

/// Relative distance of two loads that were computed in two ways and meant as one.
const SAME_LOAD: f64 = 1e-7;

/// All trials of one search by load.
#[derive(Debug, Default)]
pub(super) struct History {
    // Positive floats sort as their bits do.
    loads: BTreeMap<u64, AtLoad>,
}

/// All trials at one load.
#[derive(Debug, Default)]
pub(super) struct AtLoad {
    load: f64,
    pub observations: Vec<Observation>,
    forwarded: f64,
    /// Loss for each observation without what the tester did not offer, and without what its reflector did not send back.
    of_path: Vec<LossRatio>,
    pub disturbed: u32,
}

impl History {
    pub fn file(&mut self, load: PacketRate, trial: &Trial) {
        let at = self.loads.entry(load.pps().to_bits()).or_insert_with(|| AtLoad { load: load.pps(), ..AtLoad::default() });
        if !trial.verdict.is_valid() {
            at.disturbed += 1;
            return;
        }
        let duration = trial.input.stimulus.duration();
        at.observations.push(Observation { duration, effective: duration, loss: trial.loss_ratio });
        at.forwarded = load.pps() * (1.0 - trial.loss_ratio.ratio());
        at.of_path.push(trial.outcome.loss_ratio_of_path());
    }

    pub fn at(&self, load: PacketRate) -> Option<&AtLoad> {
        self.loads.get(&load.pps().to_bits())
    }

    /// The load itself, or the one that was tried already and differs by rounding only.
    pub fn known_near(&self, load: PacketRate) -> PacketRate {
        let near = |factor: f64| (load.pps() * factor).to_bits();
        let known = self.loads.range(near(1.0 - SAME_LOAD)..=near(1.0 + SAME_LOAD)).map(|(_, at)| at.load());
        known.min_by(|a, b| (a.pps() - load.pps()).abs().total_cmp(&(b.pps() - load.pps()).abs())).unwrap_or(load)
    }

    /// Loads that were judged at all, ascending.
    pub fn ascending(&self) -> impl DoubleEndedIterator<Item = &AtLoad> {
        self.loads.values().filter(|at| !at.observations.is_empty())
    }

    /// The smallest load that stands as an upper bound, and the largest below it that stands as a lower bound, by the goal's stage.
    pub fn apparent_bounds(&self, staged: &StagedGoal<'_>) -> (Option<&AtLoad>, Option<&AtLoad>) {
        let mut lower = None;
        for at in self.ascending() {
            match staged.standing(&at.observations) {
                Some(Standing::Lower { .. }) => lower = Some(at),
                Some(Standing::Upper { .. }) => return (lower, Some(at)),
                None => {}
            }
        }
        (lower, None)
    }

    /// Relevant Lower Bound and Relevant Upper Bound among the loads that are decided (draft §"Relevant Lower Bound").
    pub fn relevant_bounds(&self, goal: &SearchGoal) -> (Option<&AtLoad>, Option<&AtLoad>) {
        let mut lower = None;
        for at in self.ascending() {
            match classify(goal, &at.observations) {
                Classification::Lower => lower = Some(at),
                Classification::Upper => return (lower, Some(at)),
                Classification::Undecided => {}
            }
        }
        (lower, None)
    }
}

impl AtLoad {
    pub fn load(&self) -> PacketRate {
        PacketRate::from_pps_lossy(self.load)
    }

    /// What came through in the last trial, in frames per second of the intended load.
    pub fn forwarded(&self) -> PacketRate {
        PacketRate::from_pps_lossy(self.forwarded)
    }

    /// Length of the last trial, and the frames that count as lost in it.
    pub fn last(&self) -> Option<(Seconds, f64)> {
        let last = self.observations.last()?;
        Some((last.duration, last.loss.ratio() * self.load * last.duration.seconds()))
    }

    pub fn bound(&self, goal: &SearchGoal) -> Bound {
        let ratios = || self.observations.iter().map(|trial| trial.loss.ratio());
        let high = self.observations.iter().filter(|trial| trial.loss > goal.loss_ratio).count();
        // A trial that meets the goal except for the tester's own frames shows nothing against the device.
        let only_for_the_tester = self.observations.iter().zip(&self.of_path);
        let only_for_the_tester =
            only_for_the_tester.filter(|(trial, of_path)| trial.loss > goal.loss_ratio && **of_path <= goal.loss_ratio).count();
        let tester = only_for_the_tester * 2 > high.max(1);
        Bound {
            load: self.load(),
            trials: u32::try_from(self.observations.len()).unwrap_or(u32::MAX),
            trial_time: self.observations.iter().fold(Seconds::ZERO, |sum, trial| sum + trial.effective),
            worst_loss: LossRatio::new(ratios().fold(0.0, f64::max)).unwrap_or(LossRatio::ONE),
            best_loss: LossRatio::new(ratios().fold(1.0, f64::min)).unwrap_or(LossRatio::ONE),
            set_by: if tester { BoundSetBy::Tester } else { BoundSetBy::Device },
        }
    }
}
