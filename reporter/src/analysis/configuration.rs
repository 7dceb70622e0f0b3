use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::amount::{Amount, Unit};
use crate::record::{Record, ShownParameter};

/// What tells apart measurements that are alike in pair, stack, method, size and load: who measured, with how many queues, in which bursts, over
/// how many streams. Results of two configurations are never averaged.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Configuration {
    /// The tool's name.
    pub tool: String,
    /// What differs from the tool's plainest use: one queue an end, one stream, one direction.
    pub settings: BTreeMap<Setting, SettingValue>,
}

/// One way in which a measurement can be set up differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Setting {
    /// Queues of the sender's port; absent is one.
    SenderQueues,
    /// Queues of the receiver's port; absent is one.
    ReceiverQueues,
    /// Frames handed over at once.
    Burst,
    /// Flows that the frames are spread over; absent is one.
    Flows,
    /// What spaced the frames, where it was not the tool.
    Pacing,
    /// Descriptors of each receive queue, where the plan set them.
    RxDescriptors,
    /// Descriptors of each transmit queue, where the plan set them.
    TxDescriptors,
    /// Mbufs of each mempool cache, where the plan set them.
    MempoolCache,
    /// Whether ports freed sent mbufs the fast way, where they did not.
    FastFree,
    /// Further devargs of the sender's port.
    SenderDevargs,
    /// Further devargs of the receiver's port.
    ReceiverDevargs,
    /// Parallel connections; absent is one.
    Streams,
    /// Traffic ran the other way at the same time.
    Bidirectional,
    /// The rate that a stream was held to, in bits a second.
    TargetRate,
    /// The sender's congestion control.
    Congestion,
    /// Bytes of the socket buffers, where the plan set them.
    Window,
    /// Whether the sender did not copy data into the kernel.
    ZeroCopy,
    /// Whether the tool asked for UDP's segmentation and receive offload.
    Gsro,
    /// The MTU that the plan set at both interfaces.
    Mtu,
    /// Segmentation by the kernel's stack (GSO), where the plan set it.
    Gso,
    /// Joining of received segments (GRO), where the plan set it.
    Gro,
    /// How often a device did not enable its interrupt after an empty poll, where the plan set it.
    NapiDeferHardIrqs,
    /// Nanoseconds until a device was polled again without an interrupt, where the plan set it.
    GroFlushTimeout,
    /// Microseconds for which sockets polled before they slept, where the plan set it.
    BusyPoll,
    /// The CPU of the kernel tool's client, where the plan chose it.
    ClientCpu,
    /// The CPU of the kernel tool's server, where the plan chose it.
    ServerCpu,
    /// Where TLS ends, or that there is none.
    TlsAt,
    /// The version of TLS.
    TlsVersion,
    /// The cipher suite.
    TlsCipher,
    /// The named set of values that a procedure was done with.
    Preset,
}

/// A setting's value. Numbers sort as numbers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(untagged)]
pub enum SettingValue {
    /// A count or a rate.
    Number(u64),
    /// A name.
    Text(String),
}

/// Settings by the key that records have for them in `parameters`.
const KEYS: [(Setting, ShownParameter); 30] = [
    (Setting::SenderQueues, ShownParameter::SENDER_QUEUES),
    (Setting::ReceiverQueues, ShownParameter::RECEIVER_QUEUES),
    (Setting::Burst, ShownParameter::BURST),
    (Setting::Flows, ShownParameter::FLOWS),
    (Setting::Pacing, ShownParameter::PACING),
    (Setting::RxDescriptors, ShownParameter::RX_DESCRIPTORS),
    (Setting::TxDescriptors, ShownParameter::TX_DESCRIPTORS),
    (Setting::MempoolCache, ShownParameter::MEMPOOL_CACHE),
    (Setting::FastFree, ShownParameter::FAST_FREE),
    (Setting::SenderDevargs, ShownParameter::SENDER_DEVARGS),
    (Setting::ReceiverDevargs, ShownParameter::RECEIVER_DEVARGS),
    (Setting::Streams, ShownParameter::STREAMS),
    (Setting::Bidirectional, ShownParameter::BIDIRECTIONAL),
    (Setting::TargetRate, ShownParameter::TARGET_BPS),
    (Setting::Congestion, ShownParameter::SENDER_TCP_CONGESTION),
    (Setting::Window, ShownParameter::WINDOW),
    (Setting::ZeroCopy, ShownParameter::ZERO_COPY),
    (Setting::Gsro, ShownParameter::GSRO),
    (Setting::Mtu, ShownParameter::MTU),
    (Setting::Gso, ShownParameter::GSO),
    (Setting::Gro, ShownParameter::GRO),
    (Setting::NapiDeferHardIrqs, ShownParameter::NAPI_DEFER_HARD_IRQS),
    (Setting::GroFlushTimeout, ShownParameter::GRO_FLUSH_TIMEOUT_NS),
    (Setting::BusyPoll, ShownParameter::BUSY_POLL_US),
    (Setting::ClientCpu, ShownParameter::CLIENT_CPU),
    (Setting::ServerCpu, ShownParameter::SERVER_CPU),
    (Setting::TlsAt, ShownParameter::TLS_AT),
    (Setting::TlsVersion, ShownParameter::TLS_VERSION),
    (Setting::TlsCipher, ShownParameter::TLS_CIPHER),
    (Setting::Preset, ShownParameter::PRESET),
];

