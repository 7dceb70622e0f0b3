use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reporter::kernel_tools::{ToolExit, raw_text};
use serde::{Deserialize, Serialize};

use super::error::KernelEndError;
use super::interface::Counted;
use super::reading::{Reading, Spent};
use crate::process::{CommandSpec, Location, Output, run_until_interrupted};

/// A tool's command, and the interface that its traffic crosses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolCommand {
    /// The program and its arguments, as they are: no shell reads them.
    pub argv: Vec<String>,
    /// The time limit, after which it is ended.
    pub timeout: Duration,
    /// The interface whose counters are read before and after; none where nothing is to be counted.
    pub counted: Option<Counted>,
}

/// The output and the exit of a tool, and what it cost.
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
    let spec = CommandSpec::new(location.clone(), command.argv.iter().cloned()).with_timeout(command.timeout);
    let output = run_until_interrupted(&spec, interrupted)?;
    if output.timed_out && interrupted.load(Ordering::Relaxed) {
        return Err(KernelEndError::Interrupted);
    }
    let spent = before.spent(location, command.counted.as_ref());
    Ok(ToolRun { text: raw_text(&output.stdout, &output.stderr), exit: exit(&output, command.timeout), spent })
}

pub(super) fn exit(output: &Output, limit: Duration) -> ToolExit {
    use std::os::unix::process::ExitStatusExt;
    match (output.timed_out, output.status.code(), output.status.signal()) {
        (true, ..) => ToolExit::TimedOut(limit),
        (_, Some(code), _) => ToolExit::Code(code),
        (_, _, Some(signal)) => ToolExit::Signal(signal),
        _ => ToolExit::Unknown,
    }
}
