//! `report.html`: one file, no network, readable and printable without script.
//!
//! Two walls against hostile text: the template engine escapes everything but our own drawings, and a content security policy lets no
//! script run but ours (by its hash) and no request leave the page, whatever got through.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Value, context};
use sha2::{Digest, Sha256};

use crate::archive::Archive;
use crate::figure::{AxisKind, Dash, Figure, Scale};
use crate::record::{EndpointId, Metric, Record, Stack, State, json_name};

use super::figure_numbers::numbers;
use super::svg::{PlotLayout, inline, legend_mark};
use super::{ExportError, Exporter, Report};
use crate::analysis::{Configuration, LatencyRatio, Quantity};
use crate::render::document::{Page, Section, Table};
use crate::render::{format, sentences};

const FRAME: &str = include_str!("../../../assets/frame.html");
const PARTS: &str = include_str!("../../../assets/parts.html");
const TEMPLATE: &str = include_str!("../../../assets/report.html");
const SCRIPT: &str = include_str!("../../../assets/report.js");
const PAGE_STYLE: &str = include_str!("../../../assets/report.css");
const FIGURE_STYLE: &str = include_str!("../../../assets/figure.css");

/// The report as one page.
pub struct Html;

impl Exporter<Report<'_>> for Html {
    fn name(&self, _: &Report<'_>) -> String {
        "report".to_owned()
    }

    fn extension(&self) -> &'static str {
        "html"
    }

    fn export(&self, report: &Report<'_>, into: &mut (dyn Write + Send)) -> Result<(), ExportError> {
        Ok(into.write_all(page_of(report.archive, report.page)?.as_bytes())?)
    }
}

/// A whole page from a template with our style, our script and the policy that allows no other.
pub fn fill(template: &str, content: Value) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?;
    environment.set_syntax(syntax);
    // The name's ending switches HTML escaping on.
    environment.add_template("page.html", template)?;
    environment.add_template("frame.html", FRAME)?;
    environment.add_template("parts.html", PARTS)?;
    let hash = BASE64.encode(Sha256::digest(SCRIPT.as_bytes()));
    let style = format!("{FIGURE_STYLE}{PAGE_STYLE}");
    environment.get_template("page.html")?.render(context! {
        policy => format!("default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'"),
        style => Value::from_safe_string(style),
        script => Value::from_safe_string(SCRIPT.to_owned()),
        ..content
    })
}

fn page_of(archive: &Archive, page: &Page) -> Result<String, minijinja::Error> {
    let overview = &page.analysis.overview;
    let name = archive.name();
    let ended = archive.records.iter().map(|r| r.time).max().map(|t| t.strftime("%Y-%m-%d %H:%M UTC").to_string());
    fill(
        TEMPLATE,
        context! {
            name, ended,
            headline => overview.headline.as_str(),
            basis => overview.basis.as_str(),
            counts => context! { valid => overview.verdicts.valid, invalid => overview.verdicts.invalid, failed => overview.verdicts.failed },
            total => overview.verdicts.total(),
            reasons => overview.reasons.iter().map(|r| context! { name => r.name, count => r.count }).collect::<Vec<_>>(),
            repetitions => sentences::repetitions(&page.analysis),
            choices => sentences::choices(&page.analysis.configurations),
            note => sentences::environment_note(archive),
            environment_line => sentences::environment(archive),
            tiles => tiles(page),
            sections => page.sections.iter().map(section).collect::<Vec<_>>(),
            findings => findings(archive),
            endpoints => endpoints(archive),
            damaged => archive.damaged.iter().map(|d| context! { file => d.file.as_str(), line => d.line, why => d.why.as_str() }).collect::<Vec<_>>(),
            trials => listed(&archive.records).map(trial).collect::<Vec<_>>(),
            unlisted => unlisted(archive.records.len()),
        },
    )
}

