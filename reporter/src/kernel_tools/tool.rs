use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::RangeInclusive;

use super::decode::plain;
use super::{CommandLine, Commands, KernelSpec, Measurement, Method, SpecError, ToolError, ToolExit, Transport};

/// What linerate must know about a tool. A tool is one file (or folder) that implements this, and one entry in the
/// [registry](super::tools).
pub(super) trait Tool: Sync {
    /// The name in records, in `--json` output and in plans.
    fn name(&self) -> &'static str;

    /// One clause: "it measures …".
    fn purpose(&self) -> &'static str;

    /// Where a user gets it.
    fn source(&self) -> ToolSource;

    /// The programs it consists of, at both ends.
    fn programs(&self) -> &'static [&'static str];

    /// Prints the version. The version is the first word with a digit and a dot.
    fn version_command(&self) -> CommandLine;

    /// What a reader must know about a version, such as `3.12`.
    fn version_note(&self, _version: &str) -> Option<&'static str> {
        None
    }

    /// Whether a version ends a run of [`Extent::Bytes`](super::Extent::Bytes) as soon as the bytes are sent. An unknown version is not trusted.
    fn ends_after_bytes(&self, _version: Option<&str>) -> bool {
        false
    }

    /// How the name of a kept raw file should end.
    fn raw_extension(&self) -> &'static str {
        "txt"
    }

    /// Whether the tool's driver offers this at all.
    fn can(&self, method: Method, transport: Transport) -> bool;

    /// The limits of a measurement that the tool [can](Tool::can) do.
    fn limits(&self, method: Method, transport: Transport) -> Limits;

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

/// Where a tool comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToolSource {
    /// A package of Debian and Ubuntu.
    Package(&'static str),
    /// No package: it is built from this repository.
    Repository(&'static str),
}

/// What a tool's driver allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Limits {
    /// Bytes of a message.
    pub sizes: RangeInclusive<u32>,
    /// Most connections at once.
    pub streams: u16,
    /// Data can go from the server to the client.
    pub reverse: bool,
    /// A run can end after a number of bytes.
    pub by_bytes: bool,
    /// A run can end after a number of messages.
    pub by_messages: bool,
}

impl Limits {
    /// The payload of the largest IPv4 datagram: 65535 − 20 − 8 bytes (RFC 791, RFC 768).
    pub(super) const DATAGRAM: u32 = 65_507;

    /// One connection, from client to server, for a time.
    pub(super) const fn sizes(least: u32, most: u32) -> Self {
        Limits { sizes: least..=most, streams: 1, reverse: false, by_bytes: false, by_messages: false }
    }

    /// One connection, from client to server, for a time, with every size that the transport can carry.
    pub(super) const fn of(transport: Transport) -> Self {
        match transport {
            Transport::Tcp => Limits::sizes(1, u32::MAX),
            Transport::Udp | Transport::Icmp => Limits::sizes(1, Limits::DATAGRAM),
        }
    }
}

/// A tool that measures the kernel's network stack: an entry of the registry.
#[derive(Clone, Copy)]
pub struct KernelTool(&'static dyn Tool);

impl KernelTool {
    pub(super) const fn new(tool: &'static dyn Tool) -> Self {
        KernelTool(tool)
    }

    pub(super) fn tool(self) -> &'static dyn Tool {
        self.0
    }

    /// The name in records and plans.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// One clause: "it measures …".
    pub fn purpose(self) -> &'static str {
        self.0.purpose()
    }

    /// Where a user gets it.
    pub fn source(self) -> ToolSource {
        self.0.source()
    }

    /// The programs it consists of, at both ends.
    pub fn programs(self) -> &'static [&'static str] {
        self.0.programs()
    }

    /// How the name of a kept raw file should end.
    pub fn raw_extension(self) -> &'static str {
        self.0.raw_extension()
    }

    /// Prints the tool's version. The version is the first word with a digit and a dot.
    pub fn version_command(self) -> CommandLine {
        self.0.version_command()
    }

    /// What a reader must know about a version, such as `3.12`.
    pub fn version_note(self, version: &str) -> Option<&'static str> {
        self.0.version_note(version)
    }

    /// Whether this version ends a run of [`Extent::Bytes`](super::Extent::Bytes) as soon as the bytes are sent, so that its duration is that
    /// of the transfer.
    pub fn ends_after_bytes(self, version: Option<&str>) -> bool {
        self.0.ends_after_bytes(version)
    }

    /// Whether one run can hold several sizes that its output does not name.
    pub fn sweeps_sizes(self) -> bool {
        self.0.sweeps_sizes()
    }

    /// Whether a plan can use the tool for this method and transport.
    pub fn can(self, method: Method, transport: Transport) -> bool {
        self.0.can(method, transport)
    }

    /// The command lines of a measurement. Nothing is run.
    ///
    /// # Errors
    /// The tool cannot do it; the error names the tools that can.
    pub fn commands(self, spec: &KernelSpec) -> Result<Commands, SpecError> {
        spec.check(self)?;
        Ok(self.0.commands(spec))
    }

    /// The measurements in what the client printed ([`raw_text`](super::raw_text)), never none. A sweep, a test in both directions and a file
    /// with several tests hold more than one.
    ///
    /// # Errors
    /// The text holds no result, an error message of the tool, or something that cannot be read. No text makes it panic.
    pub fn parse(self, text: &str, exit: ToolExit) -> Result<Vec<Measurement>, ToolError> {
        let text = plain(text);
        let mut found = self.0.parse(&text, exit)?;
        found.iter_mut().for_each(Measurement::judge);
        if found.is_empty() { Err(ToolError::nothing_measured(self, &text, exit)) } else { Ok(found) }
    }
}

/// A tool is its name; the registry holds each name once.
impl PartialEq for KernelTool {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for KernelTool {}

impl PartialOrd for KernelTool {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for KernelTool {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name().cmp(other.name())
    }
}

impl Hash for KernelTool {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl fmt::Debug for KernelTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for KernelTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
