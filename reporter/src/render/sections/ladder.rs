use super::Input;
use crate::amount::{Amount, Unit};
use crate::analysis::{FoundBy, KernelBest, Ladder, Quantity, kernel_best, ladders};
use crate::figure;
use crate::record::{BEST, Pair, Record, Stack};
use crate::render::document::{CaptionedTable, Section, Table};
use crate::render::{format, kernel_search_words as words};

/// Where the difference between bypass and the kernel arises, stack by stack.
pub fn ladder(input: &Input<'_>) -> Section {
    let ladders = ladders(input.cells);
    let mut pairs: Vec<_> = ladders.iter().map(|ladder| ladder.pair.clone()).collect();
    pairs.dedup();
    Section {
        id: "ladder",
        title: "Ladder of stacks",
        lead: pairs
            .iter()
            .flat_map(|pair| {
                let best = kernel_best(input.cells, pair);
                let searched = best.as_ref().is_some_and(|best| matches!(best.found, FoundBy::Search { .. }));
                let in_vain = if searched { None } else { searches_in_vain(&input.archive.records, pair) };
                in_vain.into_iter().chain(best.as_ref().map(best_in_words))
            })
            .collect(),
        figures: figure::ladder_of_stacks(&ladders),
        tables: pairs
            .iter()
            .filter_map(|pair| table(ladders.iter().filter(|ladder| ladder.pair == *pair)).captioned(format!("{pair}, stack by stack")))
            .collect::<Vec<CaptionedTable>>(),
        method: "Line rate is what the link carries; shared memory has none. PCIe link is the most that the slower link of the two ports carries: each frame in one packet, \
                 without descriptors. Generator alone is one poll loop of the sender that sends into a port that \
                 frees the frames and does nothing else (DPDK's net_null): about the most that one poll loop can send. DPDK, AF_XDP and AF_PACKET run the same engines with the same frames; raw Ethernet (verbs) is perftest's program, and no rung is compared with it. A \
                 poll loop counts as a whole CPU; what the kernel does for AF_XDP and AF_PACKET outside the poll loops' threads is not counted. CPUs of \
                 kernel stacks and of perftest are the busy time of the whole machine. CPU time a frame is that of both ends for as much payload as one frame of \
                 the size carries, so that stacks without frames of that size can be compared."
            .to_owned(),
    }
}

/// What is said where searches for the best were made, and none has a valid result.
fn searches_in_vain(records: &[Record], pair: &Pair) -> Option<String> {
    let of_pair = |record: &&Record| record.pair == *pair && record.stack == Stack::REFERENCE_KERNEL && record.method == BEST;
    let searches = records.iter().filter(of_pair).count();
    let last = records.iter().rfind(of_pair)?;
    let outcome = match searches {
        1 => "a search was made, and its result is not valid".to_owned(),
        _ => format!("{searches} searches were made, and none has a valid result"),
    };
    Some(format!("{pair}: for kernel TCP at its best {outcome}. The last one: {}.", last.verdict.reasons_in_words()))
}

fn best_in_words(best: &KernelBest) -> String {
    let rate = format::sample(Some(best.goodput.clone()));
    let among = match &best.found {
        FoundBy::Search { best, chosen_by, searches } => words::found(best, *chosen_by, *searches),
        FoundBy::Comparison { of: 1 } => "the only combination that was measured".to_owned(),
        FoundBy::Comparison { of } => format!(
            "the fastest of {of} combinations of settings and message sizes in this run. The fastest of several looks better than it is: measure it \
             again on its own before you quote it"
        ),
    };
    format!("{}: kernel TCP at its best is {} with {}s: {rate}, {among}.", best.pair, best.configuration, best.size)
}

