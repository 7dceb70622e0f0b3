//! Round trips of one small message, alone or beside a stream.

use methodology::units::Seconds;
use reporter::archive::ArchiveError;
use reporter::kernel_tools::{Extent, KernelSpec, KernelTool, MessageSize, Method};
use reporter::record::{ReasonKind, Record};
use serde_json::json;

use super::beside::{FullRates, Loaded, NoStream, run_beside};
use super::path::prove_path;
use super::ports::PORT;
use super::processes::{Job, Ran};
use super::raw_ethernet::with_rdma_ports;
use super::record::keep;
use super::versions::Versions;
use crate::conductor::context::Context;
use crate::conductor::record::failed;
use crate::conductor::schedule::Step;
use crate::plan::{KernelTuning, Protocol};
use crate::topology::KernelEndpoint;

/// A stream that reaches less than this share of its load makes the record invalid: the round trips are those of another load.
const LEAST_OF_LOAD: f64 = 0.8;

/// Measures, and makes the record.
pub(super) fn measure(
    step: &Step<'_>,
    (from, to): (KernelEndpoint<'_>, KernelEndpoint<'_>),
    (protocol, tool, tuning): (Protocol, KernelTool, &KernelTuning),
    duration: Seconds,
    (rates, versions): (&mut FullRates, &mut Versions),
    context: &mut Context<'_>,
) -> Result<Record, ArchiveError> {
    // As much payload as a UDP test frame of that size carries, so that like is compared with like.
    let bytes = match protocol {
        Protocol::Tcp | Protocol::Udp => step.size.udp4_payload(),
        Protocol::RawEthernet => step.size.bytes(),
    };
    let Some(size) = MessageSize::new(bytes) else {
        return Ok(failed(step, context.directory, ReasonKind::Other, "a frame of this size carries no payload"));
    };
    let spec = KernelSpec::new(Method::PingPong, protocol.transport(), to.address, PORT, size, Extent::For(duration.duration()));
    let spec = match with_rdma_ports(tuning.in_spec(KernelSpec { client_address: Some(from.address), ..spec }), from, to) {
        Ok(spec) => spec,
        Err((kind, why)) => return Ok(failed(step, context.directory, kind, &why)),
    };
    let job = Job { tool, spec, from, to, shared_machine: context.machines.are_shared(&step.pair) };
    let version = versions.of(tool, from, context.agents);
    let (ran, loaded) = match run(step, &job, tuning, duration, rates, context) {
        Ok((ran, loaded)) => (Ok(ran), loaded),
        Err(NoStream::Run(error)) => (Err(error), None),
        Err(error @ NoStream::Stream(_)) => {
            return Ok(failed(step, context.directory, ReasonKind::ToolFailed, &error.to_string()));
        }
    };
    let counted = ran.as_ref().ok().map(|ran| ran.counted);
    let mut record = keep(step, &job, version, ran, context)?;
    record.load = tuning.load();
    if let Some(loaded) = loaded {
        judge_load(&mut record, loaded);
    }
    if let Some(counted) = counted {
        prove_path(&mut record, &job, counted);
    }
    Ok(record)
}

/// Runs the ping-pong, with its stream where it has one.
fn run(
    step: &Step<'_>,
    job: &Job<'_>,
    tuning: &KernelTuning,
    duration: Seconds,
    rates: &mut FullRates,
    context: &mut Context<'_>,
) -> Result<(Ran, Option<Loaded>), NoStream> {
    let Some(share) = tuning.stream_load else {
        return Ok((job.run(context.agents, context.interrupted)?, None));
    };
    let full = rates.of(&step.pair, tuning.interface, job, context.agents, context.interrupted)?;
    let (ran, loaded) = run_beside(job, duration.duration(), (share, full), context.agents, context.interrupted)?;
    Ok((ran, Some(loaded)))
}

/// Writes the load into the record, and makes it invalid where the load was not there.
fn judge_load(record: &mut Record, loaded: Loaded) {
    let (share, target, reached) = (loaded.share.share(), loaded.target.bps(), loaded.reached.bps());
    record.parameters.insert("stream_beside".to_owned(), json!({ "share": share, "target_bps": target, "reached_bps": reached }));
    if !loaded.preceded {
        record.verdict.invalidate(ReasonKind::OfferedShort, "the stream beside the ping-pong began too late".to_owned());
    }
    if !loaded.outlasted {
        record.verdict.invalidate(ReasonKind::OfferedShort, "the stream beside the ping-pong ended before it".to_owned());
    }
    if reached < LEAST_OF_LOAD * target {
        let detail = format!("the stream beside the ping-pong reached {} of {} that it was to send", loaded.reached, loaded.target);
        record.verdict.invalidate(ReasonKind::OfferedShort, detail);
    }
}
