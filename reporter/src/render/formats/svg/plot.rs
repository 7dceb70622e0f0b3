use std::fmt::Write;

use crate::amount::{Unit, scaled, three_digits};
use crate::figure::{Axis, AxisKind, Dash, Figure, Marker, Scale, Series, Tick, ticks};
use crate::render::formats::escape::xml;

use super::{PlotLayout, marks, text};

/// The height of a row of names.
const ROW: f64 = 26.0;
/// Between a line's end and its label.
const LABEL_GAP: f64 = 9.0;
const LINE_HEIGHT: f64 = 14.0;

/// A figure with every measure decided.
pub struct Plot<'a> {
    figure: &'a Figure,
    layout: PlotLayout,
    x: Ruler,
    y: Ruler,
    rows: Option<&'a [String]>,
    height: f64,
}

/// An axis with its place on the paper.
struct Ruler {
    scale: Scale,
    domain: (f64, f64),
    from: f64,
    to: f64,
    ticks: Vec<Tick>,
    unit: Unit,
    /// The names of an axis of names; otherwise none.
    names: Vec<String>,
    /// What labels are divided by, and the prefix that stands for it.
    divisor: (f64, String),
}

impl Ruler {
    fn of(axis: &Axis, own: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        match &axis.kind {
            AxisKind::Names(names) => Ruler {
                scale: Scale::Linear,
                domain: (-0.5, names.len() as f64 - 0.5),
                from,
                to,
                ticks: (0..names.len()).map(|n| Tick { value: n as f64, labelled: true }).collect(),
                unit: Unit::Frames,
                names: names.clone(),
                divisor: (1.0, String::new()),
            },
            AxisKind::Values { unit, scale, fixed_ticks, domain } => {
                let domain = domain.unwrap_or_else(|| scale.domain(own.chain(axis.shared.iter().copied())));
                let ticks = match fixed_ticks.is_empty() {
                    true => ticks(*scale, domain),
                    false => fixed_ticks.iter().map(|&value| Tick { value, labelled: true }).collect(),
                };
                Ruler {
                    scale: *scale,
                    domain,
                    from,
                    to,
                    ticks,
                    unit: *unit,
                    names: Vec::new(),
                    divisor: common_prefix(*unit, *scale, domain),
                }
            }
        }
    }

    fn at(&self, value: f64) -> f64 {
        self.from + (self.to - self.from) * self.scale.place(value, self.domain)
    }

    fn tick_text(&self, value: f64) -> String {
        if let Some(name) = self.names.get(value as usize) {
            return text::fitted_to(name, 18);
        }
        if self.scale == Scale::Nines {
            // Every digit counts: 99.999 rounded to three is 100.
            return value.to_string();
        }
        let value = value / self.divisor.0;
        if value.abs() >= 1000.0 || value.fract() == 0.0 {
            return format!("{value:.0}");
        }
        let text = three_digits(value);
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
    }
}

/// One prefix for a whole axis, so that its numbers can be compared as they stand.
fn common_prefix(unit: Unit, scale: Scale, (low, high): (f64, f64)) -> (f64, String) {
    let middle = if scale == Scale::Log { (low.max(f64::MIN_POSITIVE) * high).sqrt() } else { high };
    if matches!(unit, Unit::Bytes | Unit::Ratio | Unit::Percent | Unit::Cores | Unit::Cycles | Unit::Runs) {
        return (1.0, unit.symbol().to_owned());
    }
    // Frames are counted whole as long as the highest tick fits beside the axis, and by thousands beyond.
    if unit == Unit::Frames {
        return if high < 1e5 { (1.0, "frames".to_owned()) } else { (1e3, "kframes".to_owned()) };
    }
    let (shown, prefix, symbol) = scaled(middle, unit);
    (if shown == 0.0 { 1.0 } else { middle / shown }, format!("{prefix}{symbol}"))
}

