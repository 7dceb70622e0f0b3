use methodology::method::{Method, Procedure};
use methodology::units::{FrameSize, LinkSpeed, PacketRate, Seconds};
use reporter::kernel_tools::{KernelTool, MessageSize, Transport};
use reporter::record::{BEST, Pair, Stack};

use super::file_transfer::FileTransfer;
use super::kernel_search::KernelSearch;
use super::kernel_tuning::KernelTuning;
use super::pair_selection::{ConcurrentPairs, PairSelection};
use super::tuning::{Directions, PortTuning};

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

impl Plan {
    /// Whether the rates of more than bypass and small messages of the kernel are measured: the report has a ladder of stacks then.
    pub fn compares_stacks(&self) -> bool {
        let is_rate = |measure: &&Measure| match &measure.kind {
            MeasureKind::KernelStream { .. } | MeasureKind::KernelBest { .. } => true,
            MeasureKind::Procedure { .. } => !measure.kind.measures_delays(),
            MeasureKind::KernelPingPong { .. } | MeasureKind::FileTransfer(_) | MeasureKind::RoundTrip { .. } => false,
        };
        let mut stacks: Vec<Stack> = self.measures.iter().filter(is_rate).map(Measure::stack).collect();
        stacks.sort_unstable();
        stacks.dedup();
        stacks.len() > 2 || self.measures.iter().any(|measure| measure.kind.is_kernel() && measure.label().is_some() && is_rate(&measure))
    }
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

impl Measure {
    /// What carries the traffic.
    pub fn stack(&self) -> Stack {
        self.kind.stack(&self.tuning)
    }

    /// What both ends have that differs from the default, as a part of a record's id.
    pub fn label(&self) -> Option<String> {
        let of_kernel =
            || self.kind.kernel_tuning().and_then(KernelTuning::label).or_else(|| self.kind.kernel_search().map(KernelSearch::label));
        self.tuning.label().or_else(of_kernel).or_else(|| self.kind.file_transfer().map(FileTransfer::label))
    }

    /// The same in words.
    pub fn tuning_in_words(&self) -> Option<String> {
        let of_kernel =
            || self.kind.kernel_tuning().and_then(KernelTuning::in_words).or_else(|| self.kind.kernel_search().map(KernelSearch::in_words));
        self.tuning.in_words().or_else(of_kernel).or_else(|| self.kind.file_transfer().map(FileTransfer::in_words))
    }

    /// Whether it is measured between this pair, alone or in a group.
    pub fn is_for(&self, pair: &Pair) -> bool {
        self.pairs.has(pair)
    }

    /// Whether it is measured between this pair while no other pair sends.
    pub fn is_alone_for(&self, pair: &Pair) -> bool {
        self.pairs.has_alone(pair)
    }

    /// Which ends send.
    pub fn directions(&self) -> Directions {
        self.kind.kernel_tuning().map_or(self.tuning.directions, |tuning| tuning.directions)
    }

    /// The groups of pairs that it measures at the same time.
    pub fn groups(&self) -> &[ConcurrentPairs] {
        self.pairs.groups()
    }
}

/// What is measured.
#[derive(Debug, Clone)]
pub enum MeasureKind {
    /// A stream of a kernel tool for a while: goodput by message size (TCP), frames made by datagrams of L − 46 bytes (UDP), or frames (raw Ethernet).
    KernelStream {
        /// What carries it.
        protocol: Protocol,
        /// Which tool.
        tool: KernelTool,
        /// How long.
        duration: Seconds,
        /// How both ends are set up.
        tuning: Box<KernelTuning>,
    },
    /// The fastest of several kernel streams that differ in their settings, found by a search.
    KernelBest {
        /// TCP or UDP.
        protocol: Protocol,
        /// Which tool.
        tool: KernelTool,
        /// How long a trial lasts.
        duration: Seconds,
        /// The combinations of settings.
        search: Box<KernelSearch>,
    },
    /// Round trips of one small message, or of one frame (raw Ethernet).
    KernelPingPong {
        /// What carries it.
        protocol: Protocol,
        /// Which tool.
        tool: KernelTool,
        /// How long.
        duration: Seconds,
        /// How both ends are set up.
        tuning: Box<KernelTuning>,
    },
    /// A file from the sender to the receiver, over HTTP with and without TLS.
    FileTransfer(FileTransfer),
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

/// What a kernel tool sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// Ethernet frames through RDMA verbs, which pass the kernel by.
    RawEthernet,
}

impl Protocol {
    /// What kernel tools call it.
    pub const fn transport(self) -> Transport {
        match self {
            Protocol::Tcp => Transport::Tcp,
            Protocol::Udp => Transport::Udp,
            Protocol::RawEthernet => Transport::RawEthernet,
        }
    }

