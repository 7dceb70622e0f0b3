use std::fmt;
use std::time::Duration;

use super::super::error::ProcessError;
use super::super::namespace::NamespaceName;
use super::connection::{Connection, Login, local_prefix, reason};
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
    /// The user that ssh runs as, with the keys and settings of that user; `None` for the user of this process.
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

    /// The words of a local command that runs `remote_line` on the other machine, over the connection to it. Opens the connection where there is none.
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
        // Where the connection was lost, ssh would open a new one for this session. The proxy command `false` makes it fail at once instead.
        // -F none: the user's settings were applied when the connection was opened.
        words.extend(
            [ssh, "-F", "none", "-o", "ControlMaster=no", "-o", "ProxyCommand=false", "-o", "BatchMode=yes", "-S"].map(str::to_owned),
        );
        words.extend([socket, "-T".to_owned(), "--".to_owned(), self.destination.clone(), remote_line]);
        Ok(words)
    }

    /// Why the ssh of a command failed: what the connection reported when it ended, otherwise what this ssh wrote to standard error.
    pub(crate) fn lost_reason(&self, stderr: &str) -> String {
        self.connection.end().unwrap_or_else(|| reason(stderr))
    }

    /// The error of a command whose ssh failed.
    pub(crate) fn lost(&self, stderr: &str) -> ProcessError {
        ProcessError::Ssh { destination: self.to_string(), message: self.lost_reason(stderr) }
    }

    /// Whether a command can be run without a new login.
    pub(in crate::process) fn is_connected(&self) -> bool {
        self.connection.is_open()
    }
}

/// Targets are equal if they are reached in the same way. Whether they are connected does not matter.
impl PartialEq for SshTarget {
    fn eq(&self, other: &Self) -> bool {
        let SshTarget { destination, port, options, r#become, connect_timeout, from, identity, connection: _ } = self;
        (destination, port, options, r#become) == (&other.destination, &other.port, &other.options, &other.r#become)
            && (connect_timeout, from, identity) == (&other.connect_timeout, &other.from, &other.identity)
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
