use std::collections::VecDeque;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::comparison::{Comparison, FEWEST_PAIRS, Gain, USUAL_PAIRS, compare};
use super::decision::{Next, SearchOptions, Stage, StopReason};
use super::entrants;
use super::estimate::{Estimates, Measured};
use super::outcome::Outcome;
use super::race::{Rule, leader};
use super::result::{Known, TuneResult, result};
use super::space::{Candidate, Space};

/// Trials of a block: few enough that a machine hardly drifts within one.
const BLOCK: usize = 8;

/// Trials of the default at the very beginning: without a repetition there is no noise to compare with.
const PILOT: usize = 4;

/// A setting without a valid trial after so many invalid ones is not measured again: other settings need the budget.
const MOST_INVALID: u32 = 3;

/// The share of the budget that the comparison of winner and default may take.
const CONFIRMATION: f64 = 0.15;

/// What a setting is in the race.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Not measured yet.
    Fresh,
    In,
    /// Worse than the leader, as far as is known. It comes back if later trials show that it is not.
    Worse,
    /// In the worse half when the budget ran short.
    Cut,
    /// Every trial of it was invalid: nothing is known of it.
    Unknown,
    /// It does not work.
    Failed,
}

/// A search over a space. Ask [`next`](Self::next) what to measure, measure it, [`record`](Self::record) the outcome.
///
/// To resume one, create it again with the same options, and repeat the calls with the known outcomes.
#[derive(Debug, Clone)]
pub struct Search {
    space: Space,
    options: SearchOptions,
    rng: ChaCha8Rng,
    places: Vec<Place>,
    invalid: Vec<u32>,
    trials: Vec<Measured>,
    queue: VecDeque<Planned>,
    blocks: usize,
    spent: usize,
    stage: Stage,
    confirmation: Option<Confirmation>,
    done: Option<StopReason>,
}

#[derive(Debug, Clone, Copy)]
struct Planned {
    candidate: usize,
    block: usize,
}

/// Winner against default.
#[derive(Debug, Clone)]
struct Confirmation {
    winner: usize,
    /// Why the race ended.
    after: StopReason,
    /// By pair: the scores of winner and default.
    pairs: Vec<[Option<f64>; 2]>,
    first_block: usize,
}

impl Search {
    /// A search that has measured nothing yet.
    pub fn new(space: Space, options: SearchOptions) -> Search {
        Search {
            places: vec![Place::Fresh; space.len()],
            invalid: vec![0; space.len()],
            rng: ChaCha8Rng::seed_from_u64(options.seed),
            options,
            space,
            trials: Vec::new(),
            queue: VecDeque::new(),
            blocks: 0,
            spent: 0,
            stage: Stage::Start,
            confirmation: None,
            done: None,
        }
    }

    /// The space.
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// Trials until now.
    pub fn spent(&self) -> usize {
        self.spent
    }

    /// Settings that are still in the race.
    pub fn left(&self) -> usize {
        self.places.iter().filter(|&&place| place == Place::In).count()
    }

    /// What to measure next, where the budget allows `total` trials, those until now included. It may change from call to call, as a time is
    /// used up faster or slower than expected. Without a call of [`record`](Self::record) in between, the answer is the same.
    pub fn next(&mut self, total: usize) -> Next {
        loop {
            if let Some(reason) = self.done {
                return Next::Done(reason);
            }
            if self.spent >= total {
                self.done = Some(self.confirmation.as_ref().map_or(StopReason::Budget, |confirmation| confirmation.after));
                continue;
            }
            if let Some(&Planned { candidate, block }) = self.queue.front() {
                return Next::Measure { candidate: Candidate(candidate), block, stage: self.stage };
            }
            match self.stage {
                Stage::Start if self.spent == 0 => self.plan_start(total),
                Stage::Start | Stage::Race => self.plan_race(total),
                Stage::Confirmation => self.done = self.confirmation.as_ref().map(|confirmation| confirmation.after),
            }
        }
    }

