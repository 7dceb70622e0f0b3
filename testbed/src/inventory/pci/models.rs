use super::id::PciId;

/// Vendor number of Mellanox, now NVIDIA.
pub(super) const MELLANOX: u16 = 0x15b3;

/// The integrated controllers of BlueField cards (drivers/common/mlx5/mlx5_common.h of DPDK: `…5BF`, `…6DXBF`, `…7BF`).
const BLUEFIELD: [u16; 4] = [0xa2d2, 0xa2d3, 0xa2d6, 0xa2dc];

/// Numbers from pci.ids and the PCI tables of DPDK's drivers.
const MODELS: [(u16, u16, &str); 37] = [
    (MELLANOX, 0xa2d2, "NVIDIA BlueField (ConnectX-5)"),
    (MELLANOX, 0xa2d3, "NVIDIA BlueField VF (ConnectX-5)"),
    (MELLANOX, 0xa2d6, "NVIDIA BlueField-2 (ConnectX-6 Dx)"),
    (MELLANOX, 0xa2dc, "NVIDIA BlueField-3 (ConnectX-7)"),
    (MELLANOX, 0x1013, "NVIDIA ConnectX-4"),
    (MELLANOX, 0x1015, "NVIDIA ConnectX-4 Lx"),
    (MELLANOX, 0x1016, "NVIDIA ConnectX-4 Lx VF"),
    (MELLANOX, 0x1017, "NVIDIA ConnectX-5"),
    (MELLANOX, 0x1018, "NVIDIA ConnectX-5 VF"),
    (MELLANOX, 0x1019, "NVIDIA ConnectX-5 Ex"),
    (MELLANOX, 0x101b, "NVIDIA ConnectX-6"),
    (MELLANOX, 0x101c, "NVIDIA ConnectX-6 VF"),
    (MELLANOX, 0x101d, "NVIDIA ConnectX-6 Dx"),
    (MELLANOX, 0x101e, "NVIDIA ConnectX VF (ConnectX-6 Dx, BlueField-2 or later)"),
    (MELLANOX, 0x101f, "NVIDIA ConnectX-6 Lx"),
    (MELLANOX, 0x1021, "NVIDIA ConnectX-7"),
    (MELLANOX, 0x1023, "NVIDIA ConnectX-8"),
    (0x8086, 0x100e, "Intel 82540EM (e1000)"),
    (0x8086, 0x10d3, "Intel 82574L (e1000e)"),
    (0x8086, 0x10fb, "Intel 82599 (X520)"),
    (0x8086, 0x1533, "Intel I210"),
    (0x8086, 0x1563, "Intel X550-T"),
    (0x8086, 0x1572, "Intel X710 (10G SFP+)"),
    (0x8086, 0x1583, "Intel XL710 (40G QSFP+)"),
    (0x8086, 0x1584, "Intel XL710 (40G QSFP+)"),
    (0x8086, 0x158b, "Intel XXV710 (25G SFP28)"),
    (0x8086, 0x1592, "Intel E810-C (QSFP)"),
    (0x8086, 0x1593, "Intel E810-C (SFP)"),
    (0x8086, 0x159b, "Intel E810-XXV (SFP)"),
    (0x8086, 0x154c, "Intel 700 series VF"),
    (0x8086, 0x1889, "Intel adaptive VF"),
    (0x1af4, 0x1000, "virtio network device (transitional)"),
    (0x1af4, 0x1041, "virtio network device"),
    (0x15ad, 0x07b0, "VMware vmxnet3"),
    (0x1d0f, 0xec20, "Amazon ENA"),
    (0x1ae0, 0x0042, "Google gVNIC"),
    (0x14e4, 0x16d7, "Broadcom BCM57414"),
];

pub(super) fn model(id: PciId) -> Option<&'static str> {
    MODELS.iter().find(|(vendor, device, _)| (*vendor, *device) == (id.vendor, id.device)).map(|(.., name)| *name)
}

pub(super) fn is_bluefield(id: PciId) -> bool {
    id.vendor == MELLANOX && BLUEFIELD.contains(&id.device)
}
