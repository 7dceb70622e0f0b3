use crate::amount::Unit;
use crate::tuned::{Scaling, ScalingPoint};

use super::{Axis, AxisKind, Dash, Figure, Hue, Limit, Marker, Point, Scale, Series, Style, shown};

/// The rate by queues, beside perfect scaling and what the link carries. None without a point.
pub fn rate_by_queues(scaling: &Scaling) -> Option<Figure> {
    let (first, last) = (scaling.points.first()?, scaling.points.last()?);
    let queues = |point: &ScalingPoint| f64::from(point.sender_queues.min(point.receiver_queues));
    let points = scaling.points.iter().map(|point| {
        let mut hover = vec![
            format!("{} → {} queues, {} cores", point.sender_queues, point.receiver_queues, point.cores),
            shown(Unit::PacketsPerSecond, point.rate_pps),
            format!("{:.0} % of perfect scaling", 100.0 * point.of_perfect),
            format!("limit: {}", point.limit.limit),
        ];
        hover.extend(point.limit.because.iter().cloned());
        Point { x: queues(point), y: point.rate_pps, spread: (point.trials > 1).then_some(point.range_pps), trusted: true, hover }
    });
    let ends = (queues(first), queues(last));
    let perfect = first.rate_pps / ends.0;
    let mut limits = Vec::new();
    if ends.1 > ends.0 {
        limits.push(Limit { label: "perfect scaling".to_owned(), points: vec![(ends.0, perfect * ends.0), (ends.1, perfect * ends.1)] });
    }
    if let Some(ceiling) = scaling.ceiling_pps {
        limits.push(Limit { label: "line rate".to_owned(), points: vec![(ends.0, ceiling), (ends.1, ceiling)] });
    }
    let ticks: Vec<f64> = scaling.points.iter().map(queues).collect();
    let kind = AxisKind::Values { unit: Unit::Runs, scale: Scale::Linear, fixed_ticks: ticks, domain: Some((ends.0 - 0.5, ends.1 + 0.5)) };
    let style = Style { hue: Hue(0), marker: Marker::Circle, dash: Dash::Solid, filled: true };
    Some(Figure {
        id: "rate-by-queues".to_owned(),
        title: format!("Rate by queues, {}", scaling.pair),
        caption: "Frames a second that arrive at maximum load, by the number of queues of each end. Each queue has a core of its own at each end. Lines \
                  span the trials."
            .to_owned(),
        x: Axis { label: "queues of each end".to_owned(), kind, shared: Vec::new() },
        y: Axis::values("forwarding rate", Unit::PacketsPerSecond, Scale::Linear),
        series: vec![Series {
            name: "measured".to_owned(),
            label: "measured".to_owned(),
            keys: vec!["measured".to_owned()],
            style,
            joined: true,
            points: points.collect(),
        }],
        limits,
    })
}
