//! The commands, one file each: `Args` (also the help text) and `run`.

use std::fmt;

use serde::Serialize;

pub mod compare;
pub mod completions;
pub mod fleet;
pub mod gate;
pub mod history;
pub mod import;
pub mod man;
mod many_runs;
pub mod report;
pub mod simulate;

#[cfg(feature = "dpdk")]
mod foreign;
#[cfg(feature = "dpdk")]
mod frame_args;
#[cfg(feature = "dpdk")]
mod listener_args;
#[cfg(feature = "dpdk")]
mod port_args;
#[cfg(feature = "dpdk")]
mod progress;
#[cfg(feature = "dpdk")]
mod ready;
#[cfg(feature = "dpdk")]
mod run_directory;
#[cfg(feature = "dpdk")]
mod session;
#[cfg(feature = "dpdk")]
mod status_line;

#[cfg(feature = "dpdk")]
pub mod agent;
#[cfg(feature = "dpdk")]
pub mod doctor;
#[cfg(feature = "dpdk")]
mod endpoints;
#[cfg(feature = "dpdk")]
pub mod lab;
#[cfg(feature = "dpdk")]
pub mod ports;
#[cfg(feature = "dpdk")]
pub mod receive;
#[cfg(feature = "dpdk")]
pub mod reflect;
#[cfg(feature = "dpdk")]
pub mod run;
#[cfg(feature = "dpdk")]
pub mod send;
#[cfg(feature = "dpdk")]
pub mod testbed;
#[cfg(feature = "dpdk")]
pub mod tune;

/// The error of a command: what failed, on what, why, and what to do.
pub struct CommandError(String);

impl CommandError {
    /// An error that the command itself found.
    pub fn new(text: impl Into<String>) -> Self {
        CommandError(text.into())
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl CommandError {
    /// The error of a library. Its errors are complete sentences; this appends their causes.
    pub fn from_ref(error: &dyn std::error::Error) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            // A transparent error has the text of its source.
            if !text.contains(&inner.to_string()) {
                text.push_str(&format!(": {inner}"));
            }
            cause = inner.source();
        }
        CommandError(text)
    }
}

impl<E: std::error::Error> From<E> for CommandError {
    fn from(error: E) -> Self {
        CommandError::from_ref(&error)
    }
}

/// The format of a result on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Text to read.
    Text,
    /// One JSON object, the last line of standard output.
    Json,
}

impl Format {
    /// The format that `--json` selects.
    pub fn of(json: bool) -> Self {
        if json { Format::Json } else { Format::Text }
    }

    /// Prints a result.
    pub fn print<T: Serialize>(self, value: &T, text: impl FnOnce() -> String) -> Result<(), CommandError> {
        match self {
            Format::Text => println!("{}", text()),
            Format::Json => println!("{}", serde_json::to_string(value)?),
        }
        Ok(())
    }
}

/// Width of the terminal in columns; 100 without a terminal.
fn terminal_width() -> u16 {
    terminal_size::terminal_size().map_or(100, |(width, _)| width.0)
}

/// A flag that Ctrl-C, SIGTERM and the end of the terminal (SIGHUP) set. A second signal ends the program at once, without cleaning up.
///
/// If SIGHUP is ignored, as under `nohup`, it stays ignored.
#[cfg(feature = "dpdk")]
pub fn interrupt_flag() -> Result<std::sync::Arc<std::sync::atomic::AtomicBool>, CommandError> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

    let flag = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        if signal == SIGHUP && is_ignored(signal) {
            continue;
        }
        // Registered before the flag is: it acts only if an earlier signal set the flag.
        signal_hook::flag::register_conditional_shutdown(signal, 130, flag.clone())?;
        signal_hook::flag::register(signal, flag.clone())?;
    }
    Ok(flag)
}

/// Whether this process ignores a signal (proc_pid_status(5), SigIgn).
#[cfg(feature = "dpdk")]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}
