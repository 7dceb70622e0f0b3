use std::time::Duration;

use reporter::kernel_tools::shell_line;

use super::child::{Child, Output};
use super::error::ProcessError;
use super::guard::guarded;
use super::input::Input;
use super::location::Location;
use super::program::{found, package_of};

/// How long a command may run when nothing else is said.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

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

    /// Starts it.
    pub(super) fn start(&self) -> Result<Child, ProcessError> {
        let words = self.local_words()?;
        let exit = Exit { location: self.location.clone(), program: self.program()?.to_owned() };
        let judge = (!self.location.is_here()).then(|| exit.judge());
        Child::of_words(&words, &self.stdin, self.to_string(), judge)
    }

    /// The program, as it was given.
    fn program(&self) -> Result<&str, ProcessError> {
        self.argv.first().filter(|program| !program.is_empty()).map(String::as_str).ok_or(ProcessError::Empty)
    }

    /// The words to execute on this machine. Programs and namespaces on this machine are looked up first, because
    /// the programs in between (`setpriv`, `ip netns exec`) would say only that something was not found. The ssh connection to another
    /// machine is opened where there is none.
    fn local_words(&self) -> Result<Vec<String>, ProcessError> {
        let program = self.program()?;
        let inside = match &self.location {
            Location::Ssh(target) => target.from.as_ref(),
            location => location.namespace(),
        };
        let joins = match &self.location {
            Location::Confined(confinement) => confinement.join_words(),
            _ => Vec::new(),
        };
        let mut words = guarded(joins, inside, program)?;
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
            Location::Here | Location::Namespace(_) | Location::Confined(_) => {
                let set = match &self.location {
                    Location::Confined(confinement) => Some(confinement.cpu_list()),
                    _ => None,
                };
                if let Some(cpus) = self.cpu.map(|cpu| cpu.to_string()).or(set) {
                    words.extend([found("taskset")?, "-c".to_owned(), cpus]);
                }
                words.push(found(program)?);
                words.extend(self.argv.iter().skip(1).cloned());
            }
        }
        Ok(words)
    }

    /// The words of the command on another machine or in a container. The local end of a connection can be killed; what runs at the remote
    /// end cannot, so a command without piped input is ended there by `timeout`. One with piped input must end when its input does.
    ///
    /// For ssh, which starts a shell there, they must be quoted.
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

/// What the exit status of a program on another machine or in a container means.
struct Exit {
    location: Location,
    program: String,
}

impl Exit {
    /// ssh gives 255 when it fails itself (also when we ended it), and the remote `env` or `timeout` 127 when there is no such program.
    fn judge(self) -> impl Fn(&Output) -> Option<ProcessError> + Send + Sync + 'static {
        move |output| match (&self.location, output.status.code().filter(|_| !output.timed_out)) {
            (Location::Ssh(target), Some(255)) => Some(target.lost(&output.stderr_text())),
            (Location::Ssh(_) | Location::Container(_), Some(127)) => Some(ProcessError::MissingProgram {
                program: self.program.clone(),
                location: self.location.to_string(),
                package: package_of(&self.program),
            }),
            _ => None,
        }
    }
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
