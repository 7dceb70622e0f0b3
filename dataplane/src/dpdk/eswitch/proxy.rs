//! The port that manages an embedded switch (the transfer proxy): it is started before a representor, and stopped after the last one.

use std::sync::Arc;

use dpdk_sys as sys;

use crate::dpdk::claim::Claim;
use crate::dpdk::eal::Eal;
use crate::dpdk::mempool::{Pool, PoolSize};
use crate::dpdk::{errno, log, probe};
use crate::error::DataplaneError;

/// Mbufs of the proxy's pool. No poll loop reads its queue.
const FRAMES: u32 = 512;

/// Starts the transfer proxy of the representor `claim`, or takes the one that runs already. The claim keeps it.
///
/// With hardware steering (`dv_flow_en=2`), mlx5 refuses to start a representor without it, or starts it without the rules that bring it
/// frames (mlx5_trigger.c, `mlx5_hw_representor_port_allowed_start`). Drivers without a proxy name the port itself
/// (`rte_flow_pick_transfer_proxy`), or fail, and need nothing.
pub(in crate::dpdk) fn start_proxy(eal: &Arc<Eal>, claim: &Claim, name: &str) -> Result<(), DataplaneError> {
    let mut proxy = claim.id();
    // SAFETY: the port exists; the call writes one number.
    let error = unsafe { sys::lr_transfer_proxy(claim.id(), &mut proxy) };
    if error != 0 || proxy == claim.id() {
        tracing::debug!(port = name, error, "no transfer proxy");
        return Ok(());
    }
    let mut claims = eal.claims();
    if let Some(running) = Claim::of(&claims, proxy) {
        claim.keep(running);
        return Ok(());
    }
    let proxy_name = probe::name_of(proxy).unwrap_or_default();
    let pool = Pool::new(eal, &proxy_name, PoolSize { in_use: FRAMES, lcores: 0, cache: 0 }, 0, None)?;
    let claimed = Claim::new(&mut claims, proxy, &format!("{proxy_name} (it manages the embedded switch of {name})"), None);
    let claimed = claimed.map_err(|by| DataplaneError::PortInUse { name: proxy_name.clone(), by })?;
    log::take();
    // SAFETY: the port exists and was claimed above, so nothing else uses it; its claim keeps the pool.
    let error = unsafe { sys::lr_proxy_start(proxy, pool.raw()) };
    claimed.keep(pool.memory());
    if error != 0 {
        return Err(DataplaneError::Port {
            action: "starting the port that manages the embedded switch",
            name: name.to_owned(),
            reason: format!("{proxy_name}: {}", errno::text_of(error)),
            log: log::as_clause(),
            advice: "Check whether another process uses the device".to_owned(),
        });
    }
    claim.keep(claimed);
    Ok(())
}
