use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::unistd::{chown, mkdtemp};

use super::super::child::{Child, Output};
use super::super::error::ProcessError;
use super::super::guard::guarded;
use super::super::input::Input;
use super::super::namespace::NamespaceName;
use super::super::program::found;
use super::user::InvokingUser;

/// The interval of ssh's keepalive messages to a silent machine, and how many may stay unanswered before ssh closes the connection
/// (ssh_config(5), ServerAliveInterval and ServerAliveCountMax): 8 s. The lease of an agent is as long, so that both ends of a broken connection
/// end at about the same time. TCP recovers from an interruption of 5 s before that.
const ALIVE_INTERVAL_S: u32 = 2;
const ALIVE_COUNT: u32 = 4;

/// How long a login may take after the connection and the key exchange, which ConnectTimeout limits.
const LOGIN_LIMIT: Duration = Duration::from_secs(20);

/// Removes the folder of the control socket when this process ends, also by SIGKILL: the script's standard input ends then.
const CLEANER: &str = r#"cat > /dev/null; rm -rf -- "$0""#;

/// What a login needs to know.
#[derive(Debug)]
pub(super) struct Login<'a> {
    /// The target in errors.
    pub(super) name: &'a str,
    /// `user@host`.
    pub(super) destination: &'a str,
    pub(super) port: Option<u16>,
    /// The user's options.
    pub(super) options: &'a [String],
    /// How long the connection may take to come up.
    pub(super) limit: Duration,
    /// The namespace that ssh runs in.
    pub(super) from: Option<&'a NamespaceName>,
    /// The user that ssh runs as.
    pub(super) identity: Option<&'a InvokingUser>,
}

impl Login<'_> {
    fn failed(&self, message: impl Into<String>) -> ProcessError {
        ProcessError::Ssh { destination: self.name.to_owned(), message: message.into() }
    }
}

/// The connection of a target, shared by its clones. It is opened with the first use.
#[derive(Debug, Clone, Default)]
pub(super) struct Connection {
    master: Arc<Mutex<Option<Master>>>,
}

/// An ssh client that holds the connection for others (ssh_config(5), ControlMaster), and the folder of its socket.
#[derive(Debug)]
struct Master {
    client: Child,
    folder: SocketFolder,
}

impl Connection {
    /// The control socket of the connection. Opens the connection, with one attempt, where there is none or it was lost.
    pub(super) fn socket(&self, login: &Login<'_>, ssh: &str) -> Result<String, ProcessError> {
        let mut open = self.lock();
        if let Some(master) = &mut *open
            && master.client.try_wait()?.is_none()
        {
            return Ok(master.folder.socket());
        }
        *open = None;
        Ok(open.insert(Master::open(login, ssh)?).folder.socket())
    }

    /// What ssh reported when the connection ended; none while it is open or was never opened.
    pub(super) fn end(&self) -> Option<String> {
        let mut open = self.lock();
        let master = open.as_mut()?;
        // The session ends a moment before the client that holds the connection.
        let ended = master.client.wait_timeout(Duration::from_millis(100)).ok().flatten();
        ended.map(|_| reason(&master.client.stderr_so_far()))
    }

