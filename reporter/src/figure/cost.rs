use crate::amount::Unit;
use crate::analysis::{Cell, Cells};
use crate::record::{ReportView, Stack};

use super::cpu_use::cost_of;
use super::throughput::doubts;
use super::{Axis, Dash, Figure, Marker, Point, Scale, Series, Style, shown};

/// Payload a second for each core in use, both ends together, at the largest size of each pair.
pub fn goodput_per_core(cells: &Cells<'_>) -> Option<Figure> {
    let pairs = cells.pairs();
    let mut series = Vec::new();
    for stack in Stack::kernel_in_view(ReportView::Cost).chain(Stack::bypass_in_view(ReportView::Cost)) {
        let name = stack.label();
        let points: Vec<Point> = pairs
            .iter()
            .enumerate()
            .filter_map(|(row, pair)| {
                let curve = cells.curve(pair, stack);
                let cell = curve.into_iter().rfind(|cell| per_core(cell).is_some() && cell.key.size.kind == stack.size_kind())?;
                let (rate, cores) = per_core(cell)?;
                let mut hover = vec![
                    format!("{name} {pair}, {}", cell.key.size),
                    format!("{} a core", shown(Unit::BitsPerSecond, rate)),
                    format!("{} in use", shown(Unit::Cores, cores)),
                ];
                hover.extend(doubts(cell));
                Some(Point { x: rate, y: row as f64, spread: None, trusted: !cell.valid.is_empty(), hover })
            })
            .collect();
        if !points.is_empty() {
            let marker = if stack.is_kernel() { Marker::Square } else { Marker::Circle };
            let style = Style::of_stack(stack, marker, Dash::of(stack));
            series.push(Series { name: name.to_owned(), label: String::new(), keys: vec![name.to_owned()], style, joined: false, points });
        }
    }
    let figure = Figure {
        id: "goodput-per-core".to_owned(),
        title: "Payload for each core in use".to_owned(),
        caption: "At the largest size of each pair, the sum of both ends. Kernel: busy time of the whole machine, softirq included. DPDK: \
                  every core that polls counts as fully busy, with or without frames."
            .to_owned(),
        x: Axis::values("goodput a core", Unit::BitsPerSecond, Scale::Log),
        y: Axis::names("pair", pairs.iter().map(ToString::to_string).collect()),
        series,
        limits: Vec::new(),
    };
    (!figure.is_empty()).then_some(figure)
}

/// Goodput a core, and cores.
pub(crate) fn per_core(cell: &Cell<'_>) -> Option<(f64, f64)> {
    cost_of(cell).map(|(goodput, cores)| (goodput / cores, cores))
}
