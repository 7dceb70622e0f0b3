//! What a search of `linerate tune` found: a map over two axes, and all settings as lines.

use methodology::tune::Aim;

use super::{Axis, AxisKind, Dash, Figure, Hue, Marker, Point, Scale, Series, Style, slug};
use crate::amount::Unit;
use crate::analysis::statistics;
use crate::tuned::{Found, SettingFound, TuneRun};

/// Shades of a map, from the worst to the best.
const SHADES: usize = 5;

/// The hue of the lightest shade; those after it are darker.
const FIRST_SHADE: u8 = 11;

/// The result over the two axes that change it most; each tile is the best setting with these two values. None where fewer than two axes vary.
pub fn map_of_settings(run: &TuneRun, found: &Found) -> Option<Figure> {
    let mut by_effect: Vec<(usize, f64)> = (0..run.axes.len()).map(|place| (place, effect(run, found, place))).collect();
    by_effect.retain(|(place, _)| run.axes[*place].values.len() > 1);
    by_effect.sort_by(|one, other| other.1.total_cmp(&one.1));
    let [(across, _), (upwards, _), ..] = by_effect[..] else { return None };
    let (x_axis, y_axis) = (&run.axes[across], &run.axes[upwards]);
    let mut tiles: Vec<(usize, usize, &SettingFound)> = Vec::new();
    for (x, x_value) in x_axis.values.iter().enumerate() {
        for (y, y_value) in y_axis.values.iter().enumerate() {
            let with = found.settings.iter().filter(|s| s.setting.get(across) == Some(x_value) && s.setting.get(upwards) == Some(y_value));
            // The settings are in order: the first is the best.
            tiles.extend(with.take(1).map(|best| (x, y, best)));
        }
    }
    let score = |setting: &SettingFound| if run.aim == Aim::Greatest { setting.value.ln() } else { -setting.value.ln() };
    let (low, high) = ends(tiles.iter().map(|tile| score(tile.2)));
    let shade = |setting: &SettingFound| {
        let share = if high > low { (score(setting) - low) / (high - low) } else { 1.0 };
        ((share * SHADES as f64) as usize).min(SHADES - 1)
    };
    let series = (0..SHADES).rev().filter_map(|level| {
        let of_level: Vec<&(usize, usize, &SettingFound)> = tiles.iter().filter(|tile| shade(tile.2) == level).collect();
        let (least, most) = ends(of_level.iter().map(|tile| tile.2.value));
        let name = match least < most {
            true => format!("{} to {}", run.amount(least), run.amount(most)),
            false => run.amount(least).to_string(),
        };
        let points = of_level.iter().map(|(x, y, setting)| Point {
            x: *x as f64,
            y: *y as f64,
            spread: None,
            trusted: true,
            hover: vec![run.amount(setting.value).to_string(), run.in_words(&setting.setting), trials(setting)],
        });
        let style = Style { hue: Hue(FIRST_SHADE + level as u8), marker: Marker::Tile, dash: Dash::Solid, filled: true };
        let points: Vec<Point> = points.collect();
        (!points.is_empty()).then(|| Series { name: name.clone(), label: String::new(), keys: vec![name], style, joined: false, points })
    });
    Some(Figure {
        id: format!("best-setting-map-{}", slug(&format!("{} {}", x_axis.name, y_axis.name))),
        title: format!("Best {} by {} and {}", run.goal, x_axis.name, y_axis.name),
        caption: format!(
            "The {} of the best setting with these two values; {} to the right, {} downwards. Darker is better. A tile that is missing was not tried, has \
             no valid trial, or does not work.",
            run.goal, x_axis.name, y_axis.name
        ),
        series: series.collect(),
        x: Axis::names(&x_axis.name, x_axis.values.clone()),
        y: Axis::names(&y_axis.name, y_axis.values.iter().map(|value| format!("{} {value}", y_axis.name)).collect()),
        limits: Vec::new(),
    })
}