impl<'a> Plot<'a> {
    pub fn new(figure: &'a Figure, layout: PlotLayout) -> Self {
        let rows = match &figure.y.kind {
            AxisKind::Names(names) => Some(names.as_slice()),
            AxisKind::Values { .. } => None,
        };
        let head = if layout.title { 46.0 } else { 26.0 };
        let foot = 46.0;
        let height = rows.map_or(layout.height, |rows| head + foot + ROW * rows.len().max(1) as f64);
        let left = rows.map_or(46.0, |rows| {
            18.0 + rows
                .iter()
                .map(|name| text::width(&text::fitted_to(name, name_length(layout))))
                .fold(40.0, f64::max)
                .min(layout.width * 0.5)
        });
        let labels = figure.series.iter().filter(|s| s.joined).map(|s| text::width(&text::fitted(&s.label))).fold(0.0, f64::max);
        let right = if layout.direct_labels && rows.is_none() && labels > 0.0 { labels + LABEL_GAP + 8.0 } else { 22.0 };
        let points = || figure.series.iter().flat_map(|s| &s.points);
        let spreads =
            |along_y: bool| points().filter(move |_| along_y == rows.is_none()).filter_map(|p| p.spread).flat_map(|(l, h)| [l, h]);
        let limits = || figure.limits.iter().flat_map(|l| &l.points);
        let x = Ruler::of(&figure.x, points().map(|p| p.x).chain(spreads(false)).chain(limits().map(|p| p.0)), left, layout.width - right);
        let y_values = points().map(|p| p.y).chain(spreads(true)).chain(limits().map(|p| p.1));
        // Names begin at the top, values at the bottom.
        let (bottom, top) = (height - foot, head);
        let y = if rows.is_some() { Ruler::of(&figure.y, y_values, top, bottom) } else { Ruler::of(&figure.y, y_values, bottom, top) };
        Plot { figure, layout, x, y, rows, height }
    }

