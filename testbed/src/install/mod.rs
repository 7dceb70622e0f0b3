//! Copies linerate to the endpoints of a testbed.
//!
//! A copy is written to a temporary file beside the old program and its hash is compared there. Only then it replaces the old program, which a
//! broken connection or a full disk therefore leaves as it is.

mod binary;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reporter::archive::Digest;
use reporter::record::EndpointId;
use serde::Serialize;
use thiserror::Error;

use crate::process::{CommandSpec, Input, Output, ProcessError, run};
use crate::topology::Endpoint;

pub use binary::{Architecture, Binaries, BinaryError};

/// Where linerate goes on an endpoint whose `program` is a name and not a path: on the PATH that sshd gives to commands.
const DEFAULT_PLACE: &str = "/usr/local/bin";

/// How long a question to an endpoint may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
/// How long the copy may take: some ten MiB over any management network.
const COPY_LIMIT: Duration = Duration::from_secs(600);

/// Writes standard input to `$1`, and prints its hash. The names are arguments: no shell reads them.
const WRITE: &str = r#"set -e; umask 022; mkdir -p -- "${1%/*}"; cat > "$1"; chmod 755 -- "$1"; sha256sum -- "$1""#;

/// What was done at an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub enum Installed {
    /// The endpoint is on this machine and uses this program.
    Here,
    /// The same program was there.
    AlreadyThere {
        /// Where.
        path: PathBuf,
    },
    /// It was copied.
    Copied {
        /// To where.
        path: PathBuf,
        /// Its SHA-256, as the endpoint computed it.
        sha256: String,
    },
}

impl fmt::Display for Installed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Installed::Here => f.write_str("on this machine: nothing to copy"),
            Installed::AlreadyThere { path } => write!(f, "{}: the same program is there", path.display()),
            Installed::Copied { path, sha256 } => write!(f, "{}: copied, SHA-256 {}…", path.display(), sha256.get(..16).unwrap_or(sha256)),
        }
    }
}

/// The program could not be copied to an endpoint.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InstallError {
    /// A command there could not be run.
    #[error("endpoint {endpoint}: {source}")]
    Process {
        /// The endpoint.
        endpoint: EndpointId,
        /// Why.
        source: ProcessError,
    },
    /// No command runs there.
    #[error(
        "endpoint {endpoint}: `uname -m` cannot be run there: {why}; check `reach` in the testbed file, and that the machine or container runs"
    )]
    NotReached {
        /// The endpoint.
        endpoint: EndpointId,
        /// What was said.
        why: String,
    },
    /// The processor is not known.
    #[error("endpoint {endpoint}: its processor is `{named}`; linerate runs on x86_64 and aarch64")]
    UnknownArchitecture {
        /// The endpoint.
        endpoint: EndpointId,
        /// As `uname -m` names it.
        named: String,
    },
    /// There is no program for its processor.
    #[error(
        "endpoint {endpoint}: no program for {architecture} was given: build linerate there or on such a machine, and name the file with `--binary FILE`"
    )]
    NoBinary {
        /// The endpoint.
        endpoint: EndpointId,
        /// Its processor.
        architecture: Architecture,
    },
    /// The file cannot be read.
    #[error(transparent)]
    Binary(#[from] BinaryError),
    /// The file could not be written there.
    #[error(
        "endpoint {endpoint}: {} could not be written: {why}; name a path that you may write to with `program`, or become another user with `become = \"sudo -n\"`", path.display()
    )]
    NotWritten {
        /// The endpoint.
        endpoint: EndpointId,
        /// Where.
        path: PathBuf,
        /// What the commands there said.
        why: String,
    },
    /// What arrived is not what was sent.
    #[error("endpoint {endpoint}: {} has SHA-256 {there} there, and {here} here: the copy is damaged and was not used", path.display())]
    OtherHash {
        /// The endpoint.
        endpoint: EndpointId,
        /// The file.
        path: PathBuf,
        /// The hash there.
        there: String,
        /// The hash here.
        here: String,
    },
}

