//! The table that a run ends with.

use comfy_table::{Cell, CellAlignment, Row};

use super::escape;
use super::terminal_table::TerminalTable;
use crate::analysis::{Analysis, Cell as MeasuredCell, Cells, LatencyRatio, Quantity, analyse, statistics};
use crate::archive::Archive;
use crate::record::{Metric, Pair, Record, ReportView, Stack, State};
use crate::render::sections::concurrent_table;
use crate::render::{format, kernel_search_words, sentences};

/// What was measured, per pair and size, fitted to a terminal of `width` columns. No colours, no escape sequences.
///
/// A value with `!` comes from trials that are not valid.
pub fn summary(archive: &Archive, width: u16) -> String {
    let analysis = analyse(&archive.records);
    let cells = Cells::of(&archive.records);
    let mut text = String::new();
    for (title, table) in [("Throughput", throughput(&cells, &analysis, width)), ("Round trips", latency(&cells, &analysis, width))] {
        if let Some(table) = table {
            text.push_str(&format!("{title}\n{}\n\n", table.into_text()));
        }
    }
    let concurrent = concurrent_table(&analysis.concurrent);
    if !concurrent.rows.is_empty() {
        text.push_str(&format!(
            "Pairs at the same time\n{}\n\n",
            TerminalTable::filled(width, &concurrent.header, &concurrent.rows).into_text()
        ));
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
    for line in kernel_search_words::searches(&archive.records) {
        text.push_str(&format!("{}\n", escape::terminal(&line)));
    }
    for line in sentences::choices(&analysis.configurations) {
        text.push_str(&format!("{}\n", escape::terminal(&line)));
    }
    for line in analysis.tunings.iter().filter_map(sentences::tuning) {
        text.push_str(&format!("{}\n", escape::terminal(&line)));
    }
    for damaged in &archive.damaged {
        text.push_str(&escape::terminal(&format!("damaged: {} line {}: {}", damaged.file, damaged.line, damaged.why)));
        text.push('\n');
    }
    if let Some(note) = sentences::environment_note(archive) {
        text.push_str(&format!("{}\n", escape::terminal(&note)));
    }
    text
}

fn number(text: String) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

/// The stacks that have columns in a table: those that were measured, and those that the headline compares.
fn columns(cells: &Cells<'_>, view: ReportView) -> Vec<Stack> {
    let expected = |stack: Stack| stack == Stack::REFERENCE_KERNEL || stack == Stack::REFERENCE_BYPASS;
    let measured = |stack: Stack| cells.iter().any(|cell| cell.key.stack == stack && cell.is_chosen());
    let stacks = Stack::kernel_in_view(view).chain(Stack::bypass_in_view(view));
    stacks.filter(|stack| expected(*stack) || measured(*stack)).collect()
}

fn throughput(cells: &Cells<'_>, analysis: &Analysis, width: u16) -> Option<TerminalTable> {
    let stacks = columns(cells, ReportView::SummaryThroughput);
    let rates = |stack: Stack| match stack.is_kernel() {
        true => vec![(stack.label().to_owned(), Quantity::Goodput)],
        false => vec![(stack.label().to_owned(), Quantity::ForwardingRate), (format!("{} L1", stack.label()), Quantity::Layer1)],
    };
    let names = stacks.iter().flat_map(|stack| rates(*stack)).map(|(name, _)| name);
    let header = ["pair", "size B"].map(str::to_owned).into_iter().chain(names);
    let mut table = TerminalTable::new(width, &header.chain(["payload ratio", "loss", "verdict"].map(str::to_owned)).collect::<Vec<_>>());
    for pair in cells.pairs() {
        let mut sizes: Vec<u32> =
            cells.iter().filter(|cell| cell.key.pair == pair && cell.is_throughput_curve()).map(|cell| cell.key.size.bytes).collect();
        sizes.sort_unstable();
        sizes.dedup();
        for (index, bytes) in sizes.iter().enumerate() {
            let at = |stack: Stack| {
                let curve = cells.curve(&pair, stack);
                // Kernel streams can also be made for sizes of frames: UDP's usually are.
                let own_kind = curve.iter().any(|cell| cell.key.size.kind == stack.size_kind());
                curve.into_iter().find(|cell| cell.key.size.bytes == *bytes && (cell.key.size.kind == stack.size_kind() || !own_kind))
            };
            let present: Vec<(Stack, Option<&MeasuredCell<'_>>)> = stacks.iter().map(|stack| (*stack, at(*stack))).collect();
            let ratio = analysis
                .ratios
                .iter()
                .find(|r| r.pair == pair && r.bytes == *bytes && r.kernel_stack == Stack::REFERENCE_KERNEL)
                .map(|r| format::marked(format::ratio(r.ratio), r.is_trusted()));
            let loss = at(Stack::REFERENCE_BYPASS).and_then(|cell| {
                let ratios: Vec<f64> = cell.shown().iter().filter_map(|r| r.values.loss_ratio.map(|l| l.ratio())).collect();
                statistics::mean(&ratios)
            });
            let name = if index == 0 { table.text_cell(&pair.to_string()) } else { Cell::new("") };
            let mut row = vec![name, number(bytes.to_string())];
            for (stack, cell) in &present {
                row.extend(rates(*stack).into_iter().map(|(_, rate)| number(format::sample(cell.and_then(|c| c.sample(rate))))));
            }
            row.extend([number(format::or_absent(ratio)), number(format::or_absent(loss.map(format::percent)))]);
            row.push(Cell::new(verdict_of(present.iter().filter_map(|(_, cell)| *cell))));
            table.add_row(Row::from(row));
        }
    }
    (!table.is_empty()).then_some(table)
}

fn latency(cells: &Cells<'_>, analysis: &Analysis, width: u16) -> Option<TerminalTable> {
    let stacks = columns(cells, ReportView::SummaryRoundTrips);
    let delays = |stack: Stack| match stack.is_kernel() {
        true => vec![(format!("{} mean", stack.short_label()), Quantity::RttMean)],
        false => {
            let tail = |name: &str| match stack == Stack::REFERENCE_BYPASS {
                true => name.to_owned(),
                false => format!("{} {name}", stack.short_label()),
            };
            vec![
                (format!("{} p50", stack.short_label()), Quantity::RttP50),
                (tail("p99"), Quantity::RttP99),
                (tail("p99.9"), Quantity::RttP999),
            ]
        }
    };
    let names = stacks.iter().flat_map(|stack| delays(*stack)).map(|(name, _)| name);
    let header = std::iter::once("pair".to_owned()).chain(names);
    let ratio_name = format!("{} / {} mean", Stack::REFERENCE_KERNEL.short_label(), Stack::REFERENCE_BYPASS.short_label());
    let mut table = TerminalTable::new(width, &header.chain([ratio_name, "verdict".to_owned()]).collect::<Vec<_>>());
    for pair in cells.pairs() {
        let of = |stack: Stack| {
            cells
                .iter()
                .filter(|c| c.key.pair == pair && c.key.stack == stack && c.key.metric == Metric::Latency && c.is_chosen())
                .min_by(|a, b| idle(a).0.cmp(&idle(b).0).then(idle(a).1.total_cmp(&idle(b).1)))
        };
        let found: Vec<(Stack, Option<&MeasuredCell<'_>>)> = stacks.iter().map(|stack| (*stack, of(*stack))).collect();
        if found.iter().all(|(_, cell)| cell.is_none()) {
            continue;
        }
        let mut row = vec![table.text_cell(&pair.to_string())];
        for (stack, cell) in &found {
            row.extend(delays(*stack).into_iter().map(|(_, delay)| number(format::sample(cell.and_then(|c| c.sample(delay))))));
        }
        row.push(number(rtt_ratio(analysis, &pair)));
        row.push(Cell::new(verdict_of(found.iter().filter_map(|(_, cell)| *cell))));
        table.add_row(Row::from(row));
    }
    (!table.is_empty()).then_some(table)
}

/// Whether nothing can be trusted, and the round trip: of several loads the idle one stands for a pair, as in the report.
fn idle(cell: &MeasuredCell<'_>) -> (bool, f64) {
    let sample = [Quantity::RttP50, Quantity::RttMean].into_iter().find_map(|q| cell.sample(q));
    sample.map_or((true, f64::MAX), |s| (!s.trusted, s.centre()))
}

fn rtt_ratio(analysis: &Analysis, pair: &Pair) -> String {
    let ratio = analysis.latency_ratios.iter().find(|r| r.pair == *pair && r.kernel_stack == Stack::REFERENCE_KERNEL);
    // Of medians only where a side has no mean.
    let of = |r: &LatencyRatio| if r.quantity() == Quantity::RttMean { "" } else { " (median)" };
    format::or_absent(ratio.map(|r| format!("{}{}", format::marked(format::ratio(r.ratio), r.is_trusted()), of(r))))
}

/// The verdict of a row: of all records behind it.
fn verdict_of<'c, 'a: 'c>(cells: impl Iterator<Item = &'c MeasuredCell<'a>>) -> String {
    let (mut records, mut failed) = (Vec::new(), 0);
    for cell in cells {
        records.extend(cell.valid.iter().chain(&cell.invalid).copied());
        failed += cell.failed;
    }
    verdict(&records, failed)
}

fn verdict(records: &[&Record], failed: usize) -> String {
    let invalid: Vec<&&Record> = records.iter().filter(|r| r.verdict.state == State::Invalid).collect();
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
