//! What each preset fills in.

use super::{Algorithm, LoadPoint, Method, MethodName, Preset, Procedure, SearchPlan};
use crate::search::{ExceedRatio, SearchGoal, Width};
use crate::trial::{ResetKind, TesterRule, TrialPhases};
use crate::units::{Load, LossRatio, PacketRate, Seconds, Share};

/// CSIT's Min Load for latency streams and searches: fewer frames than this are not a load.
pub(crate) const CSIT_MIN_LOAD: PacketRate = PacketRate::of_known(9001.0);

/// CSIT's PDR: half a percent.
const PDR_LOSS: LossRatio = LossRatio::of_known(0.005);

const fn whole(seconds: u32) -> Seconds {
    Seconds::from_whole(seconds)
}

const fn millis(millis: u32) -> Seconds {
    Seconds::from_millis(millis)
}

/// The preset a method has where none is given.
pub(super) const fn default_preset(name: MethodName) -> Preset {
    match name {
        MethodName::NdrPdr | MethodName::Mrr | MethodName::Soak | MethodName::Overload => Preset::CsitNdrPdr,
        _ => Preset::Rfc2544,
    }
}

pub(super) fn method(name: MethodName, preset: Preset) -> Method {
    Method {
        name,
        preset,
        phases: phases(preset),
        tester: tester(preset),
        search: search(name, preset),
        procedure: procedure(name, preset),
    }
}

const fn phases(preset: Preset) -> TrialPhases {
    match preset {
        Preset::Rfc2544 | Preset::Tst009 => TrialPhases::RFC2544,
        Preset::CsitNdrPdr => {
            TrialPhases { routing_wait: Seconds::ZERO, learning_wait: millis(100), drain_wait: millis(200), settle_wait: Seconds::ZERO }
        }
        Preset::Quick => TrialPhases::QUICK,
    }
}

const fn tester(preset: Preset) -> TesterRule {
    // CSIT tolerates 10 µs worth of frames; a shared machine's scheduler takes that from a short trial every time.
    let (repeats, slack_us, calibration) = match preset {
        Preset::Quick => (5, 200, millis(200)),
        _ => (3, 10, whole(1)),
    };
    TesterRule { repeats, offered_slack: Seconds::from_micros(slack_us), calibration }
}

fn search(name: MethodName, preset: Preset) -> SearchPlan {
    let several = matches!(name, MethodName::NdrPdr | MethodName::Latency | MethodName::Pdv);
    let zero_loss = if several { "NDR" } else { "throughput" };
    let mut goals = vec![goal(zero_loss, LossRatio::ZERO, preset)];
    if several {
        goals.push(goal("PDR", PDR_LOSS, preset));
    }
    SearchPlan {
        algorithm: match preset {
            Preset::Tst009 if !several => Algorithm::Bslv { max_trials: 2, max_loss: None },
            _ => Algorithm::Mlrsearch,
        },
        goals,
        min_load: Load::Packets(if preset == Preset::CsitNdrPdr { CSIT_MIN_LOAD } else { PacketRate::of_known(1000.0) }),
        max_load: Load::Max,
        time_limit: match preset {
            Preset::Rfc2544 | Preset::Tst009 => whole(24 * 3600),
            Preset::CsitNdrPdr => whole(1200),
            Preset::Quick => whole(60),
        },
    }
}

fn goal(name: &str, loss_ratio: LossRatio, preset: Preset) -> SearchGoal {
    let (initial_trial, final_trial, duration_sum, exceed_ratio, width) = match preset {
        // MLRsearch draft §"MLRsearch Compliant with RFC 2544".
        Preset::Rfc2544 => (whole(1), whole(60), whole(60), ExceedRatio::ZERO, Width::HALF_PERCENT),
        // MLRsearch draft §"MLRsearch Compliant with TST009": max(r) = 2, z = ∞.
        Preset::Tst009 => (whole(1), whole(60), whole(120), ExceedRatio::HALF, Width::HALF_PERCENT),
        // FD.io CSIT, methodology/measurements/data_plane_throughput/mlr_search.
        Preset::CsitNdrPdr => (whole(1), whole(1), whole(21), ExceedRatio::HALF, Width::HALF_PERCENT),
        Preset::Quick => (millis(200), millis(200), whole(1), ExceedRatio::HALF, Width::ONE_PERCENT),
    };
    SearchGoal { name: name.to_owned(), loss_ratio, exceed_ratio, initial_trial, final_trial, duration_sum, width }
}

fn procedure(name: MethodName, preset: Preset) -> Procedure {
    /// A value for the compliant presets, for CSIT's, and for the quick one.
    fn by<T>(preset: Preset, compliant: T, csit: T, quick: T) -> T {
        match preset {
            Preset::Rfc2544 | Preset::Tst009 => compliant,
            Preset::CsitNdrPdr => csit,
            Preset::Quick => quick,
        }
    }
    let csit_points = || {
        let of_pdr = |share| LoadPoint::OfPdr(Share::of_known(share));
        vec![LoadPoint::Idle, of_pdr(0.1), of_pdr(0.5), of_pdr(0.9)]
    };
    let with_throughput = || std::iter::once(LoadPoint::Throughput).chain(csit_points()).collect();
    match name {
        MethodName::Throughput => Procedure::Throughput,
        MethodName::NdrPdr => Procedure::NdrPdr,
        MethodName::Latency => Procedure::Latency {
            at: by(preset, with_throughput(), csit_points(), with_throughput()),
            duration: by(preset, whole(120), whole(1), millis(500)),
            tagged_after: by(preset, whole(60), Seconds::ZERO, millis(100)),
            repetitions: by(preset, 20, 1, 3),
        },
        MethodName::Pdv => Procedure::Pdv {
            at: by(preset, vec![LoadPoint::Throughput], csit_points(), vec![LoadPoint::Throughput]),
            duration: by(preset, whole(60), whole(1), millis(500)),
            repetitions: by(preset, 20, 1, 3),
        },
        MethodName::FrameLoss => {
            Procedure::FrameLoss { step: Share::of_known(0.1), duration: by(preset, whole(60), whole(1), millis(200)) }
        }
        MethodName::BackToBack => Procedure::BackToBack {
            repetitions: by(preset, 50, 50, 5),
            max_burst: by(preset, whole(2), whole(2), millis(200)),
            min_step: by(preset, 1, 1, 16),
            max_trials: 2,
        },
        MethodName::SystemRecovery => Procedure::SystemRecovery {
            overload: by(preset, whole(60), whole(1), millis(500)),
            reduced: by(preset, whole(60), whole(1), millis(500)),
            repetitions: by(preset, 10, 10, 3),
        },
        MethodName::Reset => Procedure::Reset {
            event: ResetKind::ReflectorRestart,
            duration: by(preset, whole(60), whole(10), whole(3)),
            after: by(preset, whole(10), whole(1), millis(500)),
            repetitions: by(preset, 10, 10, 3),
        },
        MethodName::Mrr => Procedure::Mrr { trials: 10, duration: by(preset, whole(60), whole(1), millis(100)) },
        MethodName::Overload => Procedure::Overload { up_to: 2.0, points: 11, duration: by(preset, whole(60), whole(1), millis(200)) },
        MethodName::Soak => Procedure::Soak {
            duration: by(preset, whole(1800), whole(1800), whole(10)),
            interval: by(preset, whole(1), whole(1), millis(500)),
        },
    }
}
