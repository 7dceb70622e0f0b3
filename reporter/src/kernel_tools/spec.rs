use std::fmt;
use std::net::IpAddr;
use std::num::{NonZeroU16, NonZeroU32, NonZeroU64};
use std::str::FromStr;
use std::time::Duration;

use methodology::units::Goodput;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::KernelTool;
use crate::record::{Size, Stack};

/// What an application hands over in one call, in bytes. TCP is a byte stream: on the wire there are segments of other sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageSize(NonZeroU32);

impl MessageSize {
    /// A size of at least 1 byte.
    pub const fn new(bytes: u32) -> Option<Self> {
        match NonZeroU32::new(bytes) {
            Some(bytes) => Some(MessageSize(bytes)),
            None => None,
        }
    }

    /// Bytes.
    pub const fn bytes(self) -> u32 {
        self.0.get()
    }
}

impl From<MessageSize> for Size {
    fn from(size: MessageSize) -> Size {
        Size::message(size.bytes())
    }
}

impl FromStr for MessageSize {
    type Err = SpecError;

    /// Reads `1024`, `1024B`, `64K` and `1M` (powers of 1024, as the tools take them).
    fn from_str(text: &str) -> Result<Self, SpecError> {
        let unreadable = || SpecError::NotASize(text.to_owned());
        let digits = text.trim().trim_end_matches(['B', 'b']).trim_end_matches('i').trim_end();
        let (digits, factor) = match digits.as_bytes().last() {
            Some(b'k' | b'K') => (&digits[..digits.len() - 1], 1024),
            Some(b'm' | b'M') => (&digits[..digits.len() - 1], 1024 * 1024),
            _ => (digits, 1),
        };
        let bytes = digits.trim_end().parse::<u32>().ok().and_then(|figure| figure.checked_mul(factor));
        bytes.and_then(MessageSize::new).ok_or_else(unreadable)
    }
}

impl fmt::Display for MessageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} B", self.0)
    }
}

/// What carries the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP echo (ping).
    Icmp,
    /// Ethernet frames through RDMA verbs (perftest).
    RawEthernet,
}

impl Transport {
    /// The stack of a record.
    pub const fn stack(self) -> Stack {
        match self {
            Transport::Tcp => Stack::KernelTcp,
            Transport::Udp => Stack::KernelUdp,
            Transport::Icmp => Stack::KernelIcmp,
            Transport::RawEthernet => Stack::Verbs,
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Transport::Tcp => "TCP",
            Transport::Udp => "UDP",
            Transport::Icmp => "ICMP",
            Transport::RawEthernet => "raw Ethernet",
        })
    }
}

/// How the messages go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// One way, as fast as they go: goodput.
    Stream,
    /// One there, one back, and again: round-trip time.
    PingPong,
}

impl Method {
    /// The name in [`Record::method`](crate::record::Record::method).
    pub const fn name(self) -> &'static str {
        match self {
            Method::Stream => "stream",
            Method::PingPong => "ping-pong",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// When a measurement is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// After this time. Tools that count whole seconds run to the next whole second, never shorter than asked.
    For(Duration),
    /// After this many bytes of payload (iperf3, iperf 2): the way to a run of less than a second, because `iperf3 -t 0.4` never ends.
    Bytes(NonZeroU64),
    /// After this many messages (ping).
    Messages(NonZeroU32),
}

impl Extent {
    /// Bytes that take about `duration` at an expected goodput.
    pub fn bytes_for(expected: Goodput, duration: Duration) -> Self {
        let bytes = (expected.bps() / 8.0 * duration.as_secs_f64()).ceil();
        // A float to integer cast saturates.
        Extent::Bytes(NonZeroU64::new(bytes as u64).unwrap_or(NonZeroU64::MIN))
    }

    /// The whole seconds that cover a duration, at least one.
    pub(super) fn whole_seconds(duration: Duration) -> u64 {
        (duration.as_secs() + u64::from(duration.subsec_nanos() > 0)).max(1)
    }

    /// The value of a tool's option that takes whole seconds; 1 for a tool that cannot end after bytes or messages.
    pub(super) fn seconds_option(self) -> String {
        match self {
            Extent::For(duration) => Extent::whole_seconds(duration),
            Extent::Bytes(_) | Extent::Messages(_) => 1,
        }
        .to_string()
    }

