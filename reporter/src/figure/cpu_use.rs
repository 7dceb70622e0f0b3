use crate::amount::Unit;
use crate::analysis::{Cell, Cells, Quantity, Setting, SettingValue};
use crate::record::{Metric, Stack};

use super::throughput::doubts;
use super::{Axis, Dash, Figure, Marker, Point, Scale, Series, Style, shown};

/// CPU use by load, of every stack: CPUs in use, and CPU time for each byte of payload, at every pair, size and load that has both a rate and a cost.
pub fn cpu_use_by_load(cells: &Cells<'_>) -> Vec<Figure> {
    let caption = "Every measured pair, size and load, both ends together. Kernel: busy time of the whole machine, softirq included. Poll loops: each \
                   counts as a whole CPU at any load, so their CPU time a byte falls as the load rises.";
    let of = |id: &str, title: &str, y: Axis, value: fn(f64, f64) -> f64| Figure {
        id: id.to_owned(),
        title: title.to_owned(),
        caption: caption.to_owned(),
        x: Axis::values("goodput", Unit::BitsPerSecond, Scale::Log),
        y,
        series: series(cells, value),
        limits: Vec::new(),
    };
    let figures = [
        of("cpus-by-load", "CPUs in use by goodput", Axis::values("CPUs in use", Unit::Cores, Scale::Linear), |cores, _| cores),
        of(
            "cpu-time-by-load",
            "CPU time for each byte by goodput",
            Axis::values("CPU time a byte", Unit::Nanoseconds, Scale::Log),
            ns_per_byte,
        ),
    ];
    figures.into_iter().filter(|figure| !figure.is_empty()).collect()
}

/// Processor time for each byte of payload, in ns.
pub(crate) fn ns_per_byte(cores: f64, goodput: f64) -> f64 {
    cores * 1e9 / (goodput / 8.0)
}

/// Goodput and cores of a cell, where it has both. Both directions at once share the cores, and a cell has the mean rate of the two.
pub(crate) fn cost_of(cell: &Cell<'_>) -> Option<(f64, f64)> {
    // The cores of a transfer are those of the time in which its programs ran, which is longer than the transfer.
    if cell.key.metric == Metric::TransferTime {
        return None;
    }
    let settings = &cell.key.configuration.settings;
    // The cores of proxies at SmartNICs are not among those of the two ends: the work would look cheaper than it is.
    if settings.get(&Setting::TlsAt) == Some(&SettingValue::Text("dpu".to_owned())) {
        return None;
    }
    let directions = if settings.contains_key(&Setting::Bidirectional) { 2.0 } else { 1.0 };
    let (cores, goodput) = (cell.sample(Quantity::Cores)?.centre(), directions * cell.sample(Quantity::Goodput)?.centre());
    (cores > 0.0 && goodput > 0.0).then_some((goodput, cores))
}

fn series(cells: &Cells<'_>, value: fn(f64, f64) -> f64) -> Vec<Series> {
    let of_stack = |stack: Stack| {
        let points: Vec<Point> = cells.iter().filter(|cell| cell.key.stack == stack).filter_map(|cell| point(cell, value)).collect();
        let marker = if stack.is_kernel() { Marker::Square } else { Marker::Circle };
        let style = Style::of_stack(stack, marker, Dash::of(stack));
        let name = stack.label().to_owned();
        (!points.is_empty()).then(|| Series { keys: vec![name.clone()], name, label: String::new(), style, joined: false, points })
    };
    Stack::ALL.iter().copied().filter_map(of_stack).collect()
}

fn point(cell: &Cell<'_>, value: fn(f64, f64) -> f64) -> Option<Point> {
    let (goodput, cores) = cost_of(cell)?;
    let mut hover = vec![
        format!("{} {}, {}", cell.key.stack.label(), cell.key.pair, cell.key.size),
        cell.key.configuration.to_string(),
        format!("{} of payload", shown(Unit::BitsPerSecond, goodput)),
        format!("{} in use", shown(Unit::Cores, cores)),
        format!("{} a byte", shown(Unit::Nanoseconds, ns_per_byte(cores, goodput))),
    ];
    hover.extend(cell.key.load.as_ref().map(|load| format!("load {load}")));
    hover.extend(doubts(cell));
    Some(Point { x: goodput, y: value(cores, goodput), spread: None, trusted: !cell.valid.is_empty(), hover })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::record::Record;

    fn record(id: &str, stack: &str, gbps: f64, cores: f64) -> Record {
        let end = json!({ "cores": cores });
        let record = json!({
            "schema": 1, "id": id, "time": "2026-03-01T12:00:00Z", "pair": { "from": "a", "to": "b" }, "stack": stack,
            "tool": { "name": "t", "version": "1" }, "metric": "throughput", "method": "stream", "size": { "kind": "message", "bytes": 64 },
            "load": id, "values": { "goodput_bps": gbps * 1e9 }, "cpu": { "sender": end, "receiver": end, "shared_machine": true },
            "verdict": { "state": "valid", "reasons": [] }
        });
        serde_json::from_value(record).unwrap()
    }

    #[test]
    fn each_load_is_a_point_in_cpus_and_in_time_a_byte() {
        // Machine-wide figures of one machine hold both ends; poll loops are counted one by one.
        let records = [record("half", "dpdk", 4.0, 1.0), record("full", "dpdk", 8.0, 1.0), record("tcp", "kernel-tcp", 8.0, 1.5)];
        let figures = cpu_use_by_load(&Cells::of(&records));
        let [cpus, time] = &figures[..] else { panic!("{figures:?}") };
        let points = |figure: &Figure| -> Vec<Vec<(f64, f64)>> {
            figure.series.iter().map(|series| series.points.iter().map(|point| (point.x, point.y)).collect()).collect()
        };
        assert_eq!(points(cpus), [vec![(8e9, 2.0), (4e9, 2.0)], vec![(8e9, 1.5)]]);
        assert_eq!(points(time), [vec![(8e9, 2.0), (4e9, 4.0)], vec![(8e9, 1.5)]]);
        assert!(cpu_use_by_load(&Cells::of(&[])).is_empty());
    }

    #[test]
    fn every_stack_is_there_and_two_directions_count_as_twice_the_load() {
        let mut both = record("both", "kernel-udp", 4.0, 1.0);
        both.parameters.insert("bidirectional".to_owned(), true.into());
        let mut proxied = record("proxied", "kernel-tls", 4.0, 1.0);
        proxied.parameters.insert("tls_at".to_owned(), "dpu".into());
        let records = [both, proxied, record("plain", "kernel-tls", 4.0, 1.0)];
        let figures = cpu_use_by_load(&Cells::of(&records));
        let points: Vec<_> = figures[1]
            .series
            .iter()
            .map(|series| (series.name.as_str(), series.points.len(), series.points[0].x, series.points[0].y))
            .collect();
        assert_eq!(
            points,
            [("kernel UDP", 1, 8e9, 1.0), ("kernel TLS", 1, 4e9, 2.0)],
            "TLS at SmartNICs costs processors that are not counted here"
        );
    }
}
