use crate::figure::Figure;

use super::CaptionedTable;

/// A heading with what stands under it.
#[derive(Default)]
pub struct Section {
    /// Its anchor in the page.
    pub id: &'static str,
    /// The heading.
    pub title: &'static str,
    /// Paragraphs before the figures.
    pub lead: Vec<String>,
    /// Figures that share one legend.
    pub figures: Vec<Figure>,
    /// Numbers that no figure shows.
    pub tables: Vec<CaptionedTable>,
    /// How the results were obtained.
    pub method: String,
}

impl Section {
    /// Whether it has anything to show; a heading and a method alone do not count.
    pub fn is_empty(&self) -> bool {
        self.lead.is_empty() && self.figures.is_empty() && self.tables.is_empty()
    }
}
