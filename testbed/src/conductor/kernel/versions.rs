use std::collections::BTreeMap;
use std::time::Duration;

use reporter::kernel_tools::{KernelTool, raw_text};

use super::command::command;
use crate::process::{Location, run};

/// Versions of the kernel tools at each place, asked once.
#[derive(Debug, Default)]
pub(super) struct Versions {
    known: BTreeMap<(String, KernelTool), String>,
}

impl Versions {
    /// The tool's version there; none where it gives none.
    pub(super) fn of(&mut self, tool: KernelTool, location: &Location) -> Option<String> {
        let key = (location.to_string(), tool);
        if let Some(version) = self.known.get(&key) {
            return Some(version.clone());
        }
        let output = run(&command(location, &tool.version_command(), Duration::from_secs(5))).ok()?;
        let version = first_version(&raw_text(&output.stdout, &output.stderr))?;
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
