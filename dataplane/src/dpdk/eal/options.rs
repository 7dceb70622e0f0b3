use serde::{Deserialize, Serialize};

use crate::cpu::CpuId;
use crate::dpdk::devargs::PortSpec;

/// How DPDK is initialised.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EalOptions {
    /// Memory for mbufs.
    pub memory: Memory,
    /// Devices to probe at initialisation. DPDK does not touch PCI and auxiliary devices that are not named here.
    pub devices: Vec<PortSpec>,
    /// Name of DPDK's run-time directory; default `linerate`. No files are kept in it.
    pub file_prefix: Option<String>,
    /// CPU of DPDK's main thread, which does not poll; default the lowest allowed CPU.
    pub main_cpu: Option<CpuId>,
    /// Let several poll loops run on one CPU. They take turns, so that times mean nothing: for tests of counts with more queues than CPUs.
    #[serde(default)]
    pub shared_cpus: bool,
    /// Further EAL arguments, passed on unchanged.
    pub extra: Vec<String>,
}

/// Where DPDK's memory comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Memory {
    /// Huge pages if enough are free, otherwise ordinary memory.
    #[default]
    Auto,
    /// Huge pages, or an error.
    HugePages {
        /// How much, in MiB.
        megabytes: u32,
    },
    /// Ordinary memory. It works everywhere but is slower, and NICs need an IOMMU for it.
    NoHuge {
        /// How much, in MiB.
        megabytes: u32,
    },
}
