use std::collections::{BTreeMap, BTreeSet};

use super::Input;
use crate::render::document::{Section, Table};
use crate::render::{format, sentences};

/// Which end belongs where, by size.
pub fn placement(input: &Input<'_>) -> Section {
    let of = &input.analysis.placement;
    let mut tables = Vec::new();
    for (name, rates) in [("throughput", true), ("round trips", false)] {
        let best = of.best.iter().filter(|b| b.quantity.higher_is_better() == rates);
        let rows = best.map(|b| ([sentences::question(b.stack, b.quantity), String::new()], b.bytes, sentences::best(b)));
        tables.extend(pivot(["judged by", ""], rows).captioned(format!("Fastest pair between systems: {name}")));
        let offload = || of.offload.iter().filter(|o| o.quantity.higher_is_better() == rates);
        let mut moves: Vec<(&str, &str)> = offload().map(|o| (o.from.as_str(), o.to.as_str())).collect();
        moves.sort_unstable();
        moves.dedup();
        for (from, to) in moves {
            let rows = offload()
                .filter(|o| (o.from.as_str(), o.to.as_str()) == (from, to))
                .map(|o| ([sentences::question(o.stack, o.quantity), sentences::end(o.end).to_owned()], o.bytes, sentences::offload(o)));
            tables.extend(pivot(["judged by", "what moves"], rows).captioned(format!("{}: {name}", sentences::moving(from, to))));
        }
    }
    Section {
        id: "placement",
        title: "Where to place sender and receiver",
        tables,
        method:
            "Valid results of pairs between systems. A move compares pairs that differ only in the kind of the end that moves, such as from cpu to dpu; the \
                 change is the geometric mean over matched pairs. Single cells are not tested for significance."
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
                let cells = sizes.iter().map(|size| format::or_absent(row.get(size).cloned()));
                name.into_iter().take(names).chain(cells).collect()
            })
            .collect(),
    }
}
