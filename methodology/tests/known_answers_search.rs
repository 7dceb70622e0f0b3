//! Searches on devices whose answer is known: K1 to K3, K6 to K10, K14 to K17, named after the clause each proves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in tests a failed unwrap is the failed assertion")]

mod support;

use methodology::method::{Algorithm, MethodName, Preset};
use methodology::procedures::{self, Conditions, KnownRates, MethodReason, MethodState};
use methodology::search::{Bound, BoundSetBy, Classification, GoalOutcome, Irregularity, Observation, classify};
use methodology::simulate::{SimulatedMeasurer, pass_probability};
use methodology::trial::{Measurer, TrialInput, TrialOutcome, TrialPath, TrialPurpose, TrialReason, TrialState};
use methodology::units::{FrameSize, LinkSpeed, Load, LossRatio, Seconds, Share};
use support::*;

const CAPACITY: &str = "capacity=10Mpps";

fn csit() -> methodology::method::MethodSpec {
    spec(MethodName::NdrPdr, Preset::CsitNdrPdr)
}

fn rfc2544() -> methodology::method::MethodSpec {
    spec(MethodName::Throughput, Preset::Rfc2544)
}

fn why(outcome: &GoalOutcome) -> Irregularity {
    match outcome {
        GoalOutcome::Irregular { why, .. } => *why,
        regular => panic!("looks regular: {regular:?}"),
    }
}

/// RFC 5180 appendix A rounds down. RFC 8219 appendix A rounds to nearest and prints a row "678" whose values are those of 678 bytes:
/// a misprint of 768, not repeated here.
#[test]
fn rfc5180_a_k1_line_rates_are_exact_integers() {
    let table = [
        (64, 37_202_380, 148_809_523, 297_619_047),
        (128, 21_114_864, 84_459_459, 168_918_918),
        (256, 11_322_463, 45_289_855, 90_579_710),
        (512, 5_874_060, 23_496_240, 46_992_481),
        (768, 3_965_736, 15_862_944, 31_725_888),
        (1024, 2_993_295, 11_973_180, 23_946_360),
        (1280, 2_403_846, 9_615_384, 19_230_769),
        (1518, 2_031_859, 8_127_438, 16_254_876),
        (9000, 346_452, 1_385_809, 2_771_618),
    ];
    for (bytes, at_25, at_100, at_200) in table {
        let size = FrameSize::new(bytes).unwrap();
        let fps = |gbps: u32| LinkSpeed::from_mbps(gbps * 1000).line_rate_fps(size);
        assert_eq!((fps(25), fps(100), fps(200)), (at_25, at_100, at_200), "{bytes} bytes");
    }
}

/// RFC 8219 appendix A's rounding is ours plus at most one.
#[test]
fn rfc8219_a_k1_rounding_to_nearest_differs_by_at_most_one() {
    for size in FrameSize::RFC8219 {
        let exact = 10e9 / (8.0 * f64::from(size.on_wire()));
        let floor = LinkSpeed::from_mbps(10_000).line_rate_fps(size);
        assert!(exact.round() as u64 - floor <= 1, "{size}");
    }
    // RFC 8219 adds 20 bytes of encapsulation: its row "678" is right for 678 bytes and wrong for the 768 it stands for.
    let with_encapsulation = |bytes: f64| (10e9 / (8.0 * (bytes + 20.0 + 20.0))).round();
    assert_eq!((with_encapsulation(678.0), with_encapsulation(768.0)), (1_740_947.0, 1_547_030.0));
}

/// RFC 2544 §26.3's formula on a device without a buffer: loss(x) = 1 − C/x.
#[test]
fn rfc2544_26_3_k2_loss_above_capacity() {
    for load in [10.5e6, 12e6, 20e6, 37e6] {
        let loss = trial(CAPACITY, load, 1.0).loss_ratio().ratio();
        assert!((loss - (1.0 - 10e6 / load)).abs() < 1e-6, "{load}: {loss}");
    }
    assert_eq!(trial(CAPACITY, 10e6, 60.0).loss_ratio(), LossRatio::ZERO);
}

