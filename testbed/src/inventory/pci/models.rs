use super::id::PciId;

/// Vendor number of Mellanox, now NVIDIA.
pub(super) const MELLANOX: u16 = 0x15b3;

/// The integrated controllers of BlueField cards (drivers/common/mlx5/mlx5_common.h of DPDK: `…5BF`, `…6DXBF`, `…7BF`).
const BLUEFIELD: [u16; 4] = [0xa2d2, 0xa2d3, 0xa2d6, 0xa2dc];

/// The vendor's and the device's name in pci.ids, where the device is in it.
pub(super) fn model(id: PciId) -> Option<String> {
    let device = pci_ids::Device::from_vid_pid(id.vendor, id.device)?;
    Some(format!("{} {}", device.vendor().name(), device.name()))
}

pub(super) fn is_bluefield(id: PciId) -> bool {
    id.vendor == MELLANOX && BLUEFIELD.contains(&id.device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bluefield_controller_is_called_so_by_pci_ids() {
        for device in BLUEFIELD {
            let name = model(PciId { vendor: MELLANOX, device }).unwrap();
            assert!(name.starts_with("Mellanox") && name.contains("BlueField"), "{device:04x}: {name}");
        }
        assert_eq!(model(PciId { vendor: 0xffff, device: 0xffff }), None);
    }
}
