//! Results by run: kinds of results together, and single results with their levels.

use std::collections::BTreeMap;

use super::{Axis, AxisKind, Dash, Figure, Hue, Limit, Marker, Point, Scale, Series, Style, shown, slug, ticks};
use crate::amount::{Unit, signed_percent};
use crate::analysis::{Quantity, statistics};
use crate::history::{Event, FactChange, History, Trend};
use crate::record::Stack;

/// More marks of environment changes than this hide the drawing.
const MARKS: usize = 8;

/// The series of runs that stand out.
const STANDS_OUT: &str = "stands out";

/// Each kind of result relative to its first runs: what the whole testbed did.
pub fn kinds_by_run(history: &History) -> Option<Figure> {
    let mut kinds: BTreeMap<(Stack, Quantity), BTreeMap<usize, Vec<f64>>> = BTreeMap::new();
    for trend in history.trends.iter().filter(|trend| trend.points.len() > 1) {
        let Some(first) = trend.levels.first() else { continue };
        let of_kind = kinds.entry((trend.key.stack, trend.quantity)).or_default();
        for point in &trend.points {
            of_kind.entry(point.run).or_default().push(percent(point.value / first.mean));
        }
    }
    let series: Vec<Series> = kinds
        .into_iter()
        .enumerate()
        .map(|(place, ((stack, quantity), by_run))| {
            let name = format!("{} {quantity}", stack.label());
            let points = by_run.into_iter().filter_map(|(run, changes)| {
                let median = statistics::median(&changes)?;
                let results = format!("median of {} results: {}", changes.len(), signed_percent(1.0 + median / 100.0));
                Some(Point {
                    x: (run + 1) as f64,
                    y: median,
                    spread: None,
                    trusted: true,
                    hover: vec![name.clone(), at(history, run), results],
                })
            });
            let style = Style { hue: Hue((place % 7) as u8), marker: Marker::Circle, dash: Dash::of(stack), filled: !stack.is_kernel() };
            Series { label: name.clone(), keys: vec![name.clone()], style, joined: true, points: points.collect(), name }
        })
        .collect();
    let values: Vec<f64> = series.iter().flat_map(|s| &s.points).map(|p| p.y).chain([-1.0, 1.0]).collect();
    let extent = extent(&values);
    let figure = Figure {
        id: "kinds-by-run".to_owned(),
        title: "Every kind of result, run by run".to_owned(),
        caption: format!("Median change of all results of a kind against their first level. {}", of_marks(history)),
        x: run_axis(history),
        y: tight_axis("change from the first level", Unit::Percent, extent),
        series,
        limits: marks(history, &history.environment, extent),
    };
    (!figure.is_empty()).then_some(figure)
}

/// One result: its runs, its levels, and what changed beside it.
pub fn result_by_run(history: &History, trend: &Trend) -> Figure {
    let unit = trend.quantity.unit();
    let style = |hue, marker, filled| Style { hue: Hue(hue), marker, dash: Dash::Solid, filled };
    let point = |run: usize, value: f64, what: &str| Point {
        x: (run + 1) as f64,
        y: value,
        spread: None,
        trusted: true,
        hover: vec![format!("{what}{}", shown(unit, value)), at(history, run)],
    };
    let (out, usual): (Vec<_>, Vec<_>) = trend.points.iter().partition(|p| trend.outliers.binary_search(&p.run).is_ok());
    let dots = |points: &[&crate::history::TrendPoint], what: &str| points.iter().map(|p| point(p.run, p.value, what)).collect::<Vec<_>>();
    let single = |name: &str, style: Style, points: Vec<Point>| Series {
        name: name.to_owned(),
        label: String::new(),
        keys: vec![name.to_owned()],
        style,
        joined: false,
        points,
    };
    let mut series = vec![single("run", style(6, Marker::Circle, false), dots(&usual, ""))];
    if !out.is_empty() {
        series.push(single(STANDS_OUT, style(1, Marker::Diamond, false), dots(&out, "stands out: ")));
    }
    for (place, level) in trend.levels.iter().enumerate() {
        let expected = |run: usize| trend.points.iter().find(|p| p.run == run).map_or(level.mean, |p| p.expected);
        let mut ends = vec![level.first, level.last];
        ends.dedup();
        let points: Vec<Point> = ends.into_iter().map(|run| point(run, expected(run), "level: ")).collect();
        let label = if place + 1 == trend.levels.len() { shown(unit, expected(level.last)) } else { String::new() };
        series.push(Series { label, joined: true, ..single("level", style(0, Marker::Bar, true), points) });
    }
    // A run that stands out must not press the levels together: it is drawn at the edge, with its value under the pointer.
    let of_levels: Vec<f64> = series.iter().filter(|s| s.name != STANDS_OUT).flat_map(|s| &s.points).map(|p| p.y).collect();
    let extent = extent(&of_levels);
    for point in series.iter_mut().filter(|s| s.name == STANDS_OUT).flat_map(|s| &mut s.points) {
        point.y = point.y.clamp(extent.0, extent.1);
    }
    let events: Vec<&Event> = history.events.iter().filter(|event| trend.shifts.iter().any(|s| s.run.abs_diff(event.run) <= 1)).collect();
    let beside: Vec<FactChange> = events.iter().flat_map(|event| event.environment.clone()).collect();
    Figure {
        id: format!("result-{}", slug(&trend.name())),
        title: trend.name(),
        caption: format!(
            "A mark is a run, a line is a level; the axis does not begin at 0. A run that stands out far is drawn at the edge. {}",
            of_marks(history)
        ),
        x: run_axis(history),
        y: tight_axis(trend.quantity.name(), unit, extent),
        series,
        limits: marks(history, &beside, extent),
    }
}

