//! Puts a report together: which sections there are, in which order.

use crate::analysis::{Analysis, Cells, Group, analyse};
use crate::archive::Archive;
use crate::figure::{Styles, procedure_results};

use super::document::{Page, Section};
use super::sections::{self, Input};

/// The order in which a report is read.
const ORDER: &[fn(&Input<'_>) -> Section] = &[
    sections::application_view,
    sections::frame_view,
    sections::ratio,
    sections::round_trips,
    sections::percentiles,
    sections::loss,
    sections::bounds,
    sections::frame_loss,
    sections::latency_by_load,
    sections::percentiles_under_load,
    sections::back_to_back,
    sections::procedures,
    sections::cost,
    sections::effects,
    sections::placement,
    sections::tuning,
];

/// The report of a run. Sections without content are left out.
pub fn compose(archive: &Archive) -> Page {
    let analysis: Analysis = analyse(&archive.records);
    let cells = Cells::of(&archive.records);
    let mut names: Vec<String> = cells.pairs().iter().map(|pair| Group::of(pair).short(pair)).collect();
    names.sort();
    let input =
        Input { archive, analysis: &analysis, styles: Styles::of(names), procedure_results: procedure_results(&cells), cells: &cells };
    let sections = ORDER.iter().map(|section| section(&input)).filter(|section| !section.is_empty()).collect();
    Page { analysis, sections }
}
