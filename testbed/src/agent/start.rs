//! How an agent is started at an endpoint, and what to do where it does not start.

use std::fs;
use std::sync::OnceLock;

use crate::process::{CommandSpec, Input};
use crate::topology::Endpoint;

/// The first line of an agent on another machine, followed by its process number. `exec` keeps the number, so that an agent that hangs can be killed.
const ANNOUNCE: &str = r#"echo "linerate-process $$"; exec "$@""#;

/// The words before that number.
const ANNOUNCED: &str = "linerate-process ";

/// The command that starts an agent.
pub(super) fn command(endpoint: &Endpoint) -> CommandSpec {
    let agent = [endpoint.program.display().to_string(), "agent".to_owned(), "--for".to_owned(), this_run().to_owned()];
    let announced = ["sh", "-c", ANNOUNCE, "linerate"].map(str::to_owned);
    let argv: Vec<String> = match endpoint.is_here() {
        true => agent.into(),
        false => announced.into_iter().chain(agent).collect(),
    };
    CommandSpec::new(endpoint.location.clone(), argv).with_stdin(Input::Piped)
}

/// The process number that a line announces.
pub(super) fn announced(line: &str) -> Option<u32> {
    line.strip_prefix(ANNOUNCED)?.trim().parse().ok()
}

/// The name of this run: for the list of processes at an endpoint, and for other runs that find its interface in use.
fn this_run() -> &'static str {
    static RUN: OnceLock<String> = OnceLock::new();
    RUN.get_or_init(|| {
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        format!("the run on {}, process {}", host.trim(), std::process::id())
    })
}

/// What to do about an agent that ended before its greeting, by its exit status and its standard error.
pub(super) fn remedy(program: &str, code: Option<i32>, said: &str) -> String {
    let library = said.split("error while loading shared libraries: ").nth(1).and_then(|rest| rest.split(':').next());
    if let Some(library) = library {
        return format!("the library {library} is missing there: {}", how_to_get(library));
    }
    let here = std::env::consts::ARCH;
    if said.contains("Exec format error") || said.contains("ELF") {
        return format!(
            "`{program}` there was built for another processor (this machine is {here}): copy the right one with `linerate testbed install`"
        );
    }
    if said.contains("password is required") || said.contains("a terminal is required") {
        return "`become` asks for a password: allow the command without one (NOPASSWD in sudoers)".to_owned();
    }
    match code {
        Some(126 | 127) => format!(
            "`{program}` is not a program there: set `program` for this endpoint, or copy linerate to it with `linerate testbed install`"
        ),
        _ => format!("run `{program} agent` there by hand"),
    }
}

/// How to install a library, on the distributions that linerate is tested on.
fn how_to_get(library: &str) -> String {
    let package = match library {
        rte if rte.starts_with("librte_") => "dpdk",
        verbs if verbs.starts_with("libibverbs") || verbs.starts_with("libmlx5") => "libibverbs1 ibverbs-providers",
        numa if numa.starts_with("libnuma") => "libnuma1",
        other => return format!("install the package that `apt-file search {other}` or `dnf provides '*/{other}'` names"),
    };
    format!("install {package} (`sudo apt-get install {package}`, or the same with dnf)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_that_does_not_start_has_a_remedy_for_its_reason() {
        let library = "linerate: error while loading shared libraries: libnuma.so.1: cannot open shared object file";
        assert!(remedy("linerate", Some(127), library).contains("libnuma.so.1 is missing there: install libnuma1"));
        let missing = remedy("/opt/linerate", Some(127), "sh: 1: exec: /opt/linerate: not found");
        assert!(missing.contains("`/opt/linerate`") && missing.contains("set `program`"), "{missing}");
        assert!(remedy("x", Some(126), "exec: x: Exec format error").contains("another processor"));
        assert!(remedy("x", Some(1), "sudo: a password is required").contains("NOPASSWD"));
    }

    #[test]
    fn the_announced_process_is_read() {
        assert_eq!((announced("linerate-process 4711"), announced("Welcome 4711")), (Some(4711), None));
    }
}
