use reporter::archive::ArchiveError;
use reporter::kernel_tools::{KernelSpec, KernelTool, Measurement, RecordContext, ToolError, ToolExit, failed_record};
use reporter::record::{Record, View};

use super::ceiling::ceiling;
use super::processes::{Job, Ran, ToolRunError};
use crate::conductor::context::Context;
use crate::conductor::record::{failed, parameters_of};
use crate::conductor::schedule::Step;

/// Keeps a tool's raw output and makes the record of it. A tool that did not run makes a `failed` record.
pub(super) fn keep(
    step: &Step<'_>,
    job: &Job<'_>,
    version: Option<String>,
    ran: Result<Ran, ToolRunError>,
    run: &Context<'_>,
) -> Result<Record, ArchiveError> {
    let mut context = RecordContext::new(step.id.clone(), jiff::Timestamp::now(), step.pair.clone());
    context.size = Some(job.spec.size);
    context.repetition = step.repetition;
    context.provenance = run.directory.provenance().clone();
    context.view = View::Application;
    context.ceiling = Some(ceiling(job.from, job.to, job.spec.transport));
    context.version = version;
    match ran {
        Ok(ran) => {
            let name = format!("{}.{}", step.id.0.replace('/', "_"), job.tool.raw_extension());
            context.raw = Some(run.directory.store_raw(&name, ran.text.as_bytes())?);
            context.commands = ran.commands;
            context.cpu = ran.cost;
            context.exit = ran.exit;
            let mut record = record(job.tool, &job.spec, &ran.text, ran.exit, &context);
            record.parameters.extend(parameters_of(step));
            Ok(record)
        }
        Err(error) => Ok(failed(step, run.directory, error.reason_kind(), &error.to_string())),
    }
}

fn record(tool: KernelTool, spec: &KernelSpec, text: &str, exit: ToolExit, context: &RecordContext) -> Record {
    let measured: Result<Measurement, ToolError> = match spec.both_ways {
        true => tool.parse_both_ways(text, exit),
        false => tool.parse(text, exit).map(|mut all| all.swap_remove(0)),
    };
    match measured {
        Ok(measurement) => match measurement.into_record(0, context) {
            Ok(record) => record,
            // Cannot happen while the context names a size. If it does, the record reports it.
            Err(unknown) => failed_record(tool, spec, context, &ToolError::Unreadable { tool, why: unknown.to_string() }),
        },
        Err(error) => failed_record(tool, spec, context, &error),
    }
}
