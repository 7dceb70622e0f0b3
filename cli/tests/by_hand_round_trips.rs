//! Round trips over a path that delays, doubles and loses the frames that the test names. The device in the middle counts for itself.

#![cfg(feature = "dpdk")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

mod program;

use std::time::Duration;

use nix::sys::signal::Signal;
use program::device::{Device, From};
use program::{errors, json};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(60);

/// What a sender says of its round trips over the device.
fn round_trips(device: &Device, more: &[&str]) -> (Value, String) {
    let reflector = device.reflector();
    let send = ["--rtt", "--quiet", "--cpu", "1", "--late-bound", "60s"];
    let output = device.linerate(&device.near, "send", &[&send, more].concat()).output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    reflector.signal(Signal::SIGINT);
    reflector.finish(LIMIT);
    (json(&output.stdout), errors(&output))
}

fn count(report: &Value, key: &str) -> u64 {
    report[key].as_u64().unwrap_or_else(|| panic!("no {key} in {report}"))
}

fn milliseconds(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[test]
fn frames_of_a_long_path_are_waited_for_and_none_is_lost() {
    for (name, delay) in [("rtt150", 150), ("rtt1500", 1500)] {
        let device = Device::up(name, move |from, _| vec![if from == From::Near { milliseconds(delay) } else { Duration::ZERO }]);
        let (report, _) = round_trips(&device, &["--rate", "1kpps", "--frames", "200"]);
        let returned = &report["returned"];
        assert_eq!((device.seen(From::Near), device.sent(From::Far)), (200, 200), "the device lost nothing");
        assert_eq!(["received", "lost", "in_flight", "duplicate"].map(|key| count(returned, key)), [200, 0, 0, 0], "{returned}");
        assert_eq!(count(&report["rtt_ns"], "count"), 200);
        assert!(count(&report["rtt_ns"], "min") >= delay * 1_000_000, "{}", report["rtt_ns"]);
        // The wait ends with the last frame, and not with its limit.
        assert!(returned["waited_s"].as_f64().unwrap() < 5.0, "{returned}");
    }
}

#[test]
fn a_path_whose_delay_jumps_is_waited_for_too() {
    // From 1 ms to 1.2 s in the middle of the run.
    let device =
        Device::up("rttjump", |from, number| vec![if from == From::Near && number >= 100 { milliseconds(1200) } else { milliseconds(1) }]);
    let (report, _) = round_trips(&device, &["--rate", "1kpps", "--frames", "200"]);
    let returned = &report["returned"];
    assert_eq!(device.sent(From::Far), 200);
    assert_eq!(["received", "lost", "in_flight"].map(|key| count(returned, key)), [200, 0, 0], "{returned}");
}

#[test]
fn what_was_still_in_flight_at_the_limit_is_told_and_is_not_lost() {
    let device = Device::up("rttlimit", |from, _| vec![if from == From::Near { milliseconds(1500) } else { Duration::ZERO }]);
    let (report, _) = round_trips(&device, &["--rate", "100pps", "--duration", "3s", "--drain", "100ms"]);
    let returned = &report["returned"];
    let [received, lost, in_flight] = ["received", "lost", "in_flight"].map(|key| count(returned, key));
    assert!(received > 0 && in_flight > 0, "{returned}");
    assert_eq!((lost, received + in_flight), (0, count(&report, "frames_sent")), "{returned}");
}

#[test]
fn frames_that_return_twice_are_duplicates_and_are_timed_once() {
    let copies =
        |from, number| if from == From::Far && number % 20 == 0 { vec![milliseconds(1), milliseconds(300)] } else { vec![milliseconds(1)] };
    let device = Device::up("rtttwice", copies);
    let (report, _) = round_trips(&device, &["--rate", "500pps", "--frames", "400"]);
    let returned = &report["returned"];
    assert_eq!((device.seen(From::Far), device.sent(From::Far) >= 400), (400, true));
    let [received, lost, duplicate] = ["received", "lost", "duplicate"].map(|key| count(returned, key));
    // A copy that comes after the last frame was awaited is not seen any more.
    assert!((400, 0) == (received, lost) && (12..=20).contains(&duplicate), "{returned}");
    assert_eq!(count(&report["rtt_ns"], "count"), 400);
    assert!(count(&report["rtt_ns"], "max") < 300_000_000, "no copy's time is a frame's: {}", report["rtt_ns"]);
}

#[test]
fn what_the_path_loses_is_lost_and_nothing_else() {
    let device = Device::up("rttlost", |from, number| if from == From::Far && number % 10 == 5 { vec![] } else { vec![Duration::ZERO] });
    let (report, _) = round_trips(&device, &["--rate", "1kpps", "--frames", "200"]);
    let returned = &report["returned"];
    assert_eq!((device.seen(From::Far), device.sent(From::Far)), (200, 180));
    assert_eq!(["received", "lost", "in_flight", "duplicate"].map(|key| count(returned, key)), [180, 20, 0, 0], "{returned}");
    assert_eq!(count(&report["rtt_ns"], "count"), 180);
}
