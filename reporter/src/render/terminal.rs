//! The table that a run ends with.

use comfy_table::{Cell, CellAlignment, ContentArrangement, LineStyle, Row, Table, TableStyle};

use super::escape;
use crate::analysis::{Amount, Analysis, Cells, LatencyRatio, Quantity, Sample, Unit, analyse, statistics};
use crate::archive::Archive;
use crate::record::{Metric, Pair, Record, SizeKind, Stack};

/// A rule below the header and nothing else: the columns carry the eye.
const RULED: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// What was measured, per pair and size, fitted to a terminal of `width` columns. No colours, no escape sequences.
///
/// A value with `!` comes from trials that are not valid.
pub fn summary(archive: &Archive, width: u16) -> String {
    let analysis = analyse(&archive.records);
    let cells = Cells::of(&archive.records);
    let mut text = String::new();
    for (title, table) in [("Throughput", throughput(&cells, &analysis, width)), ("Round trips", latency(&cells, &analysis, width))] {
        if let Some(table) = table {
            text.push_str(&format!("{title}\n{table}\n\n"));
        }
    }
    text.push_str(&closing(archive, &analysis));
    text
}

fn closing(archive: &Archive, analysis: &Analysis) -> String {
    let overview = &analysis.overview;
    let mut text = format!("{}\n", escape::terminal(&overview.headline));
    if !overview.basis.is_empty() {
        text.push_str(&format!("{}\n", escape::terminal(&overview.basis)));
    }
    let counts = overview.verdicts;
    text.push_str(&format!(
        "{} measurements: {} valid, {} invalid, {} failed",
        counts.total(),
        counts.valid,
        counts.invalid,
        counts.failed
    ));
    if !overview.reasons.is_empty() {
        let reasons: Vec<String> = overview.reasons.iter().map(|reason| format!("{} {}", reason.name, reason.count)).collect();
        text.push_str(&format!(" ({})", reasons.join(", ")));
    }
    text.push_str(".\n");
    if counts.invalid > 0 {
        text.push_str("A value with ! comes from trials that are not valid.\n");
    }
    for line in super::words::choices(&analysis.configurations) {
        text.push_str(&format!("{}\n", escape::terminal(&line)));
    }
    for line in analysis.tunings.iter().filter_map(super::words::tuning) {
        text.push_str(&format!("{}\n", escape::terminal(&line)));
    }
    for damaged in &archive.damaged {
        text.push_str(&escape::terminal(&format!("damaged: {} line {}: {}", damaged.file, damaged.line, damaged.why)));
        text.push('\n');
    }
    if let Some(note) = super::environment_note(archive) {
        text.push_str(&format!("{}\n", escape::terminal(&note)));
    }
    text
}

/// An empty table in the house style.
pub(crate) fn ruled(width: u16, header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(RULED).set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    table.set_header(header.to_vec());
    table
}

fn number(text: String) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

fn throughput(cells: &Cells<'_>, analysis: &Analysis, width: u16) -> Option<Table> {
    let mut table = ruled(width, &["pair", "size B", "kernel TCP", "DPDK", "DPDK L1", "payload ratio", "loss", "verdict"]);
    for pair in cells.pairs() {
        let mut sizes: Vec<u32> =
            cells.iter().filter(|cell| cell.key.pair == pair && cell.is_throughput_curve()).map(|cell| cell.key.size.bytes).collect();
        sizes.sort_unstable();
        sizes.dedup();
        for (index, bytes) in sizes.iter().enumerate() {
            let at = |stack: Stack| cells.curve(&pair, stack).into_iter().find(|cell| cell.key.size.bytes == *bytes);
            let tcp = at(Stack::KernelTcp).filter(|cell| cell.key.size.kind == SizeKind::Message);
            let dpdk = at(Stack::Dpdk);
            let ratio = analysis
                .ratios
                .iter()
                .find(|r| r.pair == pair && r.bytes == *bytes && r.kernel_stack == Stack::KernelTcp)
                .map(|r| marked(Amount { unit: Unit::Ratio, value: r.ratio }, r.is_trusted()));
            let loss = dpdk.as_ref().and_then(|cell| {
                let ratios: Vec<f64> = cell.shown().iter().filter_map(|r| r.values.loss_ratio.map(|l| l.ratio())).collect();
                statistics::mean(&ratios)
            });
            let records: Vec<&Record> =
                [&tcp, &dpdk].into_iter().flatten().flat_map(|c| c.valid.iter().chain(&c.invalid).copied()).collect();
            let failed: usize = [&tcp, &dpdk].into_iter().flatten().map(|cell| cell.failed).sum();
            table.add_row(Row::from(vec![
                Cell::new(if index == 0 { escape::terminal(&pair.to_string()) } else { String::new() }),
                number(bytes.to_string()),
                number(shown(tcp.as_ref().and_then(|c| c.sample(Quantity::Goodput)))),
                number(shown(dpdk.as_ref().and_then(|c| c.sample(Quantity::ForwardingRate)))),
                number(shown(dpdk.as_ref().and_then(|c| c.sample(Quantity::Layer1)))),
                number(ratio.unwrap_or_else(|| "–".to_owned())),
                number(loss.map_or_else(|| "–".to_owned(), percent)),
                Cell::new(verdict(&records, failed)),
            ]));
        }
    }
    (!table.is_empty()).then_some(table)
}

