//! The first back end of the guests' vhost-user cards.

use std::path::PathBuf;
use std::process::ChildStdin;

use super::super::error::LabError;
use crate::process::{Child, CommandSpec, Input, Location, NamespaceName, find_program, spawn};

const TESTPMD: &str = "dpdk-testpmd";

/// A testpmd that answers QEMU, and forwards nothing. QEMU asks the back end of each card for its features before it starts the guest
/// (net/vhost-user.c, `net_vhost_user_init`), and a run starts its own device only later.
pub(super) struct Greeter {
    // Closed first: testpmd ends with its input.
    _input: Option<ChildStdin>,
    _process: Child,
}

/// An error where the program is missing.
pub(super) fn check() -> Result<(), LabError> {
    find_program(TESTPMD).map(drop).ok_or(LabError::NoTestpmd)
}

/// Connects to the sockets as soon as QEMU listens there.
pub(super) fn start(namespace: &NamespaceName, sockets: &[PathBuf]) -> Result<Greeter, LabError> {
    let mut words: Vec<String> =
        [TESTPMD, "--no-pci", "--no-huge", "--no-shconf", "--no-telemetry", "-m", "256"].map(str::to_owned).to_vec();
    for (number, socket) in sockets.iter().enumerate() {
        words.extend(["--vdev".to_owned(), format!("net_vhost{number},iface={},client=1,iommu-support=1", socket.display())]);
    }
    words.extend(["--", "-i", "--disable-link-check", "--total-num-mbufs=4096"].map(str::to_owned));
    let mut process = spawn(&CommandSpec::new(Location::Namespace(namespace.clone()), words).with_stdin(Input::Piped))?;
    process.collect_stdout();
    Ok(Greeter { _input: process.take_stdin(), _process: process })
}
