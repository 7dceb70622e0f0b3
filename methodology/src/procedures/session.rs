use super::{Conditions, MaxLoadLimit, Measured, MethodReason, MethodReport, MethodState, MethodVerdict, RunError};
use crate::method::preset_values::CSIT_MIN_LOAD;
use crate::method::{Algorithm, LoadPoint, Method, Procedure};
use crate::search::bisection::{self, Verification};
use crate::search::{BoundSetBy, GoalOutcome, GoalResult, Irregularity, SearchResult, SearchSpace, mlrsearch};
use crate::trial::{Bench, Deviation, Measurer, NoOutcome, Trial, TrialInput, TrialPath, TrialPurpose};
use crate::units::{Load, Pace, PacketRate, Seconds};

/// One run of one method: its bench, what it found on the way, and what is to be said about it.
pub(super) struct Session<'a, M: Measurer> {
    method: &'a Method,
    conditions: &'a Conditions,
    bench: Bench<'a, M>,
    search: Option<SearchResult>,
    limits: Option<Limits>,
    /// What makes the result invalid, and what to know of it.
    reasons: Vec<MethodReason>,
}

/// The loads between which this run may move.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub min: PacketRate,
    pub max: PacketRate,
    /// Whether `max` is what the tester could offer.
    pub calibrated: bool,
    /// Whether the tester ran all the time while it was calibrated: `max` is then the most that it can offer.
    undisturbed: bool,
    /// What came through at `max` or above.
    hint: Option<PacketRate>,
}

/// The rates that a search gives to the other procedures.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rates {
    pub throughput: Option<PacketRate>,
    pub pdr: Option<PacketRate>,
}

impl<'a, M: Measurer> Session<'a, M> {
    pub fn new(method: &'a Method, conditions: &'a Conditions, measurer: &'a mut M, observer: &'a mut dyn FnMut(&Trial)) -> Self {
        let bench = Bench::new(measurer, method.tester, method.phases, path(method, measurer), observer);
        Session { method, conditions, bench, search: None, limits: None, reasons: Vec::new() }
    }

