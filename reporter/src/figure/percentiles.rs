use crate::analysis::{Group, PercentileCurve, Unit};

use super::throughput::capitalised;
use super::{Axis, Dash, Figure, Point, Scale, Series, Styles, share_values, shown, slug};

/// Round trips by percentile on an axis of nines, a line a pair: a figure a group, on the same scales.
pub fn round_trips_by_percentile(curves: &[PercentileCurve], styles: &Styles) -> Vec<Figure> {
    let mut groups: Vec<Group> = curves.iter().map(|curve| Group::of(&curve.pair)).collect();
    groups.sort();
    groups.dedup();
    let mut figures: Vec<Figure> = groups.iter().map(|group| figure_of(curves, styles, group)).filter(|f| !f.is_empty()).collect();
    share_values(&mut figures);
    let reached: Vec<f64> = figures.iter().flat_map(|f| f.series.iter().flat_map(|s| &s.points).map(|p| p.x)).collect();
    for figure in &mut figures {
        figure.x.shared.clone_from(&reached);
    }
    figures
}

fn figure_of(curves: &[PercentileCurve], styles: &Styles, group: &Group) -> Figure {
    let series = curves.iter().filter(|curve| Group::of(&curve.pair) == *group).map(|curve| {
        let short = group.short(&curve.pair);
        Series {
            name: format!("DPDK {}", curve.pair),
            label: short.clone(),
            keys: vec![short.clone()],
            style: styles.style(&short, Dash::Solid),
            joined: true,
            points: curve
                .points
                .iter()
                .map(|(percentile, delay)| {
                    let delay = delay.ns() as f64;
                    let mut hover = vec![format!("DPDK {}", curve.pair), format!("{percentile}: {}", shown(Unit::Nanoseconds, delay))];
                    hover.push(match curve.repetitions {
                        1 => format!("{} round trips, measured once", curve.count),
                        n => format!("{} round trips of {n} repetitions", curve.count),
                    });
                    hover.extend(curve.load.as_ref().map(|load| format!("load {load}")));
                    hover.extend((!curve.trusted).then(|| "not from valid trials".to_owned()));
                    Point { x: percentile.percent(), y: delay, spread: None, trusted: curve.trusted, hover }
                })
                .collect(),
        }
    });
    Figure {
        id: format!("round-trips-by-percentile-{}", slug(&group.to_string())),
        title: capitalised(&group.to_string()),
        caption: "Whole round trips through DPDK: so many per cent were not longer. Each step to the right has a tenth of the round trips beyond \
                  it. A line ends at the last percentile that has a round trip beyond it; between marks lines only lead the eye. Repetitions are \
                  taken together; where several loads were measured, the one with the shortest round trips is drawn."
            .to_owned(),
        series: series.filter(|series| !series.points.is_empty()).collect(),
        x: Axis::values("percentile", Unit::Percent, Scale::Nines),
        y: Axis::values("round-trip time", Unit::Nanoseconds, Scale::Log),
        limits: Vec::new(),
    }
}
