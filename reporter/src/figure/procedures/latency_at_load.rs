use methodology::procedures::{LatencyAtLoad, Measured};
use methodology::trial::{DelayDefinition, DelaySummary};
use methodology::units::Nanoseconds;

use super::{Aggregation, Centre, Observation, ProcedureResult, SeriesLook, pairs_of, sizes_of};
use crate::amount::Unit;
use crate::figure::{Axis, Dash, Figure, Scale, Styles, share_both, shown, slug};

/// What is drawn of a distribution.
struct Drawn {
    name: &'static str,
    dash: Dash,
    of: fn(&DelaySummary) -> Nanoseconds,
}

const DRAWN: [Drawn; 3] = [
    Drawn { name: "p50", dash: Dash::Solid, of: |d| d.p50 },
    Drawn { name: "p99", dash: Dash::Dashed, of: |d| d.p99 },
    Drawn { name: "p99.9", dash: Dash::Dotted, of: |d| d.p999 },
];

/// Up to so many sizes every line has its name; beyond, names would run out of the figure, and the legend tells the lines of a size apart.
const NAMED_SIZES: usize = 3;

/// Percentiles of round trips against load, three lines a frame size: a figure a pair, on the same scales.
pub fn round_trips_by_load(results: &[ProcedureResult]) -> Vec<Figure> {
    let curves: Vec<&ProcedureResult> = results.iter().filter(|f| matches!(f.measured, Measured::Latency(_))).collect();
    let sizes = sizes_of(curves.iter().copied());
    let styles = Styles::of(sizes.iter().map(ToString::to_string));
    let mut figures: Vec<Figure> = pairs_of(curves.iter().copied())
        .into_iter()
        .map(|pair| {
            let mut series = Vec::new();
            for size in &sizes {
                for Drawn { name, dash, of } in DRAWN {
                    let observations =
                        curves.iter().filter(|f| f.pair == pair && f.size == *size).flat_map(|f| observations(f, name, of)).collect();
                    let label = match name {
                        _ if sizes.len() <= NAMED_SIZES => format!("{} B {name}", size.bytes),
                        "p50" => format!("{} B", size.bytes),
                        _ => String::new(),
                    };
                    let size = size.to_string();
                    let look = SeriesLook {
                        name: format!("{size} {name}"),
                        label,
                        keys: vec![size.clone(), name.to_owned()],
                        style: styles.style(&size, dash),
                    };
                    series.extend(Aggregation { centre: Centre::Median, unit: Unit::Nanoseconds }.series(look, observations));
                }
            }
            Figure {
                id: format!("round-trips-by-load-{}", slug(&pair.to_string())),
                title: pair.to_string(),
                caption:
                    "Whole round trips while that load is offered (RFC 8219 §7.2): the median over the repetitions of their p50, p99 and \
                          p99.9; whiskers span the repetitions."
                        .to_owned(),
                series,
                x: Axis::values("offered load", Unit::PacketsPerSecond, Scale::Log),
                y: Axis::values("round-trip time", Unit::Nanoseconds, Scale::Log),
                limits: Vec::new(),
            }
        })
        .filter(|figure| !figure.is_empty())
        .collect();
    share_both(&mut figures);
    figures
}

fn observations(result: &ProcedureResult, name: &str, value: fn(&DelaySummary) -> Nanoseconds) -> Vec<Observation> {
    let Measured::Latency(latency) = &result.measured else { return Vec::new() };
    let of_load = |(place, load): (usize, &LatencyAtLoad)| -> Vec<Observation> {
        let offered = f64::from(load.load);
        let hover =
            vec![format!("{}, {}", result.pair, result.size), format!("{} offered, {name}", shown(Unit::PacketsPerSecond, offered))];
        // One-way delays and round trips do not stand on one axis.
        let whole = load.repetitions.iter().filter(|delays| delays.definition == DelayDefinition::RoundTripSoftware);
        whole
            .map(|delays| Observation {
                point: place as u64,
                x: offered,
                y: value(delays).ns() as f64,
                spread: None,
                trusted: result.trusted,
                at_least: false,
                hover: hover.clone(),
            })
            .collect()
    };
    latency.loads.iter().enumerate().flat_map(of_load).collect()
}
