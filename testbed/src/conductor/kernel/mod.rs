//! Kernel measurements: server tool, client tool, their raw output, the record.

mod beside;
mod best;
mod ceiling;
mod changed_ends;
mod file_transfer;
mod frame_view;
mod group;
mod path;
mod ping_pong;
mod ports;
mod processes;
mod raw_ethernet;
mod record;
mod stream;
mod transfer;
mod versions;

use reporter::archive::ArchiveError;
use reporter::record::{ReasonKind, Record};

use super::context::Context;
use super::record::failed;
use super::schedule::Step;
use crate::plan::MeasureKind;
use crate::topology::TestbedError;
use beside::FullRates;
use changed_ends::ChangedEnds;
pub(super) use ports::{PORT, STREAM_PORT};
use stream::StreamMeasure;
use transfer::SeenGoodput;
use versions::Versions;

/// What is remembered from one kernel measurement to the next.
#[derive(Debug, Default)]
pub(super) struct KernelTools {
    seen: SeenGoodput,
    full_rates: FullRates,
    versions: Versions,
    ends: ChangedEnds,
}

impl KernelTools {
    /// Measures, keeps the raw output, and makes the record. A tool that fails makes a `failed` record, not an error.
    ///
    /// # Errors
    /// The run directory cannot be written; the testbed has no such endpoint.
    pub(super) fn measure(&mut self, step: &Step<'_>, context: &mut Context<'_>) -> Result<Record, KernelError> {
        if matches!(step.kind, MeasureKind::KernelBest { .. }) {
            return self.measure_best(step, context);
        }
        let ends = (context.testbed.kernel_endpoint(&step.pair.from)?, context.testbed.kernel_endpoint(&step.pair.to)?);
        let wanted = step.kind.kernel_tuning().map(|tuning| tuning.interface).unwrap_or_default();
        if let Err(error) = self.ends.set(&step.pair, ends, wanted) {
            return Ok(failed(step, context.directory, ReasonKind::Other, &error.to_string()));
        }
        let KernelTools { seen, full_rates, versions, .. } = self;
        Ok(match step.kind {
            MeasureKind::KernelStream { protocol, tool, duration, tuning } => {
                let stream = StreamMeasure { protocol: *protocol, tool: *tool, tuning, wanted: *duration };
                stream::measure(step, ends, stream, (seen, versions), context)?
            }
            MeasureKind::KernelPingPong { protocol, tool, duration, tuning } => {
                ping_pong::measure(step, ends, (*protocol, *tool, tuning), *duration, (full_rates, versions), context)?
            }
            MeasureKind::FileTransfer(transfer) => file_transfer::measure(step, transfer, ends, context)?,
            MeasureKind::KernelBest { .. } | MeasureKind::RoundTrip { .. } | MeasureKind::Procedure { .. } => {
                failed(step, context.directory, ReasonKind::Other, "this step is not a kernel measurement")
            }
        })
    }

    /// Puts back what was changed at interfaces, before something else is measured there. The error says what could not be put back, and where.
    pub(super) fn release(&mut self) -> Result<(), String> {
        self.ends.put_back().map_err(|error| error.to_string())
    }
}

/// A kernel measurement that cannot be kept or placed.
#[derive(Debug, thiserror::Error)]
pub(super) enum KernelError {
    /// The run directory.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// The testbed.
    #[error(transparent)]
    Testbed(#[from] TestbedError),
}
