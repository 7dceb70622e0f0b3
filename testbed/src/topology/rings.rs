use dataplane::{PortOptions, PortSpec};

/// Descriptors of each receive and of each transmit queue of a port, where the plan or the testbed sets them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RingSizes {
    /// Of each receive queue.
    pub rx: Option<u16>,
    /// Of each transmit queue.
    pub tx: Option<u16>,
}

impl RingSizes {
    /// These sizes, and the `others` where these are not set.
    pub fn or(self, others: RingSizes) -> RingSizes {
        RingSizes { rx: self.rx.or(others.rx), tx: self.tx.or(others.tx) }
    }

    /// Both sizes for a port whose rings all have one size.
    fn alike(self) -> RingSizes {
        RingSizes { rx: self.rx.or(self.tx), tx: self.tx.or(self.rx) }
    }

    /// The sizes for the two ends of shared memory: these, or 1024. Virtio-user's default of 256 descriptors absorbs a quarter of the
    /// interruptions that 1024 absorb.
    pub(super) fn of_shared_memory(self) -> RingSizes {
        self.alike().or(RingSizes { rx: Some(1024), tx: Some(1024) })
    }

    /// The port with rings of these sizes, where its devargs set them.
    pub fn in_devargs(self, port: PortSpec) -> PortSpec {
        port.with_descriptors(self.rx.or(self.tx))
    }

    /// The options with these sizes.
    pub fn in_options(self, options: PortOptions) -> PortOptions {
        PortOptions { rx_descriptors: self.rx, tx_descriptors: self.tx, ..options }
    }
}
