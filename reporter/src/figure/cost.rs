use crate::analysis::{Cell, Cells, Quantity, Unit};
use crate::record::{SizeKind, Stack};

use super::throughput::{doubts, stack_look};
use super::{Axis, Figure, Hue, Marker, Point, Scale, Series, Style, shown};

/// Payload a second for each core in use, both ends together, at the largest size of each pair.
pub fn goodput_per_core(cells: &Cells<'_>) -> Option<Figure> {
    let pairs = cells.pairs();
    let mut series = Vec::new();
    for (stack, hue, marker) in [(Stack::KernelTcp, 1, Marker::Square), (Stack::Dpdk, 0, Marker::Circle)] {
        let (name, dash) = stack_look(stack);
        let points: Vec<Point> = pairs
            .iter()
            .enumerate()
            .filter_map(|(row, pair)| {
                let curve = cells.curve(pair, stack);
                let cell = curve
                    .into_iter()
                    .rfind(|cell| per_core(cell).is_some() && (stack == Stack::Dpdk) == (cell.key.size.kind == SizeKind::Frame))?;
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
            let style = Style { hue: Hue(hue), marker, dash, filled: stack == Stack::Dpdk };
            series.push(Series { name: name.to_owned(), label: String::new(), keys: vec![name.to_owned()], style, joined: false, points });
        }
    }
    let figure = Figure {
        id: "goodput-per-core".to_owned(),
        title: "Payload for each core in use".to_owned(),
        caption: "At the largest size of each pair, both ends together. Kernel: busy time of the whole machine, softirq included. DPDK: \
                  every core that polls counts whole, whether it finds work or not."
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
    let cores = cell.sample(Quantity::Cores)?.centre();
    let goodput = cell.sample(Quantity::Goodput)?.centre();
    (cores > 0.0 && goodput > 0.0).then(|| (goodput / cores, cores))
}
