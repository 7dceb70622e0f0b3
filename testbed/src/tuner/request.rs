use methodology::tune::SearchOptions;
use methodology::units::Seconds;
use reporter::record::{Pair, Stack};
use reporter::tuned::{TuneBudget, TuneRun};

use super::TuneError;
use super::candidates::{Base, Candidates};
use super::goal::Goal;
use super::knob::{DEFAULT, Knob, as_toml};
use super::usual_knobs::usual_knobs;
use crate::plan::FLOWS_PER_QUEUE;
use crate::topology::{RingSizes, Testbed};

/// What is to be searched.
#[derive(Debug, Clone)]
pub struct TuneRequest {
    /// Between which endpoints; the first pair of the testbed where none is given.
    pub pair: Option<Pair>,
    /// What carries the traffic.
    pub stack: Stack,
    /// What is to be made best; the rate where none is given.
    pub goal: Option<Goal>,
    /// The frame or message size; a usual one of the stack where none is given.
    pub size: Option<u32>,
    /// The load of round trips.
    pub rate: Option<String>,
    /// How long a trial lasts.
    pub trial: Option<Seconds>,
    /// The knobs; the usual ones where none are given.
    pub knobs: Vec<Knob>,
    /// Keys with one value for all settings.
    pub fixed: Vec<Knob>,
    /// How much may be measured.
    pub budget: TuneBudget,
    /// Seeds every choice.
    pub seed: u64,
    /// A difference of this share does not matter.
    pub within: f64,
    /// Whether trials count in which only the tester was interrupted: on a machine that does other work, hardly a trial is undisturbed.
    pub accept_disturbed: bool,
}

/// Keys of a plan that `linerate tune` has options for.
const OPTIONS: [(&str, &str); 7] = [
    ("stack", "--stack"),
    ("method", "--goal"),
    ("pairs", "--pair"),
    ("sizes", "--size"),
    ("rate", "--rate"),
    ("duration", "--trial"),
    ("repetitions", "--trials or --budget"),
];

/// A search that can be made on a testbed.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// As `tune.json` has it, before the first trial.
    pub run: TuneRun,
    /// What is judged.
    pub goal: Goal,
    /// The settings.
    pub candidates: Candidates,
}

impl TuneRequest {
    /// Checks everything that can be checked without opening a port.
    ///
    /// # Errors
    /// The testbed has no such pair, the stack no such goal, or a value cannot be measured there.
    pub fn prepare(&self, testbed: &Testbed) -> Result<Prepared, TuneError> {
        let goal = self.goal.unwrap_or(Goal::usual(self.stack));
        let pair = self.pair_of(testbed)?;
        for knob in &self.knobs {
            goal.may_vary(self.stack, &knob.key)?;
        }
        let mut knobs = if self.knobs.is_empty() { usual_knobs(self.stack, goal, &pair, testbed)? } else { self.knobs.clone() };
        knobs.retain(|knob| !self.fixed.iter().any(|fixed| fixed.key == knob.key));
        let base = self.base(&knobs, testbed)?;
        let candidates = Candidates::new(base, &knobs, testbed)?;
        let space = &candidates.space;
        if space.len() < 2 {
            return Err(TuneError::Refused(
                "there is nothing to choose from: give a knob with two values or more, such as --knob burst=16,64".to_owned(),
            ));
        }
        let run = TuneRun {
            pair,
            stack: self.stack,
            goal: goal.name().to_owned(),
            aim: goal.aim(),
            unit: goal.unit(self.stack),
            within: self.within,
            seed: self.seed,
            budget: self.budget,
            accept_disturbed: self.accept_disturbed,
            base: candidates.base.measure(&[]),
            axes: space.axes().to_vec(),
            default: space.setting(space.default_setting()).to_vec(),
            left_out: candidates.left_out.clone(),
            found: None,
        };
        Ok(Prepared { run, goal, candidates })
    }

    /// The pair that is asked for, or the first of the testbed.
    fn pair_of(&self, testbed: &Testbed) -> Result<Pair, TuneError> {
        let pair = match &self.pair {
            Some(pair) => pair.clone(),
            None => testbed.all_pairs().into_iter().next().ok_or_else(|| TuneError::Refused("the testbed has no pair".to_owned()))?,
        };
        testbed.endpoint(&pair.from)?;
        testbed.endpoint(&pair.to)?;
        Ok(pair)
    }

    /// What all settings share, where these knobs vary.
    pub(super) fn base(&self, knobs: &[Knob], testbed: &Testbed) -> Result<Base, TuneError> {
        let pair = self.pair_of(testbed)?;
        let goal = self.goal.unwrap_or(Goal::usual(self.stack));
        let size = self.size.unwrap_or(match self.stack {
            Stack::KernelTcp => 1460,
            Stack::KernelUdp => 1518,
            _ => 64,
        });
        if self.trial.is_some() && goal == Goal::Ndr {
            return Err(TuneError::Refused("goal ndr has trials of its own length: remove --trial".to_owned()));
        }
        let usual = if self.stack.is_kernel() { Seconds::from_whole(1) } else { Seconds::from_millis(250) };
        let keys = goal.keys(self.stack, self.trial.unwrap_or(usual), self.rate.as_deref())?;
        let mut keys: Vec<(String, String)> = keys.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        for fixed in &self.fixed {
            if let Some((_, option)) = OPTIONS.iter().find(|(key, _)| *key == fixed.key) {
                return Err(TuneError::Refused(format!("`--set {fixed}` is not possible: use {option}")));
            }
            if self.knobs.iter().any(|knob| knob.key == fixed.key) {
                return Err(TuneError::Refused(format!("`{}` is given with --knob and with --set: use one of them", fixed.key)));
            }
            let [value] = &fixed.values[..] else {
                return Err(TuneError::Refused(format!("`{fixed}` has several values: use --knob to try each, or give one")));
            };
            keys.retain(|(key, _)| *key != fixed.key);
            keys.push((fixed.key.clone(), as_toml(&fixed.key, value)));
        }
        if let Some(flows) = flows_for(knobs, &keys, &pair, testbed)? {
            keys.push(("flows".to_owned(), flows.to_string()));
        }
        Ok(Base { pair, stack: self.stack, size, keys })
    }
}

impl Prepared {
    /// The options of the search.
    pub fn options(&self) -> SearchOptions {
        SearchOptions { seed: self.run.seed, aim: self.goal.aim(), within: self.run.within }
    }
}

/// The flows that the receive queues of a NIC need, where neither a knob nor a key sets them.
fn flows_for(knobs: &[Knob], keys: &[(String, String)], pair: &Pair, testbed: &Testbed) -> Result<Option<u32>, TuneError> {
    let given = |key: &str| knobs.iter().any(|knob| knob.key == key) || keys.iter().any(|(given, _)| given == key);
    let queues = knobs.iter().filter(|knob| knob.key.ends_with("queues")).flat_map(|knob| &knob.values);
    let most = queues.filter(|value| *value != DEFAULT).filter_map(|value| value.parse::<u32>().ok()).max().unwrap_or(1);
    if most < 2 || given("flows") {
        return Ok(None);
    }
    let ports = testbed.ports(pair, RingSizes::default())?;
    Ok((!ports.receiver.pairs_queues()).then_some(most * FLOWS_PER_QUEUE))
}