    pub fn name(&self) -> &'static str {
        self.method.name.name()
    }

    /// Line rate with these frames, where the link's speed is known.
    pub fn line_rate(&self) -> Option<PacketRate> {
        self.conditions.link.map(|link| self.conditions.frames.line_rate(link))
    }

    /// One measurement, repeated while the tester disturbs it. One that stays disturbed makes the result invalid.
    pub fn measure(&mut self, input: TrialInput) -> Result<Trial, RunError<M::Error>> {
        let trial = self.trial(input, TrialPurpose::Measurement)?;
        if !trial.verdict.is_valid() {
            self.remark(MethodReason::TrialInvalid { trial: trial.number, reasons: trial.verdict.reasons.clone() });
        }
        Ok(trial)
    }

    fn trial(&mut self, input: TrialInput, purpose: TrialPurpose) -> Result<Trial, RunError<M::Error>> {
        let method = self.name();
        self.bench.trial(input, purpose).map_err(|NoOutcome { trial, source }| RunError::Trial { trial, method, source })
    }

    /// The outcome lacks what only some measurers can tell.
    pub fn missing(&self, trial: &Trial, what: &'static str) -> RunError<M::Error> {
        RunError::Missing { trial: trial.number, method: self.name(), what }
    }

    pub fn impossible(&self, reason: String) -> RunError<M::Error> {
        RunError::Impossible { method: self.name(), reason }
    }

    pub fn remark(&mut self, reason: MethodReason) {
        self.reasons.push(reason);
    }

    /// Min Load and Max Load in frames per second. Where Max Load is `max`, a calibration trial finds what the tester can offer
    /// (MLRsearch draft §"Measurer": set Max Load to what is really offered), which also wakes the device up (RFC 1242 §3.16).
    pub fn limits(&mut self) -> Result<Limits, RunError<M::Error>> {
        if let Some(limits) = self.limits {
            return Ok(limits);
        }
        let (link, search) = (self.conditions.link, &self.method.search);
        let pace = |load: Load| self.conditions.frames.pace(load, link).map_err(|error| self.impossible(error.to_string()));
        let (min, max) = (pace(search.min_load)?, pace(search.max_load)?);
        let Pace::Rate(min) = min else { return Err(self.impossible("min-load is `max`: give a rate".to_owned())) };
        let line_rate = self.line_rate();
        let limits = match (max, line_rate) {
            (Pace::Rate(max), _) => Limits { min, max, calibrated: false, undisturbed: true, hint: None },
            (Pace::Max, Some(max)) if self.method.tester.calibration.is_zero() => {
                Limits { min, max, calibrated: false, undisturbed: true, hint: None }
            }
            (Pace::Max, None) if self.method.tester.calibration.is_zero() => {
                return Err(self.impossible("the link's speed is not known and `tester.calibration` is zero: leave `tester.calibration` out, or give the speed with `link`".to_owned()));
            }
            (Pace::Max, line_rate) => self.calibrate(min, line_rate)?,
        };
        if !(limits.min.pps() > 0.0 && limits.min < limits.max) {
            let of_tester = if limits.calibrated { ", the most that the tester offered in its calibration trial" } else { "" };
            let Limits { min, max, .. } = limits;
            return Err(
                self.impossible(format!("min-load {min} is not above zero and below max load {max}{of_tester}: give another min-load"))
            );
        }
        self.limits = Some(limits);
        Ok(limits)
    }

    fn calibrate(&mut self, min: PacketRate, line_rate: Option<PacketRate>) -> Result<Limits, RunError<M::Error>> {
        let trial = self.trial(TrialInput::max(self.method.tester.calibration), TrialPurpose::Calibration)?;
        let offered = trial.outcome.offered_rate();
        if offered.pps() <= 0.0 {
            return Err(self.impossible("the calibration trial sent no frame: check that the port's link is up".to_owned()));
        }
        // A trial counts whole frames, so that a tester at line rate may seem to miss a part of a frame a second.
        let at_line_rate = line_rate.is_some_and(|line| offered.pps() >= line.pps() * (1.0 - 1e-6));
        let max = line_rate.filter(|_| at_line_rate).unwrap_or(offered);
        if !at_line_rate {
            self.remark(MethodReason::MaxLoadCalibrated { offered, line_rate });
        }
        let forwarding = trial.outcome.forwarding_rate();
        let hint = (trial.verdict.is_valid() && forwarding.pps() > 0.0).then_some(forwarding);
        Ok(Limits { min, max, calibrated: !at_line_rate, undisturbed: was_undisturbed(&trial), hint })
    }

    /// Searches for the method's goals and keeps the result.
    pub fn search(&mut self) -> Result<SearchResult, RunError<M::Error>> {
        let limits = self.limits()?;
        let space =
            SearchSpace { min_load: limits.min, max_load: limits.max, hint: limits.hint, time_limit: self.method.search.time_limit };
        let goals = &self.method.search.goals;
        let method = self.name();
        let searched = match self.method.search.algorithm {
            Algorithm::Mlrsearch => mlrsearch::search(goals, &space, &mut self.bench),
            Algorithm::Binary => bisection::search(goals, Verification::NONE, &space, &mut self.bench),
            Algorithm::Bslv { max_trials, max_loss } => {
                bisection::search(goals, Verification { max_trials, max_loss }, &space, &mut self.bench)
            }
        };
        let mut result = searched.map_err(|NoOutcome { trial, source }| RunError::Trial { trial, method, source })?;
        result.max_load_calibrated = limits.calibrated;
        let line_rate = self.line_rate();
        for goal in &result.goals {
            self.reasons.extend(remark(goal, limits, line_rate, measures_delays(self.method)));
        }
        self.search = Some(result.clone());
        Ok(result)
    }

    /// The search that was made in this run, if any.
    pub fn searched(&self) -> Option<SearchResult> {
        self.search.clone()
    }

    /// Throughput and PDR: known from before, or searched for now. A rate that has no regular result is there only as a lower bound
    /// at Max Load, and the report says so.
    pub fn rates(&mut self) -> Result<Rates, RunError<M::Error>> {
        let known = Rates { throughput: self.conditions.known.throughput, pdr: self.conditions.known.pdr };
        let wants_pdr = self.method.search.goals.iter().any(|goal| goal.loss_ratio.ratio() > 0.0);
        if known.throughput.is_some() && (known.pdr.is_some() || !wants_pdr) {
            return Ok(known);
        }
        // Once a run: each load point that depends on it asks again, and a search takes hours where trials take a minute.
        let found = match &self.search {
            Some(found) => found.clone(),
            None => self.search()?,
        };
        let lower = |wanted: &dyn Fn(f64) -> bool| {
            let goal = found.goals.iter().find(|goal| wanted(goal.goal.loss_ratio.ratio()))?;
            goal.outcome.lower().map(|bound| bound.load)
        };
        Ok(Rates {
            throughput: known.throughput.or_else(|| lower(&|loss| loss == 0.0)),
            pdr: known.pdr.or_else(|| lower(&|loss| loss > 0.0)),
        })
    }

    /// Throughput, or a reason that says there is none.
    pub fn throughput(&mut self) -> Result<Option<PacketRate>, RunError<M::Error>> {
        let throughput = self.rates()?.throughput;
        if throughput.is_none() {
            self.remark(MethodReason::NoThroughput);
        }
        Ok(throughput)
    }

    /// What a load point is in frames per second; nothing where the search found no such rate.
    pub fn load_of(&mut self, point: LoadPoint) -> Result<Option<PacketRate>, RunError<M::Error>> {
        let rate = match point {
            LoadPoint::Throughput => self.rates()?.throughput,
            LoadPoint::OfPdr(share) => self.rates()?.pdr.map(|pdr| PacketRate::from_pps_lossy(pdr.pps() * share.share())),
            LoadPoint::Idle => {
                let limits = self.limits()?;
                Some(PacketRate::from_pps_lossy(CSIT_MIN_LOAD.pps().max(limits.min.pps()).min(limits.max.pps())))
            }
            LoadPoint::Load(load) => match self.conditions.frames.pace(load, self.conditions.link) {
                Ok(Pace::Rate(rate)) => Some(rate),
                Ok(Pace::Max) => Some(self.limits()?.max),
                Err(error) => return Err(self.impossible(error.to_string())),
            },
        };
        if rate.is_none() {
            self.remark(MethodReason::NoRateFor { point });
        }
        Ok(rate)
    }

    pub fn spent(&self) -> Seconds {
        self.bench.trial_time()
    }

    pub fn report(self, measured: Measured) -> MethodReport {
        let mut deviations = self.method.deviations();
        let trials = self.bench.into_trials();
        if !trials.is_empty() && trials.iter().all(|trial| trial.outcome.directions.len() < 2) {
            deviations.push(Deviation::new("RFC 2544 §14", "directions", "both at once (SHOULD)", "one"));
        }
        let (mut reasons, remarks): (Vec<_>, Vec<_>) = self.reasons.into_iter().partition(MethodReason::invalidates);
        let state = if reasons.is_empty() { MethodState::Valid } else { MethodState::Invalid };
        reasons.extend(remarks);
        MethodReport {
            method: self.method.clone(),
            conditions: self.conditions.clone(),
            measured,
            trials,
            deviations,
            verdict: MethodVerdict { state, reasons },
        }
    }
}

