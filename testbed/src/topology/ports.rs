use dataplane::PortSpec;
use reporter::record::{EndpointId, Pair};

use super::model::{Testbed, TestbedError, Wiring};

/// The two DPDK ports of a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairPorts {
    /// At the sender.
    pub sender: PortSpec,
    /// At the receiver; opened first, because it may own what the sender connects to.
    pub receiver: PortSpec,
}

impl Testbed {
    /// The two ports that join this pair.
    pub fn ports(&self, pair: &Pair) -> Result<PairPorts, TestbedError> {
        match &self.wiring {
            Wiring::SharedMemory { sockets } => {
                // One socket a pair: a stale one of another pair can then never be connected to.
                let socket = sockets.join(format!("{}.{}.sock", pair.from, pair.to));
                Ok(PairPorts {
                    // The ring is virtio-user's to choose; its default of 256 descriptors hides a quarter of the hiccups that 1024 hide.
                    sender: format!("net_virtio_user0,path={},queue_size=1024", socket.display()).parse()?,
                    receiver: format!("net_vhost0,iface={}", socket.display()).parse()?,
                })
            }
            Wiring::Ports => {
                let port = |id: &EndpointId| {
                    let endpoint = self.endpoint(id)?;
                    endpoint.port.clone().ok_or_else(|| TestbedError::NoPort { id: id.clone(), testbed: self.name.clone() })
                };
                Ok(PairPorts { sender: port(&pair.from)?, receiver: port(&pair.to)? })
            }
        }
    }
}
