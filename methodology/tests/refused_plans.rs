//! Impossible combinations are refused before anything is sent, with the key they are in and the way out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in tests a failed unwrap is the failed assertion")]

use methodology::method::{IpVersion, Method, MethodName, MethodSpec, Preset};
use methodology::units::Frames;

/// Reads a method as a plan writes it and gives the faults.
fn faults(json: &str, sizes: &[&str], ip: IpVersion) -> Vec<(String, String)> {
    let spec: MethodSpec = serde_json::from_str(json).unwrap();
    let sizes: Vec<Frames> = sizes.iter().map(|size| size.parse().unwrap()).collect();
    match spec.resolve(&sizes, ip) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.into_iter().map(|fault| (fault.key().to_owned(), fault.to_string())).collect(),
    }
}

fn refused(json: &str, key: &str, part: &str) {
    let found = faults(json, &["64"], IpVersion::V4);
    assert!(found.iter().any(|(at, text)| at == key && text.contains(part)), "{json}: {found:?}");
}

const GOAL: &str =
    r#"{"name":"NDR","loss-ratio":0,"exceed-ratio":0.5,"initial-trial":"1s","final-trial":"1s","duration-sum":"21s","width":0.005}"#;

fn with_goal(from: &str, to: &str) -> String {
    assert!(GOAL.contains(from), "{from}");
    format!(r#"{{"name":"ndr-pdr","goals":[{}]}}"#, GOAL.replace(from, to))
}

#[test]
fn min_load_above_max_load_is_refused() {
    refused(r#"{"name":"throughput","min-load":"2Mpps","max-load":"1Mpps"}"#, "min-load", "below max-load");
    refused(r#"{"name":"throughput","min-load":"1Mpps","max-load":"1Mpps"}"#, "min-load", "below max-load");
    refused(r#"{"name":"throughput","min-load":"50%","max-load":"40%"}"#, "min-load", "below max-load");
    refused(r#"{"name":"throughput","min-load":"10Gbps","max-load":"1Mpps"}"#, "min-load", "below max-load");
    refused(r#"{"name":"throughput","min-load":"max"}"#, "min-load", "10kpps");
    assert_eq!(faults(r#"{"name":"throughput","min-load":"1kpps","max-load":"99.98%"}"#, &["64"], IpVersion::V4), []);
}

/// MLRsearch draft §"Search Goal": what each attribute may be. Width and exceed ratio cannot even be read, so that the reader of the
/// plan knows the line.
#[test]
fn mlrsearch15_search_goal_attributes_are_in_range() {
    for (from, to, part) in [
        (r#""width":0.005"#, r#""width":0"#, "width"),
        (r#""width":0.005"#, r#""width":1"#, "width"),
        (r#""exceed-ratio":0.5"#, r#""exceed-ratio":1"#, "exceed ratio"),
        (r#""loss-ratio":0"#, r#""loss-ratio":1.5"#, "loss ratio"),
        (r#""final-trial":"1s""#, r#""final-trial":"-1s""#, "duration"),
        (r#""name":"NDR""#, r#""nmae":"NDR""#, "nmae"),
    ] {
        let error = serde_json::from_str::<MethodSpec>(&with_goal(from, to)).unwrap_err().to_string();
        assert!(error.contains(part), "{to}: {error}");
    }
    refused(&with_goal(r#""loss-ratio":0"#, r#""loss-ratio":1"#), "goals[0].loss-ratio", "below 1");
    refused(&with_goal(r#""duration-sum":"21s""#, r#""duration-sum":"500ms""#), "goals[0].duration-sum", "at least the final trial");
    refused(&with_goal(r#""initial-trial":"1s""#, r#""initial-trial":"2s""#), "goals[0].initial-trial", "at most the final trial");
    refused(&with_goal(r#""initial-trial":"1s""#, r#""initial-trial":0"#), "goals[0].initial-trial", "at least 1ms");
    refused(&format!(r#"{{"name":"ndr-pdr","goals":[{GOAL},{GOAL}]}}"#), "goals[1].name", "twice");
    refused(r#"{"name":"ndr-pdr","goals":[]}"#, "goals", "no goal");
}

#[test]
fn goals_without_a_size_are_refused() {
    let found = faults(r#"{"name":"ndr-pdr"}"#, &[], IpVersion::V4);
    assert_eq!((found.len(), found[0].0.as_str()), (1, "sizes"));
}

#[test]
fn ipv6_at_64_bytes_is_refused_and_84_is_not() {
    let found = faults(r#"{"name":"ndr-pdr"}"#, &["64"], IpVersion::V6);
    assert!(found[0].0 == "sizes" && found[0].1.contains("84"), "{found:?}");
    assert_eq!(faults(r#"{"name":"ndr-pdr"}"#, &["84"], IpVersion::V6), []);
    assert_eq!(faults(r#"{"name":"ndr-pdr"}"#, &["imix"], IpVersion::V6).len(), 1);
}

/// RFC 9004 §6.1: one frame size.
#[test]
fn rfc9004_6_1_back_to_back_of_a_mix_is_refused() {
    let found = faults(r#"{"name":"back-to-back"}"#, &["imix"], IpVersion::V4);
    assert!(found[0].1.contains("RFC 9004"), "{found:?}");
}

/// RFC 9004 §6.2: at most 30 s.
#[test]
fn rfc9004_6_2_bursts_longer_than_30_seconds_are_refused() {
    refused(r#"{"name":"back-to-back","duration":"31s"}"#, "duration", "30s");
}

#[test]
fn values_a_method_does_not_have_are_refused_instead_of_ignored() {
    refused(r#"{"name":"throughput","duration":"10s"}"#, "duration", "no such value");
    refused(r#"{"name":"mrr","step":0.1}"#, "step", "no such value");
    refused(r#"{"name":"soak","repetitions":3}"#, "repetitions", "no such value");
    refused(r#"{"name":"frame-loss","at":[{"kind":"throughput"}]}"#, "at", "no such value");
    refused(r#"{"name":"latency","event":"link-bounce"}"#, "event", "no such value");
    refused(r#"{"name":"latency","duration":"10s"}"#, "duration", "skipped");
    refused(r#"{"name":"pdv","repetitions":0}"#, "repetitions", "1 or more");
    refused(r#"{"name":"latency","at":[]}"#, "at", "at least one");
    refused(r#"{"name":"throughput","algorithm":{"kind":"bslv","max-trials":0}}"#, "algorithm.max-trials", "1 or more");
    refused(r#"{"name":"throughput","time-limit":0}"#, "time-limit", "over before");
    assert!(serde_json::from_str::<MethodSpec>(r#"{"name":"thruput"}"#).is_err());
    assert!(serde_json::from_str::<MethodSpec>(r#"{"name":"throughput","speed":1}"#).is_err());
}

#[test]
fn a_key_without_effect_is_refused_once() {
    refused(r#"{"name":"mrr","min-load":"1Mpps"}"#, "min-load", "maximum rate");
    refused(r#"{"name":"mrr","goals":[]}"#, "goals", "does not search");
    refused(r#"{"name":"frame-loss","algorithm":{"kind":"binary"}}"#, "algorithm", "does not search");
    refused(r#"{"name":"frame-loss","time-limit":60}"#, "time-limit", "does not search");
    let json = r#"{"name":"mrr","min-load":"2Mpps","max-load":"1Mpps"}"#;
    let keys: Vec<_> = faults(json, &["64"], IpVersion::V4).into_iter().map(|fault| fault.0).collect();
    assert_eq!(keys, ["min-load", "max-load"], "that one is above the other does not matter");
}

/// RFC 9004 §6.1: bursts are sent at the maximum rate, and the buffer time is computed with it.
#[test]
fn rfc9004_6_1_bursts_of_another_rate_are_refused() {
    refused(r#"{"name":"back-to-back","max-load":"12Mpps"}"#, "max-load", "RFC 9004");
    assert_eq!(faults(r#"{"name":"back-to-back","min-load":"1kpps"}"#, &["64"], IpVersion::V4), []);
}

#[test]
fn every_fault_is_reported_at_once() {
    let json = r#"{"name":"pdv","min-load":"2Mpps","max-load":"1Mpps","duration":0,"repetitions":0}"#;
    assert_eq!(
        faults(json, &[], IpVersion::V4).iter().map(|fault| fault.0.as_str()).collect::<Vec<_>>(),
        ["sizes", "duration", "repetitions"]
    );
    assert_eq!(faults(json, &["64"], IpVersion::V4).len(), 3);
}

#[test]
fn every_preset_of_every_method_is_possible_and_survives_being_written() {
    for &name in MethodName::ALL {
        for &preset in Preset::ALL {
            let method = MethodSpec::new(name).with_preset(preset).resolve(&["64".parse().unwrap()], IpVersion::V4).unwrap();
            let written = serde_json::to_string(&method).unwrap();
            assert_eq!(serde_json::from_str::<Method>(&written).unwrap(), method);
        }
    }
}
