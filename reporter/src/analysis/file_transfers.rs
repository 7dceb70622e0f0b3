//! Files that were moved over TCP, with and without TLS: time by size, a line for each place where TLS ends.

use serde_json::Value;

use super::{Cell, Cells, Quantity, Setting, SettingValue, statistics};
use crate::record::{EndpointId, Metric, Pair, ShownParameter};

/// The transfers between one pair.
#[derive(Debug, Clone, PartialEq)]
pub struct FileTransfers {
    /// From the serving end to the client.
    pub pair: Pair,
    /// One for each setup.
    pub lines: Vec<TransferLine>,
}

/// The transfers of one setup, at each size of file.
#[derive(Debug, Clone, PartialEq)]
pub struct TransferLine {
    /// `none`, `endpoint`, `dpu` …
    pub tls_at: String,
    /// The setup in words.
    pub setup: String,
    /// As much of it as tells the lines of this pair apart.
    pub label: String,
    /// In ascending size.
    pub points: Vec<TransferPoint>,
}

/// The transfers of one file.
#[derive(Debug, Clone, PartialEq)]
pub struct TransferPoint {
    /// Its size in bytes.
    pub bytes: u32,
    /// How many transfers.
    pub count: usize,
    /// The median time in ns.
    pub median_ns: f64,
    /// The shortest and the longest time in ns.
    pub range_ns: (f64, f64),
    /// Of the median, the TLS handshake in ns.
    pub handshake_ns: Option<f64>,
    /// Payload by time, in bits a second.
    pub goodput: Option<f64>,
    /// Cores in use at the serving end and at the client.
    pub cores: [Option<f64>; 2],
    /// Both ends are one machine: each of the two figures holds both.
    pub shared_machine: bool,
    /// Cores in use at the machines of the proxies.
    pub cores_at_proxies: Vec<(EndpointId, f64)>,
    /// Whether it comes from valid records.
    pub trusted: bool,
}

/// The transfers of each pair that has some.
pub fn file_transfers(cells: &Cells<'_>) -> Vec<FileTransfers> {
    let of_pair = |pair: Pair| {
        let own: Vec<&Cell<'_>> = cells.iter().filter(|cell| cell.key.metric == Metric::TransferTime && cell.key.pair == pair).collect();
        let mut lines: Vec<TransferLine> = Vec::new();
        for cell in &own {
            let Some(point) = point(cell) else { continue };
            let configuration = &cell.key.configuration;
            let setup = configuration.settings_in_words().unwrap_or_default();
            let label = configuration.part(Setting::TlsAt).unwrap_or_else(|| format!("TLS at {}", tls_at(cell)));
            match lines.iter_mut().find(|line| line.setup == setup) {
                Some(line) => line.points.push(point),
                None => lines.push(TransferLine { tls_at: tls_at(cell), label, setup, points: vec![point] }),
            }
        }
        lines.iter_mut().for_each(|line| line.points.sort_by_key(|point| point.bytes));
        lines.sort_by_key(|line| (place(&line.tls_at), line.tls_at.clone(), line.setup.clone()));
        // The cipher suite tells lines apart only where a place of TLS has several.
        for of_place in lines.chunk_by_mut(|one, other| one.tls_at == other.tls_at).filter(|of_place| of_place.len() > 1) {
            of_place.iter_mut().for_each(|line| line.label.clone_from(&line.setup));
        }
        (!lines.is_empty()).then_some(FileTransfers { pair, lines })
    };
    cells.pairs().into_iter().filter_map(of_pair).collect()
}

/// The order of the lines: from no TLS to TLS outside the host.
fn place(tls_at: &str) -> usize {
    const ORDER: [&str; 5] = ["none", "endpoint", "endpoint-ktls", "endpoint-inline", "dpu"];
    ORDER.iter().position(|known| *known == tls_at).unwrap_or(ORDER.len())
}

fn tls_at(cell: &Cell<'_>) -> String {
    match cell.key.configuration.settings.get(&Setting::TlsAt) {
        Some(SettingValue::Text(text)) => text.clone(),
        _ => "an unnamed place".to_owned(),
    }
}

