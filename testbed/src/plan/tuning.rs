use dataplane::{Pacing, PortOptions, PortSpec};
use serde::Deserialize;
use serde_json::json;

use crate::topology::{BypassPort, PairQueues, RingSizes, TestbedError};

/// Flows for each receive queue that a plan needs at least. A hash gives each flow a queue as if at random: with 64 flows a queue, the share of
/// a queue has a standard deviation of 1/√64, an eighth, and four of these stay below the limit of an imbalance that is reported
/// ([`BusiestQueue::UNEVEN`](dataplane::BusiestQueue::UNEVEN)).
pub const FLOWS_PER_QUEUE: u32 = 64;

/// How both DPDK ends of a measurement are set up. Measurements that differ in it stand side by side in a report, and are never averaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortTuning {
    /// Which ports of the two endpoints.
    pub port: BypassPort,
    /// Which ends send.
    pub directions: Directions,
    /// Queues of the two ports, each with a poll loop and a CPU of its own.
    pub queues: PairQueues,
    /// At most so many frames in one burst of the sender; the generator's own choice where none is given.
    pub burst: Option<u16>,
    /// Flows that the frames are spread over.
    pub flows: u32,
    /// What spaces the frames of a rate. Frames at maximum load are not spaced.
    pub pacing: Pacing,
    /// Descriptors of the queues of both ports; the testbed's, or linerate's choice for the driver, where none are given.
    pub rings: RingSizes,
    /// Mbufs that the mempool cache of each poll loop is refilled to; linerate's choice where none is given.
    pub mempool_cache: Option<u16>,
    /// Whether ports that support RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE use it: sent mbufs are returned to their pool without a look at each.
    pub fast_free: bool,
    /// Additional devargs of the sender's port.
    pub sender_devargs: Devargs,
    /// Additional devargs of the receiver's port.
    pub receiver_devargs: Devargs,
}

/// Which ends of a pair send test frames (RFC 2544 §14).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Directions {
    /// The first sends, the second receives.
    #[default]
    Forward,
    /// Both at the same time.
    Both,
}

/// Devargs in addition to those of the testbed, such as `txqs_min_inline=0`; empty for none.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(transparent)]
pub struct Devargs(String);

impl Devargs {
    /// The port with these devargs.
    ///
    /// # Errors
    /// The result is not a port.
    pub fn on(&self, port: PortSpec) -> Result<PortSpec, TestbedError> {
        Ok(port.with_arguments(&self.0)?)
    }

    /// The devargs, if they are a list of `key=value`; otherwise the error.
    pub(super) fn checked(&self) -> Result<Devargs, String> {
        let is_pair = |part: &str| part.split_once('=').is_some_and(|(key, value)| !key.is_empty() && !value.is_empty());
        let clean = !self.0.chars().any(|c| c.is_whitespace() || c.is_control());
        if self.0.is_empty() || (clean && self.0.split(',').all(is_pair)) {
            return Ok(self.clone());
        }
        Err(format!("`{}` is not a list of devargs: write KEY=VALUE, or KEY=VALUE,KEY=VALUE", self.0))
    }

    /// As a part of a record's id.
    fn label(&self) -> String {
        self.0.replace(['=', ',', '/'], "_")
    }
}

impl Default for PortTuning {
    fn default() -> Self {
        PortTuning {
            port: BypassPort::OfTestbed,
            directions: Directions::Forward,
            queues: PairQueues::ONE,
            burst: None,
            flows: 1,
            pacing: Pacing::Software,
            rings: RingSizes::default(),
            mempool_cache: None,
            fast_free: true,
            sender_devargs: Devargs::default(),
            receiver_devargs: Devargs::default(),
        }
    }
}

/// One setting that differs from the default.
enum Difference {
    BothDirections,
    Queues(PairQueues),
    Burst(u16),
    Flows(u32),
    Pacing(Pacing),
    RxDescriptors(u16),
    TxDescriptors(u16),
    MempoolCache(u16),
    NoFastFree,
    SenderDevargs(Devargs),
    ReceiverDevargs(Devargs),
}

impl PortTuning {
    /// What differs from the default, as a part of a record's id: `q2-b32`; none where everything is the default.
    pub fn label(&self) -> Option<String> {
        self.joined("-", |difference| match difference {
            Difference::BothDirections => "both".to_owned(),
            Difference::Queues(PairQueues { sender, receiver }) if sender == receiver => format!("q{sender}"),
            Difference::Queues(PairQueues { sender, receiver }) => format!("q{sender}to{receiver}"),
            Difference::Burst(burst) => format!("b{burst}"),
            Difference::Flows(flows) => format!("f{flows}"),
            Difference::Pacing(Pacing::SendOnTimestamp) => "send-on-timestamp".to_owned(),
            Difference::Pacing(Pacing::QueueRate) => "queue-rate".to_owned(),
            Difference::Pacing(Pacing::Software) => "software".to_owned(),
            Difference::RxDescriptors(descriptors) => format!("rx{descriptors}"),
            Difference::TxDescriptors(descriptors) => format!("tx{descriptors}"),
            Difference::MempoolCache(mbufs) => format!("cache{mbufs}"),
            Difference::NoFastFree => "no-fast-free".to_owned(),
            Difference::SenderDevargs(devargs) => format!("s_{}", devargs.label()),
            Difference::ReceiverDevargs(devargs) => format!("r_{}", devargs.label()),
        })
    }

