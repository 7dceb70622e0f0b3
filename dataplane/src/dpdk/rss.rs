//! The key of the hash that spreads received frames over queues (RSS).

/// The key of Microsoft's verification suite for the Toeplitz hash, which many drivers also use where no key is given (i40e, ixgbe, igb).
/// A known key makes the share of each queue repeatable: with the driver's own key it can change with the version of the driver.
const KEY: [u8; 40] = [
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b,
    0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
];

/// The key in as many bytes as the driver takes (`hash_key_size` of `rte_eth_dev_info`): i40e and ice take 52, most others 40. Bytes beyond
/// the 40th only hash header fields that test frames do not have.
pub(super) fn key(length: u8) -> Vec<u8> {
    KEY.iter().copied().cycle().take(usize::from(length)).collect()
}

/// The key as a record names it: its bytes in hexadecimal, or that the driver uses its own.
pub(super) fn name(length: u8) -> String {
    if length == 0 { "the driver's own".to_owned() } else { key(length).iter().map(|byte| format!("{byte:02x}")).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The hash of a Toeplitz matrix (Microsoft, "RSS hashing functions"): for each set bit of the input, the 32 bits of the key at its place.
    fn toeplitz(key: &[u8], input: &[u8]) -> u32 {
        let bit = |bytes: &[u8], at: usize| bytes[at / 8] >> (7 - at % 8) & 1;
        let window = |at: usize| (at..at + 32).fold(0, |bits, at| bits << 1 | u32::from(bit(key, at)));
        (0..input.len() * 8).filter(|&at| bit(input, at) == 1).fold(0, |hash, at| hash ^ window(at))
    }

    #[test]
    fn the_key_gives_the_hashes_of_microsofts_verification_suite_whatever_its_length() {
        // 66.9.149.187:2794 → 161.142.100.80:1766; source address, destination address, source port, destination port.
        let ports = [2794_u16.to_be_bytes(), 1766_u16.to_be_bytes()].concat();
        let input = [&[66, 9, 149, 187, 161, 142, 100, 80], &ports[..]].concat();
        for length in [40, 52] {
            let key = key(length);
            assert_eq!((key.len(), toeplitz(&key, &input)), (usize::from(length), 0x51cc_c178));
        }
    }
}
