use std::io;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// Starts a command from a thread that lives as long as this process.
///
/// The kernel sends the parent-death signal when the *thread* ends that started the child, not the process
/// (PR_SET_PDEATHSIG(2const)). A child started from a short-lived thread would be killed in the middle of its work.
pub(super) fn start(command: Command) -> io::Result<Child> {
    static SPAWNER: OnceLock<Option<Sender<Request>>> = OnceLock::new();
    let gone = || io::Error::other("the thread that starts programs is gone");
    let spawner = SPAWNER.get_or_init(launch).as_ref().ok_or_else(gone)?;
    let (answer, answered) = channel();
    spawner.send(Request { command, answer }).map_err(|_| gone())?;
    answered.recv().map_err(|_| gone())?
}

struct Request {
    command: Command,
    answer: Sender<io::Result<Child>>,
}

fn launch() -> Option<Sender<Request>> {
    let (requests, received): (Sender<Request>, Receiver<Request>) = channel();
    let serve = move || {
        for mut request in received {
            // The caller waits for the answer. If it is gone, init inherits the child and reaps it.
            let _ = request.answer.send(request.command.spawn());
        }
    };
    thread::Builder::new().name("spawner".to_owned()).spawn(serve).ok().map(|_| requests)
}
