use serde::{Deserialize, Serialize};

use crate::cpu::CpuId;
use crate::dpdk::devargs::PortSpec;

/// How DPDK is set up in this process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EalOptions {
    /// Where frames live.
    pub memory: Memory,
    /// Devices to probe at initialisation. PCI and auxiliary devices that are not named here are left alone.
    pub devices: Vec<PortSpec>,
    /// Name of DPDK's run-time directory, `linerate` where none is given. Nothing is kept in it.
    pub file_prefix: Option<String>,
    /// CPU of DPDK's main thread, which does not poll; the lowest allowed one where none is given.
    pub main_cpu: Option<CpuId>,
    /// Further EAL arguments, as they are.
    pub extra: Vec<String>,
}

/// Where DPDK's memory comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Memory {
    /// Huge pages where enough are free, otherwise ordinary memory.
    #[default]
    Auto,
    /// Huge pages, or an error.
    HugePages {
        /// How much, in MiB.
        megabytes: u32,
    },
    /// Ordinary memory: works everywhere and is slower; NICs need an IOMMU for it.
    NoHuge {
        /// How much, in MiB.
        megabytes: u32,
    },
}
