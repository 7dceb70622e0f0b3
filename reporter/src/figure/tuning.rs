use crate::amount::Unit;
use crate::analysis::{TunedRate, Tuning};

use super::{Axis, Dash, Figure, Hue, Marker, Point, Scale, Series, Style, shown, slug};

const LOOKS: [(u8, Marker); 6] =
    [(0, Marker::Circle), (1, Marker::Square), (2, Marker::Triangle), (3, Marker::Diamond), (4, Marker::TriangleDown), (5, Marker::Plus)];

/// The rate of each number of queues and flows, one row each, and each burst, one mark each: a figure a pair, size and method.
pub fn rate_by_configuration(tunings: &[Tuning]) -> Vec<Figure> {
    let mut bursts: Vec<Option<u64>> = tunings.iter().flat_map(|t| &t.rates).map(|rate| rate.configuration.burst()).collect();
    bursts.sort_unstable();
    bursts.dedup();
    tunings.iter().map(|tuning| figure_of(tuning, &bursts)).collect()
}

fn figure_of(tuning: &Tuning, bursts: &[Option<u64>]) -> Figure {
    let mut rows: Vec<String> = tuning.rates.iter().map(|rate| rate.configuration.setup_in_words()).collect();
    rows.dedup();
    let series = bursts.iter().enumerate().filter_map(|(place, burst)| {
        let points: Vec<Point> = tuning
            .rates
            .iter()
            .filter(|rate| rate.configuration.burst() == *burst)
            .filter_map(|rate| point_of(rate, rows.iter().position(|row| *row == rate.configuration.setup_in_words())?))
            .collect();
        let name = burst.map_or_else(|| "burst not recorded".to_owned(), |burst| format!("burst {burst}"));
        let (hue, marker) = LOOKS.get(place % LOOKS.len()).copied().unwrap_or((6, Marker::Bar));
        let style = Style { hue: Hue(hue), marker, dash: Dash::Solid, filled: true };
        (!points.is_empty()).then(|| Series { name: name.clone(), label: String::new(), keys: vec![name], style, joined: false, points })
    });
    let key = &tuning.measurement;
    let title = format!("{}, {}, {}", key.pair, key.size, key.method);
    Figure {
        id: format!("rate-by-configuration-{}", slug(&title)),
        title,
        caption: "Received frames a second by the number of queues of sender and receiver, and of flows, one mark a burst. Lines span the repetitions."
            .to_owned(),
        series: series.collect(),
        x: Axis::values("forwarding rate", Unit::PacketsPerSecond, Scale::Linear),
        y: Axis::names("configuration", rows),
        limits: Vec::new(),
    }
}

fn point_of(rate: &TunedRate, row: usize) -> Option<Point> {
    let (unit, sample) = (Unit::PacketsPerSecond, &rate.rate);
    let (low, high) = sample.range();
    let mut hover = vec![rate.configuration.to_string(), shown(unit, sample.centre())];
    hover.push(match sample.values.len() {
        1 => "measured once".to_owned(),
        n => format!("n = {n}, from {} to {}", shown(unit, low), shown(unit, high)),
    });
    if !sample.trusted {
        hover.push("not from valid trials".to_owned());
    }
    let spread = (sample.values.len() > 1).then_some((low, high));
    sample.centre().is_finite().then_some(Point { x: sample.centre(), y: row as f64, spread, trusted: sample.trusted, hover })
}