/// A section's figures, legend and tables for a template.
pub fn section(section: &Section) -> Value {
    let rescalable = section.figures.iter().any(|f| f.rescaled(Scale::Linear).is_some());
    let untrusted = section.figures.iter().any(Figure::has_untrusted);
    let alone = section.figures.len() == 1;
    // The first caption stands above the figures; a figure that needs another one has it below its title.
    let mut captions = section.figures.first().map(|figure| vec![figure.caption.as_str()]).unwrap_or_default();
    let mut drawings = Vec::new();
    for figure in &section.figures {
        let is_new = !captions.contains(&figure.caption.as_str());
        if is_new {
            captions.push(&figure.caption);
        }
        drawings.push(drawn(figure, alone, is_new.then(|| caption_of(figure))));
    }
    context! {
        id => section.id,
        title => section.title,
        short => section.title.split([':', ',']).next().unwrap_or(section.title),
        lead => section.lead.clone(),
        method => section.method.as_str(),
        caption => section.figures.first().map(caption_of),
        rescalable, untrusted,
        keys => legend(&section.figures),
        figures => drawings,
        numbers => section.figures.iter().filter_map(numbers_of).collect::<Vec<_>>(),
        tables => section.tables.iter().map(|t| context! { title => t.caption.as_str(), table => table(&t.table) }).collect::<Vec<_>>(),
    }
}

/// A figure of many runs has a column for each: no table to read. Its numbers are in its CSV file.
const MOST_COLUMNS: usize = 60;

fn numbers_of(figure: &Figure) -> Option<Value> {
    let numbers = numbers(figure);
    (numbers.header.len() <= MOST_COLUMNS).then(|| context! { title => figure.title.as_str(), table => table(&numbers) })
}

/// A table for a template. A short cell, and a number with its unit in a longer one, does not break on a narrow screen.
pub fn table(table: &Table) -> Value {
    let whole = |cell: &String| match cell.chars().count() <= SHORT_CELL {
        true => cell.replace(' ', "\u{a0}"),
        false => unbroken_numbers(cell),
    };
    let rows: Vec<Vec<String>> = table.rows.iter().map(|row| row.iter().map(whole).collect()).collect();
    context! { header => table.header.clone(), rows }
}

/// The text with no break between a number and its unit: `1.19 ms to 2.16 ms` breaks beside `to`.
fn unbroken_numbers(text: &str) -> String {
    let mut unbroken = String::with_capacity(text.len());
    for (place, word) in text.split(' ').enumerate() {
        let is_unit =
            unbroken.ends_with(|c: char| c.is_ascii_digit()) && word.trim_end_matches([',', ';', ')']).chars().count() <= LONGEST_UNIT;
        if place > 0 {
            unbroken.push(if is_unit { '\u{a0}' } else { ' ' });
        }
        unbroken.push_str(word);
    }
    unbroken
}

/// `cores`, `Gb/s`.
const LONGEST_UNIT: usize = 5;

/// `1284 B frame`, `-12.4 µs !`.
const SHORT_CELL: usize = 12;

/// What a reader must know; the heading of the section names the view.
fn caption_of(figure: &Figure) -> &str {
    figure.caption.trim_start_matches("Application view. ").trim_start_matches("Frame view. ")
}

/// A figure in each width and on each scale; the style sheet shows one of them.
fn drawn(figure: &Figure, alone: bool, caption: Option<&str>) -> Value {
    let wide = if alone { PlotLayout::FULL } else { PlotLayout::WIDE };
    let mut variants = Vec::new();
    for (scale, name) in [(Scale::Log, "log"), (Scale::Linear, "linear")] {
        let rescaled = figure.rescaled(scale);
        // A figure with one scale is drawn once.
        if rescaled.is_none() && scale == Scale::Linear {
            continue;
        }
        let scaled = rescaled.unwrap_or_else(|| figure.clone());
        let scale_name = if figure.rescaled(scale).is_some() { name } else { "any" };
        for (width, layout) in [("wide", wide), ("narrow", PlotLayout::NARROW)] {
            variants.push(context! { width, scale => scale_name, svg => Value::from_safe_string(inline(&scaled, layout)) });
        }
    }
    context! { id => figure.id.as_str(), title => figure.title.as_str(), caption, alone => alone && matches!(figure.y.kind, AxisKind::Names(_)), variants }
}

