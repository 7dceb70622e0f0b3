//! Logins that fail.

use super::*;

/// Has ssh take the host key of b for that of a.
fn swap_known_keys(bed: &Bed) {
    let known = fs::read_to_string(bed.path("known")).unwrap();
    let line_of_b = known.lines().last().unwrap();
    let key_of_b = line_of_b.split_once(' ').unwrap().1;
    fs::write(bed.path("swapped"), format!("{} {key_of_b}\n{line_of_b}\n", bed.a.host)).unwrap();
    bed.write_ssh_config("user", "swapped");
}

#[test]
fn a_wrong_host_key_is_named_with_what_to_do() {
    let bed = Bed::shared("hostkey");
    swap_known_keys(&bed);
    let output = bed.run(&bed.testbed(""), &bed.plan(&[STREAM]), "out").output().unwrap();
    failure(&output, &["endpoint a-cpu", "host key", "ssh-keygen -R", "nothing was measured"]);
    assert_eq!(bed.a.logins(), 0);
    bed.is_clean_within_10_s();
}

#[test]
fn the_whole_text_of_a_failure_is_in_the_debug_log() {
    let bed = Bed::shared("debuglog");
    let (testbed, plan) = (bed.testbed(""), bed.plan(&[STREAM]));
    // ssh: a box of lines about a changed host key.
    swap_known_keys(&bed);
    let plain = bed.run(&testbed, &plan, "plain").output().unwrap();
    let whole = bed.run(&testbed, &plan, "whole").env("LINERATE_LOG", "debug").output().unwrap();
    for line in ["REMOTE HOST IDENTIFICATION HAS CHANGED", "IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY"] {
        assert!(!errors(&plain).contains(line) && errors(&whole).contains(line), "{}\n{}", errors(&plain), errors(&whole));
    }
    failure(&plain, &["endpoint a-cpu", "host key"]);
    failure(&whole, &["endpoint a-cpu", "host key"]);
    // An agent: many lines before it ends, the first of which no short message can hold.
    bed.write_ssh_config("user", "known");
    let text = "for n in $(seq 40); do printf 'line %s of a long \\033[31mcomplaint\\n' $n >&2; done; exit 3";
    let testbed = with_program_at_b(&bed, &script(&bed, "complains", text));
    let plain = bed.run(&testbed, &plan, "plain-agent").output().unwrap();
    let whole = bed.run(&testbed, &plan, "whole-agent").env("LINERATE_LOG", "debug").output().unwrap();
    assert!(!errors(&plain).contains("line 1 of a long") && errors(&whole).contains("line 1 of a long"), "{}", errors(&whole));
    failure(&plain, &["endpoint b-cpu", "line 40 of a long"]);
    failure(&whole, &["endpoint b-cpu", "line 40 of a long"]);
    bed.is_clean_within_10_s();
}

#[test]
fn a_refused_key_is_named_with_what_to_do() {
    let bed = Bed::shared("refused");
    bed.write_ssh_config("stranger", "known");
    let output = bed
        .linerate(&["run", "--testbed", &bed.testbed("").display().to_string(), "--plan", &bed.plan(&[STREAM]).display().to_string()])
        .output()
        .unwrap();
    let said = errors(&output);
    for endpoint in ["endpoint a-cpu", "endpoint b-cpu"] {
        assert!(
            said.lines().any(|line| line.contains(endpoint) && line.contains("Permission denied") && line.contains("BatchMode=yes")),
            "{said}"
        );
    }
    bed.is_clean_within_10_s();
}

#[test]
fn a_machine_that_is_not_reached_is_named_after_one_attempt() {
    let bed = Bed::shared("unreachable");
    let plan = bed.plan(&[STREAM]);
    let at_b = |out: &str, from: &str, to: &str| {
        let testbed = changed_testbed(&bed, |text| text.replace(from, to));
        let begin = std::time::Instant::now();
        let output = bed.run(&testbed, &plan, out).output().unwrap();
        (output, begin.elapsed())
    };
    let host = format!("root@{}", bed.b.host);
    let (output, _) = at_b("refused", &host, &format!("{host}:24"));
    failure(&output, &["endpoint b-cpu", "Connection refused", "(after ", "check the address"]);
    let (output, _) = at_b("unknown", &host, "root@lr-no-such-host.invalid");
    failure(&output, &["endpoint b-cpu", "lr-no-such-host.invalid"]);
    // Packets are dropped without an answer: one attempt, as long as the user's ssh waits.
    bed.b.link(program::sshd::MANAGEMENT, "down");
    let (output, took) = at_b("dropped", "ssh_options = [", "ssh_options = [\"-o\", \"ConnectTimeout=3\", ");
    failure(&output, &["endpoint b-cpu", "check the address"]);
    assert!(took < Duration::from_secs(3 + 3 + 10), "more than one attempt: {took:?}");
    bed.is_clean_within_10_s();
}

#[test]
fn what_a_login_prints_is_skipped() {
    let bed = Bed::shared("banner");
    let text = format!("echo 'Welcome to the lab'\necho '{{\"motd\": 1}}'\nexec {} \"$@\"", env!("CARGO_BIN_EXE_linerate"));
    let noisy = script(&bed, "noisy", &text);
    let output = bed.run(&with_program_at_b(&bed, &noisy), &bed.plan(&[PING_PONG]), "out").output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    bed.is_clean_within_10_s();
}

#[test]
fn become_runs_the_agent_as_another_user_and_says_when_that_needs_a_password() {
    let bed = Bed::shared("become");
    let plan = bed.plan(&[PING_PONG]);
    let testbed = bed.testbed("become = \"sudo -n\"");
    program_there(&bed, "sudo", "#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n");
    let output = bed.run(&testbed, &plan, "refused").output().unwrap();
    let said = errors(&output);
    assert!(said.lines().any(|line| line.contains("endpoint a-cpu") && line.contains("NOPASSWD")), "{said}");
    // As sudo does, without the environment of the login.
    program_there(&bed, "sudo", "#!/bin/sh\n[ \"$1\" = -n ] && shift\nexec env -i PATH=\"$PATH\" BECAME=root \"$@\"\n");
    let running = bed.start(&testbed, &bed.plan(&[LONG_STREAM]), "out");
    wait_for("the agent", LIMIT, || !bed.b.agents().is_empty());
    let agent = bed.b.agents()[0];
    let environment = fs::read_to_string(format!("/proc/{agent}/environ")).unwrap_or_default();
    assert!(environment.contains("BECAME=root") && environment.contains("LC_ALL=C"), "{environment}");
    assert!(running.finish(LIMIT).status.success());
    bed.is_clean_within_10_s();
}