/// NDR → C, PDR(0.5 %) → C/0.995, conditional throughput ≤ C and within a width of it.
#[test]
fn mlrsearch15_conditional_throughput_k2_ndr_and_pdr_of_a_bufferless_device() {
    let report = run(CAPACITY, &csit());
    brackets(&report, 0, 10e6);
    brackets(&report, 1, 10e6 / 0.995);
    for goal in 0..2 {
        let (_, _, throughput) = regular(&report, goal);
        assert!((10e6 * 0.995..=10e6 * (1.0 + 1e-6)).contains(&throughput), "{throughput}");
    }
    assert_eq!(report.verdict.state, MethodState::Valid);
}

/// RFC 2544 §24: a buffer of B frames makes a trial of T seconds pass at C + B/T: one second finds C + B, sixty find C + B/60.
#[test]
fn rfc2544_24_k3_short_trials_measure_the_buffer() {
    let dut = "capacity=10Mpps,buffer=1000000";
    brackets(&run(dut, &csit()), 0, 11e6);
    brackets(&run(dut, &rfc2544()), 0, 10e6 + 1e6 / 60.0);
}

/// MLRsearch draft §"Load Classification Logic": a short trial without loss decides nothing; only final-duration trials make a lower bound.
#[test]
fn mlrsearch15_load_classification_k3_final_duration_is_enforced() {
    let goal = goal(0.0, 0.0, 60, 60);
    let short = Observation { duration: Seconds::from_whole(59), effective: Seconds::from_whole(59), loss: LossRatio::ZERO };
    assert_eq!(classify(&goal, &[short; 10]), Classification::Undecided);
    let report = run("capacity=10Mpps,buffer=1000000", &rfc2544());
    let (lower, ..) = regular(&report, 0);
    let long = report
        .trials
        .iter()
        .filter(|t| t.input.stimulus.rate() == Some(rate(lower)) && t.input.stimulus.duration() == Seconds::from_whole(60));
    assert!(long.count() >= 1);
}

/// One frame in a hundred million: a 60-second trial of 10 Mpps passes with chance (1 − p)^N ≈ e^−6, so zero loss is driven far down,
/// while 0.5 % is not touched.
#[test]
fn rfc2544_26_1_k6_random_loss_drives_zero_loss_down_and_leaves_pdr() {
    let dut = "capacity=10Mpps,loss=0.1%";
    let strict = run(dut, &rfc2544());
    assert_eq!(why(&strict.goals()[0].outcome), Irregularity::BelowMinLoad);
    assert_eq!(strict.verdict.state, MethodState::Invalid);
    let report = run(dut, &csit());
    // 0.1 % random loss of what passes, and C/x of what does not: x = 0.999·C/0.995.
    let (lower, upper, _) = regular(&report, 1);
    let answer = 10e6 * 0.999 / 0.995;
    assert!(lower <= answer * 1.001 && answer * 0.999 <= upper, "{lower} … {upper}, {answer}");
}

/// A stall of S loses nothing iff x·S ≤ B and the rest of the period can catch up.
#[test]
fn rfc2544_26_1_k7_a_stall_is_lossless_while_the_buffer_holds_it() {
    let dut = "capacity=10Mpps,buffer=10000,stall=5ms/100ms";
    assert_eq!(trial(dut, 2e6, 60.0).lost(), 0);
    assert!(trial(dut, 2.01e6, 60.0).lost() > 0);
    // With a large buffer it is the catching up that limits: x·P ≤ C·(P − S).
    assert_eq!(trial("capacity=10Mpps,buffer=1000000,stall=5ms/100ms", 9.5e6, 60.0).lost(), 0);
    assert!(trial("capacity=10Mpps,buffer=1000000,stall=5ms/100ms", 9.6e6, 60.0).lost() > 0);
    brackets(&run(dut, &csit()), 0, 2e6);
}

