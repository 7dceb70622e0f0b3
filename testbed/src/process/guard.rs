use super::error::ProcessError;
use super::namespace::NamespaceName;
use super::program::{find_program, found};

/// Starts a program only while its parent is still this process. Before it, `setpriv --pdeathsig` has the kernel kill the program when this process
/// dies, even by SIGKILL; `exec`, `ip netns exec` and `taskset` keep that setting. The kernel sends the signal when the parent dies, and not to a
/// child that sets it later (PR_SET_PDEATHSIG(2const)): a child whose parent died before that has another parent, and ends here.
const UNLESS_ORPHANED: &str = r#"[ "$PPID" = "$0" ] && exec "$@""#;

/// The words before a program on this machine that ends with this process, after the words `joins` and in a network namespace if one is
/// given. `program` is for the error.
pub(super) fn guarded(joins: Vec<String>, inside: Option<&NamespaceName>, program: &str) -> Result<Vec<String>, ProcessError> {
    let mut words = Vec::new();
    if let Some(setpriv) = find_program("setpriv") {
        words.extend([setpriv.display().to_string(), "--pdeathsig".to_owned(), "KILL".to_owned(), "--".to_owned()]);
        words.extend(["/bin/sh".to_owned(), "-c".to_owned(), UNLESS_ORPHANED.to_owned(), std::process::id().to_string()]);
    }
    words.extend(joins);
    if let Some(namespace) = inside {
        if !namespace.exists() {
            return Err(ProcessError::NoSuchNamespace { namespace: namespace.clone(), program: program.to_owned() });
        }
        words.extend([found("ip")?, "netns".to_owned(), "exec".to_owned(), namespace.to_string()]);
    }
    Ok(words)
}