/// How far the means of an axis's values are apart.
fn effect(run: &TuneRun, found: &Found, place: usize) -> f64 {
    let mean = |value: &String| {
        let with: Vec<f64> = found.settings.iter().filter(|s| s.setting.get(place) == Some(value)).map(|s| s.value.ln()).collect();
        statistics::mean(&with)
    };
    let (low, high) = ends(run.axes[place].values.iter().filter_map(mean));
    (high - low).max(0.0)
}

/// Parallel coordinates: a line for each setting through its value of each axis, to its result. None with fewer than two settings.
pub fn settings_as_lines(run: &TuneRun, found: &Found) -> Option<Figure> {
    let axes: Vec<usize> = (0..run.axes.len()).filter(|&place| run.axes[place].values.len() > 1).collect();
    if axes.is_empty() || found.settings.len() < 2 {
        return None;
    }
    let (low, high) = ends(found.settings.iter().map(|setting| setting.value));
    let (worst, best) = if run.aim == Aim::Greatest { (low, high) } else { (high, low) };
    let place_of = |value: f64| {
        let share = if high > low { (value - low) / (high - low) } else { 1.0 };
        100.0 * if run.aim == Aim::Greatest { share } else { 1.0 - share }
    };
    let groups = [
        ("other settings", Style { hue: Hue(6), marker: Marker::Circle, dash: Dash::Dotted, filled: false }),
        ("not shown to be worse than the best", Style { hue: Hue(0), marker: Marker::Circle, dash: Dash::Solid, filled: true }),
        ("chosen", Style { hue: Hue(1), marker: Marker::Diamond, dash: Dash::Solid, filled: true }),
    ];
    let group = |setting: &SettingFound| match (setting.setting == found.chosen, setting.equals_winner) {
        (true, _) => 2,
        (false, true) => 1,
        (false, false) => 0,
    };
    let mut series = Vec::new();
    // The best are drawn last, above the others.
    for (number, (name, style)) in groups.iter().enumerate() {
        for setting in found.settings.iter().rev().filter(|setting| group(setting) == number) {
            let hover = || vec![run.in_words(&setting.setting), run.amount(setting.value).to_string(), trials(setting)];
            let point = |x: usize, y: f64| Point { x: x as f64, y, spread: None, trusted: true, hover: hover() };
            let mut points: Vec<Point> = axes
                .iter()
                .enumerate()
                .filter_map(|(x, &place)| {
                    let values = &run.axes[place].values;
                    let index = values.iter().position(|value| Some(value) == setting.setting.get(place))?;
                    Some(point(x, 100.0 * index as f64 / (values.len() - 1) as f64))
                })
                .collect();
            points.push(point(axes.len(), place_of(setting.value)));
            let name = (*name).to_owned();
            series.push(Series {
                name: run.in_words(&setting.setting),
                label: String::new(),
                keys: vec![name],
                style: *style,
                joined: true,
                points,
            });
        }
    }
    let names = axes.iter().map(|&place| run.axes[place].name.clone()).chain([run.goal.clone()]).collect();
    let ranges: Vec<String> =
        axes.iter().map(|&place| format!("{}: {}", run.axes[place].name, run.axes[place].values.join(", "))).collect();
    let whole =
        AxisKind::Values { unit: Unit::Percent, scale: Scale::Linear, fixed_ticks: vec![0.0, 50.0, 100.0], domain: Some((0.0, 100.0)) };
    Some(Figure {
        id: "settings-as-lines".to_owned(),
        title: "Settings and their results".to_owned(),
        caption: format!(
            "One line for each setting: through its value of each axis, from the first (bottom) to the last (top), to its result, from the worst ({}) to \
             the best ({}). {}.",
            run.amount(worst),
            run.amount(best),
            ranges.join("; ")
        ),
        series,
        x: Axis::names("", names),
        y: Axis { label: "from first to last value".to_owned(), kind: whole, shared: Vec::new() },
        limits: Vec::new(),
    })
}

/// The least and the greatest of the values.
fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
}

fn trials(setting: &SettingFound) -> String {
    format!("n = {}", setting.trials)
}
