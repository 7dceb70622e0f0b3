//! Programs are run, bounded and ended for real.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in a test a failed unwrap is the failed assertion")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use testbed::process::{CommandSpec, Input, Location, ProcessError, ProcessIdentity, run, run_until_interrupted, spawn};

mod roles;

fn here<const N: usize>(words: [&str; N]) -> CommandSpec {
    CommandSpec::new(Location::Here, words)
}

/// A process ends a moment after it is killed.
fn ends(identity: ProcessIdentity) -> bool {
    let deadline = Instant::now() + Duration::from_secs(10);
    while identity.is_alive() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(5));
    }
    !identity.is_alive()
}

/// The next lines of its standard output; it may go on writing.
fn lines<const N: usize>(from: impl Read) -> [String; N] {
    let mut from = BufReader::new(from);
    std::array::from_fn(|_| {
        let mut line = String::new();
        from.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    })
}

#[test]
fn output_status_and_input_come_through() {
    let output = run(&here(["sh", "-c", "cat; echo oops >&2; exit 3"]).with_stdin(Input::Bytes(b"given".to_vec()))).unwrap();
    assert_eq!((output.stdout_text().as_str(), output.stderr_text().as_str()), ("given", "oops\n"));
    assert_eq!(output.status.code(), Some(3));
    assert!(!output.success() && !output.timed_out);
    assert_eq!(output.ending(), "ended with status 3: oops");
}

#[test]
fn more_output_than_a_pipe_holds_blocks_nobody() {
    let output = run(&here(["sh", "-c", "head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2"])).unwrap();
    assert_eq!((output.stdout.len(), output.stderr.len()), (3_000_000, 3_000_000));
}

#[test]
fn input_that_nobody_reads_blocks_nobody() {
    let output = run(&here(["true"]).with_stdin(Input::Bytes(vec![0; 3_000_000]))).unwrap();
    assert!(output.success());
}

#[test]
fn a_missing_program_is_named_with_its_package() {
    let error = run(&here(["no-such-program"])).unwrap_err();
    assert!(matches!(&error, ProcessError::MissingProgram { program, package: None, .. } if program == "no-such-program"));
    assert_eq!(testbed::process::package_of("sockperf"), Some("sockperf"));
    assert!(matches!(run(&CommandSpec::new(Location::Here, [""; 0])), Err(ProcessError::Empty)));
}

#[test]
fn a_missing_namespace_is_named() {
    let place = Location::Namespace("lr-there-is-none".parse().unwrap());
    let error = run(&CommandSpec::new(place, ["true"])).unwrap_err();
    assert!(error.to_string().contains("lr-there-is-none") && error.to_string().contains("ip netns list"));
}

#[test]
fn a_pinned_program_may_run_on_that_cpu_only() {
    let output = run(&here(["grep", "Cpus_allowed_list", "/proc/self/status"]).on_cpu(Some(0))).unwrap();
    assert_eq!(output.stdout_text().split_whitespace().last(), Some("0"));
}

#[test]
fn at_the_time_limit_the_whole_tree_ends_even_what_left_the_group() {
    // A grandchild in the group, one in a session of its own, and a parent that ignores SIGTERM.
    let script = "trap '' TERM; sleep 600 & echo $!; setsid sleep 600 & echo $!; wait";
    let mut parent = spawn(&here(["sh", "-c", script])).unwrap();
    let started = lines::<2>(parent.take_stdout().unwrap()).map(|pid| ProcessIdentity::of(pid.parse().unwrap()).unwrap());
    let output = parent.finish(Duration::ZERO).unwrap();
    assert!(output.timed_out);
    assert!(output.ending().contains("was killed"), "{}", output.ending());
    for process in started {
        assert!(ends(process), "{process:?} is alive");
    }
}

#[test]
fn what_a_program_leaves_behind_in_its_group_ends_with_it() {
    let output = run(&here(["sh", "-c", "sleep 600 & echo $!"])).unwrap();
    assert!(output.success());
    assert!(ProcessIdentity::of(output.stdout_text().trim().parse().unwrap()).is_none_or(ends));
}

#[test]
fn a_hanging_iperf3_client_is_ended() {
    // A server that accepts and never answers: iperf3 waits for it forever.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let output = run(&here(["iperf3", "-c", "127.0.0.1", "-p", &port, "-J"]).with_timeout(Duration::from_millis(700))).unwrap();
    assert!(output.timed_out && !output.success());
    drop(listener);
}

#[test]
fn a_program_that_the_user_interrupts_ends_before_it_has_finished() {
    let interrupted = AtomicBool::new(false);
    let run = |words: &str| run_until_interrupted(&here(["sh", "-c", words]), &interrupted).unwrap();
    let whole = run("echo begins; sleep 0.3; echo ends");
    assert!(whole.success() && whole.stdout_text() == "begins\nends\n", "{whole:?}");
    interrupted.store(true, Ordering::Relaxed);
    let cut = run("echo begins; sleep 30; echo ends");
    assert!(!cut.success() && !cut.stdout_text().contains("ends"), "{cut:?}");
}

