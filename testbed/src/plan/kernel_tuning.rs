use std::num::{NonZeroU16, NonZeroU32};

use methodology::tune::Axis;
use methodology::units::Share;
use reporter::kernel_tools::{KernelSpec, KernelTool, MessageSize, Method, TcpSettings, Transport};
use serde_json::{Value, json};

use super::tuning::{Directions, OneOrMany, each, joined, values};
use crate::interface_settings::{InterfaceSettings, Mtu, OffloadState};

/// No tool writes more in one call: a larger size is a mistake in the plan.
const MOST_MESSAGE: u32 = 1 << 30;

/// The kernel doubles a socket buffer and counts it in an `int` (socket(7), SO_SNDBUF).
const MOST_WINDOW: u32 = 1 << 30;

/// The longest name of a congestion control, without its end (TCP_CA_NAME_MAX in linux/tcp.h).
const LONGEST_ALGORITHM: usize = 15;

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
            client_cpu.map(|cpu| difference(format!("c{cpu}"), format!("client on CPU {cpu}"), "client_cpu", json!(cpu))),
            server_cpu.map(|cpu| difference(format!("v{cpu}"), format!("server on CPU {cpu}"), "server_cpu", json!(cpu))),
            stream_load,
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// The keys of one kernel `[[measure]]` that tune it.
pub(super) struct KernelKeys<'k> {
    pub(super) directions: Option<&'k OneOrMany<Directions>>,
    pub(super) streams: Option<&'k OneOrMany<u16>>,
    pub(super) message: Option<&'k OneOrMany<ByteCount>>,
    pub(super) mtu: Option<&'k OneOrMany<u32>>,
    pub(super) congestion_control: Option<&'k OneOrMany<String>>,
    pub(super) window: Option<&'k OneOrMany<ByteCount>>,
    pub(super) zero_copy: Option<&'k OneOrMany<bool>>,
    pub(super) gsro: Option<&'k OneOrMany<bool>>,
    pub(super) gso: Option<&'k OneOrMany<bool>>,
    pub(super) gro: Option<&'k OneOrMany<bool>>,
    pub(super) client_cpu: Option<&'k OneOrMany<u32>>,
    pub(super) server_cpu: Option<&'k OneOrMany<u32>>,
    pub(super) stream_load: Option<&'k OneOrMany<String>>,
}

/// The share of a stream's full rate: `"50%"`, and `"0%"` for no stream.
fn stream_load(text: &str) -> Result<Option<Share>, String> {
    let wrong = || format!("`{}` is not a share of a stream's rate: write \"0%\" to \"100%\"", text.escape_debug());
    let percent: f64 = text.strip_suffix('%').and_then(|number| number.trim().parse().ok()).ok_or_else(wrong)?;
    if percent == 0.0 { Ok(None) } else { Share::new(percent / 100.0).map(Some).map_err(|_| wrong()) }
}

/// A number of bytes: `65536`, or as tools write it, `"64K"`.
#[derive(serde::Deserialize, Debug, Clone)]
#[serde(untagged, expecting = "expected bytes, such as 65536 or \"64K\"")]
pub(super) enum ByteCount {
    Bytes(u32),
    Text(String),
}

impl ByteCount {
    fn bytes(&self, most: u32) -> Result<MessageSize, String> {
        let size = match self {
            ByteCount::Bytes(bytes) => MessageSize::new(*bytes).ok_or("0 bytes carry nothing: write 1 or more".to_owned())?,
            ByteCount::Text(text) => text.parse::<MessageSize>().map_err(|error| error.to_string())?,
        };
        if size.bytes() > most { Err(format!("{} bytes are more than {most}", size.bytes())) } else { Ok(size) }
    }
}

