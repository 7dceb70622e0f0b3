//! Half-octave histograms of times in ticks, reported in nanoseconds.

use methodology::units::Nanoseconds;
use serde::{Deserialize, Serialize};

use crate::time::TickRate;

/// Number of values below a bound and not below the bound of the bucket before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// The upper bound.
    pub below_ns: Nanoseconds,
    /// Number of values.
    pub count: u64,
}

/// The sum of two histograms with the same bounds.
pub(super) fn sum(a: &[Bucket], b: &[Bucket]) -> Vec<Bucket> {
    let mut sum = std::collections::BTreeMap::new();
    a.iter().chain(b).for_each(|bucket| *sum.entry(bucket.below_ns).or_default() += bucket.count);
    sum.into_iter().map(|(below_ns, count)| Bucket { below_ns, count }).collect()
}

/// Index of the half-octave that contains `ticks`.
#[inline(always)]
pub(super) fn bucket(ticks: u64) -> usize {
    let ticks = ticks | 1;
    let octave = 63 - ticks.leading_zeros();
    // The bit below the leading one: the upper or the lower half of the octave.
    let upper = ticks << 1 >> octave & 1;
    (octave * 2) as usize + upper as usize
}

/// The lowest value, in ticks, of the half-octave with this index.
pub(super) fn lower_bound(index: usize) -> u64 {
    let octave = index / 2;
    let bound = if index.is_multiple_of(2) { 1u128 << octave } else { (1u128 << octave) + (1u128 << octave) / 2 };
    u64::try_from(bound).unwrap_or(u64::MAX)
}

/// The filled buckets of a half-octave histogram, in nanoseconds.
pub(super) fn buckets(histogram: &[u64], ticks: TickRate) -> Vec<Bucket> {
    let below = |index: usize| ticks.nanoseconds(lower_bound(index + 1).max(2));
    let filled = histogram.iter().enumerate().filter(|(_, count)| **count > 0);
    filled.map(|(index, &count)| Bucket { below_ns: below(index), count }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_value_lies_below_its_buckets_bound_and_not_below_the_one_before(ticks in 2u64..1 << 60) {
            let at = bucket(ticks);
            let bound = |at: usize| { let mut h = [0u64; 128]; h[at] = 1; buckets(&h, TickRate::from_hz(1_000_000_000).unwrap())[0].below_ns.ns() };
            prop_assert!(ticks < bound(at));
            prop_assert!(at == 0 || ticks >= bound(at - 1));
            prop_assert!(lower_bound(at) <= ticks && bucket(lower_bound(at)) == at);
        }
    }
}
