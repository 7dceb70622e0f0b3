use crate::analysis::Analysis;
use crate::figure::Figure;

use super::Section;

/// A report's content.
pub struct Page {
    /// What the records say together.
    pub analysis: Analysis,
    /// In reading order; none is empty.
    pub sections: Vec<Section>,
}

impl Page {
    /// Every figure, in reading order.
    pub fn figures(&self) -> impl Iterator<Item = &Figure> {
        self.sections.iter().flat_map(|section| &section.figures)
    }
}
