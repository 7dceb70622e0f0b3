//! The network cards of a guest: taps of the lab's namespace, each on a bridge that joins the guests and their host.

/// The taps of one guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GuestCards {
    /// For ssh, for the kernel, for DPDK.
    pub(super) taps: [String; 3],
}

/// The bridges behind the taps, in the same order. What ssh carries must not cross the bridges of a measurement.
pub(super) const BRIDGES: [&str; 3] = ["brssh", "br0", "br1"];

/// The cables from the host's endpoint to the bridges of a measurement: for the kernel, for DPDK. The interface at the endpoint, and the port of the bridge.
pub(super) const HOST_CABLES: [(&str, &str); 2] = [("eth0", "host0"), ("eth1", "host1")];

impl GuestCards {
    /// The place of the kernel's card.
    pub(super) const KERNEL: usize = 1;
    /// The place of DPDK's card.
    pub(super) const BYPASS: usize = 2;

    /// Those of the guest with this number.
    pub(super) fn of(guest: usize) -> Self {
        GuestCards { taps: [0, 1, 2].map(|card| format!("tap{guest}{card}")) }
    }
}

/// `ip -batch` lines that make the bridges and the taps of guests, and put the cables of their host into the bridges. `host` is the address of the lab's namespace for ssh, with its prefix.
pub(super) fn script(guests: usize, host: &str) -> String {
    let mut lines = String::from("link set lo up\n");
    for (number, bridge) in BRIDGES.iter().enumerate() {
        lines.push_str(&format!("link add {bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0\n"));
        for guest in 0..guests {
            let tap = &GuestCards::of(guest).taps[number];
            lines.push_str(&format!("tuntap add dev {tap} mode tap\nlink set {tap} master {bridge} up\n"));
        }
        if let Some((_, port)) = number.checked_sub(GuestCards::KERNEL).and_then(|cable| HOST_CABLES.get(cable)) {
            lines.push_str(&format!("link set {port} up\nlink set {port} master {bridge}\n"));
        }
        lines.push_str(&format!("link set {bridge} up\n"));
    }
    lines.push_str(&format!("address add {host} dev {}\n", BRIDGES[0]));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_guest_has_a_tap_on_every_bridge_and_their_host_a_cable_to_those_of_measurements() {
        let lines = script(2, "198.19.0.254/24");
        for (tap, bridge) in [("tap00", "brssh"), ("tap01", "br0"), ("tap02", "br1"), ("tap10", "brssh"), ("tap12", "br1")] {
            assert!(lines.contains(&format!("link set {tap} master {bridge} up\n")), "{lines}");
        }
        assert!(lines.contains("link set host0 master br0\n") && lines.contains("link set host1 master br1\n"), "{lines}");
    }
}
