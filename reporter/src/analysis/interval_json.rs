//! Intervals in JSON.

use serde::{Serialize, Serializer};

use super::statistics::{Interval, NoInterval};

/// An interval as it is, and the reason why there is none as null: readers of JSON know the key as a number pair or nothing.
pub(crate) fn interval_or_null<S: Serializer>(interval: &Result<Interval, NoInterval>, to: S) -> Result<S::Ok, S::Error> {
    interval.ok().serialize(to)
}
