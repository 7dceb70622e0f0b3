use crate::amount::Unit;
use crate::compare::{Change, Comparison, Judgement};

use super::{Axis, Dash, Figure, Hue, Limit, Marker, Point, Scale, Series, Style, shown};

/// More rows than this are no picture; the table has them all.
const ROWS: usize = 40;

/// The changes between two runs, one row a result: those beyond noise first, then the largest.
pub fn changes(comparison: &Comparison) -> Option<Figure> {
    let mut rows: Vec<&Change> = comparison.changes.iter().collect();
    let beyond = |c: &Change| matches!(c.finding, Judgement::Better | Judgement::Worse);
    rows.sort_by(|a, b| beyond(b).cmp(&beyond(a)).then((b.ratio - 1.0).abs().total_cmp(&(a.ratio - 1.0).abs())));
    rows.truncate(ROWS);
    // Within the picture from worst to best.
    rows.sort_by(|a, b| b.worse_by().total_cmp(&a.worse_by()));
    let looks = [
        (Judgement::Worse, "worse", Style { hue: Hue(1), marker: Marker::TriangleDown, dash: Dash::Solid, filled: true }),
        (Judgement::Better, "better", Style { hue: Hue(0), marker: Marker::Triangle, dash: Dash::Solid, filled: true }),
        (Judgement::WithinNoise, "within noise", Style { hue: Hue(6), marker: Marker::Circle, dash: Dash::Dashed, filled: false }),
        (Judgement::CannotJudge, "noise unknown", Style { hue: Hue(6), marker: Marker::Diamond, dash: Dash::Dashed, filled: false }),
        (Judgement::NotValid, "not valid", Style { hue: Hue(6), marker: Marker::Bar, dash: Dash::Dashed, filled: false }),
    ];
    let series = looks
        .into_iter()
        .map(|(finding, name, style)| {
            let points = rows.iter().enumerate().filter(|(_, c)| c.finding == finding).map(|(row, c)| point(row, c)).collect();
            Series { name: name.to_owned(), label: String::new(), keys: vec![name.to_owned()], style, joined: false, points }
        })
        .filter(|series: &Series| !series.points.is_empty())
        .collect();
    let mut x = Axis::values("change from base to new", Unit::Percent, Scale::Linear);
    // A change has no logarithm, so the scale cannot be switched.
    if let super::AxisKind::Values { fixed_ticks, domain, scale, .. } = &mut x.kind {
        let ends = rows.iter().flat_map(|c| [Some(c.ratio), c.interval.map(|i| i.low), c.interval.map(|i| i.high)]).flatten();
        let extent = scale.domain(ends.map(|r| ((r - 1.0) * 100.0).clamp(-100.0, 400.0)).chain([-1.0, 1.0]));
        *fixed_ticks = super::ticks(*scale, extent).iter().map(|t| t.value).collect();
        *domain = Some(extent);
    }
    let figure = Figure {
        id: "changes".to_owned(),
        title: "What changed".to_owned(),
        caption: format!(
            "Change of the geometric mean with its 95 % interval (not corrected), from worst to best. {}",
            if comparison.changes.len() > ROWS { "Results beyond noise first, then the largest; the table has all." } else { "" }
        ),
        x,
        y: Axis::names("result", rows.iter().map(|c| c.name()).collect()),
        series,
        limits: vec![Limit { label: String::new(), points: vec![(0.0, -0.5), (0.0, rows.len() as f64 - 0.5)] }],
    };
    (!figure.is_empty()).then_some(figure)
}

fn point(row: usize, change: &Change) -> Point {
    let percent = |ratio: f64| (ratio - 1.0) * 100.0;
    let unit = change.quantity.unit();
    let mut hover = vec![
        change.name(),
        format!("{} → {}", shown(unit, change.base.geometric_mean()), shown(unit, change.new.geometric_mean())),
        format!("change {}", shown(Unit::Percent, percent(change.ratio))),
        format!("n = {} and {}", change.base.values.len(), change.new.values.len()),
    ];
    hover.extend(change.p_corrected.map(|p| format!("p = {p:.4} after correction")));
    Point {
        x: percent(change.ratio),
        y: row as f64,
        spread: change.interval.map(|i| (percent(i.low).max(-100.0), percent(i.high).min(400.0))),
        trusted: change.finding != Judgement::NotValid,
        hover,
    }
}
