//! What an agent holds besides a DPDK port: the claim of an interface, open ports, a tool's server, directories with its files.

use std::fs::File;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use reporter::kernel_tools::Ready;

use super::lines::excerpt;
use super::protocol::Reply;
use crate::interface_settings::{BusyPollClaim, BusyPollClaimed, BusyPollUse};
use crate::kernel_end::{MeasurementDirectory, Server, ToolCommand, run_tool};
use crate::process::{CommandSpec, Location, lock_holder, run};

/// How long another endpoint may take to answer.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);

/// What an agent holds until it ends.
#[derive(Debug, Default)]
pub(super) struct Held {
    claims: Vec<Flock<File>>,
    busy_polling: Vec<BusyPollClaim>,
    listeners: Vec<TcpListener>,
    server: Option<Server>,
    /// Dropped after the server, which runs in one.
    directories: Vec<MeasurementDirectory>,
}

impl Held {
    /// The claim is a lock on the interface's folder in sysfs, which is the same for every process in the network namespace and leaves
    /// nothing behind.
    pub(super) fn claim(&mut self, interface: &str) -> Reply {
        if interface.is_empty() || interface.contains('/') || interface.starts_with('.') {
            return failed(format!("`{}` is not the name of an interface", excerpt(interface)));
        }
        let folder = format!("/sys/class/net/{interface}");
        let open = match File::open(&folder) {
            Ok(open) => open,
            Err(error) => return failed(format!("interface {interface}: {error}; check `interface` and `port` in the testbed")),
        };
        match Flock::lock(open, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => {
                self.claims.push(lock);
                Reply::Claimed
            }
            Err((open, _)) => Reply::InUse { holder: lock_holder(&open).unwrap_or_default() },
        }
    }

    pub(super) fn claim_busy_polling(&mut self, usage: BusyPollUse) -> Reply {
        match BusyPollClaim::take(usage) {
            Ok(claim) => {
                self.busy_polling.extend(claim);
                Reply::Claimed
            }
            Err(BusyPollClaimed { holder }) => Reply::InUse { holder },
        }
    }

    pub(super) fn listen(&mut self, address: IpAddr, ports: &[u16]) -> Reply {
        for &port in ports {
            match TcpListener::bind(SocketAddr::new(address, port)) {
                Ok(listener) => self.listeners.push(listener),
                Err(error) => {
                    self.listeners.clear();
                    return failed(format!("port {port} of {address} cannot be used: {error}; see `ss -lntp`"));
                }
            }
        }
        Reply::Listening
    }

    pub(super) fn stop_listening(&mut self) -> Reply {
        self.listeners.clear();
        Reply::StoppedListening
    }

    pub(super) fn serve(&mut self, command: ToolCommand, ready: Option<Ready>) -> Reply {
        // The previous server ends before this one starts: both may use the same port.
        self.server = None;
        match Server::start(&Location::Here, command, ready) {
            Ok(server) => {
                self.server = Some(server);
                Reply::Serving
            }
            Err(error) => failed(error.to_string()),
        }
    }

    pub(super) fn end_serve(&mut self) -> Reply {
        match self.server.take() {
            Some(server) => Reply::Served(server.end()),
            None => failed("no server is running".to_owned()),
        }
    }

    pub(super) fn make_directory(&mut self) -> Reply {
        match MeasurementDirectory::make() {
            Ok(directory) => {
                let path = directory.path().to_owned();
                self.directories.push(directory);
                Reply::Directory { path }
            }
            Err(error) => failed(format!("no directory can be made in {}: {error}", std::env::temp_dir().display())),
        }
    }

    pub(super) fn remove_directory(&mut self, path: &Path) -> Reply {
        self.directories.retain(|held| held.path() != path);
        // The agent that made it may have been killed.
        MeasurementDirectory::remove_left();
        Reply::DirectoryRemoved
    }

    pub(super) fn finish_serve(&mut self, limit: Duration) -> Reply {
        match self.server.take().map(|server| server.finish(limit)) {
            Some(Ok(ran)) => Reply::RanTool(Box::new(ran)),
            Some(Err(error)) => failed(error.to_string()),
            None => failed("no server is running".to_owned()),
        }
    }
}

pub(super) fn tool(command: &ToolCommand, ended: &AtomicBool) -> Reply {
    match run_tool(&Location::Here, command, ended) {
        Ok(ran) => Reply::RanTool(Box::new(ran)),
        Err(error) => failed(error.to_string()),
    }
}

/// Connects from an address of this machine to another endpoint that listens.
pub(super) fn connect(from: IpAddr, to: IpAddr, port: u16) -> Reply {
    match TcpStream::connect_timeout(&SocketAddr::new(to, port), CONNECT_LIMIT) {
        Ok(_) => Reply::Connected { interface: way_to(from, to) },
        Err(error) => failed(format!("{to} port {port} was not reached from {from}: {error}")),
    }
}

/// The interface that the kernel's routes choose for traffic to `to`.
fn way_to(from: IpAddr, to: IpAddr) -> Option<String> {
    let words =
        ["ip".to_owned(), "-json".to_owned(), "route".to_owned(), "get".to_owned(), to.to_string(), "from".to_owned(), from.to_string()];
    let output = run(&CommandSpec::new(Location::Here, words).with_timeout(Duration::from_secs(5))).ok()?;
    let routes: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    Some(routes.get(0)?.get("dev")?.as_str()?.to_owned())
}

fn failed(error: String) -> Reply {
    Reply::Failed { error }
}

#[cfg(test)]
mod tests {
    use reporter::kernel_tools::ToolExit;

    use super::*;

    #[test]
    fn a_server_that_reports_is_waited_for_once() {
        let mut held = Held::default();
        let argv = ["sh", "-c", "echo ready; sleep 0.1; echo result"].map(str::to_owned).to_vec();
        let command = ToolCommand { argv, timeout: Duration::from_secs(60), counted: None };
        assert_eq!(held.serve(command, Some(Ready::Prints { text: "ready".to_owned() })), Reply::Serving);
        let reply = held.finish_serve(Duration::from_secs(20));
        let Reply::RanTool(ran) = &reply else { panic!("{reply:?}") };
        assert_eq!((ran.text.as_str(), ran.exit), ("ready\nresult\n", ToolExit::Code(0)));
        assert_eq!(held.finish_serve(Duration::ZERO), failed("no server is running".to_owned()));
    }
}
