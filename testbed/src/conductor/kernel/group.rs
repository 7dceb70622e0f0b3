//! Streams between several pairs at the same time.

use std::time::Duration;

use reporter::record::{CpuCost, Reason, ReasonKind, Record, State};

use super::changed_ends::ChangedEnds;
use super::processes::{Job, Ran, ToolRunError};
use super::stream::StreamMeasure;
use super::{KernelError, KernelTools};
use crate::conductor::context::Context;
use crate::conductor::endpoint_agents::EndpointAgents;
use crate::conductor::record::failed;
use crate::conductor::schedule::{GroupStep, Step};
use crate::conductor::start_line::{Span, StartLine};
use crate::conductor::together::MemberRecord;
use crate::plan::MeasureKind;

/// Processors of a machine that were busier than this limited its rates.
const BUSY: f64 = 0.95;

/// A member that can run: its step, its tool's version, and its job.
struct Ready<'s, 'p, 'e> {
    step: &'s Step<'p>,
    version: Option<String>,
    job: Job<'e>,
}

impl KernelTools {
    /// Measures streams between several pairs: all servers are ready before any client starts, and the clients start together. A record for each
    /// pair, in their order.
    ///
    /// # Errors
    /// The run directory cannot be written; the testbed has no such endpoint.
    pub(in crate::conductor) fn measure_group(
        &mut self,
        group: &GroupStep<'_>,
        context: &mut Context<'_>,
    ) -> Result<Vec<MemberRecord>, KernelError> {
        let MeasureKind::KernelStream { protocol, tool, duration, tuning } = &group.measure.kind else {
            return Ok(none_ran(group, context, "only streams are measured between several pairs at the same time"));
        };
        if let Err(error) = self.release() {
            return Ok(none_ran(group, context, &error));
        }
        let stream = StreamMeasure { protocol: *protocol, tool: *tool, tuning, wanted: *duration };
        // Put back when the group has been measured.
        let mut changed: Vec<ChangedEnds> = Vec::new();
        let mut members: Vec<Result<Ready<'_, '_, '_>, MemberRecord>> = Vec::new();
        for step in &group.steps {
            let ends = (context.testbed.kernel_endpoint(&step.pair.from)?, context.testbed.kernel_endpoint(&step.pair.to)?);
            let mut own = ChangedEnds::default();
            let set = own.set(&step.pair, ends, tuning.interface);
            changed.push(own);
            if let Err(error) = set {
                members.push(Err(not_run(step, context, ReasonKind::Other, &error.to_string())));
                continue;
            }
            let version = self.versions.of(*tool, ends.0, context.agents);
            members.push(match stream.job(step, ends, version.as_deref(), context) {
                Ok(job) => Ok(Ready { step, version, job }),
                Err((kind, why)) => Err(not_run(step, context, kind, &why)),
            });
        }
        let mut ran = run(&members, context).into_iter();
        self.ends.put_back_for(changed);
        let mut records = Vec::new();
        for member in members {
            records.push(match member {
                Ok(ready) => match ran.next() {
                    Some(ran) => record(stream, ready, ran, context)?,
                    None => return Ok(none_ran(group, context, "a member has no result")),
                },
                Err(record) => record,
            });
        }
        Ok(records)
    }
}

