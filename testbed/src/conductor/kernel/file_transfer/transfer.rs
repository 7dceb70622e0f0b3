//! One transfer: the servers start, curl gets the file, the servers end, the file is verified.

use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use reporter::kernel_tools::{CurlError, CurlTransfer, Ready, Transport, curl_transfer, shell_line};

use super::error::TransferError;
use super::nginx;
use super::route::Route;
use super::workspace::Workspace;
use crate::agent::WaitLimit;
use crate::conductor::endpoint_agents::EndpointAgents;
use crate::conductor::kernel::ports::PORT;
use crate::conductor::kernel::processes::{Serving, counted, end_serve_at, run_tool_at, serve_at};
use crate::kernel_end::{Spent, ToolCommand, ToolRun};
use crate::plan::{FileBytes, TlsVersion};

/// How long a transfer may take beyond what its bytes take.
const LIMIT: Duration = Duration::from_secs(30);

/// Slower transfers are ended.
const SLOWEST_BYTES_PER_SECOND: u32 = 1_000_000;

/// How long curl may take to end after its own limit.
const GRACE: Duration = Duration::from_secs(5);

/// The name of the file that comes, in the client's directory.
const CAME: &str = "came";

/// What one transfer gave.
pub(super) struct Transferred {
    pub(super) curl: CurlTransfer,
    /// At the client.
    pub(super) client: Spent,
    /// At each hop, in the order of the route.
    pub(super) hops: Vec<Spent>,
}

/// A measurement that is prepared: every program has its directory.
pub(super) struct Prepared<'r, 'a> {
    pub(super) route: &'r Route<'a>,
    /// One for each hop.
    pub(super) hops: Vec<Workspace<'a>>,
    pub(super) client: Workspace<'a>,
    pub(super) file: FileBytes,
}

impl Prepared<'_, '_> {
    /// Moves the file once. `number` counts the transfers of a record, from 1.
    pub(super) fn transfer(
        &self,
        number: u32,
        agents: &mut EndpointAgents,
        interrupted: &AtomicBool,
        said: &mut String,
    ) -> Result<Transferred, TransferError> {
        let mut serving = Vec::new();
        let ran = self.serve_and_get(&mut serving, agents, interrupted);
        // The servers end in any case, before anything is reported.
        let ended: Vec<_> =
            self.route.hops.iter().zip(serving).map(|(hop, one)| end_serve_at(hop.endpoint, one, agents, interrupted)).collect();
        let ran = ran?;
        said.push_str(&ran.text);
        let hops = ended.into_iter().collect::<Result<Vec<Spent>, _>>()?;
        let endpoint = &self.route.client.id;
        let curl = curl_transfer(&ran.text, ran.exit).map_err(|source| {
            let advice = self.advice(&source);
            TransferError::Curl { endpoint: endpoint.clone(), number, source, advice }
        })?;
        let came = self.client.take_hash(CAME, self.file, agents, interrupted)?;
        match self.hops.first().and_then(|server| server.sha256.clone()) {
            Some(sent) if sent != came => Err(TransferError::WrongHash { endpoint: endpoint.clone(), number, came, sent }),
            _ => Ok(Transferred { curl, client: ran.spent, hops }),
        }
    }

    fn serve_and_get(
        &self,
        serving: &mut Vec<Serving>,
        agents: &mut EndpointAgents,
        interrupted: &AtomicBool,
    ) -> Result<ToolRun, TransferError> {
        let limit = self.limit() + GRACE;
        for (hop, workspace) in self.route.hops.iter().zip(&self.hops) {
            let argv = nginx::command(&workspace.directory());
            let command = ToolCommand { argv, timeout: limit + LIMIT, counted: Some(counted(hop.endpoint)) };
            let ready = Ready::Listens { transport: Transport::Tcp, port: PORT };
            serving.push(serve_at(hop.endpoint, command, Some(ready), agents, interrupted)?);
        }
        let command = ToolCommand { argv: self.client_words(), timeout: limit, counted: Some(counted(self.route.client)) };
        let wait = WaitLimit { limit: limit + LIMIT, interrupted };
        Ok(run_tool_at(self.route.client, command, "get the file", wait, agents)?)
    }

    fn limit(&self) -> Duration {
        LIMIT + Duration::from_secs(u64::from(self.file.bytes() / SLOWEST_BYTES_PER_SECOND))
    }

    /// The commands, client first.
    pub(super) fn commands(&self) -> Vec<String> {
        let servers = self.hops.iter().map(|hop| nginx::command(&hop.directory()));
        std::iter::once(self.client_words()).chain(servers).map(|words| shell_line(words.iter().map(String::as_str))).collect()
    }

    /// `--fail`: a page that reports an error is no file. Each curl is a new process, so that no connection and no session is reused. `-q` comes first: the
    /// user's own settings do not count.
    fn client_words(&self) -> Vec<String> {
        let seconds = self.limit().as_secs().to_string();
        let (own, came) = (self.route.client.address.to_string(), self.client.path(CAME));
        let mut words = ["curl", "-q", "-sS", "--fail", "--noproxy", "*", "--interface"].map(str::to_owned).to_vec();
        words.extend([own, "--connect-timeout".to_owned(), "10".to_owned(), "--max-time".to_owned(), seconds]);
        words.extend(["-D", "-", "-w", "%{json}", "-o"].map(str::to_owned));
        words.push(came);
        let scheme = match self.route.client_tls {
            None => "http",
            Some(tls) => {
                let (version, suites) = match tls.suite.version() {
                    TlsVersion::V12 => (["--tlsv1.2", "--tls-max", "1.2"], "--ciphers"),
                    TlsVersion::V13 => (["--tlsv1.3", "--tls-max", "1.3"], "--tls13-ciphers"),
                };
                words.extend(["--cacert".to_owned(), self.client.path("trusted.pem")]);
                words.extend(version.map(str::to_owned));
                words.extend([suites.to_owned(), tls.suite.name().to_owned()]);
                "https"
            }
        };
        words.push(format!("{scheme}://{}/{}", SocketAddr::new(self.route.address, PORT), nginx::FILE));
        words
    }

    /// What a client behind a proxy cannot see.
    fn advice(&self, error: &CurlError) -> String {
        let bad_gateway = matches!(error, CurlError::Reported { message, .. } if message.contains("error: 502"));
        match self.route.proxies() {
            [near, far] if bad_gateway => format!(
                "; the proxy at {} did not reach the one at {}, or did not trust its certificate: check the route between them",
                far.endpoint.id, near.endpoint.id
            ),
            _ => String::new(),
        }
    }
}
