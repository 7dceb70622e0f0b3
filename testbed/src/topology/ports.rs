use dataplane::PortSpec;
use reporter::record::{EndpointId, Pair};

use super::bypass_port::BypassPort;
use super::model::{Testbed, TestbedError, Wiring};
use super::rings::RingSizes;

/// The two DPDK ports of a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairPorts {
    /// At the sender.
    pub sender: PortSpec,
    /// At the receiver; opened first, because it may own what the sender connects to.
    pub receiver: PortSpec,
    /// The sizes of the sender's rings.
    pub sender_rings: RingSizes,
    /// The sizes of the receiver's rings.
    pub receiver_rings: RingSizes,
}

impl Testbed {
    /// The two ports of this pair that a bypass measure uses.
    ///
    /// # Errors
    /// An endpoint has no such port.
    pub fn bypass_ports(&self, pair: &Pair, choice: BypassPort, planned: RingSizes) -> Result<PairPorts, TestbedError> {
        let Some(driver) = choice.driver_on_interface() else { return self.ports(pair, planned) };
        let port = |id: &EndpointId| {
            let endpoint = self.endpoint(id)?;
            let no_interface = || TestbedError::NoInterface { id: id.clone(), testbed: self.name.clone(), stack: choice.stack() };
            let interface = &endpoint.kernel.as_ref().ok_or_else(no_interface)?.interface;
            let port: PortSpec = format!("{driver}0,iface={interface}").parse()?;
            let rings = planned.or(endpoint.rings);
            Ok::<_, TestbedError>((rings.in_devargs(port), rings))
        };
        let ((sender, sender_rings), (receiver, receiver_rings)) = (port(&pair.from)?, port(&pair.to)?);
        Ok(PairPorts { sender, receiver, sender_rings, receiver_rings })
    }

    /// The two ports that join this pair, with rings of the size that the plan asks for, or else the testbed.
    pub fn ports(&self, pair: &Pair, planned: RingSizes) -> Result<PairPorts, TestbedError> {
        match &self.wiring {
            Wiring::SharedMemory { sockets } => {
                // One socket a pair: a stale one of another pair can then never be connected to.
                let socket = sockets.join(format!("{}.{}.sock", pair.from, pair.to));
                // Both ends use the rings that virtio-user creates.
                let rings = planned.of_shared_memory();
                let sender: PortSpec = format!("net_virtio_user0,path={}", socket.display()).parse()?;
                Ok(PairPorts {
                    sender: rings.in_devargs(sender),
                    receiver: format!("net_vhost0,iface={}", socket.display()).parse()?,
                    sender_rings: rings,
                    receiver_rings: rings,
                })
            }
            Wiring::Ports => {
                let port = |id: &EndpointId| {
                    let endpoint = self.endpoint(id)?;
                    let port = endpoint.port.clone().ok_or_else(|| TestbedError::NoPort { id: id.clone(), testbed: self.name.clone() })?;
                    let rings = planned.or(endpoint.rings);
                    Ok::<_, TestbedError>((rings.in_devargs(port), rings))
                };
                let ((sender, sender_rings), (receiver, receiver_rings)) = (port(&pair.from)?, port(&pair.to)?);
                Ok(PairPorts { sender, receiver, sender_rings, receiver_rings })
            }
        }
    }
}
