//! The conductor: carries out a plan on a testbed, one measurement after the other, and keeps every record as it is made.

mod accounting;
mod bypass;
mod bypass_record;
mod calibration;
mod done;
mod driver_counters;
mod environment;
mod frame_view;
mod histograms;
mod kernel;
mod measurer;
mod schedule;
mod wire_proof;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dataplane::SendPlan;
use methodology::procedures::{Conditions, KnownRates, Measured, RunError};
use methodology::units::{FrameSize, Frames, LinkSpeed, Pace, PacketRate, Seconds};
use reporter::archive::{ArchiveError, RunDirectory};
use reporter::environment::Environment;
use reporter::record::{Calibration, ReasonKind, Record, SchemaVersion, Size, State, Tool, Values, Verdict, View};
use thiserror::Error;

use crate::agent::AgentError;
use crate::plan::{Plan, Protocol, What};
use crate::topology::{Testbed, TestbedError, Wiring};
pub use done::Done;

use bypass::{BypassError, BypassPair, Listening};
use bypass_record::Finding;
use calibration::{Calibrations, Configuration};
use kernel::{KernelError, KernelTools};
use measurer::{LastTrial, MeasureError, PairMeasurer};
use schedule::{Group, Step};

/// Who is told how the run goes.
pub trait Observer {
    /// A measurement begins.
    fn begins(&mut self, step: &StepInfo);
    /// A measurement ended; its record is kept already.
    fn ended(&mut self, record: &Record);
    /// Within a measurement of many trials: one more is done.
    fn trial(&mut self, note: &str);
}

/// What an [`Observer`] is told of a measurement.
#[derive(Debug, Clone, PartialEq)]
pub struct StepInfo {
    /// In words: `a-cpu→b-dpu dpdk mrr 64 B`.
    pub title: String,
    /// Which it is, from 1.
    pub number: usize,
    /// Of how many.
    pub of: usize,
    /// How long the whole run should still take.
    pub left: Duration,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnd {
    /// Everything in the plan has a record.
    Complete,
    /// The user ended it; what was measured is kept.
    Interrupted,
}

/// The run cannot go on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConductError {
    /// The run directory cannot be written.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The plan and the testbed do not fit.
    #[error(transparent)]
    Testbed(#[from] TestbedError),
}

impl From<KernelError> for ConductError {
    fn from(error: KernelError) -> Self {
        match error {
            KernelError::Archive(error) => ConductError::Archive(error),
            KernelError::Testbed(error) => ConductError::Testbed(error),
        }
    }
}

/// Whether every pair of the plan is in the testbed, and how many measurements that makes. Nothing is touched.
pub fn count(plan: &Plan, testbed: &Testbed) -> Result<usize, TestbedError> {
    Ok(schedule::groups(plan, testbed)?.iter().map(Group::len).sum())
}

/// What each endpoint is, for `environment.json`; an endpoint that cannot be asked is an error, found before anything is measured.
pub fn describe(testbed: &Testbed, interrupted: &AtomicBool) -> Result<Environment, crate::agent::AgentError> {
    environment::describe(testbed, interrupted)
}

/// One run of a plan on a testbed.
pub struct Conductor<'a> {
    /// What to measure.
    pub plan: &'a Plan,
    /// Where.
    pub testbed: &'a Testbed,
    /// Where records go.
    pub directory: &'a mut RunDirectory,
    /// Set when the user wants the run to end.
    pub interrupted: &'a AtomicBool,
    /// Who is told.
    pub observer: &'a mut dyn Observer,
}

