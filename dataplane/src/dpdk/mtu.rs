//! The MTU of a port, and that of the kernel interface below it.
//!
//! A kernel interface keeps its MTU when a DPDK port is closed. Bifurcated drivers change it: mlx5 sets it in `mlx5_dev_configure` since 24.07, and in
//! `mtu_set` before. Kernel measures on the same interface would then run with another MTU, so it is put back.

use std::path::PathBuf;
use std::{fs, io};

use methodology::units::FrameSize;

use super::driver::{Driver, MtuSetting};
use crate::error::DataplaneError;

/// The largest MTU that ethdev accepts for a port that reports these maxima (rte_ethdev.c, `eth_dev_validate_mtu`).
pub(super) fn largest(max_mtu: u16, max_rx_pktlen: u32) -> u32 {
    // Drivers without a limit report 0 or the largest number.
    let max_mtu = if max_mtu == 0 { u32::from(u16::MAX) } else { u32::from(max_mtu) };
    // `eth_dev_get_overhead_len`: header and FCS, or the difference of both maxima.
    let overhead = if max_mtu != u32::from(u16::MAX) && max_rx_pktlen > max_mtu { max_rx_pktlen - max_mtu } else { 18 };
    if max_rx_pktlen == 0 { max_mtu } else { max_mtu.min(max_rx_pktlen.saturating_sub(overhead)) }
}

/// The MTU for `rte_eth_dev_configure`, or an error where the port `name` does not carry frames of `size`. `largest` is the port's maximum.
pub(super) fn to_configure(name: &str, size: FrameSize, largest: u32, driver: &Driver) -> Result<u16, DataplaneError> {
    if size.mtu() > largest && driver.mtu != MtuSetting::OfInterface {
        let limit = FrameSize::nearest(largest + 18);
        return Err(DataplaneError::FrameTooLarge { name: name.to_owned(), size, limit });
    }
    // Not below 1500: a smaller MTU gains nothing, and drivers have a minimum.
    Ok(u16::try_from(size.mtu().max(1500).min(largest)).unwrap_or(u16::MAX))
}

/// The MTU of a kernel interface, which is put back when the value is dropped.
#[derive(Debug)]
pub(super) struct InterfaceMtu {
    interface: String,
    file: PathBuf,
    before: u32,
}

impl InterfaceMtu {
    /// Saves the MTU of `interface`; `None` where there is no such interface.
    pub(super) fn save(interface: &str) -> Option<InterfaceMtu> {
        let file = PathBuf::from(format!("/sys/class/net/{interface}/mtu"));
        let before = read(&file)?;
        Some(InterfaceMtu { interface: interface.to_owned(), file, before })
    }

    /// Makes the interface carry frames of `size`, for the port `name`. A larger MTU is kept.
    pub(super) fn raise(&self, name: &str, size: FrameSize) -> Result<(), DataplaneError> {
        if self.before >= size.mtu() {
            return Ok(());
        }
        self.write(size.mtu()).map_err(|error| DataplaneError::InterfaceMtu {
            name: name.to_owned(),
            interface: self.interface.clone(),
            size,
            mtu: size.mtu(),
            current: self.before,
            reason: error.to_string(),
        })
    }

    /// The MTU now.
    pub(super) fn now(&self) -> Option<u32> {
        read(&self.file)
    }

    fn write(&self, mtu: u32) -> io::Result<()> {
        fs::write(&self.file, mtu.to_string())
    }
}

impl Drop for InterfaceMtu {
    fn drop(&mut self) {
        match read(&self.file) {
            // The interface is gone (net_tap removes its own), or its MTU is what it was.
            None => {}
            Some(mtu) if mtu == self.before => {}
            Some(mtu) => {
                if let Err(error) = self.write(self.before) {
                    tracing::warn!(
                        "interface {}: its MTU is {mtu} and could not be set back to {}: {error}; use `ip link set {} mtu {}`",
                        self.interface,
                        self.before,
                        self.interface,
                        self.before
                    );
                }
            }
        }
    }
}

fn read(file: &PathBuf) -> Option<u32> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_mtu_follows_both_maxima_of_a_driver() {
        assert_eq!(largest(9216, 0), 9216);
        // net_vhost and net_ring.
        assert_eq!(largest(u16::MAX, u32::MAX), 65_535);
        // net_tap before 23.07 and net_af_packet: no max_mtu, and a max_rx_pktlen of their own.
        assert_eq!((largest(u16::MAX, 1522), largest(u16::MAX, 1518)), (1504, 1500));
        // igb: max_rx_pktlen 0x3FFF; virtio: max_mtu less the header.
        assert_eq!((largest(u16::MAX, 0x3fff), largest(9714, 9728)), (16_365, 9714));
    }

    #[test]
    fn an_mtu_above_the_ports_is_refused_with_both_and_one_below_is_raised_to_1500() {
        let size = |bytes| FrameSize::new(bytes).unwrap();
        let of = |bytes, largest| to_configure("net_tap0", size(bytes), largest, Driver::of("net_tap"));
        assert_eq!(of(64, 1504), Ok(1500));
        assert_eq!(of(9018, 65_535), Ok(9000));
        assert_eq!(of(64, 1400), Ok(1400));
        let refused = of(9018, 1504).unwrap_err().to_string();
        assert!(refused.contains("MTU of 9000") && refused.contains("at most 1504") && refused.contains("net_tap0"), "{refused}");
        assert!(!refused.contains('\n'), "{refused}");
        // The interface decides, not the driver's constant.
        assert_eq!(to_configure("net_af_packet0", size(9018), 1500, Driver::of("net_af_packet")), Ok(1500));
    }
}