    /// What differs from the default, for people: `2 queues, burst 32`.
    pub fn in_words(&self) -> Option<String> {
        self.joined(", ", |difference| match difference {
            Difference::BothDirections => "both directions at once".to_owned(),
            Difference::Queues(PairQueues { sender, receiver }) if sender == receiver => format!("{sender} queues"),
            Difference::Queues(PairQueues { sender, receiver }) => format!("{sender} → {receiver} queues"),
            Difference::Burst(burst) => format!("burst {burst}"),
            Difference::Flows(flows) => format!("{flows} flows"),
            Difference::Pacing(Pacing::SendOnTimestamp) => "sent on timestamp".to_owned(),
            Difference::Pacing(Pacing::QueueRate) => "queues limited".to_owned(),
            Difference::Pacing(Pacing::Software) => "paced by software".to_owned(),
            Difference::RxDescriptors(descriptors) => format!("{descriptors} receive descriptors"),
            Difference::TxDescriptors(descriptors) => format!("{descriptors} transmit descriptors"),
            Difference::MempoolCache(mbufs) => format!("mempool cache {mbufs}"),
            Difference::NoFastFree => "no fast free".to_owned(),
            Difference::SenderDevargs(devargs) => format!("sender {}", devargs.0),
            Difference::ReceiverDevargs(devargs) => format!("receiver {}", devargs.0),
        })
    }

    /// What differs from the default, as keys of a record's `parameters`.
    pub fn parameters(&self) -> Vec<(&'static str, serde_json::Value)> {
        let keys = self.differences().map(|difference| match difference {
            Difference::BothDirections => vec![("bidirectional", json!(true))],
            Difference::Queues(queues) => {
                vec![("sender_queues", json!(queues.sender)), ("receiver_queues", json!(queues.receiver))]
            }
            Difference::Burst(burst) => vec![("burst", json!(burst))],
            Difference::Flows(flows) => vec![("flows", json!(flows))],
            Difference::Pacing(pacing) => vec![("pacing", json!(pacing))],
            Difference::RxDescriptors(descriptors) => vec![("rx_descriptors", json!(descriptors))],
            Difference::TxDescriptors(descriptors) => vec![("tx_descriptors", json!(descriptors))],
            Difference::MempoolCache(mbufs) => vec![("mempool_cache", json!(mbufs))],
            Difference::NoFastFree => vec![("fast_free", json!("off"))],
            Difference::SenderDevargs(devargs) => vec![("sender_devargs", json!(devargs.0))],
            Difference::ReceiverDevargs(devargs) => vec![("receiver_devargs", json!(devargs.0))],
        });
        keys.flatten().collect()
    }

    /// Whether the same ports, opened once, serve both.
    pub fn shares_ports_with(&self, other: &PortTuning) -> bool {
        let of_bursts = |tuning: &PortTuning| PortTuning { burst: None, flows: 1, directions: Directions::Forward, ..tuning.clone() };
        of_bursts(self) == of_bursts(other)
    }

    /// The options of a port with the settings that both ends share.
    pub fn in_options(&self, options: PortOptions) -> PortOptions {
        PortOptions { mempool_cache: self.mempool_cache, fast_free: self.fast_free && options.fast_free, ..options }
    }

    fn differences(&self) -> impl Iterator<Item = Difference> + use<> {
        let plain = PortTuning::default();
        [
            (self.directions == Directions::Both).then_some(Difference::BothDirections),
            (self.queues != plain.queues).then_some(Difference::Queues(self.queues)),
            self.burst.map(Difference::Burst),
            (self.flows != plain.flows).then_some(Difference::Flows(self.flows)),
            (self.pacing != plain.pacing).then_some(Difference::Pacing(self.pacing)),
            self.rings.rx.map(Difference::RxDescriptors),
            self.rings.tx.map(Difference::TxDescriptors),
            self.mempool_cache.map(Difference::MempoolCache),
            (!self.fast_free).then_some(Difference::NoFastFree),
            (self.sender_devargs != plain.sender_devargs).then(|| Difference::SenderDevargs(self.sender_devargs.clone())),
            (self.receiver_devargs != plain.receiver_devargs).then(|| Difference::ReceiverDevargs(self.receiver_devargs.clone())),
        ]
        .into_iter()
        .flatten()
    }

    fn joined(&self, between: &str, text_of: impl Fn(Difference) -> String) -> Option<String> {
        joined(self.differences().map(text_of), between)
    }
}

/// Parts as one text; none where there is no part.
pub(super) fn joined(parts: impl Iterator<Item = String>, between: &str) -> Option<String> {
    let parts: Vec<String> = parts.collect();
    (!parts.is_empty()).then(|| parts.join(between))
}
