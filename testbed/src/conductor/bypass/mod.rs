//! DPDK measurements: two agents with a port each, trials between them, the record.

mod accounting;
mod both_ends;
mod calibration;
mod cost;
mod driver_counters;
mod end_reports;
mod generator;
mod group;
mod histograms;
mod interface_proof;
mod loss_domains;
mod measurer;
mod method_results;
mod pair;
mod passing;
mod poll_loop;
mod procedure;
mod proof;
mod reason_kind;
mod results;
mod round_trip;
mod round_trip_times;
mod step_error;
mod through_device;
mod trial_outcome;
mod wire_proof;

use std::sync::atomic::AtomicBool;

use dataplane::CpuId;
use methodology::units::FrameSize;
use reporter::archive::ArchiveError;
use reporter::record::{Metric, ReasonKind, Record, ShownParameter, Stack};

use super::context::Context;
use super::record::failed;
use super::schedule::{PairSteps, Step};
use crate::plan::MeasureKind;
use crate::topology::{BypassPort, PairQueues, Testbed, Wiring};
use calibration::Calibrations;
use generator::GeneratorTimes;
use measurer::MeasureError;
use pair::{BypassError, BypassPair, Listening};
use proof::{ProofError, prove};
use step_error::{StepError, kind_of};

/// The two ends of the pair that is being measured, and the calibrations of the run.
#[derive(Debug)]
pub(super) struct Bypass {
    ends: Ends,
    calibrations: Calibrations,
    /// What the generators alone can do, in a run whose report has a ladder of stacks.
    generators: Option<GeneratorTimes>,
    /// The largest frame of the plan: all sizes go through the same ports.
    max_frame: FrameSize,
}

#[derive(Debug)]
enum Ends {
    Closed,
    Listening(Box<Listening>),
    Open(Box<BypassPair>),
}

/// Why a step has no result: the kind of reason, and the text.
fn failure(error: &StepError) -> (ReasonKind, String) {
    match error {
        StepError::Trial(error) => {
            let kind = match error {
                MeasureError::Bypass(error) => kind_of(error),
                MeasureError::Device(_) => ReasonKind::Device,
                _ => ReasonKind::Other,
            };
            (kind, error.to_string())
        }
        StepError::Archive(error) => (ReasonKind::Other, error.to_string()),
        StepError::Method(text) => (ReasonKind::Other, text.clone()),
    }
}

impl Ends {
    /// Has the agents close their ports, and waits for it. An agent that does not answer is killed.
    fn close(self) {
        match self {
            Ends::Closed => {}
            Ends::Listening(listening) => listening.close(),
            Ends::Open(pair) => pair.close(),
        }
    }
}

impl Bypass {
    pub(super) fn new(max_frame: FrameSize) -> Self {
        Bypass { ends: Ends::Closed, calibrations: Calibrations::default(), generators: None, max_frame }
    }

    /// The same, which also measures what the generator alone can do, for the steps that a ladder of stacks shows.
    pub(super) fn with_generators(max_frame: FrameSize) -> Self {
        Bypass { generators: Some(GeneratorTimes::default()), ..Bypass::new(max_frame) }
    }

    /// In the lab the receiver opens its port before the kernel steps, so that the first DPDK step does not wait for it. Over a real NIC it
    /// must not: a port that DPDK holds takes frames from the kernel.
    pub(super) fn begin_pair(&mut self, group: &PairSteps<'_>, testbed: &Testbed, interrupted: &AtomicBool) {
        let mixed = group.iter().any(|step| step.kind.is_kernel()) && group.iter().any(|step| !step.kind.is_kernel());
        let shared = matches!(testbed.wiring, Wiring::SharedMemory { .. });
        let first = group.iter().find(|step| !step.kind.is_kernel()).filter(|_| mixed && shared);
        // A port on the kernel's interface would take frames from the kernel's measurements.
        let first = first.filter(|step| step.tuning.port == BypassPort::OfTestbed);
        // An error here occurs again when the port is needed, and is reported then.
        self.ends = first
            .and_then(|step| Listening::open(testbed, &step.pair, self.max_frame, step.tuning.clone(), interrupted).ok())
            .map_or(Ends::Closed, |listening| Ends::Listening(Box::new(listening)));
    }

    /// Ends both agents, and the one that took the last calibration. Their ports are closed when this returns: the next pair may open the same.
    pub(super) fn end_pair(&mut self) {
        std::mem::replace(&mut self.ends, Ends::Closed).close();
        self.calibrations.rest();
    }