impl Setting {
    /// Every setting.
    pub fn all() -> impl Iterator<Item = Setting> {
        KEYS.iter().map(|(setting, _)| *setting)
    }

    /// The plan key that sets it. Plans write the keys of records with dashes, except for these.
    pub fn plan_key(self) -> String {
        match self {
            Setting::TargetRate => "target-rate".to_owned(),
            Setting::Congestion => "congestion-control".to_owned(),
            Setting::GroFlushTimeout => "gro-flush-timeout".to_owned(),
            Setting::BusyPoll => "busy-poll".to_owned(),
            Setting::TlsVersion => "tls-versions".to_owned(),
            Setting::TlsCipher => "ciphers".to_owned(),
            _ => KEYS.iter().find(|(setting, _)| *setting == self).map_or_else(String::new, |(_, key)| key.key().replace('_', "-")),
        }
    }

    /// The value that records do not always have: one queue, one flow, one stream.
    pub fn plain(self) -> Option<SettingValue> {
        let one = matches!(self, Setting::SenderQueues | Setting::ReceiverQueues | Setting::Flows | Setting::Streams);
        one.then_some(SettingValue::Number(1))
    }
}

impl Configuration {
    /// The configuration that a record was measured with.
    pub fn of(record: &Record) -> Self {
        let settings = KEYS.iter().filter_map(|&(setting, key)| Some((setting, value_of(setting, record.parameter(key)?)?)));
        Configuration { tool: record.tool.name.clone(), settings: settings.collect() }
    }

    /// A setting that is a number.
    pub fn number(&self, setting: Setting) -> Option<u64> {
        match self.settings.get(&setting) {
            Some(SettingValue::Number(number)) => Some(*number),
            _ => None,
        }
    }

    /// How many queues the sender and the receiver had.
    pub fn queues(&self) -> (u64, u64) {
        (self.number(Setting::SenderQueues).unwrap_or(1), self.number(Setting::ReceiverQueues).unwrap_or(1))
    }

    /// How many frames were handed over at once, where it is known.
    pub fn burst(&self) -> Option<u64> {
        self.number(Setting::Burst)
    }

