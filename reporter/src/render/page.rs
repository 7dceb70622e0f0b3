//! Everything that stands in a report, in the order in which it stands there. HTML and Markdown are two ways to write it down.

use std::collections::{BTreeMap, BTreeSet};

use crate::analysis::{Analysis, Cells, Group, Quantity, ResponseKind, analyse};
use crate::archive::Archive;
use crate::figure::{self, Figure, Styles};
use crate::record::{LossDomains, Stack, View};

use super::table::Table;
use super::{procedures, round_trips, words};

/// A report's content.
pub struct Page {
    pub analysis: Analysis,
    pub sections: Vec<Section>,
}

/// A heading with what stands under it.
#[derive(Default)]
pub struct Section {
    pub id: &'static str,
    pub title: &'static str,
    /// Said before the figures.
    pub lead: Vec<String>,
    /// Figures that share one legend.
    pub figures: Vec<Figure>,
    /// Numbers that no figure shows.
    pub tables: Vec<(String, Table)>,
    /// How it was found.
    pub method: String,
}

impl Page {
    pub fn of(archive: &Archive) -> Self {
        let analysis = analyse(&archive.records);
        let cells = Cells::of(&archive.records);
        let mut names: Vec<String> = cells.pairs().iter().map(|pair| Group::of(pair).short(pair)).collect();
        names.sort();
        let styles = Styles::of(names);
        let [round_trips, percentiles] = round_trips::sections(archive, &cells, &styles);
        let mut sections = vec![
            throughput(&cells, &styles, View::Application, &analysis),
            throughput(&cells, &styles, View::Frame, &analysis),
            Section {
                id: "ratio",
                title: "Kernel bypass over kernel TCP, by size",
                figures: figure::ratio_by_size(&analysis.ratios, &styles),
                ..Section::default()
            },
            round_trips,
            percentiles,
            loss(&cells, &styles),
        ];
        sections.extend(procedures::sections(archive, &cells, &styles));
        sections.extend([
            cost(&cells),
            Section {
                id: "effects",
                title: "Sender or receiver: which one decides",
                lead: words::effects(&analysis.effects),
                tables: match effects_table(&analysis) {
                    table if table.rows.is_empty() => Vec::new(),
                    table => vec![("Share of the variation that each explains (* beyond chance)".to_owned(), table)],
                },
                method: words::effects_method(),
                ..Section::default()
            },
            placement(&analysis),
            Section {
                id: "tuning",
                title: "Rate by queues, flows and burst",
                lead: analysis.tunings.iter().filter_map(words::tuning).collect(),
                figures: figure::rate_by_configuration(&analysis.tunings),
                method: words::TUNING_METHOD.to_owned(),
                ..Section::default()
            },
        ]);
        sections.retain(|s| !s.lead.is_empty() || !s.figures.is_empty() || !s.tables.is_empty());
        Page { analysis, sections }
    }

    pub fn figures(&self) -> impl Iterator<Item = &Figure> {
        self.sections.iter().flat_map(|section| &section.figures)
    }
}

fn throughput(cells: &Cells<'_>, styles: &Styles, view: View, analysis: &Analysis) -> Section {
    let figures = figure::throughput_by_size(cells, styles, view);
    match view {
        View::Application => {
            let rows = analysis
                .plateaus
                .iter()
                .map(|p| vec![p.pair.to_string(), figure::stack_name(p.stack).to_owned(), p.quantity.to_string(), words::plateau(p)]);
            let table = Table { header: ["pair", "stack", "judged by", "plateau"].map(str::to_owned).into(), rows: rows.collect() };
            let tables = if table.rows.is_empty() { vec![] } else { vec![("Where each curve stops rising".to_owned(), table)] };
            Section {
                id: "application-view",
                title: "Application view: goodput by what is handed over at once",
                figures,
                tables,
                ..Section::default()
            }
        }
        View::Frame => Section { id: "frame-view", title: "Frame view: rate on the wire by frame size", figures, ..Section::default() },
    }
}

