use super::Input;
use crate::figure;
use crate::render::document::Section;
use crate::render::sentences;

/// Rates by number of queues and flows, and by burst.
pub fn tuning(input: &Input<'_>) -> Section {
    Section {
        id: "tuning",
        title: "Rate by queues, flows and burst",
        lead: input.analysis.tunings.iter().filter_map(sentences::tuning).collect(),
        figures: figure::rate_by_configuration(&input.analysis.tunings),
        method: sentences::TUNING_METHOD.to_owned(),
        ..Section::default()
    }
}
