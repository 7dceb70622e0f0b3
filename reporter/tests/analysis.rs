//! The analysis finds what was planted, and nothing where nothing was.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in tests a failed unwrap is the failed assertion")]

mod synthetic;

use std::collections::BTreeMap;

use methodology::units::Goodput;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use reporter::analysis::{Cells, EffectSource, Plateau, Quantity, ResponseKind, analyse, effects, kind_costs};
use reporter::record::{EndpointId, Metric, Record, Stack, State};
use synthetic::{Truth, records};

fn claims(records: &[reporter::record::Record], stack: Stack) -> Vec<(ResponseKind, EffectSource, f64)> {
    analyse(records)
        .effects
        .into_iter()
        .filter(|effects| effects.stack == stack)
        .flat_map(|effects| effects.responses)
        .flat_map(|response| response.effects.into_iter().map(move |effect| (response.kind, effect)))
        .filter(|(_, effect)| effect.significant)
        .map(|(kind, effect)| (kind, effect.source, effect.explained))
        .collect()
}

#[test]
fn a_sender_that_sets_the_rise_and_a_receiver_that_sets_the_maximum_are_found_and_nothing_else() {
    // Senders far below the receivers' limits at small sizes and above them at large ones, so that each decides its own part.
    let truth = Truth {
        sender_pps: |kind| if kind == "dpu" { 20.0e6 } else { 40.0e6 },
        receiver_bps: |kind| if kind == "dpu" { 40e9 } else { 80e9 },
        noise: 0.01,
        ..Truth::lab(5)
    };
    let found = claims(&records(&truth), Stack::Dpdk);
    let sources: Vec<_> = found.iter().map(|(kind, source, _)| (*kind, *source)).collect();
    assert_eq!(sources, [(ResponseKind::Rise, EffectSource::Sender), (ResponseKind::Maximum, EffectSource::Receiver)], "{found:?}");
    assert!(found.iter().all(|(.., explained)| *explained > 0.95), "{found:?}");
}

#[test]
fn planted_factors_are_recovered() {
    let truth = Truth {
        sender_pps: |kind| if kind == "dpu" { 20.0e6 } else { 40.0e6 },
        receiver_bps: |kind| if kind == "dpu" { 40e9 } else { 80e9 },
        noise: 0.0,
        ..Truth::lab(5)
    };
    let analysis = analyse(&records(&truth));
    let dpdk = analysis.effects.iter().find(|e| e.stack == Stack::Dpdk).unwrap();
    for (response, source) in dpdk.responses.iter().zip([EffectSource::Sender, EffectSource::Receiver]) {
        let effect = response.effects.iter().find(|e| e.source == source).unwrap();
        let factor = |kind: &str| effect.factors.iter().find(|f| f.0 == kind).unwrap().1;
        assert!((factor("cpu") / factor("dpu") - 2.0).abs() < 0.01, "{:?}", effect.factors);
    }
}

#[test]
fn where_there_is_no_effect_claims_are_no_more_frequent_than_the_stated_level() {
    let false_alarms = (0..200).filter(|seed| !claims(&records(&Truth::no_effect(1000 + seed)), Stack::Dpdk).is_empty()).count();
    // 5 % of 200 is 10; more than 20 would come about by chance less than once in 500.
    assert!(false_alarms <= 20, "{false_alarms} of 200");
}

#[test]
fn one_direction_alone_is_not_enough_to_tell_kinds_from_pairs() {
    let mut records = records(&Truth::lab(1));
    records.retain(|r| r.pair.from.system() == "a" && r.pair.to.system() == "b");
    let effects = analyse(&records).effects;
    assert!(effects.iter().all(|e| e.responses.is_empty() && e.not_enough.is_some()), "{effects:?}");
}

#[test]
fn nothing_is_claimed_from_an_empty_or_a_failed_run() {
    for records in [vec![], records(&Truth { failed: 1.0, ..Truth::lab(1) })] {
        let analysis = analyse(&records);
        assert!(analysis.ratios.is_empty() && analysis.placement.best.is_empty());
        assert!(analysis.overview.headline.contains("cannot be compared"), "{}", analysis.overview.headline);
    }
}

#[test]
fn invalid_trials_do_not_move_a_ratio_that_has_valid_ones() {
    let mut records = records(&Truth::lab(3));
    let before = analyse(&records).ratios;
    let mut spoilt = records[0].clone();
    assert_eq!((spoilt.stack, spoilt.verdict.state), (Stack::Dpdk, State::Valid));
    spoilt.verdict = reporter::record::Verdict::invalid(vec![]);
    spoilt.values.goodput_bps = Some(methodology::units::Goodput::new(1e15).unwrap());
    records.push(spoilt);
    let after = analyse(&records).ratios;
    assert!(before.iter().zip(&after).all(|(a, b)| a.ratio == b.ratio && b.is_trusted()));
}

