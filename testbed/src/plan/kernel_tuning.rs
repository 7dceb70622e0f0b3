use std::num::{NonZeroU16, NonZeroU32};

use methodology::units::Share;
use reporter::kernel_tools::{KernelSpec, KernelTool, MessageSize, Method, TcpSettings, Transport};
use serde_json::{Value, json};

use super::tuning::{Directions, joined};
use crate::interface_settings::{InterfaceSettings, OffloadState};

/// How both kernel ends of a measurement are set up. Measurements that differ in it stand side by side in a report, and are never averaged.
#[derive(Debug, Clone, PartialEq)]
pub struct KernelTuning {
    /// Which ends send.
    pub directions: Directions,
    /// Connections at once.
    pub streams: NonZeroU16,
    /// What the application hands over in one call, where it does not follow from a frame size of the plan.
    pub message: Option<MessageSize>,
    /// What is asked of TCP.
    pub tcp: TcpSettings,
    /// UDP's segmentation offload at the sender and receive offload at the receiver, asked for by the tool.
    pub gsro: bool,
    /// Settings of both interfaces while it is measured.
    pub interface: InterfaceSettings,
    /// The CPU of the tool's client, at the sender; the scheduler's choice where none is given.
    pub client_cpu: Option<u32>,
    /// The CPU of the tool's server, at the receiver.
    pub server_cpu: Option<u32>,
    /// The load of a TCP stream beside a ping-pong, as a share of the rate that it reaches alone; none without a stream.
    pub stream_load: Option<Share>,
}

impl Default for KernelTuning {
    fn default() -> Self {
        KernelTuning {
            directions: Directions::Forward,
            streams: NonZeroU16::MIN,
            message: None,
            tcp: TcpSettings::default(),
            gsro: false,
            interface: InterfaceSettings::default(),
            client_cpu: None,
            server_cpu: None,
            stream_load: None,
        }
    }
}

/// One setting that differs from the default: as a part of a record's id, in words, and among a record's parameters. The size of a message is no
/// parameter: it is the record's size.
struct Difference {
    label: String,
    /// None where the size says it.
    words: Option<String>,
    parameter: Option<(&'static str, Value)>,
}

impl KernelTuning {
    /// What differs from the default, as a part of a record's id: `s4-m65536`; none where everything is the default.
    pub fn label(&self) -> Option<String> {
        joined(self.differences().into_iter().map(|difference| difference.label), "-")
    }

    /// What differs from the default, for people: `4 streams, MTU 9000`.
    pub fn in_words(&self) -> Option<String> {
        joined(self.differences().into_iter().filter_map(|difference| difference.words), ", ")
    }

    /// What differs from the default, as keys of a record's `parameters`.
    pub fn parameters(&self) -> impl Iterator<Item = (&'static str, Value)> {
        self.differences().into_iter().filter_map(|difference| difference.parameter)
    }

    /// The tool of that stream.
    pub fn stream_tool() -> Option<KernelTool> {
        KernelTool::able(Method::Stream, Transport::Tcp).next()
    }

    /// The load of a record, where a stream runs beside it.
    pub fn load(&self) -> Option<String> {
        self.stream_load.map(|share| format!("beside a stream at {share}"))
    }

    /// The measurement with these settings.
    pub fn in_spec(&self, spec: KernelSpec) -> KernelSpec {
        KernelSpec {
            size: self.message.unwrap_or(spec.size),
            streams: self.streams,
            both_ways: self.directions == Directions::Both,
            tcp: self.tcp.clone(),
            gsro: self.gsro,
            client_cpu: self.client_cpu,
            server_cpu: self.server_cpu,
            ..spec
        }
    }

    fn differences(&self) -> Vec<Difference> {
        let difference = |label: String, words: String, key: &'static str, value: Value| Difference {
            label,
            words: Some(words),
            parameter: Some((key, value)),
        };
        let KernelTuning { directions, streams, message, tcp, gsro, interface, client_cpu, server_cpu, stream_load } = self;
        let offload = |key: &'static str, state: OffloadState| {
            let name = state.name();
            difference(format!("{key}-{name}"), format!("{} {name}", key.to_uppercase()), key, json!(name))
        };
        let message = message.map(|message| {
            let bytes = message.bytes();
            Difference { label: format!("m{bytes}"), words: None, parameter: None }
        });
        let stream_load = stream_load.map(|share| {
            let percent = share.to_string();
            let label = format!("load{}", percent.trim_end_matches(" %"));
            // Not a setting of the ends: the record's load says it.
            Difference { label, words: Some(format!("beside a stream at {percent}")), parameter: None }
        });
        let window = |bytes: NonZeroU32| difference(format!("w{bytes}"), format!("window {bytes} B"), "window", json!(bytes));
        let deferred = |times: u32| {
            difference(format!("defer{times}"), format!("interrupts deferred {times} times"), "napi_defer_hard_irqs", json!(times))
        };
        let flushed = |ns: u32| difference(format!("flush{ns}"), format!("GRO flushed after {ns} ns"), "gro_flush_timeout_ns", json!(ns));
        let busy_polling = |us: u32| difference(format!("busy{us}"), format!("busy polling for {us} us"), "busy_poll_us", json!(us));
        let both = || difference("both".to_owned(), "both directions at once".to_owned(), "bidirectional", json!(true));
        [
            (*directions == Directions::Both).then(both),
            (streams.get() > 1).then(|| difference(format!("s{streams}"), format!("{streams} streams"), "streams", json!(streams))),
            message,
            tcp.congestion_control.as_ref().map(|name| difference(name.clone(), name.clone(), "congestion_control", json!(name))),
            tcp.window.map(window),
            tcp.zero_copy.then(|| difference("zero-copy".to_owned(), "zero copy".to_owned(), "zero_copy", json!("on"))),
            gsro.then(|| difference("gsro".to_owned(), "GSO and GRO of UDP".to_owned(), "gsro", json!("on"))),
            interface.mtu.map(|mtu| difference(format!("mtu{mtu}"), format!("MTU {mtu}"), "mtu", json!(mtu))),
            interface.gso.map(|state| offload("gso", state)),
            interface.gro.map(|state| offload("gro", state)),
            interface.napi_defer_hard_irqs.map(deferred),
            interface.gro_flush_timeout_ns.map(flushed),
            interface.busy_poll.map(|busy| busy_polling(busy.read_us)),
            client_cpu.map(|cpu| difference(format!("c{cpu}"), format!("client on CPU {cpu}"), "client_cpu", json!(cpu))),
            server_cpu.map(|cpu| difference(format!("v{cpu}"), format!("server on CPU {cpu}"), "server_cpu", json!(cpu))),
            stream_load,
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
