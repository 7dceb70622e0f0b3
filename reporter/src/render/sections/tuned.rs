use super::Input;
use crate::figure;
use crate::render::document::{Section, Table};
use crate::render::tuned_words as words;

/// What a search found.
pub fn tuned(input: &Input<'_>) -> Section {
    let section = Section { id: "tuned", title: "The best setting", method: METHOD.to_owned(), ..Section::default() };
    let Some((run, found)) = input.archive.tuned.as_ref().and_then(|run| Some((run, run.found.as_ref()?))) else { return section };
    let failures = Table::new(["setting", "error"], words::failures(run, found));
    Section {
        lead: words::sentences(run, found),
        figures: [figure::map_of_settings(run, found), figure::settings_as_lines(run, found)].into_iter().flatten().collect(),
        tables: words::table(run, found)
            .captioned("Settings by result")
            .into_iter()
            .chain(failures.captioned("Settings that do not work"))
            .collect(),
        ..section
    }
}

const METHOD: &str = "linerate tune measured many settings, dropped those that are clearly worse than the best, and measured the rest again in rounds, \
so that a drift of the machine affects all of them. Values are free of drift between blocks of trials, and an outlier moves them by a bounded amount. The \
gain is from pairs of trials that were made after the choice. In the figure with lines, each setting is a line through its value of each axis, the first \
value at the bottom, to its result, the best at the top. docs/tuning.md describes the search.";
