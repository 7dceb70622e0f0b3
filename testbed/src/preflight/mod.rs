//! What would spoil a measurement on this machine, why it matters, and the command that fixes it.
//!
//! [`check`] looks and measures the load for half a second; it changes nothing.

mod check;
mod container;
mod distribution;
mod dpdk;
mod load;
mod machine;
mod memory;
mod needs;
mod network_card;
mod operating_system;
mod pci_express;
mod processor;
mod rights;
mod storage;
mod tools;

pub use check::{Check, CheckLevel};
use distribution::Distribution;
pub use machine::Machine;
pub use needs::Needs;

use std::path::PathBuf;

/// What is going to be measured, as far as the checks depend on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlannedRun {
    /// The version of the DPDK library that this program runs with, or why it can use none; `None` where that is not known.
    pub dpdk: Option<Result<String, String>>,
    /// Where the results will be written; it need not exist yet.
    pub runs: PathBuf,
    /// Which parts of linerate it uses.
    pub needs: Needs,
}

/// Every check, in the order in which a person would look. It takes half a second, because load is measured.
pub fn check(machine: &Machine, planned: &PlannedRun) -> Vec<Check> {
    let checks = [
        rights::check(machine),
        container::check(machine),
        processor::check(machine),
        load::check(machine),
        memory::check(machine),
        operating_system::check(machine),
        dpdk::check(machine, planned.dpdk.as_ref()),
        tools::check(machine),
        network_card::check(machine),
        storage::check(&planned.runs),
    ];
    let distribution = Distribution::from_os_release(&machine.files.text("etc/os-release").unwrap_or_default());
    let adapted = |check: Check| Check { fix: check.fix.map(|command| distribution.command(&command)), ..check };
    checks.concat().into_iter().map(|check| adapted(planned.needs.judge(check))).collect()
}

#[cfg(test)]
mod tests;
