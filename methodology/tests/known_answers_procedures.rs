//! Procedures on devices whose answer is known: K4, K5, K12, K13, K18, K19, K21, named after the clause each proves.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in tests a failed unwrap is the failed assertion")]

mod support;

use methodology::method::{LoadPoint, MethodName, Preset};
use methodology::procedures::{
    Conditions, KnownRates, Measured, MethodReason, MethodState, actual_buffer_time, buffer_times, run as run_method,
};
use methodology::simulate::SimulatedMeasurer;
use methodology::trial::{DelayDefinition, Hiccups, Measurer, ResetKind, Stimulus, TrialInput, TrialOutcome, TrialPath, TrialPurpose};
use methodology::units::{Load, Pace, Seconds, Share};
use support::*;

/// The result of the method that was run.
macro_rules! measured {
    ($report:expr, $variant:ident) => {
        match &$report.measured {
            methodology::procedures::Measured::$variant(result) => result,
            other => panic!("another method's result: {other:?}"),
        }
    };
}

const LINE: f64 = 37_202_380.0;

fn rfc2544(name: MethodName) -> methodology::method::MethodSpec {
    spec(name, Preset::Rfc2544)
}

/// The longest burst without loss is n = B/(1 − C/R); implied = n/R; corrected · R = B.
#[test]
fn rfc9004_6_4_k4_corrected_buffer_time_gives_back_the_buffer() {
    for (capacity, buffer) in [(10e6, 1000.0), (30e6, 4096.0), (1e6, 100_000.0)] {
        let report = run_known(&format!("capacity={capacity}pps,buffer={buffer}"), &rfc2544(MethodName::BackToBack), known(capacity));
        let result = measured!(report, BackToBack);
        let longest = buffer / (1.0 - capacity / LINE);
        assert_eq!(result.bursts.len(), 50);
        for &burst in &result.bursts {
            assert!((burst as f64 - longest).abs() <= 1.0, "{burst} {longest}");
        }
        assert!((result.implied_buffer_time.unwrap().seconds() - longest / LINE).abs() < 1.0 / LINE);
        assert!((result.corrected_buffer_frames.unwrap() - buffer).abs() < 1.0);
        assert_eq!((report.verdict.state, result.min_step), (MethodState::Valid, 1));
    }
}

/// RFC 9004 §6.4 with 26,000 frames of 64 bytes on 10GigE and 10 Mpps: its Table 1 prints 0.00004 s for illustration; the formula says
/// 1.7472 ms implied and 0.57308 ms corrected.
#[test]
fn rfc9004_6_4_k4b_the_formula_not_the_table() {
    let times = buffer_times(26_000.0, rate(14_880_952.0), rate(10e6)).unwrap();
    assert!((times.implied.seconds() - 1.7472e-3).abs() < 1e-7);
    assert!((times.corrected.seconds() - 0.57308e-3).abs() < 1e-7);
    assert_eq!(buffer_times(1.0, rate(0.0), rate(1.0)), None);
}

/// RFC 9004 §7: the same frames last longer at a lower rate.
#[test]
fn rfc9004_7_buffer_time_at_another_rate() {
    let time = actual_buffer_time(Seconds::from_millis(1), rate(20e6), rate(5e6)).unwrap();
    assert!((time.seconds() - 4e-3).abs() < 1e-12);
}

/// RFC 9004 §6.1: sizes whose throughput is the maximum rate are not tested.
#[test]
fn rfc9004_6_1_line_rate_devices_are_not_tested() {
    let report = run("buffer=1000", &rfc2544(MethodName::BackToBack));
    let result = measured!(report, BackToBack);
    assert!(result.not_applicable.as_ref().unwrap().contains("RFC 9004"));
    assert_eq!((result.bursts.len(), result.frames), (0, None));
}

