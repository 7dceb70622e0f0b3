use methodology::method::LoadPoint;
use methodology::procedures::Measured;
use methodology::trial::{DelayDefinition, DelaySummary};
use methodology::units::Nanoseconds;

use super::{Aggregation, Centre, Observation, ProcedureResult, SeriesLook};
use crate::amount::Unit;
use crate::analysis::{Cell, Cells, Quantity};
use crate::figure::{Axis, Dash, Figure, Marker, Scale, Style, share_both, shown, slug};
use crate::record::{Metric, Pair, ReportView, ShownParameter, Stack};

/// A percentile as a kernel tool and as a procedure gives it.
struct Drawn {
    name: &'static str,
    dash: Dash,
    of_tool: Quantity,
    of_procedure: fn(&DelaySummary) -> Nanoseconds,
}

const DRAWN: [Drawn; 2] = [
    Drawn { name: "p50", dash: Dash::Solid, of_tool: Quantity::RttP50, of_procedure: |d| d.p50 },
    Drawn { name: "p99", dash: Dash::Dashed, of_tool: Quantity::RttP99, of_procedure: |d| d.p99 },
];

/// Round trips of the kernel beside a stream, and of bypass stacks at shares of PDR, on one axis: a figure a pair and size of the payload. None where no
/// stream ran beside a round trip of the kernel.
pub fn round_trips_by_share(results: &[ProcedureResult], cells: &Cells<'_>) -> Vec<Figure> {
    let of_kernel: Vec<&Cell<'_>> = cells
        .iter()
        .filter(|cell| cell.key.metric == Metric::Latency && cell.key.stack.is_kernel() && cell.is_chosen())
        .filter(|cell| share_of(cell).is_some())
        .collect();
    let loaded = of_kernel.iter().filter(|cell| share_of(cell) > Some(0.0));
    let mut paths: Vec<(&Pair, u32)> = Vec::new();
    for path in loaded.map(|cell| (&cell.key.pair, cell.key.size.payload_bytes())) {
        if !paths.contains(&path) {
            paths.push(path);
        }
    }
    let has_sizes = |pair: &Pair| paths.iter().filter(|(of, _)| *of == pair).count() > 1;
    let mut figures: Vec<Figure> = paths
        .iter()
        .map(|&(pair, payload)| {
            let of_pair: Vec<&&Cell<'_>> =
                of_kernel.iter().filter(|cell| cell.key.pair == *pair && cell.key.size.payload_bytes() == payload).collect();
            let kernel = Stack::kernel_in_view(ReportView::RoundTrips).flat_map(|stack| {
                let of_stack: Vec<&&Cell<'_>> = of_pair.iter().copied().filter(|cell| cell.key.stack == stack).collect();
                let percentiles = DRAWN.map(|drawn| (drawn.name, drawn.dash, of_cells(&of_stack, drawn.name, drawn.of_tool)));
                // qperf gives no percentiles.
                let mean = ("mean", Dash::Dotted, of_cells(&of_stack, "mean", Quantity::RttMean));
                let has_percentiles = percentiles.iter().any(|(_, _, points)| !points.is_empty());
                percentiles.into_iter().chain((!has_percentiles).then_some(mean)).map(move |(name, dash, points)| (stack, name, dash, points))
            });
            let bypass = Stack::bypass_in_view(ReportView::Procedures).flat_map(|stack| {
                let of_stack: Vec<&ProcedureResult> = results.iter().filter(|r| r.pair == *pair && r.stack == stack && r.size.payload_bytes() == payload).collect();
                DRAWN.map(|drawn| (stack, drawn.name, drawn.dash, of_results(&of_stack, &drawn)))
            });
            let series = kernel.chain(bypass).flat_map(|(stack, name, dash, observations)| {
                Aggregation { centre: Centre::Median, unit: Unit::Nanoseconds }.series(look(stack, name, dash), observations)
            });
            Figure {
                id: format!("round-trips-by-share-{}{}", slug(&pair.to_string()), if has_sizes(pair) { format!("-{payload}") } else { String::new() }),
                title: if has_sizes(pair) { format!("{pair}, {payload} B of payload") } else { pair.to_string() },
                caption: "Whole round trips while the path carries a share of its full rate. Kernel: beside a TCP stream, at that share of the rate \
                          that the stream reaches alone. Bypass: test frames at that share of PDR, on the path that a point names. 0 %: nothing else is sent."
                    .to_owned(),
                series: series.collect(),
                x: Axis::values("share of the full rate", Unit::Percent, Scale::Linear),
                y: Axis::values("round-trip time", Unit::Nanoseconds, Scale::Log),
                limits: Vec::new(),
            }
        })
        .filter(|figure| !figure.is_empty())
        .collect();
    share_both(&mut figures);
    figures
}

fn look(stack: Stack, name: &str, dash: Dash) -> SeriesLook {
    let marker = if stack.is_kernel() { Marker::Square } else { Marker::Circle };
    let style = Style::of_stack(stack, marker, dash);
    let name = format!("{} {name}", stack.label());
    SeriesLook { label: name.clone(), keys: vec![name.clone()], name, style }
}

