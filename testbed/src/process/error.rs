use std::io;

use super::namespace::NamespaceName;

/// A program could not be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessError {
    /// The command has no words.
    #[error("the command is empty: there is no program to run")]
    Empty,
    /// The program is not installed.
    #[error("{program} is not installed on {location}: {}", how_to_install(.program, *.package))]
    MissingProgram {
        /// The program.
        program: String,
        /// Where it was looked for.
        location: String,
        /// The Debian and Ubuntu package that has it, where known.
        package: Option<&'static str>,
    },
    /// The namespace does not exist.
    #[error(
        "there is no network namespace {namespace} to run {program} in: `ip netns list` shows those that exist, `linerate lab up` makes a lab"
    )]
    NoSuchNamespace {
        /// The namespace.
        namespace: NamespaceName,
        /// What should have run in it.
        program: String,
    },
    /// The ssh destination would be read as an option.
    #[error("`{destination}` is not an ssh destination: write user@host, or a Host of ~/.ssh/config")]
    NotADestination {
        /// What was given.
        destination: String,
    },
    /// ssh could not reach the machine or was not let in.
    #[error(
        "ssh could not run a command on {destination}: {message}; {}", remedy(.destination, .message)
    )]
    Ssh {
        /// The machine.
        destination: String,
        /// What ssh said.
        message: String,
    },
    /// The program wrote more than is kept.
    #[error("`{command}` wrote more than {limit_mib} MiB to standard output: an incomplete output is not used as a result")]
    TooMuchOutput {
        /// The whole command.
        command: String,
        /// The limit.
        limit_mib: usize,
    },
    /// The program could not be started.
    #[error("cannot start `{command}`: {source}")]
    Start {
        /// The whole command.
        command: String,
        /// Why.
        source: io::Error,
    },
    /// The program could not be waited for, or a pipe to it broke.
    #[error("cannot wait for `{command}`: {source}")]
    Watch {
        /// The whole command.
        command: String,
        /// Why.
        source: io::Error,
    },
    /// The program did not end although it was killed.
    #[error("`{command}` (process {pid}) does not end although it was killed: it hangs in the kernel; `cat /proc/{pid}/stack` shows where")]
    Unkillable {
        /// The whole command.
        command: String,
        /// Its process.
        pid: u32,
    },
}

/// What to do about a failed login, by what ssh says.
fn remedy(destination: &str, message: &str) -> String {
    let host = destination.rsplit('@').next().unwrap_or(destination);
    let said = |words: &str| message.contains(words);
    if said("Host key verification failed") || said("host key") {
        return format!(
            "if the host key is right, log in once by hand (`ssh {destination}`); if it has changed, run `ssh-keygen -R {host}` first"
        );
    }
    if said("Permission denied") {
        return format!("check that a key of yours is accepted: `ssh -o BatchMode=yes {destination} true` must work without a question");
    }
    if ["Connection refused", "timed out", "No route to host", "unreachable", "Could not resolve"].into_iter().any(said) {
        return format!("check the address, the management network and sshd at {host}");
    }
    format!("check that `ssh -o BatchMode=yes {destination} true` works without a question")
}

fn how_to_install(program: &str, package: Option<&str>) -> String {
    match package {
        Some(package) => format!("the package {package} provides it (`sudo apt-get install {package}`)"),
        None => format!("install it, or add the directory of {program} to PATH"),
    }
}
