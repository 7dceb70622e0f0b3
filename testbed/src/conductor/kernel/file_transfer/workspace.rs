//! What a program of a transfer has at its endpoint: a directory with the file, a certificate, nginx's configuration.

use std::net::IpAddr;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use reporter::kernel_tools::ToolExit;

use super::directory::Directory;
use super::error::TransferError;
use super::nginx::CERTIFICATE_NAME;
use crate::agent::WaitLimit;
use crate::conductor::endpoint_agents::EndpointAgents;
use crate::conductor::kernel::processes::run_tool_at;
use crate::kernel_end::ToolCommand;
use crate::plan::FileBytes;
use crate::topology::KernelEndpoint;

/// Fills the directory and prints the hash of the file, then the certificate. A private key is made where it is used, for one measurement, and never leaves.
const FILL: &str = r#"
set -eu
umask 077
config=$1 bytes=$2 names=$3 trusted=$4
cd "$5"
mkdir www tmp
[ -z "$config" ] || printf %s "$config" >nginx.conf
[ -z "$trusted" ] || printf %s "$trusted" >trusted.pem
if [ -n "$names" ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=linerate \
    -addext "subjectAltName=$names" 2>openssl.txt || { grep -v '^[-.+*]*$' openssl.txt | head -n 1 >&2; exit 1; }
fi
if [ "$bytes" -gt 0 ]; then
  head -c "$bytes" /dev/urandom >www/file
  # In a command of its own: `set -e` does not see a failure inside `echo`.
  sum=$(sha256sum www/file)
  echo "sha256 $sum"
fi
[ -z "$names" ] || cat cert.pem
"#;

/// Prints the hash of a file and removes the file.
const VERIFY: &str = r#"sha256sum "$1" && rm -f "$1""#;

/// How long a small command may take.
const LIMIT: Duration = Duration::from_secs(20);

/// The slowest storage that a file is written to and read from.
const BYTES_PER_SECOND: u32 = 20_000_000;

/// A directory of a measurement at an endpoint.
pub(super) struct Workspace<'a> {
    endpoint: KernelEndpoint<'a>,
    directory: Directory<'a>,
    /// The hash of its file; none where it has none.
    pub(super) sha256: Option<String>,
    /// Its certificate; none where it has none.
    pub(super) certificate: Option<String>,
}

/// What a directory holds.
#[derive(Default)]
pub(super) struct Contents {
    /// Of nginx; empty for none.
    pub(super) configuration: String,
    /// A file of random bytes, which nothing on the way can compress.
    pub(super) file: Option<FileBytes>,
    /// The address that a certificate is made for.
    pub(super) certificate_for: Option<IpAddr>,
    /// The certificate of the server that is asked.
    pub(super) trusted: Option<String>,
}

impl<'a> Workspace<'a> {
    /// Makes it.
    pub(super) fn make(
        endpoint: KernelEndpoint<'a>,
        contents: Contents,
        agents: &mut EndpointAgents,
        interrupted: &AtomicBool,
    ) -> Result<Self, TransferError> {
        let names = contents.certificate_for.map(|address| format!("IP:{address},DNS:{CERTIFICATE_NAME}")).unwrap_or_default();
        let bytes = contents.file.map_or(0, FileBytes::bytes);
        let directory = Directory::make(endpoint, agents, interrupted)?;
        let path = directory.path().display().to_string();
        let arguments = [contents.configuration, bytes.to_string(), names, contents.trusted.unwrap_or_default(), path];
        match script(endpoint, "prepare the transfer", FILL, arguments, limit_for(bytes), agents, interrupted) {
            Ok(text) => {
                let sha256 = text.lines().find_map(|line| line.strip_prefix("sha256 ")).and_then(first_word);
                let certificate = text.find("-----BEGIN CERTIFICATE-----").map(|at| text[at..].to_owned());
                Ok(Workspace { endpoint, directory, sha256, certificate })
            }
            Err(error) => {
                directory.remove(agents);
                Err(error)
            }
        }
    }

    /// Its path there.
    pub(super) fn directory(&self) -> String {
        self.directory.path().display().to_string()
    }

    /// The path of a file in it.
    pub(super) fn path(&self, file: &str) -> String {
        self.directory.path().join(file).display().to_string()
    }

    /// The hash of a file that came, which is removed.
    pub(super) fn take_hash(
        &self,
        file: &str,
        bytes: FileBytes,
        agents: &mut EndpointAgents,
        interrupted: &AtomicBool,
    ) -> Result<String, TransferError> {
        let task = "verify the file";
        let text = script(self.endpoint, task, VERIFY, [self.path(file)], limit_for(bytes.bytes()), agents, interrupted)?;
        first_word(&text).ok_or_else(|| TransferError::script(self.endpoint, task, &text))
    }

    /// Removes it, also when the user ended the run.
    pub(super) fn remove(self, agents: &mut EndpointAgents) {
        self.directory.remove(agents);
    }
}

/// How long as many bytes may take.
fn limit_for(bytes: u32) -> Duration {
    LIMIT + Duration::from_secs(u64::from(bytes / BYTES_PER_SECOND))
}

fn first_word(text: &str) -> Option<String> {
    text.split_whitespace().next().map(str::to_owned)
}

/// Runs a shell script at an endpoint. Its arguments are words of the command: no shell reads them.
fn script<const N: usize>(
    endpoint: KernelEndpoint<'_>,
    task: &'static str,
    code: &str,
    arguments: [String; N],
    limit: Duration,
    agents: &mut EndpointAgents,
    interrupted: &AtomicBool,
) -> Result<String, TransferError> {
    let words = ["sh", "-c", code, "sh"].map(str::to_owned);
    let command = ToolCommand { argv: words.into_iter().chain(arguments).collect(), timeout: limit, counted: None };
    let ran = run_tool_at(endpoint, command, task, WaitLimit { limit: limit + LIMIT, interrupted }, agents)?;
    match ran.exit {
        ToolExit::Code(0) => Ok(ran.text),
        _ => Err(TransferError::script(endpoint, task, &ran.text)),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use super::*;

    fn fill(names: &str, bytes: &str, directory: &Path) -> std::process::Output {
        Command::new("sh").args(["-c", FILL, "sh", "events {}", bytes, names, "trusted"]).arg(directory).output().unwrap()
    }

    #[test]
    fn the_directory_has_the_file_and_a_certificate_for_the_address() {
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let output = fill("IP:198.18.0.1,DNS:linerate.test", "1000", directory);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(std::fs::metadata(directory.join("www/file")).unwrap().len(), 1000);
        assert_eq!(std::fs::read_to_string(directory.join("trusted.pem")).unwrap(), "trusted");
        assert!(text.starts_with("sha256 ") && text.contains("-----BEGIN CERTIFICATE-----"), "{text}");
        let shown =
            Command::new("openssl").args(["x509", "-noout", "-ext", "subjectAltName", "-in"]).arg(directory.join("cert.pem")).output();
        let shown = String::from_utf8(shown.unwrap().stdout).unwrap();
        assert!(shown.contains("IP Address:198.18.0.1") && shown.contains("DNS:linerate.test"), "{shown}");
    }

    #[test]
    fn a_failure_says_why_in_a_line() {
        let directory = tempfile::tempdir().unwrap();
        let output = fill("IP:not-an-address", "0", directory.path());
        assert!(!output.status.success());
        assert_eq!(String::from_utf8(output.stderr).unwrap().lines().count(), 1);
    }
}
