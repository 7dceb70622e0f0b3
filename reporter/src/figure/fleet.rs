//! Results of a fleet by size: the median of each kind of pair, how far testbeds lie apart, and those that differ.

use std::collections::{BTreeMap, BTreeSet};

use super::{Axis, Dash, Figure, Hue, Marker, Point, Scale, Series, Style, Styles, shown, slug};
use crate::analysis::Quantity;
use crate::fleet::{Fleet, Group};
use crate::record::{SizeKind, Stack};

/// One figure for each stack and quantity, pairs inside a system apart.
pub fn fleet_by_size(fleet: &Fleet) -> Vec<Figure> {
    let mut by_figure: BTreeMap<(Quantity, Stack, bool), Vec<&Group>> = BTreeMap::new();
    for group in &fleet.groups {
        by_figure.entry((group.quantity, group.key.stack, group.pair.inside)).or_default().push(group);
    }
    let kinds: BTreeSet<String> = fleet.groups.iter().map(kind).collect();
    let styles = Styles::of(kinds);
    by_figure.into_iter().map(|((quantity, stack, inside), groups)| figure(fleet, &styles, quantity, stack, inside, &groups)).collect()
}

/// The kinds of the ends; what else tells measurements apart stands in the hover text.
fn kind(group: &Group) -> String {
    format!("{}→{}", group.pair.from, group.pair.to)
}

fn figure(fleet: &Fleet, styles: &Styles, quantity: Quantity, stack: Stack, inside: bool, groups: &[&Group]) -> Figure {
    let unit = quantity.unit();
    let mut lines: BTreeMap<(String, String), Vec<&Group>> = BTreeMap::new();
    for group in groups {
        let of = format!("{} {}", group.key.method, group.key.configuration);
        lines.entry((kind(group), of)).or_default().push(group);
    }
    let mut series = Vec::new();
    for ((kind, _), groups) in &lines {
        let points = groups.iter().map(|group| {
            let d = group.distribution;
            let range = format!("10 to 90 %: {} to {}", shown(unit, d.p10), shown(unit, d.p90));
            let hover = vec![group.name(), format!("median {}", shown(unit, d.median)), range, format!("{} values", group.values.len())];
            Point { x: f64::from(group.key.size.bytes), y: d.median, spread: Some((d.p10, d.p90)), trusted: true, hover }
        });
        let style = styles.style(kind, Dash::of(stack));
        series.push(Series {
            name: kind.clone(),
            label: kind.clone(),
            keys: vec![kind.clone()],
            style,
            joined: true,
            points: points.collect(),
        });
    }
    let odd = groups.iter().flat_map(|group| {
        let differing = group.values.iter().filter(|value| value.judged.is_some_and(|judged| judged.differs));
        differing.map(move |value| {
            let testbed = fleet.testbeds.get(value.testbed).map_or("", |testbed| &testbed.name);
            let hover = vec![format!("{testbed} {}", value.pair), group.name(), shown(unit, value.value)];
            Point { x: f64::from(group.key.size.bytes), y: value.value, spread: None, trusted: true, hover }
        })
    });
    let odd: Vec<Point> = odd.collect();
    if !odd.is_empty() {
        let style = Style { hue: Hue(6), marker: Marker::Plus, dash: Dash::Solid, filled: true };
        let name = "differs beyond noise".to_owned();
        series.push(Series { label: String::new(), keys: vec![name.clone()], name, style, joined: false, points: odd });
    }
    let place = if inside { "inside a system" } else { "between systems" };
    let counted = match groups.first().map(|group| group.key.size.kind) {
        Some(SizeKind::Frame) => "frame size, FCS included",
        Some(SizeKind::File) => "file size",
        _ => "message size",
    };
    Figure {
        id: format!("fleet-{}", slug(&format!("{} {quantity} {place}", stack.name()))),
        title: format!("{} {quantity}, {place}", stack.label()),
        caption: "Median of all testbeds; the bar holds 80 % of them.".to_owned(),
        x: Axis::sizes(counted, groups.iter().map(|group| f64::from(group.key.size.bytes)).collect()),
        y: Axis::values(quantity.name(), unit, Scale::Log),
        series,
        limits: Vec::new(),
    }
}
