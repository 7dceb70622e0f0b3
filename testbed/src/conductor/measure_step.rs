use reporter::record::{ReasonKind, Record, Verdict};

use super::bypass::Bypass;
use super::context::Context;
use super::kernel::{KernelError, KernelTools};
use super::path_device::InPath;
use super::record::failed;
use super::schedule::Step;

/// Measures one step with the kernel's tools or with poll loops.
///
/// # Errors
/// The run directory cannot be written, or the testbed has no such endpoint. A measurement that fails is a record and not an error.
pub(super) fn measure_step(
    step: &Step<'_>,
    tools: &mut KernelTools,
    bypass: &mut Bypass,
    context: &mut Context<'_>,
) -> Result<Record, KernelError> {
    let port = (!step.kind.is_kernel()).then_some(step.tuning.port);
    if let Err(error) = context.device.prepare(context.testbed, &step.pair, port, context.interrupted) {
        return Ok(failed(step, context.directory, ReasonKind::Device, &error.to_string()));
    }
    if step.kind.is_kernel() {
        return with_device(step, context, |context| tools.measure(step, context));
    }
    // A poll loop measures with the interface as the testbed has it.
    match tools.release() {
        Ok(()) => Ok(bypass.measure(step, context)?),
        Err(why) => Ok(failed(step, context.directory, ReasonKind::Other, &why)),
    }
}

/// A kernel measurement through the device in the path, where there is one. What the device counted is in the record.
fn with_device(
    step: &Step<'_>,
    context: &mut Context<'_>,
    measure: impl FnOnce(&mut Context<'_>) -> Result<Record, KernelError>,
) -> Result<Record, KernelError> {
    let before = context.device.get().map(InPath::before).transpose();
    let mut record = measure(context)?;
    let after = before.and_then(|before| match (context.device.get(), before) {
        (Some(device), Some(before)) => device.after(before, None),
        _ => Ok(()),
    });
    if let Some(device) = context.device.get() {
        record.parameters.extend(device.parameters(&step.id, context.directory)?);
    }
    if let Err(error) = after {
        context.device.release();
        record.verdict = Verdict::failed(ReasonKind::Device, error.to_string());
    }
    Ok(record)
}
