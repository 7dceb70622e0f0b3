//! Counters that a poll loop shows while it runs.

use std::fmt::Debug;

/// The counters of one kind of engine, as plain numbers.
pub trait Counters: Copy + Default {
    /// The same counters, where a poll loop writes them and others read them.
    type Shared: Debug + Default + Send + Sync;

    /// Writes all counters. Each is exact by itself; together they may be one burst apart.
    fn store(self, shared: &Self::Shared);

    /// Reads all counters.
    fn load(shared: &Self::Shared) -> Self;

    /// The sums of the counters of two poll loops.
    #[must_use]
    fn plus(self, other: Self) -> Self;
}

/// Defines a struct of counters and its shared form, field by field.
macro_rules! counters {
    ($(#[$meta:meta])* $name:ident / $shared:ident { $($(#[$field_meta:meta])* $field:ident,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct $name {
            $($(#[$field_meta])* pub $field: u64,)+
        }

        /// The shared form of the counters.
        #[derive(Debug, Default)]
        pub struct $shared {
            $($field: std::sync::atomic::AtomicU64,)+
        }

        impl $crate::engine::counters::Counters for $name {
            type Shared = $shared;

            #[inline(always)]
            fn store(self, shared: &$shared) {
                $(shared.$field.store(self.$field, std::sync::atomic::Ordering::Relaxed);)+
            }

            fn load(shared: &$shared) -> Self {
                $name { $($field: shared.$field.load(std::sync::atomic::Ordering::Relaxed),)+ }
            }

            fn plus(self, other: Self) -> Self {
                $name { $($field: self.$field + other.$field,)+ }
            }
        }
    };
}

pub(super) use counters;

#[cfg(test)]
mod tests {
    use super::*;

    counters! {
        /// Two counters.
        Pair / SharedPair {
            /// The first.
            first,
            /// The second.
            second,
        }
    }

    #[test]
    fn counters_keep_their_names_when_shared_and_added() {
        let shared = SharedPair::default();
        Pair { first: 1, second: 2 }.store(&shared);
        assert_eq!(Pair::load(&shared), Pair { first: 1, second: 2 });
        assert_eq!(Pair::load(&shared).plus(Pair { first: 10, second: 20 }), Pair { first: 11, second: 22 });
    }
}
