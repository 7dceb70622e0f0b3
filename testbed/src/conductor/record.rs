//! Records as far as a step of the plan alone determines them.

use reporter::archive::RunDirectory;
use reporter::kernel_tools::KernelTool;
use reporter::record::{Metric, ReasonKind, Record, SchemaVersion, Size, Tool, Values, Verdict, View};

use super::schedule::Step;
use crate::plan::{FileTransfer, KernelTuning, MeasureKind, Protocol};

/// How the ends were set up, where that is not plain.
pub(super) fn parameters_of(step: &Step<'_>) -> serde_json::Map<String, serde_json::Value> {
    let of_kernel = step.kind.kernel_tuning().into_iter().flat_map(KernelTuning::parameters);
    let of_file = step.kind.file_transfer().into_iter().flat_map(FileTransfer::parameters);
    step.tuning.parameters().into_iter().chain(of_kernel).chain(of_file).map(|(key, value)| (key.to_owned(), value)).collect()
}

/// The record of a measurement that was not made.
pub(super) fn failed(step: &Step<'_>, directory: &RunDirectory, kind: ReasonKind, why: &str) -> Record {
    empty(step, directory, Verdict::failed(kind, why))
}

/// A record without results: who, where, what.
pub(super) fn empty(step: &Step<'_>, directory: &RunDirectory, verdict: Verdict) -> Record {
    let name = match step.kind {
        MeasureKind::FileTransfer(_) => "curl",
        _ => step.kind.kernel_tool().map_or("linerate", KernelTool::name),
    };
    let kernel = step.kind.is_kernel();
    Record {
        schema: SchemaVersion::CURRENT,
        id: step.id.clone(),
        time: jiff::Timestamp::now(),
        pair: step.pair.clone(),
        stack: step.stack(),
        tool: Tool {
            name: name.to_owned(),
            version: if kernel { String::new() } else { env!("CARGO_PKG_VERSION").to_owned() },
            commands: Vec::new(),
        },
        metric: match step.kind {
            MeasureKind::KernelPingPong { .. } => Metric::Latency,
            _ => metric(step.kind.method()),
        },
        method: step.kind.method().to_owned(),
        parameters: parameters_of(step),
        size: size_of(step),
        view: view_of(step),
        load: step.kind.kernel_tuning().and_then(KernelTuning::load),
        repetition: step.repetition,
        duration_s: None,
        values: Values::default(),
        ceiling: None,
        cpu: None,
        raw: None,
        provenance: directory.provenance().clone(),
        verdict,
    }
}

/// The same size as that of a record that did not fail, so that both stand in one place.
fn size_of(step: &Step<'_>) -> Size {
    match step.kind {
        MeasureKind::KernelStream { tuning: of_kernel, protocol, .. } => match (of_kernel.message, protocol) {
            (Some(message), _) => message.into(),
            (None, Protocol::Tcp) => Size::message(step.size.bytes()),
            (None, Protocol::Udp | Protocol::RawEthernet) => Size::frame(step.size),
        },
        MeasureKind::KernelBest { search, protocol, .. } => match (search.messages().first(), protocol) {
            (Some(message), _) => (*message).into(),
            (None, Protocol::Tcp) => Size::message(step.size.bytes()),
            (None, Protocol::Udp | Protocol::RawEthernet) => Size::frame(step.size),
        },
        MeasureKind::KernelPingPong { protocol: Protocol::RawEthernet, .. } => Size::frame(step.size),
        MeasureKind::KernelPingPong { .. } => Size::message(step.size.udp4_payload()),
        MeasureKind::FileTransfer(transfer) => Size::file(transfer.file.bytes()),
        MeasureKind::RoundTrip { .. } | MeasureKind::Procedure { .. } => Size::frame(step.size),
    }
}

fn view_of(step: &Step<'_>) -> Option<View> {
    match step.kind {
        MeasureKind::KernelStream { protocol: Protocol::RawEthernet, .. }
        | MeasureKind::KernelPingPong { protocol: Protocol::RawEthernet, .. } => Some(View::Frame),
        MeasureKind::KernelStream { protocol: Protocol::Udp, tuning, .. } if tuning.message.is_none() => Some(View::Frame),
        MeasureKind::KernelBest { protocol: Protocol::Udp, search, .. } if search.messages().is_empty() => Some(View::Frame),
        MeasureKind::KernelStream { .. }
        | MeasureKind::KernelBest { .. }
        | MeasureKind::KernelPingPong { .. }
        | MeasureKind::FileTransfer(_) => Some(View::Application),
        MeasureKind::Procedure { .. } => Some(View::Frame),
        MeasureKind::RoundTrip { .. } => None,
    }
}

/// The metric that a method measures.
fn metric(method: &str) -> Metric {
    match method {
        "file-transfer" => Metric::TransferTime,
        "latency" | "round-trip" => Metric::Latency,
        "pdv" => Metric::DelayVariation,
        "frame-loss" => Metric::FrameLoss,
        "back-to-back" => Metric::BackToBack,
        "system-recovery" => Metric::Recovery,
        "reset" => Metric::Reset,
        _ => Metric::Throughput,
    }
}