#[test]
fn a_single_measurement_has_a_ratio_but_no_interval_and_three_have_one() {
    let once = analyse(&records(&Truth { repetitions: 1, ..Truth::lab(2) }));
    assert!(!once.ratios.is_empty() && once.ratios.iter().all(|r| r.interval.is_err()) && !once.overview.repeated);
    let thrice = analyse(&records(&Truth::lab(2)));
    assert!(thrice.ratios.iter().all(|r| r.interval.is_ok_and(|i| i.low < r.ratio && r.ratio < i.high)) && thrice.overview.repeated);
}

#[test]
fn a_curve_that_meets_line_rate_says_from_which_size_on() {
    let truth = Truth { link: true, sender_pps: |_| 30e6, receiver_bps: |_| 1e12, noise: 0.0, ..Truth::lab(1) };
    let mut records = records(&truth);
    // 30 Mpps at 512 B would be 127.7 Gb/s: the link cuts it there.
    for record in records.iter_mut().filter(|r| r.stack == Stack::Dpdk) {
        let (Some(l1), Some(limit)) = (record.values.l1_bps, record.ceiling.as_ref().and_then(|c| c.l1_bps)) else { continue };
        record.values.l1_bps = Some(methodology::units::L1Rate::new(l1.bps().min(limit)).unwrap());
    }
    let plateaus = analyse(&records).plateaus;
    let dpdk: Vec<_> = plateaus.iter().filter(|p| p.stack == Stack::Dpdk).collect();
    assert_eq!(dpdk.len(), 12);
    assert!(dpdk.iter().all(|p| matches!(p.plateau, Plateau::Ceiling { from_bytes: 512, .. })), "{dpdk:?}");
}

#[test]
fn offloading_costs_what_was_planted() {
    let truth = Truth { noise: 0.0, sender_pps: |kind| if kind == "dpu" { 5e6 } else { 10e6 }, receiver_bps: |_| 1e12, ..Truth::lab(1) };
    let placement = analyse(&records(&truth)).placement;
    let at_64 = |end| {
        placement.offload.iter().find(|o| o.stack == Stack::Dpdk && o.bytes == 64 && o.end == end && o.quantity.higher_is_better()).unwrap()
    };
    assert!((at_64(reporter::analysis::PairEnd::Sender).change - 0.5).abs() < 1e-9);
    assert!((at_64(reporter::analysis::PairEnd::Receiver).change - 1.0).abs() < 1e-9);
}

/// The planted run with its SmartNICs as endpoints of another kind.
fn with_kind(truth: &Truth, kind: &str) -> Vec<Record> {
    let text = serde_json::to_string(&records(truth)).unwrap().replace("-dpu\"", &format!("-{kind}\""));
    serde_json::from_str(&text).unwrap()
}

#[test]
fn placement_and_effects_are_those_of_any_kinds() {
    let truth = Truth { noise: 0.0, sender_pps: |kind| if kind == "dpu" { 5e6 } else { 10e6 }, receiver_bps: |_| 1e12, ..Truth::lab(1) };
    for kind in ["container", "vm"] {
        let analysis = analyse(&with_kind(&truth, kind));
        let moved =
            analysis.placement.offload.iter().find(|o| o.stack == Stack::Dpdk && o.bytes == 64 && o.quantity.higher_is_better()).unwrap();
        assert_eq!((moved.from.as_str(), moved.to.as_str(), moved.end), ("cpu", kind, reporter::analysis::PairEnd::Sender));
        assert!((moved.change - 0.5).abs() < 1e-9);
        let kinds: Vec<&str> = analysis.effects[0].responses[0].effects[0].factors.iter().map(|(kind, _)| kind.as_str()).collect();
        assert!(kinds.contains(&kind) && kinds.contains(&"cpu"), "{kinds:?}");
    }
}