    /// The outcome of what [`next`](Self::next) asked for. Ignored where it asked for nothing.
    pub fn record(&mut self, outcome: Outcome) {
        let Some(Planned { candidate, block }) = self.queue.pop_front() else { return };
        self.spent += 1;
        let score = match outcome {
            Outcome::Value(value) => self.options.aim.score(value),
            Outcome::Invalid => None,
            Outcome::Failed => return self.remove(candidate, Place::Failed),
        };
        match score {
            Some(score) => {
                self.trials.push(Measured { candidate, block, score });
                if self.places[candidate] == Place::Fresh {
                    self.places[candidate] = Place::In;
                }
                if let Some(confirmation) = &mut self.confirmation
                    && let Some(pair) = confirmation.pairs.get_mut(block - confirmation.first_block)
                {
                    pair[usize::from(candidate != confirmation.winner)] = Some(score);
                }
            }
            None => {
                self.invalid[candidate] += 1;
                let measured = self.trials.iter().any(|trial| trial.candidate == candidate);
                if self.invalid[candidate] < MOST_INVALID {
                    self.queue.push_back(Planned { candidate, block });
                } else if !measured {
                    self.remove(candidate, Place::Unknown);
                }
            }
        }
    }

    /// What is known now; none before the first value.
    pub fn result(&self) -> Option<TuneResult> {
        let estimates = Estimates::of(self.space.len(), &self.trials);
        let works = |&candidate: &usize| self.places[candidate] != Place::Failed;
        let in_race = (0..self.space.len()).filter(|&candidate| self.places[candidate] == Place::In);
        let confirmed = self.confirmation.as_ref().map(|confirmation| confirmation.winner).filter(works);
        let winner =
            confirmed.or_else(|| leader(&estimates, in_race)).or_else(|| leader(&estimates, (0..self.space.len()).filter(works)))?;
        Some(result(Known {
            space: &self.space,
            aim: self.options.aim,
            within: self.options.within,
            estimates: &estimates,
            winner,
            gain: self.gain(estimates.noise),
            failed: (0..self.space.len()).filter(|candidate| !works(candidate)).map(Candidate).collect(),
            invalid: &self.invalid,
            trials: self.spent,
        }))
    }

    fn gain(&self, noise: f64) -> Option<Gain> {
        let confirmation = self.confirmation.as_ref()?;
        let differences: Vec<f64> = confirmation.pairs.iter().filter_map(|pair| Some(pair[0]? - pair[1]?)).collect();
        let Comparison { mean, reach, wide_reach } = compare(&differences, noise)?;
        let aim = self.options.aim;
        Some(Gain { ratio: aim.value(mean), interval: aim.interval(mean, reach), pairs: differences.len(), shown: mean > wide_reach })
    }

    /// Drops a setting that does not work or has no valid trial. A comparison of winner and default ends with it.
    fn remove(&mut self, candidate: usize, place: Place) {
        self.places[candidate] = place;
        self.queue.retain(|planned| planned.candidate != candidate);
        if self.confirmation.take().is_some() {
            self.queue.clear();
            self.stage = Stage::Race;
        }
    }

    fn default(&self) -> Option<usize> {
        Some(self.space.default_setting().index()).filter(|&default| !matches!(self.places[default], Place::Failed | Place::Unknown))
    }

    fn plan_start(&mut self, total: usize) {
        // All settings if that leaves enough of the budget for the race and the comparison; otherwise less than half of the budget.
        let controls = self.space.len() / BLOCK + PILOT;
        let all = (self.space.len() + controls) as f64 * 1.25 <= total as f64;
        let count = if all { self.space.len() } else { (total * 4 / 10).clamp(1, self.space.len()) };
        let chosen = entrants::start(&self.space, count, &mut self.rng);
        let default = self.space.default_setting().index();
        for _ in 0..PILOT.min(total / 4).max(1) {
            self.queue.push_back(Planned { candidate: default, block: 0 });
        }
        self.blocks = 1;
        let chosen: Vec<usize> = chosen.into_iter().filter(|&candidate| candidate != default).collect();
        // Two passes if a third of the budget covers them: then no setting is dropped after a single trial, which may be an outlier.
        let passes = if total > 3 * (2 * chosen.len() + controls) { 2 } else { 1 };
        for _ in 0..passes {
            self.add_pass(&chosen);
        }
    }

