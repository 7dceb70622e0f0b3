//! Figures as SVG.
//!
//! Why not `plotters` or `plotly`: one writer serves the paper and the screen. Its groups carry the names that the report's script switches
//! on and off, its colours follow light, dark and grey print through style sheets, its text stays text (plotters places text by guessed
//! font metrics and knows no groups), and the report needs no 4 MB of plotly: about 150 lines of script over this SVG do hovering, switching
//! and scales, and the page prints and reads without any script at all.

mod marks;
mod plot;
mod text;

use crate::figure::Figure;

use super::{ExportError, Exporter};
use plot::Plot;

/// The measures of a drawing, in CSS pixels at its natural size.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// From edge to edge.
    pub width: f64,
    /// From edge to edge, for figures with an axis of values upwards.
    pub height: f64,
    /// Names stand at the ends of lines.
    pub direct_labels: bool,
    /// The title stands in the drawing.
    pub title: bool,
}

impl Layout {
    /// A column of the report on a wide screen.
    pub const WIDE: Layout = Layout { width: 560.0, height: 330.0, direct_labels: true, title: false };
    /// A telephone.
    pub const NARROW: Layout = Layout { width: 360.0, height: 300.0, direct_labels: false, title: false };
    /// A figure that has the page's width to itself.
    pub const FULL: Layout = Layout { width: 900.0, height: 380.0, direct_labels: true, title: false };
    /// A file for a paper.
    pub const PAPER: Layout = Layout { width: 560.0, height: 380.0, direct_labels: true, title: true };
}

/// `figures/*.svg`: a drawing that stands alone, with its title and its own colours.
pub struct Svg;

impl Exporter<Figure> for Svg {
    fn name(&self, figure: &Figure) -> String {
        format!("figures/{}", figure.id)
    }

    fn extension(&self) -> &'static str {
        "svg"
    }

    fn export(&self, figure: &Figure) -> Result<Vec<u8>, ExportError> {
        Ok(Plot::new(figure, Layout::PAPER).draw(Some(include_str!("../../../../assets/figure.css"))).into_bytes())
    }
}

/// A drawing as a piece of a page whose style sheet colours it.
pub fn inline(figure: &Figure, layout: Layout) -> String {
    Plot::new(figure, layout).draw(None)
}

/// A mark for a legend: the path of a drawing of 16 × 16.
pub fn legend_mark(marker: crate::figure::Marker) -> String {
    marks::path(marker, 8.0, 8.0, 4.0)
}
