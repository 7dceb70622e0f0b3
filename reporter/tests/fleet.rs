//! Many testbeds: planted differences are found at the testbed and the card where they were planted.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in tests a failed unwrap is the failed assertion")]

mod synthetic;

use std::fs;
use std::path::Path;

use reporter::fleet::{Fleet, Place};
use reporter::record::{EndpointId, Stack};
use reporter::render::{fleet_text, render_fleet};
use reporter::runs::Runs;
use synthetic::{Truth, many, records};

fn read(directory: &Path) -> Fleet {
    Fleet::of(&Runs::read(&[directory.to_owned()]).unwrap())
}

#[test]
fn a_slow_card_and_another_kernel_are_found_with_their_environment() {
    let directory = tempfile::tempdir().unwrap();
    many::fleet(directory.path(), 12);
    let (slow_card, other_kernel) = many::odd_testbeds(12);
    let fleet = read(directory.path());
    assert_eq!(fleet.testbeds.len(), 12);
    let odd =
        |testbed: usize| fleet.odd.iter().find(|odd| odd.testbed == testbed).unwrap_or_else(|| panic!("{testbed}: {:?}", fleet.findings()));

    let card = odd(slow_card);
    assert_eq!(card.place, Some(Place::Endpoint(EndpointId("b-dpu".to_owned()))));
    assert!(card.worse > 60 && (0.17..0.23).contains(&card.worse_by.unwrap()), "{card:?}");
    let fact = &card.facts[0];
    assert_eq!((fact.what.as_str(), fact.endpoint.as_ref().unwrap().0.as_str(), fact.also_at), ("nics.1.firmware", "b-dpu", 0));
    assert_eq!((fact.here.as_str(), fact.usual.as_str()), ("24.35.1012", "24.39.2048"));

    let kernel = odd(other_kernel);
    assert_eq!(kernel.place, None, "all of its pairs are slow");
    assert!(kernel.worse > 40 && kernel.kinds.iter().any(|(stack, _)| *stack == Stack::KernelTcp), "{kernel:?}");
    assert!(kernel.facts.iter().all(|fact| fact.what == "kernel" && fact.here == "5.10.0-28-amd64"), "{:?}", kernel.facts);

    assert_eq!(fleet.odd.len(), 2, "no other testbed is named: {:?}", fleet.findings());
}

#[test]
fn a_fleet_without_differences_names_none() {
    let mut named = 0;
    for seed in 0..20 {
        let directory = tempfile::tempdir().unwrap();
        for testbed in 0..8_u64 {
            let list = records(&Truth { repetitions: 1, ..Truth::lab(100 * seed + testbed) });
            synthetic::archive(&directory.path().join(format!("t{testbed}")), &list);
        }
        named += usize::from(!read(directory.path()).odd.is_empty());
    }
    // 5 % of 20 is 1; with three standard deviations 4.
    assert!(named <= 4, "{named} of 20 fleets");
}

/// Two of three testbeds could be measured, and one of them has half the rate.
#[test]
fn two_testbeds_and_one_that_cannot_be_reached_name_the_slow_one_and_the_missing_one() {
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name).join("run");
    synthetic::archive(&place("rack-1"), &records(&Truth::lab(1)));
    synthetic::archive(&place("rack-2"), &records(&Truth { dpdk_factor: 0.5, ..Truth::lab(2) }));
    fs::create_dir(directory.path().join("rack-3")).unwrap();
    synthetic::archive(&place("rack-4"), &records(&Truth { failed: 1.0, ..Truth::lab(4) }));
    synthetic::archive(&place("rack-5"), &[]);
    fs::write(place("rack-5").join("stopped.txt"), "endpoint b-cpu: the agent did not start\n").unwrap();
    let fleet = read(directory.path());
    let names: Vec<&str> = fleet.odd.iter().map(|odd| fleet.name(odd)).collect();
    assert_eq!(names.first(), Some(&"rack-2"), "{:?}", fleet.findings());
    assert!((0.45..0.55).contains(&fleet.odd[0].worse_by.unwrap()), "{:?}", fleet.odd[0]);
    let (extreme, finding) = (fleet.odd[0].extreme.as_ref().unwrap(), &fleet.findings()[0]);
    assert!(extreme.ratio < 0.55 && finding.contains(&format!("The worst: {}, -", extreme.name)), "{finding}");
    assert!(
        fleet.unusable.iter().any(|unusable| unusable.name == "rack-4" && unusable.why.contains("Connection refused")),
        "{:?}",
        fleet.unusable
    );
    assert!(fleet.skipped.iter().any(|skipped| skipped.directory.ends_with("rack-3")));
    let stopped = fleet.unusable.iter().find(|unusable| unusable.name == "rack-5").unwrap();
    assert_eq!(stopped.why, "nothing was measured: endpoint b-cpu: the agent did not start");
    assert!(fleet.headline().contains("2 more have no valid result"), "{}", fleet.headline());
    let text = fleet_text(&fleet, 120, false);
    assert!(text.contains("rack-2") && text.contains("rack-3") && text.contains("rack-4"), "{text}");
}

#[test]
fn the_page_names_what_differs_and_what_was_skipped() {
    let directory = tempfile::tempdir().unwrap();
    many::fleet(directory.path(), 9);
    fs::create_dir(directory.path().join("photos")).unwrap();
    let fleet = read(directory.path());
    let rendered = render_fleet(&fleet, "racks", &directory.path().join("out")).unwrap();
    let (slow_card, other_kernel) = many::odd_testbeds(9);
    for file in &rendered.files[..2] {
        let text = fs::read_to_string(file).unwrap();
        for testbed in [slow_card, other_kernel] {
            assert!(text.contains(&format!("rack-{:03}", testbed + 1)), "{}", file.display());
        }
        assert!(text.contains("24.35.1012") && text.contains("photos"), "{}", file.display());
    }
    assert!(rendered.files.iter().any(|file| file.extension().is_some_and(|e| e == "svg")));
}
