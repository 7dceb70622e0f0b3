use std::fmt;

use reporter::environment::KernelFiles;
use serde::{Deserialize, Serialize};

use super::pci::PciPort;
use dataplane::Represented;

/// What can be said of a BlueField's mode from where this runs (NVIDIA, "Modes of Operation").
/// Results that were measured in different modes are not comparable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BlueFieldView {
    /// On the Arm side, and the host's physical functions are represented here: DPU mode.
    ArmInDpuMode,
    /// On the Arm side, the card's functions are here but not the host's: separated-host mode, or an e-switch that is not in switchdev mode.
    ArmWithoutHost,
    /// On the Arm side, and the card's functions are not here: NIC mode.
    ArmWithoutPorts,
    /// On the host, from where the mode cannot be seen.
    Host,
}

impl fmt::Display for BlueFieldView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BlueFieldView::ArmInDpuMode => "this is the Arm side of a BlueField in DPU mode",
            BlueFieldView::ArmWithoutHost => {
                "this is the Arm side of a BlueField that does not represent the host: separated-host mode, or an e-switch that is not in switchdev mode \
                 (`devlink dev eswitch show pci/ADDRESS`)"
            }
            BlueFieldView::ArmWithoutPorts => "this is the Arm side of a BlueField in NIC mode: its ports belong to the host alone",
            BlueFieldView::Host => {
                "this is the host of a BlueField; its mode shows only on the Arm side (`linerate ports` there), or by `mlxconfig -d ADDRESS query INTERNAL_CPU_MODEL`"
            }
        })
    }
}

pub(super) fn view(files: &KernelFiles, ports: &[PciPort]) -> Option<BlueFieldView> {
    let has_ports = ports.iter().any(PciPort::is_bluefield);
    let represents_host =
        ports.iter().flat_map(|port| &port.representors).any(|port| matches!(port.name.represents, Represented::HostPf { .. }));
    match (represents_host, is_arm_side(files), has_ports) {
        (true, ..) => Some(BlueFieldView::ArmInDpuMode),
        (_, true, true) => Some(BlueFieldView::ArmWithoutHost),
        (_, true, false) => Some(BlueFieldView::ArmWithoutPorts),
        (_, false, true) => Some(BlueFieldView::Host),
        (_, false, false) => None,
    }
}

/// The out-of-band management port is only on the Arm side; `tmfifo_net0` is on both.
fn is_arm_side(files: &KernelFiles) -> bool {
    let driver = |name: &String| files.link_name(&format!("sys/class/net/{name}/device/driver"));
    files.names("sys/class/net").iter().any(|name| name == "oob_net0" || driver(name).is_some_and(|driver| driver == "mlxbf_gige"))
}
