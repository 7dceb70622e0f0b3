//! Finding and creating DPDK's ports by name.

use std::ffi::{CStr, CString};

use dpdk_sys as sys;

use super::devargs::PortSpec;
use super::{errno, log, peer};
use crate::error::DataplaneError;

/// Creates a software port in DPDK.
pub(crate) fn probe(spec: &PortSpec) -> Result<(), DataplaneError> {
    peer::check(spec)?;
    let failed = |reason: &str| {
        DataplaneError::NoSuchPort {
        name: spec.name().to_owned(),
        log: format!(" ({reason}{})", log::as_clause()),
        advice: "Check its arguments, that its interface exists, and that you have the rights to use it (root, or CAP_NET_RAW and CAP_NET_ADMIN)"
            .to_owned(),
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

/// The names of all ports.
pub(crate) fn names() -> Vec<String> {
    let mut names = Vec::new();
    let mut next = 0u16;
    loop {
        // SAFETY: callers hold a Dataplane or an Eal, so EAL is initialised.
        next = unsafe { sys::rte_eth_find_next(next) };
        let mut name = [0u8; sys::LR_NAME_LEN as usize];
        // SAFETY: the buffer has RTE_ETH_NAME_MAX_LEN bytes, the most that the call writes, NUL included.
        if unsafe { sys::rte_eth_dev_get_name_by_port(next, name.as_mut_ptr().cast()) } != 0 {
            return names;
        }
        names.push(CStr::from_bytes_until_nul(&name).map(|name| name.to_string_lossy().into_owned()).unwrap_or_default());
        next += 1;
    }
}

/// DPDK's number of the port, where it exists. A representor's port has a name of its own.
pub(super) fn find(spec: &PortSpec) -> Option<u16> {
    let Some(representor) = spec.argument("representor") else { return id_of(spec.name()) };
    let name = names().into_iter().find(|name| sys::is_representor_name(name, spec.name(), representor))?;
    id_of(&name)
}

fn id_of(name: &str) -> Option<u16> {
    let name = CString::new(name).ok()?;
    let mut id = 0;
    // SAFETY: EAL is initialised; both pointers are valid for the call.
    (unsafe { sys::rte_eth_dev_get_port_by_name(name.as_ptr(), &mut id) } == 0).then_some(id)
}
