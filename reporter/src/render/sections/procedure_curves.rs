//! Searches and RFC procedures whose result is a curve.

use super::Input;
use crate::figure::{self, Figure};
use crate::render::document::Section;

/// NDR and PDR.
pub fn bounds(input: &Input<'_>) -> Section {
    drawn("bounds", "NDR and PDR: bounds by frame size", figure::bounds_by_size(&input.procedure_results, &input.styles))
}

/// RFC 2544 §26.3.
pub fn frame_loss(input: &Input<'_>) -> Section {
    drawn("frame-loss", "Frame loss rate: loss by load", figure::loss_by_load(&input.procedure_results))
}

/// RFC 8219 §7.2.
pub fn latency_by_load(input: &Input<'_>) -> Section {
    let figures = figure::round_trips_by_load(&input.procedure_results);
    drawn("latency-by-load", "Latency by load: round trips while a load is offered", figures)
}

/// RFC 9004.
pub fn back_to_back(input: &Input<'_>) -> Section {
    let figures = figure::longest_bursts(&input.procedure_results, &input.styles);
    drawn("back-to-back", "Back-to-back: longest burst without loss", figures)
}

fn drawn(id: &'static str, title: &'static str, figures: Vec<Figure>) -> Section {
    Section { id, title, figures, ..Section::default() }
}
