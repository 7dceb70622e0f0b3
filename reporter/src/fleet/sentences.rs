//! A fleet in words.

use super::{Fleet, OddFact, OddTestbed, PeerNoise};
use crate::amount::{Amount, Unit, counted, counted_as, signed_percent};

/// How many facts a sentence names; the table has all.
const NAMED: usize = 3;

/// Facts as text, those that several endpoints share once: `kernel of a-cpu, b-cpu: 5.10 (6.1 at 11 of 12)`.
fn in_words(facts: &[OddFact], testbeds: usize) -> Vec<String> {
    let mut groups: Vec<(&OddFact, Vec<String>)> = Vec::new();
    for fact in facts {
        let alike = |other: &OddFact| other.what == fact.what && other.here == fact.here && other.usual == fact.usual;
        let endpoint = fact.endpoint.iter().map(ToString::to_string);
        match groups.iter_mut().find(|(other, _)| alike(other)) {
            Some((_, endpoints)) => endpoints.extend(endpoint),
            None => groups.push((fact, endpoint.collect())),
        }
    }
    let words = |(fact, endpoints): &(&OddFact, Vec<String>)| {
        let of = if endpoints.is_empty() { String::new() } else { format!(" of {}", endpoints.join(", ")) };
        format!("{}{of}: {} ({} at {} of {testbeds})", fact.what, fact.here, fact.usual, fact.usual_at)
    };
    groups.iter().map(words).collect()
}

impl Fleet {
    /// The answer in one sentence.
    pub fn headline(&self) -> String {
        let without = match self.unusable.len() {
            0 => String::new(),
            count => format!("; {} no valid result", counted_as(count, "more has", "more have")),
        };
        match self.odd.first() {
            _ if self.tested == 0 => format!("{} cannot be compared with each other{without}", counted(self.testbeds.len(), "testbed")),
            None => format!(
                "{} of {}: none differs from the others beyond noise{without}",
                counted(self.groups.len(), "result"),
                counted(self.testbeds.len(), "testbed")
            ),
            Some(most) => {
                let differ = if self.odd.len() == 1 { "differs" } else { "differ" };
                format!(
                    "{} of {} {differ} beyond noise: {} most, {}{without}",
                    self.odd.len(),
                    counted(self.testbeds.len(), "testbed"),
                    self.name(most),
                    self.what_differs(most)
                )
            }
        }
    }

    /// Each testbed that differs, then those without a result.
    pub fn findings(&self) -> Vec<String> {
        let odd = self.odd.iter().map(|odd| self.finding(odd));
        let unusable = self.unusable.iter().map(|unusable| format!("{}: {}.", unusable.name, unusable.why));
        odd.chain(unusable).chain(self.single_results()).collect()
    }

    /// Results that differ at testbeds that are not named.
    fn single_results(&self) -> Option<String> {
        let named = |testbed: usize| self.odd.iter().any(|odd| odd.testbed == testbed);
        let differs = |value: &&super::Observation| value.judged.is_some_and(|judged| judged.differs) && !named(value.testbed);
        let others = self.groups.iter().flat_map(|group| &group.values).filter(differs).count();
        (others > 0).then(|| format!("{} at the other testbeds differ too. So few can differ by chance.", counted(others, "result")))
    }

    /// What the findings rest on.
    pub fn basis(&self) -> String {
        let runs: usize = self.testbeds.iter().map(|testbed| testbed.runs.len()).sum();
        let mut text = format!(
            "{} of {}, {} of {} tested",
            counted(runs, "run"),
            counted(self.testbeds.len(), "testbed"),
            counted(self.tested, "value"),
            counted(self.groups.len(), "result")
        );
        if !self.skipped.is_empty() {
            text.push_str(&format!("; {} skipped", counted_as(self.skipped.len(), "directory", "directories")));
        }
        text.push('.');
        text
    }

    /// How differences were told from noise.
    pub fn method(&self) -> String {
        let within = self.groups.iter().any(|group| group.noise == Some(PeerNoise::WithinRuns));
        let few = if within {
            " Results of fewer than five pairs or three testbeds are compared with the noise within runs; testbeds differ by more than their repetitions do, so such a \
             difference is real and may be usual."
        } else {
            ""
        };
        format!(
            "Results are alike in the kinds of their ends, stack, method, size, load and configuration. A value is one pair of one testbed, the \
             geometric mean of its repetitions. Each is compared with the spread of the others with Student's t of logarithms, after the most extreme \
             were set aside (Rosner 1983). Benjamini-Hochberg correction over {}, level {:.0} %. A testbed is named where so many of its results, or one so clearly, \
             seldom differ by chance (Holm correction over the testbeds).{few}",
            counted(self.tested, "value"),
            self.level * 100.0
        )
    }

    /// The name of a testbed that differs.
    pub fn name(&self, odd: &OddTestbed) -> &str {
        self.testbeds.get(odd.testbed).map_or("", |testbed| &testbed.name)
    }

    fn finding(&self, odd: &OddTestbed) -> String {
        let kinds: Vec<String> = odd.kinds.iter().map(|(stack, quantity)| format!("{} {quantity}", stack.label())).collect();
        let mut text = format!("{}: {} ({}).", self.name(odd), self.what_differs(odd), kinds.join(", "));
        if let Some(extreme) = odd.extreme.as_ref().filter(|_| odd.differing > 1) {
            let which = if odd.worse > 0 { "worst" } else { "best" };
            text.push_str(&format!(" The {which}: {}, {}.", extreme.name, signed_percent(extreme.ratio)));
        }
        if let Some(place) = &odd.place {
            text.push_str(&format!(" Results that cross {place} differ, the others mostly do not."));
        }
        let mut facts = in_words(&odd.facts, self.testbeds.len());
        let more = facts.len().saturating_sub(NAMED);
        facts.truncate(NAMED);
        match (facts.is_empty(), more) {
            (true, _) => text.push_str(" Its recorded environment is the same as at most testbeds."),
            (false, 0) => text.push_str(&format!(" Its environment differs: {}.", facts.join("; "))),
            (false, more) => text.push_str(&format!(" Its environment differs: {}; and {more} more.", facts.join("; "))),
        }
        text
    }

    fn what_differs(&self, odd: &OddTestbed) -> String {
        let part = |count: usize, by: Option<f64>, word: &str| {
            let by = Amount { unit: Unit::Percent, value: by.unwrap_or(0.0) * 100.0 };
            (count > 0).then(|| format!("{count} of {} results {word} by {by}{}", odd.judged, if count > 1 { " (median)" } else { "" }))
        };
        let parts = [part(odd.worse, odd.worse_by, "worse"), part(odd.differing - odd.worse, odd.better_by, "better")];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}
