//! CPUs as a bitmap.

use dataplane::CpuId;

/// CPUs as a bitmap of the kernel's: base 16, the highest first, a comma between words of 32 bits.
pub(super) fn comma_mask(cpus: &[CpuId]) -> String {
    let highest = cpus.iter().map(|cpu| cpu.number()).max().unwrap_or(0);
    let word = |number: u32| cpus.iter().filter(|cpu| cpu.number() / 32 == number).fold(0_u32, |word, cpu| word | 1 << (cpu.number() % 32));
    let first = format!("{:x}", word(highest / 32));
    (0..highest / 32).rev().fold(first, |text, number| format!("{text},{:08x}", word(number)))
}

/// The same without commas, as Open vSwitch takes it.
pub(super) fn mask(cpus: &[CpuId]) -> String {
    comma_mask(cpus).replace(',', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpus_are_a_bitmap_in_words_of_32() {
        let of = |cpus: &[u32]| comma_mask(&cpus.iter().copied().map(CpuId::new).collect::<Vec<_>>());
        assert_eq!((of(&[0]), of(&[1, 3])), ("1".to_owned(), "a".to_owned()));
        assert_eq!(of(&[0, 33, 64]), "1,00000002,00000001");
        assert_eq!(mask(&[CpuId::new(1), CpuId::new(33)]), "200000002");
    }
}