/// RFC 9004 §4, TST 009 cl. 12.3.3: a stall every 100 s hits a 60-second trial now and then. Plain zero loss takes it for the
/// device's answer; loss verification and an exceed ratio of 50 % do not.
#[test]
fn tst009_12_3_3_k7_verification_rescues_from_rare_stalls() {
    let dut = "capacity=10Mpps,buffer=4096,stall=5ms/200s";
    let mut plain = rfc2544();
    plain.algorithm = Some(Algorithm::Binary);
    let (unlucky, ..) = regular(&run(dut, &plain), 0);
    assert!(unlucky < 9e6, "a rare stall did not hit: {unlucky}");
    brackets(&run(dut, &spec(MethodName::Throughput, Preset::Tst009)), 0, 10e6 + 4096.0 / 60.0);
    brackets(&run("capacity=10Mpps,buffer=4096,stall=5ms/30s", &csit()), 0, 10e6 + 4096.0);
}

/// MLRsearch draft §"Relevant Lower Bound": where a trial landed in a lossy band and made it an upper bound, the lower bound lies below.
#[test]
fn mlrsearch15_relevant_lower_bound_k8_lies_below_every_upper_bound() {
    // The forwarding rate of the overloaded device leads right into the band.
    for dut in ["capacity=10Mpps,band=9Mpps-9.99Mpps:2%", "capacity=10Mpps,band=4Mpps-5Mpps:1%", "capacity=10Mpps,band=6Mpps-9.98Mpps:100%"]
    {
        let report = run(dut, &csit());
        for found in report.goals() {
            let Some(lower) = found.outcome.lower() else { continue };
            for trial in &report.trials {
                let Some(load) = trial.input.stimulus.rate() else { continue };
                let at_load: Vec<_> = report
                    .trials
                    .iter()
                    .filter(|other| other.purpose == TrialPurpose::Search && other.input.stimulus.rate() == Some(load))
                    .map(|t| Observation {
                        duration: t.input.stimulus.duration(),
                        effective: t.input.stimulus.duration(),
                        loss: t.loss_ratio,
                    })
                    .collect();
                if classify(&found.goal, &at_load) == Classification::Upper {
                    assert!(lower.load < load, "{dut}: {} is not below the upper bound {load}", lower.load);
                }
            }
        }
    }
}

/// MLRsearch draft §"Irregular Goal Result": max load passes, so there is no upper bound and no number that looks like the device's.
#[test]
fn mlrsearch15_irregular_goal_result_k9_max_load_passes() {
    for spec in [csit(), rfc2544(), spec(MethodName::Throughput, Preset::Tst009)] {
        let report = run("capacity=100Mpps", &spec);
        for found in report.goals() {
            assert_eq!(why(&found.outcome), Irregularity::AtLeastMaxLoad);
            assert_eq!(found.outcome.lower().map(|bound| bound.load), Some(frames().line_rate(LINK)));
            assert_eq!((found.outcome.upper(), found.outcome.conditional_throughput()), (None, None));
        }
        assert!(report.verdict.reasons[0].to_string().contains("at least line rate"), "{:?}", report.verdict);
        // The link carries no more: the answer stands. Below line rate, by choice or for want of a faster tester, it does not.
        assert_eq!(report.verdict.state, MethodState::Valid);
        let mut limited = spec.clone();
        limited.max_load = Some("50%".parse().unwrap());
        assert_eq!(run("capacity=100Mpps", &limited).verdict.state, MethodState::Invalid);
        assert_eq!(run("capacity=100Mpps,shortfall=20%", &spec).verdict.state, MethodState::Invalid);
    }
    let report = run("capacity=100Mpps", &rfc2544());
    let methodology::procedures::Measured::Throughput(result) = &report.measured else { panic!("another method's result") };
    assert_eq!((result.throughput, result.at_least), (None, Some(frames().line_rate(LINK))));
}

/// A device that forwards nothing: min load is an upper bound; no division by zero, no NaN.
#[test]
fn mlrsearch15_irregular_goal_result_k10_dead_device() {
    for spec in [csit(), rfc2544(), spec(MethodName::Throughput, Preset::Tst009)] {
        let report = run("loss=100%", &spec);
        for found in report.goals() {
            assert_eq!(why(&found.outcome), Irregularity::BelowMinLoad);
            assert_eq!(found.outcome.lower(), None);
        }
        assert_eq!(report.verdict.state, MethodState::Invalid);
        assert!(!serde_json::to_string(&report).unwrap().contains("NaN"));
    }
}

