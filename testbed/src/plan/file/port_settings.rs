//! The keys that tune the ports of poll loops, in every combination.

use std::num::NonZeroU16;

use dataplane::MOST_MEMPOOL_CACHE;

use super::combinations::{Combinations, OneOrMany};
use super::key_problem::KeyProblem;
use super::measure::FileMeasure;
use crate::plan::tuning::{Devargs, PortTuning};
use crate::topology::{BypassPort, PairQueues, RingSizes};

/// The queues of the far end: those of the reflector where the method measures delays, otherwise those of the sink.
pub(super) struct FarQueues<'k> {
    /// The key that sets them.
    pub(super) key: &'static str,
    pub(super) given: Option<&'k OneOrMany<u16>>,
}

/// Every combination of what the keys say, devargs, pacing and rings slowest: ports are opened anew for them.
pub(super) fn combinations(measure: &FileMeasure, far: &FarQueues<'_>) -> Result<Combinations<PortTuning>, KeyProblem> {
    let FileMeasure { queues, sender_queues, .. } = measure;
    if queues.is_some() && (sender_queues.is_some() || far.given.is_some()) {
        let why = format!("`queues` sets both ends: use either `queues`, or `sender-queues` and `{}`", far.key);
        return Err(KeyProblem::new("queues", why));
    }
    let port = BypassPort::of(measure.stack);
    // The directions of a kernel stream are a setting of its tool.
    let direction = measure.direction.as_ref().filter(|_| port.is_some());
    Combinations::of(PortTuning { port: port.unwrap_or_default(), ..PortTuning::default() })
        .with("sender-devargs", measure.sender_devargs.as_ref(), Devargs::checked, |tuning, sender_devargs| PortTuning {
            sender_devargs,
            ..tuning
        })?
        .with("receiver-devargs", measure.receiver_devargs.as_ref(), Devargs::checked, |tuning, receiver_devargs| PortTuning {
            receiver_devargs,
            ..tuning
        })?
        .with("fast-free", measure.fast_free.as_ref(), |&on| Ok(on), |tuning, fast_free| PortTuning { fast_free, ..tuning })?
        .with("mempool-cache", measure.mempool_cache.as_ref(), read_mempool_cache, |tuning, mbufs| PortTuning {
            mempool_cache: Some(mbufs),
            ..tuning
        })?
        .with("pacing", measure.pacing.as_ref(), |&pacing| Ok(pacing), |tuning, pacing| PortTuning { pacing, ..tuning })?
        .with("rx-descriptors", measure.rx_descriptors.as_ref(), read_descriptors, |tuning, rx| PortTuning {
            rings: RingSizes { rx: Some(rx), ..tuning.rings },
            ..tuning
        })?
        .with("tx-descriptors", measure.tx_descriptors.as_ref(), read_descriptors, |tuning, tx| PortTuning {
            rings: RingSizes { tx: Some(tx), ..tuning.rings },
            ..tuning
        })?
        .with("queues", queues.as_ref(), read_queues, |tuning, both| PortTuning {
            queues: PairQueues { sender: both, receiver: both },
            ..tuning
        })?
        .with("sender-queues", sender_queues.as_ref(), read_queues, |tuning, sender| PortTuning {
            queues: PairQueues { sender, ..tuning.queues },
            ..tuning
        })?
        .with(far.key, far.given, read_queues, |tuning, receiver| PortTuning {
            queues: PairQueues { receiver, ..tuning.queues },
            ..tuning
        })?
        .with("flows", measure.flows.as_ref(), read_flows, |tuning, flows| PortTuning { flows, ..tuning })?
        .with("direction", direction, |&directions| Ok(directions), |tuning, directions| PortTuning { directions, ..tuning })?
        .with("burst", measure.burst.as_ref(), read_burst, |tuning, burst| PortTuning { burst: Some(burst), ..tuning })
}

fn read_queues(&queues: &u16) -> Result<NonZeroU16, String> {
    NonZeroU16::new(queues).ok_or("a port has at least one queue: write 1 or more".to_owned())
}

fn read_burst(&burst: &u16) -> Result<u16, String> {
    match burst {
        1..=256 => Ok(burst),
        _ => Err(format!("a burst has 1 to 256 frames, not {burst}")),
    }
}

fn read_flows(&flows: &u32) -> Result<u32, String> {
    match flows {
        1..=1_000_000 => Ok(flows),
        _ => Err(format!("there can be 1 to 1000000 flows, not {flows}")),
    }
}

fn read_descriptors(&descriptors: &u16) -> Result<u16, String> {
    match descriptors {
        0 => Err("a queue has at least one descriptor: write a number such as 4096".to_owned()),
        descriptors => Ok(descriptors),
    }
}

fn read_mempool_cache(&mbufs: &u16) -> Result<u16, String> {
    match mbufs {
        0..=MOST_MEMPOOL_CACHE => Ok(mbufs),
        _ => Err(format!("a mempool cache has 0 to {MOST_MEMPOOL_CACHE} mbufs, not {mbufs}")),
    }
}
