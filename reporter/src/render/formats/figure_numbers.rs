use crate::amount::Unit;
use crate::figure::{AxisKind, Figure, Point, Series, shown};
use crate::render::document::Table;
use crate::render::format;

/// The numbers of a figure: a row a series and a column a place on the x axis; where names stand upwards, a row a name. Points that no line joins share no
/// place: each has a row.
pub fn numbers(figure: &Figure) -> Table {
    if let (AxisKind::Names(across), AxisKind::Names(upwards)) = (&figure.x.kind, &figure.y.kind) {
        return map(figure, across, upwards);
    }
    if let (AxisKind::Values { .. }, AxisKind::Values { .. }) = (&figure.x.kind, &figure.y.kind)
        && figure.series.iter().all(|series| !series.joined)
    {
        return points(figure);
    }
    let by_name = matches!(figure.y.kind, AxisKind::Names(_));
    let (places, values) = if by_name { (&figure.y.kind, &figure.x.kind) } else { (&figure.x.kind, &figure.y.kind) };
    let place_of = |point: &Point| if by_name { point.y } else { point.x };
    let mut all: Vec<f64> = figure.series.iter().flat_map(|s| &s.points).map(place_of).collect();
    all.sort_by(f64::total_cmp);
    all.dedup();
    let cell = |series: &Series, at: f64| {
        let point = series.points.iter().find(|p| place_of(p) == at);
        point.map_or_else(String::new, |p| format::marked(text_of(values, if by_name { p.x } else { p.y }), p.trusted))
    };
    if by_name {
        let header = std::iter::once(figure.y.label.clone()).chain(figure.series.iter().map(|s| s.name.clone())).collect();
        let row = |&at: &f64| std::iter::once(place(places, at)).chain(figure.series.iter().map(|s| cell(s, at))).collect();
        Table { header, rows: all.iter().map(row).collect() }
    } else {
        let header = std::iter::once(figure.x.label.clone()).chain(all.iter().map(|at| heading(places, *at))).collect();
        let row = |s: &Series| std::iter::once(s.name.clone()).chain(all.iter().map(|at| cell(s, *at))).collect();
        Table { header, rows: figure.series.iter().map(row).collect() }
    }
}

/// A row for each point, by its place on the x axis.
fn points(figure: &Figure) -> Table {
    let header = ["series", &figure.x.label, &figure.y.label].map(str::to_owned).into();
    let rows = figure.series.iter().flat_map(|series| {
        let mut points: Vec<&Point> = series.points.iter().collect();
        points.sort_by(|a, b| a.x.total_cmp(&b.x));
        let row = |point: &Point| {
            let value = format::marked(text_of(&figure.y.kind, point.y), point.trusted);
            vec![series.name.clone(), text_of(&figure.x.kind, point.x), value]
        };
        points.into_iter().map(row).collect::<Vec<_>>()
    });
    Table { header, rows: rows.collect() }
}

/// A map: a row for each name upwards, a column for each name across. The first line of a tile's text is its value.
fn map(figure: &Figure, across: &[String], upwards: &[String]) -> Table {
    let points = || figure.series.iter().flat_map(|series| &series.points);
    let cell = |x: usize, y: usize| {
        let tile = points().find(|point| (point.x, point.y) == (x as f64, y as f64));
        format::or_absent(tile.and_then(|tile| tile.hover.first().cloned()))
    };
    let header = std::iter::once(figure.x.label.clone()).chain(across.iter().cloned()).collect();
    let row = |(y, name): (usize, &String)| std::iter::once(name.clone()).chain((0..across.len()).map(|x| cell(x, y))).collect();
    Table { header, rows: upwards.iter().enumerate().map(row).collect() }
}

/// A place on an axis as text without its unit.
pub fn place(kind: &AxisKind, value: f64) -> String {
    match kind {
        AxisKind::Names(names) => names.get(value.max(0.0) as usize).cloned().unwrap_or_default(),
        AxisKind::Values { .. } => value.to_string(),
    }
}

/// A place on an axis as the heading of a column: rates and sizes of files are long numbers without their prefix.
fn heading(kind: &AxisKind, value: f64) -> String {
    match kind {
        AxisKind::Values { unit: unit @ (Unit::FileBytes | Unit::PacketsPerSecond | Unit::BitsPerSecond), .. } => shown(*unit, value),
        _ => place(kind, value),
    }
}

fn text_of(kind: &AxisKind, value: f64) -> String {
    match kind {
        AxisKind::Names(_) => place(kind, value),
        AxisKind::Values { unit, .. } => shown(*unit, value),
    }
}