    /// What was set, in words, without the tool and its preset; nothing where all is plain.
    pub fn settings_in_words(&self) -> Option<String> {
        let parts = self.parts();
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    fn parts(&self) -> Vec<String> {
        let queues = (self.queues() != (1, 1)).then(|| self.queues_in_words());
        queues.into_iter().chain(self.settings.keys().filter_map(|&setting| self.part(setting))).collect()
    }

    /// One setting in words. Queues are told together, and the preset apart.
    pub(super) fn part(&self, setting: Setting) -> Option<String> {
        let value = self.settings.get(&setting)?;
        match (setting, value) {
            (Setting::Burst, value) => Some(format!("burst {value}")),
            (Setting::Flows, value) => Some(format!("{value} flows")),
            (Setting::Pacing, value) => Some(format!("paced by {value}")),
            (Setting::RxDescriptors, value) => Some(format!("{value} receive descriptors")),
            (Setting::TxDescriptors, value) => Some(format!("{value} transmit descriptors")),
            (Setting::MempoolCache, value) => Some(format!("mempool cache {value}")),
            (Setting::FastFree, value) => Some(format!("fast free {value}")),
            (Setting::SenderDevargs, value) => Some(format!("sender {value}")),
            (Setting::ReceiverDevargs, value) => Some(format!("receiver {value}")),
            (Setting::Streams, value) => Some(format!("{value} streams")),
            (Setting::Bidirectional, _) => Some("both directions at once".to_owned()),
            (Setting::TargetRate, SettingValue::Number(bps)) => {
                Some(format!("held to {}", Amount { unit: Unit::BitsPerSecond, value: *bps as f64 }))
            }
            (Setting::TargetRate, SettingValue::Text(text)) => Some(format!("held to {text}")),
            (Setting::Congestion, value) => Some(value.to_string()),
            (Setting::Window, value) => Some(format!("window {value}")),
            (Setting::ZeroCopy, value) => Some(format!("zero copy {value}")),
            (Setting::Gsro, value) => Some(format!("GSO and GRO of UDP {value}")),
            (Setting::Mtu, value) => Some(format!("MTU {value}")),
            (Setting::Gso, value) => Some(format!("GSO {value}")),
            (Setting::Gro, value) => Some(format!("GRO {value}")),
            (Setting::NapiDeferHardIrqs, value) => Some(format!("interrupts deferred {value} times")),
            (Setting::GroFlushTimeout, value) => Some(format!("GRO flushed after {value} ns")),
            (Setting::BusyPoll, value) => Some(format!("busy polling for {value} us")),
            (Setting::ClientCpu, value) => Some(format!("client on CPU {value}")),
            (Setting::ServerCpu, value) => Some(format!("server on CPU {value}")),
            (Setting::TlsAt, SettingValue::Text(text)) if text == "none" => Some("no TLS".to_owned()),
            (Setting::TlsAt, value) => Some(format!("TLS at {value}")),
            (Setting::TlsVersion, value) => Some(format!("TLS {value}")),
            (Setting::TlsCipher, value) => Some(value.to_string()),
            (Setting::SenderQueues | Setting::ReceiverQueues | Setting::Preset, _) => None,
        }
    }

    /// Over how many flows the frames were spread.
    pub fn flows(&self) -> u64 {
        self.number(Setting::Flows).unwrap_or(1)
    }

    /// What is set up beside the burst: `2 → 4 queues, 1000 flows`.
    pub fn setup_in_words(&self) -> String {
        let of_ports = [Setting::MempoolCache, Setting::FastFree, Setting::SenderDevargs, Setting::ReceiverDevargs];
        let settings = [Setting::Flows, Setting::Pacing, Setting::RxDescriptors, Setting::TxDescriptors].into_iter().chain(of_ports);
        let parts = [Some(self.queues_in_words())].into_iter().chain(settings.map(|setting| self.part(setting)));
        parts.flatten().collect::<Vec<_>>().join(", ")
    }

    /// `2 → 4 queues`: sender, receiver.
    pub fn queues_in_words(&self) -> String {
        let (sender, receiver) = self.queues();
        format!("{sender} → {receiver} {}", if (sender, receiver) == (1, 1) { "queue" } else { "queues" })
    }
}

fn value_of(setting: Setting, value: &Value) -> Option<SettingValue> {
    let read = match value {
        Value::Number(number) => SettingValue::Number(number.as_f64().filter(|v| *v >= 0.0)?.round() as u64),
        Value::String(text) if !text.is_empty() => SettingValue::Text(text.clone()),
        Value::Bool(true) => SettingValue::Text("yes".to_owned()),
        _ => return None,
    };
    // Records of one queue and one stream do not always say so: what is plain is left out, so that they are alike.
    (setting.plain().as_ref() != Some(&read)).then_some(read)
}

impl fmt::Display for SettingValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SettingValue::Number(number) => number.fmt(f),
            SettingValue::Text(text) => f.write_str(text),
        }
    }
}

impl fmt::Display for Configuration {
    /// `iperf3, 4 streams`; of linerate itself `1 → 1 queue, burst 64`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = self.parts();
        match (self.tool.as_str(), self.queues()) {
            ("linerate", (1, 1)) => parts.insert(0, self.queues_in_words()),
            ("linerate", _) => {}
            (tool, _) => parts.insert(0, tool.to_owned()),
        }
        if let Some(preset) = self.settings.get(&Setting::Preset) {
            parts.push(format!("preset {preset}"));
        }
        f.write_str(&parts.join(", "))
    }
}