/// A goal that cannot be met stops no other: PDR is found where NDR has no lower bound (the reference's `fail_fast` loses it).
#[test]
fn mlrsearch15_goal_results_are_independent() {
    let report = run("capacity=10Mpps,loss=0.1%", &csit());
    assert_eq!(why(&report.goals()[0].outcome), Irregularity::BelowMinLoad);
    assert!(report.goals()[1].outcome.is_regular());
}

/// RFC 2285 §3.5: offered is not intended. What the tester did not offer is never "no loss at the intended load", and the bound says whose it is.
#[test]
fn rfc2285_3_5_k14_an_offered_shortfall_is_not_zero_loss() {
    let mut spec = csit();
    spec.max_load = Some(Load::Packets(rate(20e6)));
    let report = run("capacity=10Mpps,shortfall=2%", &spec);
    let searched: Vec<_> = report.trials.iter().filter(|trial| trial.purpose == TrialPurpose::Search).collect();
    assert!(!searched.is_empty());
    for trial in searched {
        assert!(trial.loss_ratio.ratio() >= 0.0199, "{}", trial.loss_ratio);
        assert!(trial.verdict.reasons.iter().any(|reason| matches!(reason, TrialReason::OfferedShort { .. })));
    }
    for found in report.goals() {
        assert_eq!(why(&found.outcome), Irregularity::BelowMinLoad);
        assert_eq!(found.outcome.upper().map(|bound: &Bound| bound.set_by), Some(BoundSetBy::Tester));
    }
}

/// RFC 2285 §3.5: the text names the tester, and never calls what it did not offer the device's loss.
#[test]
fn rfc2285_3_5_a_tester_that_falls_short_is_named_and_not_the_device() {
    for spec in [csit(), rfc2544()] {
        let report = run("shortfall=1%", &spec);
        let reasons = report.verdict.reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        assert!(reasons.contains("the tester fell short at every load") && !reasons.contains("does not meet the goal"), "{reasons}");
        // A dead device is dead, however much the tester offers.
        let report = run("loss=100%,shortfall=1%", &spec);
        assert_eq!(report.goals()[0].outcome.upper().map(|bound| bound.set_by), Some(BoundSetBy::Device));
        assert!(report.verdict.reasons.iter().any(|reason| reason.to_string().contains("does not meet the goal")), "{:?}", report.verdict);
    }
}

/// MLRsearch draft §"Min Load": no search offers less, and a device that only carries less has no regular result.
#[test]
fn mlrsearch15_no_search_goes_below_min_load() {
    for (spec, min_of_preset) in [(csit(), 9001.0), (rfc2544(), 1000.0), (spec(MethodName::Throughput, Preset::Tst009), 1000.0)] {
        for (given, dut) in
            [(None, "capacity=500pps"), (None, "capacity=5kpps"), (Some(5e6), "capacity=2Mpps"), (Some(5e6), "loss=0.0001%")]
        {
            let mut spec = spec.clone();
            spec.min_load = given.map(|pps| Load::Packets(rate(pps)));
            let min = given.unwrap_or(min_of_preset);
            let report = run(dut, &spec);
            let loads = report.trials.iter().filter(|trial| trial.purpose == TrialPurpose::Search);
            assert!(loads.filter_map(|trial| trial.input.stimulus.rate()).all(|load| load.pps() >= min), "{dut}");
            let strict = &report.goals()[0].outcome;
            if dut == "capacity=5kpps" && min < 5000.0 {
                assert!(strict.is_regular(), "above its min load: {strict:?}");
            } else {
                assert_eq!((why(strict), strict.lower()), (Irregularity::BelowMinLoad, None), "{dut}");
            }
        }
    }
}

