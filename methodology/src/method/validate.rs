//! What is refused before anything is sent. Each refusal names the key of the plan it is about.

use super::{Algorithm, InvalidMethod, IpVersion, LoadPoint, Method, Procedure, SearchPlan};
use crate::search::SearchGoal;
use crate::units::{FrameSize, Frames, Load, Pace, Seconds};

/// Trials shorter than this measure the tester's clock.
const SHORTEST_TRIAL: Seconds = Seconds::from_millis(1);

/// RFC 9004 §6.2: bursts are at most 30 s long.
const LONGEST_BURST: Seconds = Seconds::from_whole(30);

type Faults = Vec<InvalidMethod>;

/// Everything that is wrong with a method and the frames it is to be done with.
pub(super) fn faults(method: &Method, sizes: &[Frames], ip: IpVersion) -> Faults {
    let mut faults = Vec::new();
    check_sizes(method, sizes, ip, &mut faults);
    check_search(&method.search, sizes, &mut faults);
    check_procedure(&method.procedure, &mut faults);
    faults
}

fn check_sizes(method: &Method, sizes: &[Frames], ip: IpVersion, faults: &mut Faults) {
    if sizes.is_empty() {
        faults.push(InvalidMethod::new(
            "sizes",
            format!("`{}` has goals and no frame size", method.name),
            "give at least one size, such as sizes = [64, 1518]",
        ));
    }
    for frames in sizes {
        if ip == IpVersion::V6 && frames.smallest() < FrameSize::MIN_TEST_V6 {
            faults.push(InvalidMethod::new(
                "sizes",
                format!("a test frame of {} cannot carry IPv6, UDP and the 18-byte tag", frames.smallest()),
                format!("use {} or more with IPv6, or IPv4", FrameSize::MIN_TEST_V6),
            ));
        }
        if frames.is_mix() && matches!(method.procedure, Procedure::BackToBack { .. }) {
            faults.push(InvalidMethod::new(
                "sizes",
                format!("back-to-back cannot be measured with {frames} (RFC 9004 §6.1: one frame size)"),
                "give frame sizes instead of a mix",
            ));
        }
    }
}

fn check_search(search: &SearchPlan, sizes: &[Frames], faults: &mut Faults) {
    if search.goals.is_empty() {
        faults.push(InvalidMethod::new("goals", "there is no goal", "give at least one, or leave the key out for the preset's"));
    }
    for (index, goal) in search.goals.iter().enumerate() {
        check_goal(goal, index, faults);
        if search.goals[..index].iter().any(|other| other.name == goal.name) {
            faults.push(InvalidMethod::new(
                format!("goals[{index}].name"),
                format!("`{}` is there twice", goal.name),
                "give each goal its own name",
            ));
        }
    }
    if let Algorithm::Bslv { max_trials: 0, .. } = search.algorithm {
        faults.push(InvalidMethod::new("algorithm.max-trials", "no trial can decide a load", "give 1 or more; 2 is common"));
    }
    if search.time_limit.is_zero() {
        faults.push(InvalidMethod::new("time-limit", "the search is over before it begins", "give a time such as 20min"));
    }
    check_range(search, sizes, faults);
}

/// MLRsearch draft §"Search Goal": what the attributes may be. Widths and exceed ratios are types that cannot hold anything else.
fn check_goal(goal: &SearchGoal, index: usize, faults: &mut Faults) {
    let mut refuse = |attribute: &str, problem: String, remedy: &str| {
        faults.push(InvalidMethod::new(format!("goals[{index}].{attribute}"), problem, remedy));
    };
    if goal.loss_ratio.ratio() >= 1.0 {
        refuse(
            "loss-ratio",
            "a goal that allows all frames to be lost is met by a cut cable".to_owned(),
            "give a ratio below 1, such as 0.005",
        );
    }
    if goal.initial_trial < SHORTEST_TRIAL {
        refuse("initial-trial", format!("{} is too short for a trial", goal.initial_trial), "give at least 1ms");
    }
    if goal.initial_trial > goal.final_trial {
        refuse(
            "initial-trial",
            format!("the first trials ({}) are longer than the final ones ({})", goal.initial_trial, goal.final_trial),
            "give at most the final trial duration",
        );
    }
    if goal.duration_sum < goal.final_trial {
        refuse(
            "duration-sum",
            format!("the duration sum ({}) is less than one final trial ({})", goal.duration_sum, goal.final_trial),
            "give at least the final trial duration",
        );
    }
}

