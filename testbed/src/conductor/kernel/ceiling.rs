use std::time::Duration;

use methodology::units::tcp_goodput_ceiling;
use reporter::kernel_tools::Transport;
use reporter::record::{Ceiling, CeilingKind};

use crate::process::read_file;
use crate::topology::KernelEndpoint;

/// What the kernel cannot exceed: the link's speed, and for TCP what its headers leave of it at the sender's MTU. Virtual links have none.
pub(super) fn ceiling(from: KernelEndpoint<'_>, to: KernelEndpoint<'_>, transport: Transport) -> Ceiling {
    let Some(link) = from.link_to(&to, [None, None]) else {
        return Ceiling { kind: CeilingKind::None, l1_bps: None, pps: None, goodput_bps: None };
    };
    let line = Ceiling { kind: CeilingKind::LineRate, l1_bps: Some(link.bps() as f64), pps: None, goodput_bps: None };
    match mtu(from).filter(|_| transport == Transport::Tcp) {
        // Linux sends timestamps in every segment unless it is told not to (net.ipv4.tcp_timestamps).
        Some(mtu) => Ceiling { kind: CeilingKind::TcpGoodput, goodput_bps: Some(tcp_goodput_ceiling(link, mtu, true).bps()), ..line },
        None => line,
    }
}

/// The MTU of the interface that an endpoint's kernel traffic leaves by.
fn mtu(endpoint: KernelEndpoint<'_>) -> Option<u32> {
    let file = format!("/sys/class/net/{}/mtu", endpoint.interface);
    read_file(&endpoint.location, &file, Duration::from_secs(5))?.parse().ok()
}
