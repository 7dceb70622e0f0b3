use std::time::Duration;

use reporter::kernel_tools::shell_line;

use super::error::ProcessError;
use super::location::{Location, NamespaceName};
use super::program::{find_program, found};

/// How long a command may run when nothing else is said.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// Begins every program on this machine, after `setpriv --pdeathsig` has seen to it that the kernel ends it when this process dies, even by
/// SIGKILL; `exec`, `ip netns exec` and `taskset` keep that setting. It does not help where this process died before it was set
/// (PR_SET_PDEATHSIG(2const): the signal is sent at the parent's death, and not to a child that sets it later): such an orphan sees
/// another parent than the one it was started by, and ends by itself.
const UNLESS_ORPHANED: &str = r#"[ "$PPID" = "$0" ] && exec "$@""#;

/// A command, and where and how to run it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandSpec {
    /// Where it runs.
    pub location: Location,
    /// The program and its arguments, as they are: no shell reads them.
    pub argv: Vec<String>,
    /// The CPU it is pinned to (`taskset`); `None` leaves it to the scheduler.
    pub cpu: Option<u32>,
    /// When [`run`](super::run) ends it, with everything it started.
    pub timeout: Duration,
    /// What it reads.
    pub stdin: Input,
}

/// What a program reads from its standard input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Nothing: `/dev/null`.
    Nothing,
    /// These bytes, then the end.
    Bytes(Vec<u8>),
    /// What the owner of the [`Child`](super::Child) writes to its pipe. With [`run`](super::run) the pipe is empty.
    Piped,
}

impl CommandSpec {
    /// A command that is given a minute, reads nothing and is not pinned.
    pub fn new<Word: Into<String>>(location: Location, argv: impl IntoIterator<Item = Word>) -> Self {
        let argv = argv.into_iter().map(Into::into).collect();
        CommandSpec { location, argv, cpu: None, timeout: DEFAULT_TIMEOUT, stdin: Input::Nothing }
    }

    /// The same with another time limit.
    pub fn with_timeout(self, timeout: Duration) -> Self {
        CommandSpec { timeout, ..self }
    }

    /// The same pinned to a CPU.
    pub fn on_cpu(self, cpu: Option<u32>) -> Self {
        CommandSpec { cpu, ..self }
    }

    /// The same with something to read.
    pub fn with_stdin(self, stdin: Input) -> Self {
        CommandSpec { stdin, ..self }
    }

    /// The program, as it was given.
    pub(super) fn program(&self) -> Result<&str, ProcessError> {
        self.argv.first().filter(|program| !program.is_empty()).map(String::as_str).ok_or(ProcessError::Empty)
    }

    /// The words to execute on this machine. Programs and namespaces on this machine are looked up first, because
    /// the programs in between (`setpriv`, `ip netns exec`) would say only that something was not found. To another machine the connection
    /// is opened where there is none.
    pub(super) fn local_words(&self) -> Result<Vec<String>, ProcessError> {
        let program = self.program()?;
        let inside = match &self.location {
            Location::Here | Location::Container(_) => None,
            Location::Namespace(namespace) => Some(namespace),
            Location::Ssh(target) => target.from.as_ref(),
        };
        let mut words = guarded(inside, program)?;
        match &self.location {
            Location::Ssh(target) => {
                if target.destination.is_empty() || target.destination.starts_with('-') {
                    return Err(ProcessError::NotADestination { destination: target.destination.clone() });
                }
                words.extend(target.session_words(&found("ssh")?, shell_line(self.remote_words().iter().map(String::as_str)))?);
            }
            Location::Container(container) => {
                words.push(found(container.engine.program())?);
                words.extend(container.exec_words(self.stdin != Input::Nothing));
                words.extend(self.remote_words());
            }
            Location::Here | Location::Namespace(_) => {
                if let Some(cpu) = self.cpu {
                    words.extend([found("taskset")?, "-c".to_owned(), cpu.to_string()]);
                }
                words.push(found(program)?);
                words.extend(self.argv.iter().skip(1).cloned());
            }
        }
        Ok(words)
    }

