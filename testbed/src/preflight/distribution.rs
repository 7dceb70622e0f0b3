//! How a package is installed on the distribution of a machine.

/// How the commands of the checks begin that install packages: they are written for Debian.
const APT: &str = "sudo apt-get install ";

/// A family of distributions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Distribution {
    Debian,
    RedHat,
    Suse,
    Arch,
}

impl Distribution {
    /// From `/etc/os-release` (os-release(5)); Debian where it is not known.
    pub(super) fn from_os_release(text: &str) -> Self {
        let value = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            line.unwrap_or_default().trim_matches('"').to_owned()
        };
        let names = format!("{} {}", value("ID"), value("ID_LIKE"));
        let is = |known: &[&str]| {
            names
                .split_whitespace()
                .any(|name| known.contains(&name) || known.iter().any(|one| name.starts_with(one) && *one == "opensuse"))
        };
        match () {
            () if is(&["debian", "ubuntu"]) => Distribution::Debian,
            () if is(&["rhel", "fedora", "centos", "rocky", "almalinux", "ol"]) => Distribution::RedHat,
            () if is(&["suse", "sles", "opensuse"]) => Distribution::Suse,
            () if is(&["arch"]) => Distribution::Arch,
            () => Distribution::Debian,
        }
    }

    /// Translates a command that installs packages on Debian into that of this distribution. Other commands stay as they are.
    pub(super) fn command(self, command: &str) -> String {
        let Some(packages) = command.strip_prefix(APT) else { return command.to_owned() };
        let install = match self {
            Distribution::Debian => return command.to_owned(),
            Distribution::RedHat => "sudo dnf install",
            Distribution::Suse => "sudo zypper install",
            Distribution::Arch => "sudo pacman -S",
        };
        let named: Vec<&str> = packages.split_whitespace().map(|package| self.package(package)).collect();
        format!("{install} {}", named.join(" "))
    }

    /// The name that a package of Debian has in this distribution.
    fn package(self, debian: &str) -> &str {
        match (self, debian) {
            (Distribution::RedHat, "iproute2") => "iproute",
            (Distribution::RedHat, "openssh-client") => "openssh-clients",
            (Distribution::RedHat | Distribution::Suse, "libdpdk-dev") => "dpdk-devel",
            (Distribution::Arch, "libdpdk-dev") => "dpdk",
            (Distribution::RedHat | Distribution::Suse, "ibverbs-providers") => "libibverbs",
            (Distribution::Arch, "ibverbs-providers") => "rdma-core",
            (Distribution::RedHat | Distribution::Suse | Distribution::Arch, "iputils-ping") => "iputils",
            (Distribution::Suse | Distribution::Arch, "openssh-client") => "openssh",
            (_, same) => same,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_family_installs_in_its_own_way() {
        let on = |os_release: &str, command: &str| Distribution::from_os_release(os_release).command(command);
        let iproute = "sudo apt-get install iproute2";
        assert_eq!(on("ID=ubuntu\nID_LIKE=debian\n", iproute), iproute);
        assert_eq!(on("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", iproute), "sudo dnf install iproute");
        assert_eq!(
            on("ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"\n", "sudo apt-get install dpdk libdpdk-dev"),
            "sudo zypper install dpdk dpdk-devel"
        );
        assert_eq!(on("ID=arch\n", "sudo apt-get install iperf3"), "sudo pacman -S iperf3");
        assert_eq!(on("", iproute), iproute);
        assert_eq!(on("ID=fedora\n", "sudo modprobe vfio-pci"), "sudo modprobe vfio-pci");
    }
}