    /// Whether there is a connection now.
    pub(super) fn is_open(&self) -> bool {
        self.lock().as_mut().is_some_and(|master| matches!(master.client.try_wait(), Ok(None)))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Master>> {
        self.master.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Master {
    fn open(login: &Login<'_>, ssh: &str) -> Result<Self, ProcessError> {
        let folder = SocketFolder::make(login.identity).map_err(|error| {
            login.failed(format!("a private folder for the connection cannot be made in {}: {error}", std::env::temp_dir().display()))
        })?;
        let mut words = guarded(Vec::new(), login.from, "ssh")?;
        words.extend(local_prefix(login.identity)?);
        words.push(ssh.to_owned());
        // Before the user's options: ssh uses the first value of each setting.
        let mut ours = vec![
            "ControlMaster=yes".to_owned(),
            format!("ControlPath={}", folder.socket()),
            "ControlPersist=no".to_owned(),
            // No prompts.
            "BatchMode=yes".to_owned(),
            // The user's configuration may set these for interactive logins.
            "ClearAllForwardings=yes".to_owned(),
            "RemoteCommand=none".to_owned(),
            "PermitLocalCommand=no".to_owned(),
        ];
        if let Some(port) = login.port {
            ours.push(format!("Port={port}"));
        }
        words.extend(ours.into_iter().flat_map(|option| ["-o".to_owned(), option]));
        words.extend(login.options.iter().cloned());
        let theirs = [
            format!("ConnectTimeout={}", login.limit.as_secs().max(1)),
            format!("ServerAliveInterval={ALIVE_INTERVAL_S}"),
            format!("ServerAliveCountMax={ALIVE_COUNT}"),
        ];
        words.extend(theirs.into_iter().flat_map(|option| ["-o".to_owned(), option]));
        words.extend(["-N", "-T", "--", login.destination].map(str::to_owned));
        let started = Instant::now();
        let mut client = Child::of_words(&words, &Input::Nothing, "ssh".to_owned(), None::<fn(&Output) -> Option<ProcessError>>)?;
        let socket = PathBuf::from(folder.socket());
        let limit = login.limit + LOGIN_LIMIT;
        loop {
            // ssh makes the socket under another name and links it when it listens (mux.c, muxserver_listen).
            if socket.exists() {
                return Ok(Master { client, folder });
            }
            let ended = client.wait_timeout(Duration::from_millis(5))?;
            let took = started.elapsed();
            if ended.is_some() {
                // Its last words may still be in the pipe.
                std::thread::sleep(Duration::from_millis(20));
                tracing::debug!(target = login.name, "ssh did not connect: {}", client.stderr_so_far());
                return Err(login.failed(format!("{} (after {:.1} s)", reason(&client.stderr_so_far()), took.as_secs_f64())));
            }
            if took > limit {
                return Err(login.failed(format!("the login did not end within {} s", limit.as_secs())));
            }
        }
    }
}

impl Drop for Master {
    fn drop(&mut self) {
        // On SIGTERM ssh removes its socket. The folder is removed after that.
        let _ = self.client.stop();
    }
}

/// A folder that only the user of ssh can enter. It is removed when this is dropped, or when this process ends.
#[derive(Debug)]
struct SocketFolder {
    path: PathBuf,
    cleaner: std::process::Child,
}

impl SocketFolder {
    fn make(owner: Option<&InvokingUser>) -> io::Result<Self> {
        // Short: the path of a socket has 107 bytes (unix(7)), and ssh adds 17 while it makes it.
        let path = mkdtemp(&std::env::temp_dir().join("linerate-ssh-XXXXXX"))?;
        let cleaner = chown(&path, owner.map(|user| user.uid), owner.map(|user| user.gid)).map_err(io::Error::from).and_then(|()| {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", CLEANER]).arg(&path).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
            // Ctrl-C on the terminal is for this process alone.
            command.process_group(0).spawn()
        });
        match cleaner {
            Ok(cleaner) => Ok(SocketFolder { path, cleaner }),
            Err(error) => {
                let _ = fs::remove_dir(&path);
                Err(error)
            }
        }
    }

    fn socket(&self) -> String {
        self.path.join("s").display().to_string()
    }
}

impl Drop for SocketFolder {
    fn drop(&mut self) {
        // What cannot be removed here is removed by the cleaner.
        let _ = fs::remove_dir_all(&self.path);
        drop(self.cleaner.stdin.take());
        let _ = self.cleaner.wait();
    }
}

/// The words before a program on this machine that runs as another user. The kernel clears the parent-death signal when the user changes
/// (PR_SET_PDEATHSIG(2const)), so that `setpriv` sets it again after the change.
pub(super) fn local_prefix(user: Option<&InvokingUser>) -> Result<Vec<String>, ProcessError> {
    let Some(user) = user else { return Ok(Vec::new()) };
    let mut words = vec![found("setpriv")?];
    words.extend(["--reuid", &user.uid.to_string(), "--regid", &user.gid.to_string(), "--init-groups"].map(str::to_owned));
    words.extend(["--pdeathsig", "KILL", "--", "env"].map(str::to_owned));
    words.extend(user.environment());
    Ok(words)
}

/// The reason in ssh's error output, without the advice around it.
pub(super) fn reason(said: &str) -> String {
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.iter().any(|line| line.contains("REMOTE HOST IDENTIFICATION HAS CHANGED")) {
        return "the host key is not the one in known_hosts (Host key verification failed)".to_owned();
    }
    lines.last().map_or_else(|| "it gave no reason".to_owned(), |line| (*line).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_private_and_gone_with_its_owner() {
        use std::os::unix::fs::PermissionsExt;
        let folder = SocketFolder::make(None).unwrap();
        let path = folder.path.clone();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn a_changed_host_key_is_named_in_one_line() {
        let said = "@@@@@\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\n@@@\nHost key verification failed.\n";
        assert!(reason(said).contains("Host key verification failed") && !reason(said).contains('\n'));
        assert_eq!(reason("ssh: connect to host x port 22: Connection refused\n\n"), "ssh: connect to host x port 22: Connection refused");
    }
}
