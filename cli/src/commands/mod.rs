//! One file a command. Each has its `Args`, which are its help, and a `run`.

use std::fmt;

use serde::Serialize;

pub mod compare;
pub mod import;
pub mod report;
pub mod simulate;

#[cfg(feature = "dpdk")]
mod frame_args;
#[cfg(feature = "dpdk")]
mod port_session;

#[cfg(feature = "dpdk")]
pub mod agent;
#[cfg(feature = "dpdk")]
pub mod doctor;
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

/// Why a command could not do what it was asked: one text that says what failed, on what, and what to do.
pub struct CommandError(String);

impl CommandError {
    /// An error of the command's own.
    pub fn new(text: impl Into<String>) -> Self {
        CommandError(text.into())
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Every library error already says what a person needs; its causes are joined to it.
impl<E: std::error::Error> From<E> for CommandError {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            // Transparent errors repeat their source's words.
            if !text.contains(&inner.to_string()) {
                text.push_str(&format!(": {inner}"));
            }
            cause = inner.source();
        }
        CommandError(text)
    }
}

/// How a result is printed on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object, the last line of standard output.
    Json,
}

impl Format {
    /// What `--json` asks for.
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

/// Columns of the terminal; 100 where there is none.
fn terminal_width() -> u16 {
    terminal_size::terminal_size().map_or(100, |(width, _)| width.0)
}

/// A flag that Ctrl-C and SIGTERM set. A second signal ends the program at once, for whoever cannot wait for the clean end.
#[cfg(feature = "dpdk")]
pub fn interrupt_flag() -> Result<std::sync::Arc<std::sync::atomic::AtomicBool>, CommandError> {
    use signal_hook::consts::{SIGINT, SIGTERM};

    let flag = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // Registered first, so that it acts only when the flag was set by an earlier signal.
        signal_hook::flag::register_conditional_shutdown(signal, 130, flag.clone())?;
        signal_hook::flag::register(signal, flag.clone())?;
    }
    Ok(flag)
}
