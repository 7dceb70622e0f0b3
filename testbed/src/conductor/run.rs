use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use methodology::units::FrameSize;
use reporter::archive::{ArchiveError, RunDirectory};
use reporter::record::{EndpointId, Pair, Record, State};
use thiserror::Error;

use super::bypass::Bypass;
use super::context::Context;
use super::done::Done;
use super::endpoint_agents::EndpointAgents;
use super::kernel::{KernelError, KernelTools};
use super::kernel_features::{self, MissingFeature};
use super::machines::Machines;
use super::measure_group::measure_group;
use super::measure_step::measure_step;
use super::observer::{Observer, StepInfo};
use super::path_device::PathDevice;
use super::schedule::{self, Batch, GroupStep, PairSteps, Step};
use crate::device;
use crate::interface_settings::restore_left;
use crate::plan::Plan;
use crate::process::{CommandSpec, ProcessError, run};
use crate::topology::{Testbed, TestbedError};

/// How long a command on a machine may take after the connection to it was opened again.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

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
    /// An endpoint lacks something that the plan asks for.
    #[error(transparent)]
    Missing(#[from] MissingFeature),
    /// An endpoint's machine was lost, and a new connection to it failed.
    #[error("endpoint {endpoint}: its machine is not reached any more: {source}")]
    Unreachable {
        /// The endpoint.
        endpoint: EndpointId,
        /// What the new connection failed with.
        source: ProcessError,
    },
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
    Ok(schedule::batches(plan, testbed)?.iter().map(|batch| batch.steps().count()).sum())
}

/// Puts back the settings of interfaces that killed runs changed, and what their devices changed.
pub(super) fn put_back_what_dead_runs_changed(testbed: &Testbed) {
    let places = || testbed.endpoints.iter().map(|endpoint| &endpoint.location);
    for report in [restore_left(places()), device::restore_left(places())] {
        report.restored.iter().for_each(|what| tracing::info!("{what}"));
        report.problems.iter().for_each(|what| tracing::warn!("{what}"));
    }
}

/// Removes the steps that have a result, and gives the others ids that no record has. A group whose members do not all have one is measured again.
fn leave_out_what_is_done(batch: &mut Batch<'_>, done: &Done) {
    let again = |steps: &mut dyn Iterator<Item = &mut Step<'_>>| steps.for_each(|step| step.id = done.next_attempt(&step.id));
    match batch {
        Batch::OfPair(steps) => {
            steps.retain(|step| !done.has(&step.id));
            again(&mut steps.iter_mut());
        }
        Batch::AtOnce(group) if group.steps.iter().all(|step| done.has(&step.id)) => group.steps.clear(),
        Batch::AtOnce(group) => {
            // Each attempt is a group of its own.
            let before = group.steps.first().map(|step| step.id.0.len());
            again(&mut group.steps.iter_mut());
            let attempt = group.steps.first().zip(before).and_then(|(step, before)| step.id.0.get(before..)).unwrap_or_default();
            group.id.push_str(attempt);
        }
    }
}

/// What a run uses for all of its measurements.
struct Parts<'m> {
    machines: &'m Machines,
    tools: KernelTools,
    bypass: Bypass,
    device: PathDevice,
    progress: Progress,
}

/// How far a run is.
struct Progress {
    number: usize,
    of: usize,
    left: Duration,
}

impl Progress {
    /// So many measurements begin at once, and should take so long.
    fn begin(&mut self, title: String, measurements: usize, expected: Duration) -> StepInfo {
        self.number += measurements;
        let info = StepInfo { title, number: self.number, of: self.of, left: self.left };
        self.left = self.left.saturating_sub(expected);
        info
    }
}

fn title(pairs: &str, step: &Step<'_>) -> String {
    let tuning = step.tuning_in_words.as_ref().map(|words| format!(", {words}")).unwrap_or_default();
    format!("{pairs} {} {} {}{tuning}", step.stack(), step.kind.method(), step.size_in_words())
}

/// One run of a plan on a testbed.
pub struct Conductor<'a> {
    /// What to measure.
    pub plan: &'a Plan,
    /// Where.
    pub testbed: &'a Testbed,
    /// The agents at its endpoints. Those that are missing are started where they are needed.
    pub agents: &'a mut EndpointAgents,
    /// Where records go.
    pub directory: &'a mut RunDirectory,
    /// Set when the user ends the run.
    pub interrupted: &'a AtomicBool,
    /// Receives progress events.
    pub observer: &'a mut dyn Observer,
}

