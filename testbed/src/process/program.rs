use std::env;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use reporter::kernel_tools::{KernelTool, ToolSource};

use super::error::ProcessError;

/// Where administrators' programs live; not on every user's PATH on Debian.
const ALWAYS_SEARCHED: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Finds a program on PATH, or where administrators' programs live. A name with a slash is taken as a path.
pub fn find_program(name: &str) -> Option<PathBuf> {
    if name.contains('/') {
        let path = PathBuf::from(name);
        return is_program(&path).then_some(path);
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(ALWAYS_SEARCHED.iter().map(PathBuf::from))
        .map(|directory| directory.join(name))
        .find(|candidate| is_program(candidate))
}

/// The path of a program of this machine, or the error that says which package has it.
pub(super) fn found(program: &str) -> Result<String, ProcessError> {
    let missing =
        || ProcessError::MissingProgram { program: program.to_owned(), location: "this machine".to_owned(), package: package_of(program) };
    find_program(program).map(|path| path.display().to_string()).ok_or_else(missing)
}

/// The Debian and Ubuntu package that provides a program that linerate uses.
pub fn package_of(program: &str) -> Option<&'static str> {
    let program = program.rsplit('/').next().unwrap_or(program);
    if let Some(tool) = KernelTool::of_program(program) {
        return match tool.source() {
            ToolSource::Package(package) => Some(package),
            ToolSource::Repository(_) => None,
        };
    }
    Some(match program {
        "ip" | "bridge" | "devlink" | "tc" | "ss" => "iproute2",
        "ethtool" => "ethtool",
        "ssh" => "openssh-client",
        "sshd" => "openssh-server",
        "setpriv" | "taskset" | "lscpu" => "util-linux",
        "timeout" | "env" | "stdbuf" => "coreutils",
        "nginx" => "nginx",
        "curl" => "curl",
        "openssl" => "openssl",
        "podman" => "podman",
        "docker" => "docker.io",
        "lspci" | "setpci" => "pciutils",
        "dpdk-testpmd" | "dpdk-devbind.py" => "dpdk",
        "ovs-vswitchd" | "ovsdb-server" | "ovs-ofctl" => "openvswitch-switch",
        _ => return None,
    })
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_and_files_that_are_none_are_not() {
        assert!(find_program("sh").is_some());
        assert_eq!(find_program("/bin/sh"), Some(PathBuf::from("/bin/sh")));
        assert_eq!(find_program("/etc/passwd"), None);
        assert_eq!(find_program("no-such-program-here"), None);
    }
}
