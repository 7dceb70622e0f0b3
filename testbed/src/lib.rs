//! Endpoints and how they are reached, agents, plans, the conductor and the lab.

pub mod agent;
pub mod conductor;
pub mod device;
pub mod install;
pub mod interface_settings;
pub mod inventory;
mod journal;
pub mod kernel_end;
pub mod lab;
pub mod plan;
pub mod preflight;
pub mod process;
mod text_file;
pub mod topology;
pub mod tuner;

pub use text_file::FileProblem;
