//! One port of DPDK, owned: claimed by name, and stopped and closed when it is dropped.

use std::ffi::CString;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dpdk_sys as sys;

use super::devargs::PortSpec;
use super::eal::Eal;
use super::mtu::InterfaceMtu;
use super::{errno, log, probe};
use crate::error::DataplaneError;

/// A port that this process has claimed, until the value is dropped.
#[derive(Debug)]
pub(super) struct Device {
    eal: Arc<Eal>,
    id: u16,
    name: String,
    software: bool,
    /// The kernel interface that the port uses, where it uses one.
    interface: Option<String>,
    /// Dropped after the port was closed.
    interface_mtu: Option<InterfaceMtu>,
    last_sent: Option<Instant>,
}

/// How long a port stays open after the last frame was sent. Frames may still be in its ring, and no driver of a software port reports that.
const FLUSH: Duration = Duration::from_millis(200);

impl Device {
    /// Claims the port, and creates it first where it is a software port that does not exist yet.
    pub(super) fn claim(eal: &Arc<Eal>, spec: &PortSpec) -> Result<Device, DataplaneError> {
        let mut open = eal.open_ports();
        if open.contains(spec.name()) && spec.argument("representor").is_none() {
            return Err(DataplaneError::PortInUse { name: spec.name().to_owned(), by: "this process has it open already".to_owned() });
        }
        let found = match probe::find(spec) {
            None if spec.is_software() => {
                probe::probe(spec)?;
                probe::find(spec)
            }
            found => found,
        };
        let Some(id) = found else {
            return Err(no_such_port(spec));
        };
        open.insert(spec.name().to_owned());
        let interface = spec.kernel_interface().map(str::to_owned);
        Ok(Device {
            eal: Arc::clone(eal),
            id,
            name: spec.name().to_owned(),
            software: spec.is_software(),
            interface,
            interface_mtu: None,
            last_sent: None,
        })
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

fn no_such_port(spec: &PortSpec) -> DataplaneError {
    let names = probe::names();
    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    DataplaneError::NoSuchPort {
        name: spec.to_string(),
        log: log::as_clause(),
        advice: format!("These ports exist: {names}. Name NICs when DPDK is initialised, and see `linerate ports`"),
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        if let Some(sent) = self.last_sent {
            std::thread::sleep(FLUSH.saturating_sub(sent.elapsed()));
        }
        let mut open = self.eal.open_ports();
        // SAFETY: EAL is alive, and only this value has the port claimed. Stopping makes the driver release its mbufs, closing frees its
        // queues; the pools are freed later. A software port is removed, so that its name can be used again.
        unsafe {
            sys::rte_eth_dev_stop(self.id);
            sys::rte_eth_dev_close(self.id);
            if self.software
                && let Ok(name) = CString::new(self.name.as_str())
            {
                sys::lr_device_remove(name.as_ptr());
            }
        }
        open.remove(&self.name);
    }
}