#[test]
fn a_spawned_program_is_spoken_to_line_by_line() {
    let mut child = spawn(&here(["cat"]).with_stdin(Input::Piped)).unwrap();
    let mut to = child.take_stdin().unwrap();
    let mut from = BufReader::new(child.take_stdout().unwrap());
    for line in ["one\n", "two\n"] {
        to.write_all(line.as_bytes()).unwrap();
        let mut answer = String::new();
        from.read_line(&mut answer).unwrap();
        assert_eq!(answer, line);
    }
    assert_eq!(child.try_wait().unwrap(), None);
    drop(to);
    assert!(child.wait_timeout(Duration::from_secs(10)).unwrap().unwrap().success());
}

#[test]
fn what_goes_wrong_is_heard_while_it_runs() {
    let mut child = spawn(&here(["sh", "-c", "echo careful >&2; echo ready; sleep 600"])).unwrap();
    assert_eq!(lines(child.take_stdout().unwrap()), ["ready"]);
    let deadline = Instant::now() + Duration::from_secs(10);
    while child.stderr_so_far().is_empty() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(child.stderr_so_far(), "careful\n");
}

#[test]
fn a_dropped_child_ends() {
    let child = spawn(&here(["sleep", "600"])).unwrap();
    let identity = ProcessIdentity::of(child.id()).unwrap();
    assert!(identity.is_alive());
    drop(child);
    assert!(!identity.is_alive());
}

#[test]
fn a_child_outlives_the_thread_that_started_it() {
    let start = || {
        let mut child = spawn(&here(["cat"]).with_stdin(Input::Piped)).unwrap();
        let (mut to, from) = (child.take_stdin().unwrap(), child.take_stdout().unwrap());
        let mut from = BufReader::new(from);
        // Once it answers it is past the point where it asked for a parent-death signal.
        to.write_all(b"here\n").unwrap();
        let mut answer = String::new();
        from.read_line(&mut answer).unwrap();
        (child, to, from)
    };
    let (_child, mut to, mut from) = thread::spawn(start).join().unwrap();
    // The signal comes when the kernel ends the thread, a moment after it was joined.
    thread::sleep(Duration::from_millis(50));
    to.write_all(b"still here").unwrap();
    drop(to);
    let mut answer = String::new();
    from.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "still here");
}

/// The program that a role says it started.
fn said_identity(role: &mut testbed::process::Child) -> ProcessIdentity {
    serde_json::from_str(&roles::said(role)).unwrap()
}

#[test]
fn kill_9_of_us_takes_the_children_along() {
    let mut owner = spawn(&roles::command("role_start_a_program_and_wait", "wait")).unwrap();
    let started = said_identity(&mut owner);
    assert!(started.is_alive());
    roles::kill_9(owner.id());
    assert!(ends(started));
}

#[test]
fn kill_9_of_us_takes_along_a_child_that_has_hardly_started() {
    // Whether the child has asked for its parent-death signal by then is a race: each is one more chance to lose it.
    for _ in 0..10 {
        let mut owner = spawn(&roles::command("role_start_a_program_and_die", "die")).unwrap();
        let started = said_identity(&mut owner);
        assert!(ends(started));
    }
}

/// Not a test by itself: another test starts this program again and asks for it.
#[test]
fn role_start_a_program_and_wait() {
    if roles::asked_for("wait") {
        let mut child = spawn(&here(["sh", "-c", "echo up; exec sleep 600"])).unwrap();
        assert_eq!(lines(child.take_stdout().unwrap()), ["up"]);
        roles::say(&serde_json::to_string(&ProcessIdentity::of(child.id()).unwrap()).unwrap());
        thread::sleep(Duration::from_secs(60));
    }
}

/// Not a test by itself: another test starts this program again and asks for it.
#[test]
fn role_start_a_program_and_die() {
    if roles::asked_for("die") {
        let child = spawn(&here(["sleep", "600"])).unwrap();
        roles::say(&serde_json::to_string(&ProcessIdentity::of(child.id()).unwrap()).unwrap());
        roles::kill_9(std::process::id());
    }
}

#[test]
fn an_unreachable_machine_is_an_error_that_names_it() {
    // 127.0.0.1 port 1: nothing listens there.
    let mut target = testbed::process::SshTarget::new("nobody@127.0.0.1");
    target.options = ["-p", "1"].map(str::to_owned).to_vec();
    let error = run(&CommandSpec::new(Location::Ssh(target), ["true"])).unwrap_err();
    assert!(matches!(&error, ProcessError::Ssh { destination, .. } if destination == "nobody@127.0.0.1"), "{error}");
    assert!(error.to_string().contains("refused"), "{error}");
}
