use jiff::Timestamp;
use serde_json::{Map, Value};
use thiserror::Error;

use super::{Direction, KernelSpec, KernelTool, Measurement, MessageSize, Method, ToolError, ToolExit, Transport};
use crate::record::{
    Ceiling, CpuCost, Metric, Pair, ReasonKind, Record, RecordId, SchemaVersion, Size, SizeKind, State, Tool, Values, Verdict, View,
    directions,
};

/// What a tool's output does not say and a record must.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordContext {
    /// Unique within the run.
    pub id: RecordId,
    /// When the measurement ended.
    pub time: Timestamp,
    /// The client's endpoint, then the server's. The record's pair is sender, then receiver.
    pub pair: Pair,
    /// For outputs that do not say it.
    pub size: Option<MessageSize>,
    /// For outputs that do not say it.
    pub version: Option<String>,
    /// Client first.
    pub commands: Vec<String>,
    /// Where the output is kept, from [`RunDirectory::store_raw`](crate::archive::RunDirectory::store_raw).
    pub raw: Option<String>,
    /// How the client ended.
    pub exit: ToolExit,
    /// From 1.
    pub repetition: u32,
    /// Which of the report's views; the frame view is for runs whose frame size was made and verified.
    pub view: View,
    /// What the result cannot exceed.
    pub ceiling: Option<Ceiling>,
    /// What it cost in processor time.
    pub cpu: Option<CpuCost>,
    /// From [`RunDirectory::provenance`](crate::archive::RunDirectory::provenance).
    pub provenance: Map<String, Value>,
}

impl RecordContext {
    /// The first repetition, application view, nothing else known.
    pub fn new(id: RecordId, time: Timestamp, pair: Pair) -> Self {
        RecordContext {
            id,
            time,
            pair,
            size: None,
            version: None,
            commands: Vec::new(),
            raw: None,
            exit: ToolExit::Unknown,
            repetition: 1,
            view: View::Application,
            ceiling: None,
            cpu: None,
            provenance: Map::new(),
        }
    }
}

/// Neither the tool's output nor its reader knows the message size.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the output of {tool} does not say how large its messages were: name it with --size, such as --size 1024")]
pub struct SizeUnknown {
    /// The tool.
    pub tool: KernelTool,
}

/// The place of a measurement in its raw file, in a record's parameters.
pub(super) const RAW_INDEX: &str = "raw_index";
/// The client's exit code, in a record's parameters.
pub(super) const EXIT_CODE: &str = "exit_code";
/// The load of a stream that was not held back. A paced one has no load in a record: tools pace payload, and a load counts on the wire.
const MAX_LOAD: &str = "max";

impl Measurement {
    /// The record of this measurement. `index` is its place among those of the same output, from 0: it makes ids unique and
    /// lets [`reparse`](super::reparse) find it again.
    pub fn into_record(self, index: usize, context: &RecordContext) -> Result<Record, SizeUnknown> {
        let size = self.size.or(context.size).ok_or(SizeUnknown { tool: self.tool })?;
        let verdict = self.verdict();
        let Pair { from, to } = context.pair.clone();
        let pair = match self.direction {
            Direction::ClientToServer => Pair { from, to },
            Direction::ServerToClient => Pair { from: to, to: from },
        };
        let id = if index == 0 { context.id.clone() } else { RecordId(format!("{}.{}", context.id, index + 1)) };
        let load = (self.method == Method::Stream && !self.paced).then(|| MAX_LOAD.to_owned());
        let mut parameters = self.parameters;
        name_directions(&mut parameters, &pair);
        parameters.insert(RAW_INDEX.to_owned(), Value::from(index));
        note_exit(&mut parameters, context.exit);
        Ok(Record {
            schema: SchemaVersion::CURRENT,
            id,
            time: context.time,
            pair,
            stack: self.transport.stack(),
            tool: Tool {
                name: self.tool.name().to_owned(),
                version: self.version.or_else(|| context.version.clone()).unwrap_or_default(),
                commands: context.commands.clone(),
            },
            metric: metric(self.method),
            method: self.method.name().to_owned(),
            parameters,
            size: size_over(self.transport, size),
            view: Some(view_over(self.transport, context)),
            load,
            repetition: context.repetition,
            duration_s: self.duration.map(|duration| duration.as_secs_f64()),
            values: self.values,
            ceiling: context.ceiling.clone(),
            cpu: context.cpu.clone(),
            raw: context.raw.clone(),
            provenance: context.provenance.clone(),
            verdict,
        })
    }

    /// Invalid where there are doubts; valid, with the remarks, where there are none.
    pub fn verdict(&self) -> Verdict {
        if self.doubts.is_empty() {
            Verdict { state: State::Valid, reasons: self.remarks.clone() }
        } else {
            Verdict::invalid(self.doubts.iter().chain(&self.remarks).cloned().collect())
        }
    }
}

/// The record of a measurement that did not come about.
pub fn failed_record(tool: KernelTool, spec: &KernelSpec, context: &RecordContext, error: &ToolError) -> Record {
    let kind = match error {
        ToolError::TimedOut { .. } => ReasonKind::TimedOut,
        _ => ReasonKind::ToolFailed,
    };
    let Pair { from, to } = context.pair.clone();
    let mut parameters = Map::new();
    note_exit(&mut parameters, context.exit);
    Record {
        schema: SchemaVersion::CURRENT,
        id: context.id.clone(),
        time: context.time,
        pair: if spec.reverse { Pair { from: to, to: from } } else { Pair { from, to } },
        stack: spec.transport.stack(),
        tool: Tool {
            name: tool.name().to_owned(),
            version: context.version.clone().unwrap_or_default(),
            commands: context.commands.clone(),
        },
        metric: metric(spec.method),
        method: spec.method.name().to_owned(),
        parameters,
        size: size_over(spec.transport, spec.size),
        view: Some(view_over(spec.transport, context)),
        load: (spec.method == Method::Stream && spec.rate.is_none()).then(|| MAX_LOAD.to_owned()),
        repetition: context.repetition,
        duration_s: None,
        values: Values::default(),
        ceiling: context.ceiling.clone(),
        cpu: context.cpu.clone(),
        raw: context.raw.clone(),
        provenance: context.provenance.clone(),
        verdict: Verdict::failed(kind, error.to_string()),
    }
}

/// Writes the ends of each direction into a measurement of both: a tool does not know the endpoints' names.
fn name_directions(parameters: &mut Map<String, Value>, pair: &Pair) {
    let mut each = directions::of(parameters);
    if !each.is_empty() {
        each.iter_mut().for_each(|one| one.between(pair));
        directions::note(&each, parameters);
    }
}

/// Of raw Ethernet, the message is the frame.
fn size_over(transport: Transport, size: MessageSize) -> Size {
    match transport {
        Transport::RawEthernet => Size { kind: SizeKind::Frame, bytes: size.bytes() },
        Transport::Tcp | Transport::Udp | Transport::Icmp => size.into(),
    }
}

fn view_over(transport: Transport, context: &RecordContext) -> View {
    if transport == Transport::RawEthernet { View::Frame } else { context.view }
}

fn metric(method: Method) -> Metric {
    match method {
        Method::Stream => Metric::Throughput,
        Method::PingPong => Metric::Latency,
    }
}

fn note_exit(parameters: &mut Map<String, Value>, exit: ToolExit) {
    if let ToolExit::Code(code) = exit {
        parameters.insert(EXIT_CODE.to_owned(), Value::from(code));
    }
}
