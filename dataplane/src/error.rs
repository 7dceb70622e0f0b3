//! Errors of ports and plans.

use std::time::Duration;

use methodology::units::FrameSize;
use thiserror::Error;

use crate::cpu::CpuId;
use crate::frame::MacAddress;

/// Errors of ports and plans. Each message says what failed, on what, why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DataplaneError {
    /// The text is not the name of a port.
    #[error("`{text}` is not a port: {why}. Write one of:\n{examples}")]
    PortSpec {
        /// The text.
        text: String,
        /// What is wrong with it.
        why: String,
        /// Examples of ports, one a line.
        examples: String,
    },
    /// A port was named twice in one process.
    #[error(
        "port `{name}` is named twice: name each port once, and give software ports different numbers, such as net_null0 and net_null1"
    )]
    DuplicatePort {
        /// The name.
        name: String,
    },
    /// DPDK is missing, or is not the one that linerate was built with.
    #[error(transparent)]
    Dpdk(dpdk_sys::LoadError),
    /// EAL can be initialised once in a process (DPDK `rte_eal_init`, EALREADY).
    #[error("DPDK was initialised in this process already, which is possible only once: start a new process for other ports")]
    AlreadyInitialised,
    /// `rte_eal_init` failed.
    #[error("DPDK could not be initialised ({reason}) with `{arguments}`{log}. {advice}")]
    Init {
        /// rte_errno as text.
        reason: String,
        /// EAL's arguments.
        arguments: String,
        /// What DPDK logged, as a clause, or empty.
        log: String,
        /// What to do.
        advice: String,
    },
    /// A CPU that the process may not use, or that another poll loop uses.
    #[error("CPU {cpu} cannot be used: {why}. This process may use {allowed}: give each poll loop its own CPU, or use fewer queues")]
    Cpu {
        /// The CPU.
        cpu: CpuId,
        /// Why not.
        why: String,
        /// CPUs in this process's affinity.
        allowed: String,
    },
    /// A capture that cannot be replayed.
    #[error("{reason}")]
    Capture {
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// The port does not exist.
    #[error("there is no port `{name}`{log}. {advice}")]
    NoSuchPort {
        /// The name.
        name: String,
        /// What DPDK logged, or empty.
        log: String,
        /// What to do.
        advice: String,
    },
    /// The port is open already, in this or another process.
    #[error("port `{name}` is in use: {by}. Close it there, or use another port")]
    PortInUse {
        /// The name.
        name: String,
        /// What uses it.
        by: String,
    },
    /// A call on a port failed.
    #[error("{action} failed on port `{name}`: {reason}{log}. {advice}")]
    Port {
        /// The action.
        action: &'static str,
        /// The port.
        name: String,
        /// The error as text.
        reason: String,
        /// What DPDK logged, or empty.
        log: String,
        /// What to do.
        advice: String,
    },
    /// A frame does not fit the port.
    #[error(
        "a frame of {size} needs an MTU of {}, and port `{name}` has an MTU of at most {} (frames of at most {limit}): send smaller frames, or use another port",
        size.mtu(),
        limit.mtu()
    )]
    FrameTooLarge {
        /// The port.
        name: String,
        /// The frame.
        size: FrameSize,
        /// The largest one.
        limit: FrameSize,
    },
    /// The kernel interface of a port refuses the MTU that a frame needs.
    #[error(
        "a frame of {size} needs an MTU of {mtu}, and interface {interface} of port `{name}` has {current} and refuses {mtu} ({reason}): send smaller frames, or set the MTU with `ip link set {interface} mtu {mtu}`"
    )]
    InterfaceMtu {
        /// The port.
        name: String,
        /// The interface.
        interface: String,
        /// The frame.
        size: FrameSize,
        /// The MTU that the frame needs.
        mtu: u32,
        /// The interface's MTU.
        current: u32,
        /// The kernel's reason.
        reason: String,
    },
    /// The driver refuses promiscuous mode.
    #[error(
        "driver {driver} of port `{name}` refuses promiscuous mode: {reason}. Leave out promiscuous mode and send to the port's own address {mac} (`--dst-mac`); software ports receive all frames without it"
    )]
    Promiscuous {
        /// The port.
        name: String,
        /// Its driver.
        driver: String,
        /// The port's own address.
        mac: MacAddress,
        /// The driver's reason.
        reason: String,
    },
    /// A plan that cannot be carried out.
    #[error("invalid plan: {what}: {why}")]
    Plan {
        /// Which part of the plan.
        what: &'static str,
        /// What is wrong, and what to do.
        why: String,
    },
    /// No memory for frames.
    #[error(
        "no memory for {objects} frames of {bytes} bytes on port `{name}`: {reason}. Use fewer queues or smaller frames, or reserve huge pages (`echo 1024 > /proc/sys/vm/nr_hugepages`)"
    )]
    Mempool {
        /// The port.
        name: String,
        /// Number of frames.
        objects: u32,
        /// Bytes each.
        bytes: u32,
        /// The error as text.
        reason: String,
    },
    /// The link did not come up.
    #[error("port `{name}` has no link after {} s: start the other end, or check the cable; see `linerate doctor`", waited.as_secs_f64())]
    NoLink {
        /// The port.
        name: String,
        /// The timeout.
        waited: Duration,
    },
    /// A thread could not be started, pinned or registered.
    #[error("the poll loop of port `{name}` could not start: {reason}")]
    Thread {
        /// The port.
        name: String,
        /// Why.
        reason: String,
    },
}

impl DataplaneError {
    /// `cpu` is outside this process's affinity, which is `allowed`.
    pub(crate) fn cpu_not_allowed(cpu: CpuId, allowed: &[CpuId]) -> Self {
        DataplaneError::Cpu {
            cpu,
            why: "it is not in this process's affinity (taskset, cgroup or container)".to_owned(),
            allowed: Self::list_cpus(allowed),
        }
    }

    /// CPUs as the error names them.
    pub(crate) fn list_cpus(cpus: &[CpuId]) -> String {
        format!("CPU {}", cpus.iter().map(CpuId::to_string).collect::<Vec<_>>().join(", "))
    }
}
