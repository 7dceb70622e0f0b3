use reporter::record::{ReasonKind, Record};

use super::bypass::Bypass;
use super::context::Context;
use super::kernel::{KernelError, KernelTools};
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
    if step.kind.is_kernel() {
        return tools.measure(step, context);
    }
    // A poll loop measures with the interface as the testbed has it.
    match tools.release() {
        Ok(()) => Ok(bypass.measure(step, context)?),
        Err(why) => Ok(failed(step, context.directory, ReasonKind::Other, &why)),
    }
}
