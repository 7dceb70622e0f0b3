//! Throughput by size, in the two views that are never mixed.

use super::Input;
use crate::figure;
use crate::record::View;
use crate::render::document::{Section, Table};
use crate::render::sentences;

/// Goodput by what the application hands over.
pub fn application_view(input: &Input<'_>) -> Section {
    let rows = input
        .analysis
        .plateaus
        .iter()
        .map(|p| vec![p.pair.to_string(), p.stack.label().to_owned(), p.quantity.to_string(), sentences::plateau(p)]);
    let table = Table::new(["pair", "stack", "judged by", "plateau"], rows.collect());
    Section {
        id: "application-view",
        title: "Application view: goodput by message size",
        figures: figure::throughput_by_size(input.cells, &input.styles, View::Application),
        tables: table.captioned("Where each curve stops rising").into_iter().collect(),
        ..Section::default()
    }
}

/// The rate on the wire by frame size.
pub fn frame_view(input: &Input<'_>) -> Section {
    Section {
        id: "frame-view",
        title: "Frame view: rate on the wire by frame size",
        figures: figure::throughput_by_size(input.cells, &input.styles, View::Frame),
        ..Section::default()
    }
}
