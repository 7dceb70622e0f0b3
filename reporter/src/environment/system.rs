//! Reads an endpoint's state from `/proc` and `/sys`. Runs no command.

use std::collections::BTreeMap;
use std::path::Path;

use methodology::units::LinkSpeed;

use super::kernel_files::KernelFiles;
use super::{Cpu, EndpointEnvironment, Memory, Nic, TcpSettings};

impl EndpointEnvironment {
    /// What the kernel tells below `root`, which is `/` outside tests. What is not there stays absent; this cannot fail.
    ///
    /// `/sys/class/net` shows the interfaces of the network namespace that mounted it; loopback is left out.
    pub fn collect(root: &Path) -> Self {
        let probe = Probe { files: KernelFiles::below(root) };
        EndpointEnvironment {
            cpu: probe.cpu(),
            system: probe.files.text("etc/os-release").and_then(|text| quoted_value(&text, "PRETTY_NAME")),
            kernel: probe.files.text("proc/sys/kernel/osrelease"),
            cmdline: probe.files.text("proc/cmdline"),
            hypervisor: probe.hypervisor(),
            mitigations: probe.mitigations(),
            memory: probe.memory(),
            tcp: probe.tcp(),
            nics: probe.files.names("sys/class/net").into_iter().filter(|name| name != "lo").map(|name| probe.nic(name)).collect(),
            ..EndpointEnvironment::default()
        }
    }
}

/// One machine, by what its kernel tells.
struct Probe {
    files: KernelFiles,
}

impl Probe {
    fn cpu(&self) -> Cpu {
        let info = self.files.text("proc/cpuinfo").unwrap_or_default();
        let field = |name: &str| colon_value(&info, name);
        // Arm names no model; the implementer and part numbers are all there is (`Documentation/arch/arm64/cpu-feature-registers.rst`).
        let arm = || Some(format!("Arm implementer {} part {}", field("CPU implementer")?, field("CPU part")?));
        let count = info.lines().filter(|line| line.split(':').next().is_some_and(|name| name.trim() == "processor")).count();
        let no_turbo = self.files.number::<u8>("sys/devices/system/cpu/intel_pstate/no_turbo").map(|off| off == 0);
        Cpu {
            // Not a fact of the files.
            architecture: None,
            model: field("model name").or_else(arm),
            count: u32::try_from(count).ok().filter(|&count| count > 0),
            numa_nodes: self.files.text("sys/devices/system/node/online").and_then(|list| members_of(&list)),
            governor: self.files.text("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            turbo: no_turbo.or_else(|| self.files.number::<u8>("sys/devices/system/cpu/cpufreq/boost").map(|on| on != 0)),
            isolated: self.files.text("sys/devices/system/cpu/isolated"),
        }
    }

    fn hypervisor(&self) -> Option<String> {
        let named = self.files.text("sys/hypervisor/type").or_else(|| {
            let info = self.files.text("proc/cpuinfo")?;
            let virtual_machine = colon_value(&info, "flags")?.split_whitespace().any(|flag| flag == "hypervisor");
            virtual_machine.then(|| self.files.text("sys/class/dmi/id/sys_vendor").unwrap_or_else(|| "unnamed".to_owned()))
        });
        named.or_else(|| self.files.text("proc/device-tree/hypervisor/compatible"))
    }

    fn mitigations(&self) -> BTreeMap<String, String> {
        let folder = "sys/devices/system/cpu/vulnerabilities";
        self.files
            .names(folder)
            .into_iter()
            .filter_map(|name| Some((name.clone(), self.files.text(&format!("{folder}/{name}"))?)))
            .collect()
    }

    fn memory(&self) -> Memory {
        let info = self.files.text("proc/meminfo").unwrap_or_default();
        let figure = |name: &str| colon_value(&info, name)?.split_whitespace().next()?.parse().ok();
        // `always [madvise] never`: the choice stands in brackets.
        let chosen = |text: String| Some(text.split_once('[')?.1.split_once(']')?.0.to_owned());
        Memory {
            huge_pages: figure("HugePages_Total"),
            huge_page_kib: figure("Hugepagesize"),
            transparent: self.files.text("sys/kernel/mm/transparent_hugepage/enabled").and_then(chosen),
        }
    }

    fn tcp(&self) -> TcpSettings {
        let three = |name: &str| {
            let text = self.files.text(&format!("proc/sys/net/ipv4/{name}"))?;
            let figures: Vec<u64> = text.split_whitespace().map_while(|figure| figure.parse().ok()).collect();
            figures.try_into().ok()
        };
        TcpSettings {
            congestion_control: self.files.text("proc/sys/net/ipv4/tcp_congestion_control"),
            rmem: three("tcp_rmem"),
            wmem: three("tcp_wmem"),
        }
    }

    fn nic(&self, name: String) -> Nic {
        let folder = format!("sys/class/net/{name}");
        Nic {
            driver: self.files.link_name(&format!("{folder}/device/driver")),
            // -1 where the link is down or has no speed.
            speed_bps: self
                .files
                .number::<i64>(&format!("{folder}/speed"))
                .and_then(|mbps| u32::try_from(mbps).ok())
                .map(LinkSpeed::from_mbps),
            mtu: self.files.number(&format!("{folder}/mtu")),
            // -1 where the machine has one node.
            numa_node: self.files.number::<i64>(&format!("{folder}/device/numa_node")).and_then(|node| u32::try_from(node).ok()),
            name,
            ..Nic::default()
        }
    }
}

/// The value of `name : value`, the first of them.
fn colon_value(text: &str, name: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    })
}

