//! What perftest needs of a pair beyond addresses: the RDMA ports of both interfaces.

use reporter::kernel_tools::{KernelSpec, RdmaPort, RdmaPorts, Transport};
use reporter::record::ReasonKind;

use crate::inventory::rdma_port;
use crate::topology::KernelEndpoint;

/// The specification with the RDMA ports of both ends, where it is of raw Ethernet. The error is why there is none.
pub(super) fn with_rdma_ports(
    spec: KernelSpec,
    from: KernelEndpoint<'_>,
    to: KernelEndpoint<'_>,
) -> Result<KernelSpec, (ReasonKind, String)> {
    if spec.transport != Transport::RawEthernet {
        return Ok(spec);
    }
    let frame_bytes = Some(spec.size.bytes());
    let port = |end: KernelEndpoint<'_>| -> Result<RdmaPort, (ReasonKind, String)> {
        rdma_port(&end.location, end.interface, frame_bytes).map_err(|error| (ReasonKind::Other, format!("endpoint {}: {error}", end.id)))
    };
    Ok(KernelSpec { rdma: Some(RdmaPorts { client: port(from)?, server: port(to)? }), ..spec })
}
