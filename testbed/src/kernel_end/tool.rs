use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reporter::kernel_tools::{ToolExit, raw_text};
use serde::{Deserialize, Serialize};

use super::error::KernelEndError;
use super::interface::Counted;
use super::reading::{Reading, Spent};
use crate::process::{CommandSpec, Location, Output, spawn};

/// How often a wait for a tool checks whether the user ended the run.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// A tool's command, and the interface that its traffic crosses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolCommand {
    /// The program and its arguments, as they are: no shell reads them.
    pub argv: Vec<String>,
    /// When it is ended.
    pub timeout: Duration,
    /// The interface whose counters are read before and after; none where nothing is to be counted.
    pub counted: Option<Counted>,
}

/// What a finished tool left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolRun {
    /// What it printed, then what it printed as errors.
    pub text: String,
    /// How it ended.
    pub exit: ToolExit,
    /// What the machine spent and the interface counted around it.
    pub spent: Spent,
}

/// Runs a tool to its end, at an end on this machine.
///
/// # Errors
/// It could not be started or waited for, or the user ended the run.
pub fn run_tool(location: &Location, command: &ToolCommand, interrupted: &AtomicBool) -> Result<ToolRun, KernelEndError> {
    let before = Reading::before(location, command.counted.as_ref());
    let started = Instant::now();
    let mut client = spawn(&CommandSpec::new(location.clone(), command.argv.iter().cloned()).with_timeout(command.timeout))?;
    client.collect_stdout();
    let deadline = started + command.timeout;
    while client.wait_timeout(POLL_INTERVAL)?.is_none() && Instant::now() < deadline {
        if interrupted.load(Ordering::Relaxed) {
            return Err(KernelEndError::Interrupted);
        }
    }
    let output = client.finish(Duration::ZERO)?;
    let spent = before.spent(location, command.counted.as_ref());
    Ok(ToolRun { text: raw_text(&output.stdout, &output.stderr), exit: exit(&output, command.timeout), spent })
}

fn exit(output: &Output, limit: Duration) -> ToolExit {
    use std::os::unix::process::ExitStatusExt;
    match (output.timed_out, output.status.code(), output.status.signal()) {
        (true, ..) => ToolExit::TimedOut(limit),
        (_, Some(code), _) => ToolExit::Code(code),
        (_, _, Some(signal)) => ToolExit::Signal(signal),
        _ => ToolExit::Unknown,
    }
}
