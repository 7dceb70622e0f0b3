//! What needs the inside of the module: failures in the middle, and registrations that a dead process left.

use std::fs;
use std::io::{BufRead, BufReader};
use std::time::Duration;

use super::directory::directory;
use super::*;
use crate::process::{BootId, CommandSpec, Location, ProcessIdentity, run, spawn};

fn name(text: &str) -> LabName {
    // Tests of several builds may run at once on one machine.
    format!("{text}{}", std::process::id()).parse().unwrap()
}

fn traces(name: &LabName) -> Vec<String> {
    let endpoints = LabLayout::of(name, LabKind::Smartnic).endpoints();
    let namespaces = endpoints.iter().filter(|endpoint| endpoint.namespace.exists()).map(|endpoint| endpoint.namespace.to_string());
    let registered = directory(name).exists().then(|| directory(name).display().to_string());
    namespaces.chain(registered).collect()
}

fn options(name: &LabName) -> LabOptions {
    LabOptions { name: Some(name.clone()), ..LabOptions::default() }
}

/// Makes a lab that only its registration knows of, as after the death of its owner.
fn abandon(name: &LabName) {
    let mut lab = Lab::up(options(name)).unwrap();
    lab.owned = false;
}

fn register_as(name: &LabName, owner: Owner) {
    Locked::lock()
        .unwrap()
        .rewrite(&Registration { name: name.clone(), kind: LabKind::Smartnic, owner, containers: Vec::new(), guests: Vec::new() })
        .unwrap();
}

fn owner_with(change: impl FnOnce(&mut ProcessIdentity, &mut BootId)) -> Owner {
    match Owner::this_process().unwrap() {
        Owner::Process { mut identity, mut boot } => {
            change(&mut identity, &mut boot);
            Owner::Process { identity, boot }
        }
        other => other,
    }
}

#[test]
fn a_failure_in_the_middle_leaves_nothing() {
    let name = name("mid");
    let failed = Lab::up_with(options(&name), &AtomicBool::new(false), |layout| {
        kernel::build(layout)?;
        assert_eq!(traces(layout.name()).len(), 5, "four namespaces and a directory were there");
        Err(LabError::Refused { what: "go on".to_owned(), message: "planted".to_owned() })
    });
    assert!(failed.unwrap_err().to_string().contains("planted"));
    assert_eq!(traces(&name), [""; 0]);
}

#[test]
fn a_refusal_by_ip_is_told_and_leaves_nothing() {
    let name = name("ref");
    let failed = Lab::up_with(options(&name), &AtomicBool::new(false), |layout| {
        // The second namespace exists when `ip` comes to it, so that only the first has been made.
        let other = layout.endpoints()[1].namespace.clone();
        run(&CommandSpec::new(Location::Here, ["ip", "netns", "add", other.as_str()]))?;
        kernel::build(layout)
    });
    assert!(failed.unwrap_err().to_string().contains("File exists"));
    assert_eq!(traces(&name), [""; 0]);
}

#[test]
fn a_lab_of_a_dead_process_is_swept_with_what_runs_inside() {
    let name = name("dead");
    abandon(&name);
    let inside = LabLayout::of(&name, LabKind::Smartnic).endpoints()[0].namespace.clone();
    let mut orphan = spawn(&CommandSpec::new(Location::Namespace(inside), ["sh", "-c", "echo inside; exec sleep 600"])).unwrap();
    BufReader::new(orphan.take_stdout().unwrap()).read_line(&mut String::new()).unwrap();
    // This process has the number of the owner, but it started at another time. From here on any other test's lab may sweep it.
    register_as(&name, owner_with(|identity, _| identity.started_ticks += 1));
    let next = Lab::up(LabOptions::default()).unwrap();
    assert_eq!(traces(&name), [""; 0]);
    assert!(orphan.wait_timeout(Duration::from_secs(10)).unwrap().is_some());
    next.down().unwrap();
}