impl Conductor<'_> {
    /// Measures everything that is not in `done` yet.
    ///
    /// # Errors
    /// The run directory cannot be written, or the plan names an endpoint that is not there. A measurement that fails is a
    /// record and not an error.
    pub fn run(&mut self, done: &Done) -> Result<RunEnd, ConductError> {
        let mut groups = schedule::groups(self.plan, self.testbed)?;
        let of = groups.iter().map(Group::len).sum();
        for group in &mut groups {
            group.retain(|step| !done.has(&step.id));
            for step in group {
                step.id = done.next_attempt(&step.id);
            }
        }
        let mut left: Duration = groups.iter().flatten().map(|step| step.expected).sum();
        let mut number = of - groups.iter().map(Group::len).sum::<usize>();
        let mut tools = KernelTools::default();
        let mut calibrations = Calibrations::default();
        for group in groups {
            // Both ends of a pair stay open while it is measured, and end before the next pair begins.
            let mut bypass = self.prepare(&group);
            for step in group {
                if self.interrupted.load(Ordering::Relaxed) {
                    return Ok(RunEnd::Interrupted);
                }
                number += 1;
                let tuning = step.tuning.in_words().map(|words| format!(", {words}")).unwrap_or_default();
                let title = format!("{} {} {} {}{tuning}", step.pair, step.what.stack(), step.what.method(), step.size);
                self.observer.begins(&StepInfo { title, number, of, left });
                left = left.saturating_sub(step.expected);
                let record = match step.what.stack().is_kernel() {
                    true => tools.measure(&step, self.testbed, self.directory, self.interrupted)?,
                    false => self.bypass(&step, &mut bypass, &mut calibrations)?,
                };
                // What was cut short by the user is no result; a resumed run measures it again.
                if self.interrupted.load(Ordering::Relaxed) && record.verdict.state != State::Valid {
                    return Ok(RunEnd::Interrupted);
                }
                self.directory.append(&record)?;
                self.observer.ended(&record);
            }
            calibrations.rest();
        }
        Ok(RunEnd::Complete)
    }

    /// In the lab the receiver opens its port before the kernel steps, so that nobody waits for it afterwards. Over a real NIC it
    /// must not: a port that DPDK holds takes frames from the kernel.
    fn prepare(&self, group: &Group<'_>) -> Ends {
        let mixed = group.iter().any(|step| step.what.stack().is_kernel()) && group.iter().any(|step| !step.what.stack().is_kernel());
        let shared = matches!(self.testbed.wiring, Wiring::SharedMemory { .. });
        let first = group.iter().find(|step| !step.what.stack().is_kernel()).filter(|_| mixed && shared);
        // What goes wrong here goes wrong again when the port is needed, and is told then.
        first
            .and_then(|step| Listening::open(self.testbed, &step.pair, self.max_frame(), step.tuning, self.interrupted).ok())
            .map_or(Ends::Closed, |listening| Ends::Listening(Box::new(listening)))
    }

    /// One DPDK measurement. The pair is opened when it is first needed, and again after an agent was lost.
    fn bypass(&mut self, step: &Step<'_>, ends: &mut Ends, calibrations: &mut Calibrations) -> Result<Record, ConductError> {
        let opened = match std::mem::replace(ends, Ends::Closed) {
            Ends::Open(pair) if pair.serves(&step.tuning) => Ok(*pair),
            Ends::Listening(listening) if listening.serves(&step.tuning) => listening.connect(self.testbed, &step.pair, self.interrupted),
            other => {
                // What has other queues ends before its ports are opened anew.
                drop(other);
                Listening::open(self.testbed, &step.pair, self.max_frame(), step.tuning, self.interrupted)
                    .and_then(|listening| listening.connect(self.testbed, &step.pair, self.interrupted))
            }
        };
        let mut pair = match opened {
            Ok(pair) => pair,
            Err(error) => return Ok(failed(step, self.directory, kind_of(&error), &error.to_string())),
        };
        pair.tune(step.tuning);
        let measured = match step.what {
            What::RoundTrip { rate, duration } => self.round_trip(step, &mut pair, *rate, *duration, calibrations),
            What::Procedure { method, link, reset } => self.procedure(step, &mut pair, method, *link, reset, calibrations),
            What::KernelStream { .. } | What::KernelPingPong { .. } => Err(StepError::Bypass(MeasureError::Unsupported { what: "kernel" })),
        };
        match measured {
            Ok(record) => {
                *ends = Ends::Open(Box::new(pair));
                Ok(record)
            }
            Err(StepError::Archive(error)) => Err(error.into()),
            // The pair is not put back: whatever went wrong, the next measurement begins with two new agents.
            Err(StepError::Bypass(error)) => {
                let kind = match &error {
                    MeasureError::Bypass(error) => kind_of(error),
                    _ => ReasonKind::Other,
                };
                Ok(failed(step, self.directory, kind, &error.to_string()))
            }
            Err(StepError::Method(text)) => Ok(failed(step, self.directory, ReasonKind::Other, &text)),
        }
    }

    fn round_trip(
        &mut self,
        step: &Step<'_>,
        pair: &mut BypassPair,
        rate: PacketRate,
        duration: Seconds,
        calibrations: &mut Calibrations,
    ) -> Result<Record, StepError> {
        // Now, while neither end polls.
        let calibration = self.calibration(step, pair, rate, calibrations);
        let plan = SendPlan::new(step.size, Pace::Rate(rate), duration.duration());
        let trips = pair.round_trips(plan, self.interrupted).map_err(MeasureError::from)?;
        let mut finding = bypass_record::of_round_trips(&trips, pair, step.size, rate);
        calibration.note(&mut finding.parameters);
        let mut raw = None;
        if let (Some(histogram), Some(summary)) =
            (trips.sent.rtt.as_ref().and_then(|rtt| rtt.histogram.as_ref()), finding.values.rtt_ns.as_mut())
        {
            let file = histograms::keep(histogram, &step.id, self.directory)?;
            summary.histogram = Some(file.clone());
            raw = Some(file);
        }
        let mut record = self.record(step, finding, pair);
        record.raw = raw;
        Ok(record)
    }

    fn procedure(
        &mut self,
        step: &Step<'_>,
        pair: &mut BypassPair,
        method: &methodology::method::Method,
        link: Option<LinkSpeed>,
        reset: &[String],
        calibrations: &mut Calibrations,
    ) -> Result<Record, StepError> {
        let conditions = Conditions { frames: Frames::Fixed(step.size), link: link.or(pair.link), known: KnownRates::default() };
        let mut measurer = PairMeasurer { pair, size: step.size, interrupted: self.interrupted, reset, last: None };
        let observer = &mut *self.observer;
        let mut note = |trial: &methodology::trial::Trial| {
            let load = trial.input.stimulus.rate().map_or_else(|| "max".to_owned(), |rate| rate.to_string());
            observer.trial(&format!("trial {}: {load}, loss {}", trial.number, trial.loss_ratio));
        };
        let report = methodology::procedures::run(method, &conditions, &mut measurer, &mut note);
        let last = measurer.last.take();
        let mut report = match report {
            Ok(report) => report,
            Err(RunError::Trial { source, .. }) => return Err(StepError::Bypass(source)),
            Err(other) => return Err(StepError::Method(other.to_string())),
        };
        histograms::keep_measured(&mut report.measured, &step.id, self.directory)?;
        let mut finding = bypass_record::of_method(&report, step.size);
        match &last {
            Some(LastTrial::OneWay(trial)) => finding.add_last_trial(trial, pair, step.size),
            Some(LastTrial::RoundTrips(trips)) => finding.add_round_trips(trips, pair, step.size),
            None => {}
        }
        // The delays in the record's values are those at the first load, which is known only now.
        if let Measured::Latency(latency) = &report.measured
            && let Some(load) = latency.loads.first().filter(|_| finding.values.rtt_ns.is_some())
        {
            self.calibration(step, pair, load.load, calibrations).note(&mut finding.parameters);
        }
        Ok(self.record(step, finding, pair))
    }

    /// The tester's own share of a round trip at this size and rate.
    fn calibration(&self, step: &Step<'_>, pair: &BypassPair, rate: PacketRate, calibrations: &mut Calibrations) -> Calibration {
        let configuration = Configuration {
            sender: &step.pair.from,
            cpu: pair.sender_cpus().first().copied(),
            tuning: step.tuning,
            size: step.size,
            rate,
            max_frame: pair.sender_port.port.max_frame,
        };
        calibrations.of(self.testbed, configuration, self.interrupted)
    }

    fn record(&self, step: &Step<'_>, mut finding: Finding, pair: &BypassPair) -> Record {
        let port = |opened: &crate::agent::Opened| {
            let mut port = serde_json::json!(opened.port);
            port["dpdk"] = opened.dpdk.running.as_str().into();
            port
        };
        finding.parameters.insert("sender_port".to_owned(), port(&pair.sender_port));
        finding.parameters.insert("receiver_port".to_owned(), port(&pair.receiver_port));
        let verdict = finding.verdict();
        Record {
            values: finding.values,
            parameters: parameters_of(step).into_iter().chain(finding.parameters).collect(),
            load: finding.load,
            duration_s: finding.duration_s,
            ceiling: finding.ceiling,
            cpu: finding.cpu.map(|cost| reporter::record::CpuCost { shared_machine: self.testbed.emulated, ..cost }),
            view: finding.view,
            ..empty(step, self.directory, verdict)
        }
    }

    /// Every DPDK size of the plan goes through the same ports.
    fn max_frame(&self) -> FrameSize {
        let sizes =
            self.plan.measures.iter().filter(|measure| !measure.what.stack().is_kernel()).flat_map(|measure| measure.sizes.iter().copied());
        sizes.max().unwrap_or(FrameSize::MAX_STANDARD)
    }
}

