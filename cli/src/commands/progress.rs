//! The progress bar of commands that measure.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use reporter::record::{Record, State};

use crate::output::printable;

/// How many measurements have one line in a log.
const ONE_LINE_EACH: usize = 20;

/// What is measured now, and how much is left.
pub struct Progress {
    bar: ProgressBar,
    title: String,
    /// Without a terminal, a line now and then, so that a log shows progress.
    lines: bool,
}

impl Progress {
    /// A bar on standard error with a template of indicatif; none where the command is to be quiet.
    pub fn new(quiet: bool, template: &str) -> Progress {
        let bar = ProgressBar::with_draw_target(None, if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() });
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        let lines = !quiet && bar.is_hidden();
        Progress { bar, title: String::new(), lines }
    }

    /// The next measurement, counted from 1. `line` is what a log has of it.
    pub fn begins(&mut self, number: usize, title: String, line: impl FnOnce() -> String) {
        if self.lines && number % ONE_LINE_EACH == 1 {
            eprintln!("{}", line());
        }
        self.bar.set_message(title.clone());
        self.title = title;
    }

    /// How much is done, and what stands before the title.
    pub fn position(&self, done: u64, of: u64, prefix: String) {
        self.bar.set_length(of);
        self.bar.set_position(done);
        self.bar.set_prefix(prefix);
    }

    /// What the measurement does now.
    pub fn note(&self, note: &str) {
        self.bar.set_message(format!("{}: {note}", self.title));
    }

    /// A measurement that failed has a line that stays.
    pub fn ended(&self, record: &Record) {
        if record.verdict.state == State::Failed {
            let line = format!("failed: {}: {}", self.title, record.verdict.reasons_in_words());
            if self.lines { eprintln!("{line}") } else { self.bar.println(printable(&line)) }
        }
    }

    /// Removes the bar.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
