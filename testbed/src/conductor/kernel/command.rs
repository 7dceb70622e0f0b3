use std::time::Duration;

use reporter::kernel_tools::CommandLine;

use crate::process::{CommandSpec, Location};

/// A tool's command line as a command at a place.
pub(super) fn command(location: &Location, line: &CommandLine, timeout: Duration) -> CommandSpec {
    let argv = std::iter::once(line.program.clone()).chain(line.arguments.iter().cloned());
    CommandSpec::new(location.clone(), argv).with_timeout(timeout)
}
