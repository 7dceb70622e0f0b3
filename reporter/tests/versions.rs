//! Lines of every version of the record format, as that version wrote them, read for ever.
//!
//! A new version adds `versions/vN.jsonl` with lines that it wrote, and a function below with what they say.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "in tests a failed unwrap is the failed assertion")]

use std::path::Path;

use reporter::archive::{Archive, RESULTS_FILE, RunDirectory};
use reporter::record::{ReasonKind, Record, SchemaVersion, Size, Stack, State};

/// What the lines of each version say, the first for version 1.
const EXPECTED: [fn(&[Record]); SchemaVersion::CURRENT.number() as usize] = [version_1];

#[test]
fn the_lines_of_every_version_read_for_ever() {
    for (version, expected) in (1..).zip(EXPECTED) {
        let lines = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/versions/v{version}.jsonl"));
        let text = std::fs::read_to_string(&lines).unwrap_or_else(|error| panic!("{}: {error}", lines.display()));
        assert!(text.lines().all(|line| line.contains(&format!("\"schema\":{version}"))), "lines of version {version}");
        let place = tempfile::tempdir().unwrap();
        drop(RunDirectory::create(place.path()).unwrap());
        std::fs::write(place.path().join(RESULTS_FILE), &text).unwrap();
        let archive = Archive::read(place.path()).unwrap();
        assert!(archive.damaged.is_empty(), "{:?}", archive.damaged);
        assert_eq!(archive.records.len(), text.lines().count());
        assert!(archive.records.iter().all(|record| record.schema == SchemaVersion::CURRENT));
        expected(&archive.records);
    }
}

/// With a key that this program does not know.
fn version_1(records: &[Record]) {
    let read = &records[0];
    assert_eq!(
        (read.pair.to_string().as_str(), read.stack, read.size, read.repetition),
        ("a-cpu→b-dpu", Stack::KernelUdp, Size::message(18), 1)
    );
    assert_eq!(read.values.rtt_ns.as_ref().unwrap().mean, Some(72_899.6));
    assert_eq!(read.values.loss.unwrap().foreign, 9);
    let kinds: Vec<_> = read.verdict.reasons.iter().map(|reason| reason.kind).collect();
    assert_eq!((read.verdict.state, kinds), (State::Invalid, vec![ReasonKind::Hiccup, ReasonKind::Other]));
}
