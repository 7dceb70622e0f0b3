//! A real lab, from outside: traffic, parallel labs, and what stays after each way to end.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in a test a failed unwrap is the failed assertion")]

use std::io::{BufRead, BufReader};
use std::time::Duration;

use testbed::lab::{Lab, LabEndpoint, LabError, LabOptions, LabState};
use testbed::process::{CommandSpec, Input, Location, run, spawn};

mod roles;

fn up() -> Lab {
    Lab::up(LabOptions::default()).unwrap()
}

fn ping(from: &LabEndpoint, to: &LabEndpoint) -> testbed::process::Output {
    run(&CommandSpec::new(Location::Namespace(from.namespace.clone()), ["ping", "-c", "1", "-W", "10", &to.address.to_string()])).unwrap()
}

fn gone(endpoints: &[LabEndpoint]) -> bool {
    endpoints.iter().all(|endpoint| !endpoint.namespace.exists() && !endpoint.socket_dir.exists())
}

#[test]
fn every_ordered_pair_can_ping_at_once() {
    let lab = up();
    let endpoints = lab.endpoints();
    assert_eq!(endpoints.iter().map(|endpoint| endpoint.id.0.as_str()).collect::<Vec<_>>(), ["a-cpu", "a-dpu", "b-cpu", "b-dpu"]);
    for from in &endpoints {
        for to in endpoints.iter().filter(|to| to.id != from.id) {
            let output = ping(from, to);
            assert!(output.success(), "{} to {}: {}", from.id, to.id, output.stdout_text());
        }
    }
    lab.down().unwrap();
    assert!(gone(&endpoints));
}

#[test]
fn nothing_leads_out_and_nothing_announces_itself() {
    let lab = up();
    for endpoint in lab.endpoints() {
        let shown = |words: &[&str]| {
            let words = words.iter().map(|word| word.replace("{}", &endpoint.interface));
            run(&CommandSpec::new(Location::Namespace(endpoint.namespace.clone()), words)).unwrap().stdout_text()
        };
        let routes = shown(&["ip", "-4", "route"]);
        assert_eq!(routes.lines().count(), 1, "only the lab's own subnet: {routes}");
        assert!(routes.starts_with("198.18.0.0/24"));
        let ipv6 = shown(&["ip", "-6", "address"]);
        assert!(!ipv6.contains("fe80"), "no link-local address: {ipv6}");
        let interfaces = shown(&["ip", "-o", "link"]);
        assert!(interfaces.contains("lo: <LOOPBACK,UP"), "{interfaces}");
    }
}