    /// The record's name for it.
    pub const fn stack(self) -> Stack {
        match self {
            Protocol::Tcp => Stack::KernelTcp,
            Protocol::Udp => Stack::KernelUdp,
            Protocol::RawEthernet => Stack::Verbs,
        }
    }
}

impl MeasureKind {
    /// Whether a kernel tool or a server of files measures it, and not linerate's poll loops.
    pub fn is_kernel(&self) -> bool {
        self.kernel_stack().is_some()
    }

    /// The stack of such a measure; none for poll loops.
    fn kernel_stack(&self) -> Option<Stack> {
        match self {
            MeasureKind::KernelStream { protocol, .. }
            | MeasureKind::KernelBest { protocol, .. }
            | MeasureKind::KernelPingPong { protocol, .. } => Some(protocol.stack()),
            MeasureKind::FileTransfer(_) => Some(Stack::KernelTls),
            MeasureKind::RoundTrip { .. } | MeasureKind::Procedure { .. } => None,
        }
    }

    /// What carries the traffic, with the ports of `tuning` where poll loops measure it.
    pub fn stack(&self, tuning: &PortTuning) -> Stack {
        self.kernel_stack().unwrap_or(tuning.port.stack())
    }

    /// The kernel tool that measures it; none for DPDK.
    pub fn kernel_tool(&self) -> Option<KernelTool> {
        match self {
            MeasureKind::KernelStream { tool, .. } | MeasureKind::KernelBest { tool, .. } | MeasureKind::KernelPingPong { tool, .. } => {
                Some(*tool)
            }
            MeasureKind::RoundTrip { .. } | MeasureKind::Procedure { .. } | MeasureKind::FileTransfer(_) => None,
        }
    }

    /// That tool, and the one that loads the path beside it.
    pub fn kernel_tools(&self) -> impl Iterator<Item = KernelTool> {
        let beside = self.kernel_tuning().and_then(|tuning| tuning.stream_load).and_then(|_| KernelTuning::stream_tool());
        self.kernel_tool().into_iter().chain(beside)
    }

