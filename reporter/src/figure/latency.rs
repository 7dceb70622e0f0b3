use crate::analysis::{Cell, Cells, Quantity, Unit};
use crate::record::{Metric, Stack};

use super::throughput::doubts;
use super::{Axis, Dash, Figure, Hue, Marker, Point, Scale, Series, Style, shown};

/// What is drawn of each stack: the kernel's tools give a mean, DPDK percentiles.
const MARKS: &[(Stack, Quantity, &str, Style)] = &[
    (Stack::KernelTcp, Quantity::RttMean, "kernel TCP mean", mark(1, Marker::Circle, false)),
    (Stack::KernelUdp, Quantity::RttMean, "kernel UDP mean", mark(2, Marker::Square, false)),
    (Stack::KernelIcmp, Quantity::RttMean, "kernel ICMP mean", mark(4, Marker::Diamond, false)),
    (Stack::Dpdk, Quantity::RttP50, "DPDK p50", mark(0, Marker::Circle, true)),
    (Stack::Dpdk, Quantity::RttP90, "DPDK p90", mark(0, Marker::Bar, true)),
    (Stack::Dpdk, Quantity::RttP99, "DPDK p99", mark(0, Marker::Diamond, true)),
    (Stack::Dpdk, Quantity::RttP999, "DPDK p99.9", mark(0, Marker::Triangle, true)),
    (Stack::Dpdk, Quantity::RttMax, "DPDK longest", mark(0, Marker::Plus, true)),
];

const fn mark(hue: u8, marker: Marker, filled: bool) -> Style {
    Style { hue: Hue(hue), marker, dash: if filled { Dash::Solid } else { Dash::Dashed }, filled }
}

/// Round trips by pair, one row a pair.
pub fn round_trips(cells: &Cells<'_>) -> Option<Figure> {
    let latency: Vec<&Cell<'_>> = cells.iter().filter(|cell| cell.key.metric == Metric::Latency && cell.is_chosen()).collect();
    let pairs: Vec<_> = cells.pairs().into_iter().filter(|pair| latency.iter().any(|cell| cell.key.pair == *pair)).collect();
    let mut series = Vec::new();
    for &(stack, quantity, name, style) in MARKS {
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
            series.push(Series { name: name.to_owned(), label: String::new(), keys: vec![name.to_owned()], style, joined: false, points });
        }
    }
    let figure = Figure {
        id: "round-trips".to_owned(),
        title: "Round-trip time by pair".to_owned(),
        caption: "All values are whole round trips. qperf gives only a mean (its one-way figure is doubled); DPDK gives percentiles, and its line spans the shortest to the longest. Where \
                  several loads were measured, the one with the shortest round trips is drawn."
            .to_owned(),
        x: Axis::values("round-trip time", Unit::Nanoseconds, Scale::Log),
        y: Axis::names("pair", pairs.iter().map(ToString::to_string).collect()),
        series,
        limits: Vec::new(),
    };
    (!figure.is_empty()).then_some(figure)
}
