use reporter::record::Stack;

/// Which port of an endpoint a bypass measure uses. Engines, methods and verdicts are the same for all of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum BypassPort {
    /// The DPDK port that the testbed names, or shared memory in the lab.
    #[default]
    OfTestbed,
    /// AF_XDP on the endpoint's kernel interface: the kernel's driver hands frames to user space before its stack sees them.
    AfXdp,
    /// AF_PACKET on the endpoint's kernel interface: the kernel copies frames to and from a ring that user space maps.
    AfPacket,
}

impl BypassPort {
    /// Every choice.
    pub const ALL: [BypassPort; 3] = [BypassPort::OfTestbed, BypassPort::AfXdp, BypassPort::AfPacket];

    /// What carries the frames.
    pub const fn stack(self) -> Stack {
        match self {
            BypassPort::OfTestbed => Stack::Dpdk,
            BypassPort::AfXdp => Stack::AfXdp,
            BypassPort::AfPacket => Stack::AfPacket,
        }
    }

    /// The choice for a stack; none for a stack of the kernel.
    pub fn of(stack: Stack) -> Option<Self> {
        BypassPort::ALL.into_iter().find(|port| port.stack() == stack)
    }

    /// DPDK's driver for a port on a kernel interface; none where the testbed names the port.
    pub const fn driver_on_interface(self) -> Option<&'static str> {
        match self {
            BypassPort::OfTestbed => None,
            BypassPort::AfXdp => Some("net_af_xdp"),
            BypassPort::AfPacket => Some("net_af_packet"),
        }
    }
}
