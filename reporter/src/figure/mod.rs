//! What a picture shows, apart from how it is drawn. Exporters in `render` turn one [`Figure`] into SVG, HTML, Markdown or CSV.

mod change;
mod cost;
mod cpu_use;
mod endpoint_kinds;
mod file_transfers;
mod fleet;
mod history;
mod ladder;
mod latency;
mod loss;
mod percentiles;
mod procedures;
mod ratio;
mod scale;
mod scaling;
mod series_style;
mod throughput;
mod tuned;
mod tuning;

pub use change::changes;
pub use cost::goodput_per_core;
pub(crate) use cost::per_core;
pub use cpu_use::cpu_use_by_load;
pub(crate) use cpu_use::{cost_of, ns_per_byte};
pub use endpoint_kinds::cost_of_kinds;
pub use file_transfers::transfer_time_by_size;
pub use fleet::fleet_by_size;
pub use history::{kinds_by_run, result_by_run};
pub use ladder::ladder_of_stacks;
pub use latency::round_trips;
pub use loss::loss_by_size;
pub use percentiles::{round_trips_by_percentile, round_trips_by_percentile_under_load};
pub use procedures::{
    ProcedureResult, bounds_by_size, longest_bursts, loss_by_load, procedure_results, round_trips_by_load, round_trips_by_share,
};
pub use ratio::ratio_by_size;
pub use scale::{Scale, Tick, ticks};
pub use scaling::rate_by_queues;
pub use series_style::{Dash, Hue, Marker, Style, Styles};
pub use throughput::{throughput_by_size, views};
pub use tuned::{map_of_settings, settings_as_lines};
pub use tuning::rate_by_configuration;

use crate::amount::{Amount, Unit};

/// One picture: a pair of axes and what stands on them.
#[derive(Debug, Clone)]
pub struct Figure {
    /// A file name without its ending, unique within the report.
    pub id: String,
    /// What it shows.
    pub title: String,
    /// What a reader must know to read it: what each size means, what a mark is.
    pub caption: String,
    /// Sideways.
    pub x: Axis,
    /// Upwards.
    pub y: Axis,
    /// What is drawn, in this order.
    pub series: Vec<Series>,
    /// What cannot be exceeded.
    pub limits: Vec<Limit>,
}

impl Figure {
    /// Whether there is anything to draw.
    pub fn is_empty(&self) -> bool {
        self.series.iter().all(|series| series.points.is_empty())
    }

    /// Every value along the y axis, ceilings and spreads included.
    pub fn y_values(&self) -> Vec<f64> {
        let points = self.series.iter().flat_map(|s| &s.points);
        points
            .flat_map(|p| [Some(p.y), p.spread.map(|s| s.0), p.spread.map(|s| s.1)])
            .flatten()
            .chain(self.limits.iter().flat_map(|l| &l.points).map(|p| p.1))
            .collect()
    }

    /// Whether any point rests on trials that are not valid.
    pub fn has_untrusted(&self) -> bool {
        self.series.iter().flat_map(|series| &series.points).any(|point| !point.trusted)
    }

    /// The same figure with the other scale on the axis that can have two; none where neither can.
    pub fn rescaled(&self, scale: Scale) -> Option<Figure> {
        let mut figure = self.clone();
        let axis = [&mut figure.y, &mut figure.x].into_iter().find_map(|axis| match &mut axis.kind {
            AxisKind::Values { scale, fixed_ticks, .. } if fixed_ticks.is_empty() && *scale != Scale::Nines => Some(scale),
            _ => None,
        })?;
        *axis = scale;
        Some(figure)
    }
}

/// One axis.
#[derive(Debug, Clone)]
pub struct Axis {
    /// The quantity, without its unit.
    pub label: String,
    /// Numbers or names.
    pub kind: AxisKind,
    /// Values of figures beside this one, which the axis holds too, so that heights can be compared between figures.
    pub shared: Vec<f64>,
}

impl Axis {
    /// An axis of numbers that ends where its values and its scale say.
    pub fn values(label: &str, unit: Unit, scale: Scale) -> Self {
        Axis { label: label.to_owned(), kind: AxisKind::Values { unit, scale, fixed_ticks: Vec::new(), domain: None }, shared: Vec::new() }
    }