/// One switch for each key of the section's series, with the look of the first series that has it.
fn legend(figures: &[Figure]) -> Vec<Value> {
    let mut keys: Vec<(String, Value)> = Vec::new();
    for series in figures.iter().flat_map(|f| &f.series) {
        for (place, key) in series.keys.iter().enumerate() {
            if keys.iter().all(|(known, _)| known != key) {
                let look = context! {
                    key => key.as_str(),
                    // The first key carries the colour, the second the line.
                    hue => (place == 0).then_some(series.style.hue.0),
                    line => match series.style.dash {
                        Dash::Solid => "solid",
                        Dash::Dashed => "dashed",
                        Dash::Dotted => "dotted",
                    },
                    hollow => !series.style.filled,
                    mark => legend_mark(series.style.marker),
                    place,
                };
                keys.push((key.clone(), look));
            }
        }
    }
    keys.sort_by_key(|(_, look)| look.get_attr("place").ok().and_then(|p| i64::try_from(p).ok()).unwrap_or(0));
    keys.into_iter().map(|(_, look)| look).collect()
}

/// The numbers of the first screen.
fn tiles(page: &Page) -> Vec<Value> {
    let ratios = &page.analysis.ratios;
    let trusted = ratios.iter().any(|r| r.is_trusted());
    let mut counted: Vec<_> = ratios.iter().filter(|r| r.kernel_stack == Stack::REFERENCE_KERNEL && r.is_trusted() == trusted).collect();
    // As the headline: pairs between systems, where there are any.
    if counted.iter().any(|r| !r.pair.is_within_one_system()) {
        counted.retain(|r| !r.pair.is_within_one_system());
    }
    let mut tiles = Vec::new();
    let mark = if trusted { "" } else { " (not valid)" };
    let sizes: std::collections::BTreeSet<u32> = counted.iter().map(|r| r.bytes).collect();
    let ends: std::collections::BTreeSet<u32> = sizes.first().into_iter().chain(sizes.last()).copied().collect();
    for bytes in ends {
        let at: Vec<_> = counted.iter().filter(|r| r.bytes == bytes).collect();
        let Some(best) = at.iter().max_by(|a, b| a.ratio.total_cmp(&b.ratio)) else { continue };
        let interval = best.interval.map(|i| format!(", 95 %: {} to {}", format::ratio(i.low), format::ratio(i.high)));
        tiles.push(context! {
            value => format::ratio(best.ratio),
            what => format!("payload over kernel TCP at {bytes} B, best pair{mark}"),
            where_ => format!("{}{}", best.pair, interval.unwrap_or_default()),
        });
    }
    let between = |l: &&LatencyRatio| !l.pair.is_within_one_system();
    let kernel_tcp = || page.analysis.latency_ratios.iter().filter(|l| l.kernel_stack == Stack::REFERENCE_KERNEL);
    let shorter =
        |a: &&LatencyRatio, b: &&LatencyRatio| b.is_trusted().cmp(&a.is_trusted()).then(a.dpdk.centre().total_cmp(&b.dpdk.centre()));
    let fastest = kernel_tcp().filter(between).min_by(shorter).or_else(|| kernel_tcp().min_by(shorter));
    if let Some(latency) = fastest {
        let mark = if latency.is_trusted() { "" } else { " (not valid)" };
        tiles.push(context! {
            value => latency.dpdk.quantity.amount(latency.dpdk.centre()).to_string(),
            what => format!("{} without the kernel, best comparable pair{mark}", latency.dpdk.quantity),
            where_ => format!("{}; kernel TCP {}", latency.pair, latency.kernel.quantity.amount(latency.kernel.centre())),
        });
    }
    tiles
}

fn findings(archive: &Archive) -> Vec<Value> {
    let mut grouped: Vec<(String, String, Option<String>, Vec<String>)> = Vec::new();
    for (endpoint, seen) in archive.environment.iter().flat_map(|e| &e.endpoints) {
        for finding in &seen.findings {
            let severity = json_name(&finding.severity).unwrap_or_default();
            match grouped.iter_mut().find(|g| g.0 == severity && g.1 == finding.what && g.2 == finding.fix) {
                Some(group) => group.3.push(endpoint.to_string()),
                None => grouped.push((severity, finding.what.clone(), finding.fix.clone(), vec![endpoint.to_string()])),
            }
        }
    }
    grouped.into_iter().map(|(severity, what, fix, at)| context! { severity, what, fix, at => at.join(", ") }).collect()
}

