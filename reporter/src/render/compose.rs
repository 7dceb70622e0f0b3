//! Puts a report together: which sections there are, in which order.

use crate::analysis::{Analysis, Cells, Group, KindCost, analyse, kind_costs};
use crate::archive::Archive;
use crate::figure::{Styles, procedure_results};
use crate::record::Record;

use super::document::{Page, Section};
use super::figure_ids::number_equal_ids;
use super::sections::{self, Input};

/// The order in which a report is read.
const ORDER: &[fn(&Input<'_>) -> Section] = &[
    sections::tuned,
    sections::scaling,
    sections::application_view,
    sections::frame_view,
    sections::ratio,
    sections::ladder,
    sections::kernel_searches,
    sections::concurrent,
    sections::files,
    sections::round_trips,
    sections::percentiles,
    sections::loss,
    sections::bounds,
    sections::frame_loss,
    sections::latency_by_load,
    sections::latency_by_share,
    sections::percentiles_under_load,
    sections::back_to_back,
    sections::procedures,
    sections::directions,
    sections::cost,
    sections::queues,
    sections::effects,
    sections::endpoint_kinds,
    sections::placement,
    sections::tuning,
];

/// The report of a run. Sections without content are left out. What each kind of endpoint costs is shown with the results of the runs `beside` it.
pub fn compose(archive: &Archive, beside: &[Archive]) -> Page {
    let analysis: Analysis = analyse(&archive.records);
    let cells = Cells::of(&archive.records);
    let mut names: Vec<String> = cells.pairs().iter().map(|pair| Group::of(pair).short(pair)).collect();
    names.sort();
    let input = Input {
        archive,
        analysis: &analysis,
        kind_costs: if beside.is_empty() { kind_costs(&cells) } else { kind_costs_of_all(archive, beside) },
        styles: Styles::of(names),
        procedure_results: procedure_results(&cells),
        cells: &cells,
    };
    let mut sections: Vec<Section> = ORDER.iter().map(|section| section(&input)).filter(|section| !section.is_empty()).collect();
    number_equal_ids(sections.iter_mut().flat_map(|section| &mut section.figures).map(|figure| &mut figure.id));
    Page { analysis, sections }
}

fn kind_costs_of_all(archive: &Archive, beside: &[Archive]) -> Vec<KindCost> {
    let all: Vec<Record> = std::iter::once(archive).chain(beside).flat_map(|run| run.records.iter().cloned()).collect();
    kind_costs(&Cells::of(&all))
}
