use super::check::{Check, CheckLevel};
use super::machine::Machine;

/// Why it matters that there is no DPDK.
const WITHOUT_DPDK: &str = "without DPDK, linerate can measure kernel traffic only";

/// `running` is what the program itself found when it loaded the library; without it the machine is asked whether there is one.
pub(super) fn check(machine: &Machine, running: Option<&Result<String, String>>) -> Vec<Check> {
    vec![match running {
        Some(Ok(version)) => Check::ok("DPDK", version),
        Some(Err(reason)) => Check::found(CheckLevel::Problem, "DPDK", reason, WITHOUT_DPDK),
        None => installed(machine),
    }]
}

fn installed(machine: &Machine) -> Check {
    let development =
        machine.ask(&["pkg-config", "--modversion", "libdpdk"]).filter(|answer| answer.starts_with(|c: char| c.is_ascii_digit()));
    let library = || {
        let cache = machine.ask(&["ldconfig", "-p"])?;
        cache
            .lines()
            .find_map(|line| line.trim().strip_prefix("librte_eal.so."))
            .map(|rest| rest.split_whitespace().next().unwrap_or("").to_owned())
    };
    let why_built = "this linerate was built without DPDK and measures kernel traffic only; build it again with the feature `dpdk`";
    match (development, library()) {
        (Some(version), _) => Check::found(CheckLevel::Warning, "DPDK", format!("{} is installed", version.trim()), why_built),
        (None, Some(abi)) => Check::found(CheckLevel::Warning, "DPDK", format!("a library with ABI {abi} is installed"), why_built),
        (None, None) => {
            Check::found(CheckLevel::Problem, "DPDK", "not installed", WITHOUT_DPDK).fixed_by("sudo apt-get install dpdk libdpdk-dev")
        }
    }
}
