//! One port of DPDK, owned: claimed, and stopped and closed when it is dropped.

use std::ffi::CString;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dpdk_sys as sys;

use super::claim::Claim;
use super::devargs::PortSpec;
use super::eal::Eal;
use super::eswitch::{self, Found, Representor};
use super::mempool::Pool;
use super::mtu::InterfaceMtu;
use super::{errno, log, missing, probe};
use crate::error::DataplaneError;

/// A port that this process has claimed, until the value is dropped.
#[derive(Debug)]
pub(super) struct Device {
    /// Taken when the value is dropped.
    claim: Option<Arc<Claim>>,
    id: u16,
    name: String,
    software: bool,
    /// The kernel interface that the port uses, where it uses one.
    interface: Option<String>,
    /// Dropped after the port was closed.
    interface_mtu: Option<InterfaceMtu>,
    last_sent: Option<Instant>,
    eal: Arc<Eal>,
}

/// How long a port stays open after the last frame was sent. Frames may still be in its ring, and no driver of a software port reports that.
const FLUSH: Duration = Duration::from_millis(200);

impl Device {
    /// Claims the port, and creates it first where it is a software port that does not exist yet. Starts the port that manages the embedded
    /// switch first where the port is a representor.
    pub(super) fn claim(eal: &Arc<Eal>, spec: &PortSpec) -> Result<Device, DataplaneError> {
        let id = match (probe::id_of(spec.name()), spec.representors()) {
            (None, None) if spec.is_software() => {
                probe::probe(spec)?;
                probe::id_of(spec.name()).ok_or_else(|| missing::port(eal, spec))?
            }
            (Some(id), None) => id,
            (None, None) => eswitch::uplink(spec.name()).ok_or_else(|| missing::port(eal, spec))?,
            (_, Some(representors)) => find_representor(eal, spec, &representors)?,
        };
        let vdev = spec.is_software().then(|| CString::new(spec.name()).ok()).flatten();
        let claimed = Claim::new(&mut eal.claims(), id, &spec.to_string(), vdev);
        let in_use = |by| DataplaneError::PortInUse { name: spec.to_string(), by: format!("this process has it open already, as {by}") };
        let interface = spec.kernel_interface().map(str::to_owned);
        let device = Device {
            claim: Some(claimed.map_err(in_use)?),
            id,
            name: if spec.is_software() { spec.name().to_owned() } else { spec.label() },
            software: spec.is_software(),
            interface,
            interface_mtu: None,
            last_sent: None,
            eal: Arc::clone(eal),
        };
        if let Some(claim) = device.claim.as_ref().filter(|_| eswitch::is_representor(id)) {
            eswitch::start_proxy(eal, claim, &device.name)?;
        }
        Ok(device)
    }

    /// Keeps the memory of a pool until the driver has released its mbufs.
    pub(super) fn keep(&self, pool: &Pool) {
        if let Some(claim) = &self.claim {
            claim.keep(pool.memory());
        }
    }

    /// DPDK's number of the port.
    pub(super) fn id(&self) -> u16 {
        self.id
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn eal(&self) -> &Arc<Eal> {
        &self.eal
    }

    /// Whether software makes the port, so that it has no link speed.
    pub(super) fn is_software(&self) -> bool {
        self.software
    }

    /// The kernel interface that the port uses, where it uses one.
    pub(super) fn interface(&self) -> Option<&str> {
        self.interface.as_deref()
    }

    /// Puts the MTU of the port's kernel interface back after the port is closed.
    pub(super) fn put_back_when_closed(&mut self, mtu: InterfaceMtu) -> &InterfaceMtu {
        self.interface_mtu.insert(mtu)
    }

    /// The MTU of the port's kernel interface now, where it has one.
    pub(super) fn interface_mtu(&self) -> Option<u32> {
        self.interface_mtu.as_ref()?.now()
    }

    /// The NUMA node of the device, where it has one.
    pub(super) fn numa_node(&self) -> Option<u32> {
        // SAFETY: the port exists as long as `self` does.
        u32::try_from(unsafe { sys::rte_eth_dev_socket_id(self.id) }).ok()
    }

    /// Notes that frames were sent until now.
    pub(super) fn has_sent(&mut self) {
        self.last_sent = Some(Instant::now());
    }

    /// The error of a DPDK call on this port.
    pub(super) fn error(&self, action: &'static str, errno: i32, advice: &str) -> DataplaneError {
        let log = log::as_clause();
        DataplaneError::Port { action, name: self.name.clone(), reason: errno::text_of(errno), log, advice: advice.to_owned() }
    }

    /// Limits the rate of a queue; 0 removes the limit.
    pub(super) fn limit_queue(&self, queue: u16, mbps: u32) -> Result<(), DataplaneError> {
        // SAFETY: the port exists and is set up.
        match unsafe { sys::lr_queue_rate_limit(self.id, queue, mbps) } {
            0 => Ok(()),
            error => {
                let drivers = sys::QUEUE_RATE_DRIVERS;
                let advice =
                    format!("These drivers limit the rate of a queue, up to the rate of the link: {drivers}. Otherwise pace by software");
                Err(self.error("limiting the rate of a queue", error, &advice))
            }
        }
    }
}

fn find_representor(eal: &Arc<Eal>, spec: &PortSpec, representors: &[Representor]) -> Result<u16, DataplaneError> {
    let [wanted] = representors else {
        return Err(missing::several_representors(spec, representors));
    };
    match eswitch::find(spec.name(), *wanted) {
        Found::Port(port) => Ok(port),
        Found::Others(others) => Err(missing::representor(eal, spec, others)),
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        if let Some(sent) = self.last_sent {
            std::thread::sleep(FLUSH.saturating_sub(sent.elapsed()));
        }
        // The port is closed here, unless it is the transfer proxy of a representor that is still open.
        let mut claims = self.eal.claims();
        drop(self.claim.take());
        claims.retain(|_, claim| claim.strong_count() > 0);
        if !self.software {
            self.eal.closed().insert(self.name.clone());
        }
    }
}