/// The share of the stream beside a cell's round trips, in percent: 0 where there was none.
fn share_of(cell: &Cell<'_>) -> Option<f64> {
    if cell.key.load.is_none() {
        return Some(0.0);
    }
    let share = cell.shown().first()?.parameter(ShownParameter::STREAM_BESIDE)?.get("share")?.as_f64()?;
    Some(share * 100.0)
}

fn of_cells(cells: &[&&Cell<'_>], name: &str, quantity: Quantity) -> Vec<Observation> {
    let of_cell = |cell: &Cell<'_>| -> Vec<Observation> {
        let (Some(share), Some(sample)) = (share_of(cell), cell.sample(quantity)) else { return Vec::new() };
        let load = cell.key.load.clone().unwrap_or_else(|| "no stream beside it".to_owned());
        let hover = vec![format!("{}, {} over {}", cell.key.pair, cell.key.size, cell.key.stack.label()), format!("{load}, {name}")];
        let of_value = |y| Observation {
            point: share.to_bits(),
            x: share,
            y,
            spread: None,
            trusted: sample.trusted,
            at_least: false,
            hover: hover.clone(),
        };
        sample.values.iter().copied().map(of_value).collect()
    };
    cells.iter().flat_map(|cell| of_cell(cell)).collect()
}

fn of_results(results: &[&ProcedureResult], drawn: &Drawn) -> Vec<Observation> {
    let mut observations = Vec::new();
    for result in results {
        let Measured::Latency(latency) = &result.measured else { continue };
        for at in &latency.loads {
            let share = match at.at {
                LoadPoint::Idle => 0.0,
                LoadPoint::OfPdr(share) => share.share() * 100.0,
                LoadPoint::Throughput | LoadPoint::Load(_) => continue,
            };
            let offered = shown(Unit::PacketsPerSecond, f64::from(at.load));
            let hover = vec![
                format!("{}, {} over {}", result.pair, result.size, result.stack.label()),
                format!("{}: {offered} offered, {}", latency.name_of(at.at), drawn.name),
            ];
            let whole = at.repetitions.iter().filter(|delays| delays.definition == DelayDefinition::RoundTripSoftware);
            observations.extend(whole.map(|delays| Observation {
                point: share.to_bits(),
                x: share,
                y: (drawn.of_procedure)(delays).ns() as f64,
                spread: None,
                trusted: result.trusted,
                at_least: false,
                hover: hover.clone(),
            }));
        }
    }
    observations
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::record::Record;

    fn record(share: Option<f64>, p50: f64) -> Record {
        let load = share.map(|share| format!("beside a stream at {} %", share * 100.0));
        let record = json!({
            "schema": 1, "id": format!("{share:?}"), "time": "2026-03-01T12:00:00Z", "pair": { "from": "a", "to": "b" }, "stack": "kernel-tcp",
            "tool": { "name": "sockperf", "version": "1" }, "metric": "latency", "method": "ping-pong", "size": { "kind": "message", "bytes": 18 },
            "load": load, "values": { "rtt_ns": { "mean": p50, "p50": p50, "p99": 2.0 * p50 } },
            "parameters": { "stream_beside": { "share": share } }, "verdict": { "state": "valid", "reasons": [] }
        });
        serde_json::from_value(record).unwrap()
    }

    #[test]
    fn messages_of_two_sizes_are_in_two_figures() {
        let of_size = |share, p50, bytes| {
            let mut record = record(share, p50);
            record.size.bytes = bytes;
            record
        };
        let records = [of_size(None, 1e4, 18), of_size(Some(0.5), 2e4, 18), of_size(None, 3e4, 1472), of_size(Some(0.5), 4e4, 1472)];
        let figures = round_trips_by_share(&[], &Cells::of(&records));
        let highest =
            |figure: &Figure| figure.series.iter().find(|series| series.name == "kernel TCP p50").unwrap().points.last().unwrap().y;
        let found: Vec<_> = figures.iter().map(|figure| (figure.title.as_str(), highest(figure))).collect();
        assert_eq!(found, [("a→b, 18 B of payload", 2e4), ("a→b, 1472 B of payload", 4e4)]);
        assert_ne!(figures[0].id, figures[1].id);
    }

    #[test]
    fn a_pair_has_a_point_for_each_load_and_one_without() {
        let records = [record(None, 10_000.0), record(Some(0.5), 20_000.0), record(Some(0.9), 40_000.0)];
        let [figure] = &round_trips_by_share(&[], &Cells::of(&records))[..] else { panic!("one pair") };
        let points = |name: &str| -> Vec<(f64, f64)> {
            let series = figure.series.iter().find(|series| series.name == name).unwrap();
            series.points.iter().map(|point| (point.x, point.y)).collect()
        };
        assert_eq!(points("kernel TCP p50"), [(0.0, 10_000.0), (50.0, 20_000.0), (90.0, 40_000.0)]);
        assert_eq!(points("kernel TCP p99"), [(0.0, 20_000.0), (50.0, 40_000.0), (90.0, 80_000.0)]);
        assert!(round_trips_by_share(&[], &Cells::of(&records[..1])).is_empty(), "without a stream there is nothing to compare");
    }
}
