//! A fleet on the terminal, and as `fleet.html`, `fleet.md` and figures.

use std::path::Path;

use super::document::{Section, Table};
use super::formats::terminal_table::TerminalTable;
use super::overview::{self, Overview};
use super::write::{RenderError, Rendered};
use crate::figure;
use crate::fleet::{Fleet, Group};
use crate::render::format;

/// For a terminal of `width` columns: what differs, and with `all` the distribution of every result.
pub fn terminal_text(fleet: &Fleet, width: u16, all: bool) -> String {
    let mut text = overview::terminal_head(&fleet.headline(), &fleet.basis(), &fleet.findings());
    for (table, wanted) in [(differing(fleet), true), (distribution(fleet), all)] {
        if wanted && !table.rows.is_empty() {
            text.push_str(&format!("\n{}\n", TerminalTable::filled(width, &table.header, &table.rows).into_text()));
        }
    }
    text + &overview::terminal_skipped(&fleet.skipped)
}

/// Writes `fleet.html`, `fleet.md` and the figures into a directory, which is made where it is missing.
pub fn render_fleet(fleet: &Fleet, name: &str, into: &Path) -> Result<Rendered, RenderError> {
    let sections = sections(fleet);
    let overview = Overview {
        name,
        headline: fleet.headline(),
        basis: fleet.basis(),
        findings: fleet.findings(),
        sections: &sections,
        skipped: &fleet.skipped,
        footer: "Derived from the results.jsonl of each run. Every latency is a whole round trip.",
    };
    overview::write(&overview, "fleet", into)
}

fn sections(fleet: &Fleet) -> Vec<Section> {
    let sections = [
        Section {
            id: "distribution",
            title: "How results are distributed",
            figures: figure::fleet_by_size(fleet),
            method: fleet.method(),
            ..Section::default()
        },
        Section {
            id: "testbeds",
            title: "Testbeds that differ",
            tables: testbeds(fleet).captioned("Testbeds with results beyond noise").into_iter().collect(),
            ..Section::default()
        },
        Section {
            id: "environment",
            title: "In what their environment differs",
            tables: facts(fleet).captioned("Facts that differ from those of most testbeds").into_iter().collect(),
            ..Section::default()
        },
        Section {
            id: "results",
            title: "Every result that differs",
            tables: differing(fleet).captioned("Results beyond noise").into_iter().collect(),
            ..Section::default()
        },
        Section {
            id: "groups",
            title: "Every result",
            tables: distribution(fleet).captioned("Distribution over the testbeds").into_iter().collect(),
            ..Section::default()
        },
    ];
    sections.into_iter().filter(|section| !section.is_empty()).collect()
}

fn testbeds(fleet: &Fleet) -> Table {
    let rows = fleet.odd.iter().map(|odd| {
        let kinds: Vec<String> = odd.kinds.iter().map(|(stack, quantity)| format!("{} {quantity}", stack.label())).collect();
        vec![
            fleet.name(odd).to_owned(),
            odd.judged.to_string(),
            odd.worse.to_string(),
            format::or_absent(odd.worse_by.map(format::percent)),
            (odd.differing - odd.worse).to_string(),
            format::or_absent(odd.better_by.map(format::percent)),
            kinds.join(", "),
            format::or_absent(odd.place.as_ref().map(ToString::to_string)),
        ]
    });
    Table::new(["testbed", "results", "worse", "by (median)", "better", "by (median)", "of", "where"], rows.collect())
}

fn facts(fleet: &Fleet) -> Table {
    let rows = fleet.odd.iter().flat_map(|odd| {
        odd.facts.iter().map(|fact| {
            vec![
                fact.what.clone(),
                fleet.name(odd).to_owned(),
                format::or_absent(fact.endpoint.as_ref().map(ToString::to_string)),
                fact.here.clone(),
                fact.usual.clone(),
                format!("{} of {}", fact.usual_at, fleet.testbeds.len()),
                fact.also_at.to_string(),
            ]
        })
    });
    Table::new(["fact", "testbed", "endpoint", "here", "usual", "usual at", "also at testbeds that do not differ"], rows.collect())
}

fn differing(fleet: &Fleet) -> Table {
    let rows = fleet.groups.iter().flat_map(|group| {
        let differing = group.values.iter().filter_map(|value| Some((value, value.judged.filter(|judged| judged.differs)?)));
        differing.map(|(value, judged)| {
            let amount = |value: f64| group.quantity.amount(value).to_string();
            vec![
                fleet.testbeds.get(value.testbed).map(|testbed| testbed.name.clone()).unwrap_or_default(),
                value.pair.to_string(),
                format!("{} {} {}", group.key.stack, group.key.size, group.quantity),
                amount(value.value),
                amount(value.usual),
                format::signed_percent(value.value / value.usual),
                format::p_in_table(judged.p_corrected),
            ]
        })
    });
    Table::new(["testbed", "pair", "result", "here", "usual", "difference", "p corrected"], rows.collect())
}

fn distribution(fleet: &Fleet) -> Table {
    let row = |group: &Group| {
        let amount = |value: f64| group.quantity.amount(value).to_string();
        let d = group.distribution;
        let percentiles = [d.min, d.p10, d.median, d.p90, d.max].map(amount);
        let spread = format::percent(d.max / d.min - 1.0);
        [group.name(), group.values.len().to_string()].into_iter().chain(percentiles).chain([spread]).collect()
    };
    Table::new(["result", "values", "lowest", "10 %", "median", "90 %", "highest", "spread"], fleet.groups.iter().map(row).collect())
}