/// The value of `NAME="value"`.
fn quoted_value(text: &str, name: &str) -> Option<String> {
    text.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix('=')?.trim_matches('"').to_owned()))
}

/// How many numbers a kernel list such as `0-1,3` holds.
fn members_of(list: &str) -> Option<u32> {
    list.split(',').try_fold(0_u32, |total, range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (u32, u32) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        total.checked_add(last.checked_sub(first)?.checked_add(1)?)
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn machine(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let file = root.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        root
    }

    #[test]
    fn a_machine_is_read_from_proc_and_sys() {
        let root = machine(&[
            (
                "proc/cpuinfo",
                "processor\t: 0\nmodel name\t: Some CPU @ 2.60GHz\nflags\t\t: fpu hypervisor\n\nprocessor\t: 1\nmodel name\t: Some CPU\n",
            ),
            ("proc/sys/kernel/osrelease", "6.1.0\n"),
            ("proc/cmdline", "ro isolcpus=1\n"),
            ("proc/meminfo", "MemTotal: 8 kB\nHugePages_Total:    1024\nHugepagesize:       2048 kB\n"),
            ("proc/sys/net/ipv4/tcp_rmem", "4096\t131072\t6291456\n"),
            ("proc/sys/net/ipv4/tcp_congestion_control", "bbr\n"),
            ("sys/devices/system/node/online", "0-1,3\n"),
            ("sys/devices/system/cpu/vulnerabilities/meltdown", "Mitigation: PTI\n"),
            ("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n"),
            ("sys/class/dmi/id/sys_vendor", "QEMU\n"),
            ("sys/class/net/lo/mtu", "65536\n"),
            ("sys/class/net/eth0/mtu", "9000\n"),
            ("sys/class/net/eth0/speed", "100000\n"),
            ("sys/class/net/veth0/speed", "-1\n"),
        ]);
        let found = EndpointEnvironment::collect(root.path());
        assert_eq!(found.cpu.model.as_deref(), Some("Some CPU @ 2.60GHz"));
        assert_eq!((found.cpu.count, found.cpu.numa_nodes), (Some(2), Some(3)));
        assert_eq!(found.hypervisor.as_deref(), Some("QEMU"));
        assert_eq!(found.tcp.rmem, Some([4096, 131_072, 6_291_456]));
        assert_eq!((found.memory.huge_pages, found.memory.transparent.as_deref()), (Some(1024), Some("madvise")));
        assert_eq!(found.mitigations["meltdown"], "Mitigation: PTI");
        let nics: Vec<_> = found.nics.iter().map(|nic| (nic.name.as_str(), nic.mtu, nic.speed_bps)).collect();
        assert_eq!(nics, [("eth0", Some(9000), Some(LinkSpeed::from_mbps(100_000))), ("veth0", None, None)]);
    }

    #[test]
    fn an_empty_machine_is_all_absent() {
        assert_eq!(EndpointEnvironment::collect(machine(&[]).path()), EndpointEnvironment::default());
    }
}