/// RFC 9004 §6.2: a result near the longest burst tried is the tester's limit; it is repeated with a longer one.
#[test]
fn rfc9004_6_2_a_result_near_the_limit_is_repeated_with_a_longer_burst() {
    let mut spec = rfc2544(MethodName::BackToBack);
    spec.duration = Some(Seconds::from_millis(1));
    spec.repetitions = Some(3);
    let report = run_known("capacity=10Mpps,buffer=100000", &spec, known(10e6));
    let result = measured!(report, BackToBack);
    let longest = 100_000.0 / (1.0 - 10e6 / LINE);
    assert!(result.bursts.iter().all(|&burst| (burst as f64 - longest).abs() <= 1.0), "{:?}", result.bursts);
    assert!(result.max_burst as f64 > longest);
}

/// RFC 9004 §6.2: loss verification; a stall that hits now and then shortens single bursts, not the benchmark.
#[test]
fn rfc9004_6_2_bursts_are_searched_with_loss_verification() {
    let mut spec = rfc2544(MethodName::BackToBack);
    spec.repetitions = Some(5);
    let report = run_known("capacity=10Mpps,buffer=1000,stall=100ms/97s", &spec, known(10e6));
    let median = measured!(report, BackToBack).frames.unwrap().median;
    assert!((median - 1000.0 / (1.0 - 10e6 / LINE)).abs() <= 1.0, "{median}");
}

/// C = 75 % of the maximum in steps of 10 %: 25, 16.667, 6.25, 0, 0 %, and then it stops.
#[test]
fn rfc2544_26_3_k5_stops_after_two_successive_trials_without_loss() {
    let capacity = LINE * 0.75;
    let report = run(&format!("capacity={capacity}pps"), &rfc2544(MethodName::FrameLoss));
    let result = measured!(report, FrameLoss);
    let found: Vec<_> = result.points.iter().map(|point| (point.share.share() * 100.0, point.loss_ratio.ratio() * 100.0)).collect();
    let expected = [(100.0, 25.0), (90.0, 100.0 / 6.0), (80.0, 6.25), (70.0, 0.0), (60.0, 0.0)];
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for ((share, loss), (share_expected, loss_expected)) in found.iter().zip(expected) {
        assert!((share - share_expected).abs() < 1e-6 && (loss - loss_expected).abs() < 1e-3, "{found:?}");
    }
    assert!(result.complete);
    assert_eq!(report.verdict.state, MethodState::Valid);
}

/// A curve that never finds two clean trials is partial, and says so.
#[test]
fn rfc2544_26_3_a_curve_without_two_clean_trials_is_partial() {
    let report = run("loss=1%", &rfc2544(MethodName::FrameLoss));
    let result = measured!(report, FrameLoss);
    assert_eq!((result.points.len(), result.complete), (10, false));
    assert_eq!(report.verdict.state, MethodState::Invalid);
}

/// RFC 2544 §26.2 reports the mean; RFC 8219 §7.2 the median of 20 medians (TL) and of 20 99.9th percentiles (WCL).
#[test]
fn rfc8219_7_2_k12_typical_and_worst_case_latency_of_twenty_repetitions() {
    let mut spec = rfc2544(MethodName::Latency);
    spec.at = Some(vec![LoadPoint::Throughput]);
    let report = run("capacity=10Mpps,delay=50us,jitter=10us", &spec);
    let load = &measured!(report, Latency).loads[0];
    assert_eq!(load.repetitions.len(), 20);
    let near = |found: u64, expected: f64| (found as f64 - expected).abs() < 300.0;
    assert!(near(load.typical.median.ns(), 55_000.0), "{load:?}");
    assert!(near(load.worst_case.median.ns(), 50_000.0 + 9_990.0), "{load:?}");
    assert!(near(load.mean.ns(), 55_000.0));
    assert!(load.typical.p1 <= load.typical.median && load.typical.median <= load.typical.p99);
    let exact = run("capacity=10Mpps,delay=50us", &spec);
    let load = &measured!(exact, Latency).loads[0];
    assert_eq!((load.typical.median.ns(), load.worst_case.median.ns(), load.mean.ns()), (50_000, 50_000, 50_000));
}

