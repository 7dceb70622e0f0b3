use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use methodology::tune::{Axis, setting_in_words};
use reporter::record::{Record, State};
use reporter::tuned::{TuneBudget, TuneTrial};
use testbed::conductor::{Observer, StepInfo};
use testbed::tuner::TuneObserver;

use crate::output::printable;

/// The progress bar: the setting that is measured, and how many are left in the race.
pub(super) struct Bar {
    bar: ProgressBar,
    budget: TuneBudget,
    title: String,
    lines: bool,
    trials: usize,
}

impl Bar {
    pub(super) fn new(quiet: bool, budget: TuneBudget) -> Bar {
        let bar = ProgressBar::with_draw_target(None, if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() });
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {prefix}  {msg}") {
            bar.set_style(style);
        }
        // Without a terminal, print a line now and then, so that a log shows progress.
        let lines = !quiet && bar.is_hidden();
        Bar { bar, budget, title: String::new(), lines, trials: 0 }
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl TuneObserver for Bar {
    fn trial_begins(&mut self, trial: &TuneTrial, axes: &[Axis], settings_left: usize) {
        let (length, position, prefix) = match self.budget {
            TuneBudget::Trials(trials) => (trials as u64, trial.trial as u64 - 1, format!("trial {}/{trials}", trial.trial)),
            TuneBudget::Seconds(seconds) => {
                let left = Duration::from_secs_f64((seconds - trial.elapsed_s).max(0.0)).as_secs();
                (seconds as u64, trial.elapsed_s as u64, format!("trial {}, {}:{:02} left", trial.trial, left / 60, left % 60))
            }
        };
        self.title = format!("{} settings left: {}", settings_left, setting_in_words(axes, &trial.setting));
        self.bar.set_length(length);
        self.bar.set_position(position);
        self.bar.set_prefix(prefix.clone());
        self.bar.set_message(self.title.clone());
        self.trials += 1;
        if self.lines && self.trials % 20 == 1 {
            eprintln!("{prefix}, {}", self.title);
        }
    }
}

impl Observer for Bar {
    fn begins(&mut self, _step: &StepInfo) {}

    fn ended(&mut self, record: &Record) {
        if record.verdict.state == State::Failed {
            let line = format!("failed: {}: {}", self.title, reasons(record));
            if self.lines { eprintln!("{line}") } else { self.bar.println(printable(&line)) }
        }
    }

    fn trial(&mut self, note: &str) {
        self.bar.set_message(format!("{}: {note}", self.title));
    }
}

/// The reasons of a record's verdict, in one line.
pub(super) fn reasons(record: &Record) -> String {
    record.verdict.reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
