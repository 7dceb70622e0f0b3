/// The measures of a drawing, in CSS pixels at its natural size.
#[derive(Debug, Clone, Copy)]
pub struct PlotLayout {
    /// From edge to edge.
    pub width: f64,
    /// From edge to edge, for figures with an axis of values upwards.
    pub height: f64,
    /// Names stand at the ends of lines.
    pub direct_labels: bool,
    /// The title stands in the drawing.
    pub title: bool,
}

impl PlotLayout {
    /// A column of the report on a wide screen.
    pub const WIDE: PlotLayout = PlotLayout { width: 560.0, height: 330.0, direct_labels: true, title: false };
    /// A telephone.
    pub const NARROW: PlotLayout = PlotLayout { width: 360.0, height: 300.0, direct_labels: false, title: false };
    /// A figure that has the page's width to itself.
    pub const FULL: PlotLayout = PlotLayout { width: 900.0, height: 380.0, direct_labels: true, title: false };
    /// A file for a paper.
    pub const PAPER: PlotLayout = PlotLayout { width: 560.0, height: 380.0, direct_labels: true, title: true };
}