/// RFC 8219 §7.2: 120 s, at least 500 tagged frames after 60 s, 20 repetitions; anything less is a deviation.
#[test]
fn rfc8219_7_2_streams_are_long_and_tagged_late() {
    let mut spec = rfc2544(MethodName::Latency);
    spec.at = Some(vec![LoadPoint::Throughput]);
    let report = run("capacity=10Mpps,delay=50us", &spec);
    for trial in report.trials.iter().filter(|trial| trial.purpose == TrialPurpose::Measurement) {
        assert_eq!((trial.input.stimulus.duration(), trial.input.delays_after), (Seconds::from_whole(120), Seconds::from_whole(60)));
        assert!(trial.outcome.directions[0].delays.as_ref().unwrap().count >= 500);
    }
    assert!(!report.deviations.iter().any(|deviation| deviation.clause.contains("8219")));
    spec.repetitions = Some(19);
    let fewer = run("capacity=10Mpps,delay=50us", &spec);
    assert!(fewer.deviations.iter().any(|deviation| deviation.clause == "RFC 8219 §7.2" && deviation.what == "repetitions"));
}

/// One search tells all load points what they are.
#[test]
fn several_load_points_share_one_search() {
    let share = |percent: f64| LoadPoint::OfPdr(Share::new(percent / 100.0).unwrap());
    let mut spec = spec(MethodName::Latency, Preset::CsitNdrPdr);
    spec.at = Some(vec![LoadPoint::Throughput, share(90.0), share(50.0), share(10.0)]);
    let report = run("capacity=10Mpps,delay=50us", &spec);
    let result = measured!(report, Latency);
    let searched = report.trials.iter().filter(|trial| trial.purpose == TrialPurpose::Search).count();
    assert_eq!((result.loads.len(), searched), (4, result.search.as_ref().unwrap().trials as usize));
}

/// RFC 2544 §26.2: at the throughput of that frame size, which is searched for where it is not known.
#[test]
fn rfc2544_26_2_latency_is_measured_at_the_throughput_of_the_size() {
    let mut spec = rfc2544(MethodName::Latency);
    spec.repetitions = Some(1);
    let report = run("capacity=10Mpps,delay=50us", &spec);
    let (lower, ..) = regular(&report, 0);
    let result = measured!(report, Latency);
    assert_eq!(result.loads[0].load, rate(lower));
    let (pdr, ..) = regular(&report, 1);
    let of_pdr: Vec<_> = result.loads[1..].iter().map(|load| load.load.pps() / pdr).collect();
    assert!((of_pdr[1] - 0.1).abs() < 1e-9 && (of_pdr[2] - 0.5).abs() < 1e-9 && (of_pdr[3] - 0.9).abs() < 1e-9);
    assert_eq!(result.loads[1].load.pps(), 9001.0);
}

/// RFC 2544 §26.2: the load is the throughput in the same test setup. Where delays are those of round trips, that is what round trips carry.
#[test]
fn rfc2544_26_2_loads_are_shares_of_what_the_path_of_the_delays_carries() {
    let share = |percent: f64| LoadPoint::OfPdr(Share::new(percent / 100.0).unwrap());
    let at = vec![LoadPoint::Throughput, share(10.0), share(50.0), share(90.0)];
    let loads_of = |name: MethodName, dut: &str| {
        let mut spec = spec(name, Preset::CsitNdrPdr);
        spec.at = Some(at.clone());
        let report = run(dut, &spec);
        assert_eq!(report.verdict.state, MethodState::Valid, "{name:?} of {dut}: {:?}", report.verdict.reasons);
        let paths: Vec<TrialPath> = report.trials.iter().map(|trial| trial.input.path).collect();
        let (loads, searched): (Vec<f64>, _) = match &report.measured {
            Measured::Latency(found) => (found.loads.iter().map(|load| load.load.pps()).collect(), found.searched_path()),
            Measured::Pdv(found) => (found.loads.iter().map(|load| load.load.pps()).collect(), found.searched_path()),
            other => panic!("{other:?}"),
        };
        assert!(paths.iter().all(|path| Some(*path) == searched), "calibration, search and delays share a path: {paths:?}");
        (loads, searched.unwrap())
    };
    for name in [MethodName::Latency, MethodName::Pdv] {
        // The device forwards 10 Mpps one way, and half of it out and back.
        let dut = "capacity=10Mpps,delay=50us";
        for (dut, carries, path) in [(dut, 10e6, TrialPath::OneWay), (&format!("{dut},round-trips=5Mpps"), 5e6, TrialPath::RoundTrip)] {
            let (loads, searched) = loads_of(name, dut);
            assert_eq!(searched, path);
            for (load, share) in loads.iter().zip([1.0, 0.1, 0.5, 0.9]) {
                // PDR allows 0.5 % above what is carried, and both goals have a width of 0.5 %.
                assert!((load / (share * carries) - 1.0).abs() < 0.011, "{name:?}: {load} is not {share} of {carries}");
            }
        }
        // A search for frames that go one way is not concerned.
        let ndr = run("capacity=10Mpps,round-trips=5Mpps", &spec(MethodName::NdrPdr, Preset::CsitNdrPdr));
        brackets(&ndr, 0, 10e6);
    }
}