/// Runs the jobs at the same time, each with the agents of its own endpoints.
fn run(members: &[Result<Ready<'_, '_, '_>, MemberRecord>], context: &mut Context<'_>) -> Vec<Result<Ran, ToolRunError>> {
    let ready: Vec<&Ready<'_, '_, '_>> = members.iter().flatten().collect();
    let mut agents: Vec<EndpointAgents> = ready.iter().map(|member| context.agents.lend(&member.step.pair)).collect();
    let line = StartLine::new(ready.len());
    let interrupted = context.interrupted;
    let ran = std::thread::scope(|scope| {
        let running: Vec<_> = ready
            .iter()
            .zip(&mut agents)
            .map(|(member, agents)| {
                // Taken here: a thread that has not begun yet has its place already.
                let starter = line.starter();
                let job = &member.job;
                scope.spawn(move || job.run_from(Some(&starter), agents, interrupted))
            })
            .collect();
        running.into_iter().map(|member| member.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    agents.into_iter().for_each(|lent| context.agents.take_back(lent));
    ran
}

fn record(
    stream: StreamMeasure<'_>,
    ready: Ready<'_, '_, '_>,
    ran: Result<Ran, ToolRunError>,
    context: &mut Context<'_>,
) -> Result<MemberRecord, KernelError> {
    let Ready { step, version, job } = ready;
    let times = ran.as_ref().ok().map(|ran| ran.times);
    let mut record = stream.record(step, &job, version, ran, context)?;
    note_busy_processors(&mut record);
    let span = times
        .zip(record.duration_s)
        .filter(|_| record.verdict.state != State::Failed)
        .and_then(|((began, ended), seconds)| Some(Span { began, ended, length: Duration::try_from_secs_f64(seconds).ok()? }));
    Ok(MemberRecord { record, ran: span })
}

/// Processor times are those of a whole machine, and a machine can hold ends of several members: there is no cost of one member. That the processors
/// were busy is a remark: they, and not the path, can have limited the rates.
fn note_busy_processors(record: &mut Record) {
    let Some(CpuCost { sender, receiver, .. }) = record.cpu.take() else { return };
    let ends = [("sender", sender), ("receiver", receiver)];
    for (name, end) in ends.into_iter().filter_map(|(name, end)| Some((name, end?))) {
        let cpus = end.by_core.len();
        let busy = end.by_core.iter().map(|core| core.busy + core.steal).sum::<f64>() / cpus.max(1) as f64;
        if cpus > 0 && busy > BUSY {
            let detail = format!(
                "the {cpus} CPUs of the {name}'s machine were {:.0} % busy: they, and not the path, can have limited the rates of the group",
                busy.min(1.0) * 100.0
            );
            record.verdict.remark(Reason { kind: ReasonKind::Other, detail });
            return;
        }
    }
}

fn not_run(step: &Step<'_>, context: &Context<'_>, kind: ReasonKind, why: &str) -> MemberRecord {
    MemberRecord { record: failed(step, context.directory, kind, why), ran: None }
}

fn none_ran(group: &GroupStep<'_>, context: &Context<'_>, why: &str) -> Vec<MemberRecord> {
    group.steps.iter().map(|step| not_run(step, context, ReasonKind::Other, why)).collect()
}

#[cfg(test)]
mod tests {
    use reporter::record::{CoreUse, EndCost};
    use serde_json::json;

    use super::*;

    #[test]
    fn busy_processors_are_a_remark_and_their_time_is_not_that_of_one_member() {
        let record = |busy: f64| {
            let record = json!({
                "schema": 1, "id": "x", "time": "2026-03-01T12:00:00Z", "pair": { "from": "a", "to": "b" }, "stack": "kernel-tcp",
                "tool": { "name": "iperf3", "version": "3.12" }, "metric": "throughput", "method": "stream",
                "size": { "kind": "message", "bytes": 64 }, "values": {}, "verdict": { "state": "valid", "reasons": [] }
            });
            let mut record: Record = serde_json::from_value(record).unwrap();
            let core = |core| CoreUse { core, busy, softirq: 0.1, steal: 0.01 };
            let end = EndCost { cores: Some(2.0 * busy), by_core: vec![core(0), core(1)], ..EndCost::default() };
            record.cpu = Some(CpuCost { sender: Some(end), receiver: None, shared_machine: true });
            note_busy_processors(&mut record);
            record
        };
        let (busy, idle) = (record(0.97), record(0.6));
        assert_eq!((busy.verdict.state, busy.verdict.reasons.len(), busy.cpu), (State::Valid, 1, None));
        assert!(busy.verdict.reasons[0].detail.contains("2 CPUs of the sender's machine were 98 % busy"), "{}", busy.verdict.reasons[0]);
        assert!(idle.verdict.reasons.is_empty());
    }
}
