use super::Input;
use super::stacks::{of_each_bypass, pairs_of_each_bypass, subject};
use crate::analysis::Cells;
use crate::figure;
use crate::record::{LossDomains, Record, ReportView};
use crate::render::document::{Section, Table};
use crate::render::format;

/// Where frames were lost.
pub fn loss(input: &Input<'_>) -> Section {
    let caption = "Frames by cause, as shares of frames sent: lowest to highest over all sizes";
    Section {
        id: "loss",
        title: "Loss, by domain",
        figures: of_each_bypass(ReportView::Loss, |stack| figure::loss_by_size(input.cells, stack, &input.styles)),
        method:
            "The causes are counted in different places. Do not add them: one lost frame can be counted in several. Loss is counted by \
                 sequence number; the other counters only show where it happened."
                .to_owned(),
        tables: table(input.cells).captioned(caption).into_iter().collect(),
        ..Section::default()
    }
}

/// A domain's name and its count.
type Domain = (&'static str, fn(&LossDomains) -> u64);

const DOMAINS: [Domain; 10] = [
    ("unsent", |l| l.unsent),
    ("NIC discard", |l| l.nic_discard),
    ("no descriptor", |l| l.no_descriptor),
    ("no mbuf", |l| l.no_mbuf),
    ("lost by sequence", |l| l.lost),
    ("duplicate", |l| l.duplicate),
    ("reordered", |l| l.reordered),
    ("corrupt", |l| l.corrupt),
    ("foreign", |l| l.foreign),
    ("late or duplicate", |l| l.window_exceeded),
];

fn table(cells: &Cells<'_>) -> Table {
    let mut rows = Vec::new();
    for (pair, stack) in pairs_of_each_bypass(cells.pairs(), ReportView::Loss) {
        let records: Vec<&Record> = cells.curve(&pair, stack).into_iter().flat_map(|c| c.shown().to_vec()).collect();
        let ranges: Vec<Option<(f64, f64)>> = DOMAINS.iter().map(|(_, pick)| range_of_shares(&records, *pick)).collect();
        if ranges.iter().any(Option::is_some) {
            let texts = ranges.iter().map(|range| format::or_absent(range.map(|(low, high)| format::percent_range(low, high))));
            rows.push(std::iter::once(subject(&pair, stack)).chain(texts).collect());
        }
    }
    let header = std::iter::once("pair").chain(DOMAINS.iter().map(|(name, _)| *name)).map(str::to_owned).collect();
    Table { header, rows }
}

/// The lowest and the highest share of the frames sent.
fn range_of_shares(records: &[&Record], pick: fn(&LossDomains) -> u64) -> Option<(f64, f64)> {
    let shares = records.iter().filter_map(|record| {
        let sent = record.values.frames_sent.filter(|sent| *sent > 0)?;
        Some(pick(record.values.loss.as_ref()?) as f64 / sent as f64)
    });
    shares.map(|share| (share, share)).reduce(|(low, high), (share, _)| (low.min(share), high.max(share)))
}
