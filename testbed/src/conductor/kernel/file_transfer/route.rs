//! Which programs a file passes through: the server, proxies where TLS ends at SmartNICs, the client.

use std::net::{IpAddr, SocketAddr};

use reporter::record::Pair;

use super::nginx::{Listener, Source};
use crate::conductor::kernel::ports::PORT;
use crate::kernel_end::Way;
use crate::plan::{FileTransfer, Tls, TlsEnd};
use crate::topology::{KernelEndpoint, Testbed, TestbedError};

/// An nginx on the way of the file.
pub(super) struct Hop<'a> {
    /// Where it runs.
    pub(super) endpoint: KernelEndpoint<'a>,
    /// What it listens with.
    pub(super) listener: Listener,
    /// Where it has the file from.
    pub(super) source: Source,
    /// Which way the file crosses the endpoint's interface on its way between the systems.
    pub(super) way: Way,
}

/// The way of a file, from the server to the client.
pub(super) struct Route<'a> {
    /// The server, then its proxies. Each needs those before it.
    pub(super) hops: Vec<Hop<'a>>,
    /// The client.
    pub(super) client: KernelEndpoint<'a>,
    /// What the client asks.
    pub(super) address: IpAddr,
    /// The client's own TLS; none where it speaks plain HTTP.
    pub(super) client_tls: Option<Tls>,
}

impl<'a> Route<'a> {
    /// The route of a transfer between a pair.
    pub(super) fn of(
        transfer: &FileTransfer,
        pair: &Pair,
        (from, to): (KernelEndpoint<'a>, KernelEndpoint<'a>),
        testbed: &'a Testbed,
    ) -> Result<Self, TestbedError> {
        let server = |listener| Hop { endpoint: from, listener, source: Source::File, way: Way::Sent };
        let Some(tls) = transfer.tls else {
            return Ok(Route { hops: vec![server(Listener::Plain)], client: to, address: from.address, client_tls: None });
        };
        if tls.at != TlsEnd::Dpu {
            let hops = vec![server(Listener::Tls(tls))];
            return Ok(Route { hops, client: to, address: from.address, client_tls: Some(tls) });
        }
        let [near, far] = testbed.smartnics(pair)?;
        let at = |endpoint: KernelEndpoint<'_>| SocketAddr::new(endpoint.address, PORT);
        let hops = vec![
            server(Listener::Plain),
            Hop { endpoint: near, listener: Listener::Tls(tls), source: Source::Plain(at(from)), way: Way::Sent },
            Hop { endpoint: far, listener: Listener::Plain, source: Source::Tls(at(near), tls), way: Way::Received },
        ];
        Ok(Route { hops, client: to, address: far.address, client_tls: None })
    }

    /// The proxies.
    pub(super) fn proxies(&self) -> &[Hop<'a>] {
        self.hops.get(1..).unwrap_or_default()
    }
}

impl Hop<'_> {
    /// Whether it needs a certificate of its own.
    pub(super) fn has_certificate(&self) -> bool {
        matches!(self.listener, Listener::Tls(_))
    }
}
