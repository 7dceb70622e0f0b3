use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Transport;

/// A program and its arguments, to be run without a shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    /// Looked for in `PATH`.
    pub program: String,
    /// One each; never quoted.
    pub arguments: Vec<String>,
}

impl CommandLine {
    /// A program with arguments.
    pub fn new<S: Into<String>>(program: impl Into<String>, arguments: impl IntoIterator<Item = S>) -> Self {
        CommandLine { program: program.into(), arguments: arguments.into_iter().map(Into::into).collect() }
    }

    /// The same on one CPU. `taskset` pins every tool the same way, before it starts its threads.
    pub(super) fn pinned(self, cpu: Option<u32>) -> Self {
        match cpu {
            None => self,
            Some(cpu) => {
                let mut arguments = vec!["-c".to_owned(), cpu.to_string(), self.program];
                arguments.extend(self.arguments);
                CommandLine { program: "taskset".to_owned(), arguments }
            }
        }
    }
}

/// As a person would type it into a POSIX shell.
impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = std::iter::once(&self.program).chain(&self.arguments).map(String::as_str);
        f.write_str(&shell_line(words))
    }
}

/// Words as one line that a POSIX shell splits into the same words.
///
/// No word can hold a NUL: the kernel takes arguments as C strings, so that such a command never runs. It is printed as it is.
pub fn shell_line<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let quoter = shlex::Quoter::new().allow_nul(true);
    let quoted = words.into_iter().map(|word| quoter.quote(word).unwrap_or(Cow::Borrowed(word)));
    quoted.collect::<Vec<_>>().join(" ")
}

/// What shows that a server is ready for its client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Ready {
    /// A socket of its own listens ([`listening_sockets`](super::listening_sockets)); a trial connection would use up an `iperf3 -s -1`.
    Listens {
        /// TCP or UDP.
        transport: Transport,
        /// The port.
        port: u16,
    },
    /// It has printed this.
    Prints {
        /// A part of a line.
        text: String,
    },
}

/// What to run for one measurement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commands {
    /// At the second endpoint, before the client; absent for ping. The caller ends it by its process id when the client is done.
    pub server: Option<CommandLine>,
    /// When the server is ready.
    pub ready: Option<Ready>,
    /// At the first endpoint. Its output is the raw file, unless the [server reports](super::KernelTool::server_reports).
    pub client: CommandLine,
    /// After this time the client hangs: end it and parse with [`ToolExit::TimedOut`](super::ToolExit::TimedOut).
    pub timeout: Duration,
}

impl Commands {
    /// For [`Tool::commands`](crate::record::Tool::commands): client first.
    pub fn as_texts(&self) -> Vec<String> {
        std::iter::once(&self.client).chain(&self.server).map(ToString::to_string).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_reads_as_it_would_be_typed() {
        let command = CommandLine::new("iperf3", ["-c", "::1", "it's"]).pinned(Some(2));
        assert_eq!(command.to_string(), r#"taskset -c 2 iperf3 -c ::1 "it's""#);
    }
}