/// A tester that was interrupted for a part of its calibration.
struct Interrupted {
    device: SimulatedMeasurer,
    times: u64,
    each: Seconds,
}

impl Measurer for Interrupted {
    type Error = std::convert::Infallible;

    fn delay_path(&self) -> TrialPath {
        self.device.delay_path()
    }

    fn trial(&mut self, input: &TrialInput) -> Result<TrialOutcome, Self::Error> {
        let mut outcome = self.device.trial(input)?;
        if input.stimulus.rate().is_none() {
            outcome.directions[0].hiccups = Hiccups { count: self.times, longest: self.each };
        }
        Ok(outcome)
    }
}

/// What a tester offers that was interrupted is not the most that it can: loads that are shares of it have the wrong name.
#[test]
fn rfc2544_26_2_a_calibration_that_was_interrupted_gives_no_load() {
    let run = |times: u64, each: f64| {
        let mut spec = spec(MethodName::Latency, Preset::CsitNdrPdr);
        spec.at = Some(vec![LoadPoint::OfPdr(Share::new(0.9).unwrap())]);
        let device = SimulatedMeasurer::new(device("delay=50us,round-trips=20Mpps"), rate(10e6));
        let mut measurer = Interrupted { device, times, each: Seconds::new(each).unwrap() };
        let conditions = Conditions { frames: frames(), link: None, known: KnownRates::default() };
        run_method(&resolve(&spec), &conditions, &mut measurer, &mut |_| {}).unwrap().verdict
    };
    assert_eq!(run(0, 0.0).state, MethodState::Valid);
    assert_eq!(run(1, 0.001).state, MethodState::Valid, "a thousandth of the time changes nothing");
    let interrupted = run(1, 0.3);
    assert!(interrupted.reasons.iter().any(|reason| matches!(reason, MethodReason::GoalIrregular { .. })), "{interrupted:?}");
    assert_eq!(interrupted.state, MethodState::Invalid);
}

/// There is no load to search: the error has both ends, and says which of them is the tester's.
#[test]
fn calibration_below_min_load_is_refused_with_both_loads() {
    let mut measurer = SimulatedMeasurer::new(device("capacity=20Mpps"), rate(725.0));
    let conditions = Conditions { frames: frames(), link: None, known: KnownRates::default() };
    let method = resolve(&spec(MethodName::Throughput, Preset::Quick));
    let refused = run_method(&method, &conditions, &mut measurer, &mut |_| {}).unwrap_err().to_string();
    let loads = "min-load 1.000 kpps is not above zero and below max load 725 pps, the most that the tester offered";
    assert!(refused.contains(loads), "{refused}");
}

