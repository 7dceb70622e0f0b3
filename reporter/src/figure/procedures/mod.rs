//! Results of searches and RFC procedures as curves: against the load, and by frame size.

mod back_to_back;
mod bounds;
mod frame_loss;
mod latency_at_load;
mod latency_by_share;

pub use back_to_back::longest_bursts;
pub use bounds::bounds_by_size;
pub use frame_loss::loss_by_load;
pub use latency_at_load::round_trips_by_load;
pub use latency_by_share::round_trips_by_share;

use methodology::procedures::Measured;
use methodology::statistics::RepetitionSummary;

use super::{Marker, Point, Series, Style, shown};
use crate::amount::Unit;
use crate::analysis::{Cells, Group, SizeKey};
use crate::record::{Pair, ReportView, Stack};

/// What one procedure found at one size, once.
#[derive(Debug, Clone)]
pub struct ProcedureResult {
    /// On which stack.
    pub stack: Stack,
    pair: Pair,
    size: SizeKey,
    measured: Measured,
    /// Whether its record is valid.
    trusted: bool,
}

/// What the procedures of the chosen configurations found. Where valid repetitions exist, the others are left out.
pub fn procedure_results(cells: &Cells<'_>) -> Vec<ProcedureResult> {
    let of_procedures = cells.iter().filter(|cell| cell.key.stack.is_in(ReportView::Procedures) && cell.is_chosen());
    of_procedures
        .flat_map(|cell| cell.shown().iter().map(move |record| (cell, record)))
        .filter_map(|(cell, record)| {
            let measured = record.measured()?;
            Some(ProcedureResult {
                stack: cell.key.stack,
                pair: cell.key.pair.clone(),
                size: cell.key.size,
                measured,
                trusted: !cell.valid.is_empty(),
            })
        })
        .collect()
}

/// One value of one repetition.
struct Observation {
    /// What repetitions of one point have in common.
    point: u64,
    x: f64,
    y: f64,
    /// Bounds that the procedure itself gives.
    spread: Option<(f64, f64)>,
    trusted: bool,
    /// The true value is this or more.
    at_least: bool,
    /// Lines above the value.
    hover: Vec<String>,
}

/// Which figure of the repetitions a procedure reports.
#[derive(Clone, Copy)]
enum Centre {
    Mean,
    Median,
}

/// How the values of a figure are put together and written.
#[derive(Clone, Copy)]
struct Aggregation {
    centre: Centre,
    unit: Unit,
}

impl Aggregation {
    /// One series of what was found; where some values only say "at least", a second one with arrows that point upwards.
    fn series(self, look: SeriesLook, observations: Vec<Observation>) -> Vec<Series> {
        let points = self.points(observations);
        let (at_least, found): (Vec<_>, Vec<_>) = points.into_iter().partition(|point| point.1);
        let plain = |points: Vec<(Point, bool)>| points.into_iter().map(|point| point.0).collect::<Vec<_>>();
        let SeriesLook { name, label, keys, style } = look;
        // One name at the end of both.
        let open_label = if found.is_empty() { format!("≥ {label}") } else { String::new() };
        let upwards = Style { marker: Marker::Arrow, filled: false, ..style };
        let exact = Series { name: name.clone(), label, keys: keys.clone(), style, joined: true, points: plain(found) };
        let open =
            Series { name: format!("{name}, at least"), label: open_label, keys, style: upwards, joined: true, points: plain(at_least) };
        [exact, open].into_iter().filter(|series| !series.points.is_empty()).collect()
    }

    /// One point for all repetitions of it, with whether it is only a lower limit.
    fn points(self, mut observations: Vec<Observation>) -> Vec<(Point, bool)> {
        observations.sort_by_key(|observation| observation.point);
        let repeated = observations.chunk_by(|a, b| a.point == b.point);
        let mut points: Vec<(Point, bool)> = repeated.filter_map(|chunk| self.point(chunk)).collect();
        points.sort_by(|a, b| a.0.x.total_cmp(&b.0.x));
        points
    }

    fn point(self, repetitions: &[Observation]) -> Option<(Point, bool)> {
        let trusted = repetitions.iter().any(|o| o.trusted);
        let counted: Vec<&Observation> = repetitions.iter().filter(|o| o.trusted == trusted).collect();
        let first = counted.first()?;
        let x = RepetitionSummary::of(counted.iter().map(|o| o.x))?;
        let y = RepetitionSummary::of(counted.iter().map(|o| o.y))?;
        let centre = match self.centre {
            Centre::Mean => y.mean,
            Centre::Median => y.median,
        };
        let ends = RepetitionSummary::of(counted.iter().flat_map(|o| [Some(o.y), o.spread.map(|s| s.0), o.spread.map(|s| s.1)]).flatten())?;
        let at_least = counted.iter().any(|o| o.at_least);
        let mut hover = first.hover.clone();
        hover.push(format!("{}{}", if at_least { "at least " } else { "" }, shown(self.unit, centre)));
        hover.push(match counted.len() {
            1 => "measured once".to_owned(),
            n => format!("n = {n}, from {} to {}", shown(self.unit, y.min), shown(self.unit, y.max)),
        });
        hover.extend((!trusted).then(|| "not from valid trials".to_owned()));
        let spread = (ends.max > ends.min).then_some((ends.min, ends.max));
        Some((Point { x: x.mean, y: centre, spread, trusted, hover }, at_least))
    }
}

/// What a series is called and how it is drawn.
struct SeriesLook {
    name: String,
    label: String,
    keys: Vec<String>,
    style: Style,
}

fn pairs_of<'a>(results: impl Iterator<Item = &'a ProcedureResult>) -> Vec<Pair> {
    let mut pairs: Vec<Pair> = results.map(|result| result.pair.clone()).collect();
    pairs.sort_by_key(|pair| (Group::of(pair), pair.clone()));
    pairs.dedup();
    pairs
}

fn sizes_of<'a>(results: impl Iterator<Item = &'a ProcedureResult>) -> Vec<SizeKey> {
    let mut sizes: Vec<SizeKey> = results.map(|result| result.size).collect();
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observation(y: f64, trusted: bool, at_least: bool) -> Observation {
        Observation { point: 64, x: 64.0, y, spread: None, trusted, at_least, hover: Vec::new() }
    }

    #[test]
    fn repetitions_become_one_point_and_untrusted_ones_give_way() {
        let aggregation = Aggregation { centre: Centre::Mean, unit: Unit::Frames };
        let points =
            aggregation.points(vec![observation(10.0, true, false), observation(40.0, true, false), observation(1e9, false, false)]);
        assert_eq!(points.len(), 1);
        assert_eq!((points[0].0.y, points[0].0.spread, points[0].0.trusted), (25.0, Some((10.0, 40.0)), true));
        let median = Aggregation { centre: Centre::Median, ..aggregation };
        let points = median.points([1.0, 2.0, 90.0].map(|y| observation(y, false, false)).into());
        assert_eq!((points[0].0.y, points[0].0.trusted), (2.0, false));
    }

    #[test]
    fn one_lower_limit_among_repetitions_makes_the_whole_a_lower_limit() {
        let aggregation = Aggregation { centre: Centre::Mean, unit: Unit::Frames };
        let points = aggregation.points(vec![observation(10.0, true, false), observation(40.0, true, true)]);
        assert!(points[0].1 && points[0].0.hover.iter().any(|line| line.starts_with("at least 25")));
    }
}
