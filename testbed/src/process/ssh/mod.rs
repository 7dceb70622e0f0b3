//! Other machines through OpenSSH: one connection for each target, which all commands to it share.

mod connection;
mod destination;
mod options;
mod target;
mod user;

pub use destination::{NotADestination, SshDestination};
pub use options::{SshOptionError, check_ssh_options};
pub use target::SshTarget;
pub use user::InvokingUser;
