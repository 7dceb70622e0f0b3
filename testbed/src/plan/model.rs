use methodology::method::{Method, Procedure};
use methodology::units::{FrameSize, LinkSpeed, PacketRate, Seconds};
use reporter::kernel_tools::{KernelTool, Transport};
use reporter::record::{Pair, Stack};

use super::kernel_tuning::KernelTuning;
use super::tuning::PortTuning;

/// What a run measures.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Names the run directory.
    pub name: String,
    /// How often everything is measured.
    pub repetitions: u32,
    /// What is measured.
    pub measures: Vec<Measure>,
    /// The text it was read from, kept in the run directory.
    pub source: String,
}

/// One thing to measure, at every pair and size it is for.
#[derive(Debug, Clone)]
pub struct Measure {
    /// What.
    pub kind: MeasureKind,
    /// Between which endpoints.
    pub pairs: PairSelection,
    /// At which sizes; what they count depends on [`MeasureKind`].
    pub sizes: Vec<FrameSize>,
    /// How the DPDK ends are set up; plain for the kernel's tools.
    pub tuning: PortTuning,
}

/// The pairs a measure is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PairSelection {
    /// Every ordered pair of the testbed.
    All,
    /// These.
    Only(Vec<Pair>),
}

impl Measure {
    /// What carries the traffic.
    pub fn stack(&self) -> Stack {
        self.kind.stack(&self.tuning)
    }

    /// What both ends have that differs from the default, as a part of a record's id.
    pub fn label(&self) -> Option<String> {
        self.tuning.label().or_else(|| self.kind.kernel_tuning().and_then(KernelTuning::label))
    }

    /// The same in words.
    pub fn tuning_in_words(&self) -> Option<String> {
        self.tuning.in_words().or_else(|| self.kind.kernel_tuning().and_then(KernelTuning::in_words))
    }

    /// Whether it is measured between this pair.
    pub fn is_for(&self, pair: &Pair) -> bool {
        self.pairs.only().is_none_or(|pairs| pairs.contains(pair))
    }
}

impl PairSelection {
    /// The pairs that are named; none where it is all of them.
    pub fn only(&self) -> Option<&[Pair]> {
        match self {
            PairSelection::All => None,
            PairSelection::Only(pairs) => Some(pairs),
        }
    }

    /// Whether some pair is in both.
    pub fn overlaps(&self, other: &PairSelection) -> bool {
        match (self, other) {
            (PairSelection::All, _) | (_, PairSelection::All) => true,
            (PairSelection::Only(pairs), PairSelection::Only(others)) => pairs.iter().any(|pair| others.contains(pair)),
        }
    }
}

/// What is measured.
#[derive(Debug, Clone)]
pub enum MeasureKind {
    /// A kernel stream for a while: goodput by message size (TCP), or frames made by datagrams of L − 46 bytes (UDP).
    KernelStream {
        /// TCP or UDP.
        protocol: Protocol,
        /// Which tool.
        tool: KernelTool,
        /// How long.
        duration: Seconds,
        /// How both ends are set up.
        tuning: Box<KernelTuning>,
    },
    /// Round trips of one small message.
    KernelPingPong {
        /// TCP or UDP.
        protocol: Protocol,
        /// Which tool.
        tool: KernelTool,
        /// How long.
        duration: Seconds,
        /// How both ends are set up.
        tuning: Box<KernelTuning>,
    },
    /// DPDK frames at a low rate through the peer's reflector.
    RoundTrip {
        /// How many a second.
        rate: PacketRate,
        /// How long.
        duration: Seconds,
    },
    /// A method of the `methodology` crate over DPDK.
    Procedure {
        /// The method, every value filled in.
        method: Box<Method>,
        /// The link's speed where the ports do not know it.
        link: Option<LinkSpeed>,
        /// What resets the device in the middle of a trial (RFC 2544 §26.6): a program and its arguments, run on this machine. Empty for
        /// methods other than `reset`.
        reset: Vec<String>,
    },
}

/// A transport of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Protocol {
    /// What kernel tools call it.
    pub const fn transport(self) -> Transport {
        match self {
            Protocol::Tcp => Transport::Tcp,
            Protocol::Udp => Transport::Udp,
        }
    }

    /// The record's name for it.
    pub const fn stack(self) -> Stack {
        match self {
            Protocol::Tcp => Stack::KernelTcp,
            Protocol::Udp => Stack::KernelUdp,
        }
    }
}

impl MeasureKind {
    /// Whether the kernel's stack carries the traffic.
    pub fn is_kernel(&self) -> bool {
        self.kernel_protocol().is_some()
    }

    /// The transport of a kernel measure; none for others.
    fn kernel_protocol(&self) -> Option<Protocol> {
        match self {
            MeasureKind::KernelStream { protocol, .. } | MeasureKind::KernelPingPong { protocol, .. } => Some(*protocol),
            MeasureKind::RoundTrip { .. } | MeasureKind::Procedure { .. } => None,
        }
    }

    /// What carries the traffic, with the ports of `tuning` where it is not the kernel's stack.
    pub fn stack(&self, tuning: &PortTuning) -> Stack {
        self.kernel_protocol().map_or(tuning.port.stack(), Protocol::stack)
    }

    /// The kernel tool that measures it; none for DPDK.
    pub fn kernel_tool(&self) -> Option<KernelTool> {
        match self {
            MeasureKind::KernelStream { tool, .. } | MeasureKind::KernelPingPong { tool, .. } => Some(*tool),
            MeasureKind::RoundTrip { .. } | MeasureKind::Procedure { .. } => None,
        }
    }

    /// That tool, and the one that loads the path beside it.
    pub fn kernel_tools(&self) -> impl Iterator<Item = KernelTool> {
        let beside = self.kernel_tuning().and_then(|tuning| tuning.stream_load).and_then(|_| KernelTuning::stream_tool());
        self.kernel_tool().into_iter().chain(beside)
    }

    /// How the ends of a kernel measure are set up; none for others.
    pub fn kernel_tuning(&self) -> Option<&KernelTuning> {
        match self {
            MeasureKind::KernelStream { tuning, .. } | MeasureKind::KernelPingPong { tuning, .. } => Some(tuning),
            MeasureKind::RoundTrip { .. } | MeasureKind::Procedure { .. } => None,
        }
    }

    /// Whether frames return to the sender, which measures their delays.
    pub fn measures_delays(&self) -> bool {
        match self {
            MeasureKind::KernelStream { .. } | MeasureKind::KernelPingPong { .. } => false,
            MeasureKind::RoundTrip { .. } => true,
            MeasureKind::Procedure { method, .. } => matches!(method.procedure, Procedure::Latency { .. } | Procedure::Pdv { .. }),
        }
    }

    /// The method's name in records.
    pub fn method(&self) -> &'static str {
        match self {
            MeasureKind::KernelStream { .. } => "stream",
            MeasureKind::KernelPingPong { .. } => "ping-pong",
            MeasureKind::RoundTrip { .. } => "round-trip",
            MeasureKind::Procedure { method, .. } => method.name.name(),
        }
    }
}
