use std::collections::BTreeSet;

use super::Input;
use crate::analysis::KindCost;
use crate::figure;
use crate::render::document::{Section, Table};
use crate::render::{format, sentences};

/// What each step from the host to a container or a virtual machine costs.
pub fn endpoint_kinds(input: &Input<'_>) -> Section {
    let costs = &input.kind_costs;
    let tables = [("rates", true), ("round trips", false)].into_iter().filter_map(|(what, rates)| {
        let chosen: Vec<&KindCost> = costs.iter().filter(|cost| cost.quantity.higher_is_better() == rates).collect();
        table(&chosen).captioned(format!("The same measurement by kind of the ends: {what}"))
    });
    Section {
        id: "endpoint-kinds",
        title: "What each kind of endpoint costs",
        figures: figure::cost_of_kinds(costs),
        tables: tables.collect(),
        method: "Valid results of pairs between systems. `vm` has both ends of this kind, `cpu→vm` sends from one kind to another. Several pairs have their \
                 geometric mean. A factor is over the first row that has a result at that size. A measurement with valid results in only one row is left out. Rows are compared without a test \
                 of significance: where they differ by less than repetitions do, \
                 the difference is noise."
            .to_owned(),
        ..Section::default()
    }
}

fn table(costs: &[&KindCost]) -> Table {
    let sizes: BTreeSet<u32> = costs.iter().map(|cost| cost.bytes).collect();
    let mut names: Vec<(String, &str)> = Vec::new();
    for cost in costs {
        for step in &cost.steps {
            let name = (sentences::question(cost.stack, cost.quantity), step.kind.as_str());
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    let cell = |(question, kind): &(String, &str), bytes: u32| {
        let cost = costs.iter().find(|cost| cost.bytes == bytes && sentences::question(cost.stack, cost.quantity) == *question)?;
        let place = cost.steps.iter().position(|step| step.kind == *kind)?;
        let step = cost.steps.get(place)?;
        Some(if place == 0 { step.amount.to_string() } else { format!("{} ({})", step.amount, format::ratio(step.of_first)) })
    };
    let header = ["judged by", "kind"].map(str::to_owned).into_iter().chain(sizes.iter().map(|size| format!("{size} B")));
    let rows = names.iter().map(|name| {
        let cells = sizes.iter().map(|size| format::or_absent(cell(name, *size)));
        [name.0.clone(), name.1.to_owned()].into_iter().chain(cells).collect()
    });
    Table { header: header.collect(), rows: rows.collect() }
}