#[test]
fn a_kind_costs_what_was_planted_and_smartnics_have_no_such_section() {
    let truth = Truth { noise: 0.0, sender_pps: |kind| if kind == "dpu" { 4e6 } else { 10e6 }, receiver_bps: |_| 1e12, ..Truth::lab(1) };
    let smartnics = records(&truth);
    assert!(kind_costs(&Cells::of(&smartnics)).is_empty());
    let containers = with_kind(&truth, "container");
    // A run with virtual machines only: its hosts are those of the other run.
    let slower = Truth { sender_pps: |kind| if kind == "dpu" { 1e6 } else { 10e6 }, ..truth };
    let mut machines = with_kind(&slower, "vm");
    machines.retain(|record| record.pair.from.kind() == "vm" && record.pair.to.kind() == "vm");
    assert!(kind_costs(&Cells::of(&machines)).is_empty(), "one kind alone has nothing to be compared with");
    let all = [containers, machines].concat();
    let costs = kind_costs(&Cells::of(&all));
    let at_64 = costs.iter().find(|cost| cost.stack == Stack::Dpdk && cost.bytes == 64 && cost.quantity.higher_is_better()).unwrap();
    let steps: Vec<(&str, f64, usize)> =
        at_64.steps.iter().map(|step| (step.kind.as_str(), (step.of_first * 100.0).round(), step.pairs)).collect();
    let mixed = [("cpu→container", 100.0, 2), ("container→cpu", 40.0, 2)];
    assert_eq!(steps, [("cpu", 100.0, 2), mixed[0], mixed[1], ("container", 40.0, 2), ("vm", 10.0, 2)]);
}

/// How far endpoints of one kind and pairs lie apart: standard deviations of logarithms.
#[derive(Clone, Copy)]
struct Apart {
    senders: f64,
    receivers: f64,
    pairs: f64,
}

/// Throughput between systems at three sizes on both stacks, in which kinds differ by nothing, or senders on a `cpu` by a factor.
fn between_systems(template: &[Record], seed: u64, apart: Apart, cpu_senders: f64) -> Vec<Record> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut normal = |deviation: f64| (deviation * ((0..12).map(|_| rng.random_range(0.0..1.0)).sum::<f64>() - 6.0)).exp();
    let mut ends: BTreeMap<(EndpointId, Stack, bool), f64> = BTreeMap::new();
    let mut list = template.to_vec();
    for record in &mut list {
        let sender = *ends.entry((record.pair.from.clone(), record.stack, true)).or_insert_with(|| normal(apart.senders));
        let receiver = *ends.entry((record.pair.to.clone(), record.stack, false)).or_insert_with(|| normal(apart.receivers));
        let kind = if record.pair.from.kind() == "cpu" { cpu_senders } else { 1.0 };
        let rate = 1e6 * f64::from(record.size.bytes) * sender * receiver * kind * normal(apart.pairs);
        record.values.goodput_bps = Some(Goodput::new(rate).unwrap());
    }
    list
}

fn template() -> Vec<Record> {
    let mut list = records(&Truth { repetitions: 1, ..Truth::no_effect(1) });
    list.retain(|r| {
        r.metric == Metric::Throughput && !r.pair.is_within_one_system() && [64, 512, 1518].contains(&r.size.bytes) && r.repetition == 1
    });
    assert_eq!(list.len(), 8 * 3 * 2);
    list
}

fn claims_anything(records: &[Record]) -> bool {
    effects(&Cells::of(records)).iter().flat_map(|e| &e.responses).flat_map(|r| &r.effects).any(|e| e.significant)
}

#[test]
fn false_claims_of_a_whole_report_are_at_most_five_percent_however_endpoints_differ() {
    let template = template();
    for (case, senders, receivers) in [("endpoints alike", 0.0, 0.0), ("both ends differ", 0.1, 0.1), ("only senders differ", 0.1, 0.0)] {
        let apart = Apart { senders, receivers, pairs: 0.03 };
        let claimed = (0..2000).filter(|seed| claims_anything(&between_systems(&template, *seed, apart, 1.0))).count();
        println!("{:.2} % {case}", claimed as f64 / 20.0);
        // 5.5 % of 2000.
        assert!(claimed <= 110, "{case}: {claimed} of 2000");
    }
}

#[test]
fn a_kind_that_differs_clearly_more_than_its_endpoints_is_claimed() {
    let template = template();
    let apart = Apart { senders: 0.02, receivers: 0.02, pairs: 0.02 };
    let found = (0..200).filter(|seed| claims_anything(&between_systems(&template, *seed, apart, 2.0))).count();
    assert!(found >= 180, "{found} of 200");
}

