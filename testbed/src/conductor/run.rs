use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use methodology::units::FrameSize;
use reporter::archive::{ArchiveError, RunDirectory};
use reporter::record::{EndpointId, Pair, State};
use thiserror::Error;

use super::bypass::Bypass;
use super::context::Context;
use super::done::Done;
use super::endpoint_agents::EndpointAgents;
use super::kernel::{KernelError, KernelTools};
use super::kernel_features::{self, MissingFeature};
use super::machines::Machines;
use super::measure_step::measure_step;
use super::observer::{Observer, StepInfo};
use super::path_device::PathDevice;
use super::schedule::{self, Group};
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
    Ok(schedule::groups(plan, testbed)?.iter().map(Group::len).sum())
}

/// Puts back the settings of interfaces that killed runs changed, and what their devices changed.
pub(super) fn put_back_what_dead_runs_changed(testbed: &Testbed) {
    let places = || testbed.endpoints.iter().map(|endpoint| &endpoint.location);
    for report in [restore_left(places()), device::restore_left(places())] {
        report.restored.iter().for_each(|what| tracing::info!("{what}"));
        report.problems.iter().for_each(|what| tracing::warn!("{what}"));
    }
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
        let mut groups = schedule::groups(self.plan, self.testbed)?;
        put_back_what_dead_runs_changed(self.testbed);
        kernel_features::check(self.plan, self.testbed)?;
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
        let machines = Machines::of(self.testbed);
        let mut bypass = Bypass::new(self.max_frame());
        let mut device = PathDevice::default();
        for group in groups {
            // Both ends of a pair stay open while it is measured, and end before the next pair begins.
            bypass.begin_pair(&group, self.testbed, self.interrupted);
            for step in group {
                if self.interrupted.load(Ordering::Relaxed) {
                    return Ok(RunEnd::Interrupted);
                }
                number += 1;
                let tuning = step.tuning_in_words.as_ref().map(|words| format!(", {words}")).unwrap_or_default();
                let title = format!("{} {} {} {}{tuning}", step.pair, step.stack(), step.kind.method(), step.size_in_words());
                self.observer.begins(&StepInfo { title, number, of, left });
                left = left.saturating_sub(step.expected);
                let mut context = Context {
                    testbed: self.testbed,
                    machines: &machines,
                    agents: self.agents,
                    device: &mut device,
                    directory: self.directory,
                    interrupted: self.interrupted,
                    observer: self.observer,
                };
                let record = measure_step(&step, &mut tools, &mut bypass, &mut context)?;
                // A measurement that the user interrupted is not a result; a resumed run measures it again.
                if self.interrupted.load(Ordering::Relaxed) && record.verdict.state != State::Valid {
                    return Ok(RunEnd::Interrupted);
                }
                self.directory.append(&record)?;
                self.observer.ended(&record);
                if record.verdict.state == State::Failed {
                    self.check_connections(&step.pair)?;
                }
            }
            bypass.end_pair();
            device.release();
            // What cannot be put back stays in the journal: the next pair, or the next run, tries again and reports it.
            let _ = tools.release();
        }
        Ok(RunEnd::Complete)
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