    /// One trial of each, in random order, in blocks. The default is in each block: its trials show the drift between blocks.
    fn add_pass(&mut self, candidates: &[usize]) {
        let mut order = candidates.to_vec();
        order.shuffle(&mut self.rng);
        let blocks = order.len().div_ceil(BLOCK).max(1);
        for chunk in order.chunks(order.len().div_ceil(blocks).max(1)) {
            let mut block = chunk.to_vec();
            if let Some(default) = self.default().filter(|default| !candidates.contains(default) && chunk.len() * 2 >= BLOCK) {
                block.push(default);
            }
            block.shuffle(&mut self.rng);
            // Settings that need the same ports follow each other, so that ports are seldom reopened. The order of these groups is random.
            let mut groups: Vec<Vec<usize>> = Vec::new();
            for candidate in block {
                let values = self.space.costly_values(Candidate(candidate));
                match groups.iter_mut().find(|group| self.space.costly_values(Candidate(group[0])) == values) {
                    Some(group) => group.push(candidate),
                    None => groups.push(vec![candidate]),
                }
            }
            self.queue.extend(groups.into_iter().flatten().map(|candidate| Planned { candidate, block: self.blocks }));
            self.blocks += 1;
        }
    }

    fn plan_race(&mut self, total: usize) {
        self.stage = Stage::Race;
        let estimates = Estimates::of(self.space.len(), &self.trials);
        let in_race = |places: &[Place]| (0..places.len()).filter(|&candidate| places[candidate] == Place::In).collect::<Vec<_>>();
        let Some(leader) = leader(&estimates, in_race(&self.places).into_iter()) else {
            return self.nothing_in_race();
        };
        let rule = Rule::new(&estimates, self.space.len(), self.left(), self.options.within);
        if let Some(rule) = rule {
            for candidate in in_race(&self.places) {
                if candidate != leader && rule.is_worse(&estimates, candidate, leader) {
                    self.places[candidate] = Place::Worse;
                }
            }
            for place in 0..self.places.len() {
                let back = match self.places[place] {
                    Place::Worse => !rule.is_worse(&estimates, place, leader),
                    Place::Cut => estimates.difference(place, leader).is_some_and(|(ahead, _)| ahead > 0.0),
                    _ => false,
                };
                if back {
                    self.places[place] = Place::In;
                }
            }
        }
        let reserve = 2 * self.pairs(&estimates, leader, total);
        let left = total.saturating_sub(self.spent + reserve);
        let newcomers = self.newcomers(&estimates, leader, left, total);
        let mut racing = in_race(&self.places);
        let equal = rule.is_some_and(|rule| racing.iter().all(|&other| other == leader || rule.is_no_better(&estimates, other, leader)));
        if newcomers.is_empty() && (racing.len() == 1 || equal) {
            let reason = if racing.len() == 1 { StopReason::OneLeft } else { StopReason::AllEqual };
            return self.confirm(leader, &estimates, total, reason);
        }
        let left = left.saturating_sub(newcomers.len());
        let fewest = racing.iter().filter_map(|&candidate| estimates.centres[candidate]).map(|centre| centre.count).min().unwrap_or(0);
        if is_short(racing.len(), fewest, left) {
            // What is left of the budget is for the better half.
            estimates.sort_best_first(&mut racing);
            let kept = racing.len().div_ceil(2).max(2).min(left.max(2));
            for cut in racing.split_off(kept.min(racing.len())) {
                self.places[cut] = Place::Cut;
            }
        }
        if racing.len() > left && newcomers.is_empty() {
            return self.confirm(leader, &estimates, total, StopReason::Budget);
        }
        if racing.len() <= left && racing.len() > 1 {
            // Each round of the race has a quarter more trials than the one before; from 24 trials of each setting on, half more.
            let passes = (fewest / if fewest < 24 { 4 } else { 2 }).clamp(1, (left / racing.len()).max(1));
            for pass in 0..passes {
                let mut order = racing.clone();
                order.extend(newcomers.iter().filter(|_| pass == 0));
                self.add_pass(&order);
            }
        } else {
            self.add_pass(&newcomers);
        }
    }

