//! Searches and RFC procedures whose result is a curve.

use super::Input;
use super::stacks::of_each_bypass;
use crate::figure::{self, Figure, ProcedureResult};
use crate::record::ReportView;
use crate::render::document::Section;

/// NDR and PDR.
pub fn bounds(input: &Input<'_>) -> Section {
    drawn("bounds", "NDR and PDR: bounds by frame size", curves(input, |results| figure::bounds_by_size(results, &input.styles)))
}

/// RFC 2544 §26.3.
pub fn frame_loss(input: &Input<'_>) -> Section {
    drawn("frame-loss", "Frame loss rate: loss by load", curves(input, figure::loss_by_load))
}

/// RFC 8219 §7.2.
pub fn latency_by_load(input: &Input<'_>) -> Section {
    let figures = curves(input, figure::round_trips_by_load);
    drawn("latency-by-load", "Latency by load: round trips while a load is offered", figures)
}

/// The same beside round trips of the kernel, where streams loaded its path.
pub fn latency_by_share(input: &Input<'_>) -> Section {
    let figures = figure::round_trips_by_share(&input.procedure_results, input.cells);
    drawn("latency-by-share", "Latency under load: kernel and bypass", figures)
}

/// RFC 9004.
pub fn back_to_back(input: &Input<'_>) -> Section {
    let figures = curves(input, |results| figure::longest_bursts(results, &input.styles));
    drawn("back-to-back", "Back-to-back: longest burst without loss", figures)
}

/// The figures of each bypass stack's results.
fn curves(input: &Input<'_>, figures: impl Fn(&[ProcedureResult]) -> Vec<Figure>) -> Vec<Figure> {
    of_each_bypass(ReportView::Procedures, |stack| {
        let of_stack: Vec<ProcedureResult> = input.procedure_results.iter().filter(|result| result.stack == stack).cloned().collect();
        figures(&of_stack)
    })
}

fn drawn(id: &'static str, title: &'static str, figures: Vec<Figure>) -> Section {
    Section { id, title, figures, ..Section::default() }
}