fn table<'l>(ladders: impl Iterator<Item = &'l Ladder>) -> Table {
    let mut rows = Vec::new();
    for ladder in ladders {
        for rung in &ladder.rungs {
            let per_core = rung.goodput_per_core().map(|rate| Quantity::Goodput.amount(rate).to_string());
            let frame_ns = rung.cpu_ns_per_frame(ladder.frame_bytes);
            let nanoseconds = frame_ns.map(|value| Amount { unit: Unit::Nanoseconds, value }.to_string());
            let cycles =
                frame_ns.zip(ladder.cycles_hz).map(|(ns, hz)| Amount { unit: Unit::Cycles, value: ns * hz as f64 / 1e9 }.to_string());
            rows.push(vec![
                format!("{} B, {}", ladder.frame_bytes, rung.kind.label()),
                format::marked(Quantity::Goodput.amount(rung.goodput), rung.trusted),
                format::or_absent(rung.below_by.map(|factor| format::marked(format::ratio(factor.times), factor.trusted))),
                format::or_absent(rung.cores.map(|cores| Quantity::Cores.amount(cores).to_string())),
                format::or_absent(per_core),
                format::or_absent(nanoseconds),
                format::or_absent(cycles),
            ]);
        }
    }
    Table::new(["frame size, stack", "goodput", "rung above", "CPUs in use", "goodput a CPU", "CPU time a frame", "in TSC cycles"], rows)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::{Value, json};

    use crate::archive::Archive;
    use crate::record::Record;
    use crate::render::compose;

    fn record(stack: &str, kind: &str, bytes: u32, gbps: f64) -> Record {
        let method = if stack.starts_with("kernel") { "stream" } else { "mrr" };
        let end = json!({ "cores": 1.0 });
        let view: Value = if kind == "frame" { "frame".into() } else { "application".into() };
        let record = json!({
            "schema": 1, "id": format!("{stack}-{bytes}"), "time": "2026-03-01T12:00:00Z", "pair": { "from": "a-cpu", "to": "b-cpu" },
            "stack": stack, "tool": { "name": "t", "version": "1" }, "metric": "throughput", "method": method, "view": view, "load": "max",
            "size": { "kind": kind, "bytes": bytes }, "values": { "goodput_bps": gbps * 1e9 }, "cpu": { "sender": end, "receiver": end },
            "verdict": { "state": "valid", "reasons": [] }
        });
        serde_json::from_value(record).unwrap()
    }

    fn archive(records: Vec<Record>) -> Archive {
        Archive::of_records(records, Path::new("/nonexistent/run"))
    }

    #[test]
    fn the_section_has_a_figure_and_a_table_a_pair_and_names_the_kernel_at_its_best() {
        let records = vec![
            record("dpdk", "frame", 64, 4.0),
            record("af-xdp", "frame", 64, 1.0),
            record("kernel-tcp", "message", 64, 0.25),
            record("kernel-tcp", "message", 131_072, 8.0),
        ];
        let basis = crate::analysis::analyse(&records).overview.basis;
        assert!(
            basis.ends_with(" Bypass over kernel TCP at its best, with settings and messages of its own: 0.50 times at 64\u{a0}B."),
            "{basis}"
        );
        let page = compose::compose(&archive(records), &[]);
        let section = page.sections.iter().find(|section| section.id == "ladder").unwrap();
        assert_eq!(section.figures[0].id, "ladder-a-cpu-to-b-cpu");
        assert!(section.lead[0].contains("131072 B messages: 8.00 Gb/s, the fastest of 2 combinations"), "{}", section.lead[0]);
        let table = &section.tables[0].table;
        let row = |name: &str| table.rows.iter().find(|row| row[0] == name).unwrap_or_else(|| panic!("{name}: {table:?}"));
        // 18 bytes of payload at 0.5 Gb/s a CPU.
        assert_eq!(row("64 B, AF_XDP")[1..], ["1.00 Gb/s", "4.00×", "2.00 cores", "500 Mb/s", "288 ns", "–"]);
        assert_eq!(row("64 B, kernel TCP, small")[2], "32.0×");
    }

    #[test]
    fn the_section_says_how_sure_a_search_for_the_best_is() {
        let mut best = record("kernel-tcp", "message", 131_072, 8.0);
        let search = json!({
            "searched": ["streams", "message"], "combinations": 4, "valid_trials": 28, "invalid_trials": 1, "confidence": 0.964, "within": 0.02,
            "chosen": { "setting": "streams 1, message 131072 B", "goodput_bps": 8e9, "interval_bps": [7.9e9, 8.1e9], "trials": 9 },
            "not_distinguished": [{ "setting": "streams 4, message 131072 B", "goodput_bps": 7.95e9, "trials": 9 }],
            "slower": [], "without_valid_trial": [{ "setting": "streams 4, message 64 B", "why": "no" }], "untried": []
        });
        best.set_best_of(&serde_json::from_value(search).unwrap());
        let records =
            vec![record("dpdk", "frame", 64, 4.0), record("af-xdp", "frame", 64, 1.0), record("kernel-tcp", "message", 64, 0.25), best];
        let page = compose::compose(&archive(records), &[]);
        let section = page.sections.iter().find(|section| section.id == "ladder").unwrap();
        let expected = "8.00 Gb/s, found by a search among 4 combinations of streams, message in 28 valid trials; 95 % interval of its rate: \
                        7.90 Gb/s to 8.10 Gb/s; confidence that none that was tried is faster by more than 2.00 %: 0.96; not distinguished from it: \
                        streams 4, message 131072 B; 1 have no valid trial.";
        assert!(section.lead[0].ends_with(expected), "{}", section.lead[0]);
    }

    #[test]
    fn without_other_stacks_there_is_no_ladder() {
        let page = compose::compose(&archive(vec![record("dpdk", "frame", 64, 4.0), record("kernel-tcp", "message", 64, 0.25)]), &[]);
        assert!(page.sections.iter().all(|section| section.id != "ladder"));
    }
}