/// A tester that cannot overload the path of its delays measures at shares of what it offers, and says so. The rate itself is no result then.
#[test]
fn rfc2544_26_2_a_tester_that_offers_no_more_gives_the_highest_load_of_the_test_setup() {
    // A tester that offers 10 Mpps, on a path whose line rate is not known and that carries more.
    let run = |name: MethodName| {
        let mut spec = spec(name, Preset::CsitNdrPdr);
        spec.at = (name == MethodName::Latency).then(|| vec![LoadPoint::OfPdr(Share::new(0.9).unwrap())]);
        let mut measurer = SimulatedMeasurer::new(device("delay=50us,round-trips=20Mpps"), rate(10e6));
        let conditions = Conditions { frames: frames(), link: None, known: KnownRates::default() };
        run_method(&resolve(&spec), &conditions, &mut measurer, &mut |_| {}).unwrap()
    };
    let latency = run(MethodName::Latency);
    assert!(latency.verdict.state == MethodState::Valid, "{:?}", latency.verdict);
    assert!((measured!(latency, Latency).loads[0].load.pps() / 9e6 - 1.0).abs() < 1e-6, "{latency:?}");
    let limited = |reason: &&MethodReason| matches!(reason, MethodReason::LoadsLimitedByTester { .. });
    assert_eq!(latency.verdict.reasons.iter().filter(limited).count(), 2, "NDR and PDR: {:?}", latency.verdict);
    let ndr = run(MethodName::NdrPdr);
    assert_eq!((ndr.verdict.state, ndr.verdict.reasons.iter().filter(limited).count()), (MethodState::Invalid, 0));
}

/// A round trip passes the device twice.
#[test]
fn round_trips_have_the_delay_of_both_passes_and_need_both_directions() {
    let mut spec = rfc2544(MethodName::Latency);
    spec.at = Some(vec![LoadPoint::Idle]);
    spec.repetitions = Some(1);
    let report = run("delay=50us,round-trips=5Mpps", &spec);
    let load = &measured!(report, Latency).loads[0];
    assert_eq!((load.min.ns(), load.max.ns()), (100_000, 100_000));
    assert!(load.repetitions.iter().all(|delays| delays.definition == DelayDefinition::RoundTripSoftware));
    for dead in ["forward", "reverse"] {
        let report = run(&format!("delay=50us,round-trips=5Mpps,dead={dead}"), &spec);
        assert!(measured!(report, Latency).loads.is_empty(), "{dead}");
    }
}

/// A load without a valid trial has no delay for another reason than a load at which nothing comes back.
#[test]
fn a_load_without_delays_says_whether_frames_came_back() {
    for method in [MethodName::Latency, MethodName::Pdv] {
        let mut spec = rfc2544(method);
        spec.at = Some(vec![LoadPoint::Throughput]);
        spec.repetitions = Some(2);
        let why = |dut: &str| {
            let report = run_known(dut, &spec, known(10e6));
            report.verdict.reasons.into_iter().rfind(|reason| !matches!(reason, MethodReason::TrialInvalid { .. })).unwrap()
        };
        assert!(matches!(why("delay=50us,hiccup=1ms/10ms"), MethodReason::NoValidDelays { .. }), "{method:?}");
        assert!(matches!(why("loss=100%"), MethodReason::NoDelays { .. }), "{method:?}");
    }
}

/// RFC 8219 §7.3.1: D99.9 − Dmin over all frames, median of 20; §7.3.2: IPDV.
#[test]
fn rfc8219_7_3_1_pdv_of_a_known_jitter() {
    let report = run("capacity=10Mpps,delay=50us,jitter=10us", &rfc2544(MethodName::Pdv));
    let load = &measured!(report, Pdv).loads[0];
    assert!((load.pdv.median.ns() as f64 - 9_990.0).abs() < 100.0, "{:?}", load.pdv);
    let ipdv = load.ipdv.unwrap();
    assert!(ipdv.min_ns < -9_500 && ipdv.max_ns > 9_500 && ipdv.median_ns.abs() < 200, "{ipdv:?}");
    let exact = run("capacity=10Mpps,delay=50us", &rfc2544(MethodName::Pdv));
    assert_eq!(measured!(exact, Pdv).loads[0].pdv.median.ns(), 0);
}

/// RFC 2544 §10: identity by sequence: as many duplicates as losses hide nothing.
#[test]
fn rfc2544_10_k13_duplicates_do_not_make_up_for_losses() {
    let outcome = trial("loss=1%,dup=1.010101%", 1e6, 10.0);
    let direction = &outcome.directions[0];
    assert!(direction.loss.duplicate.abs_diff(direction.loss.lost) < 2_000, "{:?}", direction.loss);
    assert!((outcome.loss_ratio().ratio() - 0.01).abs() < 1e-3);
    assert_eq!(direction.loss.lost, direction.sent - direction.received);
}

