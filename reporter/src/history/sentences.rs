//! A history in words.

use super::{Event, FactChange, History, HistoryRun, NotJudged, Trend};
use crate::amount::{Amount, Unit, counted, counted_as, signed_percent};
use crate::compare::endpoint_of_fact;

/// How many facts a sentence names; the table has all.
const NAMED: usize = 4;
/// A value of a fact that is longer than this is cut in a sentence.
const LONG: usize = 60;

impl NotJudged {
    /// In words.
    pub const fn words(self) -> &'static str {
        match self {
            NotJudged::TooFewRuns => "fewer than six runs",
            NotJudged::NoValidResult => "no valid result",
            NotJudged::NoSpread => "all runs agree exactly",
        }
    }
}

impl HistoryRun {
    /// `2026-10-12 03:00 UTC`.
    pub fn when(&self) -> String {
        self.started.strftime("%Y-%m-%d %H:%M UTC").to_string()
    }
}

/// Changes as text, those that several endpoints share once: `kernel of a-cpu, b-cpu: 6.1.0-31 → 6.1.0-32`.
fn in_words(changes: &[FactChange]) -> Vec<String> {
    let mut groups: Vec<(&str, &FactChange, Vec<&str>)> = Vec::new();
    for change in changes {
        let (endpoint, fact) =
            endpoint_of_fact(&change.what).map_or((None, change.what.as_str()), |(endpoint, fact)| (Some(endpoint), fact));
        let alike = |other: &FactChange| other.before == change.before && other.after == change.after;
        match groups.iter_mut().find(|(known, other, endpoints)| *known == fact && alike(other) && !endpoints.is_empty()) {
            Some((_, _, endpoints)) => endpoints.extend(endpoint),
            None => groups.push((fact, change, endpoint.into_iter().collect())),
        }
    }
    let side = |value: &Option<String>| value.as_deref().map_or_else(|| "not recorded".to_owned(), cut);
    let words = |(fact, change, endpoints): &(&str, &FactChange, Vec<&str>)| {
        let of = if endpoints.is_empty() { String::new() } else { format!(" of {}", endpoints.join(", ")) };
        format!("{fact}{of}: {} → {}", side(&change.before), side(&change.after))
    };
    groups.iter().map(words).collect()
}

fn cut(text: &str) -> String {
    if text.chars().count() <= LONG { text.to_owned() } else { text.chars().take(LONG - 1).chain(['…']).collect() }
}

impl History {
    /// The answer in one sentence: the largest change, or that there is none.
    pub fn headline(&self) -> String {
        let largest = self.events.iter().max_by(|a, b| self.weight(a).total_cmp(&self.weight(b)));
        match largest {
            Some(event) => {
                let changes = match self.events.len() {
                    1 => "One change".to_owned(),
                    count => format!("{count} changes, the largest"),
                };
                format!("{changes} in {} runs: from {} on, {}", self.runs.len(), self.when(event.run), self.what_changed(event))
            }
            None if self.tested == 0 => format!("Nothing can be said of {}", counted(self.runs.len(), "run")),
            None => match self.drifting().count() {
                0 => format!("No result changed beyond noise in {} runs", self.runs.len()),
                drifting => {
                    format!("No step in {} runs; {} beyond noise", self.runs.len(), counted_as(drifting, "result drifts", "results drift"))
                }
            },
        }
    }

    /// What each event was, newest first, and what else happened.
    pub fn findings(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.events.iter().rev().map(|event| self.event(event)).collect();
        for bad in self.bad_runs.iter().rev() {
            let newest = if bad.run + 1 == self.runs.len() {
                " It is the newest run: a step needs three runs to be told from a bad night."
            } else {
                ""
            };
            lines.push(format!(
                "{} (run {}): {} results stand out from the runs around it. It is left out of all levels.{newest}",
                self.when(bad.run),
                bad.run + 1,
                bad.results
            ));
        }
        let drifting: Vec<&Trend> = self.drifting().collect();
        if let Some(most) = drifting.iter().max_by(|a, b| a.strength().total_cmp(&b.strength())) {
            let ratio = most.slope.map_or(1.0, |slope| slope.ratio);
            lines.push(format!(
                "{} beyond noise; the clearest is {}: {} from the first run to the last.",
                counted_as(drifting.len(), "result drifts", "results drift"),
                most.name(),
                signed_percent(ratio)
            ));
        }
        lines
    }

