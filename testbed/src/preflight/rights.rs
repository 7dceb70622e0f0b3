use super::check::{Check, CheckLevel};
use super::machine::Machine;
use crate::lab::missing_capabilities;

pub(super) fn check(machine: &Machine) -> Vec<Check> {
    let missing = missing_capabilities(&machine.files.text("proc/self/status").unwrap_or_default());
    vec![if missing.is_empty() {
        Check::ok("rights", "this process may make namespaces and interfaces")
    } else {
        let why = "the lab needs network namespaces, and DPDK needs raw access to ports and pinned memory";
        Check::found(CheckLevel::Problem, "rights", format!("{} missing", missing.join(" and ")), why).fixed_by("sudo linerate run")
    }]
}