/// RFC 2544 §10: frames that are not the test's are not counted as received.
#[test]
fn rfc2544_10_k21_foreign_frames_are_not_counted() {
    let outcome = trial("capacity=500kpps,foreign=500kpps", 1e6, 10.0);
    assert_eq!((outcome.received(), outcome.directions[0].loss.foreign), (5_000_000, 5_000_000));
    assert_eq!(outcome.loss_ratio().ratio(), 0.5);
}

/// RFC 2544 §10: out-of-order and corrupt frames are told apart; a corrupt one was not forwarded.
#[test]
fn rfc2544_10_reordered_and_corrupt_frames_have_their_own_counts() {
    let outcome = trial("reorder=1%,corrupt=1%", 1e6, 10.0);
    let loss = &outcome.directions[0].loss;
    assert!(loss.reordered.abs_diff(99_000) < 2_000 && loss.corrupt.abs_diff(100_000) < 2_000);
    assert_eq!(loss.lost, loss.corrupt);
}

/// RFC 2544 §26.5 with its subtraction put right: B − A is how long the device stays degraded; a plain queue recovers at once.
#[test]
fn rfc2544_26_5_k18_recovery_is_from_reduction_to_last_lost_frame() {
    let report = run_known("capacity=10Mpps,buffer=1000,recovery=20ms", &rfc2544(MethodName::SystemRecovery), known(10e6));
    let result = measured!(report, SystemRecovery);
    assert_eq!((result.overload.pps(), result.reduced.pps()), (11e6, 5.5e6));
    for time in &result.times {
        assert!((time.seconds() - 0.02).abs() <= 1.0 / 5.5e6 + 1e-9, "{time}");
    }
    let plain = run_known("capacity=10Mpps,buffer=1000", &rfc2544(MethodName::SystemRecovery), known(10e6));
    assert!(measured!(plain, SystemRecovery).times.iter().all(|time| time.is_zero()));
}

/// RFC 2544 §26.5: 110 % of throughput or the maximum rate, whichever is less.
#[test]
fn rfc2544_26_5_overload_is_at_most_the_maximum_rate() {
    let report = run_known("capacity=36Mpps", &rfc2544(MethodName::SystemRecovery), known(36e6));
    assert_eq!(measured!(report, SystemRecovery).overload.pps(), LINE);
}

/// RFC 2544 §26.6: from the last frame before the reset to the first after it; frames lost over the rate is the same time in frames.
#[test]
fn rfc2544_26_6_k19_reset_is_the_gap_between_frames() {
    let input = TrialInput::of(Stimulus::Event {
        rate: rate(1e6),
        duration: Seconds::from_whole(10),
        after: Seconds::from_whole(2),
        event: ResetKind::LinkBounce,
    });
    let outcome = SimulatedMeasurer::new(device("outage=5ms"), rate(LINE)).trial(&input).unwrap();
    assert_eq!(outcome.lost(), 5000);
    let report = run_known("capacity=1Mpps,outage=5ms", &rfc2544(MethodName::Reset), known(1e6));
    let result = measured!(report, Reset);
    for (gap, blocked) in result.gaps.iter().zip(&result.blocked) {
        assert!((gap.seconds() - 0.005_001).abs() < 1e-9, "{gap}");
        assert!((blocked.seconds() - 0.005).abs() < 1e-9, "{blocked}");
    }
    assert_eq!(result.gaps.len(), 10);
}

/// CSIT MRR: what comes through at maximum load.
#[test]
fn csit_mrr_is_the_forwarding_rate_at_maximum_load() {
    let report = run("capacity=10Mpps", &spec(MethodName::Mrr, Preset::CsitNdrPdr));
    let result = measured!(report, Mrr);
    assert_eq!(result.rates.len(), 10);
    let sample = result.rate.unwrap();
    assert!((sample.median - 10e6).abs() < 1.0 && sample.stddev.unwrap() < 1.0);
    assert_eq!(result.offered.pps(), LINE);
}