/// A search that ends by time reports the bounds that it has seen, as irregular, for every goal.
#[test]
fn mlrsearch15_irregular_goal_result_out_of_time_reports_what_was_seen() {
    for dut in ["capacity=10Mpps,loss=0.0001%", "capacity=10Mpps,stall=2ms/1.7s", CAPACITY] {
        for limit in [8, 15, 30, 60] {
            let mut spec = csit();
            spec.time_limit = Some(Seconds::from_whole(limit));
            let report = run(dut, &spec);
            for found in report.goals().iter().filter(|found| !found.outcome.is_regular()) {
                assert_eq!(why(&found.outcome), Irregularity::OutOfTime, "{dut} {limit}");
                let (lower, upper) = (found.outcome.lower(), found.outcome.upper());
                assert!(lower.is_some() || upper.is_some(), "{dut} {limit}: none .. none");
                assert!(lower.zip(upper).is_none_or(|(lower, upper)| lower.load < upper.load), "{dut} {limit}");
                assert_eq!(report.verdict.state, MethodState::Invalid);
            }
        }
    }
}

/// On devices that lose frames rarely or by chance, a lower bound is one that full-length trials give more often than one in a thousand,
/// and the search does not try one neighbour after the other.
#[test]
fn rfc2544_26_1_rare_loss_gives_no_lucky_answer() {
    let line_rate = frames().line_rate(LINK);
    let devices = ["loss=0.000001%", "loss=0.00001%", "loss=0.0001%", "buffer=4096,stall=5ms/20s", "buffer=4096,stall=2ms/1.2s"];
    for (dut, seed) in devices.iter().flat_map(|dut| (1..=10).map(move |seed| (dut, seed))) {
        let dut = format!("capacity=10Mpps,{dut},seed={seed},start={}s", f64::from(seed) * 3.7);
        let report = run(&dut, &rfc2544());
        let (lower, upper, _) = regular(&report, 0);
        let passes = |load: f64| {
            let input = TrialInput::constant(rate(load), Seconds::from_whole(60)).with_phases(report.method.phases);
            pass_probability(&device(&dut), line_rate, &input, &report.method.tester, LossRatio::ZERO, 100)
        };
        assert!(passes(lower * 0.995) > 0.001, "{dut}: {lower} passes too rarely");
        assert!(passes(upper * 1.005) < 0.999, "{dut}: {upper} passes too often");
        let long = report.trials.iter().filter(|trial| trial.input.stimulus.duration() == Seconds::from_whole(60)).count();
        assert!(long <= 40, "{dut}: {long} full-length trials");
    }
}

/// A perfect device behind a tester that cannot offer more than a million frames a second.
struct SlowTester(SimulatedMeasurer);

impl Measurer for SlowTester {
    type Error = std::convert::Infallible;

    fn delay_path(&self) -> TrialPath {
        self.0.delay_path()
    }

    fn trial(&mut self, input: &TrialInput) -> Result<TrialOutcome, Self::Error> {
        let asked = input.stimulus.rate().unwrap();
        let slow = TrialInput::constant(rate(asked.pps().min(1e6)), input.stimulus.duration());
        let mut outcome = self.0.trial(&slow)?;
        for direction in &mut outcome.directions {
            direction.intended = (asked.pps() * input.stimulus.duration().seconds()).round() as u64;
            direction.loss.unsent = direction.intended - direction.sent;
        }
        Ok(outcome)
    }
}

/// What was shown stands, as "at least"; and that the device carries no more was not shown.
#[test]
fn rfc2285_3_5_a_bound_that_the_tester_set_is_said_to_be_its_own() {
    let mut spec = csit();
    spec.max_load = Some(Load::Packets(rate(20e6)));
    let mut tester = SlowTester(SimulatedMeasurer::new(device(""), frames().line_rate(LINK)));
    let conditions = Conditions { frames: frames(), link: Some(LINK), known: KnownRates::default() };
    let report = procedures::run(&resolve(&spec), &conditions, &mut tester, &mut |_| {}).unwrap();
    brackets(&report, 0, 1e6);
    assert_eq!(report.goals()[0].outcome.upper().map(|bound| bound.set_by), Some(BoundSetBy::Tester));
    assert!(report.verdict.reasons.iter().any(|reason| matches!(reason, MethodReason::GoalLimitedByTester { .. })), "{:?}", report.verdict);
}

