use crate::amount::Unit;
use crate::analysis::{Cell, Cells, Quantity};
use crate::record::{Metric, ReportView, Stack};

use super::throughput::doubts;
use super::{Axis, Dash, Figure, Marker, Point, Scale, Series, Style, shown};

/// What is drawn of a bypass stack: percentiles, each with its mark.
const PERCENTILES: [(Quantity, &str, Marker); 5] = [
    (Quantity::RttP50, "p50", Marker::Circle),
    (Quantity::RttP90, "p90", Marker::Bar),
    (Quantity::RttP99, "p99", Marker::Diamond),
    (Quantity::RttP999, "p99.9", Marker::Triangle),
    (Quantity::RttMax, "longest", Marker::Plus),
];

/// Marks of kernel stacks, so that they differ without colour too.
const KERNEL_MARKERS: [Marker; 6] = [Marker::Plus, Marker::Circle, Marker::Square, Marker::Triangle, Marker::Diamond, Marker::TriangleDown];

/// One series: a quantity of a stack, its name and its look.
struct Drawn {
    stack: Stack,
    quantity: Quantity,
    name: String,
    style: Style,
}

/// What is drawn of each stack: the kernel's tools give a mean, linerate gives percentiles.
fn drawn() -> Vec<Drawn> {
    let look = |stack: Stack, marker| {
        let dash = if stack.is_kernel() { Dash::Dashed } else { Dash::Solid };
        Style::of_stack(stack, marker, dash)
    };
    let means = Stack::kernel_in_view(ReportView::RoundTrips).map(|stack| {
        let marker = KERNEL_MARKERS.get(usize::from(stack.hue()) % KERNEL_MARKERS.len()).copied().unwrap_or(Marker::Circle);
        Drawn { stack, quantity: Quantity::RttMean, name: format!("{} mean", stack.label()), style: look(stack, marker) }
    });
    let percentiles = Stack::bypass_in_view(ReportView::RoundTrips).flat_map(|stack| {
        PERCENTILES.map(|(quantity, name, marker)| Drawn {
            stack,
            quantity,
            name: format!("{} {name}", stack.label()),
            style: look(stack, marker),
        })
    });
    means.chain(percentiles).collect()
}

/// Round trips by pair, one row a pair.
pub fn round_trips(cells: &Cells<'_>) -> Option<Figure> {
    let latency: Vec<&Cell<'_>> = cells.iter().filter(|cell| cell.key.metric == Metric::Latency && cell.is_chosen()).collect();
    let pairs: Vec<_> = cells.pairs().into_iter().filter(|pair| latency.iter().any(|cell| cell.key.pair == *pair)).collect();
    let mut series = Vec::new();
    for Drawn { stack, quantity, name, style } in drawn() {
        let points: Vec<Point> = pairs
            .iter()
            .enumerate()
            .filter_map(|(row, pair)| {
                // Of several loads the idle one: the shortest round trips.
                let (cell, sample) = latency
                    .iter()
                    .filter(|cell| cell.key.pair == *pair && cell.key.stack == stack)
                    .filter_map(|cell| cell.sample(quantity).map(|sample| (cell, sample)))
                    .min_by(|a, b| a.1.centre().total_cmp(&b.1.centre()))?;
                let mut hover = vec![format!("{pair}"), format!("{name}: {}", shown(Unit::Nanoseconds, sample.centre()))];
                hover.push(match sample.values.len() {
                    1 => "measured once".to_owned(),
                    n => format!("n = {n}"),
                });
                hover.extend(cell.key.load.as_ref().map(|load| format!("load {load}")));
                hover.extend(doubts(cell));
                // The median carries the whole range, so that a row reads as one distribution.
                let end = |q: Quantity| cell.sample(q).map(|s| s.centre());
                let spread = if quantity == Quantity::RttP50 { end(Quantity::RttMin).zip(end(Quantity::RttMax)) } else { None };
                Some(Point { x: sample.centre(), y: row as f64, spread, trusted: sample.trusted, hover })
            })
            .collect();
        if !points.is_empty() {
            series.push(Series { keys: vec![name.clone()], name, label: String::new(), style, joined: false, points });
        }
    }
    let figure = Figure {
        id: "round-trips".to_owned(),
        title: "Round-trip time by pair".to_owned(),
        caption: "All values are full round-trip times. qperf gives only a mean (its one-way figure is doubled). DPDK gives percentiles; its line \
                  goes from the minimum to the maximum. If several loads were measured, the one with the shortest round trips is shown."
            .to_owned(),
        x: Axis::values("round-trip time", Unit::Nanoseconds, Scale::Log),
        y: Axis::names("pair", pairs.iter().map(ToString::to_string).collect()),
        series,
        limits: Vec::new(),
    };
    (!figure.is_empty()).then_some(figure)
}
