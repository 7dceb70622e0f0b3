//! The keys of `linerate simulate --json` that other programs rely on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in tests a failed unwrap is the failed assertion")]

use methodology::method::{MethodName, MethodSpec, Preset};
use methodology::simulate::{SimulationRequest, simulate};
use methodology::units::LinkSpeed;
use serde_json::Value;

fn json(dut: &str, name: MethodName) -> Value {
    let request = SimulationRequest {
        device: dut.parse().unwrap(),
        method: MethodSpec::new(name).with_preset(Preset::Quick),
        frames: "64".parse().unwrap(),
        link: LinkSpeed::from_mbps(25_000),
    };
    let (summary, _) = simulate(&request, &mut |_| {}).unwrap();
    serde_json::to_value(&summary).unwrap()
}

#[test]
fn a_search_prints_its_goals_and_what_it_cost() {
    let found = json("capacity=10Mpps", MethodName::NdrPdr);
    assert_eq!((found["method"].as_str(), found["preset"].as_str()), (Some("ndr-pdr"), Some("quick")));
    assert!(found["trials"].as_u64().unwrap() > 0 && found["trial_seconds"].as_f64().unwrap() > 0.0);
    let goal = &found["goals"][0];
    assert_eq!((goal["name"].as_str(), goal["regular"].as_bool(), goal["loss_ratio"].as_f64()), (Some("NDR"), Some(true), Some(0.0)));
    for key in ["lower_bound_pps", "upper_bound_pps", "conditional_throughput_pps"] {
        assert!(goal[key].as_f64().unwrap() > 9e6, "{key}");
    }
}

#[test]
fn an_irregular_result_has_no_throughput_and_says_why() {
    let goal = json("capacity=100Mpps", MethodName::NdrPdr)["goals"][0].clone();
    assert_eq!((goal["regular"].as_bool(), goal["why"].as_str()), (Some(false), Some("at-least-max-load")));
    assert!(goal["upper_bound_pps"].is_null() && goal["conditional_throughput_pps"].is_null());
}

#[test]
fn a_procedure_prints_its_results_under_their_own_names() {
    for (name, key) in [
        (MethodName::Throughput, "throughput_pps"),
        (MethodName::Latency, "loads"),
        (MethodName::Pdv, "loads"),
        (MethodName::FrameLoss, "points"),
        (MethodName::BackToBack, "corrected_buffer_time_s"),
        (MethodName::SystemRecovery, "recovery"),
        (MethodName::Reset, "gaps_s"),
        (MethodName::Mrr, "rates_pps"),
        (MethodName::Overload, "collapse_at_pps"),
        (MethodName::Soak, "intervals_with_loss"),
    ] {
        let found = json("capacity=10Mpps,buffer=1000", name);
        assert!(found.get(key).is_some(), "{name} has no {key}: {found}");
        assert!(found["goals"].is_array());
    }
}