/// CSIT's tolerance: 10 µs worth of frames may be missing.
#[test]
fn mlrsearch15_measurer_a_shortfall_within_the_tolerance_is_none() {
    // 1 Mpps for 1 s: 10 frames may be missing; 0.0005 % are 5.
    let mut spec = csit();
    spec.max_load = Some(Load::Packets(rate(1e6)));
    let report = run("shortfall=0.0005%", &spec);
    assert_eq!(why(&report.goals()[0].outcome), Irregularity::AtLeastMaxLoad);
}

/// MLRsearch draft §"Trial Loss Ratio": counters are summed over directions, so one dead direction of two is 0.5.
#[test]
fn mlrsearch15_trial_loss_ratio_k15_one_direction_dead() {
    for dut in ["dead=forward", "dead=reverse"] {
        let outcome = trial(dut, 1e6, 1.0);
        assert_eq!(outcome.loss_ratio().ratio(), 0.5);
        assert_eq!(outcome.forwarding_rate().pps(), 0.5e6);
    }
    let report = run("dead=forward", &csit());
    assert_eq!(why(&report.goals()[1].outcome), Irregularity::BelowMinLoad);
}

/// RFC 8239 §2.2: a receiver whose clock is 100 ppm slow loses 1e-4 at nominal line rate; 99.98 % of it is clean.
#[test]
fn rfc8239_2_2_k17_clock_error_and_the_99_98_percent_cap() {
    let line = frames().line_rate(LINK).pps();
    let loss = trial("ppm=-100", line, 60.0).loss_ratio().ratio();
    assert!((loss - 1e-4).abs() < 1e-7, "{loss}");
    assert_eq!(trial("ppm=-100", line * Share::RFC8239_CAP.share(), 60.0).lost(), 0);
    let (lower, upper, _) = regular(&run("ppm=-100", &rfc2544()), 0);
    assert!(lower <= line * 0.9999 && line * 0.9999 <= upper);
    let mut capped = rfc2544();
    capped.max_load = Some("99.98%".parse().unwrap());
    assert_eq!(why(&run("ppm=-100", &capped).goals()[0].outcome), Irregularity::AtLeastMaxLoad);
}

/// The tester's own hiccup costs frames; the trial is repeated, and what stays invalid is no device's loss.
#[test]
fn mlrsearch15_measurer_a_hiccup_is_repeated_and_never_the_devices_loss() {
    let report = run("capacity=10Mpps,hiccup=5ms/10s", &csit());
    brackets(&report, 0, 10e6);
    let disturbed: Vec<_> = report.trials.iter().filter(|trial| trial.verdict.state == TrialState::Invalid).collect();
    assert!(!disturbed.is_empty(), "no hiccup happened");
    for trial in disturbed {
        assert!(trial.verdict.reasons.iter().any(|reason| matches!(reason, TrialReason::Hiccup { .. })));
        assert!(report.trials.iter().any(|next| next.number == trial.number + 1 && next.attempt == trial.attempt + 1), "not repeated");
    }
}

/// A tester that is interrupted in every trial cannot decide anything, and the result says so.
#[test]
fn mlrsearch15_irregular_goal_result_a_tester_that_always_stumbles() {
    let report = run("capacity=10Mpps,hiccup=5ms/500ms", &csit());
    for found in report.goals() {
        assert_eq!(why(&found.outcome), Irregularity::TesterDisturbed);
        assert_eq!((found.outcome.lower(), found.outcome.upper()), (None, None));
    }
    assert!(report.trials.len() < 100, "{} trials", report.trials.len());
}

/// RFC 9004 §6.2: z: one trial with more loss fails its load at once.
#[test]
fn tst009_12_3_3_loss_above_z_is_not_verified() {
    let trials = |max_loss| {
        let mut spec = spec(MethodName::Throughput, Preset::Tst009);
        spec.algorithm = Some(Algorithm::Bslv { max_trials: 3, max_loss });
        let report = run(CAPACITY, &spec);
        brackets(&report, 0, 10e6);
        report.trials.len()
    };
    assert!(trials(Some(0)) < trials(None));
}

