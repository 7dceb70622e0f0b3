use reporter::kernel_tools::KernelTool;
use serde::{Deserialize, Serialize};

use super::check::{Check, CheckLevel};

/// Which parts of linerate a run uses. A problem in a part that it does not use becomes a note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Needs {
    /// DPDK measurements.
    pub dpdk: bool,
    /// Kernel tools, and the programs of file transfers, by name.
    pub tools: Vec<String>,
}

impl Default for Needs {
    /// What a run uses whose plan names nothing else: DPDK and the default tools.
    fn default() -> Self {
        let tools = KernelTool::all().filter(|tool| tool.is_default()).map(|tool| tool.name().to_owned());
        Needs { dpdk: true, tools: tools.collect() }
    }
}

/// Checks whose problems matter to DPDK measurements only.
const OF_DPDK: [&str; 2] = ["DPDK", "rights"];

impl Needs {
    /// The same check with the level that it has for this run.
    pub(super) fn judge(&self, check: Check) -> Check {
        let is_tool = KernelTool::from_name(&check.subject).is_some();
        let named = self.tools.contains(&check.subject);
        let needed = if is_tool { named } else { self.dpdk || !OF_DPDK.contains(&check.subject.as_str()) };
        let missing = check.seen == "not installed";
        match check.severity {
            CheckLevel::Problem if !needed => Check { severity: CheckLevel::Note, ..check },
            CheckLevel::Note if named && missing => Check { severity: CheckLevel::Problem, ..check },
            _ => check,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_that_a_plan_names_is_needed_and_dpdk_is_not_without_its_measurements() {
        let missing = |subject: &str, severity| Check::found(severity, subject, "not installed", "why");
        let kernel_only = Needs { dpdk: false, tools: ["sockperf", "nginx"].map(str::to_owned).into() };
        let judged = |check: Check| kernel_only.judge(check).severity;
        assert_eq!(judged(missing("sockperf", CheckLevel::Note)), CheckLevel::Problem);
        assert_eq!(judged(missing("nginx", CheckLevel::Note)), CheckLevel::Problem);
        assert_eq!(judged(missing("curl", CheckLevel::Note)), CheckLevel::Note, "the plan does not use it there");
        assert_eq!(judged(missing("iperf3", CheckLevel::Problem)), CheckLevel::Note);
        assert_eq!(judged(missing("DPDK", CheckLevel::Problem)), CheckLevel::Note);
        assert_eq!(judged(missing("memory", CheckLevel::Problem)), CheckLevel::Problem);
        assert_eq!(Needs::default().judge(missing("DPDK", CheckLevel::Problem)).severity, CheckLevel::Problem);
    }
}
