use super::Input;
use crate::amount::{Amount, Unit};
use crate::analysis::{FileTransfers, Quantity, TransferPoint, file_transfers};
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
                 what is inside a system is then not encrypted, and a handshake is timed in whole milliseconds. Cores in use are busy time of whole \
                 machines, from the start of curl to its end."
            .to_owned(),
        ..Section::default()
    }
}

fn table(transfers: &FileTransfers) -> Option<CaptionedTable> {
    let mut rows = Vec::new();
    for line in &transfers.lines {
        rows.extend(line.points.iter().map(|point| row(&line.setup, point)));
    }
    let header = [
        "setup, file",
        "median time",
        "shortest to longest",
        "transfers",
        "TLS handshake",
        "goodput",
        "cores, serving end",
        "cores, client",
        "cores, proxies",
    ];
    Table::new(header, rows).captioned(format!("{}, times of files", transfers.pair))
}

fn row(setup: &str, point: &TransferPoint) -> Vec<String> {
    let time = |value: f64| Amount { unit: Unit::Nanoseconds, value }.to_string();
    let cores = |value: f64| Amount { unit: Unit::Cores, value }.to_string();
    let end = |end: usize| match (point.cores[end], point.shared_machine) {
        (Some(value), true) => format!("{} (one machine)", cores(value)),
        (value, _) => format::or_absent(value.map(cores)),
    };
    let proxies: Vec<String> = point.cores_at_proxies.iter().map(|(id, value)| format!("{id} {}", cores(*value))).collect();
    vec![
        format!("{setup}, {}", Size::file(point.bytes)),
        format::marked(time(point.median_ns), point.trusted),
        format::range(time(point.range_ns.0), time(point.range_ns.1)),
        point.count.to_string(),
        format::or_absent(point.handshake_ns.map(time)),
        format::or_absent(point.goodput.map(|rate| Quantity::Goodput.amount(rate).to_string())),
        end(0),
        end(1),
        format::or_absent((!proxies.is_empty()).then(|| proxies.join(", "))),
    ]
}
