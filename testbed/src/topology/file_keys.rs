//! Keys that endpoints and devices of `testbed.toml` share.

use dataplane::CpuId;
use serde::Deserialize;

/// `cpu = 2`, or a CPU for each of several queues: `cpu = [2, 3]`.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected the number of a CPU, or a list with one for each queue such as [2, 3]")]
pub(super) enum Cpus {
    One(u32),
    Many(Vec<u32>),
}

impl Default for Cpus {
    fn default() -> Self {
        Cpus::Many(Vec::new())
    }
}

impl Cpus {
    pub(super) fn ids(self) -> Vec<CpuId> {
        let numbers = match self {
            Cpus::One(number) => vec![number],
            Cpus::Many(numbers) => numbers,
        };
        numbers.into_iter().map(CpuId::new).collect()
    }
}

/// Whether a text can be the id of an endpoint or a device, or the name of an interface: no path, no option, no space.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}