fn latency(cells: &Cells<'_>, analysis: &Analysis, width: u16) -> Option<Table> {
    let mut table = ruled(width, &["pair", "TCP mean", "UDP mean", "DPDK p50", "p99", "p99.9", "TCP / DPDK mean", "verdict"]);
    for pair in cells.pairs() {
        let of = |stack: Stack| {
            cells
                .iter()
                .filter(|c| c.key.pair == pair && c.key.stack == stack && c.key.metric == Metric::Latency && c.is_chosen())
                .min_by(|a, b| idle(a).0.cmp(&idle(b).0).then(idle(a).1.total_cmp(&idle(b).1)))
        };
        let (tcp, udp, dpdk) = (of(Stack::KernelTcp), of(Stack::KernelUdp), of(Stack::Dpdk));
        let present: Vec<_> = [tcp, udp, dpdk].into_iter().flatten().collect();
        if present.is_empty() {
            continue;
        }
        let records: Vec<&Record> = present.iter().flat_map(|c| c.valid.iter().chain(&c.invalid).copied()).collect();
        let failed = present.iter().map(|cell| cell.failed).sum();
        let sample = |cell: Option<&crate::analysis::Cell<'_>>, q: Quantity| number(shown(cell.and_then(|c| c.sample(q))));
        table.add_row(Row::from(vec![
            Cell::new(escape::terminal(&pair.to_string())),
            sample(tcp, Quantity::RttMean),
            sample(udp, Quantity::RttMean),
            sample(dpdk, Quantity::RttP50),
            sample(dpdk, Quantity::RttP99),
            sample(dpdk, Quantity::RttP999),
            number(rtt_ratio(analysis, &pair)),
            Cell::new(verdict(&records, failed)),
        ]));
    }
    (!table.is_empty()).then_some(table)
}

/// Whether nothing can be trusted, and the round trip: of several loads the idle one stands for a pair, as in the report.
fn idle(cell: &crate::analysis::Cell<'_>) -> (bool, f64) {
    let sample = [Quantity::RttP50, Quantity::RttMean].into_iter().find_map(|q| cell.sample(q));
    sample.map_or((true, f64::MAX), |s| (!s.trusted, s.centre()))
}

fn rtt_ratio(analysis: &Analysis, pair: &Pair) -> String {
    let ratio = analysis.latency_ratios.iter().find(|r| r.pair == *pair && r.kernel_stack == Stack::KernelTcp);
    // Of medians only where a side has no mean.
    let of = |r: &LatencyRatio| if r.quantity() == Quantity::RttMean { "" } else { " (median)" };
    ratio.map_or_else(|| "–".to_owned(), |r| format!("{}{}", marked(Amount { unit: Unit::Ratio, value: r.ratio }, r.is_trusted()), of(r)))
}

fn shown(sample: Option<Sample>) -> String {
    sample.map_or_else(|| "–".to_owned(), |s| marked(s.quantity.amount(s.centre()), s.trusted))
}

fn marked(amount: Amount, trusted: bool) -> String {
    if trusted { amount.to_string() } else { format!("{amount} !") }
}

/// `0`, `0.02 %`, `35 %`; a loss that is there never reads as 0.
pub(crate) fn percent(ratio: f64) -> String {
    if ratio == 0.0 {
        "0".to_owned()
    } else if ratio < 1e-6 {
        "<0.0001 %".to_owned()
    } else {
        Amount { unit: Unit::Percent, value: ratio * 100.0 }.to_string()
    }
}

fn verdict(records: &[&Record], failed: usize) -> String {
    let invalid: Vec<&&Record> = records.iter().filter(|r| r.verdict.state == crate::record::State::Invalid).collect();
    let mut parts = Vec::new();
    if !invalid.is_empty() {
        let mut kinds: Vec<_> = invalid.iter().flat_map(|r| &r.verdict.reasons).map(|reason| reason.kind.name()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        parts.push(if invalid.len() == records.len() && failed == 0 {
            format!("invalid: {}", kinds.join(", "))
        } else {
            format!("{} of {} invalid: {}", invalid.len(), records.len() + failed, kinds.join(", "))
        });
    }
    if failed > 0 {
        parts.push(format!("{failed} failed"));
    }
    if parts.is_empty() { "valid".to_owned() } else { parts.join("; ") }
}