#[test]
fn a_lab_from_before_a_reboot_is_dead_and_one_of_a_living_process_is_not() {
    assert!(owner_with(|_, boot| *boot = BootId("another boot".to_owned())).is_dead());
    assert!(!owner_with(|_, _| ()).is_dead());
    assert!(!Owner::Nobody.is_dead());
}

#[test]
fn a_registration_that_cannot_be_read_is_shown_kept_and_removed_only_when_asked() {
    let name = name("bad");
    abandon(&name);
    register_as(&name, Owner::Nobody);
    fs::write(directory(&name).join("lab.json"), "{\"name\": 7").unwrap();
    assert!(!Lab::sweep_dead().unwrap().contains(&name));
    assert!(matches!(Lab::status(&name).unwrap().state, LabState::Broken { .. }));
    assert!(Lab::attach(&name).unwrap_err().to_string().contains("lab.json"));
    Lab::down_by_name(&name).unwrap();
    assert_eq!(traces(&name), [""; 0]);
}

#[test]
fn a_lab_that_is_interrupted_while_it_is_made_is_removed_again() {
    let name = name("ended");
    let ended = Lab::up_unless(LabOptions { keep: true, ..options(&name) }, &AtomicBool::new(true));
    assert!(matches!(ended, Err(LabError::Interrupted { .. })));
    assert_eq!(traces(&name), [""; 0]);
}

#[test]
fn a_lab_that_is_used_is_not_taken_down_and_one_that_is_being_taken_down_is_not_used() {
    let name = name("used");
    drop(Lab::up(LabOptions { keep: true, ..options(&name) }).unwrap());
    let (one, other) = (Lab::attach(&name).unwrap(), Lab::attach(&name).unwrap());
    assert!(matches!(Lab::down_by_name(&name), Err(LabError::Used { .. })));
    drop(one);
    assert!(matches!(Lab::down_by_name(&name), Err(LabError::Used { .. })));
    drop(other);
    let removing = Held::to_remove(&name).unwrap();
    assert!(matches!(Lab::attach(&name), Err(LabError::BeingRemoved { .. })));
    drop(removing);
    Lab::down_by_name(&name).unwrap();
    assert_eq!(traces(&name), [""; 0]);
}

#[test]
fn a_namespace_that_no_lab_made_is_left_alone() {
    let name = name("alien");
    let alien = LabLayout::of(&name, LabKind::Smartnic).endpoints()[2].namespace.clone();
    run(&CommandSpec::new(Location::Here, ["ip", "netns", "add", alien.as_str()])).unwrap();
    let refused = Lab::up(options(&name));
    assert!(matches!(refused, Err(LabError::NamespaceTaken { .. })));
    assert_eq!(traces(&name), [alien.to_string()]);
    run(&CommandSpec::new(Location::Here, ["ip", "netns", "delete", alien.as_str()])).unwrap();
}

#[test]
fn a_directory_that_was_not_finished_is_no_lab_and_stops_none() {
    let name = name("half");
    let unfinished = directory(&name).with_file_name(format!(".new-{name}"));
    drop(Locked::lock().unwrap());
    fs::create_dir(&unfinished).unwrap();
    assert!(Lab::list().unwrap().iter().all(|lab| lab.name != name));
    Lab::up(options(&name)).unwrap().down().unwrap();
    assert!(!unfinished.exists());
}

#[test]
fn names_that_could_leave_the_directory_or_confuse_ip_are_refused() {
    for bad in ["", "..", "a/b", "-x", "A", "a b", "a_b", "abcdefghijklmnopqrstuvwxy"] {
        assert!(bad.parse::<LabName>().is_err(), "{bad}");
    }
    assert!("ci-7".parse::<LabName>().is_ok());
    assert_eq!(LabName::random().as_str().len(), 6);
}

#[test]
fn socket_paths_fit_into_a_unix_address() {
    let longest: LabName = "x".repeat(24).parse().unwrap();
    // unix(7): 108 bytes with the terminating zero. The rest is for the socket's own name.
    assert!(directory(&longest).as_os_str().len() + 1 + 60 <= 107);
}
