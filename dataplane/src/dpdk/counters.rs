//! A port's counters.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::path::Path;

use dpdk_sys as sys;
use serde::{Deserialize, Serialize};

use super::device::Device;

/// The extended counter of a port on a kernel interface: how often the kernel's carrier went or came (sysfs-class-net, `carrier_changes`). A
/// short outage between two looks at the link shows in it.
pub const CARRIER_CHANGES: &str = "carrier_changes";

/// Further extended counters of a port on a virtual kernel interface, such as veth or a bridge: packets that the interface itself counted as received
/// and as sent (sysfs-class-net-statistics). They are left out for an interface of a device: its driver refreshes them later, and may not count frames
/// that AF_XDP took.
pub const INTERFACE_RX_PACKETS: &str = "interface_rx_packets";
/// See [`INTERFACE_RX_PACKETS`].
pub const INTERFACE_TX_PACKETS: &str = "interface_tx_packets";

/// A port's counters as its driver reports them (`rte_eth_stats_get`, `rte_eth_xstats_get`).
///
/// They say where frames were lost, but loss itself is counted by sequence numbers: many software drivers leave most of these at 0.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortCounters {
    /// Frames received (`ipackets`).
    pub rx_packets: u64,
    /// Bytes received (`ibytes`). Drivers differ in whether the FCS is included.
    pub rx_bytes: u64,
    /// Frames that the device dropped because no receive descriptor was free (`imissed`).
    pub rx_missed: u64,
    /// Frames received in error (`ierrors`).
    pub rx_errors: u64,
    /// Frames that the driver dropped because no mbuf was free (`rx_nombuf`).
    pub rx_no_mbuf: u64,
    /// Frames sent (`opackets`).
    pub tx_packets: u64,
    /// Bytes sent (`obytes`).
    pub tx_bytes: u64,
    /// Frames that the device failed to send (`oerrors`).
    pub tx_errors: u64,
    /// The driver's extended counters under its own names, and [`CARRIER_CHANGES`].
    pub extended: BTreeMap<String, u64>,
}

impl PortCounters {
    /// The counters of `device` now.
    pub(super) fn of(device: &Device) -> PortCounters {
        let mut basic = sys::lr_stats::default();
        // SAFETY: the port exists as long as `device` does. A driver without counters leaves them at 0.
        unsafe { sys::lr_stats_get(device.id(), &mut basic) };
        PortCounters {
            rx_packets: basic.ipackets,
            rx_bytes: basic.ibytes,
            rx_missed: basic.imissed,
            rx_errors: basic.ierrors,
            rx_no_mbuf: basic.rx_nombuf,
            tx_packets: basic.opackets,
            tx_bytes: basic.obytes,
            tx_errors: basic.oerrors,
            extended: extended(device).into_iter().chain(carrier_changes(device)).chain(interface_packets(device)).collect(),
        }
    }

    /// All counters in one map, the basic ones under the names of the fields above.
    pub fn flat(&self) -> BTreeMap<String, u64> {
        let basic = [
            ("rx_packets", self.rx_packets),
            ("rx_bytes", self.rx_bytes),
            ("rx_missed", self.rx_missed),
            ("rx_errors", self.rx_errors),
            ("rx_no_mbuf", self.rx_no_mbuf),
            ("tx_packets", self.tx_packets),
            ("tx_bytes", self.tx_bytes),
            ("tx_errors", self.tx_errors),
        ];
        let basic = basic.into_iter().map(|(name, value)| (name.to_owned(), value));
        self.extended.iter().map(|(name, value)| (format!("xstats.{name}"), *value)).chain(basic).collect()
    }
}

fn carrier_changes(device: &Device) -> Option<(String, u64)> {
    let file = format!("/sys/class/net/{}/carrier_changes", device.interface()?);
    Some((CARRIER_CHANGES.to_owned(), std::fs::read_to_string(file).ok()?.trim().parse().ok()?))
}

fn interface_packets(device: &Device) -> Vec<(String, u64)> {
    let Some(interface) = device.interface() else { return Vec::new() };
    let folder = Path::new("/sys/class/net").join(interface);
    if folder.join("device").exists() {
        return Vec::new();
    }
    let read = |file: &str| std::fs::read_to_string(folder.join("statistics").join(file)).ok()?.trim().parse().ok();
    let counters = [(INTERFACE_RX_PACKETS, "rx_packets"), (INTERFACE_TX_PACKETS, "tx_packets")];
    counters.into_iter().filter_map(|(name, file)| Some((name.to_owned(), read(file)?))).collect()
}

fn extended(device: &Device) -> BTreeMap<String, u64> {
    // SAFETY: the port exists. With room for none the call returns the number of counters.
    let count = unsafe { sys::rte_eth_xstats_get_names(device.id(), std::ptr::null_mut(), 0) };
    let Ok(room) = usize::try_from(count) else { return BTreeMap::new() };
    let mut names = vec![sys::rte_eth_xstat_name { name: [0; 64] }; room];
    let mut values = vec![sys::rte_eth_xstat::default(); room];
    // SAFETY: both have room for as many as the calls are told.
    let (named, valued) = unsafe {
        (
            sys::rte_eth_xstats_get_names(device.id(), names.as_mut_ptr(), room as u32),
            sys::rte_eth_xstats_get(device.id(), values.as_mut_ptr(), room as u32),
        )
    };
    let filled = usize::try_from(named.min(valued)).unwrap_or(0).min(room);
    let name_of = |id: u64| {
        let name = names[..filled].get(usize::try_from(id).ok()?)?;
        // SAFETY: the buffer was zeroed, and the call wrote a NUL-terminated text.
        Some(unsafe { CStr::from_ptr(name.name.as_ptr()) }.to_string_lossy().into_owned())
    };
    values[..filled].iter().filter_map(|counter| Some((name_of(counter.id)?, counter.value))).collect()
}

/// The port's counters before the first frame and after the last.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CounterPair {
    /// Before the first frame.
    pub before: PortCounters,
    /// After the last frame.
    pub after: PortCounters,
}

impl CounterPair {
    /// The increase of every counter that changed. A counter that the driver reset counts from 0.
    pub fn difference(&self) -> BTreeMap<String, u64> {
        let before = self.before.flat();
        let increased = self.after.flat().into_iter().map(|(name, after)| {
            let before = before.get(&name).copied().unwrap_or(0);
            (name, after.checked_sub(before).unwrap_or(after))
        });
        increased.filter(|(_, by)| *by > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_that_was_reset_counts_from_zero() {
        let counters = |packets| PortCounters { tx_packets: packets, ..PortCounters::default() };
        let pair = CounterPair { before: counters(10), after: counters(4) };
        assert_eq!(pair.difference()["tx_packets"], 4);
        let pair = CounterPair { before: counters(4), after: counters(10) };
        assert_eq!(pair.difference()["tx_packets"], 6);
    }
}
