//! docs/methodology.md names a test for each clause, and each clause's test in this crate is in its table. Tests in other crates may be.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in tests a failed unwrap is the failed assertion")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const PREFIXES: [&str; 9] = ["rfc1242_", "rfc2285_", "rfc2544_", "rfc5", "rfc6", "rfc8", "rfc9", "mlrsearch15_", "tst009_"];

fn is_clause_test(name: &str) -> bool {
    PREFIXES.iter().any(|prefix| name.starts_with(prefix)) && name.len() > 12
}

/// Names of test functions in all Rust files below a folder.
fn tests_below(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests_below(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let named = text.lines().filter_map(|line| line.trim().strip_prefix("fn ")?.split('(').next());
            names.extend(named.filter(|name| is_clause_test(name)).map(str::to_owned));
        }
    }
}

#[test]
fn every_clause_has_its_test_and_every_such_test_its_row() {
    // Through `canonicalize`, so that the crate may be built from a link to it.
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR")).canonicalize().unwrap();
    let project = crate_folder.parent().unwrap();
    let tests_of = |crates: &[&str]| {
        let mut names = BTreeSet::new();
        for folder in crates.iter().flat_map(|name| ["src", "tests"].map(|part| project.join(name).join(part))) {
            tests_below(&folder, &mut names);
        }
        names
    };
    let in_source = tests_of(&["methodology"]);
    let anywhere = tests_of(&["methodology", "dataplane", "testbed", "cli"]);
    let text = fs::read_to_string(project.join("docs/methodology.md")).unwrap();
    let in_table: BTreeSet<String> = text
        .lines()
        .filter(|line| line.starts_with('|'))
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .filter(|name| is_clause_test(name))
        .map(str::to_owned)
        .collect();
    assert_eq!(in_table.difference(&anywhere).collect::<Vec<_>>(), Vec::<&String>::new(), "named in the table and not in the source");
    assert_eq!(in_source.difference(&in_table).collect::<Vec<_>>(), Vec::<&String>::new(), "in the source and not in the table");
    for case in (1..=21).map(|number| format!("K{number})")) {
        assert!(text.contains(&case), "no row proves {case}");
    }
}