/// MLRsearch draft §"Goal Result": the report repeats every attribute of every goal, and reads back as it was written.
#[test]
fn mlrsearch15_test_report_holds_goals_bounds_trials_and_deviations() {
    let report = run(CAPACITY, &csit());
    let text = serde_json::to_string(&report).unwrap();
    for key in [
        "loss-ratio",
        "exceed-ratio",
        "initial-trial",
        "final-trial",
        "duration-sum",
        "width",
        "lower",
        "upper",
        "conditional_throughput_pps",
        "clause",
    ] {
        assert!(text.contains(&format!("\"{key}\"")), "{key}");
    }
    let back: methodology::procedures::MethodReport = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&back).unwrap(), text);
}

/// RFC 2544 §23: a shortened phase is a deviation, and full phases are none.
#[test]
fn rfc2544_23_shortened_phases_are_deviations() {
    let clauses = |spec| run(CAPACITY, &spec).deviations.into_iter().map(|deviation| deviation.clause).collect::<Vec<_>>();
    assert!(!clauses(rfc2544()).iter().any(|clause| clause.starts_with("RFC 2544 §23")));
    let quick = clauses(spec(MethodName::Throughput, Preset::Quick));
    for clause in ["RFC 2544 §23 a", "RFC 2544 §23 b", "RFC 2544 §23 d", "RFC 2544 §23 e", "RFC 2544 §24"] {
        assert!(quick.iter().any(|found| found == clause), "{clause}");
    }
}

/// RFC 2544 §9.1: the sizes for Ethernet; RFC 5180 §5.1.1 and RFC 8219 §5.1.1 add tagged and jumbo ones.
#[test]
fn rfc2544_9_1_frame_sizes() {
    assert_eq!(FrameSize::RFC2544.map(FrameSize::bytes), [64, 128, 256, 512, 1024, 1280, 1518]);
    assert!(FrameSize::RFC2544.iter().chain(&FrameSize::JUMBO).all(|size| FrameSize::RFC8219.contains(size)));
    assert!(FrameSize::RFC8219.contains(&FrameSize::MAX_STANDARD.tagged(1).unwrap()));
}

/// RFC 2544 §20: no load above the medium's maximum frame rate is offered; RFC 2544 §24: 60 s are asked for by default.
#[test]
fn rfc2544_20_the_maximum_frame_rate_is_never_exceeded() {
    for dut in [CAPACITY, "capacity=100Mpps", "loss=1%"] {
        let report = run(dut, &rfc2544());
        assert!(report.trials.iter().filter_map(|trial| trial.input.stimulus.rate()).all(|load| load <= frames().line_rate(LINK)));
    }
    let mut above = rfc2544();
    above.max_load = Some(Load::Packets(rate(40e6)));
    let mut measurer = methodology::simulate::SimulatedMeasurer::new(device(CAPACITY), frames().line_rate(LINK));
    let conditions = methodology::procedures::Conditions { frames: frames(), link: Some(LINK), known: Default::default() };
    let error = methodology::procedures::run(&resolve(&above), &conditions, &mut measurer, &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains("above line rate"), "{error}");
}

/// RFC 2544 §14: tests SHOULD be bidirectional; one direction is a deviation.
#[test]
fn rfc2544_14_one_direction_is_a_deviation() {
    let clauses = |dut| run(dut, &csit()).deviations.into_iter().filter(|deviation| deviation.clause == "RFC 2544 §14").count();
    assert_eq!((clauses(CAPACITY), clauses("capacity=10Mpps,directions=2")), (1, 0));
}

/// RFC 2544 §26.1: the rate, the theoretical maximum, and the share of it.
#[test]
fn rfc2544_26_1_reports_rate_theory_and_share() {
    let report = run(CAPACITY, &rfc2544());
    let methodology::procedures::Measured::Throughput(result) = &report.measured else { panic!("another method's result") };
    let (rate, line) = (result.throughput.unwrap().pps(), result.line_rate.unwrap().pps());
    assert_eq!(line, 37_202_380.0);
    assert!((9.95e6..=10e6).contains(&rate));
    assert_eq!(result.share_of_line_rate, Some(rate / line));
}
