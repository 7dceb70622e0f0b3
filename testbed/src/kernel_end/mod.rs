//! One end of a kernel measurement: a tool's server or client, and before and after it the counters of the interface and the processor times of the
//! machine.
//!
//! The conductor runs this code for endpoints on its own machine, and an agent runs it for those on other machines: both are measured in the same
//! way, and no reading waits for a login.

mod directory;
mod error;
mod interface;
mod reading;
mod server;
mod tool;

pub use directory::MeasurementDirectory;
pub use error::KernelEndError;
pub use interface::{Counted, InterfaceCounters, PacketsAndBytes, Way};
pub use reading::Spent;
pub use server::Server;
pub use tool::{ToolCommand, ToolRun, run_tool};
