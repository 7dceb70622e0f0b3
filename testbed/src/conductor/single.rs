use std::sync::atomic::{AtomicBool, Ordering};

use methodology::units::FrameSize;
use reporter::archive::RunDirectory;
use reporter::record::{Pair, Record, State};
use serde_json::Value;

use super::bypass::Bypass;
use super::context::Context;
use super::endpoint_agents::EndpointAgents;
use super::kernel::KernelTools;
use super::machines::Machines;
use super::measure_step::measure_step;
use super::observer::Observer;
use super::path_device::PathDevice;
use super::run::{ConductError, put_back_what_dead_runs_changed};
use super::schedule::{self, Step};
use crate::plan::Measure;
use crate::topology::Testbed;

/// Single measurements, for a search that chooses each by the results before it. Ports stay open between measurements that can share them.
pub struct Measurements<'a> {
    testbed: &'a Testbed,
    directory: &'a mut RunDirectory,
    interrupted: &'a AtomicBool,
    machines: Machines,
    /// Started where a measurement needs them.
    agents: EndpointAgents,
    tools: KernelTools,
    bypass: Bypass,
    device: PathDevice,
}

/// How a measurement ended.
#[derive(Debug)]
pub enum Outcome {
    /// Its record is in the run directory.
    Measured(Box<Record>),
    /// The user ended it; it has no record.
    Interrupted,
}

impl<'a> Measurements<'a> {
    /// Nothing is opened yet. No frame is larger than `max_frame`.
    pub fn new(testbed: &'a Testbed, directory: &'a mut RunDirectory, max_frame: FrameSize, interrupted: &'a AtomicBool) -> Self {
        put_back_what_dead_runs_changed(testbed);
        let machines = Machines::of(testbed);
        let agents = EndpointAgents::default();
        let (tools, bypass, device) = (KernelTools::default(), Bypass::new(max_frame), PathDevice::default());
        Measurements { testbed, directory, interrupted, machines, agents, tools, bypass, device }
    }

    /// Measures once, and keeps the record with `notes` among its parameters. What fails makes a `failed` record.
    ///
    /// # Errors
    /// The run directory cannot be written, or the testbed has no such endpoint.
    pub fn measure(
        &mut self,
        measure: &Measure,
        pair: &Pair,
        repetition: u32,
        notes: impl IntoIterator<Item = (String, Value)>,
        observer: &mut dyn Observer,
    ) -> Result<Outcome, ConductError> {
        let Some(step) = step(measure, pair, repetition) else { return Ok(Outcome::Interrupted) };
        let Measurements { testbed, interrupted, machines, agents, tools, bypass, device, .. } = self;
        let mut context = Context { testbed, machines, agents, device, directory: self.directory, interrupted, observer };
        let mut record = measure_step(&step, tools, bypass, &mut context)?;
        if self.interrupted.load(Ordering::Relaxed) && record.verdict.state != State::Valid {
            return Ok(Outcome::Interrupted);
        }
        record.parameters.extend(notes);
        self.directory.append(&record)?;
        observer.ended(&record);
        Ok(Outcome::Measured(Box::new(record)))
    }

    /// Opens the ports that a measure needs, and leaves them open; the error of the driver or the agent where that fails. Nothing to do for kernel
    /// measures.
    pub fn open(&mut self, measure: &Measure, pair: &Pair, observer: &mut dyn Observer) -> Result<(), String> {
        let Some(step) = step(measure, pair, 1).filter(|_| !measure.kind.is_kernel()) else { return Ok(()) };
        let Measurements { testbed, interrupted, bypass, machines, agents, device, .. } = self;
        device.prepare(testbed, pair, Some(step.tuning.port), interrupted).map_err(|error| error.to_string())?;
        let context = Context { testbed, machines, agents, device, directory: self.directory, interrupted, observer };
        bypass.open_only(&step, &context)
    }

    /// The time that the sender's generator itself needs for a frame, in ns; `None` where it cannot be measured.
    pub fn generator_ns(&mut self, measure: &Measure, pair: &Pair) -> Option<f64> {
        self.bypass.generator_ns(&step(measure, pair, 1)?, self.testbed, self.interrupted)
    }
}

fn step<'p>(measure: &'p Measure, pair: &Pair, repetition: u32) -> Option<Step<'p>> {
    measure.sizes.first().map(|&size| schedule::step(measure, pair, size, repetition))
}
