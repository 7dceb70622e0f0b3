//! Checks the other end of a software port before DPDK creates the port: DPDK reports these problems only in its log.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

use super::devargs::PortSpec;
use super::driver::OtherEnd;
use crate::error::DataplaneError;

/// An error where the other end does not exist, or where something else uses it.
pub(super) fn check(spec: &PortSpec) -> Result<(), DataplaneError> {
    let path = |key| spec.argument(key).map(Path::new);
    match spec.driver().other_end {
        OtherEnd::Nothing => Ok(()),
        OtherEnd::PeerSocket { key } => path(key).map_or(Ok(()), |path| check_peer_socket(spec, path)),
        OtherEnd::OwnSocket { key } => path(key).map_or(Ok(()), |path| prepare_own_socket(spec, path)),
        OtherEnd::KernelInterface { key } => check_interface(spec, spec.argument(key).unwrap_or_default()),
    }
}

fn check_peer_socket(spec: &PortSpec, path: &Path) -> Result<(), DataplaneError> {
    // /dev/vhost-net and the like are no sockets.
    if path.metadata().is_ok_and(|file| !file.file_type().is_socket() || UnixStream::connect(path).is_ok()) {
        return Ok(());
    }
    Err(DataplaneError::NoSuchPort {
        name: spec.to_string(),
        log: format!(": no process listens on {}", path.display()),
        advice: format!("Start the other end first, such as `linerate receive --port net_vhost0,iface={}`", path.display()),
    })
}

/// Makes sure that DPDK can create its socket at `path`.
fn prepare_own_socket(spec: &PortSpec, path: &Path) -> Result<(), DataplaneError> {
    let in_use = |by: String| Err(DataplaneError::PortInUse { name: spec.to_string(), by });
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        return Err(DataplaneError::NoSuchPort {
            name: spec.to_string(),
            log: format!(": there is no folder {} for its socket", folder.display()),
            advice: "Make it, or give a path in another folder".to_owned(),
        });
    }
    let Ok(file) = path.symlink_metadata() else { return Ok(()) };
    // With client=1 another process creates the socket.
    if spec.argument("client") == Some("1") {
        return Ok(());
    }
    // DPDK deletes whatever is at the path when it cannot bind to it (lib/vhost/socket.c), so a user's file must not get that far.
    if !file.file_type().is_socket() {
        return in_use(format!("{} is a file and not a socket; it was not changed", path.display()));
    }
    if UnixStream::connect(path).is_ok() {
        return in_use(format!("another process listens on {}", path.display()));
    }
    // The socket of a process that was killed. DPDK would refuse to bind to it.
    fs::remove_file(path).or_else(|error| in_use(format!("the unused socket {} could not be removed ({error})", path.display())))
}

fn check_interface(spec: &PortSpec, interface: &str) -> Result<(), DataplaneError> {
    if nix::net::if_::if_nametoindex(interface).is_ok() {
        return Ok(());
    }
    Err(DataplaneError::NoSuchPort {
        name: spec.to_string(),
        log: format!(": the interface `{interface}` does not exist"),
        advice: "`ip link` lists the interfaces of this network namespace".to_owned(),
    })
}
