use std::ops::RangeInclusive;

use super::{Commands, KernelSpec, KernelTool, Measurement, Method, ToolError, ToolExit, Transport};

/// What linerate must know about a tool. A tool is one file (or folder) that implements this, and one entry in the
/// [registry](super::tools).
pub(super) trait Tool: Sync {
    /// What it is.
    fn facts(&self) -> &'static ToolFacts;

    /// What a reader must know about a version, such as `3.12`.
    fn version_note(&self, _version: &str) -> Option<&'static str> {
        None
    }

    /// Whether a version ends a run of [`Extent::Bytes`](super::Extent::Bytes) as soon as the bytes are sent. An unknown version is not trusted.
    fn ends_after_bytes(&self, _version: Option<&str>) -> bool {
        false
    }

    /// Why a version cannot do a measurement that the tool's driver offers; none where it can, or where the version is not known.
    fn version_lacks(&self, _spec: &KernelSpec, _version: Option<&str>) -> Option<String> {
        None
    }

    /// Whether the tool's driver offers this at all.
    fn can(&self, method: Method, transport: Transport) -> bool;

    /// The limits of a measurement that the tool [can](Tool::can) do: those of the transport, if the tool has none of its own.
    fn limits(&self, _method: Method, transport: Transport) -> ToolLimits {
        ToolLimits::of(transport)
    }

    /// Whether the result of a method is what the server prints, which then ends by itself after the client.
    fn server_reports(&self, _method: Method) -> bool {
        false
    }

    /// The command lines of a measurement within the limits.
    fn commands(&self, spec: &KernelSpec) -> Commands;

    /// Whether one run can hold several sizes that its output does not name.
    fn sweeps_sizes(&self) -> bool {
        false
    }

    /// Whether the tool printed this text.
    fn recognises(&self, text: &str) -> bool;

    /// The measurements in what the client printed.
    fn parse(&self, text: &str, exit: ToolExit) -> Result<Vec<Measurement>, ToolError>;
}

/// What a tool is, apart from what it can do.
pub(super) struct ToolFacts {
    /// Which tool it is.
    pub id: KernelTool,
    /// One clause: "it measures …".
    pub purpose: &'static str,
    /// Where a user gets it.
    pub source: ToolSource,
    /// The programs it consists of, at both ends; the first is the client's.
    pub programs: &'static [&'static str],
    /// With these, the first program prints the version: the first word with a digit and a dot.
    pub version_arguments: &'static [&'static str],
    /// How the name of a kept raw file ends.
    pub raw_extension: &'static str,
}

/// Where a tool comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToolSource {
    /// A package of Debian and Ubuntu.
    Package(&'static str),
    /// No package: it is built from this repository.
    Repository(&'static str),
}

/// Which settings of TCP a tool's driver passes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct TcpOptions {
    /// The congestion control.
    pub congestion_control: bool,
    /// The size of the socket buffers.
    pub window: bool,
    /// Sending without a copy.
    pub zero_copy: bool,
}

impl TcpOptions {
    pub(super) const NONE: TcpOptions = TcpOptions { congestion_control: false, window: false, zero_copy: false };
}

/// What a tool's driver allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ToolLimits {
    /// Bytes of a message.
    pub sizes: RangeInclusive<u32>,
    /// Most connections at once.
    pub streams: u16,
    /// Data can go from the server to the client.
    pub reverse: bool,
    /// Data can go both ways at the same time.
    pub both_ways: bool,
    /// A run can end after a number of bytes.
    pub by_bytes: bool,
    /// A run can end after a number of messages.
    pub by_messages: bool,
    /// Which of [`TcpSettings`](super::TcpSettings) the tool can ask for.
    pub tcp: TcpOptions,
    /// The tool can ask for segmentation and receive offload of UDP.
    pub gsro: bool,
}

impl ToolLimits {
    /// The payload of the largest IPv4 datagram: 65535 − 20 − 8 bytes (RFC 791, RFC 768).
    pub(super) const DATAGRAM: u32 = 65_507;

    /// One connection, from client to server, for a time.
    pub(super) const fn sizes(least: u32, most: u32) -> Self {
        ToolLimits {
            sizes: least..=most,
            streams: 1,
            reverse: false,
            both_ways: false,
            by_bytes: false,
            by_messages: false,
            tcp: TcpOptions::NONE,
            gsro: false,
        }
    }

    /// One connection, from client to server, for a time, with every size that the transport can carry.
    pub(super) const fn of(transport: Transport) -> Self {
        match transport {
            Transport::Tcp => ToolLimits::sizes(1, u32::MAX),
            Transport::Udp | Transport::Icmp | Transport::RawEthernet => ToolLimits::sizes(1, ToolLimits::DATAGRAM),
        }
    }
}
