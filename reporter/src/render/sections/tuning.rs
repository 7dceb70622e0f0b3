use super::Input;
use super::stacks::of_each_bypass;
use crate::figure;
use crate::record::ReportView;
use crate::render::document::Section;
use crate::render::sentences;

/// Rates by number of queues and flows, and by burst.
pub fn tuning(input: &Input<'_>) -> Section {
    Section {
        id: "tuning",
        title: "Rate by queues, flows and burst",
        lead: input.analysis.tunings.iter().filter_map(sentences::tuning).collect(),
        figures: of_each_bypass(ReportView::Tuning, |stack| {
            let tunings = input.analysis.tunings.iter().filter(|tuning| tuning.measurement.stack == stack);
            figure::rate_by_configuration(&tunings.cloned().collect::<Vec<_>>())
        }),
        method: sentences::TUNING_METHOD.to_owned(),
        ..Section::default()
    }
}
