use super::check::{Check, CheckLevel};
use super::machine::Machine;

pub(super) fn check(machine: &Machine) -> Vec<Check> {
    [Some(iommu(machine)), congestion_control(machine)].into_iter().flatten().collect()
}

fn iommu(machine: &Machine) -> Check {
    let groups = machine.files.names("sys/kernel/iommu_groups").len();
    let vfio = machine.files.exists("sys/module/vfio_pci");
    match (groups, vfio) {
        (0, _) => {
            let why = "ports that must be bound to vfio-pci cannot be opened safely; NVIDIA's ports and software ports do not need it";
            Check::found(CheckLevel::Note, "IOMMU", "none active", why)
                .fixed_by("add intel_iommu=on iommu=pt (Intel) or iommu=pt (AMD) to the kernel's command line, turn it on in the firmware, and reboot")
        }
        (_, true) => Check::ok("IOMMU", format!("{groups} groups, vfio-pci loaded")),
        (_, false) => Check::ok("IOMMU", format!("{groups} groups; vfio-pci is not loaded, which only ports that are bound to it need")),
    }
}

fn congestion_control(machine: &Machine) -> Option<Check> {
    let chosen = machine.files.text("proc/sys/net/ipv4/tcp_congestion_control")?;
    Some(if chosen == "cubic" {
        Check::ok("congestion control", chosen)
    } else {
        let why = "kernel TCP results depend on it and most published ones are with cubic; it is recorded with each run";
        Check::found(CheckLevel::Note, "congestion control", chosen, why).fixed_by("sudo sysctl -w net.ipv4.tcp_congestion_control=cubic")
    })
}