    /// Why pairs cannot be measured at the same time by this; none where they can. A group needs a rate at one load: the trials of its members have
    /// the same length, and rates add up.
    pub fn not_for_groups(&self) -> Option<&'static str> {
        match self {
            MeasureKind::KernelStream { protocol: Protocol::RawEthernet, .. } => {
                Some("perftest counts in the middle of its run only, so that two pairs would not count at the same time: use `mrr` of dpdk")
            }
            MeasureKind::KernelStream { .. } => None,
            MeasureKind::KernelBest { .. } => Some(
                "a search chooses each combination by its own trials, so that two pairs would be measured with different ones: use `stream`",
            ),
            MeasureKind::Procedure { method, .. } => match method.procedure {
                Procedure::Mrr { trials: 1, .. } => None,
                Procedure::Mrr { .. } => {
                    Some("the trials of two pairs would drift apart: remove `repetitions`, and use the `repetitions` of the whole plan")
                }
                Procedure::Throughput | Procedure::NdrPdr => {
                    Some("a search chooses each load by its own trials, so that the loads of two pairs differ in every trial: use `mrr`")
                }
                Procedure::FrameLoss { .. } | Procedure::Overload { .. } => {
                    Some("it goes through loads of its own, and two pairs would be at different loads in every trial: use `mrr`")
                }
                Procedure::Soak { .. } => Some("it ends by its own losses, so that two pairs do not end together: use `mrr`"),
                Procedure::BackToBack { .. } => Some("bursts of two pairs do not begin at the same microsecond: use `mrr`"),
                Procedure::SystemRecovery { .. } | Procedure::Reset { .. } => Some("its result is a time and not a rate: use `mrr`"),
                Procedure::Latency { .. } | Procedure::Pdv { .. } => Some("its results are delays, which do not add up: use `mrr`"),
            },
            MeasureKind::RoundTrip { .. } | MeasureKind::KernelPingPong { .. } => {
                Some("its results are delays, which do not add up: use `mrr` or `stream`")
            }
            MeasureKind::FileTransfer(_) => {
                Some("its transfers end when their files are there, so that two pairs do not end together: use `stream`")
            }
        }
    }

    /// The search of `best`; none for other measures.
    pub fn kernel_search(&self) -> Option<&KernelSearch> {
        match self {
            MeasureKind::KernelBest { search, .. } => Some(search),
            _ => None,
        }
    }

    /// How the ends of a kernel measure are set up, in each combination that it is measured with; empty for others.
    pub fn kernel_tunings(&self) -> impl Iterator<Item = &KernelTuning> {
        self.kernel_tuning().into_iter().chain(self.kernel_search().into_iter().flat_map(|search| search.tunings()))
    }

    /// The sizes of its messages; empty where they follow from frame sizes, or there are none.
    pub fn messages(&self) -> Vec<MessageSize> {
        let of_stream = self.kernel_tuning().and_then(|tuning| tuning.message);
        of_stream.into_iter().chain(self.kernel_search().into_iter().flat_map(KernelSearch::messages)).collect()
    }

    /// How the ends of a kernel measure with one combination of settings are set up; none for others.
    pub fn kernel_tuning(&self) -> Option<&KernelTuning> {
        match self {
            MeasureKind::KernelStream { tuning, .. } | MeasureKind::KernelPingPong { tuning, .. } => Some(tuning),
            MeasureKind::KernelBest { .. }
            | MeasureKind::RoundTrip { .. }
            | MeasureKind::Procedure { .. }
            | MeasureKind::FileTransfer(_) => None,
        }
    }

    /// The file that is moved; none for other measures.
    pub fn file_transfer(&self) -> Option<&FileTransfer> {
        match self {
            MeasureKind::FileTransfer(transfer) => Some(transfer),
            _ => None,
        }
    }

    /// Whether its label has the size, which no frame size stands for.
    pub fn has_own_size(&self) -> bool {
        self.file_transfer().is_some() || !self.messages().is_empty()
    }

    /// Whether frames return to the sender, which measures their delays.
    pub fn measures_delays(&self) -> bool {
        match self {
            MeasureKind::KernelStream { .. }
            | MeasureKind::KernelBest { .. }
            | MeasureKind::KernelPingPong { .. }
            | MeasureKind::FileTransfer(_) => false,
            MeasureKind::RoundTrip { .. } => true,
            MeasureKind::Procedure { method, .. } => matches!(method.procedure, Procedure::Latency { .. } | Procedure::Pdv { .. }),
        }
    }

    /// The method's name in records.
    pub fn method(&self) -> &'static str {
        match self {
            MeasureKind::KernelStream { .. } => "stream",
            MeasureKind::KernelBest { .. } => BEST,
            MeasureKind::KernelPingPong { .. } => "ping-pong",
            MeasureKind::FileTransfer(_) => "file-transfer",
            MeasureKind::RoundTrip { .. } => "round-trip",
            MeasureKind::Procedure { method, .. } => method.name.name(),
        }
    }
}