    /// How long to wait for the client: what it should take, and room to connect and to exchange results.
    pub(super) fn timeout(self) -> Duration {
        match self {
            Extent::For(duration) => Duration::from_secs(Extent::whole_seconds(duration)) + GRACE,
            Extent::Bytes(_) | Extent::Messages(_) => UNTIMED,
        }
    }
}

/// iperf3 and qperf give up on a silent peer after 3 to 5 s by themselves; their own error is better than ours.
const GRACE: Duration = Duration::from_secs(10);

/// For runs that end after bytes or messages, whose speed is not known beforehand.
const UNTIMED: Duration = Duration::from_secs(60);

/// What both ends of a stream ask of the kernel's TCP. What is not given is the kernel's choice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TcpSettings {
    /// The algorithm's name, such as `bbr` (TCP_CONGESTION in tcp(7)).
    pub congestion_control: Option<String>,
    /// Bytes of the socket buffers of both ends (SO_SNDBUF and SO_RCVBUF in socket(7)): they bound the window.
    pub window: Option<NonZeroU32>,
    /// Data is sent without copying it into the kernel.
    pub zero_copy: bool,
}

/// A port of an RDMA device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RdmaPort {
    /// The device, such as `mlx5_0`.
    pub device: String,
    /// The number of the port, from 1.
    pub number: u32,
    /// The Ethernet address of its interface: `02:00:00:00:00:01`.
    pub address: String,
}

/// The RDMA ports of both ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RdmaPorts {
    /// The client's.
    pub client: RdmaPort,
    /// The server's.
    pub server: RdmaPort,
}

/// One kernel measurement as it is wanted. The client is at the first endpoint of the pair, the server at the second.
#[derive(Debug, Clone, PartialEq)]
pub struct KernelSpec {
    /// Stream or ping-pong.
    pub method: Method,
    /// TCP, UDP, ICMP or raw Ethernet.
    pub transport: Transport,
    /// The server's address on the measured path.
    pub server: IpAddr,
    /// The client's own address, for tools that can bind to it; absent leaves the choice to the kernel's routes.
    pub client_address: Option<IpAddr>,
    /// The server's port; the one above it is used too (qperf's data).
    pub port: u16,
    /// The message size.
    pub size: MessageSize,
    /// When it is over.
    pub extent: Extent,
    /// Connections at once.
    pub streams: NonZeroU16,
    /// Data goes from the server to the client (iperf3).
    pub reverse: bool,
    /// Data goes both ways at the same time (iperf3 --bidir).
    pub both_ways: bool,
    /// Streams: how fast to send (iperf3; iperf 2 over UDP); absent is as fast as it goes.
    pub rate: Option<Goodput>,
    /// What the ends ask of TCP; nothing for other transports.
    pub tcp: TcpSettings,
    /// The ends ask for segmentation and receive offload of UDP (UDP_SEGMENT and UDP_GRO in udp(7); iperf3 --gsro).
    pub gsro: bool,
    /// The CPU to pin the client to.
    pub client_cpu: Option<u32>,
    /// The CPU to pin the server to.
    pub server_cpu: Option<u32>,
    /// Where raw Ethernet frames are sent and received; nothing for other transports.
    pub rdma: Option<RdmaPorts>,
}

impl KernelSpec {
    /// One connection, client to server, unpinned.
    pub fn new(method: Method, transport: Transport, server: IpAddr, port: u16, size: MessageSize, extent: Extent) -> Self {
        KernelSpec {
            method,
            transport,
            server,
            client_address: None,
            port,
            size,
            extent,
            streams: NonZeroU16::MIN,
            reverse: false,
            both_ways: false,
            rate: None,
            tcp: TcpSettings::default(),
            gsro: false,
            client_cpu: None,
            server_cpu: None,
            rdma: None,
        }
    }
}

/// A measurement that a tool cannot do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SpecError {
    /// Not a message size.
    #[error("`{0}` is not a message size: write bytes from 1 on, such as 1024, 64K or 1M")]
    NotASize(String),
    /// The tool does not offer it.
    #[error("{tool} cannot do this: {why}; {instead}")]
    Unsupported {
        /// The tool.
        tool: KernelTool,
        /// What was asked for.
        why: String,
        /// What to do.
        instead: String,
    },
    /// The message is too small or too large for the tool.
    #[error("{tool} cannot send messages of {size} over {transport}: choose {least} to {most} bytes")]
    Size {
        /// The tool.
        tool: KernelTool,
        /// The transport.
        transport: Transport,
        /// What was asked for.
        size: MessageSize,
        /// The smallest.
        least: u32,
        /// The largest.
        most: u32,
    },
    /// The port cannot be used.
    #[error("port {0} cannot be used: choose 1 to 65534; the port above it is needed too")]
    Port(u16),
}
