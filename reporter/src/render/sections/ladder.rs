use super::Input;
use crate::amount::{Amount, Unit};
use crate::analysis::{KernelBest, Ladder, Quantity, kernel_best, ladders};
use crate::figure;
use crate::render::document::{CaptionedTable, Section, Table};
use crate::render::format;

/// Where the difference between bypass and the kernel arises, stack by stack.
pub fn ladder(input: &Input<'_>) -> Section {
    let ladders = ladders(input.cells);
    let mut pairs: Vec<_> = ladders.iter().map(|ladder| ladder.pair.clone()).collect();
    pairs.dedup();
    Section {
        id: "ladder",
        title: "Ladder of stacks",
        lead: pairs.iter().filter_map(|pair| kernel_best(input.cells, pair)).map(|best| best_in_words(&best)).collect(),
        figures: figure::ladder_of_stacks(&ladders),
        tables: pairs
            .iter()
            .filter_map(|pair| table(ladders.iter().filter(|ladder| ladder.pair == *pair)).captioned(format!("{pair}, stack by stack")))
            .collect::<Vec<CaptionedTable>>(),
        method: "Line rate is what the link carries; shared memory has none. DPDK, AF_XDP and AF_PACKET run the same engines with the same frames. A \
                 poll loop counts as a whole CPU; what the kernel does for AF_XDP and AF_PACKET outside the poll loops' threads is not counted. CPUs of \
                 kernel stacks are the busy time of the whole machine. CPU time a frame is that of both ends for as much payload as one frame of \
                 the size carries, so that stacks without frames of that size can be compared."
            .to_owned(),
    }
}

fn best_in_words(best: &KernelBest) -> String {
    let rate = format::sample(Some(best.goodput.clone()));
    let among = match best.of {
        1 => "the only combination that was measured".to_owned(),
        of => format!(
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
            let nanoseconds = rung.cpu_ns_per_frame(ladder.frame_bytes).map(|value| Amount { unit: Unit::Nanoseconds, value }.to_string());
            rows.push(vec![
                format!("{} B, {}", ladder.frame_bytes, rung.kind.label()),
                format::marked(Quantity::Goodput.amount(rung.goodput), rung.trusted),
                format::or_absent(rung.below_by.map(format::ratio)),
                format::or_absent(rung.cores.map(|cores| Quantity::Cores.amount(cores).to_string())),
                format::or_absent(per_core),
                format::or_absent(nanoseconds),
            ]);
        }
    }
    Table::new(["frame size, stack", "goodput", "rung above", "CPUs in use", "goodput a CPU", "CPU time a frame"], rows)
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
        let directory = Path::new("/nonexistent/run").to_owned();
        Archive { records, damaged: Vec::new(), environment: None, plan: None, testbed: None, tuned: None, scaling: None, directory }
    }

    #[test]
    fn the_section_has_a_figure_and_a_table_a_pair_and_names_the_kernel_at_its_best() {
        let records = vec![
            record("dpdk", "frame", 64, 4.0),
            record("af-xdp", "frame", 64, 1.0),
            record("kernel-tcp", "message", 64, 0.25),
            record("kernel-tcp", "message", 131_072, 8.0),
        ];
        let page = compose::compose(&archive(records), &[]);
        let section = page.sections.iter().find(|section| section.id == "ladder").unwrap();
        assert_eq!(section.figures[0].id, "ladder-a-cpu-to-b-cpu");
        assert!(section.lead[0].contains("131072 B messages: 8.00 Gb/s, the fastest of 2 combinations"), "{}", section.lead[0]);
        let table = &section.tables[0].table;
        let row = |name: &str| table.rows.iter().find(|row| row[0] == name).unwrap_or_else(|| panic!("{name}: {table:?}"));
        // 18 bytes of payload at 0.5 Gb/s a CPU.
        assert_eq!(row("64 B, AF_XDP")[1..], ["1.00 Gb/s", "4.00×", "2.00 cores", "500 Mb/s", "288 ns"]);
        assert_eq!(row("64 B, kernel TCP, small")[2], "32.0×");
    }

    #[test]
    fn without_other_stacks_there_is_no_ladder() {
        let page = compose::compose(&archive(vec![record("dpdk", "frame", 64, 4.0), record("kernel-tcp", "message", 64, 0.25)]), &[]);
        assert!(page.sections.iter().all(|section| section.id != "ladder"));
    }
}