#[test]
fn the_rise_does_not_depend_on_what_large_sizes_do() {
    let of = |records: &[Record]| {
        let all = effects(&Cells::of(records));
        let rise =
            all.into_iter().find(|e| e.stack == Stack::Dpdk).unwrap().responses.into_iter().find(|r| r.kind == ResponseKind::Rise).unwrap();
        rise.effects.iter().map(|e| (e.explained, e.p.ok())).collect::<Vec<_>>()
    };
    let before = records(&Truth::lab(4));
    let mut after = before.clone();
    for record in after.iter_mut().filter(|r| r.size.bytes > 64 && r.pair.from.kind() == "cpu") {
        record.values.goodput_bps = record.values.goodput_bps.map(|goodput| Goodput::new(goodput.bps() * 3.0).unwrap());
    }
    let explained = |list: &[(f64, Option<f64>)]| list.iter().map(|e| e.0).collect::<Vec<_>>();
    assert_eq!(explained(&of(&before)), explained(&of(&after)));
}

#[test]
fn endpoints_that_agree_exactly_prove_no_effect() {
    let truth = Truth { noise: 0.0, sender_pps: |kind| if kind == "dpu" { 5e6 } else { 10e6 }, receiver_bps: |_| 1e12, ..Truth::lab(1) };
    assert_eq!(claims(&records(&truth), Stack::Dpdk), []);
}

#[test]
fn the_headline_compares_mean_round_trips_of_the_pairs_that_it_counts() {
    // DPDK's mean is 3.4 µs and its median 0.9 of that; the kernel's mean is 78 µs: 22.9 times by means, 25.5 by mean over median.
    let mut list = records(&Truth { noise: 0.0, ..Truth::lab(1) });
    // Inside a system round trips are 100 times longer: another question.
    for record in list.iter_mut().filter(|r| r.pair.is_within_one_system() && r.stack.is_kernel()) {
        if let Some(rtt) = &mut record.values.rtt_ns {
            rtt.mean = rtt.mean.map(|mean| mean * 100.0);
        }
    }
    let analysis = analyse(&list);
    assert!(analysis.latency_ratios.iter().all(|l| l.dpdk.quantity == Quantity::RttMean && l.kernel.quantity == Quantity::RttMean));
    let headline = &analysis.overview.headline;
    assert!(headline.ends_with("; its mean round trips were 23 times shorter."), "{headline}");
    assert!(analysis.overview.basis.starts_with("Range over 8 pairs between the systems."), "{}", analysis.overview.basis);

    // Without a mean on one side: medians on both, and the sentence says so.
    for rtt in list.iter_mut().filter_map(|r| r.values.rtt_ns.as_mut()) {
        rtt.p50 = rtt.p50.or(rtt.mean.map(|mean| mean * 0.9));
        rtt.mean = rtt.count.is_none().then_some(rtt.mean).flatten();
    }
    let headline = analyse(&list).overview.headline;
    assert!(headline.ends_with("; its median round trips were 23 times shorter."), "{headline}");

    // A mean on one side and a median on the other are not compared.
    for rtt in list.iter_mut().filter_map(|r| r.values.rtt_ns.as_mut()).filter(|rtt| rtt.count.is_none()) {
        rtt.p50 = None;
    }
    let analysis = analyse(&list);
    assert!(analysis.latency_ratios.is_empty() && !analysis.overview.headline.contains("round trips"), "{}", analysis.overview.headline);
}

#[test]
fn round_trips_of_some_pairs_are_counted_apart() {
    let mut list = records(&Truth::lab(1));
    list.retain(|r| r.metric != Metric::Latency || (r.pair.from.kind() == "cpu" && r.pair.to.kind() == "cpu"));
    let basis = analyse(&list).overview.basis;
    assert!(basis.starts_with("Range over 8 pairs between the systems (round trips: 2 of them)."), "{basis}");
}

#[test]
fn every_ratio_lies_in_its_interval_however_noisy() {
    for seed in 0..20 {
        for repetitions in [3, 7] {
            let analysis = analyse(&records(&Truth { repetitions, noise: 0.8, ..Truth::lab(seed) }));
            assert!(analysis.ratios.iter().all(|r| r.interval.is_ok_and(|i| i.holds(r.ratio))));
        }
    }
}

#[test]
fn curves_that_were_measured_once_claim_no_plateau() {
    let once = analyse(&records(&Truth { repetitions: 1, ..Truth::lab(2) }));
    assert!(!once.plateaus.is_empty() && once.plateaus.iter().all(|p| matches!(p.plateau, Plateau::MeasuredOnce { .. })));
    let ten = analyse(&records(&Truth { repetitions: 10, noise: 0.01, ..Truth::lab(2) }));
    assert!(
        ten.plateaus.iter().all(|p| !matches!(p.plateau, Plateau::MeasuredOnce { .. } | Plateau::Unclear { .. })),
        "{:?}",
        ten.plateaus
    );
}
