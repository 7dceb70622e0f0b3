use crate::amount::Unit;
use crate::analysis::{KindCost, KindStep};
use crate::record::Stack;

use super::{Axis, Dash, Figure, Hue, Limit, Marker, Point, Scale, Series, Style, shown};

/// One mark for each kind, so that they differ without colour too.
const MARKERS: [Marker; 4] = [Marker::Square, Marker::Triangle, Marker::Diamond, Marker::TriangleDown];

/// What each kind of endpoint carries, or how long its round trips take, as a factor of the first kind: a figure for rates and one for delays.
pub fn cost_of_kinds(costs: &[KindCost]) -> Vec<Figure> {
    let figures = [(true, "rates"), (false, "round trips")].map(|(rates, what)| {
        let chosen: Vec<&KindCost> = costs.iter().filter(|cost| cost.quantity.higher_is_better() == rates).collect();
        figure(&chosen, what)
    });
    figures.into_iter().filter(|figure| !figure.is_empty()).collect()
}

fn figure(costs: &[&KindCost], what: &str) -> Figure {
    let first_of = |cost: &&KindCost| cost.steps.first().map(|step| step.kind.clone());
    let first =
        costs.iter().filter_map(|cost| cost.steps.first()).min_by_key(|step| step.place).map(|step| step.kind.clone()).unwrap_or_default();
    // A factor of another kind does not belong on this axis; the table has it.
    let costs: Vec<&KindCost> = costs.iter().copied().filter(|cost| first_of(cost).as_ref() == Some(&first)).collect();
    let mut kinds: Vec<&str> = Vec::new();
    for step in costs.iter().flat_map(|cost| cost.steps.iter().skip(1)) {
        if !kinds.contains(&step.kind.as_str()) {
            kinds.push(&step.kind);
        }
    }
    let mut stacks: Vec<Stack> = costs.iter().map(|cost| cost.stack).collect();
    stacks.sort_unstable();
    stacks.dedup();
    // The reference of a single size is a line as well, and not a dot.
    let reference = |least: f64, most: f64| if least < most { (least, most) } else { (0.93 * least, 1.07 * most) };
    let sizes: Vec<f64> = costs.iter().map(|cost| f64::from(cost.bytes)).collect();
    let (least, most) = sizes.iter().fold((f64::INFINITY, 0.0_f64), |(low, high), &size| (low.min(size), high.max(size)));
    let (least, most) = reference(least, most);
    let mut series = Vec::new();
    for stack in stacks {
        for (place, kind) in kinds.iter().enumerate() {
            let of_stack = costs.iter().filter(|cost| cost.stack == stack);
            let points = of_stack.filter_map(|cost| Some(point(cost, cost.steps.iter().find(|step| step.kind == *kind)?)));
            let marker = MARKERS.get(place % MARKERS.len()).copied().unwrap_or(Marker::Circle);
            let name = format!("{kind}, {}", stack.label());
            let style = Style { hue: Hue(stack.hue()), marker, dash: Dash::of(stack), filled: !stack.is_kernel() };
            series.push(Series { label: name.clone(), keys: vec![name.clone()], name, style, joined: true, points: points.collect() });
        }
    }
    series.retain(|series: &Series| !series.points.is_empty());
    Figure {
        id: format!("cost-of-kinds-{}", what.replace(' ', "-")),
        title: format!("Kinds of endpoints: {what}"),
        caption: format!(
            "The same measurement by the kinds of its ends, as a factor of that of {first}. {}",
            if what == "rates" { "Below 1, the kind carries less." } else { "Above 1, its round trips take longer." }
        ),
        x: Axis::sizes("size", sizes),
        y: Axis::values(&format!("over {first}"), Unit::Ratio, Scale::Log),
        series,
        limits: vec![Limit { label: first, points: vec![(least, 1.0), (most, 1.0)] }],
    }
}

fn point(cost: &KindCost, step: &KindStep) -> Point {
    let mut hover = vec![
        format!("{}, {} {}, {} B", step.kind, cost.stack.label(), cost.quantity, cost.bytes),
        step.amount.to_string(),
        format!("{} of the first kind", shown(Unit::Ratio, step.of_first)),
    ];
    hover.push(if step.pairs == 1 { "one pair".to_owned() } else { format!("geometric mean of {} pairs", step.pairs) });
    Point { x: f64::from(cost.bytes), y: step.of_first, spread: None, trusted: true, hover }
}