fn point(cell: &Cell<'_>) -> Option<TransferPoint> {
    let records = cell.shown();
    let each = |record: &&crate::record::Record| -> Vec<f64> {
        match record.parameter(ShownParameter::TRANSFERS_S).and_then(Value::as_array) {
            Some(list) => list.iter().filter_map(Value::as_f64).map(|seconds| seconds * 1e9).collect(),
            None => Quantity::TransferTime.of(record).into_iter().collect(),
        }
    };
    let times: Vec<f64> = records.iter().flat_map(each).filter(|time| time.is_finite() && *time > 0.0).collect();
    let median_ns = statistics::median(&times)?;
    let mean = |value: fn(&crate::record::CpuCost) -> Option<f64>| {
        statistics::mean(&records.iter().filter_map(|record| value(record.cpu.as_ref()?)).collect::<Vec<_>>())
    };
    Some(TransferPoint {
        bytes: cell.key.size.bytes,
        count: times.len(),
        median_ns,
        range_ns: times.iter().fold((f64::INFINITY, 0.0), |(low, high), &time| (low.min(time), high.max(time))),
        handshake_ns: statistics::median(&records.iter().filter_map(|record| Quantity::HandshakeTime.of(record)).collect::<Vec<_>>()),
        goodput: (median_ns > 0.0).then(|| f64::from(cell.key.size.bytes) * 8e9 / median_ns),
        cores: [mean(|cpu| cpu.sender.as_ref()?.cores), mean(|cpu| cpu.receiver.as_ref()?.cores)],
        shared_machine: records.iter().any(|record| record.cpu.as_ref().is_some_and(|cpu| cpu.shared_machine)),
        cores_at_proxies: cores_at_proxies(records),
        trusted: !cell.valid.is_empty(),
    })
}

fn cores_at_proxies(records: &[&crate::record::Record]) -> Vec<(EndpointId, f64)> {
    let of = |record: &&crate::record::Record| {
        record.parameter(ShownParameter::CPU_AT_PROXIES).and_then(Value::as_object).cloned().unwrap_or_default()
    };
    let all: Vec<_> = records.iter().map(of).collect();
    let mut names: Vec<&String> = all.iter().flat_map(|one| one.keys()).collect();
    names.sort();
    names.dedup();
    let cores = |name: &String| {
        let values: Vec<f64> = all.iter().filter_map(|one| one.get(name)?.get("cores")?.as_f64()).collect();
        Some((EndpointId(name.clone()), statistics::mean(&values)?))
    };
    names.into_iter().filter_map(cores).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::record::Record;

    fn record(tls_at: &str, cipher: Option<&str>, bytes: u32, transfers: &[f64]) -> Record {
        let record = json!({
            "schema": 1, "id": format!("{tls_at}-{bytes}"), "time": "2026-03-01T12:00:00Z", "pair": { "from": "a-cpu", "to": "b-cpu" },
            "stack": "kernel-tls", "tool": { "name": "curl", "version": "8" }, "metric": "transfer-time", "method": "file-transfer",
            "size": { "kind": "file", "bytes": bytes }, "values": { "transfer_s": transfers[0], "handshake_s": 0.002 },
            "parameters": { "tls_at": tls_at, "tls_cipher": cipher, "transfers_s": transfers, "cpu_at_proxies": { "a-dpu": { "cores": 0.5 } } },
            "cpu": { "sender": { "cores": 1.0 }, "receiver": { "cores": 0.5 } }, "verdict": { "state": "valid", "reasons": [] }
        });
        serde_json::from_value(record).unwrap()
    }

    #[test]
    fn each_place_of_tls_is_a_line_with_median_and_range_and_no_two_setups_are_averaged() {
        let records = [
            record("dpu", Some("A"), 1_000_000, &[0.3, 0.1, 0.2]),
            record("none", None, 100_000_000, &[1.0]),
            record("none", None, 1_000_000, &[0.01, 0.03, 0.02]),
            record("endpoint", Some("A"), 1_000_000, &[0.05]),
            record("endpoint", Some("B"), 1_000_000, &[0.09]),
        ];
        let found = file_transfers(&Cells::of(&records));
        let [transfers] = &found[..] else { panic!("{found:?}") };
        let labels: Vec<&str> = transfers.lines.iter().map(|line| line.label.as_str()).collect();
        assert_eq!(labels, ["no TLS", "TLS at endpoint, A", "TLS at endpoint, B", "TLS at dpu"]);
        let none = &transfers.lines[0].points;
        assert_eq!(none.iter().map(|point| point.bytes).collect::<Vec<_>>(), [1_000_000, 100_000_000]);
        assert_eq!((none[0].median_ns, none[0].range_ns, none[0].count), (0.02e9, (0.01e9, 0.03e9), 3));
        assert_eq!(none[0].goodput, Some(4e8), "8 Mbit in 20 ms");
        assert_eq!(transfers.lines[3].points[0].cores_at_proxies, [(EndpointId("a-dpu".to_owned()), 0.5)]);
        assert!(Cells::of(&records).choices().is_empty(), "all setups are shown");
    }
}
