//! Round trips of one small message.

use methodology::units::Seconds;
use reporter::archive::ArchiveError;
use reporter::kernel_tools::{Extent, KernelSpec, KernelTool, MessageSize, Method};
use reporter::record::{ReasonKind, Record};

use super::path::prove_path;
use super::ports::PORT;
use super::processes::Job;
use super::record::keep;
use super::versions::Versions;
use crate::conductor::context::Context;
use crate::conductor::record::failed;
use crate::conductor::schedule::Step;
use crate::plan::{KernelTuning, Protocol};
use crate::topology::KernelEndpoint;

/// Measures, and makes the record.
pub(super) fn measure(
    step: &Step<'_>,
    (from, to): (KernelEndpoint<'_>, KernelEndpoint<'_>),
    (protocol, tool, tuning): (Protocol, KernelTool, &KernelTuning),
    duration: Seconds,
    versions: &mut Versions,
    context: &mut Context<'_>,
) -> Result<Record, ArchiveError> {
    // As much payload as a UDP test frame of that size carries, so that like is compared with like.
    let Some(size) = MessageSize::new(step.size.udp4_payload()) else {
        return Ok(failed(step, context.directory, ReasonKind::Other, "a frame of this size carries no payload"));
    };
    let spec = KernelSpec::new(Method::PingPong, protocol.transport(), to.address, PORT, size, Extent::For(duration.duration()));
    let spec = tuning.in_spec(KernelSpec { client_address: Some(from.address), ..spec });
    let job = Job { tool, spec, from, to, shared_machine: context.machines.are_shared(&step.pair) };
    let ran = job.run(context.agents, context.interrupted);
    let counted = ran.as_ref().ok().map(|ran| ran.counted);
    let version = versions.of(tool, from, context.agents);
    let mut record = keep(step, &job, version, ran, context)?;
    if let Some(counted) = counted {
        prove_path(&mut record, &job, counted);
    }
    Ok(record)
}
