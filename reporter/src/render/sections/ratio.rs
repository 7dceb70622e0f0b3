use super::Input;
use crate::figure;
use crate::render::document::Section;

/// How many times the payload of kernel TCP bypass carries, by size.
pub fn ratio(input: &Input<'_>) -> Section {
    Section {
        id: "ratio",
        title: "Kernel bypass over kernel TCP, by size",
        figures: figure::ratio_by_size(&input.analysis.ratios, &input.styles),
        ..Section::default()
    }
}
