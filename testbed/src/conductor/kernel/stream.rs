//! A stream: goodput by message size over TCP, frames made by datagrams over UDP.

use methodology::units::{FrameSize, Seconds};
use reporter::archive::ArchiveError;
use reporter::kernel_tools::{Extent, KernelSpec, KernelTool, MessageSize, Method};
use reporter::record::{ReasonKind, Record, State};

use super::frame_view;
use super::path::prove_path;
use super::ports::PORT;
use super::processes::{Job, Ran, ToolRunError};
use super::raw_ethernet::with_rdma_ports;
use super::record::keep;
use super::transfer::{SeenGoodput, TransferLength, judge_length};
use super::versions::Versions;
use crate::conductor::context::Context;
use crate::conductor::record::failed;
use crate::conductor::schedule::Step;
use crate::plan::{KernelTuning, Protocol};
use crate::topology::KernelEndpoint;

/// How far the seconds of perftest's rate may be from those that it counted for.
const CLOCK_TOLERANCE: f64 = 0.005;

/// A stream as a measure has it.
#[derive(Clone, Copy)]
pub(super) struct StreamMeasure<'m> {
    pub(super) protocol: Protocol,
    pub(super) tool: KernelTool,
    pub(super) tuning: &'m KernelTuning,
    pub(super) wanted: Seconds,
}

impl StreamMeasure<'_> {
    /// The message, and the stream between these ends for the time that is wanted. The error is why there is none.
    pub(super) fn job<'e>(
        &self,
        step: &Step<'_>,
        (from, to): (KernelEndpoint<'e>, KernelEndpoint<'e>),
        version: Option<&str>,
        context: &Context<'_>,
    ) -> Result<Job<'e>, (ReasonKind, String)> {
        let size = self.tuning.message.or_else(|| MessageSize::new(stream_message(self.protocol, step.size)));
        let size = size.ok_or((ReasonKind::Other, "a frame of this size carries no payload".to_owned()))?;
        let extent = Extent::For(self.wanted.duration());
        let spec = KernelSpec::new(Method::Stream, self.protocol.transport(), to.address, PORT, size, extent);
        let spec = with_rdma_ports(self.tuning.in_spec(KernelSpec { client_address: Some(from.address), ..spec }), from, to)?;
        match self.tool.version_lacks(&spec, version) {
            Some(why) => Err((ReasonKind::ToolFailed, why)),
            None => Ok(Job { tool: self.tool, spec, from, to, shared_machine: context.machines.are_shared(&step.pair) }),
        }
    }

    /// The record of a stream that ran, or did not.
    pub(super) fn record(
        &self,
        step: &Step<'_>,
        job: &Job<'_>,
        version: Option<String>,
        ran: Result<Ran, ToolRunError>,
        context: &Context<'_>,
    ) -> Result<Record, ArchiveError> {
        let counted = ran.as_ref().ok().map(|ran| ran.counted);
        let mut record = keep(step, job, version, ran, context)?;
        if let Some(counted) = counted {
            judge_length(&mut record, job.spec.extent, self.wanted.duration());
            // A datagram of a size of its own can be of several frames, or share one: it makes no frame size.
            if self.protocol == Protocol::Udp && self.tuning.message.is_none() {
                frame_view::prove(&mut record, step.size, counted);
            }
            prove_path(&mut record, job, counted);
            if self.protocol == Protocol::RawEthernet {
                judge_clock(&mut record, self.wanted);
            }
        }
        Ok(record)
    }
}

/// Measures, and makes the record.
pub(super) fn measure(
    step: &Step<'_>,
    ends: (KernelEndpoint<'_>, KernelEndpoint<'_>),
    stream: StreamMeasure<'_>,
    (seen, versions): (&mut SeenGoodput, &mut Versions),
    context: &mut Context<'_>,
) -> Result<Record, ArchiveError> {
    let StreamMeasure { protocol, tool, wanted, .. } = stream;
    let version = versions.of(tool, ends.0, context.agents);
    let mut job = match stream.job(step, ends, version.as_deref(), context) {
        Ok(job) => job,
        Err((kind, why)) => return Ok(failed(step, context.directory, kind, &why)),
    };
    let size = job.spec.size;
    // Two directions end together only by time.
    if wanted.seconds() < 1.0 && tool.ends_after_bytes(version.as_deref()) && !job.spec.both_ways {
        job.spec.extent = Extent::bytes_for(seen.expected(&step.pair, protocol, size), wanted.duration());
    }
    let mut ran = job.run(context.agents, context.interrupted);
    // Three more runs are enough: one with the right number of bytes, one more where the rate rises with them, and one by time where bytes do not
    // end in time.
    for _ in 0..3 {
        let Some((goodput, took)) = ran.as_ref().ok().and_then(|ran| ran.goodput(tool)) else { break };
        let next = match TransferLength::of(job.spec.extent, took, wanted.duration()) {
            TransferLength::AsPlanned => {
                seen.note(&step.pair, protocol, size, goodput);
                break;
            }
            TransferLength::ByTime => break,
            TransferLength::TooShort => Extent::bytes_for(goodput, wanted.duration()),
            TransferLength::TooLong => Extent::For(wanted.duration()),
        };
        match job.run_for(next, context.agents, context.interrupted) {
            Ok(again) => {
                ran = Ok(again);
                job.spec.extent = next;
            }
            // The run before stays in the record, which judges its length.
            Err(_) => break,
        }
    }
    stream.record(step, &job, version, ran, context)
}

/// perftest counts for whole seconds of the kernel's clock. It computes the rate from cycles, and takes their frequency from "cpu MHz" in /proc/cpuinfo
/// (`get_cpu_mhz` in get_clock.c), which need not be that of the cycles.
fn judge_clock(record: &mut Record, wanted: Seconds) {
    let Some(seconds) = record.duration_s.filter(|_| record.verdict.state != State::Failed) else { return };
    let window = wanted.seconds().ceil().max(1.0);
    if (seconds - window).abs() > CLOCK_TOLERANCE * window {
        let detail = format!(
            "perftest counted for {window} s, and its rate is that of {seconds:.3} s: it took a wrong CPU frequency from /proc/cpuinfo; set the CPU governor to `performance`, and measure again"
        );
        record.verdict.invalidate(ReasonKind::CountersDisagree, detail);
    }
}

/// A stream's message: what an application writes into TCP, the datagram that makes a frame of this size, or the frame.
fn stream_message(protocol: Protocol, size: FrameSize) -> u32 {
    match protocol {
        Protocol::Tcp | Protocol::RawEthernet => size.bytes(),
        Protocol::Udp => size.udp4_payload(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_makes_the_frame_and_a_message_is_a_message() {
        assert_eq!(stream_message(Protocol::Udp, FrameSize::MIN), 18);
        assert_eq!(stream_message(Protocol::Tcp, FrameSize::MIN), 64);
    }
}