/// Receive livelock: a device that does 16 Mpps and 0.6 Mpps when offered 20. A search reports 16, a test at maximum rate 0.6.
#[test]
fn overload_sweep_exposes_receive_livelock() {
    let spec = spec(MethodName::Overload, Preset::CsitNdrPdr);
    let report = run("capacity=16Mpps,livelock=20Mpps:600kpps", &spec);
    let result = measured!(report, Overload);
    assert!((result.ndr.pps() - 16e6).abs() < 0.1e6, "{}", result.ndr);
    let collapse = result.collapse_at.unwrap().pps();
    assert!((20e6..22e6).contains(&collapse), "{collapse}");
    assert!(result.worst_retained.unwrap() < 0.04);
    let sound = run("capacity=16Mpps", &spec);
    let result = measured!(sound, Overload);
    assert_eq!(result.collapse_at, None);
    assert!(result.worst_retained.unwrap() > 0.99);
}

/// A soak finds the loss that one-second trials rarely see.
#[test]
fn csit_soak_finds_rare_loss() {
    let spec = spec(MethodName::Soak, Preset::CsitNdrPdr);
    let report = run("capacity=10Mpps,buffer=4096,stall=5ms/100s", &spec);
    let result = measured!(report, Soak);
    assert_eq!(result.intervals, 1800);
    assert!(result.intervals_with_loss > 5 && result.loss_ratio.ratio() > 0.0, "{}", result.intervals_with_loss);
    let clean = run("capacity=10Mpps", &spec);
    let result = measured!(clean, Soak);
    assert_eq!((result.intervals_with_loss, result.drift_per_hour), (0, Some(0.0)));
}

/// RFC 1242 §3.8 and §3.7: queueing shows in latency near capacity and not far below it; a full buffer of B frames waits B/C.
#[test]
fn rfc1242_3_8_a_full_buffer_delays_by_its_content() {
    let mut spec = spec(MethodName::Latency, Preset::CsitNdrPdr);
    spec.at = Some(vec![LoadPoint::Load(Load::Packets(rate(12e6))), LoadPoint::Idle]);
    let known = KnownRates { throughput: Some(rate(10e6)), pdr: Some(rate(10e6)) };
    let report = run_known("capacity=10Mpps,buffer=10000,delay=10us", &spec, known);
    let loads = &measured!(report, Latency).loads;
    assert!((loads[0].max.ns() as f64 - 1_010_000.0).abs() < 100.0, "{}", loads[0].max);
    assert_eq!(loads[1].max.ns(), 10_000);
}

/// RFC 9004 §6.2: bursts start from idle: two bursts in a row find the same.
#[test]
fn rfc9004_6_2_bursts_start_from_idle() {
    let mut measurer = SimulatedMeasurer::new(device("capacity=10Mpps,buffer=1000"), rate(LINE));
    let burst = TrialInput::of(Stimulus::Burst { frames: 1367, pace: Pace::Max });
    let lost: Vec<_> = (0..3).map(|_| measurer.trial(&burst).unwrap().lost()).collect();
    assert_eq!(lost, [0, 0, 0]);
    let longer = TrialInput::of(Stimulus::Burst { frames: 1369, pace: Pace::Max });
    assert!(measurer.trial(&longer).unwrap().lost() > 0);
}

/// Every method runs with every preset on a regular device and gives a valid result.
#[test]
fn every_method_runs_with_every_preset() {
    for &name in MethodName::ALL {
        for &preset in Preset::ALL {
            let report = run("capacity=10Mpps,buffer=1000,delay=10us,outage=2ms,recovery=1ms", &spec(name, preset));
            assert_eq!(report.verdict.state, MethodState::Valid, "{name} {preset}: {:?}", report.verdict);
            assert!(!report.trials.is_empty());
        }
    }
}

/// Every method runs on a dead device and on one at line rate, and says what that means instead of failing.
#[test]
fn every_method_survives_devices_without_an_answer() {
    for &name in MethodName::ALL {
        let dead = run("loss=100%", &spec(name, Preset::Quick));
        if name != MethodName::Mrr {
            assert_eq!(dead.verdict.state, MethodState::Invalid, "{name}");
        }
        let fast = run("buffer=10", &spec(name, Preset::Quick));
        assert!(!fast.trials.is_empty());
    }
}
