use std::time::Duration;

use methodology::tune::{Axis, setting_in_words};
use reporter::record::Record;
use reporter::tuned::{TuneBudget, TuneTrial};
use testbed::conductor::{Observer, StepInfo};
use testbed::tuner::TuneObserver;

use crate::commands::progress::Progress;

/// The progress bar: the setting that is measured, and how many are left in the race.
pub(super) struct Bar {
    progress: Progress,
    budget: TuneBudget,
}

impl Bar {
    pub(super) fn new(quiet: bool, budget: TuneBudget) -> Bar {
        Bar { progress: Progress::new(quiet, "{bar:30} {prefix}  {msg}"), budget }
    }

    pub(super) fn finish(&self) {
        self.progress.finish();
    }
}

impl TuneObserver for Bar {
    fn trial_begins(&mut self, trial: &TuneTrial, axes: &[Axis], settings_left: usize) {
        let (done, of, prefix) = match self.budget {
            TuneBudget::Trials(trials) => (trial.trial as u64 - 1, trials as u64, format!("trial {}/{trials}", trial.trial)),
            TuneBudget::Seconds(seconds) => {
                let left = Duration::from_secs_f64((seconds - trial.elapsed_s).max(0.0)).as_secs();
                (trial.elapsed_s as u64, seconds as u64, format!("trial {}, {}:{:02} left", trial.trial, left / 60, left % 60))
            }
        };
        let title = format!("{} settings left: {}", settings_left, setting_in_words(axes, &trial.setting));
        self.progress.position(done, of, prefix.clone());
        self.progress.begins(trial.trial, title.clone(), || format!("{prefix}, {title}"));
    }
}

impl Observer for Bar {
    fn begins(&mut self, _step: &StepInfo) {}

    fn ended(&mut self, record: &Record) {
        self.progress.ended(record);
    }

    fn trial(&mut self, note: &str) {
        self.progress.note(note);
    }
}
