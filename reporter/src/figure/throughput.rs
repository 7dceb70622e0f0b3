use crate::amount::Unit;
use crate::analysis::{Cell, Cells, Group, Quantity};
use crate::record::{CeilingKind, Pair, ReportView, SizeKind, Stack, View};

use super::{Axis, AxisKind, Dash, Figure, Limit, Point, Scale, Series, Styles, share_values, shown, slug};

/// The two views, which are never mixed in one figure.
pub fn views() -> [View; 2] {
    [View::Application, View::Frame]
}

/// Throughput by size in one view: a figure for each direction between systems and for the inside of each system, on the same scales.
pub fn throughput_by_size(cells: &Cells<'_>, styles: &Styles, view: View) -> Vec<Figure> {
    let mut figures: Vec<Figure> =
        cells.groups().iter().map(|group| figure_of(cells, styles, view, group)).filter(|f| !f.is_empty()).collect();
    let sizes: Vec<f64> = figures.iter().flat_map(|f| f.series.iter().flat_map(|s| &s.points).map(|p| p.x)).collect();
    for figure in &mut figures {
        figure.x = Axis::sizes(&figure.x.label, size_ticks(view, &sizes));
        if let (AxisKind::Values { domain, .. }, Some(smallest)) = (&mut figure.x.kind, sizes.iter().copied().reduce(f64::min)) {
            *domain = domain.map(|(low, high)| (low.min(smallest * 0.9), high));
        }
    }
    share_values(&mut figures);
    figures
}

/// The sizes that were measured; in the application view, where both stacks put different numbers, powers of two.
fn size_ticks(view: View, sizes: &[f64]) -> Vec<f64> {
    let mut ticks: Vec<f64> = match view {
        View::Frame => sizes.to_vec(),
        View::Application => {
            let (low, high) = sizes.iter().fold((f64::INFINITY, 0.0_f64), |(l, h), &v| (l.min(v), h.max(v)));
            let powers = (0..31).map(|n| f64::from(1u32 << n)).filter(|t| *t >= low * 0.9 && *t <= high / 1.25);
            powers.chain([high]).collect()
        }
    };
    ticks.sort_by(f64::total_cmp);
    ticks.dedup();
    ticks
}

fn figure_of(cells: &Cells<'_>, styles: &Styles, view: View, group: &Group) -> Figure {
    let mut series = Vec::new();
    let mut limits = Vec::new();
    for pair in cells.pairs().iter().filter(|pair| Group::of(pair) == *group) {
        for stack in Stack::in_view(ReportView::Throughput) {
            let curve: Vec<&Cell<'_>> = cells.curve(pair, stack).into_iter().filter(|cell| belongs(cell, view)).collect();
            series.extend(series_of(&curve, styles, view, group, pair, stack));
            limits.extend(limits_of(&curve, view, stack));
        }
    }
    // Where only one stack is drawn, its name at every line says nothing.
    if series.iter().all(|s: &Series| s.keys.last() == series.first().and_then(|first| first.keys.last())) {
        for series in &mut series {
            series.label = series.keys.first().cloned().unwrap_or_default();
        }
    }
    // Pairs of one direction share their ceilings.
    let mut seen: Vec<Limit> = Vec::new();
    limits.retain(|limit: &Limit| {
        let new = seen.iter().all(|known| known.label != limit.label || known.points != limit.points);
        seen.extend(new.then(|| limit.clone()));
        new
    });
    let (id, x, y, caption) = match view {
        View::Application => (
            "goodput-by-size",
            "message (TCP) or payload (DPDK)",
            "goodput",
            "Application view. Kernel TCP: goodput against the size of the messages that iperf3 writes; TCP joins and splits them on the \
             wire. DPDK: payload received against the UDP payload of each frame (frame size less 46 bytes). The same axis, two different \
             experiments.",
        ),
        View::Frame => (
            "wire-rate-by-size",
            "frame size with FCS",
            "layer-1 rate",
            "Frame view. Received rate on the wire (layer 1, with 20 bytes between frames) against the size of the frames, FCS included. \
             A kernel result appears here only if its frames had that size by the interface counters.",
        ),
    };
    Figure {
        id: format!("{id}-{}", slug(&group.to_string())),
        title: capitalised(&group.to_string()),
        caption: caption.to_owned(),
        x: Axis::sizes(x, Vec::new()),
        y: Axis::values(y, Unit::BitsPerSecond, Scale::Log),
        series,
        limits,
    }
}

