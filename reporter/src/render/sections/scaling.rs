use super::Input;
use crate::figure;
use crate::render::document::Section;
use crate::render::scaling_words as words;

/// How the rate grows with queues and cores.
pub fn scaling(input: &Input<'_>) -> Section {
    let section = Section { id: "scaling", title: "Rate by queues and cores", method: METHOD.to_owned(), ..Section::default() };
    let Some(scaling) = &input.archive.scaling else { return section };
    Section {
        lead: words::sentences(scaling),
        figures: figure::rate_by_queues(scaling).into_iter().collect(),
        tables: words::table(scaling).captioned("Rate, cost and limit by queues").into_iter().collect(),
        ..section
    }
}

const METHOD: &str = "Each number of queues was measured in turn, round after round, so that a drift of the machine affects all of them. The rate is the median \
of the trials. What limits it is concluded from the counters of each trial (busy time of the poll loops, frames that the sender's port did not accept, frames \
that the receiver's port dropped, the spread over the queues); the table has the limit that most trials show. docs/tuning.md describes the rules.";
