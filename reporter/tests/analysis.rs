//! The analysis finds what was planted, and nothing where nothing was.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in tests a failed unwrap is the failed assertion")]

mod synthetic;

use reporter::analysis::{EffectSource, Plateau, ResponseKind, analyse};
use reporter::record::{Stack, State};
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
    assert!((at_64(reporter::analysis::End::Sender).change - 0.5).abs() < 1e-9);
    assert!((at_64(reporter::analysis::End::Receiver).change - 1.0).abs() < 1e-9);
}