/// Copies the program for its processor to an endpoint, unless it is there.
///
/// # Errors
/// The endpoint is not reached, there is no program for it, or the file could not be written.
pub fn install(endpoint: &Endpoint, binaries: &Binaries) -> Result<Installed, InstallError> {
    if endpoint.is_here() {
        return Ok(Installed::Here);
    }
    let there = There { endpoint };
    let answer = there.run(["uname", "-m"], Input::Nothing, ANSWER_LIMIT)?;
    if !answer.success() {
        return Err(InstallError::NotReached { endpoint: endpoint.id.clone(), why: answer.ending() });
    }
    let named = first_word(&answer);
    let architecture = Architecture::from_uname(&named)
        .ok_or_else(|| InstallError::UnknownArchitecture { endpoint: endpoint.id.clone(), named: named.escape_debug().to_string() })?;
    let file = binaries.of(architecture).ok_or_else(|| InstallError::NoBinary { endpoint: endpoint.id.clone(), architecture })?;
    let bytes = fs::read(file).map_err(|source| BinaryError::Unreadable { file: file.to_owned(), source })?;
    let here = Digest::of(&bytes);
    let path = place(&endpoint.program);
    let text = path.display().to_string();
    // sha256sum fails where there is no such file yet.
    let old = there.run(["sha256sum", "--", &text], Input::Nothing, ANSWER_LIMIT)?;
    if first_word(&old) == here.as_str() {
        return Ok(Installed::AlreadyThere { path });
    }
    // Another endpoint may be on the same machine.
    let part = format!("{text}.part-{:08x}", rand::random::<u32>());
    let written = there.run(["sh", "-c", WRITE, "linerate", &part], Input::Bytes(bytes), COPY_LIMIT)?;
    let not_written =
        |output: &Output| InstallError::NotWritten { endpoint: endpoint.id.clone(), path: path.clone(), why: output.ending() };
    let remove_part = || there.run(["rm", "-f", "--", &part], Input::Nothing, ANSWER_LIMIT);
    if !written.success() {
        let _ = remove_part();
        return Err(not_written(&written));
    }
    let hash = first_word(&written);
    if hash != here.as_str() {
        let _ = remove_part();
        return Err(InstallError::OtherHash { endpoint: endpoint.id.clone(), path, there: hash, here: here.to_string() });
    }
    // A rename: processes of the old program keep the old file.
    let moved = there.run(["mv", "-f", "--", &part, &text], Input::Nothing, ANSWER_LIMIT)?;
    if !moved.success() {
        let _ = remove_part();
        return Err(not_written(&moved));
    }
    Ok(Installed::Copied { path, sha256: hash })
}

/// Where the program of an endpoint goes.
fn place(program: &Path) -> PathBuf {
    // A path with one component is looked for on the PATH.
    if program.components().count() > 1 { program.to_owned() } else { Path::new(DEFAULT_PLACE).join(program) }
}

fn first_word(output: &Output) -> String {
    // sha256sum begins the line with a backslash where it escapes the name.
    output.stdout_text().split_whitespace().next().unwrap_or_default().trim_start_matches('\\').to_owned()
}

/// Commands at an endpoint.
struct There<'a> {
    endpoint: &'a Endpoint,
}

impl There<'_> {
    fn run<const N: usize>(&self, words: [&str; N], stdin: Input, limit: Duration) -> Result<Output, InstallError> {
        let spec = CommandSpec::new(self.endpoint.location.clone(), words).with_stdin(stdin).with_timeout(limit);
        run(&spec).map_err(|source| InstallError::Process { endpoint: self.endpoint.id.clone(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_goes_to_a_folder_of_the_path_and_a_path_stays() {
        assert_eq!(place(Path::new("linerate")), Path::new("/usr/local/bin/linerate"));
        assert_eq!(place(Path::new("/opt/lr/linerate")), Path::new("/opt/lr/linerate"));
        assert_eq!(place(Path::new("bin/linerate")), Path::new("bin/linerate"));
    }
}