fn percent(ratio: f64) -> f64 {
    (ratio - 1.0) * 100.0
}

fn at(history: &History, run: usize) -> String {
    let of = history.runs.get(run);
    format!("run {}: {}, {}", run + 1, of.map(|r| r.when()).unwrap_or_default(), of.map(|r| r.name.as_str()).unwrap_or_default())
}

fn of_marks(history: &History) -> &'static str {
    if history.environment.is_empty() { "" } else { "Dotted lines are changes of the environment." }
}

/// Runs are equally far apart, whenever they were made: their dates are under the pointer and in the tables.
fn run_axis(history: &History) -> Axis {
    let last = history.runs.len().max(2) as f64;
    let mut axis = Axis::values("run, in the order of time", Unit::Runs, Scale::Linear);
    if let AxisKind::Values { fixed_ticks, domain, .. } = &mut axis.kind {
        let round =
            ticks(Scale::Linear, (1.0, last)).into_iter().map(|tick| tick.value).filter(|value| value.fract() == 0.0 && *value > 1.0);
        *fixed_ticks = std::iter::once(1.0).chain(round).collect();
        *domain = Some((0.5, last + 0.5));
    }
    axis
}

/// From a little below the lowest value to a little above the highest.
fn extent(values: &[f64]) -> (f64, f64) {
    let (low, high) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v)));
    if low > high {
        return (0.0, 1.0);
    }
    let room = ((high - low) * 0.08).max(high.abs().max(low.abs()) * 0.005).max(f64::MIN_POSITIVE);
    (low - room, high + room)
}

/// An axis that does not begin at 0: steps of some per cent would not be seen.
fn tight_axis(label: &str, unit: Unit, extent: (f64, f64)) -> Axis {
    let mut axis = Axis::values(label, unit, Scale::Linear);
    if let AxisKind::Values { fixed_ticks, domain, .. } = &mut axis.kind {
        *fixed_ticks = ticks(Scale::Linear, extent).into_iter().map(|tick| tick.value).collect();
        *domain = Some(extent);
    }
    axis
}

/// Upright lines where the environment changed, one a run.
fn marks(history: &History, changes: &[FactChange], (low, high): (f64, f64)) -> Vec<Limit> {
    let mut by_run: BTreeMap<usize, Vec<&FactChange>> = BTreeMap::new();
    for change in changes {
        by_run.entry(change.run).or_default().push(change);
    }
    // Beside a step first: those explain something.
    let mut runs: Vec<usize> = by_run.keys().copied().collect();
    let explains = |run: &usize| history.events.iter().any(|event| event.environment.iter().any(|change| change.run == *run));
    runs.sort_by_key(|run| (!explains(run), *run));
    runs.truncate(MARKS);
    runs.sort_unstable();
    let name = |of: &[&FactChange]| {
        let short = |what: &str| what.rsplit('.').next().unwrap_or(what).to_owned();
        match of {
            [one] => short(&one.what),
            [first, rest @ ..] => format!("{} +{}", short(&first.what), rest.len()),
            [] => String::new(),
        }
    };
    runs.into_iter()
        .map(|run| {
            let x = run as f64 + 0.5;
            Limit { label: by_run.get(&run).map(|of| name(of)).unwrap_or_default(), points: vec![(x, low), (x, high)] }
        })
        .collect()
}
