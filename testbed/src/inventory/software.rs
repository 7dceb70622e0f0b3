use serde::Serialize;

/// A port that DPDK makes out of software, on any machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SoftwarePort {
    /// The devargs, with words in capitals to be filled in.
    pub devargs: &'static str,
    /// What it is good for, and what it cannot do.
    pub purpose: &'static str,
}

/// Software ports that are worth measuring with or testing on (DPDK, "Network Interface Controller Drivers").
pub const SOFTWARE_PORTS: [SoftwarePort; 7] = [
    SoftwarePort {
        devargs: "net_vhost0,iface=SOCKET",
        purpose: "the listening end of a shared-memory wire to another process or a VM; start it first",
    },
    SoftwarePort {
        devargs: "net_virtio_user0,path=SOCKET",
        purpose: "the connecting end of the same; the lab's DPDK traffic goes this way",
    },
    SoftwarePort {
        devargs: "net_af_packet0,iface=INTERFACE",
        purpose: "any kernel interface, through the kernel: works everywhere, measures the kernel too",
    },
    SoftwarePort { devargs: "net_null0", purpose: "frames out of nothing, and into nothing: what the program itself can do, no wire" },
    SoftwarePort { devargs: "net_ring0", purpose: "sends to itself through a ring of 1023 frames; counts no bytes" },
    SoftwarePort { devargs: "net_tap0,iface=NAME", purpose: "a new kernel interface of this name (root)" },
    SoftwarePort { devargs: "net_pcap0,rx_pcap=FILE,tx_pcap=FILE", purpose: "reads and writes capture files" },
];
