//! Poll loops between several pairs at the same time.

use dataplane::CpuId;
use methodology::method::Method;
use methodology::units::LinkSpeed;
use reporter::archive::ArchiveError;
use reporter::record::{EndpointId, Pair, ReasonKind};

use super::measurer::{MeasureError, PairMeasurer};
use super::pair::{BypassPair, Listening};
use super::procedure::{self, Found};
use super::step_error::StepError;
use super::{Bypass, failure};
use crate::conductor::context::Context;
use crate::conductor::fits;
use crate::conductor::machines::Machines;
use crate::conductor::record::failed;
use crate::conductor::schedule::{GroupStep, Step};
use crate::conductor::start_line::{Span, StartLine, Starter};
use crate::conductor::together::MemberRecord;
use crate::plan::MeasureKind;
use crate::topology::{PairCpus, PairNodes};

/// A pair whose ports are open, or why they are not.
type Opened = Result<BypassPair, StepError>;

impl Bypass {
    /// Measures between several pairs: all ports are open and all sinks count before any frame is sent, and the senders start together. A record for
    /// each pair, in their order. Where the poll loops do not have a CPU each, nothing is measured: loops that share a CPU measure the scheduler.
    ///
    /// # Errors
    /// The run directory cannot be written.
    pub(in crate::conductor) fn measure_group(
        &mut self,
        group: &GroupStep<'_>,
        context: &mut Context<'_>,
    ) -> Result<Vec<MemberRecord>, ArchiveError> {
        let MeasureKind::Procedure { method, link, .. } = &group.measure.kind else {
            return Ok(none_ran(group, context, ReasonKind::Other, "only methods with one load are measured at the same time"));
        };
        // Where the ports are is not known yet: this is only about the number of CPUs.
        let mut members = fits::members(group.measure, group.pairs);
        if let Err(error) = context.testbed.cpus_of_group(&members) {
            return Ok(none_ran(group, context, ReasonKind::TooFewCpus, &error.to_string()));
        }
        let mut opened = self.open_all(group, context);
        for (member, pair) in members.iter_mut().zip(&opened) {
            let node = |port: &crate::agent::Opened| port.port.numa_node;
            let nodes = pair.as_ref().ok().map(|pair| PairNodes { sender: node(&pair.ports.sender), receiver: node(&pair.ports.receiver) });
            member.nodes = nodes.unwrap_or_default();
        }
        let cpus = match context.testbed.cpus_of_group(&members) {
            Ok(cpus) => cpus,
            Err(error) => return Ok(none_ran(group, context, ReasonKind::TooFewCpus, &error.to_string())),
        };
        let pairs: Vec<&Pair> = group.steps.iter().map(|step| &step.pair).collect();
        if let Some(why) = shared_cpu(&pairs, &cpus, context.machines) {
            opened.into_iter().flatten().for_each(BypassPair::close);
            return Ok(none_ran(group, context, ReasonKind::TooFewCpus, &why));
        }
        for (pair, cpus) in opened.iter_mut().zip(cpus) {
            if let Ok(pair) = pair {
                pair.cpus = cpus;
            }
        }
        let found = run_all(group, opened, (method, *link), context);
        found.into_iter().zip(&group.steps).map(|(found, step)| self.member_record(step, found, context)).collect()
    }

    /// Opens the ports of all pairs at the same time.
    fn open_all(&self, group: &GroupStep<'_>, context: &Context<'_>) -> Vec<Opened> {
        let (testbed, interrupted, max_frame) = (context.testbed, context.interrupted, self.max_frame);
        std::thread::scope(|scope| {
            let open = |step: &Step<'_>| {
                let listening = Listening::open(testbed, &step.pair, max_frame, step.tuning.clone(), interrupted);
                let pair = listening.and_then(|listening| listening.connect(testbed, &step.pair, interrupted));
                pair.map_err(|error| StepError::Trial(MeasureError::Bypass(error)))
            };
            let opening: Vec<_> = group.steps.iter().map(|step| scope.spawn(move || open(step))).collect();
            opening.into_iter().map(|pair| pair.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
        })
    }

    fn member_record(
        &mut self,
        step: &Step<'_>,
        found: Result<(BypassPair, Found), StepError>,
        context: &mut Context<'_>,
    ) -> Result<MemberRecord, ArchiveError> {
        let result = found.and_then(|(pair, found)| {
            let ran = pair.last_send.zip(found.sent_for()).map(|((began, ended), length)| Span { began, ended, length });
            let record = procedure::record(step, &pair, found, &mut self.calibrations, context);
            pair.close();
            Ok(MemberRecord { record: record?, ran })
        });
        match result {
            Ok(member) => Ok(member),
            Err(StepError::Archive(error)) => Err(error),
            Err(error) => {
                let (kind, why) = failure(&error);
                Ok(MemberRecord { record: failed(step, context.directory, kind, &why), ran: None })
            }
        }
    }
}

/// Carries out the method between all pairs. A pair that is not open has no place at the start line.
fn run_all(
    group: &GroupStep<'_>,
    opened: Vec<Opened>,
    what: (&Method, Option<LinkSpeed>),
    context: &Context<'_>,
) -> Vec<Result<(BypassPair, Found), StepError>> {
    let line = StartLine::new(opened.iter().flatten().count());
    let interrupted = context.interrupted;
    std::thread::scope(|scope| {
        let run = |mut pair: BypassPair, step: &Step<'_>, starter: Starter<'_>| {
            pair.tune(step.tuning.clone());
            let (size, start) = (step.size, Some(&starter));
            let measurer = PairMeasurer { pair: &mut pair, size, interrupted, reset: &[], start, device: None, last: None };
            let found = procedure::run(measurer, what, &mut |_| {})?;
            Ok((pair, found))
        };
        let running: Vec<_> = opened
            .into_iter()
            .zip(&group.steps)
            .map(|(pair, step)| {
                // Taken here: a thread that has not begun yet has its place already.
                pair.map(|pair| {
                    let starter = line.starter();
                    scope.spawn(move || run(pair, step, starter))
                })
            })
            .collect();
        let join = |running: std::thread::ScopedJoinHandle<'_, Result<(BypassPair, Found), StepError>>| {
            running.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        running.into_iter().map(|running| running.and_then(join)).collect()
    })
}

/// A CPU that two poll loops would share, because two endpoints that the testbed reaches by different names are one machine. None where each has its own.
fn shared_cpu(pairs: &[&Pair], cpus: &[PairCpus], machines: &Machines) -> Option<String> {
    let ends: Vec<(&EndpointId, &[CpuId])> = pairs
        .iter()
        .zip(cpus)
        .flat_map(|(pair, cpus)| [(&pair.from, cpus.sender.as_slice()), (&pair.to, cpus.receiver.as_slice())])
        .collect();
    ends.iter().enumerate().find_map(|(place, (one, cpus))| {
        ends[place + 1..].iter().filter(|(other, _)| machines.share(one, other)).find_map(|(other, others)| {
            let cpu = cpus.iter().find(|cpu| others.contains(cpu))?;
            Some(format!("endpoints `{one}` and `{other}` are on one machine and would both poll on CPU {cpu}: give each a CPU of its own"))
        })
    })
}

fn none_ran(group: &GroupStep<'_>, context: &Context<'_>, kind: ReasonKind, why: &str) -> Vec<MemberRecord> {
    group.steps.iter().map(|step| MemberRecord { record: failed(step, context.directory, kind, why), ran: None }).collect()
}
