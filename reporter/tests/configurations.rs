//! Results of different configurations are different results: they are never averaged, and what is drawn is named.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in tests a failed unwrap is the failed assertion")]

mod synthetic;

use methodology::units::PacketRate;
use reporter::analysis::{Cells, Quantity, analyse};
use reporter::archive::Archive;
use reporter::compare::{Correction, compare};
use reporter::record::{PairGroup, Record, RecordId, Stack};
use reporter::render::{render_run, terminal};
use serde_json::{Value, json};
use synthetic::{Truth, records};

fn with(mut record: Record, suffix: &str, parameters: &Value) -> Record {
    record.id = RecordId(format!("{}-{suffix}", record.id));
    record.parameters.extend(parameters.as_object().unwrap().clone());
    record
}

/// One pair and size with more queues and other bursts, each twice as fast as what `queues` alone makes of it.
fn tuned() -> Vec<Record> {
    let plain: Vec<Record> = records(&Truth { noise: 0.0, ..Truth::lab(1) });
    let one: Vec<Record> = plain
        .iter()
        .filter(|r| r.stack == Stack::Dpdk && r.method == "mrr" && r.pair.to_string() == "a-cpu→b-cpu" && r.size.bytes == 64)
        .cloned()
        .collect();
    let mut all = plain;
    for (sender, receiver, burst, factor) in [(1, 1, 32, 0.9), (2, 1, 64, 1.5), (2, 2, 64, 2.0), (2, 2, 32, 1.8)] {
        for record in &one {
            let parameters = json!({ "sender_queues": sender, "receiver_queues": receiver, "burst": burst });
            let mut record = with(record.clone(), &format!("q{sender}{receiver}b{burst}"), &parameters);
            let values = &mut record.values;
            values.forwarding_pps = values.forwarding_pps.map(|rate| PacketRate::new(rate.pps() * factor).unwrap());
            values.goodput_bps = values.goodput_bps.map(|rate| methodology::units::Goodput::new(rate.bps() * factor).unwrap());
            all.push(record);
        }
    }
    all
}

fn archive(records: Vec<Record>) -> Archive {
    let directory = tempfile::tempdir().unwrap();
    let mut archive = synthetic::archive(&directory.path().join("run"), &[]);
    archive.records = records;
    archive
}

/// The plain run, and two of its pairs at the same time with half of their rates.
fn with_a_group() -> Vec<Record> {
    let plain: Vec<Record> = records(&Truth { noise: 0.0, ..Truth::lab(1) });
    let pairs = ["a-cpu→b-cpu", "a-dpu→b-dpu"];
    let is_member = |r: &&Record| r.stack == Stack::KernelTcp && r.method == "stream" && r.size.bytes == 64 && r.repetition == 1;
    let mut members: Vec<Record> = pairs
        .iter()
        .map(|pair| with(plain.iter().filter(is_member).find(|r| r.pair.to_string() == *pair).unwrap().clone(), "together", &json!({})))
        .collect();
    for record in &mut members {
        record.values.goodput_bps = record.values.goodput_bps.map(|rate| methodology::units::Goodput::new(rate.bps() / 2.0).unwrap());
    }
    let group = PairGroup::of("g".to_owned(), 0.95, &members.iter().map(Record::as_member).collect::<Vec<_>>());
    members.iter_mut().for_each(|record| group.note(&mut record.parameters));
    [plain, members].concat()
}

#[test]
fn pairs_at_the_same_time_change_no_number_of_pairs_alone() {
    let (plain, grouped) = (records(&Truth { noise: 0.0, ..Truth::lab(1) }), with_a_group());
    let (alone, together) = (analyse(&plain), analyse(&grouped));
    assert_eq!((&alone.overview.headline, &alone.overview.basis), (&together.overview.headline, &together.overview.basis));
    assert_eq!(alone.ratios.iter().map(|r| r.ratio).collect::<Vec<_>>(), together.ratios.iter().map(|r| r.ratio).collect::<Vec<_>>());
    assert!(together.configurations.is_empty(), "a group is not another configuration: {:?}", together.configurations);
    let [group] = &together.concurrent[..] else { panic!("one group") };
    assert!((group.factor().unwrap() - 0.5).abs() < 1e-9 && group.is_trusted());
    let text = terminal::summary(&archive(grouped), 160);
    assert!(text.contains("Pairs at the same time") && text.contains("0.500×"), "{text}");
}

#[test]
fn a_group_is_compared_with_the_same_group_and_with_no_pair_alone() {
    let (plain, grouped) = (archive(records(&Truth { noise: 0.0, ..Truth::lab(1) })), archive(with_a_group()));
    let comparison = compare(&plain, &grouped, Correction::BenjaminiHochberg);
    assert_eq!(comparison.only_in_new.len(), 2, "the two records of the group");
    assert!(comparison.changes.iter().all(|change| change.key.group.is_none() && (change.ratio - 1.0).abs() < 1e-9));
    let same = compare(&grouped, &grouped, Correction::BenjaminiHochberg);
    let of_group: Vec<String> = same.changes.iter().filter(|change| change.key.group.is_some()).map(|change| change.name()).collect();
    assert_eq!(of_group.len(), 2);
    assert!(of_group[0].ends_with("at the same time as a-dpu→b-dpu"), "{of_group:?}");
}

