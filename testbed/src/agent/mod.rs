//! `linerate agent`: one process at one endpoint that holds one DPDK port and does what the conductor says.
//!
//! One JSON message a line on standard input and output. EAL can be initialised once per process, so an agent lives for
//! one port, and a change of devargs is a new agent. An agent without a port runs the kernel tools of an endpoint on another machine, checks it,
//! and claims its interfaces. OpenSSH is the only transport between hosts: an agent listens only to check the ports of the tools.

mod check;
mod client;
mod describe;
mod held;
mod lease;
mod lines;
mod protocol;
mod server;
mod start;

pub use client::{Agent, AgentError, WaitLimit};
pub use lease::LEASE;
pub use lines::next_line;
pub use protocol::{BUILD, CheckRequest, Checked, Greeting, LinkSeen, OpenPort, Opened, PROTOCOL, Reply, Request, TrialReply};
pub use server::{ServeError, serve};
