//! One's complement sums (RFC 1071), the arithmetic under every checksum here.

/// A running one's complement sum of 16-bit big-endian words.
///
/// The sum modulo 65535 does not depend on how the words were grouped (RFC 1071 §2), so a contribution can be added, taken out
/// and added again elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Sum(u64);

impl Sum {
    /// Adds the bytes as big-endian words; an odd last byte is the high half of a word (RFC 1071 §4.1).
    pub(crate) fn bytes(self, bytes: &[u8]) -> Sum {
        let words = bytes.chunks(2).map(|pair| u64::from(pair[0]) << 8 | pair.get(1).copied().map_or(0, u64::from)).sum::<u64>();
        Sum(u64::from(self.folded()) + words)
    }

    /// Adds one word.
    pub(crate) fn word(self, word: u16) -> Sum {
        Sum(u64::from(self.folded()) + u64::from(word))
    }

    /// The word that brings this sum to `target`: target − sum in one's complement.
    pub(crate) fn complement_to(self, target: Sum) -> u16 {
        Sum(u64::from(target.folded()) + u64::from(!self.folded())).folded()
    }

    /// The sum as 16 bits, carries added back in.
    pub(crate) fn folded(self) -> u16 {
        fold64(self.0)
    }

    /// The checksum field that goes with this sum.
    pub(crate) fn checksum(self) -> u16 {
        !self.folded()
    }

    /// The UDP checksum field: a computed zero is sent as all ones (RFC 768), since zero says "none".
    pub(crate) fn udp_checksum(self) -> u16 {
        match self.checksum() {
            0 => 0xffff,
            checksum => checksum,
        }
    }
}

/// Folds 64 bits of one's complement sum into 16.
#[inline(always)]
pub(crate) const fn fold64(sum: u64) -> u16 {
    // x + rotate(x, half) carries the end-around carry of the two halves into the upper half.
    let half = (sum.wrapping_add(sum.rotate_left(32)) >> 32) as u32;
    (half.wrapping_add(half.rotate_left(16)) >> 16) as u16
}

/// a + b in one's complement on 64 bits.
#[inline(always)]
pub(crate) const fn add64(a: u64, b: u64) -> u64 {
    let (sum, carry) = a.overflowing_add(b);
    sum + carry as u64
}

/// a − 1 in one's complement on 16 bits.
#[inline(always)]
pub(crate) const fn decrement(a: u16) -> u16 {
    let (less, borrow) = a.overflowing_sub(1);
    less.wrapping_sub(borrow as u16)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rfc1071_3_worked_example() {
        assert_eq!(Sum::default().bytes(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]).folded(), 0xddf2);
    }

    proptest! {
        #[test]
        fn folding_keeps_the_value_modulo_65535(sum: u64) {
            prop_assert_eq!(u64::from(fold64(sum)) % 65535, sum % 65535);
            prop_assert_eq!(fold64(sum) == 0, sum == 0);
        }

        #[test]
        fn one_s_complement_addition_is_addition_modulo_65535(a: u64, b: u64) {
            prop_assert_eq!(u128::from(add64(a, b)) % 65535, (u128::from(a) + u128::from(b)) % 65535);
            prop_assert_eq!(u32::from(decrement(a as u16)) % 65535, (u32::from(a as u16) + 65534) % 65535);
        }

        #[test]
        fn the_complement_word_reaches_the_target(bytes: Vec<u8>, target: u16) {
            let (sum, target) = (Sum::default().bytes(&bytes), Sum::default().word(target));
            prop_assert_eq!(sum.word(sum.complement_to(target)).folded() % 65535, target.folded() % 65535);
        }
    }
}
