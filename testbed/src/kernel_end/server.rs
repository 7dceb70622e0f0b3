use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use reporter::kernel_tools::{Ready, ToolExit, Transport, listening_sockets, raw_text, shell_line};

use super::error::KernelEndError;
use super::reading::{Reading, Spent};
use super::tool::{ToolCommand, ToolRun, exit};
use crate::process::{Child, CommandSpec, Location, process_numbers, spawn};

/// How long a server may take to be ready.
const READY_LIMIT: Duration = Duration::from_secs(5);

/// The receiving end while the other end sends: a tool's server and the counters, or the counters alone. Dropping it ends the server.
#[derive(Debug)]
pub struct Server {
    child: Option<Child>,
    location: Location,
    command: ToolCommand,
    before: Reading,
}

impl Server {
    /// Starts the server at an end on this machine, and waits until it is ready. A command without words starts no server.
    ///
    /// # Errors
    /// It cannot be started, is not ready in time, or another program has its port.
    pub fn start(location: &Location, command: ToolCommand, ready: Option<Ready>) -> Result<Self, KernelEndError> {
        let mut child = None;
        if !command.argv.is_empty() {
            let spec = CommandSpec::new(location.clone(), command.argv.iter().cloned());
            let mut server = spawn(&spec.with_timeout(command.timeout + READY_LIMIT))?;
            server.collect_stdout();
            match ready {
                Some(Ready::Listens { transport, port }) => wait_until_it_listens(&mut server, location, &command, (transport, port))?,
                Some(Ready::Prints { text }) => wait_until_it_prints(&mut server, &command, &text)?,
                None => {}
            }
            child = Some(server);
        }
        let before = Reading::before(location, command.counted.as_ref());
        Ok(Server { child, location: location.clone(), command, before })
    }

    /// Ends it. Returns what the machine spent and the interface counted since it was ready.
    pub fn end(self) -> Spent {
        let Server { child, location, command, before } = self;
        let spent = before.spent(&location, command.counted.as_ref());
        drop(child);
        spent
    }

    /// Waits until it ends by itself, at most this long, and ends it otherwise. The processor time and the counters are those until now.
    ///
    /// # Errors
    /// It cannot be waited for.
    pub fn finish(self, limit: Duration) -> Result<ToolRun, KernelEndError> {
        let Server { child, location, command, before } = self;
        let spent = before.spent(&location, command.counted.as_ref());
        let Some(child) = child else { return Ok(ToolRun { text: String::new(), exit: ToolExit::Unknown, spent }) };
        let output = child.finish(limit)?;
        Ok(ToolRun { text: raw_text(&output.stdout, &output.stderr), exit: exit(&output, limit), spent })
    }
}

