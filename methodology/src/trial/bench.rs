use super::{
    Fault, Measurer, Stimulus, TesterRule, Trial, TrialInput, TrialOutcome, TrialPath, TrialPhases, TrialPurpose, TrialReason, TrialState,
    TrialVerdict,
};
use crate::units::{LossRatio, Pace, Seconds};

/// Wraps a [`Measurer`] and keeps the one rule about the tester's own faults: a trial that the tester disturbed is repeated,
/// a bounded number of times, and then kept as invalid. It is never the device's loss.
///
/// A trial in which less was offered than intended (RFC 2285 §3.5) may have been disturbed, or may be all that the tester can do. It is
/// repeated too, until the same is missing again.
///
/// Every trial, repeated ones included, is shown to the observer as it ends and kept.
pub struct Bench<'a, M: Measurer> {
    measurer: &'a mut M,
    rule: TesterRule,
    phases: TrialPhases,
    path: TrialPath,
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
    /// A bench with no trial done. All its trials are made on one path.
    pub fn new(measurer: &'a mut M, rule: TesterRule, phases: TrialPhases, path: TrialPath, observer: &'a mut dyn FnMut(&Trial)) -> Self {
        Bench { measurer, rule, phases, path, observer, trials: Vec::new(), time: Seconds::ZERO }
    }

    /// Does a trial with this bench's phases, on its path, and repeats it while the tester disturbs it. The result is the last attempt: valid, or
    /// invalid for want of a better one.
    ///
    /// # Errors
    /// The measurer's own, with the number of the trial.
    pub fn trial(&mut self, input: TrialInput, purpose: TrialPurpose) -> Result<Trial, NoOutcome<M::Error>> {
        let input = input.with_phases(self.phases).with_path(self.path);
        let mut attempt = 1;
        let mut missing_before = None;
        loop {
            let number = u32::try_from(self.trials.len()).unwrap_or(u32::MAX).saturating_add(1);
            let outcome = self.measurer.trial(&input).map_err(|source| NoOutcome { trial: number, source })?;
            let (verdict, loss_ratio) = judge(&input, &outcome, self.rule.offered_slack);
            let mut trial = Trial { number, attempt, purpose, input: input.clone(), outcome, verdict, loss_ratio };
            let missing = missing(&trial);
            let whole_or_settled = missing.is_none_or(|now| missing_before.is_some_and(|before| is_the_same(before, now)));
            let last = (trial.verdict.is_valid() && whole_or_settled) || attempt > self.rule.repeats;
            if !last {
                // What is done again does not count.
                trial.verdict.state = TrialState::Invalid;
            }
            self.time = self.time + sending_time(&trial);
            (self.observer)(&trial);
            self.trials.push(trial.clone());
            if last {
                return Ok(trial);
            }
            missing_before = missing;
            attempt += 1;
        }
    }

    /// The path of all its trials.
    pub fn path(&self) -> TrialPath {
        self.path
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

/// Frames that the tester did not offer, where they are too many. A port may take none while the device behind it is reset: that is what such
/// a trial is about, and nothing to repeat it for.
fn missing(trial: &Trial) -> Option<u64> {
    if matches!(trial.input.stimulus, Stimulus::Event { .. }) {
        return None;
    }
    trial.verdict.reasons.iter().find_map(|reason| match reason {
        TrialReason::OfferedShort { intended, sent } => Some(intended - sent),
        _ => None,
    })
}

/// Whether two attempts missed the same to a twentieth: what a tester cannot do it misses every time, and what disturbs it comes as it will.
fn is_the_same(before: u64, now: u64) -> bool {
    before.abs_diff(now) <= before.max(now) / 20
}

/// How long a trial sent; for a burst, which is asked for in frames, what it took.
fn sending_time(trial: &Trial) -> Seconds {
    match trial.input.stimulus {
        Stimulus::Burst { .. } => trial.outcome.offered_duration(),
        ref other => other.duration(),
    }
}

/// The verdict of a trial, and the loss that a search judges.
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
    let mut dropped_by_reflector = None;
    let mut state = TrialState::Valid;
    let mut spoil = |reason| {
        state = TrialState::Invalid;
        reasons.push(reason);
    };
    if sent == 0 {
        spoil(TrialReason::NothingSent);
    }
    if let Some(direction) = outcome.directions.iter().find(|d| d.received > d.sent) {
        spoil(TrialReason::MoreReceivedThanSent { sent: direction.sent, received: direction.received });
    }
    // A hiccup that lost nothing and delayed nothing that is reported has done no harm.
    if hiccups.count > 0 && (lost > 0 || short || input.delays) {
        spoil(TrialReason::Hiccup { count: hiccups.count, longest: hiccups.longest });
    }
    for fault in &outcome.faults {
        // Without delays, what the tester's reflector drops is a load that this test setup does not carry: it counts as loss, and the bound is
        // the tester's. With delays, it is loss that is not the path's.
        if matches!(fault, Fault::ReflectorUnsent { .. }) && !input.delays {
            dropped_by_reflector = Some(TrialReason::Fault { fault: fault.clone() });
        } else {
            spoil(TrialReason::Fault { fault: fault.clone() });
        }
    }
    reasons.extend(dropped_by_reflector);
    if short {
        reasons.push(TrialReason::OfferedShort { intended, sent });
    }
    let loss = if short { LossRatio::from_counts(intended, sent.saturating_sub(lost)) } else { outcome.loss_ratio() };
    (TrialVerdict { state, reasons }, loss)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::trial::{Direction, DirectionOutcome, Hiccups, LossDomains, ResetKind};
    use crate::units::PacketRate;

    /// A tester that misses so many of a thousand frames, trial by trial, and loses none.
    struct Missing<'m>(std::iter::Copied<std::slice::Iter<'m, u64>>);

    impl Measurer for Missing<'_> {
        type Error = Infallible;

        fn delay_path(&self) -> TrialPath {
            TrialPath::OneWay
        }

        fn trial(&mut self, input: &TrialInput) -> Result<TrialOutcome, Infallible> {
            let sent = 1000 - self.0.next().unwrap();
            Ok(TrialOutcome::one_way(DirectionOutcome {
                direction: Direction::Forward,
                intended: 1000,
                sent,
                received: sent,
                loss: LossDomains { unsent: 1000 - sent, ..LossDomains::default() },
                offered_duration: input.stimulus.duration(),
                hiccups: Hiccups::default(),
                delays: None,
                recovery: None,
                longest_gap: None,
            }))
        }
    }

    /// How often a trial is made, and what its last attempt missed.
    fn attempts(missing: &[u64], repeats: u32) -> (usize, u64) {
        attempts_of(TrialInput::constant(PacketRate::new(1000.0).unwrap(), Seconds::from_whole(1)), missing, repeats)
    }

    fn attempts_of(input: TrialInput, missing: &[u64], repeats: u32) -> (usize, u64) {
        let mut measurer = Missing(missing.iter().copied());
        let rule = TesterRule { repeats, offered_slack: Seconds::ZERO, calibration: Seconds::ZERO };
        let mut observer = |_: &Trial| {};
        let mut bench = Bench::new(&mut measurer, rule, TrialPhases::RFC2544, TrialPath::OneWay, &mut observer);
        let last = bench.trial(input, TrialPurpose::Search).unwrap();
        assert_eq!(bench.trials().iter().filter(|trial| trial.verdict.is_valid()).count(), 1, "one counts");
        (bench.trials().len(), last.outcome.intended() - last.outcome.sent())
    }

    #[test]
    fn rfc2285_3_5_a_shortfall_is_repeated_until_it_is_gone_or_comes_again() {
        assert_eq!(attempts(&[0], 5), (1, 0));
        assert_eq!(attempts(&[36, 0], 5), (2, 0), "a disturbance passes");
        assert_eq!(attempts(&[36, 400, 62, 0], 5), (4, 0), "and may come more than once");
        assert_eq!(attempts(&[300, 310], 5), (2, 310), "what cannot be offered is missing again");
        assert_eq!(attempts(&[10, 20, 40, 80], 3), (4, 80), "there is an end to it");
        assert_eq!(attempts(&[300], 0), (1, 300), "no repeats are no repeats");
    }

    #[test]
    fn rfc2544_26_6_what_a_reset_keeps_the_tester_from_offering_is_no_reason_to_reset_again() {
        let (rate, second) = (PacketRate::new(1000.0).unwrap(), Seconds::from_whole(1));
        let reset = Stimulus::Event { rate, duration: second, after: Seconds::ZERO, event: ResetKind::LinkBounce };
        assert_eq!(attempts_of(TrialInput::of(reset), &[300, 0], 5), (1, 300));
    }
}
