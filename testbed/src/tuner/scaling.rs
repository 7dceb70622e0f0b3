//! The rate by queues and cores, and what limits it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use methodology::bottleneck::{Finding, Limit, bottleneck};
use methodology::statistics::median;
use methodology::units::FrameSize;
use reporter::archive::RunDirectory;
use reporter::record::{Record, State};
use reporter::tuned::{NoValidTrial, NotMeasured, SCALING_FILE, Scaling, ScalingPoint, TuneBudget};

use super::candidates::{Base, cores};
use super::evidence::evidence;
use super::output::as_json;
use super::run::only_interrupted;
use super::{Goal, Knob, TuneError, TuneRequest};
use crate::conductor::{self, Measurements, Observer};
use crate::plan::Measure;
use crate::topology::{Endpoint, PairNodes, Testbed};

/// Numbers of queues to measure, and those that cannot be.
#[derive(Debug, Clone)]
pub struct ScalingRequest {
    base: Base,
    measures: Vec<Measure>,
    not_measured: Vec<NotMeasured>,
    budget: TuneBudget,
    accept_disturbed: bool,
}

/// The numbers of queues that are measured by default. The first for which there are too few CPUs is reported, and ends the list.
const USUAL: [u16; 5] = [1, 2, 4, 8, 16];

/// The fewest rounds through all numbers of queues: fewer do not show how much the rate varies.
const FEWEST_ROUNDS: u32 = 3;

impl ScalingRequest {
    /// Checks which numbers of queues can be measured. The knob `queues` of the request says which are asked for.
    ///
    /// # Errors
    /// No number of queues can be measured, or the request has another knob.
    pub fn new(request: &TuneRequest, testbed: &Testbed) -> Result<ScalingRequest, TuneError> {
        if let Some(other) = request.knobs.iter().find(|knob| knob.key != "queues") {
            return Err(TuneError::Refused(format!("--scaling varies the queues alone: give `{}` one value with --set", other.key)));
        }
        if request.stack.is_kernel() || !matches!(request.goal, None | Some(Goal::Mrr)) {
            return Err(TuneError::Refused("--scaling measures the rate of DPDK queues: remove --stack and --goal".to_owned()));
        }
        let asked = request.knobs.first().map_or_else(|| USUAL.iter().map(u16::to_string).collect(), |knob| knob.values.clone());
        let mut wanted = Vec::new();
        for text in asked {
            match text.parse::<u16>() {
                Ok(queues) if queues > 0 => wanted.push(queues),
                _ => return Err(TuneError::Refused(format!("`{text}` is not a number of queues: write 1 or more"))),
            }
        }
        wanted.sort_unstable();
        wanted.dedup();
        let mut found = ScalingRequest {
            base: request.base(&[Knob::new("queues", wanted.iter())], testbed)?,
            measures: Vec::new(),
            not_measured: Vec::new(),
            budget: request.budget,
            accept_disturbed: request.accept_disturbed,
        };
        for queues in wanted {
            match found.measure(queues, testbed) {
                Ok(measure) => found.measures.push(measure),
                Err(why) => {
                    found.not_measured.push(NotMeasured { queues: queues.to_string(), why });
                    // A machine with too few CPUs for these queues has too few for more.
                    if request.knobs.is_empty() {
                        break;
                    }
                }
            }
        }
        match (found.measures.is_empty(), found.not_measured.first()) {
            (true, Some(first)) => Err(TuneError::Refused(format!("{} queues cannot be measured here: {}", first.queues, first.why))),
            _ => Ok(found),
        }
    }

    fn measure(&self, queues: u16, testbed: &Testbed) -> Result<Measure, String> {
        let measure = self.base.checked(&[("queues", vec![queues.to_string().as_str()])], testbed)?;
        // On a machine with one CPU both ends may share it with one queue each. Such a rate does not belong on the curve.
        let cpus = testbed.cpus(&self.base.pair, measure.tuning.queues, PairNodes::default()).map_err(|error| error.to_string())?;
        if cpus.sender.iter().any(|cpu| cpus.receiver.contains(cpu)) && self.both_are_here(testbed) {
            return Err("both ends would share a CPU".to_owned());
        }
        Ok(measure)
    }

    fn both_are_here(&self, testbed: &Testbed) -> bool {
        [&self.base.pair.from, &self.base.pair.to].into_iter().all(|id| testbed.endpoint(id).is_ok_and(Endpoint::is_here))
    }

    /// The plan of all numbers of queues.
    pub fn grid(&self) -> String {
        let queues: Vec<String> = self.measures.iter().map(|measure| measure.tuning.queues.sender.to_string()).collect();
        self.base.plan("scaling", FEWEST_ROUNDS, &[("queues", queues.iter().map(String::as_str).collect())])
    }

    /// How much may be measured.
    pub fn budget(&self) -> TuneBudget {
        self.budget
    }

    /// Numbers of queues that are asked for and cannot be measured.
    pub fn not_measured(&self) -> &[NotMeasured] {
        &self.not_measured
    }

