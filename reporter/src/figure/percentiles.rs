use methodology::method::LoadPoint;

use crate::amount::Unit;
use crate::analysis::{Distribution, Group, LoadedCurve, Percentile, PercentileCurve, SizeKey};
use crate::record::{Pair, Stack};

use super::throughput::capitalised;
use super::{Axis, Dash, Figure, Point, Scale, Series, Styles, share_both, shown, slug};

/// Round trips by percentile on an axis of nines, a line a pair: a figure a group, on the same scales.
pub fn round_trips_by_percentile(curves: &[PercentileCurve], stack: Stack, styles: &Styles) -> Vec<Figure> {
    let mut groups: Vec<Group> = curves.iter().map(|curve| Group::of(&curve.pair)).collect();
    groups.sort();
    groups.dedup();
    let mut figures: Vec<Figure> = groups.iter().map(|group| figure_of(curves, stack, styles, group)).filter(|f| !f.is_empty()).collect();
    share_both(&mut figures);
    figures
}

/// Round trips by percentile while loads were offered, a line a load: a figure for each pair and frame size, on the same scales.
pub fn round_trips_by_percentile_under_load(curves: &[LoadedCurve], stack: Stack) -> Vec<Figure> {
    let mut names: Vec<(f64, String)> = curves.iter().map(|curve| (curve.load.pps(), load_name(curve))).collect();
    names.sort_by(|a, b| a.0.total_cmp(&b.0));
    let styles = Styles::of(names.into_iter().map(|(_, name)| name));
    let mut measured: Vec<(&Pair, SizeKey)> = curves.iter().map(|curve| (&curve.pair, curve.size)).collect();
    measured.sort_by_key(|(pair, size)| (Group::of(pair), *pair, *size));
    measured.dedup();
    let mut figures: Vec<Figure> = measured.into_iter().map(|(pair, size)| under_load(curves, stack, &styles, pair, size)).collect();
    share_both(&mut figures);
    figures
}

fn under_load(curves: &[LoadedCurve], stack: Stack, styles: &Styles, pair: &Pair, size: SizeKey) -> Figure {
    let series = curves.iter().filter(|curve| curve.pair == *pair && curve.size == size).map(|curve| {
        let name = load_name(curve);
        let rate = shown(Unit::PacketsPerSecond, curve.load.pps());
        let offered = if name == rate { rate } else { format!("{name}, {rate}") };
        Series {
            label: name.clone(),
            keys: vec![name.clone()],
            style: styles.style(&name, Dash::Solid),
            joined: true,
            points: points(&curve.distribution, &format!("{} {pair}, {size}", stack.label()), Some(&offered)),
            name,
        }
    });
    Figure {
        id: format!("round-trips-by-percentile-under-load-{}-{}", size.bytes, slug(&pair.to_string())),
        title: format!("{pair}, {size}"),
        caption: "Round-trip times while a load is offered (RFC 8219 §7.2), by percentile: the share of \
                  round trips that took no longer. Each step to the right leaves a tenth of the round trips above it. A line ends at the last percentile \
                  that has a round trip above it. Lines between marks are only a guide. Repetitions are combined."
            .to_owned(),
        series: series.collect(),
        x: Axis::values("percentile", Unit::Percent, Scale::Nines),
        y: Axis::values("round-trip time", Unit::Nanoseconds, Scale::Log),
        limits: Vec::new(),
    }
}

/// What a load is called: a rate that was asked for by itself, and otherwise what the rate was taken from.
fn load_name(curve: &LoadedCurve) -> String {
    match curve.at {
        LoadPoint::Load(_) => shown(Unit::PacketsPerSecond, curve.load.pps()),
        _ => curve.named.clone(),
    }
}

/// The marks of one line.
fn points(distribution: &Distribution, of: &str, load: Option<&str>) -> Vec<Point> {
    let Distribution { count, repetitions, trusted, points } = distribution;
    let mark = |percentile: &Percentile, delay: f64| {
        let mut hover = vec![of.to_owned(), format!("{percentile}: {}", shown(Unit::Nanoseconds, delay))];
        hover.push(match repetitions {
            1 => format!("{count} round trips, measured once"),
            n => format!("{count} round trips of {n} repetitions"),
        });
        hover.extend(load.map(|load| format!("load {load}")));
        hover.extend((!trusted).then(|| "not from valid trials".to_owned()));
        Point { x: percentile.percent(), y: delay, spread: None, trusted: *trusted, hover }
    };
    points.iter().map(|(percentile, delay)| mark(percentile, delay.ns() as f64)).collect()
}

fn figure_of(curves: &[PercentileCurve], stack: Stack, styles: &Styles, group: &Group) -> Figure {
    let series = curves.iter().filter(|curve| Group::of(&curve.pair) == *group).map(|curve| {
        let short = group.short(&curve.pair);
        Series {
            name: format!("{} {}", stack.label(), curve.pair),
            label: short.clone(),
            keys: vec![short.clone()],
            style: styles.style(&short, Dash::Solid),
            joined: true,
            points: points(&curve.distribution, &format!("{} {}", stack.label(), curve.pair), curve.load.as_deref()),
        }
    });
    Figure {
        id: format!("round-trips-by-percentile-{}", slug(&group.to_string())),
        title: capitalised(&group.to_string()),
        caption: "Round-trip times without the kernel, by percentile: the share of \
                  round trips that took no longer. Each step to the right leaves a tenth of the round trips above it. A line ends at the last percentile \
                  that has a round trip above it. Lines between marks are only a guide. Repetitions are combined. If \
                  several loads were measured, the one with the shortest round trips is shown."
            .to_owned(),
        series: series.filter(|series| !series.points.is_empty()).collect(),
        x: Axis::values("percentile", Unit::Percent, Scale::Nines),
        y: Axis::values("round-trip time", Unit::Nanoseconds, Scale::Log),
        limits: Vec::new(),
    }
}
