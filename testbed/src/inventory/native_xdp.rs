//! Whether the driver of a kernel interface can run an XDP program.
//!
//! DPDK's AF_XDP port attaches one, and libxdp does so in native mode unless it is asked for another (lib/libxdp/xsk.c, `xsk_convert_xdp_flags`). The
//! kernel refuses native mode where the driver has no `ndo_bpf` (net/core/dev.c, `dev_xdp_attach`), and DPDK reports only that it failed to create a
//! socket.

use std::path::Path;

use dataplane::PortSpec;
use reporter::environment::KernelFiles;
use thiserror::Error;

/// Kinds of interfaces whose drivers have no `ndo_bpf` in Linux 6.18, as `uevent` names them (DEVTYPE): net/bridge/br_device.c, net/8021q/vlan_dev.c,
/// drivers/net/macvlan.c, drivers/net/vxlan/vxlan_core.c.
const WITHOUT_NATIVE_XDP: [&str; 4] = ["bridge", "vlan", "macvlan", "vxlan"];

/// ARPHRD_LOOPBACK of <linux/if_arp.h>. drivers/net/loopback.c has no `ndo_bpf` either.
const LOOPBACK: &str = "772";

/// The mode in which the kernel's stack runs the program. DPDK has this devarg since 25.11 (drivers/net/af_xdp/rte_eth_af_xdp.c, ETH_AF_XDP_MODE_ARG).
const GENERIC_MODE: (&str, &str) = ("mode", "skb");

/// AF_XDP cannot use an interface.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "port `{port}`: AF_XDP cannot use interface {interface}, a {kind}: its driver does not run XDP programs (native mode); use an interface of a NIC or a veth \
     pair, stack \"af-packet\", or other pairs. From DPDK 25.11 on, `sender-devargs = \"mode=skb\"` and the same for the receiver let the kernel's stack run \
     the program, which is slower"
)]
pub struct NoNativeXdp {
    /// The port, as it is written.
    pub port: String,
    /// Its interface.
    pub interface: String,
    /// What the interface is.
    pub kind: String,
}

/// Refuses an AF_XDP port on an interface whose driver cannot run an XDP program. A kind that is not known here is left to DPDK.
pub fn check_native_xdp(port: &PortSpec) -> Result<(), NoNativeXdp> {
    check(port, &KernelFiles::below(Path::new("/")))
}

fn check(port: &PortSpec, files: &KernelFiles) -> Result<(), NoNativeXdp> {
    let (key, generic) = GENERIC_MODE;
    let Some(interface) = port.kernel_interface().filter(|_| port.is_af_xdp() && port.argument(key) != Some(generic)) else {
        return Ok(());
    };
    let read = |file: &str| files.text(&format!("sys/class/net/{interface}/{file}")).unwrap_or_default();
    let uevent = read("uevent");
    let kind = match uevent.lines().find_map(|line| line.strip_prefix("DEVTYPE=")) {
        Some(kind) if WITHOUT_NATIVE_XDP.contains(&kind) => kind,
        None if read("type").trim() == LOOPBACK => "loopback interface",
        _ => return Ok(()),
    };
    Err(NoNativeXdp { port: port.to_string(), interface: interface.to_owned(), kind: kind.to_owned() })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn interfaces_whose_drivers_have_no_native_xdp_are_refused_by_name() {
        let root = tempfile::tempdir().unwrap();
        for (name, uevent, kind) in [
            ("eswitch0", "DEVTYPE=bridge\nINTERFACE=eswitch0\nIFINDEX=2\n", "1"),
            ("pf0", "INTERFACE=pf0\nIFINDEX=11\n", "1"),
            ("lo", "INTERFACE=lo\nIFINDEX=1\n", "772"),
            ("odd0", "DEVTYPE=odd\nINTERFACE=odd0\n", "1"),
        ] {
            let folder = root.path().join("sys/class/net").join(name);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("uevent"), uevent).unwrap();
            fs::write(folder.join("type"), format!("{kind}\n")).unwrap();
        }
        let files = KernelFiles::below(root.path());
        let of = |port: &str| check(&port.parse().unwrap(), &files).map_err(|refused| refused.to_string());
        let refused = of("net_af_xdp0,iface=eswitch0").unwrap_err();
        assert!(refused.contains("interface eswitch0, a bridge") && refused.contains("\"af-packet\""), "{refused}");
        assert!(of("net_af_xdp0,iface=lo").unwrap_err().contains("lo, a loopback interface"));
        for port in
            ["net_af_xdp0,iface=pf0", "net_af_xdp0,iface=odd0", "net_af_xdp0,iface=eswitch0,mode=skb", "net_af_packet0,iface=eswitch0"]
        {
            assert_eq!(of(port), Ok(()), "{port}");
        }
    }
}
