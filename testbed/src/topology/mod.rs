//! The testbed: which endpoints there are, how each is reached, and which DPDK ports join a pair.
//!
//! Read from `testbed.toml`, or made by the [`lab`](crate::lab). An [Ansible inventory](testbeds_of_inventory) becomes such files.

mod ansible;
mod built_in;
mod bypass_port;
mod cpus;
mod device;
mod device_file;
mod difference;
mod file;
mod file_keys;
mod model;
mod pair_queues;
mod ports;
mod rings;
mod smartnic;

pub use ansible::{InventoryError, InventoryTestbed, testbeds_of_inventory};
pub use bypass_port::BypassPort;
pub use cpus::{GroupMember, PairCpus};
pub use device::{Carries, Device, DeviceId, DeviceKind, Forwarding, InterfaceAddress, Passage};
pub use difference::measured_difference;
pub use model::{Endpoint, KernelAddress, KernelEndpoint, Testbed, TestbedError, Wiring};
pub use pair_queues::{PairNodes, PairQueues};
pub use ports::PairPorts;
pub use rings::RingSizes;
