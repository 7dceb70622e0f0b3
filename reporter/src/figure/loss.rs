use crate::amount::Unit;
use crate::analysis::{Cells, Group, statistics};
use crate::record::Stack;

use super::throughput::{capitalised, doubts};
use super::{Axis, AxisKind, Dash, Figure, Point, Scale, Series, Styles, shown, slug};

/// A stack's frames lost of frames sent at maximum load, by frame size: a figure a group, on the same scales.
pub fn loss_by_size(cells: &Cells<'_>, stack: Stack, styles: &Styles) -> Vec<Figure> {
    let mut figures = Vec::new();
    for group in cells.groups() {
        let mut series = Vec::new();
        for pair in cells.pairs().iter().filter(|pair| Group::of(pair) == group) {
            let short = group.short(pair);
            let points: Vec<Point> = cells
                .curve(pair, stack)
                .into_iter()
                .filter_map(|cell| {
                    let ratios: Vec<f64> = cell.shown().iter().filter_map(|r| r.values.loss_ratio.map(|l| l.ratio() * 100.0)).collect();
                    let loss = statistics::mean(&ratios)?;
                    let mut hover = vec![
                        format!("{} {pair}", stack.label()),
                        format!("{} B frame", cell.key.size.bytes),
                        format!("lost of sent: {}", shown(Unit::Percent, loss)),
                    ];
                    hover.extend(doubts(cell));
                    Some(Point { x: f64::from(cell.key.size.bytes), y: loss, spread: None, trusted: !cell.valid.is_empty(), hover })
                })
                .collect();
            if !points.is_empty() {
                series.push(Series {
                    name: format!("{} {pair}", stack.label()),
                    label: short.clone(),
                    keys: vec![short.clone()],
                    style: styles.style(&short, Dash::Solid),
                    joined: true,
                    points,
                });
            }
        }
        figures.push(Figure {
            id: format!("loss-by-size-{}", slug(&group.to_string())),
            title: capitalised(&group.to_string()),
            caption:
                "Lost frames as a share of sent frames at maximum load, counted by sequence number. At maximum load a receiver that is slower \
                      than its sender must lose frames. This is not a fault: it shows which end is slower."
                    .to_owned(),
            x: Axis::sizes("frame size with FCS", Vec::new()),
            y: Axis::values("lost of sent", Unit::Percent, Scale::Linear),
            series,
            limits: Vec::new(),
        });
    }
    figures.retain(|figure| !figure.is_empty());
    share_axes(&mut figures);
    figures
}

fn share_axes(figures: &mut [Figure]) {
    let points: Vec<(f64, f64)> = figures.iter().flat_map(|f| f.series.iter().flat_map(|s| &s.points).map(|p| (p.x, p.y))).collect();
    let sizes: Vec<f64> = points.iter().map(|p| p.0).collect();
    let kind = from_nothing(&points.iter().map(|p| p.1).collect::<Vec<_>>());
    for figure in figures {
        figure.x = Axis::sizes(&figure.x.label, sizes.clone());
        figure.y.kind = kind.clone();
    }
}

/// An axis of losses in per cent. A logarithmic one has no zero, and no loss is the result that matters most: fixed ticks, no switch of scales.
pub(super) fn from_nothing(losses: &[f64]) -> AxisKind {
    // Without any loss an axis up to 1 % still shows a line at 0.
    let top = Scale::Linear.domain(losses.iter().copied()).1.clamp(1.0, 100.0);
    let fixed_ticks = super::ticks(Scale::Linear, (0.0, top)).iter().map(|t| t.value).collect();
    AxisKind::Values { unit: Unit::Percent, scale: Scale::Linear, fixed_ticks, domain: Some((0.0, top)) }
}
