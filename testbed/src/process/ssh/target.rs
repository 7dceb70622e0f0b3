use std::fmt;
use std::time::Duration;

use super::super::error::ProcessError;
use super::super::namespace::NamespaceName;
use super::connection::{Connection, Login, local_prefix};
use super::user::InvokingUser;

/// A machine that OpenSSH reaches. Keys, host keys and aliases are the user's own, from `~/.ssh`.
///
/// Clones share one connection, which opens with the first command and closes when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct SshTarget {
    /// `user@host`, or a `Host` of `~/.ssh/config`.
    pub destination: String,
    /// The port of the ssh server, where it is not that of the user's configuration.
    pub port: Option<u16>,
    /// Further arguments of ssh, such as `-p`, `2222` or `-i`, `key`.
    pub options: Vec<String>,
    /// Words before each command there, to run it as another user: `sudo`, `-n`.
    pub r#become: Vec<String>,
    /// How long the connection may take to come up, in whole seconds.
    pub connect_timeout: Duration,
    /// The network namespace that the ssh client itself runs in, when the machine is reached from one.
    pub from: Option<NamespaceName>,
    /// The user whose keys and settings ssh takes, where that is not the user of this process.
    pub identity: Option<InvokingUser>,
    connection: Connection,
}

impl SshTarget {
    /// A machine reached with the user's own ssh configuration, within ten seconds.
    pub fn new(destination: impl Into<String>) -> Self {
        SshTarget {
            destination: destination.into(),
            port: None,
            options: Vec::new(),
            r#become: Vec::new(),
            connect_timeout: Duration::from_secs(10),
            from: None,
            identity: None,
            connection: Connection::default(),
        }
    }

    /// The words of a command at the other machine, over the connection to it, which is opened where there is none.
    pub(in crate::process) fn session_words(&self, ssh: &str, remote_line: String) -> Result<Vec<String>, ProcessError> {
        let name = self.to_string();
        let SshTarget { destination, port, options, connect_timeout, from, identity, .. } = self;
        let login = Login {
            name: &name,
            destination,
            port: *port,
            options,
            limit: *connect_timeout,
            from: from.as_ref(),
            identity: identity.as_ref(),
        };
        let socket = self.connection.socket(&login, ssh)?;
        let mut words = local_prefix(self.identity.as_ref())?;
        // Without a connection the session fails at once, and does not open one of its own: the proxy is a program that does nothing.
        // -F none: the settings of the user are those of the connection.
        words.extend(
            [ssh, "-F", "none", "-o", "ControlMaster=no", "-o", "ProxyCommand=false", "-o", "BatchMode=yes", "-S"].map(str::to_owned),
        );
        words.extend([socket, "-T".to_owned(), "--".to_owned(), self.destination.clone(), remote_line]);
        Ok(words)
    }

    /// What ssh reported when the connection ended, if it did.
    pub(crate) fn lost_reason(&self) -> Option<String> {
        self.connection.end()
    }

    /// The error of a command whose ssh failed: what the connection reported, or else what the command's own ssh said.
    pub(crate) fn lost(&self, said: &str) -> ProcessError {
        self.unreachable(self.lost_reason().unwrap_or_else(|| said.to_owned()))
    }

    /// Whether a command can be run without a new login.
    pub(in crate::process) fn is_connected(&self) -> bool {
        self.connection.is_open()
    }

    /// The error of a machine that cannot be reached.
    fn unreachable(&self, message: impl Into<String>) -> ProcessError {
        ProcessError::Ssh { destination: self.to_string(), message: message.into() }
    }
}

/// The connection is no part of what a target is.
impl PartialEq for SshTarget {
    fn eq(&self, other: &Self) -> bool {
        let parts = |one: &SshTarget| {
            let SshTarget { destination, port, options, r#become, connect_timeout, from, identity, connection: _ } = one.clone();
            (destination, port, options, r#become, connect_timeout, from, identity)
        };
        parts(self) == parts(other)
    }
}

impl Eq for SshTarget {}

impl fmt::Display for SshTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.destination)?;
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}
