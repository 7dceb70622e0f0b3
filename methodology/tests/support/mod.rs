//! What the known-answer tests share: a device by its description, a method on it, and the report.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in tests a failed unwrap is the failed assertion")]
#![allow(dead_code, reason = "each test file uses its part")]

use methodology::method::{IpVersion, Method, MethodName, MethodSpec, Preset};
use methodology::procedures::{self, Conditions, KnownRates, MethodReport};
use methodology::search::{ExceedRatio, GoalOutcome, SearchGoal, Width};
use methodology::simulate::{Device, SimulatedMeasurer};
use methodology::trial::{Measurer, TrialInput, TrialOutcome};
use methodology::units::{FrameSize, Frames, LinkSpeed, LossRatio, PacketRate, Seconds};

pub const LINK: LinkSpeed = LinkSpeed::from_mbps(25_000);

pub fn rate(pps: f64) -> PacketRate {
    PacketRate::new(pps).unwrap()
}

pub fn device(text: &str) -> Device {
    text.parse().unwrap()
}

pub fn frames() -> Frames {
    Frames::Fixed(FrameSize::MIN)
}

pub fn spec(name: MethodName, preset: Preset) -> MethodSpec {
    MethodSpec::new(name).with_preset(preset)
}

pub fn resolve(spec: &MethodSpec) -> Method {
    spec.resolve(&[frames()], IpVersion::V4).unwrap()
}

pub fn run_known(dut: &str, spec: &MethodSpec, known: KnownRates) -> MethodReport {
    let mut measurer = SimulatedMeasurer::new(device(dut), frames().line_rate(LINK));
    let conditions = Conditions { frames: frames(), link: Some(LINK), known };
    procedures::run(&resolve(spec), &conditions, &mut measurer, &mut |_| {}).unwrap()
}

pub fn run(dut: &str, spec: &MethodSpec) -> MethodReport {
    run_known(dut, spec, KnownRates::default())
}

pub fn known(throughput: f64) -> KnownRates {
    KnownRates { throughput: Some(rate(throughput)), pdr: Some(rate(throughput)) }
}

/// One trial of a constant load.
pub fn trial(dut: &str, pps: f64, seconds: f64) -> TrialOutcome {
    let input = TrialInput::constant(rate(pps), Seconds::new(seconds).unwrap());
    SimulatedMeasurer::new(device(dut), frames().line_rate(LINK)).trial(&input).unwrap()
}

/// Lower bound, upper bound and conditional throughput of a regular result.
pub fn regular(report: &MethodReport, goal: usize) -> (f64, f64, f64) {
    match &report.goals()[goal].outcome {
        GoalOutcome::Regular { lower, upper, conditional_throughput } => (lower.load.pps(), upper.load.pps(), conditional_throughput.pps()),
        irregular => panic!("not regular: {irregular:?}"),
    }
}

/// Whether a regular result brackets `answer` within the goal's width.
pub fn brackets(report: &MethodReport, goal: usize, answer: f64) {
    let (lower, upper, _) = regular(report, goal);
    let width = report.goals()[goal].goal.width.ratio();
    assert!(lower <= answer * (1.0 + 1e-6) && answer <= upper * (1.0 + 1e-6), "{lower} … {upper} does not hold {answer}");
    assert!((upper - lower) / upper <= width * (1.0 + 1e-6), "{lower} … {upper} is wider than {width}");
}

pub fn goal(loss: f64, exceed: f64, final_trial: u32, sum: u32) -> SearchGoal {
    SearchGoal {
        name: format!("loss {loss} exceed {exceed}"),
        loss_ratio: LossRatio::new(loss).unwrap(),
        exceed_ratio: ExceedRatio::new(exceed).unwrap(),
        initial_trial: Seconds::from_whole(1),
        final_trial: Seconds::from_whole(final_trial),
        duration_sum: Seconds::from_whole(sum),
        width: Width::HALF_PERCENT,
    }
}