/// Bypass results are in both views, each by its own measure; kernel results in the one that they were made for.
fn belongs(cell: &Cell<'_>, view: View) -> bool {
    match (cell.key.stack.is_kernel(), view) {
        (false, _) => cell.key.size.kind == SizeKind::Frame,
        (true, View::Application) => cell.key.size.kind == SizeKind::Message && cell.key.view != Some(View::Frame),
        (true, View::Frame) => cell.key.size.kind == SizeKind::Frame || cell.key.view == Some(View::Frame),
    }
}

fn series_of(curve: &[&Cell<'_>], styles: &Styles, view: View, group: &Group, pair: &Pair, stack: Stack) -> Option<Series> {
    let short = group.short(pair);
    let points: Vec<Point> = curve.iter().filter_map(|cell| point_of(cell, view, pair, stack.label())).collect();
    (!points.is_empty()).then(|| Series {
        name: format!("{} {pair}", stack.label()),
        label: format!("{} {short}", stack.short_label()),
        keys: vec![short.clone(), stack.label().to_owned()],
        style: styles.style(&short, Dash::of(stack)),
        joined: true,
        points,
    })
}

fn point_of(cell: &Cell<'_>, view: View, pair: &Pair, stack_name: &str) -> Option<Point> {
    let bytes = cell.key.size.bytes;
    let payload = cell.key.size.payload_bytes();
    let (quantity, x, meaning) = match (view, cell.key.size.kind) {
        (View::Application, SizeKind::Frame) => (Quantity::Goodput, payload, format!("{payload} B payload in a {bytes} B frame")),
        (View::Application, SizeKind::Message | SizeKind::File) => (Quantity::Goodput, bytes, format!("{bytes} B message")),
        (View::Frame, _) => (Quantity::Layer1, bytes, format!("{bytes} B frame")),
    };
    let sample = cell.sample(quantity)?;
    let mut hover = vec![format!("{stack_name} {pair}"), meaning, format!("{}: {}", quantity, shown(quantity.unit(), sample.centre()))];
    for other in [Quantity::ForwardingRate, Quantity::Layer2, Quantity::Layer1, Quantity::Goodput] {
        if let Some(extra) = cell.sample(other).filter(|_| other != quantity) {
            hover.push(format!("{}: {}", other, shown(other.unit(), extra.centre())));
        }
    }
    let spread = sample.range();
    match sample.values.len() {
        1 => hover.push("measured once".to_owned()),
        n => hover.push(format!("n = {n}, from {} to {}", shown(quantity.unit(), spread.0), shown(quantity.unit(), spread.1))),
    }
    hover.extend(doubts(cell));
    Some(Point {
        x: f64::from(x.max(1)),
        y: sample.centre(),
        spread: (sample.values.len() > 1).then_some(spread),
        trusted: sample.trusted,
        hover,
    })
}

/// What speaks against the results of a cell.
pub(super) fn doubts(cell: &Cell<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    if cell.valid.is_empty() {
        let reason = cell.invalid.first().and_then(|r| r.verdict.reasons.first()).map(ToString::to_string).unwrap_or_default();
        lines.push(format!("not valid: {reason}"));
    } else if !cell.invalid.is_empty() || cell.failed > 0 {
        lines.push(format!("left out: {} invalid, {} failed", cell.invalid.len(), cell.failed));
    }
    lines
}

fn limits_of(curve: &[&Cell<'_>], view: View, stack: Stack) -> Option<Limit> {
    let mut kind = CeilingKind::None;
    let points: Vec<(f64, f64)> = curve
        .iter()
        .filter_map(|cell| {
            let ceiling = cell.shown().iter().find_map(|r| r.ceiling.as_ref()).filter(|c| c.kind != CeilingKind::None)?;
            kind = ceiling.kind;
            let bytes = cell.key.size.bytes;
            let payload = cell.key.size.payload_bytes();
            match (view, stack.is_kernel()) {
                (View::Frame, _) => Some((f64::from(bytes), ceiling.l1_bps?)),
                (View::Application, false) => {
                    let goodput = ceiling.goodput_bps.or_else(|| Some(ceiling.pps? * 8.0 * f64::from(payload)));
                    Some((f64::from(payload.max(1)), goodput?))
                }
                (View::Application, true) => Some((f64::from(bytes), ceiling.goodput_bps?)),
            }
        })
        .collect();
    let label = match (kind, view) {
        (CeilingKind::TcpGoodput, _) => "TCP goodput ceiling",
        (_, View::Application) => "payload at line rate",
        _ => "line rate",
    };
    (points.len() > 1).then(|| Limit { label: label.to_owned(), points })
}

pub(super) fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| c.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
