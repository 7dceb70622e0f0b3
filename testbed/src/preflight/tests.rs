//! States of machines, planted.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::*;

struct Planted {
    root: TempDir,
}

impl Planted {
    fn new(files: &[(&str, &str)]) -> Self {
        let planted = Planted { root: tempfile::tempdir().unwrap() };
        files.iter().for_each(|(path, text)| planted.plant(path, text.as_bytes()));
        planted
    }

    fn plant(&self, path: &str, bytes: &[u8]) {
        let path = self.root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn machine(&self, ask: impl Fn(&[&str]) -> Option<String> + Send + Sync + 'static) -> Machine {
        Machine::imitated(self.root.path(), ask)
    }

    fn silent(&self) -> Machine {
        self.machine(|_| None)
    }
}

#[track_caller]
fn of<'a>(checks: &'a [Check], subject: &str) -> &'a Check {
    checks.iter().find(|check| check.subject == subject).unwrap_or_else(|| panic!("no check of {subject} in {checks:#?}"))
}

const X86: &str = "processor: 0\nflags\t\t: fpu tsc constant_tsc nonstop_tsc\n";

#[test]
fn a_machine_that_is_set_up_well_has_nothing_to_fix() {
    let planted = Planted::new(&[
        ("proc/self/status", "CapEff:\t000001ffffffffff\nCpus_allowed_list:\t0-7\n"),
        ("proc/cpuinfo", X86),
        ("proc/meminfo", "MemAvailable: 33554432 kB\nHugePages_Total: 1024\nHugePages_Free: 1024\nHugepagesize: 2048 kB\n"),
        ("proc/sys/net/ipv4/tcp_congestion_control", "cubic"),
        ("sys/devices/system/cpu/online", "0-7"),
        ("sys/devices/system/cpu/isolated", "2-7"),
        ("sys/devices/system/cpu/nohz_full", "2-7"),
        ("sys/devices/system/cpu/smt/active", "0"),
        ("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance"),
        ("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc"),
        ("sys/devices/system/cpu/vulnerabilities/meltdown", "Not affected"),
        ("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never"),
        ("sys/kernel/iommu_groups/0/type", "DMA"),
        ("sys/bus/pci/devices/0000:18:00.0/class", "0x020000"),
        ("sys/bus/pci/devices/0000:18:00.0/vendor", "0x8086"),
        ("sys/bus/pci/devices/0000:18:00.0/device", "0x1592"),
    ]);
    let machine = planted.machine(|command| Some(if command[0] == "iperf3" { "iperf 3.18" } else { "1.2" }.to_owned()));
    let checks = check(
        &machine,
        &PlannedRun { dpdk: Some(Ok("22.11.11".to_owned())), runs: planted.root.path().join("runs"), ..PlannedRun::default() },
    );
    // Every version of iperf3 has a note: both generations have their own way to end a transfer (`tools`).
    let wrong = |check: &&Check| check.severity != CheckLevel::Ok && !["results", "iperf3"].contains(&check.subject.as_str());
    let wrong: Vec<&Check> = checks.iter().filter(wrong).collect();
    assert_eq!((of(&checks, "iperf3").severity, &of(&checks, "iperf3").fix), (CheckLevel::Note, &None));
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(checks.iter().filter(|check| check.severity == CheckLevel::Ok).all(|check| check.finding().is_none()));
}

#[test]
fn every_finding_says_why_it_matters() {
    let checks = check(&Planted::new(&[]).silent(), &PlannedRun::default());
    for check in checks.iter().filter(|check| check.severity != CheckLevel::Ok) {
        assert!(!check.why.is_empty() && check.finding().is_some(), "{check:?}");
    }
    let problems: Vec<&str> =
        checks.iter().filter(|check| check.severity == CheckLevel::Problem).map(|check| check.subject.as_str()).collect();
    assert_eq!(problems, ["rights", "DPDK", "ip", "iperf3", "qperf"]);
}

