use super::{Measurer, Reason, Stimulus, TesterRule, Trial, TrialInput, TrialOutcome, TrialPhases, TrialPurpose, TrialState, TrialVerdict};
use crate::units::{LossRatio, Pace, Seconds};

/// Wraps a [`Measurer`] and keeps the one rule about the tester's own faults: a trial that the tester disturbed is repeated,
/// a bounded number of times, and then kept as invalid. It is never the device's loss.
///
/// Every trial, repeated ones included, is shown to the observer as it ends and kept.
pub struct Bench<'a, M: Measurer> {
    measurer: &'a mut M,
    rule: TesterRule,
    phases: TrialPhases,
    observer: &'a mut dyn FnMut(&Trial),
    trials: Vec<Trial>,
    time: Seconds,
}

/// A trial had no outcome.
#[derive(Debug)]
pub struct NoOutcome<E> {
    /// Which trial, counted from 1.
    pub trial: u32,
    /// Why.
    pub source: E,
}

impl<'a, M: Measurer> Bench<'a, M> {
    /// A bench with no trial done.
    pub fn new(measurer: &'a mut M, rule: TesterRule, phases: TrialPhases, observer: &'a mut dyn FnMut(&Trial)) -> Self {
        Bench { measurer, rule, phases, observer, trials: Vec::new(), time: Seconds::ZERO }
    }

    /// Does a trial with this bench's phases and repeats it while the tester disturbs it. The result is the last attempt: valid, or
    /// invalid for want of a better one.
    ///
    /// # Errors
    /// The measurer's own, with the number of the trial.
    pub fn trial(&mut self, input: TrialInput, purpose: TrialPurpose) -> Result<Trial, NoOutcome<M::Error>> {
        let input = input.with_phases(self.phases);
        let mut attempt = 1;
        loop {
            let number = u32::try_from(self.trials.len()).unwrap_or(u32::MAX).saturating_add(1);
            let outcome = self.measurer.trial(&input).map_err(|source| NoOutcome { trial: number, source })?;
            let (verdict, loss_ratio) = judge(&input, &outcome, self.rule.offered_slack);
            let trial = Trial { number, attempt, purpose, input: input.clone(), outcome, verdict, loss_ratio };
            self.time = self.time + sending_time(&trial);
            (self.observer)(&trial);
            self.trials.push(trial.clone());
            if trial.verdict.is_valid() || attempt > self.rule.repeats {
                return Ok(trial);
            }
            attempt += 1;
        }
    }

    /// Every trial so far.
    pub fn trials(&self) -> &[Trial] {
        &self.trials
    }

    /// Hands over every trial.
    pub fn into_trials(self) -> Vec<Trial> {
        self.trials
    }

    /// Sending time of all trials so far, waits not counted.
    pub fn trial_time(&self) -> Seconds {
        self.time
    }
}

/// How long a trial sent; for a burst, which is asked for in frames, what it took.
fn sending_time(trial: &Trial) -> Seconds {
    match trial.input.stimulus {
        Stimulus::Burst { .. } => trial.outcome.offered_duration(),
        ref other => other.duration(),
    }
}

/// What a trial is worth, and the loss a search may judge it by.
///
/// Loss is (sent − received)/sent (RFC 2544 §26.3). Where the tester offered less than intended beyond `slack`, the missing frames
/// count as lost, so that a load is never claimed that was not offered (CSIT counts unsent frames so; MLRsearch draft §"Measurer").
pub fn judge(input: &TrialInput, outcome: &TrialOutcome, slack: Seconds) -> (TrialVerdict, LossRatio) {
    let (intended, sent, lost) = (outcome.intended(), outcome.sent(), outcome.lost());
    let slack_frames = match input.stimulus.rate() {
        Some(rate) => rate.pps() * slack.seconds() * outcome.directions.len() as f64,
        None => 0.0,
    };
    let paced = !matches!(input.stimulus, Stimulus::Constant { pace: Pace::Max, .. });
    let short = paced && intended.saturating_sub(sent) as f64 > slack_frames;
    let hiccups = outcome.hiccups();

    let mut reasons = Vec::new();
    let mut state = TrialState::Valid;
    let mut spoil = |reason| {
        state = TrialState::Invalid;
        reasons.push(reason);
    };
    if sent == 0 {
        spoil(Reason::NothingSent);
    }
    if let Some(direction) = outcome.directions.iter().find(|d| d.received > d.sent) {
        spoil(Reason::MoreReceivedThanSent { sent: direction.sent, received: direction.received });
    }
    // A hiccup that lost nothing and delayed nothing that is reported has done no harm.
    if hiccups.count > 0 && (lost > 0 || short || input.delays) {
        spoil(Reason::Hiccup { count: hiccups.count, longest: hiccups.longest });
    }
    for fault in &outcome.faults {
        spoil(Reason::Fault { fault: fault.clone() });
    }
    if short {
        reasons.push(Reason::OfferedShort { intended, sent });
    }
    let loss = if short { LossRatio::from_counts(intended, sent.saturating_sub(lost)) } else { outcome.loss_ratio() };
    (TrialVerdict { state, reasons }, loss)
}
