use reporter::kernel_tools::{CommandLine, KernelTool, ToolSource};

use super::check::{Check, CheckLevel};
use super::machine::Machine;
use crate::process::package_of;

/// A program that linerate executes, and what is lost without it.
struct Tool {
    name: &'static str,
    ask: &'static [&'static str],
    without: CheckLevel,
    why: &'static str,
}

const TOOLS: [Tool; 6] = [
    Tool { name: "ip", ask: &["ip", "-V"], without: CheckLevel::Problem, why: "labs and every endpoint in a network namespace need it" },
    Tool {
        name: "ethtool",
        ask: &["ethtool", "--version"],
        without: CheckLevel::Note,
        why: "offloads, rings and pause frames are recorded with it",
    },
    Tool { name: "nginx", ask: &["nginx", "-v"], without: CheckLevel::Note, why: "it serves the files of \"file-transfer\" measures" },
    Tool { name: "curl", ask: &["curl", "--version"], without: CheckLevel::Note, why: "it gets the files of \"file-transfer\" measures" },
    Tool {
        name: "openssl",
        ask: &["openssl", "version"],
        without: CheckLevel::Note,
        why: "it makes the certificates of \"file-transfer\" measures over TLS",
    },
    Tool { name: "ssh", ask: &["ssh", "-V"], without: CheckLevel::Note, why: "endpoints on other machines are reached with it" },
];

pub(super) fn check(machine: &Machine) -> Vec<Check> {
    let [ip, others @ ..] = &TOOLS;
    let asked = |tool: &Tool| check_tool(tool, machine.ask(tool.ask).as_deref());
    let kernel = KernelTool::all().map(|tool| {
        let CommandLine { program, arguments } = tool.version_command();
        let command: Vec<&str> = std::iter::once(&program).chain(&arguments).map(String::as_str).collect();
        check_kernel_tool(tool, machine.ask(&command).as_deref())
    });
    std::iter::once(asked(ip)).chain(kernel).chain(others.iter().map(asked)).collect()
}

fn check_tool(tool: &Tool, answer: Option<&str>) -> Check {
    let Some(answer) = answer else {
        let package = package_of(tool.name).unwrap_or(tool.name);
        return Check::found(tool.without, tool.name, "not installed", tool.why).fixed_by(format!("sudo apt-get install {package}"));
    };
    Check::ok(tool.name, first_line(answer))
}

/// A kernel tool that no plan needs unless it names it is no problem when it is missing.
fn check_kernel_tool(tool: KernelTool, answer: Option<&str>) -> Check {
    let Some(answer) = answer else {
        let severity = if tool.is_default() { CheckLevel::Problem } else { CheckLevel::Note };
        let remedy = match tool.source() {
            ToolSource::Package(package) => format!("sudo apt-get install {package}"),
            ToolSource::Repository(address) => format!("git clone {address} && make, and put {} into PATH", tool.programs().join(", ")),
        };
        return Check::found(severity, tool.name(), "not installed", tool.purpose()).fixed_by(remedy);
    };
    let seen = first_line(answer);
    match version(&seen).and_then(|(major, minor)| tool.version_note(&format!("{major}.{minor}"))) {
        Some(note) => Check::found(CheckLevel::Note, tool.name(), seen, note),
        None => Check::ok(tool.name(), seen),
    }
}

fn first_line(answer: &str) -> String {
    answer.lines().find(|line| !line.trim().is_empty()).unwrap_or("it gives no version").trim().to_owned()
}

/// The first `x.y` in the text.
fn version(text: &str) -> Option<(u32, u32)> {
    text.split_whitespace().find_map(|word| {
        let mut numbers = word.split('.').map(|number| number.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().ok());
        Some((numbers.next()??, numbers.next()??))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iperf3(answer: Option<&str>) -> Check {
        check_kernel_tool(KernelTool::from_name("iperf3").unwrap(), answer)
    }

    #[test]
    fn each_iperf3_is_noted_with_what_its_version_does() {
        let old = iperf3(Some("iperf 3.12 (cJSON 1.7.15)\nLinux vm 6.18.44\n"));
        assert_eq!((old.severity, old.seen.as_str()), (CheckLevel::Note, "iperf 3.12 (cJSON 1.7.15)"));
        assert_eq!(iperf3(Some("iperf 3.9 (cJSON 1.7.13)")).severity, CheckLevel::Note);
        for answer in ["iperf 3.16 (cJSON 1.7.15)", "iperf 3.18+ (cJSON 1.7.15)"] {
            let new = iperf3(Some(answer));
            assert_eq!(new.severity, CheckLevel::Note, "{answer}");
            assert!(new.why.contains("whole seconds"), "{}", new.why);
        }
    }

    #[test]
    fn a_missing_tool_names_its_package() {
        let check = iperf3(None);
        assert_eq!((check.severity, check.fix.as_deref()), (CheckLevel::Problem, Some("sudo apt-get install iperf3")));
        let ip = check_tool(&TOOLS[0], None);
        assert_eq!(ip.fix.as_deref(), Some("sudo apt-get install iproute2"));
    }

    #[test]
    fn versions_are_found_in_what_tools_print() {
        assert_eq!(version("ethtool version 6.1"), Some((6, 1)));
        assert_eq!(version("sockperf, version 3.7-no.git"), Some((3, 7)));
        assert_eq!(version("no number"), None);
    }
}
