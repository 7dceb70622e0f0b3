//! How round trips are distributed, from the histograms that a run keeps.

use super::Input;
use super::stacks::of_each_bypass;
use crate::analysis::{UnreadHistogram, percentile_curves, percentiles_under_load as curves_under_load};
use crate::figure;
use crate::record::ReportView;
use crate::render::document::{CaptionedTable, Section, Table};

/// More histograms than this that could not be read are counted, not listed.
const NAMED: usize = 100;

/// Of round trips alone.
pub fn percentiles(input: &Input<'_>) -> Section {
    let mut all_unread = Vec::new();
    let figures = of_each_bypass(ReportView::Percentiles, |stack| {
        let (curves, unread) = percentile_curves(input.cells, stack, |path| input.archive.histogram(path));
        all_unread.extend(unread);
        figure::round_trips_by_percentile(&curves, stack, &input.styles)
    });
    Section { id: "percentiles", title: "Round trips by percentile", figures, tables: unread_histograms(&all_unread), ..Section::default() }
}

/// Of round trips while a load is offered.
pub fn percentiles_under_load(input: &Input<'_>) -> Section {
    let mut all_unread = Vec::new();
    let figures = of_each_bypass(ReportView::Percentiles, |stack| {
        let (curves, unread) = curves_under_load(input.cells, stack, |path| input.archive.histogram(path));
        all_unread.extend(unread);
        figure::round_trips_by_percentile_under_load(&curves, stack)
    });
    Section {
        id: "percentiles-under-load",
        title: "Round trips by percentile under load",
        figures,
        tables: unread_histograms(&all_unread),
        ..Section::default()
    }
}

/// The histograms that are missing from a figure, where there are any.
fn unread_histograms(unread: &[UnreadHistogram]) -> Vec<CaptionedTable> {
    let mut rows: Vec<Vec<String>> = unread.iter().take(NAMED).map(|one| vec![one.record.to_string(), one.why.clone()]).collect();
    if unread.len() > NAMED {
        rows.push(vec![format!("and {} more", unread.len() - NAMED), String::new()]);
    }
    Table::new(["record", "why"], rows).captioned("Histograms that could not be read and are not drawn").into_iter().collect()
}