fn wait_until_it_prints(server: &mut Child, command: &ToolCommand, text: &str) -> Result<(), KernelEndError> {
    let deadline = Instant::now() + READY_LIMIT;
    while !server.stdout_since(0).contains(text) {
        if server.try_wait()?.is_some() || Instant::now() >= deadline {
            return Err(not_ready(server, command, format!("print `{text}`")));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

/// The error of a server that did not do what shows that it is ready, with what it said.
fn not_ready(server: &Child, command: &ToolCommand, awaited: String) -> KernelEndError {
    let said = server.stderr_so_far();
    let said = said_why(&said);
    let command = shell_line(command.argv.iter().map(String::as_str));
    KernelEndError::NotReady { command, awaited, limit_s: READY_LIMIT.as_secs(), said }
}

/// The reason in what a server wrote to standard error.
fn said_why(said: &str) -> String {
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    // perftest prints the reason, and then what failed.
    if let Some(reason) = lines.iter().position(|line| line.starts_with("error:")) {
        return lines.iter().skip(reason).take(2).copied().collect::<Vec<_>>().join("; ");
    }
    // iperf3 adds the line "iperf3: exiting" to its error.
    let error = lines.iter().rfind(|line| line.to_ascii_lowercase().contains("error"));
    error.or(lines.last()).map_or_else(|| "it printed no error".to_owned(), |line| (*line).to_owned())
}

fn wait_until_it_listens(
    server: &mut Child,
    location: &Location,
    command: &ToolCommand,
    (transport, port): (Transport, u16),
) -> Result<(), KernelEndError> {
    let deadline = Instant::now() + READY_LIMIT;
    // Sockets of other programs, read while the server runs: /proc/PID/net is gone when it has ended.
    let mut others = Vec::new();
    loop {
        // /proc/PID/net shows the sockets of the server's own network namespace.
        let sockets = listening_sockets(&sockets_of(server.id(), transport), transport, port);
        let own = sockets_held_by(server.id());
        if sockets.iter().any(|socket| own.contains(socket)) {
            return Ok(());
        }
        if !sockets.is_empty() {
            others = sockets;
        }
        let ended = server.try_wait()?.is_some();
        if ended || Instant::now() >= deadline {
            // The server may have ended before its sockets were read once. In `Location::Here` it was in the namespace of this process.
            if others.is_empty() && location.is_here() {
                others = listening_sockets(&sockets_of(std::process::id(), transport), transport, port);
            }
            // Also at the time limit: some servers retry while the port is in use, and do not end.
            if let Some(&socket) = others.first() {
                return Err(KernelEndError::PortInUse { port, holder: holder(socket) });
            }
            return Err(not_ready(server, command, format!("listen on port {port}")));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The open sockets in the network namespace of a process.
fn sockets_of(process: u32, transport: Transport) -> String {
    let name = if transport == Transport::Udp { "udp" } else { "tcp" };
    let folder = format!("/proc/{process}/net");
    let read = |file: String| fs::read_to_string(Path::new(&folder).join(file)).unwrap_or_default();
    read(name.to_owned()) + &read(format!("{name}6"))
}

/// The inodes of the sockets that a process has open (proc_pid_fd(5)).
fn sockets_held_by(process: u32) -> Vec<u64> {
    let files = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
    let targets = files.filter_map(|file| fs::read_link(file.path()).ok());
    targets.filter_map(|target| target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()).collect()
}

/// The program that has a socket, as text for an error; empty where it cannot be seen.
fn holder(socket: u64) -> String {
    let process = process_numbers().find(|process| sockets_held_by(*process).contains(&socket));
    process.map_or_else(String::new, |process| {
        let name = fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
        format!(" ({}, process {process})", name.trim().escape_debug())
    })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn python(port: u16) -> (ToolCommand, Option<Ready>) {
        let code = format!("import socket,time; s=socket.create_server(('127.0.0.1',{port})); time.sleep(60)");
        let argv = ["python3", "-c", &code].map(str::to_owned).to_vec();
        (ToolCommand { argv, timeout: Duration::from_secs(60), counted: None }, Some(Ready::Listens { transport: Transport::Tcp, port }))
    }

    #[test]
    fn a_server_is_ready_when_the_socket_is_its_own_and_another_listener_is_named() {
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = other.local_addr().unwrap().port();
        let (command, ready) = python(port);
        let refused = Server::start(&Location::Here, command.clone(), ready.clone()).unwrap_err().to_string();
        let me = format!("process {}", std::process::id());
        assert!(refused.contains(&format!("port {port} is in use")) && refused.contains(&me), "{refused}");
        drop(other);
        let server = Server::start(&Location::Here, command, ready).unwrap();
        assert!(TcpListener::bind(("127.0.0.1", port)).is_err());
        let spent = server.end();
        assert!(spent.cost.is_some_and(|cost| cost.cores.is_some()) && spent.counters.is_none());
        TcpListener::bind(("127.0.0.1", port)).unwrap();
    }

    fn shell(script: &str) -> ToolCommand {
        ToolCommand { argv: ["sh", "-c", script].map(str::to_owned).to_vec(), timeout: Duration::from_secs(60), counted: None }
    }

    fn prints() -> Option<Ready> {
        Some(Ready::Prints { text: "#bytes".to_owned() })
    }

    #[test]
    fn a_server_that_reports_is_ready_when_it_prints_and_is_waited_for() {
        let server =
            Server::start(&Location::Here, shell("echo ' #bytes'; sleep 0.2; echo result; echo note >&2; exit 3"), prints()).unwrap();
        let ran = server.finish(Duration::from_secs(20)).unwrap();
        assert_eq!((ran.text.as_str(), ran.exit), (" #bytes\nresult\nnote\n", ToolExit::Code(3)));
        let limit = Duration::from_millis(200);
        let hung = Server::start(&Location::Here, shell("echo '#bytes'; sleep 60"), prints()).unwrap().finish(limit).unwrap();
        assert_eq!((hung.text.as_str(), hung.exit), ("#bytes\n", ToolExit::TimedOut(limit)));
    }

    #[test]
    fn a_server_that_ends_before_it_is_ready_says_why() {
        let failed = Server::start(&Location::Here, shell("echo ' Unable to find the device' >&2; exit 1"), prints());
        let said = failed.unwrap_err().to_string();
        assert!(said.contains("did not print `#bytes` within 5 s: Unable to find the device"), "{said}");
    }

    #[test]
    fn the_reason_is_the_error_and_with_perftest_also_what_failed() {
        let perftest = "error: Operation not permitted\nCouldn't attach QP\n Unable to set up the flow rules\n";
        assert_eq!(said_why(perftest), "error: Operation not permitted; Couldn't attach QP");
        let iperf3 = "warning\niperf3: error - unable to start listener\niperf3: exiting\n";
        assert_eq!(said_why(iperf3), "iperf3: error - unable to start listener");
        assert_eq!((said_why("one\ntwo\n"), said_why("")), ("two".to_owned(), "it printed no error".to_owned()));
    }
}