impl Conductor<'_> {
    /// Measures everything that is not in `done` yet.
    ///
    /// # Errors
    /// The run directory cannot be written, or the plan names an endpoint that is not there. A measurement that fails is a
    /// record and not an error.
    pub fn run(&mut self, done: &Done) -> Result<RunEnd, ConductError> {
        let mut batches = schedule::batches(self.plan, self.testbed)?;
        put_back_what_dead_runs_changed(self.testbed);
        kernel_features::check(self.plan, self.testbed)?;
        let of = batches.iter().map(|batch| batch.steps().count()).sum();
        batches.iter_mut().for_each(|batch| leave_out_what_is_done(batch, done));
        let left: Duration = batches.iter().map(Batch::expected).sum();
        let number = of - batches.iter().map(|batch| batch.steps().count()).sum::<usize>();
        let machines = Machines::of(self.testbed);
        let mut parts = Parts {
            machines: &machines,
            tools: KernelTools::default(),
            bypass: if self.plan.compares_stacks() { Bypass::with_generators(self.max_frame()) } else { Bypass::new(self.max_frame()) },
            device: PathDevice::default(),
            progress: Progress { number, of, left },
        };
        for batch in batches {
            let end = match batch {
                Batch::OfPair(steps) => self.measure_pair(steps, &mut parts)?,
                Batch::AtOnce(group) if group.steps.is_empty() => RunEnd::Complete,
                Batch::AtOnce(group) => self.measure_at_once(&group, &mut parts)?,
            };
            if end == RunEnd::Interrupted {
                return Ok(RunEnd::Interrupted);
            }
        }
        Ok(RunEnd::Complete)
    }

    /// Measures the steps of one pair. Both ends of it stay open while it is measured, and end before the next pair begins.
    fn measure_pair(&mut self, steps: PairSteps<'_>, parts: &mut Parts<'_>) -> Result<RunEnd, ConductError> {
        parts.bypass.begin_pair(&steps, self.testbed, self.interrupted);
        for step in steps {
            if self.interrupted.load(Ordering::Relaxed) {
                return Ok(RunEnd::Interrupted);
            }
            let title = title(&step.pair.to_string(), &step);
            self.observer.begins(&parts.progress.begin(title, 1, step.expected));
            let record = measure_step(&step, &mut parts.tools, &mut parts.bypass, &mut self.context(parts.machines, &mut parts.device))?;
            // A measurement that the user interrupted is not a result; a resumed run measures it again.
            if self.interrupted.load(Ordering::Relaxed) && record.verdict.state != State::Valid {
                return Ok(RunEnd::Interrupted);
            }
            self.keep(&record)?;
        }
        parts.bypass.end_pair();
        parts.device.release();
        // The next pair tries again, and is not measured before; the next run finds it in the journal.
        if let Err(error) = parts.tools.release() {
            tracing::warn!("a changed interface could not be put back: {error}");
        }
        Ok(RunEnd::Complete)
    }

    /// Measures several pairs at the same time.
    fn measure_at_once(&mut self, group: &GroupStep<'_>, parts: &mut Parts<'_>) -> Result<RunEnd, ConductError> {
        let Some(first) = group.steps.first().filter(|_| !self.interrupted.load(Ordering::Relaxed)) else { return Ok(RunEnd::Interrupted) };
        let pairs: Vec<String> = group.steps.iter().map(|step| step.pair.to_string()).collect();
        let title = title(&pairs.join(" + "), first);
        self.observer.begins(&parts.progress.begin(title, group.steps.len(), group.expected()));
        let records = measure_group(group, &mut parts.tools, &mut parts.bypass, &mut self.context(parts.machines, &mut parts.device))?;
        if self.interrupted.load(Ordering::Relaxed) && records.iter().any(|record| record.verdict.state != State::Valid) {
            return Ok(RunEnd::Interrupted);
        }
        records.iter().try_for_each(|record| self.keep(record))?;
        Ok(RunEnd::Complete)
    }

    fn context<'c>(&'c mut self, machines: &'c Machines, device: &'c mut PathDevice) -> Context<'c> {
        Context {
            testbed: self.testbed,
            machines,
            agents: self.agents,
            device,
            directory: self.directory,
            interrupted: self.interrupted,
            observer: self.observer,
        }
    }

    fn keep(&mut self, record: &Record) -> Result<(), ConductError> {
        self.directory.append(record)?;
        self.observer.ended(record);
        if record.verdict.state == State::Failed {
            self.check_connections(&record.pair)?;
        }
        Ok(())
    }

    /// Ends the run where a machine cannot be reached again: each further measurement would only wait for it.
    fn check_connections(&self, pair: &Pair) -> Result<(), ConductError> {
        for id in [&pair.from, &pair.to] {
            let endpoint = self.testbed.endpoint(id)?;
            if !endpoint.location.is_connected() {
                let spec = CommandSpec::new(endpoint.location.clone(), ["true"]).with_timeout(CONNECT_LIMIT);
                run(&spec).map_err(|source| ConductError::Unreachable { endpoint: id.clone(), source })?;
            }
        }
        Ok(())
    }

    /// Every DPDK size of the plan goes through the same ports.
    fn max_frame(&self) -> FrameSize {
        let sizes = self.plan.measures.iter().filter(|measure| !measure.kind.is_kernel()).flat_map(|measure| measure.sizes.iter().copied());
        sizes.max().unwrap_or(FrameSize::MAX_STANDARD)
    }
}
