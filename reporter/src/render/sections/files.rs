use super::Input;
use crate::amount::{Amount, Unit};
use crate::analysis::{FileTransfers, Quantity, TransferLine, TransferPoint, file_transfers};
use crate::figure;
use crate::record::Size;
use crate::render::document::{CaptionedTable, Section, Table};
use crate::render::format;

/// Files that were moved, by where TLS ends.
pub fn files(input: &Input<'_>) -> Section {
    let transfers = file_transfers(input.cells);
    Section {
        id: "files",
        title: "Files over TLS",
        figures: figure::transfer_time_by_size(&transfers),
        tables: transfers.iter().filter_map(table).collect::<Vec<CaptionedTable>>(),
        method: "nginx at the serving end, curl at the client, a new connection and a full handshake for each transfer. TLS at endpoint: in user space at \
                 both ends. endpoint-ktls and endpoint-inline: the kernel or the NIC of the serving end encrypts, proven by /proc/net/tls_stat. dpu: \
                 nginx proxies on the SmartNIC endpoints of both systems speak TLS to each other, and plain TCP to the host of their own system; \
                 what is inside a system is then not encrypted, and a handshake is timed in whole milliseconds and has that of the TCP connection. Cores in \
                 use are busy time of whole machines: at the client from the start of curl to its end, at a server from the moment at which it \
                 listens to its end. They are no cost of a byte, for curl and nginx also start and end in that time."
            .to_owned(),
        ..Section::default()
    }
}

fn table(transfers: &FileTransfers) -> Option<CaptionedTable> {
    let mut rows = Vec::new();
    for line in &transfers.lines {
        rows.extend(line.points.iter().map(|point| row(line, point)));
    }
    let header = [
        "TLS, file",
        "median time",
        "shortest to longest",
        "transfers",
        "TLS handshake",
        "goodput",
        "cores, serving end",
        "cores, client",
        "cores, proxies",
        "setup",
    ];
    Table::new(header, rows).captioned(format!("{}, times of files", transfers.pair))
}

fn row(line: &TransferLine, point: &TransferPoint) -> Vec<String> {
    let time = |value: f64| Amount { unit: Unit::Nanoseconds, value }.to_string();
    let cores = |value: f64| Amount { unit: Unit::Cores, value }.to_string();
    let end = |end: usize| match (point.cores[end], point.shared_machine) {
        (Some(value), true) => format!("{} (one machine)", cores(value)),
        (value, _) => format::or_absent(value.map(cores)),
    };
    let proxies: Vec<String> = point.cores_at_proxies.iter().map(|(id, value)| format!("{id} {}", cores(*value))).collect();
    vec![
        format!("{}, {}", line.label, Size::file(point.bytes)),
        format::marked(time(point.median_ns), point.trusted),
        format::range(time(point.range_ns.0), time(point.range_ns.1)),
        point.count.to_string(),
        format::or_absent(point.handshake_ns.map(time)),
        format::or_absent(point.goodput.map(|rate| Quantity::Goodput.amount(rate).to_string())),
        end(0),
        end(1),
        format::or_absent((!proxies.is_empty()).then(|| proxies.join(", "))),
        line.setup.clone(),
    ]
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use crate::archive::Archive;
    use crate::render::compose;

    #[test]
    fn the_section_has_a_figure_with_logarithmic_axes_and_a_row_for_each_setup_and_file() {
        let record = |tls_at: &str, seconds: f64| {
            let record = json!({
                "schema": 1, "id": tls_at, "time": "2026-03-01T12:00:00Z", "pair": { "from": "a-cpu", "to": "b-cpu" }, "stack": "kernel-tls",
                "tool": { "name": "curl", "version": "8" }, "metric": "transfer-time", "method": "file-transfer",
                "size": { "kind": "file", "bytes": 100_000_000 }, "values": { "transfer_s": seconds },
                "parameters": { "tls_at": tls_at, "transfers_s": [seconds, seconds * 2.0, seconds / 2.0] },
                "cpu": { "sender": { "cores": 1.0 }, "receiver": { "cores": 0.5 } }, "verdict": { "state": "valid", "reasons": [] }
            });
            serde_json::from_value(record).unwrap()
        };
        let records = vec![record("endpoint", 0.8), record("none", 0.4)];
        let archive = Archive::of_records(records, Path::new("/nonexistent/run"));
        let page = compose::compose(&archive, &[]);
        let section = page.sections.iter().find(|section| section.id == "files").unwrap();
        assert_eq!(section.figures[0].id, "transfer-time-a-cpu-to-b-cpu");
        assert!([&section.figures[0].x, &section.figures[0].y].iter().all(|axis| format!("{:?}", axis.kind).contains("scale: Log")));
        let rows = &section.tables[0].table.rows;
        assert_eq!(rows[0][..8], ["no TLS, 100 MB file", "400 ms", "200 ms to 800 ms", "3", "–", "2.00 Gb/s", "1.00 cores", "0.500 cores"]);
        assert_eq!((rows[1][0].as_str(), rows[1][1].as_str(), rows.len()), ("TLS at endpoint, 100 MB file", "800 ms", 2));
    }
}
