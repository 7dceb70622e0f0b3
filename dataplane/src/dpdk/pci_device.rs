//! What the kernel knows about a PCI device that DPDK did not open: its driver, and who else uses it.

use std::fs;
use std::path::{Path, PathBuf};

/// What the kernel driver of a device means for DPDK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KernelDriver {
    /// DPDK's driver works beside it (DPDK guides of mlx4, mlx5 and mana).
    Bifurcated,
    /// It gives the device to user space (DPDK, "Linux Drivers").
    UserSpace,
    /// It has the device for itself.
    Exclusive,
}

impl KernelDriver {
    /// What the driver `name` means.
    pub fn of(name: &str) -> KernelDriver {
        match name {
            "mlx5_core" | "mlx4_core" | "mana" => KernelDriver::Bifurcated,
            "vfio-pci" | "mlx5_vfio_pci" | "igb_uio" | "uio_pci_generic" => KernelDriver::UserSpace,
            _ => KernelDriver::Exclusive,
        }
    }
}

/// Why DPDK may not have opened a PCI device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PciDevice {
    /// There is no such device.
    Missing,
    /// It has no driver.
    Unbound,
    /// A kernel driver has it, and these interfaces.
    Kernel { driver: String, interfaces: Vec<String> },
    /// It is bound to a driver for user space, and another process has it open.
    InUse { process: u32, program: String },
    /// Nothing that the kernel knows prevents it.
    Available { driver: String },
}

impl PciDevice {
    /// The device at `address`. `root` is `/` outside tests.
    pub(super) fn read(root: &Path, address: &str) -> PciDevice {
        let device = root.join("sys/bus/pci/devices").join(address);
        if !device.exists() {
            return PciDevice::Missing;
        }
        let Some(driver) = link_name(&device.join("driver")) else { return PciDevice::Unbound };
        match KernelDriver::of(&driver) {
            KernelDriver::Bifurcated => PciDevice::Available { driver },
            KernelDriver::UserSpace => match user_of(root, &device) {
                Some((process, program)) => PciDevice::InUse { process, program },
                None => PciDevice::Available { driver },
            },
            KernelDriver::Exclusive => {
                let mut interfaces = file_names(&device.join("net"));
                interfaces.sort();
                PciDevice::Kernel { driver, interfaces }
            }
        }
    }
}

/// The commands that give a device to user space.
pub(super) fn binding(address: &str) -> String {
    format!("`modprobe vfio-pci && dpdk-devbind.py -b vfio-pci {address}`, or `driverctl set-override {address} vfio-pci`")
}

/// The process that has the device file of the device open, if it is not this one.
fn user_of(root: &Path, device: &Path) -> Option<(u32, String)> {
    let group = link_name(&device.join("iommu_group"));
    let uio = file_names(&device.join("uio"));
    let files: Vec<PathBuf> = group
        .iter()
        // A group without an IOMMU has another name.
        .flat_map(|group| [format!("vfio/{group}"), format!("vfio/noiommu-{group}")])
        .chain(uio)
        .map(|file| root.join("dev").join(file))
        .collect();
    let processes = file_names(Path::new("/proc")).into_iter().filter_map(|name| name.parse::<u32>().ok());
    let other = processes.filter(|&process| process != std::process::id()).find(|process| {
        let opened = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
        opened.filter_map(|file| fs::read_link(file.path()).ok()).any(|file| files.contains(&file))
    })?;
    let program = fs::read_to_string(format!("/proc/{other}/comm")).unwrap_or_default().trim().to_owned();
    Some((other, program))
}

fn link_name(path: &Path) -> Option<String> {
    Some(fs::read_link(path).ok()?.file_name()?.to_string_lossy().into_owned())
}

/// The names of the files and folders in a folder; none where it cannot be read.
pub(super) fn file_names(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).into_iter().flatten().flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::process::{Command, Stdio};

    use super::*;

    const ADDRESS: &str = "0000:03:00.0";

    fn device(root: &Path, driver: Option<&str>) -> PathBuf {
        let device = root.join("sys/bus/pci/devices").join(ADDRESS);
        fs::create_dir_all(&device).unwrap();
        if let Some(driver) = driver {
            symlink(format!("../../../../bus/pci/drivers/{driver}"), device.join("driver")).unwrap();
        }
        device
    }

    #[test]
    fn the_driver_of_a_device_is_known() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(PciDevice::read(root.path(), ADDRESS), PciDevice::Missing);
        let folder = device(root.path(), None);
        assert_eq!(PciDevice::read(root.path(), ADDRESS), PciDevice::Unbound);
        fs::remove_dir_all(&folder).unwrap();
        fs::create_dir_all(device(root.path(), Some("igb")).join("net/eth1")).unwrap();
        let bound = PciDevice::Kernel { driver: "igb".to_owned(), interfaces: vec!["eth1".to_owned()] };
        assert_eq!(PciDevice::read(root.path(), ADDRESS), bound);
        fs::remove_dir_all(&folder).unwrap();
        device(root.path(), Some("mlx5_core"));
        assert_eq!(PciDevice::read(root.path(), ADDRESS), PciDevice::Available { driver: "mlx5_core".to_owned() });
    }

    /// The device file is one of the test's own; the process that has it open is real.
    #[test]
    fn the_process_that_uses_a_device_is_named() {
        let root = tempfile::tempdir().unwrap();
        let folder = device(root.path(), Some("vfio-pci"));
        symlink("../../../kernel/iommu_groups/17", folder.join("iommu_group")).unwrap();
        assert_eq!(PciDevice::read(root.path(), ADDRESS), PciDevice::Available { driver: "vfio-pci".to_owned() });
        let group = root.path().canonicalize().unwrap().join("dev/vfio/17");
        fs::create_dir_all(group.parent().unwrap()).unwrap();
        fs::write(&group, "").unwrap();
        let open = fs::File::open(&group).unwrap();
        let mut user = Command::new("sleep").arg("60").stdin(Stdio::from(open)).spawn().unwrap();
        let seen = PciDevice::read(&root.path().canonicalize().unwrap(), ADDRESS);
        user.kill().unwrap();
        user.wait().unwrap();
        assert_eq!(seen, PciDevice::InUse { process: user.id(), program: "sleep".to_owned() });
    }
}
