/// Offset of the first capability's pointer, and the number of the PCI Express capability (PCI Express Base Specification, 7.5.1.1.11
/// and 7.5.3).
const FIRST_CAPABILITY: usize = 0x34;
const PCI_EXPRESS: u8 = 0x10;
/// Device Control, from the start of the capability (7.5.3.4).
const DEVICE_CONTROL: usize = 8;
/// The configuration space holds no more capabilities than fit.
const MOST_CAPABILITIES: usize = 48;

/// Max_Read_Request_Size in bytes, from a function's configuration space; `None` if it is no PCI Express function, or if only the first 64 bytes can be
/// read, as without root.
pub(super) fn max_read_request(config: &[u8]) -> Option<u32> {
    let mut at = usize::from(*config.get(FIRST_CAPABILITY)? & 0xfc);
    for _ in 0..MOST_CAPABILITIES {
        if at < 0x40 {
            return None;
        }
        if *config.get(at)? == PCI_EXPRESS {
            let control = u16::from_le_bytes([*config.get(at + DEVICE_CONTROL)?, *config.get(at + DEVICE_CONTROL + 1)?]);
            return Some(128 << ((control >> 12) & 0b111));
        }
        at = usize::from(*config.get(at + 1)? & 0xfc);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(control: u16) -> Vec<u8> {
        let mut bytes = vec![0; 256];
        bytes[0x34] = 0x48;
        // A vendor-specific capability first, then PCI Express.
        bytes[0x48..0x4a].copy_from_slice(&[0x09, 0x60]);
        bytes[0x60..0x62].copy_from_slice(&[0x10, 0x00]);
        bytes[0x68..0x6a].copy_from_slice(&control.to_le_bytes());
        bytes
    }

    #[test]
    fn the_size_is_read_from_device_control() {
        assert_eq!(max_read_request(&config(0x2810)), Some(512));
        assert_eq!(max_read_request(&config(0x5936)), Some(4096));
    }

    #[test]
    fn a_short_a_plain_and_a_circular_space_give_nothing() {
        assert_eq!(max_read_request(&config(0x2810)[..64]), None);
        assert_eq!(max_read_request(&[0; 256]), None);
        let mut circular = vec![0; 256];
        circular[0x34] = 0x40;
        circular[0x41] = 0x40;
        assert_eq!(max_read_request(&circular), None);
    }
}
