//! The first back end of the guests' vhost-user cards.

use std::path::PathBuf;
use std::process::ChildStdin;

use dataplane::CpuId;

use super::super::error::LabError;
use crate::process::{Child, CommandSpec, Input, Location, NamespaceName, find_program, spawn};

const TESTPMD: &str = "dpdk-testpmd";

/// A testpmd that answers QEMU, and forwards nothing. QEMU asks the back end of each card for its features before it starts the guest
/// (net/vhost-user.c, `net_vhost_user_init`), and a run starts its own device only later.
pub(super) struct FirstBackEnd {
    // Closed first: testpmd ends with its input.
    _input: Option<ChildStdin>,
    process: Child,
}

impl FirstBackEnd {
    /// An error where it has ended: QEMU would wait for it in vain.
    pub(super) fn check(&mut self) -> Result<(), LabError> {
        let Some(status) = self.process.try_wait()? else { return Ok(()) };
        let said = self.process.stderr_so_far().lines().last().unwrap_or_default().trim().to_owned();
        Err(LabError::NoGuests { message: format!("{TESTPMD}, which answers QEMU for the vhost-user cards, ended ({status}): {said}") })
    }
}

/// An error where the program is missing.
pub(super) fn check() -> Result<(), LabError> {
    find_program(TESTPMD).map(drop).ok_or(LabError::NoTestpmd)
}

/// Connects to the sockets as soon as QEMU listens there.
pub(super) fn start(namespace: &NamespaceName, sockets: &[PathBuf]) -> Result<FirstBackEnd, LabError> {
    let mut words: Vec<String> =
        [TESTPMD, "--no-pci", "--no-huge", "--no-shconf", "--no-telemetry", "-m", "256"].map(str::to_owned).to_vec();
    // Both threads on one CPU: it forwards nothing, and may have only that.
    if let Some(cpu) = CpuId::allowed().first().map(|cpu| cpu.number()) {
        words.push(format!("--lcores=0@{cpu},1@{cpu}"));
    }
    for (number, socket) in sockets.iter().enumerate() {
        words.extend(["--vdev".to_owned(), format!("net_vhost{number},iface={},client=1,iommu-support=1", socket.display())]);
    }
    words.extend(["--", "-i", "--disable-link-check", "--total-num-mbufs=4096"].map(str::to_owned));
    let mut process = spawn(&CommandSpec::new(Location::Namespace(namespace.clone()), words).with_stdin(Input::Piped))?;
    process.collect_stdout();
    Ok(FirstBackEnd { _input: process.take_stdin(), process })
}