#[test]
fn the_processors_state_is_seen() {
    let planted = Planted::new(&[
        ("proc/self/status", "Cpus_allowed_list:\t3\n"),
        ("proc/cpuinfo", "flags\t\t: fpu tsc hypervisor\n"),
        ("sys/devices/system/cpu/online", "0-3"),
        ("sys/devices/system/cpu/smt/active", "1"),
        ("sys/devices/system/cpu/isolated", ""),
        ("sys/devices/system/cpu/nohz_full", "(null)"),
        ("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance"),
        ("sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "powersave"),
        ("sys/devices/system/cpu/vulnerabilities/meltdown", "Mitigation: PTI"),
        ("sys/devices/system/cpu/vulnerabilities/mds", "Not affected"),
    ]);
    let checks = processor::check(&planted.silent());
    let seen = |subject: &str| (of(&checks, subject).severity, of(&checks, subject).seen.as_str());
    assert_eq!(seen("processors"), (CheckLevel::Problem, "1 of 4 may be used"));
    assert_eq!(seen("frequency"), (CheckLevel::Warning, "governor performance, powersave"));
    assert_eq!(seen("isolation"), (CheckLevel::Note, "isolated: none; without tick: none"));
    assert_eq!(seen("hyper-threading"), (CheckLevel::Note, "on"));
    assert_eq!(seen("virtual machine"), (CheckLevel::Note, "yes"));
    assert_eq!(seen("clock"), (CheckLevel::Warning, "the processor does not guarantee constant_tsc and nonstop_tsc"));
    assert_eq!(seen("mitigations"), (CheckLevel::Note, "meltdown"));
}

#[test]
fn what_a_container_lacks_is_one_line_each_and_other_machines_have_none() {
    let status = "CapEff:\t00000000a80425fb\nCpus_allowed_list:\t2\n";
    let files = [
        ("proc/self/status", status),
        ("sys/devices/system/cpu/online", "0-3"),
        ("proc/meminfo", "MemAvailable: 33554432 kB\nHugePages_Total: 512\nHugePages_Free: 512\nHugepagesize: 2048 kB\n"),
        ("sys/fs/cgroup/hugetlb.2MB.max", "0"),
        ("sys/fs/cgroup/memory.max", "134217728"),
    ];
    assert_eq!(container::check(&Planted::new(&files).silent()), []);
    for mark in ["run/.containerenv", ".dockerenv"] {
        let planted = Planted::new(&files);
        planted.plant(mark, b"");
        let checks = check(&planted.silent(), &PlannedRun::default());
        let seen = |subject: &str| (of(&checks, subject).severity, of(&checks, subject).seen.as_str());
        assert_eq!(seen("container: CAP_IPC_LOCK"), (CheckLevel::Warning, "missing"));
        assert_eq!(seen("container: CPUs"), (CheckLevel::Note, "1 of the 4 of the machine: 2"));
        assert_eq!(seen("container: huge pages"), (CheckLevel::Warning, "512 on the machine, and the container may use 0 MiB"));
        assert_eq!(seen("container: memory"), (CheckLevel::Warning, "limited to 128 MiB"));
        for subject in ["CAP_IPC_LOCK", "CPUs", "huge pages", "memory"] {
            let fix = of(&checks, &format!("container: {subject}")).fix.clone().unwrap();
            assert!(fix.contains("container"), "{fix}");
        }
        assert!(checks.iter().all(|check| check.subject != "processors"), "said once");
    }
    let disk = Planted::new(&[(".dockerenv", ""), ("proc/self/mounts", "/dev/vda / ext4 rw 0 0\n")]);
    assert_eq!(container::check(&disk.silent()), [], "a virtual machine whose disk was made from an image");
    let none =
        Planted::new(&[("run/.containerenv", ""), ("proc/meminfo", "HugePages_Total: 0\nHugePages_Free: 0\nHugepagesize: 2048 kB\n")]);
    let huge = memory::check(&none.silent());
    assert_eq!(
        of(&huge, "huge pages").fix.as_deref(),
        Some("on the machine of the container: echo 256 | sudo tee /proc/sys/vm/nr_hugepages")
    );
    let equipped = Planted::new(&[
        ("proc/1/environ", "HOME=/root\0container=lxc\0"),
        ("proc/self/status", "CapEff:\t000001ffffffffff\nCpus_allowed_list:\t0-3\n"),
        ("sys/devices/system/cpu/online", "0-3"),
        ("proc/meminfo", "HugePages_Total: 512\n"),
        ("sys/fs/cgroup/memory.max", "max"),
    ]);
    let checks = container::check(&equipped.silent());
    assert!(checks.len() == 3 && checks.iter().all(|check| check.severity == CheckLevel::Ok), "{checks:?}");
}

#[test]
fn a_clock_that_the_kernel_gave_up_on_is_a_warning_and_arm_has_none() {
    let clocksource = "sys/devices/system/clocksource/clocksource0/current_clocksource";
    let x86 = Planted::new(&[("proc/cpuinfo", X86), (clocksource, "hpet")]);
    assert_eq!(of(&processor::check(&x86.silent()), "clock").severity, CheckLevel::Warning);
    let arm = Planted::new(&[("proc/cpuinfo", "processor: 0\nFeatures: fp asimd\n"), (clocksource, "arch_sys_counter")]);
    assert_eq!(of(&processor::check(&arm.silent()), "clock").severity, CheckLevel::Ok);
}

#[test]
fn memory_is_weighed_and_the_command_keeps_the_pages_in_use() {
    let planted = Planted::new(&[
        ("proc/meminfo", "MemAvailable: 100000 kB\nHugePages_Total: 100\nHugePages_Free: 40\nHugepagesize: 2048 kB\n"),
        ("sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never"),
    ]);
    let checks = memory::check(&planted.silent());
    assert_eq!(of(&checks, "memory").severity, CheckLevel::Problem);
    assert_eq!(of(&checks, "transparent huge pages").severity, CheckLevel::Note);
    let huge = of(&checks, "huge pages");
    assert_eq!((huge.severity, huge.fix.as_deref()), (CheckLevel::Warning, Some("echo 316 | sudo tee /proc/sys/vm/nr_hugepages")));
}

#[test]
fn a_port_is_looked_at_from_the_slot_to_the_address() {
    let function = |name: &str| format!("sys/bus/pci/devices/0000:17:00.0/{name}");
    let planted = Planted::new(&[
        (&function("class"), "0x020000"),
        (&function("vendor"), "0x15b3"),
        (&function("device"), "0xa2d6"),
        (&function("numa_node"), "1"),
        (&function("current_link_speed"), "16.0 GT/s PCIe"),
        (&function("max_link_speed"), "16.0 GT/s PCIe"),
        (&function("current_link_width"), "8"),
        (&function("max_link_width"), "16"),
        (&function("net/enp23s0f0np0/mtu"), "1400"),
        ("sys/class/net/enp23s0f0np0/mtu", "1400"),
        ("sys/devices/system/node/node0/cpulist", "0-15"),
        ("sys/devices/system/node/node1/cpulist", "16-31"),
    ]);
    std::os::unix::fs::symlink("../../../bus/pci/drivers/mlx5_core", planted.root.path().join(function("driver"))).unwrap();
    let mut config = vec![0; 256];
    config[0x34] = 0x60;
    config[0x60] = 0x10;
    config[0x69] = 0x20;
    planted.plant(&function("config"), &config);
    let machine = planted.machine(|command| {
        Some(match command {
            ["ethtool", "--json", "-a", "enp23s0f0np0"] => {
                r#"[ { "ifname": "enp23s0f0np0", "autonegotiate": false, "rx": true, "tx": false } ]"#.to_owned()
            }
            ["devlink", ..] => r#"{"dev":{"pci/0000:17:00.0":{"mode":"legacy","inline-mode":"none","encap-mode":"basic"}}}"#.to_owned(),
            ["ip", ..] => {
                r#"[{"ifindex":4,"ifname":"enp23s0f0np0","addr_info":[{"family":"inet","local":"192.0.2.5","prefixlen":24}]}]"#.to_owned()
            }
            other => panic!("{other:?}"),
        })
    });
    let checks = network_card::check(&machine);
    let seen = |subject: &str| (of(&checks, subject).severity, of(&checks, subject).seen.as_str());
    assert_eq!(seen("0000:17:00.0 NUMA"), (CheckLevel::Note, "node 1, cores 16-31"));
    assert_eq!(seen("0000:17:00.0 PCIe link"), (CheckLevel::Warning, "16.0 GT/s PCIe x8, while the port can 16.0 GT/s PCIe x16"));
    assert_eq!(seen("0000:17:00.0 read request"), (CheckLevel::Note, "512 bytes"));
    assert_eq!(seen("0000:17:00.0 e-switch"), (CheckLevel::Note, "legacy"));
    assert_eq!(seen("enp23s0f0np0 pause frames"), (CheckLevel::Warning, "receive on, send off"));
    assert_eq!(seen("enp23s0f0np0 MTU"), (CheckLevel::Warning, "1400"));
    assert_eq!(seen("enp23s0f0np0 addresses"), (CheckLevel::Note, "192.0.2.5/24"));
    assert_eq!(of(&checks, "BlueField").severity, CheckLevel::Note);
}

#[test]
fn dpdk_is_looked_for_only_where_the_program_has_none() {
    let planted = Planted::new(&[]);
    assert_eq!(dpdk::check(&planted.silent(), Some(&Ok("22.11.11".to_owned())))[0].severity, CheckLevel::Ok);
    let missing = &dpdk::check(&planted.silent(), Some(&Err("DPDK cannot be loaded".to_owned())))[0];
    assert_eq!((missing.severity, missing.seen.as_str()), (CheckLevel::Problem, "DPDK cannot be loaded"));
    let library = planted
        .machine(|command| (command[0] == "ldconfig").then(|| "\tlibrte_eal.so.23 (libc6,x86-64) => /lib/librte_eal.so.23\n".to_owned()));
    let check = &dpdk::check(&library, None)[0];
    assert_eq!((check.severity, check.seen.as_str()), (CheckLevel::Warning, "a library with ABI 23 is installed"));
}

#[test]
fn a_place_for_results_need_not_exist_but_must_be_writable() {
    let planted = Planted::new(&[]);
    let checks = storage::check(&planted.root.path().join("runs/of/today"));
    assert!(checks[0].seen.ends_with(&format!("MiB free for {}", planted.root.path().display())), "{checks:?}");
    // Nobody, root included, makes files here.
    assert_eq!(storage::check(Path::new("/proc/self/fd/runs"))[0].severity, CheckLevel::Problem);
}

#[test]
fn this_machine_can_be_checked() {
    let checks = check(&Machine::here(), &PlannedRun::default());
    for subject in ["rights", "processors", "load", "memory", "huge pages", "iperf3", "results"] {
        of(&checks, subject);
    }
}
