//! What would spoil a measurement on this machine, why it matters, and the command that mends it.
//!
//! [`check`] looks and measures the load for half a second; it changes nothing.

mod check;
mod dpdk;
mod load;
mod machine;
mod memory;
mod network_card;
mod operating_system;
mod pci_express;
mod processor;
mod rights;
mod storage;
mod tools;

pub use check::{Check, Severity};
pub use machine::Machine;

use std::path::PathBuf;

/// What is going to be measured, as far as the checks depend on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Intention {
    /// The version of the DPDK library that this program runs with, where it has one.
    pub dpdk: Option<String>,
    /// Where the results will be written; it need not exist yet.
    pub runs: PathBuf,
}

/// Every check, in the order in which a person would look. It takes half a second, because load is measured.
pub fn check(machine: &Machine, intention: &Intention) -> Vec<Check> {
    [
        rights::check(machine),
        processor::check(machine),
        load::check(machine),
        memory::check(machine),
        operating_system::check(machine),
        dpdk::check(machine, intention.dpdk.as_deref()),
        tools::check(machine),
        network_card::check(machine),
        storage::check(&intention.runs),
    ]
    .concat()
}

#[cfg(test)]
mod tests;
