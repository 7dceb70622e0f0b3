//! The ports that this process uses: each is claimed once, whatever name it is opened by, and closed with its last user.

use std::any::Any;
use std::collections::BTreeMap;
use std::ffi::CString;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use dpdk_sys as sys;

/// A port of DPDK that this process has set up or is about to. Dropping the last reference stops and closes the port; callers hold the lock
/// of [`Claims`] then.
///
/// A representor holds the claim of its transfer proxy, so that the proxy stops last: mlx5 with hardware steering refuses to stop it earlier
/// (mlx5_trigger.c, `mlx5_hw_proxy_port_allowed_stop`).
#[derive(Debug)]
pub(super) struct Claim {
    id: u16,
    name: String,
    /// The vdev to remove when the port is closed.
    vdev: Option<CString>,
    kept: Mutex<Vec<Arc<dyn Any + Send + Sync>>>,
}

/// All claims of the process, by DPDK's number of the port.
pub(super) type Claims = BTreeMap<u16, Weak<Claim>>;

impl Claim {
    /// Claims the port, or gives back the name by which it is claimed already.
    pub(super) fn new(claims: &mut Claims, id: u16, name: &str, vdev: Option<CString>) -> Result<Arc<Claim>, String> {
        if let Some(claimed) = Claim::of(claims, id) {
            return Err(claimed.name.clone());
        }
        let claim = Arc::new(Claim { id, name: name.to_owned(), vdev, kept: Mutex::default() });
        claims.insert(id, Arc::downgrade(&claim));
        Ok(claim)
    }

    /// The claim of a port that is in use.
    pub(super) fn of(claims: &Claims, id: u16) -> Option<Arc<Claim>> {
        claims.get(&id)?.upgrade()
    }

    /// DPDK's number of the port.
    pub(super) fn id(&self) -> u16 {
        self.id
    }

    /// Keeps `what` until the port is closed: memory that its driver uses, or the claim of its transfer proxy.
    pub(super) fn keep(&self, what: Arc<dyn Any + Send + Sync>) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // SAFETY: the port exists, and this was its only claim. Stopping makes the driver release its mbufs, closing frees its queues; the
        // pools are freed afterwards, with `kept`. A software port is removed, so that its name can be used again.
        unsafe {
            sys::rte_eth_dev_stop(self.id);
            sys::rte_eth_dev_close(self.id);
            if let Some(name) = &self.vdev {
                sys::lr_device_remove(name.as_ptr());
            }
        }
    }
}
