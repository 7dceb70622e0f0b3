//! Links that are cut, and traffic that goes where it must not.

use super::*;
use program::records;
use program::sshd::{DATA, MANAGEMENT};

/// A link of b that is down for a while.
fn cut_for(bed: &Bed, interface: &str, time: Duration) {
    bed.b.link(interface, "down");
    std::thread::sleep(time);
    bed.b.link(interface, "up");
}

#[test]
fn a_management_link_that_is_cut_for_5_s_costs_nothing() {
    let bed = Bed::shared("cut5");
    for (measure, words, out) in [(LONG_ROUND_TRIPS, "linerate agent", "dpdk"), (LONG_STREAM, "iperf3 -s", "kernel")] {
        let running = bed.start(&bed.testbed(""), &bed.plan(&[measure]), out);
        wait_for(words, LIMIT, || bed.b.process(words).is_some() && bed.path(out).join("environment.json").exists());
        std::thread::sleep(Duration::from_secs(2));
        cut_for(&bed, MANAGEMENT, Duration::from_secs(5));
        let output = running.finish(LIMIT);
        assert!(output.status.success(), "{out}: {}", errors(&output));
        assert_ne!(states(&bed, out), ["failed"], "{:#?}", records(&bed.path(out)));
    }
    bed.is_clean_within_10_s();
}

#[test]
fn a_management_link_that_is_cut_for_good_ends_both_ends_and_the_run_is_continued_later() {
    let bed = Bed::shared("cut");
    let plan = bed.plan(&[PING_PONG, LONG_ROUND_TRIPS, ROUND_TRIPS_OF_128_B]);
    let running = bed.start(&bed.testbed(""), &plan, "out");
    wait_for_records(&running, &bed, "out", 1);
    // Two agents at the receiver: that of the endpoint and that of the port.
    wait_for("the port's agent", LIMIT, || bed.b.agents().len() > 1);
    bed.b.link(MANAGEMENT, "down");
    let cut = std::time::Instant::now();
    wait_for("the end of the agents", LIMIT, || bed.b.agents().is_empty());
    let alone_for = cut.elapsed();
    assert!(alone_for < Duration::from_secs(10), "the agents went on for {alone_for:?}");
    let output = running.finish(LIMIT);
    failure(&output, &["endpoint b-cpu", "not reached any more", "every finished record is kept", "--resume out"]);
    assert_eq!(states(&bed, "out")[0], "valid");
    bed.b.link(MANAGEMENT, "up");
    bed.is_clean_within_10_s();
    let resumed = bed.resume("out");
    assert!(resumed.status.success(), "{}", errors(&resumed));
    let valid_or_invalid = states(&bed, "out").iter().filter(|state| *state != "failed").count();
    assert_eq!(valid_or_invalid, 3);
}

#[test]
fn a_data_link_that_goes_down_makes_records_invalid_or_failed_and_never_valid() {
    let bed = Bed::shared("datalink");
    for (measure, out) in [(LONG_STREAM, "kernel"), (LONG_ROUND_TRIPS, "dpdk")] {
        let running = bed.start(&bed.testbed(""), &bed.plan(&[measure]), out);
        wait_for("the end of the checks", LIMIT, || bed.path(out).join("environment.json").exists());
        // Again and again, so that it happens within the measurement whenever that is.
        while bed.controller_process().is_some() {
            cut_for(&bed, DATA, Duration::from_secs(1));
            std::thread::sleep(Duration::from_secs(2));
        }
        let output = running.finish(LIMIT);
        let records = records(&bed.path(out));
        let reasons: Vec<&str> =
            records[0]["verdict"]["reasons"].as_array().unwrap().iter().map(|reason| reason.as_str().unwrap()).collect();
        let failed = records[0]["verdict"]["state"] == "failed";
        assert!(failed || reasons.iter().any(|reason| reason.starts_with("link-change")), "{out}: {:#}\n{}", records[0], errors(&output));
    }
    bed.is_clean_within_10_s();
}

#[test]
fn a_port_with_the_default_route_is_refused_until_it_is_named() {
    let bed = Bed::shared("route");
    program::veth::ip(&["-n", &bed.a.namespace, "route", "add", "default", "via", &bed.b.address, "dev", DATA]);
    let output = bed.run(&bed.testbed(""), &bed.plan(&[ROUND_TRIPS]), "out").output().unwrap();
    failure(&output, &["endpoint a-cpu", "the IPv4 default route", &format!("--force net_af_packet0,iface={DATA}")]);
    let forced = bed
        .run(&bed.testbed(""), &bed.plan(&[ROUND_TRIPS]), "forced")
        .args(["--force", &format!("net_af_packet0,iface={DATA}")])
        .output()
        .unwrap();
    assert!(forced.status.success(), "{}", errors(&forced));
    bed.is_clean_within_10_s();
}

#[test]
fn a_port_with_the_ssh_session_is_refused() {
    let bed = Bed::shared("session");
    let testbed = changed_testbed(&bed, |text| text.replacen(&format!("iface={DATA}"), &format!("iface={MANAGEMENT}"), 1));
    let output = bed.run(&testbed, &bed.plan(&[ROUND_TRIPS]), "out").output().unwrap();
    failure(&output, &["endpoint a-cpu", "the current ssh session", MANAGEMENT, "--force"]);
    bed.is_clean_within_10_s();
}

#[test]
fn kernel_traffic_by_another_interface_is_a_problem_and_forced_an_invalid_record() {
    let bed = Bed::shared("otherway");
    let interface = |name: &str| format!("interface = \"{name}\"");
    let testbed = changed_testbed(&bed, |text| text.replace(&interface(DATA), &interface(MANAGEMENT)));
    let run = |out: &str| bed.run(&testbed, &bed.plan(&[PING_PONG]), out);
    let refused = run("out").output().unwrap();
    let said = errors(&refused);
    assert!(!refused.status.success() && said.contains(&format!("on {DATA}, and not on {MANAGEMENT}")), "{said}");
    assert!(said.contains(&format!("leaves through {DATA}, and not through {MANAGEMENT}")), "{said}");
    let forced = run("forced").arg("--force").output().unwrap();
    assert_eq!(states(&bed, "forced"), ["invalid"], "{}", errors(&forced));
    assert!(errors(&forced).contains("no record is valid"), "{}", errors(&forced));
    let reasons = records(&bed.path("forced"))[0]["verdict"]["reasons"].to_string();
    assert!(reasons.contains("counters-disagree"), "{reasons}");
    bed.is_clean_within_10_s();
}

#[test]
fn a_clock_that_jumped_is_a_warning_and_the_records_have_the_time_of_this_machine() {
    let bed = Bed::shared("clock");
    // The endpoint's messages say another year.
    let text = format!("{} \"$@\" | sed -u 's/\"time\":\"20[0-9][0-9]-/\"time\":\"2001-/'", env!("CARGO_BIN_EXE_linerate"));
    let late = script(&bed, "late", &text);
    let output = bed.run(&with_program_at_b(&bed, &late), &bed.plan(&[PING_PONG]), "out").output().unwrap();
    let said = errors(&output);
    assert!(output.status.success() && said.contains("warning: b-cpu: clock: -"), "{said}");
    assert!(!records(&bed.path("out"))[0]["time"].as_str().unwrap().starts_with("2001-"));
    bed.is_clean_within_10_s();
}