    /// One measurement. The pair is opened when it is first needed, and again after an agent was lost. What fails makes a `failed` record.
    ///
    /// # Errors
    /// The run directory cannot be written.
    pub(super) fn measure(&mut self, step: &Step<'_>, context: &mut Context<'_>) -> Result<Record, ArchiveError> {
        let mut pair = match self.open(step, context) {
            Ok(pair) => pair,
            Err(error) => return Ok(failed(step, context.directory, kind_of(&error), &error.to_string())),
        };
        pair.tune(step.tuning.clone());
        if let Some(path) = context.device.get().filter(|path| !pair.path_is_proved || !path.is_proved) {
            if let Err(error) = prove(&mut pair, &step.pair, path, step.size, context.interrupted) {
                // The next step begins with a device that was started anew.
                pair.close();
                context.device.release();
                let kind = if let ProofError::Bypass(error) = &error { kind_of(error) } else { ReasonKind::Device };
                return Ok(failed(step, context.directory, kind, &error.to_string()));
            }
            (pair.path_is_proved, path.is_proved) = (true, true);
        }
        let measured = match step.kind {
            MeasureKind::RoundTrip { rate, duration } => {
                round_trip::measure(step, &mut pair, (*rate, *duration), &mut self.calibrations, context)
            }
            MeasureKind::Procedure { method, link, reset } => {
                procedure::measure(step, &mut pair, (method, *link, reset), &mut self.calibrations, context)
            }
            MeasureKind::KernelStream { .. }
            | MeasureKind::KernelBest { .. }
            | MeasureKind::KernelPingPong { .. }
            | MeasureKind::FileTransfer(_) => Err(StepError::Trial(MeasureError::Unsupported { what: "kernel" })),
        };
        match measured {
            Ok(mut record) => {
                self.note_generator(step, pair.sender_cpus().first().copied(), &mut record, context);
                self.ends = Ends::Open(Box::new(pair));
                Ok(record)
            }
            Err(StepError::Archive(error)) => Err(error),
            // The pair is not put back: whatever went wrong, the next measurement begins with two new agents.
            Err(error) => {
                let (kind, why) = failure(&error);
                if kind == ReasonKind::Device {
                    context.device.release();
                }
                Ok(failed(step, context.directory, kind, &why))
            }
        }
    }

    /// Notes what the generator alone can do beside a rate of one poll loop.
    fn note_generator(&mut self, step: &Step<'_>, cpu: Option<CpuId>, record: &mut Record, context: &Context<'_>) {
        let wanted =
            record.metric == Metric::Throughput && step.tuning.queues == PairQueues::ONE && step.stack() == Stack::REFERENCE_BYPASS;
        let Some(generators) = self.generators.as_mut().filter(|_| wanted) else { return };
        if let Some(ns) = generators.of(step, cpu, context.testbed, context.interrupted) {
            ShownParameter::GENERATOR_ALONE_NS_PER_FRAME.note(&mut record.parameters, ns.into());
        }
    }

    /// Opens the ports for a step and leaves them open.
    pub(super) fn open_only(&mut self, step: &Step<'_>, context: &Context<'_>) -> Result<(), String> {
        let pair = self.open(step, context).map_err(|error| error.to_string())?;
        self.ends = Ends::Open(Box::new(pair));
        Ok(())
    }

    /// The time that the sender's generator itself needs for a frame, in ns; `None` where it cannot be measured. It closes both ends.
    pub(super) fn generator_ns(&mut self, step: &Step<'_>, testbed: &Testbed, interrupted: &AtomicBool) -> Option<f64> {
        self.end_pair();
        generator::ns_per_frame(step, testbed, interrupted).ok().flatten()
    }

    fn open(&mut self, step: &Step<'_>, context: &Context<'_>) -> Result<BypassPair, BypassError> {
        let (testbed, interrupted) = (context.testbed, context.interrupted);
        match std::mem::replace(&mut self.ends, Ends::Closed) {
            Ends::Open(pair) if pair.serves(&step.tuning) => Ok(*pair),
            Ends::Listening(listening) if listening.serves(&step.tuning) => listening.connect(testbed, &step.pair, interrupted),
            other => {
                // What has other queues ends before its ports are opened anew.
                other.close();
                Listening::open(testbed, &step.pair, self.max_frame, step.tuning.clone(), interrupted)
                    .and_then(|listening| listening.connect(testbed, &step.pair, interrupted))
            }
        }
    }
}