#[test]
fn more_queues_beside_the_plain_run_change_no_number_of_it() {
    let plain = analyse(&records(&Truth { noise: 0.0, ..Truth::lab(1) }));
    let with_tuning = analyse(&tuned());
    assert_eq!(plain.ratios.len(), with_tuning.ratios.len());
    for (a, b) in plain.ratios.iter().zip(&with_tuning.ratios) {
        assert_eq!((a.ratio, a.dpdk.values.len()), (b.ratio, b.dpdk.values.len()), "{} {}", a.pair, a.bytes);
    }
    assert!(plain.configurations.is_empty());
    let [choice] = with_tuning.configurations.as_slice() else { panic!("{:?}", with_tuning.configurations) };
    assert_eq!(choice.left_out.len(), 4);
    assert_eq!(choice.drawn.len(), 1);
}

#[test]
fn a_queue_of_one_that_is_named_is_the_queue_of_one_that_is_not() {
    let mut list = records(&Truth::lab(1));
    for record in list.iter_mut().filter(|r| r.stack == Stack::Dpdk && r.repetition == 2) {
        record.parameters.extend(json!({ "sender_queues": 1, "receiver_queues": 1 }).as_object().unwrap().clone());
    }
    assert!(analyse(&list).configurations.is_empty());
    assert!(Cells::of(&list).iter().filter(|c| c.key.method == "mrr").all(|cell| cell.valid.len() == 3));
}

#[test]
fn two_tools_and_two_numbers_of_streams_are_never_one_sample() {
    let mut list = records(&Truth::lab(1));
    let tcp: Vec<Record> = list.iter().filter(|r| r.stack == Stack::KernelTcp && r.tool.name == "iperf3").cloned().collect();
    for record in tcp.iter().take(21) {
        list.push(with(record.clone(), "p4", &json!({ "streams": 4 })));
        let mut other = with(record.clone(), "qperf", &json!({}));
        other.tool.name = "qperf".to_owned();
        list.push(other);
    }
    let cells = Cells::of(&list);
    for cell in cells.iter() {
        let all = || cell.valid.iter().chain(&cell.invalid);
        let tools: std::collections::BTreeSet<_> = all().map(|r| &r.tool.name).collect();
        let streams: std::collections::BTreeSet<_> = all().map(|r| r.parameters.get("streams").map(ToString::to_string)).collect();
        assert!(tools.len() == 1 && streams.len() == 1, "{:?}", cell.key);
    }
    // One point a size in every curve, and it is the one that the run has most of.
    for pair in cells.pairs() {
        let curve = cells.curve(&pair, Stack::KernelTcp);
        assert_eq!(curve.len(), 7);
        assert!(curve.iter().all(|c| c.key.configuration.tool == "iperf3" && c.key.configuration.settings.is_empty()));
    }
    let directory = tempfile::tempdir().unwrap();
    let archive = archive(list);
    render_run(&archive, directory.path()).unwrap();
    for name in ["report.html", "report.md"] {
        let text = std::fs::read_to_string(directory.path().join(name)).unwrap();
        assert!(text.contains("more than one configuration") && text.contains("iperf3, 4 streams (7 results)"), "{name}");
    }
    assert!(terminal::summary(&archive, 160).contains("more than one configuration"));
}

#[test]
fn rate_by_queues_and_burst_stands_where_there_is_a_choice_and_nowhere_else() {
    let directory = tempfile::tempdir().unwrap();
    render_run(&archive(tuned()), directory.path()).unwrap();
    let html = std::fs::read_to_string(directory.path().join("report.html")).unwrap();
    assert!(html.contains("figure-rate-by-configuration-"), "the figure");
    assert!(html.contains("Fastest: 2 → 2 queues, burst 64") && html.contains("2.00 times"), "the sentence");
    let table = directory.path().join("figures/rate-by-configuration-a-cpu-to-b-cpu-64-b-frame-mrr.csv");
    let csv = std::fs::read_to_string(table).unwrap();
    assert_eq!(csv.lines().count(), 1 + 5, "{csv}");
    let markdown = std::fs::read_to_string(directory.path().join("report.md")).unwrap();
    assert!(markdown.contains("| configuration | burst"), "its rows are no pairs");

    let plain = tempfile::tempdir().unwrap();
    render_run(&archive(records(&Truth::lab(1))), plain.path()).unwrap();
    assert!(!std::fs::read_to_string(plain.path().join("report.html")).unwrap().contains("rate-by-configuration"));
}

#[test]
fn runs_of_one_configuration_each_are_compared_and_the_difference_stands_first() {
    let base = records(&Truth::lab(1));
    let mut new = records(&Truth::lab(2));
    for record in new.iter_mut().filter(|r| r.stack == Stack::Dpdk && r.method == "mrr") {
        record.parameters.extend(json!({ "burst": 32 }).as_object().unwrap().clone());
    }
    let comparison = compare(&archive(base), &archive(new), Correction::default());
    assert!(comparison.only_in_base.is_empty() && comparison.only_in_new.is_empty());
    let told: Vec<_> = comparison.environment.iter().filter(|d| d.what.starts_with("configuration of dpdk mrr")).collect();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].new.as_deref(), Some("1 → 1 queue, burst 32"));
}

#[test]
fn runs_of_several_configurations_are_compared_like_with_like() {
    let comparison = compare(&archive(tuned()), &archive(tuned()), Correction::default());
    assert!(comparison.only_in_base.is_empty() && comparison.only_in_new.is_empty());
    assert!(comparison.changes.iter().all(|change| change.ratio == 1.0));
    let base: Vec<Record> = tuned();
    let fewer: Vec<Record> = base.iter().filter(|r| r.parameters.get("burst") != Some(&json!(32))).cloned().collect();
    let comparison = compare(&archive(base), &archive(fewer), Correction::default());
    assert_eq!(comparison.only_in_base.len(), 2);
    assert!(comparison.changes.iter().filter(|c| c.quantity == Quantity::ForwardingRate).all(|change| change.ratio == 1.0));
}
