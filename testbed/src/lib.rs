//! Endpoints and how they are reached, agents, plans, the conductor and the lab.

pub mod lab;
pub mod process;
