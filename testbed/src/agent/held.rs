//! What an agent holds besides a DPDK port: the claim of an interface, open ports, a tool's server.

use std::fs::{self, File};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::linux::fs::MetadataExt;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use reporter::kernel_tools::Ready;

use super::lines::excerpt;
use super::protocol::Reply;
use crate::kernel_end::{Server, ToolCommand, run_tool};
use crate::process::{CommandSpec, Location, run};

/// How long another endpoint may take to answer.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);

/// What an agent holds until it ends.
#[derive(Debug, Default)]
pub(super) struct Held {
    claims: Vec<Flock<File>>,
    listeners: Vec<TcpListener>,
    server: Option<Server>,
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
        let inode = open.metadata().map(|metadata| metadata.st_ino()).ok();
        match Flock::lock(open, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => {
                self.claims.push(lock);
                Reply::Claimed
            }
            Err(_) => Reply::InUse { holder: inode.and_then(holder).unwrap_or_default() },
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

/// The process that holds a lock on an inode, by `/proc/locks` (proc_locks(5)), with the run that started it.
fn holder(inode: u64) -> Option<String> {
    let locks = fs::read_to_string("/proc/locks").ok()?;
    let pid = locks.lines().find_map(|line| {
        // 1: FLOCK ADVISORY WRITE 708 08:01:2490405 0 EOF
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, "FLOCK", _, _, pid, place, ..] = words[..] else { return None };
        (place.rsplit(':').next()?.parse::<u64>().ok()? == inode).then(|| pid.to_owned())
    })?;
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<String> = command.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
    let run = words.iter().position(|word| word == "--for").and_then(|at| words.get(at + 1));
    Some(match run {
        Some(run) => format!("of {}, process {pid} there", excerpt(run)),
        None => format!("process {pid} there"),
    })
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
