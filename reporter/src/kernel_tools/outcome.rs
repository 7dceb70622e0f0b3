use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::KernelTool;

/// How a tool ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ToolExit {
    /// With this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It did not end within this time and was ended.
    TimedOut(Duration),
    /// Not known: someone else ran it.
    Unknown,
}

impl fmt::Display for ToolExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ToolExit::Code(code) => write!(f, "exit code {code}"),
            ToolExit::Signal(signal) => write!(f, "signal {signal}"),
            ToolExit::TimedOut(limit) => write!(f, "ended after {} s", limit.as_secs_f64()),
            ToolExit::Unknown => f.write_str("exit code not known"),
        }
    }
}

/// What a raw file holds: what the tool printed, then what it printed as errors.
pub fn raw_text(stdout: &[u8], stderr: &[u8]) -> String {
    let (stdout, stderr) = (String::from_utf8_lossy(stdout), String::from_utf8_lossy(stderr));
    match (stdout.is_empty(), stderr.is_empty()) {
        (_, true) => stdout.into_owned(),
        (true, false) => stderr.into_owned(),
        (false, false) => format!("{}\n{stderr}", stdout.trim_end_matches('\n')),
    }
}

/// Why a tool's output holds no measurement.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ToolError {
    /// The tool itself reports an error.
    #[error("{tool} reports: {message}; {}", advice(.message))]
    Reported {
        /// The tool.
        tool: KernelTool,
        /// In its words.
        message: String,
    },
    /// The tool ended, and there is no result in what it printed.
    #[error("{tool} printed no result ({exit}): {excerpt}; run its command by hand to see why")]
    NothingMeasured {
        /// The tool.
        tool: KernelTool,
        /// How it ended.
        exit: ToolExit,
        /// The end of what it printed.
        excerpt: String,
    },
    /// The text is not what the tool prints.
    #[error("the output of {tool} cannot be read: {why}; keep the file and report it, or check that it is whole")]
    Unreadable {
        /// The tool.
        tool: KernelTool,
        /// Where and what.
        why: String,
    },
    /// The tool did not end.
    #[error("{tool} did not end within {} s and was ended; check that the server runs and that no firewall stands between, then run it again", .limit.as_secs_f64())]
    TimedOut {
        /// The tool.
        tool: KernelTool,
        /// The time it had.
        limit: Duration,
    },
}

impl ToolError {
    /// What to say where no result was found: that it hung, what it complained of, or how it ended.
    pub(super) fn nothing_measured(tool: KernelTool, text: &str, exit: ToolExit) -> Self {
        if let ToolExit::TimedOut(limit) = exit {
            return ToolError::TimedOut { tool, limit };
        }
        let complaint = text.lines().map(str::trim).find(|line| COMPLAINTS.iter().any(|sign| line.to_ascii_lowercase().contains(sign)));
        match complaint {
            Some(line) => ToolError::Reported { tool, message: shortened(line) },
            None => {
                let last = text.lines().map(str::trim).rfind(|line| !line.is_empty());
                ToolError::NothingMeasured { tool, exit, excerpt: last.map_or_else(|| "nothing at all".to_owned(), shortened) }
            }
        }
    }
}

/// Signs of an error message in the tools' outputs.
const COMPLAINTS: [&str; 12] = [
    "error",
    "refused",
    "failed",
    "unable",
    "cannot",
    "can't",
    "couldn't",
    "unreachable",
    "timed out",
    "not known",
    "not responding",
    "invalid",
];

/// What to do about the usual errors.
fn advice(message: &str) -> &'static str {
    let message = message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if says(&["busy"]) {
        "another client uses this server: wait for it, or start a server on another port"
    } else if says(&["refused", "failed to connect", "establish control", "establish the control connection"]) {
        "no server listens there: start it first, and check address and port"
    } else if says(&["unreachable", "no route", "timed out", "not responding"]) {
        "the server cannot be reached: check the address, the route and the firewall"
    } else if says(&["not known", "name or service", "resolve"]) {
        "the host name is not known: give an address"
    } else if says(&["address already in use", "address in use"]) {
        "the port is taken: end the other server or choose another port"
    } else if says(&["invalid", "unrecognized", "bad option", "unknown", "usage", "parameter"]) {
        "this version of the tool does not take an argument that it was given: see the command in the record"
    } else {
        "run its command by hand to see why"
    }
}

/// At most 300 characters, without control characters.
pub(super) fn shortened(text: &str) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(301).collect();
    if clean.chars().count() > 300 { format!("{}…", clean.chars().take(300).collect::<String>()) } else { clean }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(name: &str) -> KernelTool {
        KernelTool::from_name(name).unwrap()
    }

    #[test]
    fn an_error_says_what_to_do() {
        let error = ToolError::nothing_measured(tool("iperf2"), "connect failed: Connection refused\n", ToolExit::Code(0));
        assert!(error.to_string().contains("start it first"), "{error}");
        let hung = ToolError::nothing_measured(tool("qperf"), "tcp_lat:\n", ToolExit::TimedOut(Duration::from_secs(11)));
        assert_eq!(hung, ToolError::TimedOut { tool: tool("qperf"), limit: Duration::from_secs(11) });
    }

    #[test]
    fn both_outputs_are_kept() {
        assert_eq!(raw_text(b"tcp_bw:\n", b"failed\n"), "tcp_bw:\nfailed\n");
        assert_eq!(raw_text(b"out\n", b""), "out\n");
        assert_eq!(raw_text(b"", b"\xff"), "\u{fffd}");
    }
}
