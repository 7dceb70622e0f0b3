//! Finding and creating DPDK's ports by name.

use std::ffi::{CStr, CString};

use dpdk_sys as sys;

use super::devargs::PortSpec;
use super::{errno, installed_drivers, log, peer};
use crate::error::DataplaneError;

/// Creates a software port in DPDK.
pub(crate) fn probe(spec: &PortSpec) -> Result<(), DataplaneError> {
    peer::check(spec)?;
    let none = |log: String, advice: &str| DataplaneError::NoSuchPort { name: spec.name().to_owned(), log, advice: advice.to_owned() };
    let failed = |reason: &str| {
        const ADVICE: &str = "Check its arguments, that its interface exists, and that you have the rights to use it (root, or CAP_NET_RAW and CAP_NET_ADMIN)";
        match spec.software_driver().and_then(installed_drivers::note_if_missing) {
            Some(missing) => none(format!(": {missing}"), "`linerate doctor` checks the installation"),
            None => none(format!(" ({reason}{})", log::as_clause()), ADVICE),
        }
    };
    log::take();
    let devargs = CString::new(spec.devargs()).map_err(|_| failed("its name has a NUL byte"))?;
    // SAFETY: EAL is initialised; DPDK copies the text.
    match unsafe { sys::rte_dev_probe(devargs.as_ptr()) } {
        0 => Ok(()),
        error => Err(failed(&errno::text_of(error))),
    }
}

/// DPDK's numbers of all ports.
pub(super) fn ports() -> impl Iterator<Item = u16> {
    // SAFETY: callers hold a Dataplane or an Eal, so EAL is initialised.
    let next = |from: u16| Some(unsafe { sys::rte_eth_find_next(from) }).filter(|&port| port < u16::MAX && name_of(port).is_some());
    std::iter::successors(next(0), move |&port| next(port + 1))
}

/// DPDK's name of a port.
pub(super) fn name_of(port: u16) -> Option<String> {
    let mut name = [0u8; sys::LR_NAME_LEN as usize];
    // SAFETY: the buffer has RTE_ETH_NAME_MAX_LEN bytes, the most that the call writes, NUL included.
    if unsafe { sys::rte_eth_dev_get_name_by_port(port, name.as_mut_ptr().cast()) } != 0 {
        return None;
    }
    Some(CStr::from_bytes_until_nul(&name).map(|name| name.to_string_lossy().into_owned()).unwrap_or_default())
}

/// The names of all ports.
pub(crate) fn names() -> Vec<String> {
    ports().filter_map(name_of).collect()
}

/// DPDK's number of the port with this name, where it exists.
pub(super) fn id_of(name: &str) -> Option<u16> {
    let name = CString::new(name).ok()?;
    let mut id = 0;
    // SAFETY: EAL is initialised; both pointers are valid for the call.
    (unsafe { sys::rte_eth_dev_get_port_by_name(name.as_ptr(), &mut id) } == 0).then_some(id)
}
