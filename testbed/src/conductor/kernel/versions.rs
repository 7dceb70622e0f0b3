use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use reporter::kernel_tools::KernelTool;

use super::processes::{argv, run_tool_at};
use crate::agent::WaitLimit;
use crate::conductor::endpoint_agents::EndpointAgents;
use crate::kernel_end::ToolCommand;
use crate::topology::KernelEndpoint;

/// How long a tool may take to give its version.
const LIMIT: Duration = Duration::from_secs(5);

/// Versions of the kernel tools at each place, asked once.
#[derive(Debug, Default)]
pub(super) struct Versions {
    known: BTreeMap<(String, KernelTool), String>,
}

impl Versions {
    /// The tool's version there; none where it gives none.
    pub(super) fn of(&mut self, tool: KernelTool, endpoint: KernelEndpoint<'_>, agents: &mut EndpointAgents) -> Option<String> {
        let key = (endpoint.location.to_string(), tool);
        if let Some(version) = self.known.get(&key) {
            return Some(version.clone());
        }
        let command = ToolCommand { argv: argv(&tool.version_command()), timeout: LIMIT, counted: None };
        let wait = WaitLimit { limit: LIMIT * 2, interrupted: &AtomicBool::new(false) };
        let ran = run_tool_at(endpoint, command, "ask a tool for its version", wait, agents).ok()?;
        let version = first_version(&ran.text)?;
        self.known.insert(key, version.clone());
        Some(version)
    }
}

/// `iperf 3.12 (cJSON 1.7.15)` and its like: the first word that begins with a digit.
fn first_version(text: &str) -> Option<String> {
    let words = text.split(|c: char| c.is_whitespace() || c == ',');
    words
        .map(|word| word.trim_start_matches('v'))
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.'))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_where_tools_print_them() {
        assert_eq!(first_version("iperf 3.12 (cJSON 1.7.15)\nLinux").as_deref(), Some("3.12"));
        assert_eq!(first_version("sockperf, version 3.7-no.git").as_deref(), Some("3.7-no.git"));
        assert_eq!(first_version("qperf 0.4.11").as_deref(), Some("0.4.11"));
        assert_eq!(first_version("no version here"), None);
    }
}
