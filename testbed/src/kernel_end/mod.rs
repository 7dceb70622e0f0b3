//! One end of a kernel measurement, where it is: a tool's server or client, and around it what the interface counts and what the machine spends.
//!
//! The conductor runs it for endpoints on its own machine, and an agent for those on other machines, so that both are measured in the same way
//! and no login is between two readings.

mod error;
mod interface;
mod reading;
mod server;
mod tool;

pub use error::KernelEndError;
pub use interface::{Counted, InterfaceCounters, PacketsAndBytes, Way};
pub use reading::Spent;
pub use server::{Ready, Server};
pub use tool::{ToolCommand, ToolRun, run_tool};