    /// No setting is in the race: dropped ones come back, or some that were not tried yet enter, or no setting works.
    fn nothing_in_race(&mut self) {
        let fresh: Vec<usize> = (0..self.space.len()).filter(|&candidate| self.places[candidate] == Place::Fresh).collect();
        let left = |place: &Place| matches!(place, Place::Worse | Place::Cut);
        if self.places.iter().any(left) {
            // The leader failed after all others were dropped: they come back.
            self.places.iter_mut().filter(|place| left(place)).for_each(|place| *place = Place::In);
        } else if fresh.is_empty() {
            self.done = Some(StopReason::NothingWorks);
        } else {
            self.add_pass(&fresh[..fresh.len().min(BLOCK)]);
        }
    }

    /// Settings that enter: not measured yet, or near the leader and dropped after a single trial.
    fn newcomers(&mut self, estimates: &Estimates, leader: usize, left: usize, total: usize) -> Vec<usize> {
        let fresh: Vec<bool> = self.places.iter().map(|&place| place == Place::Fresh).collect();
        // The last third of the budget is for the race.
        let room = left.saturating_sub(total / 3).min(BLOCK);
        let mut entering = if room > 0 { entrants::unmeasured(&self.space, estimates, &fresh, leader, room) } else { Vec::new() };
        let dropped = (0..self.places.len()).filter(|&candidate| self.places[candidate] == Place::Worse);
        let again = entrants::second_looks(&self.space, estimates, dropped, leader);
        entering.extend(again.into_iter().take((left / 3).saturating_sub(entering.len())));
        for &candidate in &entering {
            if self.places[candidate] == Place::Worse {
                self.places[candidate] = Place::In;
            }
        }
        entering
    }

    /// The pairs that the comparison of winner and default takes: enough to see half of the lead, or the share that does not matter, with a
    /// probability of 90 %.
    fn pairs(&self, estimates: &Estimates, leader: usize, total: usize) -> usize {
        let Some(default) = self.default().filter(|&default| default != leader) else { return 0 };
        let Some((ahead, _)) = estimates.difference(leader, default) else { return 0 };
        let shift = (ahead / 2.0).max(self.options.within.ln_1p());
        // The quantiles of a two-sided test at 1 % and of a power of 90 %, twice the variance of a trial.
        let needed = 2.0 * ((2.58 + 1.28) * estimates.noise / shift).powi(2);
        let most = (CONFIRMATION * total as f64 / 2.0) as usize;
        (needed.ceil() as usize).max(USUAL_PAIRS).min(most.max(FEWEST_PAIRS))
    }

    fn confirm(&mut self, winner: usize, estimates: &Estimates, total: usize, after: StopReason) {
        let pairs = self.pairs(estimates, winner, total).min(total.saturating_sub(self.spent) / 2);
        // Fewer pairs have no interval of use.
        let Some(default) = self.default().filter(|_| pairs >= FEWEST_PAIRS) else {
            self.done = Some(after);
            // Without a comparison the winner of the race stays.
            self.confirmation = Some(Confirmation { winner, after, pairs: Vec::new(), first_block: self.blocks });
            return;
        };
        self.stage = Stage::Confirmation;
        self.confirmation = Some(Confirmation { winner, after, pairs: vec![[None, None]; pairs], first_block: self.blocks });
        for _ in 0..pairs {
            let mut pair = [winner, default];
            pair.shuffle(&mut self.rng);
            self.queue.extend(pair.map(|candidate| Planned { candidate, block: self.blocks }));
            self.blocks += 1;
        }
    }
}

/// Whether the budget is too small to continue with so many settings, each of which has `fewest` trials or more. Sequential halving (Karnin et al.
/// 2013) divides what is left of the budget equally between rounds, and each round has half of the settings of the one before. The settings are halved
/// when the part of a round is less than a third of the trials that they have already.
fn is_short(settings: usize, fewest: usize, left: usize) -> bool {
    let rounds = settings.next_power_of_two().trailing_zeros().max(1) as usize;
    settings > 2 && 3 * left < fewest.max(1) * settings * rounds
}