/// The path of all trials of a method, calibration and search included. RFC 2544 §26.2 measures latency at the throughput that the DUT has in the
/// same test setup: where delays are those of round trips, the load is what round trips carry.
fn path<M: Measurer>(method: &Method, measurer: &M) -> TrialPath {
    if measures_delays(method) { measurer.delay_path() } else { TrialPath::OneWay }
}

fn measures_delays(method: &Method) -> bool {
    matches!(method.procedure, Procedure::Latency { .. } | Procedure::Pdv { .. })
}

/// Interruptions may have taken at most this share of a calibration.
const MOST_INTERRUPTED: f64 = 0.05;

fn was_undisturbed(calibration: &Trial) -> bool {
    let hiccups = calibration.outcome.hiccups();
    let at_most = hiccups.count as f64 * hiccups.longest.seconds();
    calibration.verdict.is_valid() && at_most <= MOST_INTERRUPTED * calibration.outcome.offered_duration().seconds()
}

/// Why a goal's result must not be used as a number, or whose limit it is; none where it is the device's. Where the search only gives the loads of
/// delays, those of a tester that offers no more are the highest of this test setup (RFC 2544 §26.2), and their delays are valid. That needs a
/// calibration that nothing interrupted: what an interrupted tester offers is not the most that it can.
fn remark(result: &GoalResult, limits: Limits, line_rate: Option<PacketRate>, only_gives_loads: bool) -> Option<MethodReason> {
    let goal = result.goal.name.clone();
    match &result.outcome {
        GoalOutcome::Irregular { why: Irregularity::AtLeastMaxLoad, .. } if limits.calibrated && limits.undisturbed && only_gives_loads => {
            Some(MethodReason::LoadsLimitedByTester { goal, max_load: limits.max })
        }
        GoalOutcome::Irregular { why, .. } => {
            let limit = match line_rate {
                _ if limits.calibrated => MaxLoadLimit::Tester,
                Some(line) if limits.max >= line => MaxLoadLimit::LineRate,
                _ => MaxLoadLimit::Plan,
            };
            let [lower, upper] = [result.outcome.lower(), result.outcome.upper()].map(|bound| bound.cloned());
            Some(MethodReason::GoalIrregular { goal, why: *why, min_load: limits.min, max_load: limits.max, limit, lower, upper })
        }
        // It was shown that the device carries the lower bound. That it carries no more was not.
        GoalOutcome::Regular { lower, upper, .. } if upper.set_by == BoundSetBy::Tester => {
            Some(MethodReason::GoalLimitedByTester { goal, lower: lower.load, upper: upper.load })
        }
        GoalOutcome::Regular { .. } => None,
    }
}