/// The two ends of the pair that is being measured.
enum Ends {
    Closed,
    Listening(Box<Listening>),
    Open(Box<BypassPair>),
}

enum StepError {
    Bypass(MeasureError),
    Archive(ArchiveError),
    Method(String),
}

impl From<MeasureError> for StepError {
    fn from(error: MeasureError) -> Self {
        StepError::Bypass(error)
    }
}

impl From<ArchiveError> for StepError {
    fn from(error: ArchiveError) -> Self {
        StepError::Archive(error)
    }
}

fn kind_of(error: &BypassError) -> ReasonKind {
    match error {
        error if error.is_interruption() => ReasonKind::Interrupted,
        error if error.is_lost_agent() => ReasonKind::AgentLost,
        BypassError::Agent(AgentError::Silent { .. }) => ReasonKind::TimedOut,
        _ => ReasonKind::Other,
    }
}

/// How the ends were set up, where that is not plain.
fn parameters_of(step: &Step<'_>) -> serde_json::Map<String, serde_json::Value> {
    step.tuning.parameters().into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// The record of a measurement that was not made.
fn failed(step: &Step<'_>, directory: &RunDirectory, kind: ReasonKind, why: &str) -> Record {
    empty(step, directory, Verdict::failed(kind, why))
}

/// A record without results: who, where, what.
fn empty(step: &Step<'_>, directory: &RunDirectory, verdict: Verdict) -> Record {
    let name = step.what.kernel_tool().map_or("linerate", reporter::kernel_tools::KernelTool::name);
    let kernel = step.what.stack().is_kernel();
    Record {
        schema: SchemaVersion::CURRENT,
        id: step.id.clone(),
        time: jiff::Timestamp::now(),
        pair: step.pair.clone(),
        stack: step.what.stack(),
        tool: Tool {
            name: name.to_owned(),
            version: if kernel { String::new() } else { env!("CARGO_PKG_VERSION").to_owned() },
            commands: Vec::new(),
        },
        metric: match step.what {
            What::KernelPingPong { .. } => reporter::record::Metric::Latency,
            _ => bypass_record::metric(step.what.method()),
        },
        method: step.what.method().to_owned(),
        parameters: parameters_of(step),
        // The same as that of a record that did not fail, so that both stand in one place.
        size: match *step.what {
            What::KernelStream { protocol: Protocol::Tcp, .. } => Size::message(step.size.bytes()),
            What::KernelPingPong { .. } => Size::message(step.size.udp4_payload()),
            What::KernelStream { protocol: Protocol::Udp, .. } | What::RoundTrip { .. } | What::Procedure { .. } => Size::frame(step.size),
        },
        view: match step.what {
            What::KernelStream { protocol: Protocol::Tcp, .. } | What::KernelPingPong { .. } => Some(View::Application),
            What::KernelStream { protocol: Protocol::Udp, .. } | What::Procedure { .. } => Some(View::Frame),
            What::RoundTrip { .. } => None,
        },
        load: None,
        repetition: step.repetition,
        duration_s: None,
        values: Values::default(),
        ceiling: None,
        cpu: None,
        raw: None,
        provenance: directory.provenance().clone(),
        verdict,
    }
}