    /// What the findings rest on.
    pub fn basis(&self) -> String {
        let untested = self.trends.len() - self.tested;
        let mut text = format!(
            "{} from {} to {}; {} tested",
            counted(self.runs.len(), "run"),
            self.runs.first().map(HistoryRun::when).unwrap_or_default(),
            self.runs.last().map(HistoryRun::when).unwrap_or_default(),
            counted(self.tested, "result"),
        );
        if untested > 0 {
            let mut reasons: Vec<&str> = self.trends.iter().filter_map(|trend| trend.not_judged).map(NotJudged::words).collect();
            reasons.sort_unstable();
            reasons.dedup();
            text.push_str(&format!(", {untested} not ({})", reasons.join(", ")));
        }
        if !self.skipped.is_empty() {
            text.push_str(&format!("; {} skipped", counted_as(self.skipped.len(), "directory", "directories")));
        }
        text.push('.');
        text
    }

    /// How changes were told from noise.
    pub fn method(&self) -> String {
        format!(
            "One value a run and result, the geometric mean of its valid repetitions. A step is tested with Student's t of logarithms against the \
             chance that the best place in a flat series looks as good; a drift with the t-test of its slope; the model with the shortest \
             description is shown (Bayesian information criterion). Noise is taken to be independent from run to run. Benjamini-Hochberg \
             correction over {}, level {:.0} %. A level has at least three runs; a run that lies more than five standard deviations from the \
             median of its neighbours (more, in short series) is left out and named.",
            counted(self.tested, "result"),
            self.level * 100.0
        )
    }

    fn event(&self, event: &Event) -> String {
        let mut text = format!("{} (run {}): {}.", self.when(event.run), event.run + 1, self.what_changed(event));
        // Worst first: where none is worse, the last is the best.
        let (extreme, shift) = if event.worse > 0 { ("worst", event.shifts.first()) } else { ("best", event.shifts.last()) };
        if let Some((trend, ratio)) = shift {
            let name = self.trends[*trend].name();
            match event.shifts.len() {
                1 => text.push_str(&format!(" It is {name}.")),
                _ => text.push_str(&format!(" The {extreme}: {name}, {}.", signed_percent(*ratio))),
            }
        }
        let mut named = in_words(&event.environment);
        let more = named.len().saturating_sub(NAMED);
        named.truncate(NAMED);
        match (named.is_empty(), more) {
            (true, _) => text.push_str(" Nothing else that is recorded changed then."),
            (false, 0) => text.push_str(&format!(" What else changed then: {}.", named.join("; "))),
            (false, more) => text.push_str(&format!(" What else changed then: {}; and {more} more.", named.join("; "))),
        }
        text
    }

    fn what_changed(&self, event: &Event) -> String {
        let part = |count: usize, by: Option<f64>, word: &str| {
            let by = Amount { unit: Unit::Percent, value: by.unwrap_or(0.0) * 100.0 };
            let median = if count > 1 { " (median)" } else { "" };
            (count > 0).then(|| format!("{} of {} {word} by {by}{median}", counted(count, "result"), self.trends.len()))
        };
        let parts = [part(event.worse, event.worse_by, "worse"), part(event.better, event.better_by, "better")];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    fn when(&self, run: usize) -> String {
        self.runs.get(run).map(HistoryRun::when).unwrap_or_default()
    }

    fn weight(&self, event: &Event) -> f64 {
        event.shifts.iter().map(|(trend, ratio)| self.trends[*trend].worse_by(*ratio).abs()).sum()
    }
}