    /// Measures in rounds, so that a drift of the machine affects every number of queues, until the budget is used up. What is known is in
    /// `scaling.json` when this returns.
    ///
    /// # Errors
    /// The run directory cannot be written.
    pub fn run(
        &self,
        testbed: &Testbed,
        directory: &mut RunDirectory,
        interrupted: &AtomicBool,
        observer: &mut dyn Observer,
    ) -> Result<Scaling, TuneError> {
        let mut records: Vec<Vec<Record>> = vec![Vec::new(); self.measures.len()];
        let sizes = self.measures.iter().flat_map(|measure| &measure.sizes);
        let largest = sizes.copied().max().unwrap_or(FrameSize::MAX_STANDARD);
        let mut measurements = Measurements::new(testbed, directory, largest, interrupted);
        let generator_ns = self.measures.first().and_then(|measure| measurements.generator_ns(measure, &self.base.pair));
        let started = Instant::now();
        for round in 1.. {
            for (measure, records) in self.measures.iter().zip(&mut records).filter(|_| !interrupted.load(Ordering::Relaxed)) {
                if let conductor::Outcome::Measured(record) = measurements.measure(measure, &self.base.pair, round, [], observer)? {
                    records.push(*record);
                }
            }
            let spent = match self.budget {
                TuneBudget::Trials(trials) => (round as usize + 1) * self.measures.len() > trials,
                // The next round takes as long as the mean of those until now.
                TuneBudget::Seconds(seconds) => started.elapsed().as_secs_f64() * (1.0 + 1.0 / f64::from(round)) > seconds,
            };
            if interrupted.load(Ordering::Relaxed) || (spent && round >= FEWEST_ROUNDS) {
                break;
            }
        }
        let scaling = self.scaling(&records, generator_ns);
        directory.replace(SCALING_FILE, &as_json(&scaling, SCALING_FILE)?)?;
        Ok(scaling)
    }

    fn scaling(&self, records: &[Vec<Record>], generator_ns: Option<f64>) -> Scaling {
        let mut points = Vec::new();
        let mut no_valid_trial = Vec::new();
        for (measure, records) in self.measures.iter().zip(records) {
            match (point(measure, records, generator_ns, self.accept_disturbed), records.last()) {
                (Some(point), _) => points.push(point),
                (None, Some(last)) => no_valid_trial.push(NoValidTrial {
                    queues: measure.tuning.queues.sender.to_string(),
                    trials: records.len(),
                    why: last.verdict.reasons_in_words(),
                }),
                // Interrupted before its first trial.
                (None, None) => {}
            }
        }
        // Perfect is the first point's rate for each of its queues.
        let queues_of = |point: &ScalingPoint| f64::from(point.sender_queues.min(point.receiver_queues));
        let per_queue = points.first().map(|first| first.rate_pps / queues_of(first));
        for point in &mut points {
            point.of_perfect = per_queue.map_or(1.0, |per_queue| point.rate_pps / (per_queue * queues_of(point)));
        }
        Scaling {
            pair: self.base.pair.clone(),
            base: self.base.measure(&[]),
            points,
            not_measured: self.not_measured.clone(),
            no_valid_trial,
            ceiling_pps: records.iter().flatten().find_map(|record| record.ceiling.as_ref()?.pps),
            generator_ns,
        }
    }
}

/// One number of queues; none without a trial that counts.
fn point(measure: &Measure, records: &[Record], generator_ns: Option<f64>, accept_disturbed: bool) -> Option<ScalingPoint> {
    let counts = |record: &&Record| match record.verdict.state {
        State::Valid => true,
        State::Invalid => accept_disturbed && only_interrupted(&record.verdict.reasons),
        State::Failed => false,
    };
    let used: Vec<&Record> = records.iter().filter(counts).filter(|record| Goal::Mrr.value(record).is_some()).collect();
    let rates: Vec<f64> = used.iter().filter_map(|record| Goal::Mrr.value(record)).collect();
    let rate = median(&rates)?;
    let middle = |of: &dyn Fn(&Record) -> Option<f64>| median(&used.iter().filter_map(|record| of(record)).collect::<Vec<_>>());
    let findings: Vec<Finding> = used.iter().filter_map(|record| Some(bottleneck(&evidence(record, generator_ns)?))).collect();
    let limit = most_frequent(&findings);
    let ceiling = used.iter().find_map(|record| record.ceiling.as_ref()?.pps);
    Some(ScalingPoint {
        sender_queues: measure.tuning.queues.sender.get(),
        receiver_queues: measure.tuning.queues.receiver.get(),
        cores: cores(measure),
        trials: rates.len(),
        without_value: records.len() - rates.len(),
        rate_pps: rate,
        range_pps: rates.iter().fold((f64::INFINITY, 0.0), |(low, high), rate| (low.min(*rate), f64::max(high, *rate))),
        of_perfect: 1.0,
        of_ceiling: ceiling.map(|ceiling| rate / ceiling),
        sender_ns: middle(&|record| record.cpu.as_ref()?.sender.as_ref()?.busy_ns_per_frame()),
        receiver_ns: middle(&|record| record.cpu.as_ref()?.receiver.as_ref()?.busy_ns_per_frame()),
        agreeing: findings.iter().filter(|finding| finding.limit == limit.limit).count(),
        limit,
    })
}

/// The finding of most trials, with the numbers of the first that has it. Trials that were interrupted too much to tell do not count where others do.
fn most_frequent(findings: &[Finding]) -> Finding {
    let tell: Vec<Finding> = findings.iter().filter(|finding| finding.limit != Limit::Disturbed).cloned().collect();
    let findings = if tell.is_empty() { findings } else { &tell };
    let count = |limit: Limit| findings.iter().filter(|finding| finding.limit == limit).count();
    let most = findings.iter().rev().max_by_key(|finding| count(finding.limit)).map(|finding| finding.limit);
    let first = findings.iter().find(|finding| Some(finding.limit) == most).cloned();
    first.unwrap_or(Finding { limit: Limit::Unknown, because: vec!["no trial has the counters of both ends".to_owned()] })
}
