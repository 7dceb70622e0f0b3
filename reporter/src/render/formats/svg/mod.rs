//! Figures as SVG.
//!
//! Why not `plotters` or `plotly`: one writer serves the paper and the screen. Its groups carry the names that the report's script switches
//! on and off, its colours follow light, dark and grey print through style sheets, its text stays text (plotters places text by guessed
//! font metrics and knows no groups), and the report needs no 4 MB of plotly: about 150 lines of script over this SVG do hovering, switching
//! and scales, and the page prints and reads without any script at all.

mod layout;
mod marks;
mod plot;
mod text;

use std::io::Write;

use crate::figure::Figure;

use super::{ExportError, Exporter};
pub use layout::PlotLayout;
use plot::Plot;

/// `figures/*.svg`: a drawing that stands alone, with its title and its own colours.
pub struct Svg;

impl Exporter<Figure> for Svg {
    fn name(&self, figure: &Figure) -> String {
        format!("figures/{}", figure.id)
    }

    fn extension(&self) -> &'static str {
        "svg"
    }

    fn export(&self, figure: &Figure, into: &mut (dyn Write + Send)) -> Result<(), ExportError> {
        let drawing = Plot::new(figure, PlotLayout::PAPER).draw(Some(include_str!("../../../../assets/figure.css")));
        Ok(into.write_all(drawing.as_bytes())?)
    }
}

/// A drawing as a piece of a page whose style sheet colours it.
pub fn inline(figure: &Figure, layout: PlotLayout) -> String {
    Plot::new(figure, layout).draw(None)
}

/// A mark for a legend: the path of a drawing of 16 × 16.
pub fn legend_mark(marker: crate::figure::Marker) -> String {
    marks::path(marker, 8.0, 8.0, 4.0)
}