/// MLRsearch draft §"Controller Input": Min Load is not zero and less than Max Load.
fn check_range(search: &SearchPlan, sizes: &[Frames], faults: &mut Faults) {
    if search.min_load == Load::Max {
        faults.push(InvalidMethod::new("min-load", "the least load is the greatest", "give a rate such as 10kpps or 1%"));
        return;
    }
    let above = |problem: String| InvalidMethod::new("min-load", problem, "give a min-load below max-load");
    if let (Load::Share(min), Load::Share(max)) = (search.min_load, search.max_load) {
        if min >= max {
            faults.push(above(format!("the least load {} is not below the greatest {}", search.min_load, search.max_load)));
        }
        return;
    }
    for frames in sizes {
        let pace = |load: Load| match frames.pace(load, None) {
            Ok(Pace::Rate(rate)) => Some(rate),
            // Shares and `max` need the link, which the plan does not know.
            _ => None,
        };
        if let (Some(min), Some(max)) = (pace(search.min_load), pace(search.max_load))
            && min >= max
        {
            faults.push(above(format!("with {frames} frames the least load {min} is not below the greatest {max}")));
        }
    }
}

fn check_procedure(procedure: &Procedure, faults: &mut Faults) {
    let mut refuse = |key: &str, problem: String, remedy: &str| faults.push(InvalidMethod::new(key, problem, remedy));
    let (duration, repetitions) = (procedure.duration(), procedure.repetitions());
    if let Some(duration) = duration
        && duration < SHORTEST_TRIAL
    {
        refuse("duration", format!("{duration} is too short for a trial"), "give at least 1ms");
    }
    if repetitions == Some(0) {
        refuse("repetitions", "nothing would be measured".to_owned(), "give 1 or more");
    }
    match procedure {
        Procedure::Throughput
        | Procedure::NdrPdr
        | Procedure::FrameLoss { .. }
        | Procedure::SystemRecovery { .. }
        | Procedure::Mrr { .. } => {}
        Procedure::Latency { at, duration, tagged_after, .. } => {
            check_points(at, &mut refuse);
            if tagged_after >= duration {
                refuse(
                    "duration",
                    format!("no frame is left to measure: {tagged_after} of {duration} are skipped"),
                    "give a longer duration",
                );
            }
        }
        Procedure::Pdv { at, .. } => check_points(at, &mut refuse),
        Procedure::BackToBack { max_burst, .. } => {
            if *max_burst > LONGEST_BURST {
                refuse("duration", format!("a burst of {max_burst} is longer than RFC 9004 §6.2 allows"), "give at most 30s");
            }
        }
        Procedure::Reset { duration, after, .. } => {
            if after >= duration {
                refuse("duration", format!("the reset after {after} comes when the trial of {duration} is over"), "give a longer duration");
            }
        }
        Procedure::Overload { up_to, points, .. } => {
            if !(up_to.is_finite() && *up_to > 1.0) || *points < 2 {
                refuse("procedure", "the sweep does not leave 100 % of NDR".to_owned(), "go up to more than 1 in at least 2 points");
            }
        }
        Procedure::Soak { duration, interval } => {
            if interval > duration || *interval < SHORTEST_TRIAL {
                refuse("duration", format!("{duration} holds no interval of {interval}"), "give a longer duration");
            }
        }
    }
}

fn check_points(at: &[LoadPoint], refuse: &mut impl FnMut(&str, String, &str)) {
    if at.is_empty() {
        refuse("at", "there is no load to measure at".to_owned(), "give at least one, or leave the key out for the preset's");
    }
}
