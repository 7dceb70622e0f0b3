use reporter::record::{ReasonKind, Record};

use super::bypass::Bypass;
use super::context::Context;
use super::kernel::{KernelError, KernelTools};
use super::record::failed;
use super::schedule::GroupStep;
use super::together::{MemberRecord, judged};

/// Measures several pairs at the same time, with the kernel's tools or with poll loops. A record for each pair, in the order of the group.
///
/// # Errors
/// The run directory cannot be written, or the testbed has no such endpoint. A measurement that fails is a record and not an error.
pub(super) fn measure_group(
    group: &GroupStep<'_>,
    tools: &mut KernelTools,
    bypass: &mut Bypass,
    context: &mut Context<'_>,
) -> Result<Vec<Record>, KernelError> {
    // Interfaces are as the testbed has them, and no port is open that a member needs.
    let released = tools.release();
    bypass.end_pair();
    context.device.release();
    let members = match released {
        Ok(()) if group.measure.kind.is_kernel() => tools.measure_group(group, context)?,
        Ok(()) => bypass.measure_group(group, context)?,
        Err(why) => {
            let member = |step| MemberRecord { record: failed(step, context.directory, ReasonKind::Other, &why), ran: None };
            group.steps.iter().map(member).collect()
        }
    };
    Ok(judged(&group.id, members))
}