impl KernelKeys<'_> {
    /// The keys with several values, in the order of [`all`](Self::all). Those that change the interfaces are costly: a NIC starts anew with each change.
    pub(super) fn axes(&self) -> Vec<Axis> {
        fn axis<T: Clone>(key: &str, given: Option<&OneOrMany<T>>, costly: bool, text: impl Fn(&T) -> String) -> Option<Axis> {
            let values = given.map(OneOrMany::values).filter(|values| values.len() > 1)?;
            Some(Axis::new(key, values.iter().map(text), costly))
        }
        let state = |&on: &bool| OffloadState::from(on).name().to_owned();
        let bytes = |count: &ByteCount| count.bytes(u32::MAX).map_or_else(|_| format!("{count:?}"), |bytes| bytes.to_string());
        let axes = [
            axis("mtu", self.mtu, true, u32::to_string),
            axis("gso", self.gso, true, state),
            axis("gro", self.gro, true, state),
            axis("client-cpu", self.client_cpu, false, u32::to_string),
            axis("server-cpu", self.server_cpu, false, u32::to_string),
            axis("congestion-control", self.congestion_control, false, String::clone),
            axis("window", self.window, false, bytes),
            axis("zero-copy", self.zero_copy, false, state),
            axis("gsro", self.gsro, false, state),
            axis("streams", self.streams, false, u16::to_string),
            axis("message", self.message, false, bytes),
        ];
        axes.into_iter().flatten().collect()
    }

    /// Every combination of what the keys say, settings of the interfaces slowest: they are changed for each. An error names the key and what is
    /// wrong.
    pub(super) fn all(&self) -> Result<Vec<KernelTuning>, (&'static str, String)> {
        let mtu = values("mtu", self.mtu, |&bytes| {
            Mtu::new(bytes).ok_or_else(|| format!("an MTU has {} to {} bytes, not {bytes}", Mtu::LEAST, Mtu::MOST))
        })?;
        let state = |&on: &bool| Ok(OffloadState::from(on));
        let (gso, gro) = (values("gso", self.gso, state)?, values("gro", self.gro, state)?);
        let client = values("client-cpu", self.client_cpu, |&cpu| Ok(cpu))?;
        let server = values("server-cpu", self.server_cpu, |&cpu| Ok(cpu))?;
        let algorithms = values("congestion-control", self.congestion_control, |name| {
            let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'));
            match plain && name.len() <= LONGEST_ALGORITHM {
                true => Ok(name.clone()),
                false => Err(format!("`{}` is not the name of a congestion control, such as \"cubic\" or \"bbr\"", name.escape_debug())),
            }
        })?;
        let window = values("window", self.window, |window| window.bytes(MOST_WINDOW))?;
        let zero_copy = values("zero-copy", self.zero_copy, |&on| Ok(on))?;
        let gsro = values("gsro", self.gsro, |&on| Ok(on))?;
        let directions = values("direction", self.directions, |&directions| Ok(directions))?;
        let streams = values("streams", self.streams, |&count| {
            NonZeroU16::new(count).ok_or("a measurement has at least one stream: write 1 or more".to_owned())
        })?;
        let message = values("message", self.message, |message| message.bytes(MOST_MESSAGE))?;
        let stream_load = values("stream-load", self.stream_load, |text| stream_load(text))?;
        let all = each(&[InterfaceSettings::default()], &mtu, |interface, mtu| InterfaceSettings { mtu: Some(mtu), ..interface });
        let all = each(&all, &gso, |interface, gso| InterfaceSettings { gso: Some(gso), ..interface });
        let all = each(&all, &gro, |interface, gro| InterfaceSettings { gro: Some(gro), ..interface });
        let all = each(&[KernelTuning::default()], &all, |tuning, interface| KernelTuning { interface, ..tuning });
        let all = each(&all, &client, |tuning, cpu| KernelTuning { client_cpu: Some(cpu), ..tuning });
        let all = each(&all, &server, |tuning, cpu| KernelTuning { server_cpu: Some(cpu), ..tuning });
        let all = each(&all, &algorithms, |tuning, name| KernelTuning {
            tcp: TcpSettings { congestion_control: Some(name), ..tuning.tcp },
            ..tuning
        });
        let all = each(&all, &window, |tuning, window| KernelTuning {
            tcp: TcpSettings { window: NonZeroU32::new(window.bytes()), ..tuning.tcp },
            ..tuning
        });
        let all = each(&all, &zero_copy, |tuning, zero_copy| KernelTuning { tcp: TcpSettings { zero_copy, ..tuning.tcp }, ..tuning });
        let all = each(&all, &gsro, |tuning, gsro| KernelTuning { gsro, ..tuning });
        let all = each(&all, &directions, |tuning, directions| KernelTuning { directions, ..tuning });
        let all = each(&all, &streams, |tuning, streams| KernelTuning { streams, ..tuning });
        let all = each(&all, &message, |tuning, message| KernelTuning { message: Some(message), ..tuning });
        Ok(each(&all, &stream_load, |tuning, stream_load| KernelTuning { stream_load, ..tuning }))
    }
}