    /// An axis of file sizes with a tick at each of them.
    pub fn file_sizes(label: &str, sizes: Vec<f64>) -> Self {
        let mut axis = Axis::sizes(label, sizes);
        if let AxisKind::Values { unit, .. } = &mut axis.kind {
            *unit = Unit::FileBytes;
        }
        axis
    }

    /// An axis of sizes in bytes with a tick at each of them, logarithmic because sizes double.
    pub fn sizes(label: &str, mut sizes: Vec<f64>) -> Self {
        sizes.sort_by(f64::total_cmp);
        sizes.dedup();
        let (low, high) = (sizes.first().copied().unwrap_or(64.0), sizes.last().copied().unwrap_or(1518.0));
        let kind = AxisKind::Values { unit: Unit::Bytes, scale: Scale::Log, fixed_ticks: sizes, domain: Some((low * 0.9, high * 1.1)) };
        Axis { label: label.to_owned(), kind, shared: Vec::new() }
    }

    /// One row a name. What they are names of heads the table; a drawing of names needs no word for it.
    pub fn names(of: &str, names: Vec<String>) -> Self {
        Axis { label: of.to_owned(), kind: AxisKind::Names(names), shared: Vec::new() }
    }
}

/// Numbers or names.
#[derive(Debug, Clone)]
pub enum AxisKind {
    /// Numbers in the unit's base.
    Values {
        /// Counted in.
        unit: Unit,
        /// Logarithmic, linear or by nines.
        scale: Scale,
        /// Where ticks stand; empty: where the scale puts them.
        fixed_ticks: Vec<f64>,
        /// Where the axis begins and ends; none: where the values and the scale say.
        domain: Option<(f64, f64)>,
    },
    /// Names, one a row; a point's position is the index.
    Names(Vec<String>),
}

/// One line, or one sort of dots.
#[derive(Debug, Clone)]
pub struct Series {
    /// In full.
    pub name: String,
    /// Beside its end.
    pub label: String,
    /// What it can be switched on and off by, such as the pair's kinds and the stack.
    pub keys: Vec<String>,
    /// How it looks.
    pub style: Style,
    /// Whether points are joined.
    pub joined: bool,
    /// In drawing order.
    pub points: Vec<Point>,
}

/// One result.
#[derive(Debug, Clone)]
pub struct Point {
    /// In the x axis's base unit, or the index of a name.
    pub x: f64,
    /// In the y axis's base unit, or the index of a name.
    pub y: f64,
    /// Lowest and highest repetition, or the interval, along the axis of values.
    pub spread: Option<(f64, f64)>,
    /// Whether it comes from valid trials.
    pub trusted: bool,
    /// What a reader sees who points at it, a line each.
    pub hover: Vec<String>,
}

/// A ceiling: a line that results cannot cross.
#[derive(Debug, Clone)]
pub struct Limit {
    /// What it is.
    pub label: String,
    /// Its course.
    pub points: Vec<(f64, f64)>,
}

/// Lets the value axes of figures that stand side by side have one extent.
pub(crate) fn share_values(figures: &mut [Figure]) {
    let all: Vec<f64> = figures.iter().flat_map(Figure::y_values).collect();
    for figure in figures {
        figure.y.shared.clone_from(&all);
    }
}

/// Lets figures that stand side by side have one extent both ways.
pub(crate) fn share_both(figures: &mut [Figure]) {
    share_values(figures);
    let all: Vec<f64> = figures.iter().flat_map(|f| f.series.iter().flat_map(|s| &s.points).map(|p| p.x)).collect();
    for figure in figures {
        figure.x.shared.clone_from(&all);
    }
}

/// A value with its unit for hovering.
pub(crate) fn shown(unit: Unit, value: f64) -> String {
    Amount { unit, value }.to_string()
}

/// A name as part of a file name: letters, digits and dashes.
pub(crate) fn slug(text: &str) -> String {
    let mut slug = String::new();
    for c in text.replace('→', " to ").chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.ends_with('-') && !slug.is_empty() {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-');
    slug.get(..slug.len().min(60)).unwrap_or_default().to_owned()
}
