use super::Input;
use crate::analysis::{Analysis, ResponseKind};
use crate::render::document::{Section, Table};
use crate::render::{format, sentences};

/// What the kinds of sender and receiver explain.
pub fn effects(input: &Input<'_>) -> Section {
    Section {
        id: "effects",
        title: "Sender or receiver: which one decides",
        lead: sentences::effects(&input.analysis.effects),
        tables: table(input.analysis).captioned("Share of the variation that each explains (* beyond chance)").into_iter().collect(),
        method: sentences::effects_method(),
        ..Section::default()
    }
}

fn table(analysis: &Analysis) -> Table {
    let rows = analysis.effects.iter().flat_map(|effects| {
        effects.responses.iter().map(|response| {
            let kind = match response.kind {
                ResponseKind::Rise => "rise",
                ResponseKind::Maximum => "maximum",
            };
            let shares =
                response.effects.iter().map(|e| format!("{}{}", format::share(e.explained), if e.significant { " *" } else { "" }));
            let name = [effects.stack.label().to_owned(), kind.to_owned()];
            name.into_iter().chain(shares).chain([format::share(response.unexplained)]).collect()
        })
    });
    Table::new(["stack", "of", "sender", "receiver", "both together", "between like pairs"], rows.collect())
}
