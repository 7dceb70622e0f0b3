use std::collections::BTreeMap;

use super::{Bound, BoundSetBy, Classification, Observation, SearchGoal, classify};
use crate::trial::{Trial, TrialReason};
use crate::units::{LossRatio, PacketRate, Seconds};

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
    offered_short: u32,
    pub disturbed: u32,
}

/// What a load looks like for one goal, decided or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Looks {
    /// Decided, or as if it would be, a lower bound.
    Low { decided: bool },
    /// The same, an upper bound.
    High { decided: bool },
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
        at.offered_short += u32::from(trial.verdict.reasons.iter().any(|reason| matches!(reason, TrialReason::OfferedShort { .. })));
    }

    pub fn at(&self, load: PacketRate) -> Option<&AtLoad> {
        self.loads.get(&load.pps().to_bits())
    }

    /// Loads that were judged at all, ascending.
    pub fn ascending(&self) -> impl DoubleEndedIterator<Item = &AtLoad> {
        self.loads.values().filter(|at| !at.observations.is_empty())
    }

    /// The smallest load that looks like an upper bound, and the largest below it that looks like a lower bound.
    pub fn apparent_bounds(&self, goal: &SearchGoal) -> (Option<&AtLoad>, Option<&AtLoad>) {
        let mut lower = None;
        for at in self.ascending() {
            match at.looks(goal) {
                Some(Looks::Low { .. }) => lower = Some(at),
                Some(Looks::High { .. }) => return (lower, Some(at)),
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

    /// What the load looks like; nothing before the first valid trial.
    pub fn looks(&self, goal: &SearchGoal) -> Option<Looks> {
        match classify(goal, &self.observations) {
            Classification::Lower => return Some(Looks::Low { decided: true }),
            Classification::Upper => return Some(Looks::High { decided: true }),
            Classification::Undecided => {}
        }
        if self.observations.is_empty() {
            return None;
        }
        // If the trials to come are like those so far: full-length ones where there are any.
        let sums = super::classify::Sums::of(goal, &self.observations);
        let high = sums.effective_high(goal);
        let full = sums.full_low + high;
        let looks_high = high > full * goal.exceed_ratio.ratio() + 1e-9 * full;
        Some(if looks_high { Looks::High { decided: false } } else { Looks::Low { decided: false } })
    }

    pub fn bound(&self, goal: &SearchGoal) -> Bound {
        let ratios = || self.observations.iter().map(|trial| trial.loss.ratio());
        let high = self.observations.iter().filter(|trial| trial.loss > goal.loss_ratio).count();
        let tester = self.offered_short as usize * 2 > high.max(1);
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
