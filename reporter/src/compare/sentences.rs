//! A comparison in words.

use super::{Change, Comparison, Judgement, NoiseOf, VisibleByKind};
use crate::amount::{Amount, Unit};
use crate::analysis::statistics::NoInterval;

impl NoiseOf {
    /// The test, for people.
    pub const fn test(self) -> &'static str {
        match self {
            NoiseOf::WithinARun => {
                "t-tests of the logarithms of the repetitions, two-sided; the noise of each result is learnt from all results of its kind \
                 (Smyth 2004), or, with fewer than 20 of them or very unequal repetitions, from itself (Welch; with two repetitions a side, Student)"
            }
            NoiseOf::BetweenRuns => {
                "t-tests of the logarithms of the runs' geometric means, two-sided, one value a run (Welch; with one or two runs on a \
                 side, Student, with one spread for both sides)"
            }
        }
    }

    /// Which noise, in words.
    pub const fn words(self) -> &'static str {
        match self {
            NoiseOf::WithinARun => "the noise within a run",
            NoiseOf::BetweenRuns => "the noise between runs",
        }
    }
}

impl Change {
    /// The finding in words, with the reason where it is that nothing can be said.
    pub fn finding_in_words(&self) -> String {
        match (self.finding, self.not_judged) {
            (Judgement::CannotJudge, Some(why)) => format!("noise unknown: {why}"),
            (finding, _) => finding.words().to_owned(),
        }
    }
}

impl Comparison {
    /// How many results have this answer.
    pub fn count(&self, finding: Judgement) -> usize {
        self.changes.iter().filter(|c| c.finding == finding).count()
    }

    /// Whether noise could be judged anywhere.
    pub fn can_judge(&self) -> bool {
        self.changes.iter().any(|c| c.p.is_some())
    }

    fn not_judged(&self, why: NoInterval) -> usize {
        self.changes.iter().filter(|c| c.finding == Judgement::CannotJudge && c.not_judged == Some(why)).count()
    }

    /// What could have been seen, a sentence for each kind of result.
    pub fn visibility(&self) -> Vec<String> {
        let percent = |share: f64| match share * 100.0 {
            p if p < 0.01 => "less than 0.01 %".to_owned(),
            p if p >= 1000.0 => "more than tenfold".to_owned(),
            p => Amount { unit: Unit::Percent, value: p }.to_string(),
        };
        let of = |kind: &VisibleByKind| {
            format!(
                "{} {}: from {} if one result alone shifts, from {} if all do ({} judged)",
                kind.stack,
                kind.quantity,
                percent(kind.alone),
                percent(kind.together),
                kind.results
            )
        };
        self.visible.iter().map(of).collect()
    }

    /// Which keys do not count for which results are compared; nothing where all count.
    pub fn across_in_words(&self) -> Option<String> {
        let keys = self.across.join(", ");
        (!keys.is_empty()).then(|| format!("Compared across {keys}: results stand beside each other although these differ."))
    }

    /// What the numbers say, in a few sentences.
    pub fn summary(&self) -> String {
        let once = self.not_judged(NoInterval::MeasuredOnce);
        let counted_as = match self.noise {
            NoiseOf::WithinARun => "measured once (n = 1) on a side",
            NoiseOf::BetweenRuns => "held by one run on each side",
        };
        if self.changes.is_empty() {
            let mut nothing = match self.noise {
                NoiseOf::WithinARun => "The two runs have no result in common.".to_owned(),
                NoiseOf::BetweenRuns => "The runs of the two sides have no result in common.".to_owned(),
            };
            if !self.apart_in.is_empty() {
                let (words, keys) =
                    (self.apart_in.join(", "), self.across.iter().chain(&self.apart_in).map(String::as_str).collect::<Vec<_>>());
                nothing.push_str(&format!(" They differ in {words}: `--across {}` compares them nevertheless.", keys.join(",")));
            }
            return nothing;
        }
        if !self.can_judge() {
            let reason = match (once, self.not_judged(NoInterval::NoSpread)) {
                (0, 0) if self.not_judged(NoInterval::MeasuredTwice) > 0 => "two values on a side are too few to judge noise".to_owned(),
                (0, 0) => "none is valid on both sides".to_owned(),
                (0, _) => "repetitions agree exactly, so that noise cannot be judged".to_owned(),
                _ => format!("each was {counted_as}, so that noise cannot be judged"),
            };
            return format!("{} results in common, and {reason}: no difference is called real.", self.changes.len());
        }
        let mut summary = format!(
            "Of {} results in common, {} are worse and {} better beyond {}; {} are within it.",
            self.changes.len(),
            self.count(Judgement::Worse),
            self.count(Judgement::Better),
            self.noise.words(),
            self.count(Judgement::WithinNoise),
        );
        if self.noise == NoiseOf::WithinARun {
            summary.push_str(" Two runs of one system differ by more than their repetitions do: several runs a side (--base, --new) tell.");
        }
        if once > 0 {
            summary.push_str(&format!(" {once} were {counted_as}: noise cannot be judged there."));
        }
        let twice = self.not_judged(NoInterval::MeasuredTwice);
        if twice > 0 {
            summary.push_str(&format!(" {twice} have two values on one side and many on the other: noise cannot be judged there."));
        }
        let (exact, zero) = (self.not_judged(NoInterval::NoSpread), self.not_judged(NoInterval::NotPositive));
        if exact > 0 {
            summary.push_str(&format!(" {exact} differ and have repetitions that agree exactly: noise cannot be judged there."));
        }
        if zero > 0 {
            summary.push_str(&format!(" {zero} have a result of 0 and cannot be compared by ratio."));
        }
        if self.not_compared > 0 {
            summary.push_str(&format!(" {} more are in both and hold no single number to compare.", self.not_compared));
        }
        let invalid = self.count(Judgement::NotValid);
        if invalid > 0 {
            summary.push_str(&format!(" {invalid} are not valid on a side."));
        }
        summary
    }
}
