use super::Input;
use crate::render::document::Section;
use crate::render::kernel_search_words as words;

/// What each search for the kernel's fastest settings found, combination by combination.
pub fn kernel_searches(input: &Input<'_>) -> Section {
    let records = &input.archive.records;
    let found = records.iter().filter_map(|record| Some((record, record.best_of()?)));
    Section {
        id: "kernel-searches",
        title: "The kernel at its best",
        lead: words::searches(records),
        tables: found
            .filter_map(|(record, best)| {
                words::combinations(&best).captioned(format!("{}: combinations by goodput", words::subject(record, &best)))
            })
            .collect(),
        method: "A search measures combinations of the settings, drops those that are clearly slower than the fastest, and measures the \
                 rest again in rounds, so that a drift of the machine affects all of them. Values are free of that drift, and an outlier moves them by a \
                 bounded amount. The record of a search is the middle one of the chosen combination's valid trials."
            .to_owned(),
        ..Section::default()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use crate::archive::Archive;
    use crate::record::{BestOf, ReasonKind, Record};
    use crate::render::compose;
    use crate::render::terminal::summary;

    fn archive(search: &serde_json::Value, valid: bool) -> Archive {
        let record = json!({
            "schema": 1, "id": "1", "time": "2026-03-01T12:00:00Z", "pair": { "from": "a-cpu", "to": "b-cpu" }, "stack": "kernel-udp",
            "tool": { "name": "iperf3", "version": "3.12" }, "metric": "throughput", "method": "stream", "view": "application", "load": "max",
            "size": { "kind": "message", "bytes": 16384 }, "values": { "goodput_bps": 4.5e9 }, "verdict": { "state": "valid", "reasons": [] }
        });
        let mut record: Record = serde_json::from_value(record).unwrap();
        let best: BestOf = serde_json::from_value(search.clone()).unwrap();
        record.set_best_of(&best);
        if !valid {
            record.verdict.invalidate(ReasonKind::Hiccup, "interrupted");
        }
        Archive::of_records(vec![record], Path::new("/nonexistent/run"))
    }

    /// Two combinations with rates, one without a valid trial, one that was not tried.
    fn search() -> serde_json::Value {
        json!({
            "searched": ["streams"], "combinations": 4, "valid_trials": 12, "invalid_trials": 1, "confidence": 0.96, "within": 0.02,
            "chosen": { "setting": "streams 2", "goodput_bps": 4.5e9, "interval_bps": [4.4e9, 4.6e9], "trials": 9 },
            "not_distinguished": [], "slower": [{ "setting": "streams 1", "goodput_bps": 4e9, "trials": 1 }],
            "without_valid_trial": [{ "setting": "streams 4", "why": "no route" }], "untried": ["streams 8"]
        })
    }

    #[test]
    fn a_run_of_a_search_alone_shows_its_result_on_the_page_and_at_the_terminal() {
        let archive = archive(&search(), true);
        let page = compose::compose(&archive, &[]);
        let section = page.sections.iter().find(|section| section.id == "kernel-searches").unwrap();
        let sentence = "a-cpu→b-cpu, kernel UDP with 16384 B messages, repetition 1: at its best with streams 2, 4.50 Gb/s, found by a search among 4 combinations of streams in 12 valid \
                        trials; 95 % interval of its rate: 4.40 Gb/s to 4.60 Gb/s; confidence that none that was tried is faster by more than \
                        2.00 %: 0.96; 1 have no valid trial; 1 were not tried.";
        assert_eq!(section.lead, [sentence]);
        let rows = &section.tables[0].table.rows;
        assert_eq!(rows[0], ["streams 2", "4.50 Gb/s", "4.40 Gb/s to 4.60 Gb/s", "9", "chosen"]);
        assert_eq!(rows[1], ["streams 1", "4.00 Gb/s", "–", "1", "slower"]);
        assert_eq!(rows[2], ["streams 4", "–", "–", "0", "no valid trial: no route"]);
        assert_eq!(rows[3], ["streams 8", "–", "–", "0", "not tried"]);
        assert!(summary(&archive, 100).contains(sentence), "{}", summary(&archive, 100));
    }

    #[test]
    fn a_search_whose_record_is_not_valid_is_marked() {
        let mut without = search();
        without["chosen"] = serde_json::Value::Null;
        let text = |search: &serde_json::Value| summary(&archive(search, false), 100);
        assert!(text(&search()).contains("streams 2, 4.50 Gb/s !, found by"), "{}", text(&search()));
        assert!(text(&without).contains("no combination has a valid trial. hiccup: interrupted."), "{}", text(&without));
    }
}
