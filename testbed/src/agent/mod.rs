//! `linerate agent`: one process at one endpoint that holds one DPDK port and does what the conductor says.
//!
//! One JSON message a line on standard input and output. EAL can be initialised once per process, so an agent lives for
//! one port, and a change of devargs is a new agent. OpenSSH is the only transport between hosts: nothing listens.

mod client;
mod describe;
mod protocol;
mod server;

pub use client::{Agent, AgentError, WaitLimit};
pub use protocol::{Greeting, LinkSeen, OpenPort, Opened, PROTOCOL, Reply, Request, TrialReply};
pub use server::{ServeError, serve};