    /// The command at the other machine. The local end of a connection can be killed; what runs at the remote end cannot, so
    /// a command without piped input is ended there by `timeout`. One with piped input must end when its input does.
    ///
    /// The shell that ssh starts there reads them quoted.
    fn remote_words(&self) -> Vec<String> {
        let mut words = self.location.become_words().to_vec();
        // After `sudo`, which removes variables.
        words.extend(["env".to_owned(), "LC_ALL=C".to_owned()]);
        if self.stdin != Input::Piped {
            let seconds = self.timeout.as_secs().saturating_add(2);
            words.extend(["timeout".to_owned(), "--kill-after=2".to_owned(), seconds.to_string()]);
        }
        if let Some(cpu) = self.cpu {
            words.extend(["taskset".to_owned(), "-c".to_owned(), cpu.to_string()]);
        }
        words.extend(self.argv.iter().cloned());
        words
    }
}

/// The words before a program on this machine that ends with this process, in a network namespace if one is given. `program` is for the error.
pub(super) fn guarded(inside: Option<&NamespaceName>, program: &str) -> Result<Vec<String>, ProcessError> {
    let mut words = Vec::new();
    if let Some(setpriv) = find_program("setpriv") {
        words.extend([setpriv.display().to_string(), "--pdeathsig".to_owned(), "KILL".to_owned(), "--".to_owned()]);
        words.extend(["/bin/sh".to_owned(), "-c".to_owned(), UNLESS_ORPHANED.to_owned(), std::process::id().to_string()]);
    }
    if let Some(namespace) = inside {
        if !namespace.exists() {
            return Err(ProcessError::NoSuchNamespace { namespace: namespace.clone(), program: program.to_owned() });
        }
        words.extend([found("ip")?, "netns".to_owned(), "exec".to_owned(), namespace.to_string()]);
    }
    Ok(words)
}

impl std::fmt::Display for CommandSpec {
    /// The command as one would type it in a shell at its place.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&shell_line(self.argv.iter().map(String::as_str)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::process::SshTarget;

    fn remote_line(spec: &CommandSpec) -> String {
        shell_line(spec.remote_words().iter().map(String::as_str))
    }

    #[test]
    fn a_remote_command_is_bounded_there_unless_it_is_written_to() {
        let target = SshTarget::new("b@192.0.2.7");
        let spec =
            CommandSpec::new(Location::Ssh(target), ["iperf3", "-c", "198.18.0.1"]).with_timeout(Duration::from_secs(8)).on_cpu(Some(3));
        assert_eq!(remote_line(&spec), "env 'LC_ALL=C' timeout '--kill-after=2' 10 taskset -c 3 iperf3 -c 198.18.0.1");
        assert_eq!(remote_line(&spec.with_stdin(Input::Piped)), "env 'LC_ALL=C' taskset -c 3 iperf3 -c 198.18.0.1");
    }

    #[test]
    fn another_user_runs_the_whole_command() {
        let mut target = SshTarget::new("b");
        target.r#become = ["sudo", "-n"].map(str::to_owned).to_vec();
        let spec = CommandSpec::new(Location::Ssh(target), ["linerate", "agent"]).with_stdin(Input::Piped);
        assert_eq!(remote_line(&spec), "sudo -n env 'LC_ALL=C' linerate agent");
    }

    #[test]
    fn a_destination_that_is_an_option_is_refused() {
        let spec = CommandSpec::new(Location::Ssh(SshTarget::new("-oProxyCommand=x")), ["true"]);
        assert!(matches!(spec.local_words(), Err(ProcessError::NotADestination { .. })));
    }

    proptest! {
        #[test]
        fn a_shell_reads_back_every_word_as_it_was(word in "[^\u{0}]{0,40}") {
            let printed = std::process::Command::new("/bin/sh").args(["-c", &format!("printf %s {}", shell_line([word.as_str()]))]).output().unwrap();
            prop_assert_eq!(printed.stdout, word.into_bytes());
        }
    }
}
