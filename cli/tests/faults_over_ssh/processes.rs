//! Processes that are killed, stopped or hang, at the endpoints and at the controller.

use std::time::Instant;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::*;
use program::records;

fn signal(process: u32, signal: Signal) {
    kill(Pid::from_raw(process as i32), signal).unwrap();
}

/// The agent of the DPDK port of a machine, which is not that of the endpoint: it was started later.
fn port_agent(bed: &Bed) -> u32 {
    wait_for("the agent of the port", LIMIT, || bed.b.agents().len() > 1);
    // It opens its port, and the trial begins.
    std::thread::sleep(Duration::from_secs(2));
    *bed.b.agents().last().unwrap()
}

#[test]
fn an_agent_that_is_killed_costs_one_record() {
    let bed = Bed::shared("killed");
    let running = bed.start(&bed.testbed(""), &bed.plan(&[PING_PONG, LONG_ROUND_TRIPS, ROUND_TRIPS_OF_128_B]), "out");
    wait_for_records(&running, &bed, "out", 1);
    signal(port_agent(&bed), Signal::SIGKILL);
    let output = running.finish(LIMIT);
    assert!(output.status.success(), "{}", errors(&output));
    let states = states(&bed, "out");
    assert_eq!((states.len(), states[1].as_str()), (3, "failed"));
    assert_ne!(states[2], "failed", "the next measurement has new agents: {:#?}", records(&bed.path("out")));
    let said = errors(&output);
    assert!(said.contains("endpoint b-cpu") && said.contains("agent exited"), "{said}");
    bed.is_clean_within_10_s();
}

#[test]
fn an_agent_that_is_stopped_for_300_ms_does_not_count_as_loss() {
    let bed = Bed::shared("stopped");
    let running = bed.start(&bed.testbed(""), &bed.plan(&[PING_PONG, LONG_ROUND_TRIPS]), "out");
    wait_for_records(&running, &bed, "out", 1);
    let agent = Pid::from_raw(port_agent(&bed) as i32);
    // Again and again: when the trial begins depends on the machine. The agent ends with the measurement.
    while states(&bed, "out").len() < 2 && kill(agent, Signal::SIGSTOP).is_ok() {
        std::thread::sleep(Duration::from_millis(300));
        let _ = kill(agent, Signal::SIGCONT);
        std::thread::sleep(Duration::from_millis(700));
    }
    let output = running.finish(LIMIT);
    assert!(output.status.success(), "{}", errors(&output));
    let records = records(&bed.path("out"));
    let reasons = records[1]["verdict"]["reasons"].to_string();
    assert!(records[1]["verdict"]["state"] == "invalid" && reasons.contains("hiccup"), "{reasons}");
    bed.is_clean_within_10_s();
}

#[test]
fn a_sink_that_hangs_is_killed_and_the_next_measurement_has_another() {
    let bed = Bed::shared("hangs");
    let measure = "stack = \"dpdk\"\nmethod = \"round-trip\"\nrate = \"1kpps\"\nduration = \"4s\"";
    let running = bed.start(&bed.testbed(""), &bed.plan(&[PING_PONG, measure, ROUND_TRIPS_OF_128_B]), "out");
    wait_for_records(&running, &bed, "out", 1);
    let agent = port_agent(&bed);
    signal(agent, Signal::SIGSTOP);
    let output = running.finish(LIMIT);
    assert!(output.status.success(), "{}", errors(&output));
    let said = errors(&output);
    assert!(said.contains("endpoint b-cpu: agent did not answer"), "{said}");
    let states = states(&bed, "out");
    assert_eq!(states[1], "failed");
    assert_ne!(states[2], "failed", "{:#?}", records(&bed.path("out")));
    assert!(!Path::new(&format!("/proc/{agent}")).exists(), "the stopped agent is still there");
    bed.is_clean_within_10_s();
}

#[test]
fn an_endpoint_that_reboots_ends_the_run_with_its_name_and_the_run_is_continued() {
    let mut bed = Bed::shared("reboot");
    let running = bed.start(&bed.testbed(""), &bed.plan(&[PING_PONG, LONG_STREAM]), "out");
    wait_for_records(&running, &bed, "out", 1);
    wait_for("the second server", LIMIT, || bed.b.process("iperf3 -s").is_some());
    bed.power_off_b();
    let output = running.finish(LIMIT);
    failure(&output, &["endpoint b-cpu", "not reached any more", "--resume out"]);
    bed.power_on_b();
    let resumed = bed.resume("out");
    assert!(resumed.status.success(), "{}", errors(&resumed));
    assert_eq!(states(&bed, "out").iter().filter(|state| *state == "valid").count(), 2, "{:#?}", records(&bed.path("out")));
    bed.is_clean_within_10_s();
}

/// What is measured when the controller is ended, and the command line of a process that then runs at b.
const UNDER_WAY: [(&str, &str); 2] = [(LONG_STREAM, "iperf3 -s"), (LONG_ROUND_TRIPS, "linerate agent")];

/// A run with one record whose second measurement has started.
fn under_way(bed: &Bed, (measure, words): (&str, &str), out: &str) -> Background {
    let running = bed.start(&bed.testbed(""), &bed.plan(&[PING_PONG, measure]), out);
    wait_for_records(&running, bed, out, 1);
    wait_for(words, LIMIT, || bed.b.process(words).is_some());
    std::thread::sleep(Duration::from_secs(1));
    running
}

#[test]
fn a_controller_that_is_killed_leaves_nothing_anywhere() {
    let bed = Bed::shared("sigkill");
    for (number, measured) in UNDER_WAY.into_iter().enumerate() {
        let out = format!("out-{number}");
        let running = under_way(&bed, measured, &out);
        let controller = bed.controller_process().unwrap();
        signal(controller, Signal::SIGKILL);
        running.finish(LIMIT);
        bed.is_clean_within_10_s();
        assert_eq!(states(&bed, &out), ["valid"]);
        let resumed = bed.resume(&out);
        assert!(resumed.status.success(), "{}", errors(&resumed));
        assert_eq!(states(&bed, &out).len(), 2);
    }
}

#[test]
fn ctrl_c_and_the_end_of_the_terminal_end_everything_write_the_report_and_say_how_to_continue() {
    // SAFETY: the default action of a signal calls no code. The started program would inherit that SIGHUP is ignored, as below nohup(1).
    unsafe { nix::sys::signal::signal(Signal::SIGHUP, nix::sys::signal::SigHandler::SigDfl) }.unwrap();
    let bed = Bed::shared("ctrlc");
    for (number, signal_) in [Signal::SIGINT, Signal::SIGHUP].into_iter().enumerate() {
        for (second, measured) in UNDER_WAY.into_iter().enumerate() {
            let out = format!("out-{number}-{second}");
            let running = under_way(&bed, measured, &out);
            let begin = Instant::now();
            signal(bed.controller_process().unwrap(), signal_);
            let output = running.finish(LIMIT);
            assert_eq!(output.status.code(), Some(130), "{}", errors(&output));
            assert!(begin.elapsed() < Duration::from_secs(10), "{signal_} took {:?}", begin.elapsed());
            assert!(errors(&output).contains(&format!("--resume {out}")), "{}", errors(&output));
            assert!(bed.path(&out).join("report.html").is_file());
            bed.is_clean_within_10_s();
            assert_eq!(states(&bed, &out), ["valid"]);
        }
    }
}
