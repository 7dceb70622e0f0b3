use std::fs;

use super::allow_list;
use super::options::{EalOptions, Memory};
use crate::cpu::CpuId;
use crate::dpdk::devargs::Bus;
use crate::error::DataplaneError;

/// Free huge pages that `Memory::Auto` needs, in MiB: pools for a few ports.
const AUTO_HUGE_MB: u64 = 256;
/// Ordinary memory that `Memory::Auto` reserves, in MiB. Only the used part becomes resident.
const AUTO_ORDINARY_MB: u32 = 512;

/// Free huge pages of the default size, in MiB, from /proc/meminfo.
pub(super) fn free_huge_megabytes() -> u64 {
    let Ok(text) = fs::read_to_string("/proc/meminfo") else { return 0 };
    let field = |name: &str| -> u64 {
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok());
        value.unwrap_or(0)
    };
    field("HugePages_Free:") * field("Hugepagesize:") / 1024
}

/// The memory to use: resolves `Auto`.
pub(super) fn decide(memory: Memory, free_huge: u64) -> Memory {
    match memory {
        Memory::Auto if free_huge >= AUTO_HUGE_MB => Memory::HugePages { megabytes: 0 },
        Memory::Auto => Memory::NoHuge { megabytes: AUTO_ORDINARY_MB },
        chosen => chosen,
    }
}

/// EAL's command line (DPDK, "EAL parameters"). EAL refuses to start where it does not know a bus that is named.
pub(super) fn build(options: &EalOptions, memory: Memory, main_cpu: CpuId, has_auxiliary_bus: bool) -> Result<Vec<String>, DataplaneError> {
    let allowed = allow_list::allowed(&options.devices)?;
    let mut arguments = vec!["linerate".to_owned(), format!("--lcores=0@{main_cpu}")];
    let mut push = |text: &str| arguments.push(text.to_owned());
    // linerate does not use DPDK's telemetry socket, and two processes of one user must not collide in /var/run/dpdk.
    push("--no-telemetry");
    match memory {
        // A vhost peer accepts at most 8 memory regions: use one file for each segment list, not for each page (virtio-user guide).
        Memory::HugePages { megabytes } => {
            push("--in-memory");
            push("--single-file-segments");
            if megabytes > 0 {
                push(&format!("-m{megabytes}"));
            }
        }
        // EAL's legacy memory, which --in-memory does not support.
        Memory::NoHuge { megabytes } => {
            push("--no-huge");
            push("--no-shconf");
            push(&format!("-m{megabytes}"));
        }
        Memory::Auto => {}
    }
    // DPDK probes every device of a bus for which nothing is allowed (eal_common_bus.c and eal_common_devargs.c, `scan_mode`).
    if options.devices.iter().all(|device| device.bus() != Bus::Pci) {
        push("--no-pci");
    }
    if has_auxiliary_bus && options.devices.iter().all(|device| device.bus() != Bus::Auxiliary) {
        // A name that no device has (auxiliary_common.c, `auxiliary_parse`).
        push("--allow=auxiliary:");
    }
    if options.devices.iter().all(|device| device.bus() == Bus::Vdev) {
        push("--iova-mode=va");
    }
    for device in allowed {
        push(&format!("--allow={device}"));
    }
    // Without shared files the prefix only names a directory, so processes can share it.
    push(&format!("--file-prefix={}", options.file_prefix.as_deref().unwrap_or("linerate")));
    options.extra.iter().for_each(|extra| push(extra));
    Ok(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(options: &EalOptions, memory: Memory) -> String {
        build(options, memory, CpuId::new(3), true).unwrap().join(" ")
    }

    #[test]
    fn only_named_devices_are_probed() {
        let mut options = EalOptions { devices: vec!["net_null0".parse().unwrap()], ..EalOptions::default() };
        let software = line(&options, Memory::NoHuge { megabytes: 64 });
        assert!(
            software.contains("--no-pci") && software.contains("--no-huge --no-shconf -m64") && software.contains("--lcores=0@3"),
            "{software}"
        );
        assert!(!software.contains("net_null0"), "software ports are probed one by one later, so that an error names the port");
        options.devices.push("03:00.0,representor=vf0".parse().unwrap());
        let hardware = line(&options, Memory::HugePages { megabytes: 0 });
        assert!(hardware.contains("--allow=0000:03:00.0,representor=vf0") && !hardware.contains("--no-pci"), "{hardware}");
        assert!(software.contains("--allow=auxiliary: ") && hardware.contains("--allow=auxiliary: "), "{software}\n{hardware}");
        let subfunction = EalOptions { devices: vec!["auxiliary:mlx5_core.sf.4".parse().unwrap()], ..EalOptions::default() };
        let subfunction = line(&subfunction, Memory::HugePages { megabytes: 0 });
        assert!(subfunction.contains("--no-pci --allow=auxiliary:mlx5_core.sf.4") && !subfunction.contains("iova-mode"), "{subfunction}");
    }

    #[test]
    fn auto_takes_huge_pages_only_where_enough_are_free() {
        assert_eq!(decide(Memory::Auto, 1024), Memory::HugePages { megabytes: 0 });
        assert_eq!(decide(Memory::Auto, 100), Memory::NoHuge { megabytes: AUTO_ORDINARY_MB });
        assert_eq!(decide(Memory::NoHuge { megabytes: 1 }, 1024), Memory::NoHuge { megabytes: 1 });
    }
}
