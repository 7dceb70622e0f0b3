//! Tools that measure the kernel's network stack: how they are called, what they print, and what that is as a record.
//!
//! Everything here is pure. A driver turns a [`KernelSpec`] into [`Commands`] that someone else runs; a parser turns text and
//! an exit into [`Measurement`]s or a [`ToolError`]. Exit code 0 proves nothing: iperf3 3.12, iperf 2 and sockperf give it after a refused
//! connection. A raw file that was kept parses to the same values again ([`reparse`]).

mod command;
mod convert;
mod detect;
mod iperf2;
mod iperf3;
mod listening;
mod measurement;
mod netperf;
mod outcome;
mod percentiles;
mod ping;
mod proc_stat;
mod qperf;
mod reparse;
mod sockperf;
mod spec;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use command::{CommandLine, Commands};
pub use convert::{RecordContext, SizeUnknown, failed_record};
pub use detect::detect;
pub use iperf3::{iperf3_is_single_threaded, single_threaded_note};
pub use listening::is_listening;
pub use measurement::{Direction, Measurement};
pub use outcome::{ToolError, ToolExit, raw_text};
pub use proc_stat::{CpuSnapshot, ProcStatError};
pub use reparse::{ReparseError, reparse};
pub use spec::{Extent, KernelSpec, MessageSize, Method, SpecError, Transport};

/// A tool that measures the kernel's network stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KernelTool {
    /// ESnet's iperf 3: goodput over TCP and UDP.
    Iperf3,
    /// qperf: mean latency and bandwidth over TCP and UDP.
    Qperf,
    /// sockperf: latency with percentiles.
    Sockperf,
    /// netperf: request/response and stream.
    Netperf,
    /// iperf 2: goodput.
    Iperf2,
    /// ping: ICMP round trips.
    Ping,
}

impl KernelTool {
    /// All of them.
    pub const ALL: [KernelTool; 6] =
        [KernelTool::Iperf3, KernelTool::Qperf, KernelTool::Sockperf, KernelTool::Netperf, KernelTool::Iperf2, KernelTool::Ping];

    /// The name in records.
    pub const fn name(self) -> &'static str {
        match self {
            KernelTool::Iperf3 => "iperf3",
            KernelTool::Qperf => "qperf",
            KernelTool::Sockperf => "sockperf",
            KernelTool::Netperf => "netperf",
            KernelTool::Iperf2 => "iperf2",
            KernelTool::Ping => "ping",
        }
    }

    /// The program that the client end runs.
    pub const fn program(self) -> &'static str {
        match self {
            KernelTool::Iperf2 => "iperf",
            tool => tool.name(),
        }
    }

    /// The tool of a record.
    pub fn from_name(name: &str) -> Option<Self> {
        KernelTool::ALL.into_iter().find(|tool| tool.name() == name)
    }

    /// How the name of a kept raw file should end.
    pub const fn raw_extension(self) -> &'static str {
        match self {
            KernelTool::Iperf3 => "json",
            KernelTool::Iperf2 => "csv",
            _ => "txt",
        }
    }

    /// What the tool's version command is, and where in its output the version stands.
    pub fn version_command(self) -> CommandLine {
        let argument = match self {
            KernelTool::Iperf2 => "-v",
            KernelTool::Ping | KernelTool::Netperf => "-V",
            _ => "--version",
        };
        CommandLine::new(self.program(), [argument])
    }

    /// Whether this version ends a run of [`Extent::Bytes`] as soon as the bytes are sent, so that its duration is that of the transfer.
    pub fn ends_after_bytes(self, version: Option<&str>) -> bool {
        match self {
            KernelTool::Iperf3 => iperf3::ends_after_bytes(version),
            KernelTool::Iperf2 => true,
            KernelTool::Qperf | KernelTool::Sockperf | KernelTool::Netperf | KernelTool::Ping => false,
        }
    }

    /// The command lines that carry out a measurement. Nothing is run.
    pub fn commands(self, spec: &KernelSpec) -> Result<Commands, SpecError> {
        spec.check(self)?;
        Ok(match self {
            KernelTool::Iperf3 => iperf3::commands(spec),
            KernelTool::Qperf => qperf::commands(spec),
            KernelTool::Sockperf => sockperf::commands(spec),
            KernelTool::Netperf => netperf::commands(spec),
            KernelTool::Iperf2 => iperf2::commands(spec),
            KernelTool::Ping => ping::commands(spec),
        })
    }

    /// What the client printed ([`raw_text`]), as measurements: several from a sweep or from a test in both directions, never none.
    ///
    /// Any text is allowed: what cannot be read is an error with the reason.
    pub fn parse(self, text: &str, exit: ToolExit) -> Result<Vec<Measurement>, ToolError> {
        let found = match self {
            KernelTool::Iperf3 => iperf3::parse(text, exit),
            KernelTool::Qperf => qperf::parse(text, exit),
            KernelTool::Sockperf => sockperf::parse(text, exit),
            KernelTool::Netperf => netperf::parse(text, exit),
            KernelTool::Iperf2 => iperf2::parse(text, exit),
            KernelTool::Ping => ping::parse(text, exit),
        }?;
        if found.is_empty() { Err(ToolError::nothing_measured(self, text, exit)) } else { Ok(found) }
    }
}

impl fmt::Display for KernelTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