#[test]
fn the_socket_directory_is_private_and_goes_with_the_lab() {
    use std::os::unix::fs::PermissionsExt;
    let lab = up();
    let directory = lab.endpoints()[0].socket_dir.clone();
    assert_eq!(directory.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    std::os::unix::net::UnixListener::bind(directory.join("a-cpu_b-dpu.sock")).unwrap();
    drop(lab);
    assert!(!directory.exists());
}

#[test]
fn labs_side_by_side_do_not_see_each_other() {
    let ends: Vec<Vec<LabEndpoint>> = std::thread::scope(|scope| {
        let labs: Vec<_> = (0..3).map(|_| scope.spawn(up)).collect();
        let labs: Vec<Lab> = labs.into_iter().map(|lab| lab.join().unwrap()).collect();
        for lab in &labs {
            let endpoints = lab.endpoints();
            assert!(ping(&endpoints[0], &endpoints[3]).success());
        }
        let (first, others) = labs.split_first().unwrap();
        let endpoints = first.endpoints();
        let seen: Vec<_> = others.iter().map(Lab::endpoints).collect();
        drop(labs);
        seen.into_iter().chain([endpoints]).collect()
    });
    assert!(ends.iter().all(|endpoints| gone(endpoints)));
}

#[test]
fn taking_a_lab_down_ends_what_runs_inside_even_if_it_ignores_requests() {
    let lab = up();
    let endpoints = lab.endpoints();
    let stubborn = ["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"];
    let mut child = spawn(&CommandSpec::new(Location::Namespace(endpoints[1].namespace.clone()), stubborn)).unwrap();
    // It ignores requests from here on.
    let mut ready = String::new();
    BufReader::new(child.take_stdout().unwrap()).read_line(&mut ready).unwrap();
    let bystander = spawn(&CommandSpec::new(Location::Here, ["sleep", "600"])).unwrap();
    lab.down().unwrap();
    assert!(gone(&endpoints));
    assert!(child.wait_timeout(Duration::from_secs(5)).unwrap().is_some());
    assert!(testbed::process::ProcessIdentity::of(bystander.id()).unwrap().is_alive());
}

#[test]
fn a_kept_lab_outlives_its_handle_and_can_be_attached_to() {
    let lab = Lab::up(LabOptions { keep: true, ..LabOptions::default() }).unwrap();
    let (name, endpoints) = (lab.name().clone(), lab.endpoints());
    drop(lab);
    assert_eq!(Lab::status(&name).unwrap().state, LabState::Kept);
    assert!(matches!(Lab::up(LabOptions { name: Some(name.clone()), ..LabOptions::default() }), Err(LabError::NameTaken { .. })));
    assert!(!Lab::sweep_dead().unwrap().contains(&name));
    let attached = Lab::attach(&name).unwrap();
    assert_eq!(attached.endpoints(), endpoints);
    drop(attached);
    assert!(ping(&endpoints[0], &endpoints[1]).success());
    Lab::down_by_name(&name).unwrap();
    assert!(gone(&endpoints));
    assert!(matches!(Lab::down_by_name(&name), Err(LabError::NoSuchLab { .. })));
}

#[test]
fn a_lab_in_use_is_not_taken_down_by_name_unless_forced() {
    let lab = up();
    assert!(matches!(Lab::down_by_name(lab.name()), Err(LabError::InUse { process, .. }) if process == std::process::id()));
    Lab::down_by_force(lab.name()).unwrap();
    assert!(gone(&lab.endpoints()));
    lab.down().unwrap();
}

#[test]
fn after_kill_9_the_next_lab_removes_what_was_left() {
    let mut owner = spawn(&roles::command("role_make_a_lab_and_wait", "lab")).unwrap();
    let name = roles::said(&mut owner).parse().unwrap();
    // The role's program is started by then, and enters the namespace a moment later.
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while Lab::status(&name).unwrap().processes == 0 {
        assert!(std::time::Instant::now() < deadline, "the role runs a program inside");
        std::thread::sleep(Duration::from_millis(5));
    }
    let left = Lab::status(&name).unwrap();
    assert!(!gone(&left.endpoints));
    assert_eq!(left.state, LabState::InUse { process: owner.id() });
    assert_eq!(left.processes, 1);
    roles::kill_9(owner.id());
    owner.wait_timeout(Duration::from_secs(5)).unwrap().unwrap();
    // From here on the lab of any other test may sweep it too.
    let next = up();
    assert!(gone(&left.endpoints));
    next.down().unwrap();
}

#[test]
fn without_the_rights_it_says_which_and_what_to_do() {
    let role = roles::command("role_try_a_lab", "lab");
    let words = ["setpriv", "--bounding-set", "-sys_admin,-net_admin"].map(str::to_owned).into_iter().chain(role.argv);
    let output = run(&CommandSpec::new(Location::Here, words)).unwrap();
    let said = output.stdout_text();
    assert!(said.contains("CAP_SYS_ADMIN and CAP_NET_ADMIN") && said.contains("sudo"), "{said}{}", output.stderr_text());
}

/// Not a test by itself: another test starts this program again and asks for it.
#[test]
fn role_make_a_lab_and_wait() {
    if !roles::asked_for("lab") {
        return;
    }
    let lab = up();
    let inside = Location::Namespace(lab.endpoints()[2].namespace.clone());
    let _child = spawn(&CommandSpec::new(inside, ["cat"]).with_stdin(Input::Piped)).unwrap();
    roles::say(lab.name().as_str());
    std::thread::sleep(Duration::from_secs(60));
}

/// Not a test by itself: another test starts this program again and asks for it.
#[test]
fn role_try_a_lab() {
    if roles::asked_for("lab") {
        match Lab::up(LabOptions::default()) {
            Ok(_) => roles::say("a lab came up"),
            Err(error) => roles::say(&error.to_string()),
        }
    }
}
