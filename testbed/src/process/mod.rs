//! Runs programs where an endpoint is: here, inside a network namespace, on another machine over `ssh`, or in a container.
//!
//! [`run`] waits for the end and gives what was printed. [`spawn`] gives a [`Child`] whose pipes can be used line by line.
//! Nothing started here outlives what started it: a [`Child`] ends, with everything it started, when it is dropped or
//! when its time is up; and a program on this machine is ended by the kernel when this process dies, however it dies.

mod boot;
mod child;
mod command;
mod confinement;
mod container;
mod error;
mod guard;
mod identity;
mod input;
mod location;
mod lock_holder;
mod namespace;
mod program;
mod spawner;
mod ssh;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub(crate) use boot::BootId;
pub use child::{Child, Output};
pub use command::CommandSpec;
pub use confinement::Confinement;
pub use container::{Container, ContainerEngine, NotAContainerName};
pub use error::ProcessError;
pub use identity::ProcessIdentity;
pub(crate) use identity::process_numbers;
pub use input::Input;
pub use location::Location;
pub(crate) use lock_holder::lock_holder;
pub use namespace::{NamespaceName, NotANamespaceName};
pub use program::{find_program, package_of};
pub use ssh::{InvokingUser, NotADestination, SshDestination, SshOptionError, SshTarget, check_ssh_options};

/// How often a wait for a program checks whether the user ended the run.
const INTERRUPT_INTERVAL: Duration = Duration::from_millis(100);

/// Runs a program to its end, or to its time limit, and gives what it printed.
///
/// An exit status other than 0 is not an error here: [`Output::success`] tells. Over ssh, the status 255 is, because it is
/// how ssh says that it could not reach the machine.
///
/// # Errors
/// The program or the place does not exist, or the program could not be started or waited for.
pub fn run(spec: &CommandSpec) -> Result<Output, ProcessError> {
    let mut child = spawn(spec)?;
    child.collect_stdout();
    child.finish(spec.timeout)
}

/// The text of a file where a place is, without the white space around it; none where it cannot be read within `limit`.
pub(crate) fn read_file(location: &Location, file: &str, limit: Duration) -> Option<String> {
    let spec = CommandSpec::new(location.clone(), ["cat", file]).with_timeout(limit);
    let output = run(&spec).ok().filter(Output::success)?;
    Some(output.stdout_text().trim().to_owned())
}

/// [`run`] that the user can end: when `interrupted` is set, the program is ended as it is when its time is up.
///
/// # Errors
/// As for [`run`].
pub fn run_until_interrupted(spec: &CommandSpec, interrupted: &AtomicBool) -> Result<Output, ProcessError> {
    let mut child = spawn(spec)?;
    child.collect_stdout();
    let begin = Instant::now();
    while !interrupted.load(Ordering::Relaxed) && begin.elapsed() < spec.timeout {
        if child.wait_timeout(INTERRUPT_INTERVAL)?.is_some() {
            break;
        }
    }
    child.finish(Duration::ZERO)
}

/// Starts a program and gives its pipes; the time limit of the specification is for [`run`] and is not watched here.
///
/// # Errors
/// The program or the place does not exist, or the program could not be started.
pub fn spawn(spec: &CommandSpec) -> Result<Child, ProcessError> {
    spec.start()
}