/// A domain's name and its count.
type Domain = (&'static str, fn(&LossDomains) -> u64);

const DOMAINS: [Domain; 9] = [
    ("unsent", |l| l.unsent),
    ("NIC discard", |l| l.nic_discard),
    ("no descriptor", |l| l.no_descriptor),
    ("no mbuf", |l| l.no_mbuf),
    ("lost by sequence", |l| l.lost),
    ("duplicate", |l| l.duplicate),
    ("reordered", |l| l.reordered),
    ("corrupt", |l| l.corrupt),
    ("foreign", |l| l.foreign),
];

fn loss(cells: &Cells<'_>, styles: &Styles) -> Section {
    let mut rows = Vec::new();
    for pair in cells.pairs() {
        let records: Vec<_> = cells.curve(&pair, Stack::Dpdk).into_iter().flat_map(|c| c.shown().to_vec()).collect();
        let shares = |pick: fn(&LossDomains) -> u64| -> Option<(f64, f64)> {
            let shares = records.iter().filter_map(|r| {
                let sent = r.values.frames_sent.filter(|sent| *sent > 0)?;
                Some(pick(r.values.loss.as_ref()?) as f64 / sent as f64)
            });
            shares.map(|s| (s, s)).reduce(|(low, high), (s, _)| (low.min(s), high.max(s)))
        };
        let cells: Vec<Option<(f64, f64)>> = DOMAINS.iter().map(|(_, pick)| shares(*pick)).collect();
        if cells.iter().any(Option::is_some) {
            let text = |range: &Option<(f64, f64)>| match range {
                None => "–".to_owned(),
                Some((low, high)) => match (super::terminal::percent(*low), super::terminal::percent(*high)) {
                    (low, high) if low == high => low,
                    (low, high) => format!("{} to {high}", low.trim_end_matches(" %")),
                },
            };
            rows.push(std::iter::once(pair.to_string()).chain(cells.iter().map(text)).collect());
        }
    }
    let header = std::iter::once("pair").chain(DOMAINS.iter().map(|(name, _)| *name)).map(str::to_owned).collect();
    let tables = match rows.is_empty() {
        true => Vec::new(),
        false => vec![(
            "Frames by what became of them, as shares of frames sent, lowest to highest over all sizes".to_owned(),
            Table { header, rows },
        )],
    };
    Section {
        id: "loss",
        title: "Loss, by domain",
        figures: figure::loss_by_size(cells, styles),
        method:
            "The domains are counted in different places and never summed: one lost frame can show in several. Loss is what the sequence \
                 numbers say; counters only tell where."
                .to_owned(),
        tables,
        ..Section::default()
    }
}

fn cost(cells: &Cells<'_>) -> Section {
    let mut rows = Vec::new();
    for pair in cells.pairs() {
        for stack in [Stack::KernelTcp, Stack::Dpdk] {
            let curve = cells.curve(&pair, stack);
            let ends: Vec<_> = match (curve.first(), curve.last()) {
                (Some(first), Some(last)) if first.key.size != last.key.size => vec![*first, *last],
                (first, _) => first.into_iter().copied().collect(),
            };
            for cell in ends {
                let cores = cell.sample(Quantity::Cores);
                let cycles = cell.sample(Quantity::CyclesPerFrame);
                if cores.is_none() && cycles.is_none() {
                    continue;
                }
                let text = |q: Quantity, sample: Option<crate::analysis::Sample>| {
                    sample.map_or_else(|| "–".to_owned(), |s| q.amount(s.centre()).to_string())
                };
                rows.push(vec![
                    pair.to_string(),
                    figure::stack_name(stack).to_owned(),
                    cell.key.size.to_string(),
                    text(Quantity::Cores, cores),
                    figure::per_core(cell).map_or_else(|| "–".to_owned(), |(rate, _)| Quantity::Goodput.amount(rate).to_string()),
                    text(Quantity::CyclesPerFrame, cycles),
                ]);
            }
        }
    }
    let header = ["pair", "stack", "size", "cores in use", "goodput a core", "busy cycles a frame, receiver"].map(str::to_owned).into();
    Section {
        id: "cost",
        title: "What it costs in processor time",
        figures: figure::goodput_per_core(cells).into_iter().collect(),
        tables: if rows.is_empty() { vec![] } else { vec![("Cores and cycles at the smallest and the largest size".to_owned(), Table { header, rows })] },
        method: "Kernel: busy time of the whole machine from /proc/stat, softirq included. DPDK: each core that polls is in use whole; its busy \
                 cycles are those of iterations that found frames. Where both ends share a machine, one figure holds both."
            .to_owned(),
        ..Section::default()
    }
}

fn placement(analysis: &Analysis) -> Section {
    let of = &analysis.placement;
    let mut tables = Vec::new();
    for (name, rates) in [("throughput", true), ("round trips", false)] {
        let best: Vec<_> = of.best.iter().filter(|b| b.quantity.higher_is_better() == rates).collect();
        let rows = best.iter().map(|b| ([words::question(b.stack, b.quantity), String::new()], b.bytes, words::best(b)));
        tables.push((format!("Fastest pair between systems: {name}"), pivot(["judged by", ""], rows)));
        let offload: Vec<_> = of.offload.iter().filter(|o| o.quantity.higher_is_better() == rates).collect();
        let rows =
            offload.iter().map(|o| ([words::question(o.stack, o.quantity), words::end(o.end).to_owned()], o.bytes, words::offload(o)));
        tables.push((format!("Moving from the CPU to the SmartNIC: {name}"), pivot(["judged by", "what moves"], rows)));
    }
    Section {
        id: "placement",
        title: "What to place where",
        tables: tables.into_iter().filter(|(_, t)| !t.rows.is_empty()).collect(),
        method:
            "Valid results of pairs between systems. Moving compares pairs that differ only in the end that moves from cpu to dpu; the \
                 change is the geometric mean over matched pairs. No test stands behind a single cell."
                .to_owned(),
        ..Section::default()
    }
}

/// One row for each name, one column for each size that occurs.
fn pivot(header: [&str; 2], cells: impl Iterator<Item = ([String; 2], u32, String)>) -> Table {
    let mut rows: Vec<([String; 2], BTreeMap<u32, String>)> = Vec::new();
    for (name, bytes, text) in cells {
        match rows.iter_mut().find(|row| row.0 == name) {
            Some(row) => drop(row.1.insert(bytes, text)),
            None => rows.push((name, BTreeMap::from([(bytes, text)]))),
        }
    }
    rows.sort_by(|a, b| a.0[0].cmp(&b.0[0]));
    let sizes: BTreeSet<u32> = rows.iter().flat_map(|row| row.1.keys().copied()).collect();
    // The second name has a column only where it says something.
    let names = if header[1].is_empty() { 1 } else { 2 };
    Table {
        header: header.iter().take(names).map(|h| (*h).to_owned()).chain(sizes.iter().map(|s| format!("{s} B"))).collect(),
        rows: rows
            .into_iter()
            .map(|(name, row)| {
                let cells = sizes.iter().map(|size| row.get(size).cloned().unwrap_or_else(|| "–".to_owned()));
                name.into_iter().take(names).chain(cells).collect()
            })
            .collect(),
    }
}

fn effects_table(analysis: &Analysis) -> Table {
    let rows = analysis.effects.iter().flat_map(|effects| {
        effects.responses.iter().map(|response| {
            let kind = match response.kind {
                ResponseKind::Rise => "rise",
                ResponseKind::Maximum => "maximum",
            };
            let shares = response.effects.iter().map(|e| format!("{}{}", words::share(e.explained), if e.significant { " *" } else { "" }));
            let name = [figure::stack_name(effects.stack).to_owned(), kind.to_owned()];
            name.into_iter().chain(shares).chain([words::share(response.unexplained)]).collect()
        })
    });
    Table {
        header: ["stack", "of", "sender", "receiver", "both together", "between like pairs"].map(str::to_owned).into(),
        rows: rows.collect(),
    }
}
