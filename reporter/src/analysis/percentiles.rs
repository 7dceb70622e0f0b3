use std::fmt;

use hdrhistogram::Histogram;
use methodology::units::Nanoseconds;

use super::{Cell, Cells};
use crate::record::{Metric, Pair, Record, RecordId, Stack};

/// A percentile by what lies beyond it: one delay in so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percentile {
    one_in: u64,
}

impl Percentile {
    /// The median and one to five nines.
    pub const DRAWN: [Percentile; 6] = [
        Percentile { one_in: 2 },
        Percentile { one_in: 10 },
        Percentile { one_in: 100 },
        Percentile { one_in: 1_000 },
        Percentile { one_in: 10_000 },
        Percentile { one_in: 100_000 },
    ];

    /// In per cent.
    pub fn percent(self) -> f64 {
        100.0 - 100.0 / self.one_in as f64
    }

    /// Whether so many delays say anything about it: at least one must lie beyond, or the percentile is only the longest delay under another name.
    pub const fn is_shown_by(self, count: u64) -> bool {
        count >= self.one_in
    }

    /// By nearest rank.
    fn of(self, histogram: &Histogram<u64>) -> Nanoseconds {
        Nanoseconds::new(histogram.value_at_quantile(1.0 - 1.0 / self.one_in as f64))
    }
}

impl fmt::Display for Percentile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}", self.percent())
    }
}

/// The round trips of one pair, all repetitions together.
#[derive(Debug, Clone)]
pub struct PercentileCurve {
    /// From where to where and back.
    pub pair: Pair,
    /// What was sent meanwhile.
    pub load: Option<String>,
    /// What they were.
    pub distribution: Distribution,
}

/// What the histograms of all repetitions of one measurement say together.
#[derive(Debug, Clone)]
pub struct Distribution {
    /// Delays.
    pub count: u64,
    /// How many repetitions they come from.
    pub repetitions: usize,
    /// Whether those are valid.
    pub trusted: bool,
    /// As far as the count goes.
    pub points: Vec<(Percentile, Nanoseconds)>,
}

/// A histogram that is missing from the curves.
#[derive(Debug, Clone)]
pub struct UnreadHistogram {
    /// Of which record.
    pub record: RecordId,
    /// Why it could not be read.
    pub why: String,
}

/// A stack's curves, one for each pair whose records name histograms, and the histograms that could not be read.
///
/// Where a pair was measured at several loads, its curve is that with the shortest median, as in the figure of round trips by pair.
pub fn percentile_curves<E: fmt::Display>(
    cells: &Cells<'_>,
    stack: Stack,
    read: impl Fn(&str) -> Result<Histogram<u64>, E>,
) -> (Vec<PercentileCurve>, Vec<UnreadHistogram>) {
    let mut unread = Vec::new();
    let mut curves = Vec::new();
    for pair in cells.pairs() {
        let Some(cell) = shortest_round_trips(cells, &pair, stack, |record| histogram_of(record).is_some()) else { continue };
        let files = cell.shown().iter().filter_map(|record| Some((&record.id, histogram_of(record)?.to_owned())));
        let Some(distribution) = distribution(files, !cell.valid.is_empty(), &read, &mut unread) else { continue };
        curves.push(PercentileCurve { pair, load: cell.key.load.clone(), distribution });
    }
    (curves, unread)
}

/// Puts the histograms of one measurement together, and notes those that cannot be read.
pub(super) fn distribution<'i, E: fmt::Display>(
    files: impl IntoIterator<Item = (&'i RecordId, String)>,
    trusted: bool,
    read: impl Fn(&str) -> Result<Histogram<u64>, E>,
    unread: &mut Vec<UnreadHistogram>,
) -> Option<Distribution> {
    let mut all: Option<Histogram<u64>> = None;
    let mut repetitions = 0;
    for (record, path) in files {
        let outcome = read(&path).map_err(|error| error.to_string()).and_then(|one| merge(&mut all, one));
        match outcome {
            Ok(()) => repetitions += 1,
            Err(why) => unread.push(UnreadHistogram { record: record.clone(), why }),
        }
    }
    let all = all.filter(|all| !all.is_empty())?;
    let points = Percentile::DRAWN.into_iter().filter(|p| p.is_shown_by(all.len())).map(|p| (p, p.of(&all))).collect();
    Some(Distribution { count: all.len(), repetitions, trusted, points })
}

/// Of a pair's round trips on one stack that hold what is asked for, those with the shortest median.
pub fn shortest_round_trips<'c, 'a>(
    cells: &'c Cells<'a>,
    pair: &Pair,
    stack: Stack,
    holds: impl Fn(&Record) -> bool,
) -> Option<&'c Cell<'a>> {
    cells
        .iter()
        .filter(|cell| cell.key.metric == Metric::Latency && cell.key.stack == stack && cell.key.pair == *pair && cell.is_chosen())
        .filter(|cell| cell.shown().iter().any(|record| holds(record)))
        .filter_map(|cell| cell.sample(super::Quantity::RttP50).map(|sample| (cell, sample.centre())))
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(cell, _)| cell)
}

fn histogram_of(record: &Record) -> Option<&str> {
    record.values.rtt_ns.as_ref()?.histogram.as_deref()
}

fn merge(all: &mut Option<Histogram<u64>>, one: Histogram<u64>) -> Result<(), String> {
    match all {
        Some(all) => all.add(one).map_err(|error| format!("it cannot be added to the other repetitions: {error}")),
        None => {
            let mut first = one;
            // A later repetition may hold longer delays than this one has room for.
            first.auto(true);
            *all = Some(first);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_named_by_their_nines_and_need_a_delay_beyond() {
        let names: Vec<String> = Percentile::DRAWN.iter().map(ToString::to_string).collect();
        assert_eq!(names, ["p50", "p90", "p99", "p99.9", "p99.99", "p99.999"]);
        let shown = |count| Percentile::DRAWN.iter().filter(|p| p.is_shown_by(count)).count();
        assert_eq!([shown(1), shown(99), shown(6_000), shown(99_999), shown(100_000)], [0, 2, 4, 5, 6]);
    }

    #[test]
    fn a_percentile_is_the_value_at_its_rank() {
        let mut histogram = Histogram::<u64>::new(3).unwrap();
        for value in 1..=1000 {
            histogram.record(value).unwrap();
        }
        let values: Vec<u64> = Percentile::DRAWN.iter().take(4).map(|p| p.of(&histogram).ns()).collect();
        assert_eq!(values, [500, 900, 990, 999]);
    }

    #[test]
    fn repetitions_of_unlike_reach_are_added() {
        let mut all = None;
        for longest in [1_000, 80_000_000_000] {
            let mut one = Histogram::<u64>::new_with_bounds(1, longest.max(2), 3).unwrap();
            one.record(longest).unwrap();
            merge(&mut all, one).unwrap();
        }
        assert_eq!(all.unwrap().len(), 2);
    }
}