    /// The drawing; with a style sheet it stands alone.
    pub fn draw(&self, style: Option<&str>) -> String {
        let mut svg = String::new();
        let (w, h) = (self.layout.width, self.height);
        let _ = write!(
            svg,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w:.0} {h:.0}\" width=\"{w:.0}\" height=\"{h:.0}\" class=\"figure\" role=\"img\" aria-label=\"{}\">",
            xml(&format!("{}. {}", self.figure.title, self.figure.caption))
        );
        if let Some(style) = style {
            let _ = write!(svg, "<style>{style}</style><rect class=\"paper\" width=\"{w:.0}\" height=\"{h:.0}\"/>");
            let _ = write!(svg, "<desc>{}</desc>", xml(&self.figure.caption));
        }
        if self.layout.title {
            let _ = write!(svg, "<text class=\"title\" x=\"{:.0}\" y=\"18\">{}</text>", 8.0, xml(&text::fitted_to(&self.figure.title, 70)));
        }
        self.draw_axes(&mut svg);
        self.draw_limits(&mut svg);
        for series in &self.figure.series {
            self.draw_series(&mut svg, series);
        }
        if self.layout.direct_labels && self.rows.is_none() {
            self.draw_labels(&mut svg);
        }
        svg.push_str("</svg>");
        svg
    }

    fn draw_axes(&self, svg: &mut String) {
        let (left, right, top, bottom) = self.edges();
        svg.push_str("<g class=\"axes\">");
        for tick in &self.y.ticks {
            let y = self.y.at(tick.value);
            if let Some(rows) = self.rows {
                let name = rows.get(tick.value as usize).map_or("", String::as_str);
                let _ = write!(svg, "<path class=\"grid\" d=\"M{left:.1} {y:.1}H{right:.1}\"/>");
                let _ = write!(
                    svg,
                    "<text class=\"name\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                    left - 10.0,
                    y + 4.0,
                    xml(&text::fitted_to(name, name_length(self.layout)))
                );
            } else if tick.labelled {
                let _ = write!(svg, "<path class=\"grid\" d=\"M{left:.1} {y:.1}H{right:.1}\"/>");
                let number = xml(&self.y.tick_text(tick.value));
                let _ =
                    write!(svg, "<text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{number}</text>", left - 8.0, y + 4.0);
            }
        }
        let _ = write!(svg, "<path class=\"axis\" d=\"M{left:.1} {bottom:.1}H{right:.1}\"/>");
        let written = self.x_labels();
        for (index, tick) in self.x.ticks.iter().enumerate() {
            let x = self.x.at(tick.value);
            let length = if tick.labelled { 5.0 } else { 3.0 };
            if self.rows.is_some() && tick.labelled {
                let _ = write!(svg, "<path class=\"grid\" d=\"M{x:.1} {top:.1}V{bottom:.1}\"/>");
            }
            let _ = write!(svg, "<path class=\"axis\" d=\"M{x:.1} {bottom:.1}v{length:.0}\"/>");
            if written.contains(&index) {
                let number = xml(&self.x.tick_text(tick.value));
                let _ = write!(svg, "<text class=\"tick\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{number}</text>", bottom + 18.0);
            }
        }
        let x_title = axis_title(&self.figure.x, &self.x);
        let centre = f64::midpoint(left, right);
        let _ = write!(
            svg,
            "<text class=\"label\" x=\"{centre:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            bottom + 38.0,
            xml(&x_title)
        );
        if self.rows.is_none() {
            let y_title = axis_title(&self.figure.y, &self.y);
            let _ = write!(svg, "<text class=\"label\" x=\"8\" y=\"{:.1}\">{}</text>", top - 11.0, xml(&y_title));
        }
        svg.push_str("</g>");
    }

    /// Which ticks of the x axis have room for their numbers. The ends come first, then the widest gaps are filled from the left.
    fn x_labels(&self) -> Vec<usize> {
        let candidates: Vec<usize> = (0..self.x.ticks.len()).filter(|&i| self.x.ticks[i].labelled).collect();
        let mut order: Vec<usize> = Vec::new();
        order.extend(candidates.first());
        order.extend(candidates.last());
        order.extend(candidates.iter().copied());
        let mut written: Vec<usize> = Vec::new();
        for index in order {
            let reach = |i: usize| {
                let value = self.x.ticks[i].value;
                (self.x.at(value), text::width(&self.x.tick_text(value)) / 2.0)
            };
            let (x, half) = reach(index);
            let free = written.iter().all(|&other| {
                let (there, its_half) = reach(other);
                (x - there).abs() >= half + its_half + 5.0
            });
            if free && !written.contains(&index) {
                written.push(index);
            }
        }
        written
    }

    /// Ceilings, with their names at their beginnings: at their ends they meet.
    fn draw_limits(&self, svg: &mut String) {
        let (_, _, top, bottom) = self.edges();
        let begins: Vec<(f64, f64)> = self
            .figure
            .limits
            .iter()
            .filter_map(|limit| {
                let (&(x, y), &(_, end)) = (limit.points.first()?, limit.points.last()?);
                // Above a level line, below one that rises, so that it does not run through its own name.
                let beside = if end > y * 1.1 { 14.0 } else { -6.0 };
                Some((self.x.at(x), self.y.at(y) + beside))
            })
            .collect();
        let places = text::spread(&begins.iter().map(|b| b.1).collect::<Vec<_>>(), LINE_HEIGHT, top + 2.0, bottom);
        for ((limit, (x, _)), y) in self.figure.limits.iter().zip(begins).zip(places) {
            let path = self.line(limit.points.iter().copied());
            let _ = write!(svg, "<g class=\"limit\"><path d=\"{path}\"/><text x=\"{x:.1}\" y=\"{y:.1}\">{}</text></g>", xml(&limit.label));
        }
    }

    fn draw_series(&self, svg: &mut String, series: &Series) {
        let kind = match series.style.dash {
            Dash::Solid => "solid",
            Dash::Dashed => "dashed",
            Dash::Dotted => "dotted",
        };
        let fill = if series.style.filled { "filled" } else { "hollow" };
        let _ = write!(svg, "<g class=\"series h{} {kind} {fill}\" data-keys=\"{}\">", series.style.hue.0, xml(&series.keys.join("\n")));
        if series.joined && series.points.len() > 1 {
            let _ = write!(svg, "<path class=\"line\" d=\"{}\"/>", self.line(series.points.iter().map(|p| (p.x, p.y))));
        }
        for point in &series.points {
            let (x, y) = (self.x.at(point.x), self.y.at(point.y));
            let _ = write!(svg, "<g class=\"pt\"><title>{}</title>", xml(&point.hover.join("\n")));
            if let Some((low, high)) = point.spread {
                if self.rows.is_none() {
                    let _ = write!(svg, "<path class=\"whisker\" d=\"M{x:.1} {:.1}V{:.1}\"/>", self.y.at(low), self.y.at(high));
                } else {
                    let _ = write!(svg, "<path class=\"whisker\" d=\"M{:.1} {y:.1}H{:.1}\"/>", self.x.at(low), self.x.at(high));
                }
            }
            if series.style.marker == Marker::Tile {
                self.draw_tile(svg, (x, y), point.hover.first().map_or("", String::as_str));
            } else if point.trusted {
                let size = if self.rows.is_some() { 5.0 } else { 4.0 };
                let _ = write!(svg, "<path class=\"mark\" d=\"{}\"/>", marks::path(series.style.marker, x, y, size));
            } else {
                let _ = write!(svg, "<path class=\"cross\" d=\"{}\"/>", marks::cross(x, y, 4.0));
            }
            svg.push_str("</g>");
        }
        svg.push_str("</g>");
    }

    /// A tile that fills its row and its column, with its value.
    fn draw_tile(&self, svg: &mut String, (x, y): (f64, f64), value: &str) {
        let (width, height) = ((self.x.at(1.0) - self.x.at(0.0)).abs() - 3.0, ROW - 3.0);
        let _ = write!(
            svg,
            "<rect class=\"tile\" x=\"{:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>",
            x - width / 2.0,
            y - height / 2.0
        );
        if text::width(value) < width {
            let _ = write!(svg, "<text class=\"value\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>", y + 4.0, xml(value));
        }
    }

    /// Names at the ends of lines, moved apart where they would touch.
    fn draw_labels(&self, svg: &mut String) {
        let (_, right, top, bottom) = self.edges();
        let ends: Vec<(&Series, f64, f64)> = self
            .figure
            .series
            .iter()
            .filter(|s| s.joined && !s.label.is_empty())
            .filter_map(|s| s.points.last().map(|p| (s, self.x.at(p.x), self.y.at(p.y))))
            .collect();
        let places = text::spread(&ends.iter().map(|e| e.2).collect::<Vec<_>>(), LINE_HEIGHT, top + 4.0, bottom);
        for ((series, x, y), place) in ends.iter().zip(places) {
            let _ = write!(svg, "<g class=\"series h{}\" data-keys=\"{}\">", series.style.hue.0, xml(&series.keys.join("\n")));
            let (from, to) = (x + 6.0, right + LABEL_GAP - 3.0);
            let _ = write!(svg, "<path class=\"leader\" d=\"M{from:.1} {y:.1}L{to:.1} {place:.1}\"/>");
            let _ = write!(
                svg,
                "<text class=\"end\" x=\"{:.1}\" y=\"{:.1}\">{}</text></g>",
                right + LABEL_GAP,
                place + 4.0,
                xml(&text::fitted(&series.label))
            );
        }
    }

    fn line(&self, points: impl Iterator<Item = (f64, f64)>) -> String {
        let mut path = String::new();
        for (index, (x, y)) in points.enumerate() {
            let _ = write!(path, "{}{:.1} {:.1}", if index == 0 { 'M' } else { 'L' }, self.x.at(x), self.y.at(y));
        }
        path
    }

    /// Left, right, top, bottom of the plane.
    fn edges(&self) -> (f64, f64, f64, f64) {
        (self.x.from, self.x.to, self.y.from.min(self.y.to), self.y.from.max(self.y.to))
    }
}

/// How many characters a row's name may have, so that half of the drawing stays for the values.
fn name_length(layout: PlotLayout) -> usize {
    ((layout.width * 0.5 - 18.0) / (0.6 * text::FONT)) as usize
}

fn axis_title(axis: &Axis, ruler: &Ruler) -> String {
    match (&axis.kind, ruler.unit) {
        (AxisKind::Names(_), _) => axis.label.clone(),
        (_, Unit::Ratio) => format!("{} (factor)", axis.label),
        (_, Unit::Runs) => axis.label.clone(),
        (_, Unit::Bytes) => format!("{}, bytes", axis.label),
        (_, _) => format!("{}, {}", axis.label, ruler.divisor.1),
    }
}