/// Paths and values.
type Facts = Vec<(String, String)>;

/// Every endpoint's environment as a list of paths and values; endpoints that are alike share one list. The devices in the path come after them.
fn endpoints(archive: &Archive) -> Vec<Value> {
    let mut lists: Vec<(Vec<&EndpointId>, Facts)> = Vec::new();
    for (name, endpoint) in archive.environment.iter().flat_map(|e| &e.endpoints) {
        let mut facts = Facts::new();
        let mut value = serde_json::to_value(endpoint).unwrap_or_default();
        if let Some(object) = value.as_object_mut() {
            object.remove("findings");
        }
        crate::compare::flatten("", &value, &mut facts);
        match lists.iter_mut().find(|list| list.1 == facts) {
            Some(list) => list.0.push(name),
            None => lists.push((vec![name], facts)),
        }
    }
    let endpoints = lists
        .into_iter()
        .map(|(names, facts)| context! { names => names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "), facts });
    let devices = archive.environment.iter().flat_map(|environment| &environment.devices).map(|device| {
        let mut facts = Facts::new();
        crate::compare::flatten("", &serde_json::to_value(device).unwrap_or_default(), &mut facts);
        context! { names => format!("device {}", device.id), facts }
    });
    endpoints.chain(devices).collect()
}

/// Trials in the page. A browser shows a table of this length without a wait; the other files have all trials.
const MOST_TRIALS: usize = 2_000;

/// The trials that the page lists, in their order: those that are not valid come before the others where there is no place for all.
fn listed(records: &[Record]) -> impl Iterator<Item = &Record> {
    let doubtful = records.iter().filter(|record| record.verdict.state != State::Valid).count();
    let mut places = (doubtful.min(MOST_TRIALS), MOST_TRIALS.saturating_sub(doubtful));
    records.iter().filter(move |record| {
        let left = if record.verdict.state == State::Valid { &mut places.1 } else { &mut places.0 };
        let has_place = *left > 0;
        *left = left.saturating_sub(1);
        has_place
    })
}

/// What the page says where it does not list all trials.
fn unlisted(records: usize) -> Option<String> {
    (records > MOST_TRIALS).then(|| {
        format!(
            "{MOST_TRIALS} of {records} trials are listed, those that are not valid first. results.csv and results.parquet have all of them, and all \
             figures and tables are made from all of them."
        )
    })
}

fn trial(record: &Record) -> Value {
    let main = match (record.metric, record.stack.is_kernel()) {
        (Metric::Throughput, false) => vec![Quantity::ForwardingRate, Quantity::Layer1],
        (Metric::Latency, false) => vec![Quantity::RttP50, Quantity::RttP99],
        (Metric::Latency, true) => vec![Quantity::RttMean, Quantity::RttP50],
        _ => vec![Quantity::Goodput, Quantity::ForwardingRate],
    };
    let shown: Vec<(Quantity, f64)> = main.into_iter().filter_map(|q| q.of(record).map(|v| (q, v))).collect();
    let text = shown.iter().map(|(q, v)| q.amount(*v).to_string()).collect::<Vec<_>>().join(" · ");
    let symbol = match record.verdict.state {
        State::Valid => "✓",
        State::Invalid => "!",
        State::Failed => "✕",
    };
    context! {
        id => record.id.0.as_str(),
        pair => record.pair.to_string(),
        stack => record.stack.name(),
        method => record.method.as_str(),
        tool => record.tool.name.as_str(),
        size => record.size.bytes,
        kind => record.size.kind.name(),
        load => record.load.as_deref(),
        setup => Configuration::of(record).settings_in_words(),
        repetition => record.repetition,
        value => shown.first().map(|(_, v)| *v),
        result => text,
        loss => record.values.loss_ratio.map(|l| format::percent(l.ratio())),
        state => record.verdict.state.to_string(),
        symbol,
        reasons => record.verdict.reasons_in_words(),
        raw => record.raw.as_deref(),
    }
}
