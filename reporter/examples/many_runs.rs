//! Writes many generated runs with a known truth, for `linerate history` and `linerate fleet`. None of the numbers was measured.
//!
//! ```text
//! cargo run -p reporter --example many_runs -- history DIR RUNS   one testbed, one run a night
//! cargo run -p reporter --example many_runs -- fleet DIR TESTBEDS one run of each testbed
//! ```
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "a tool for tests and documentation")]

#[path = "../tests/synthetic/mod.rs"]
mod synthetic;

use std::path::Path;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (kind, directory, count) = match arguments.as_slice() {
        [kind, directory, count] => (kind.as_str(), Path::new(directory), count.parse().expect("a number of runs or testbeds")),
        _ => panic!("give history or fleet, a directory, and how many runs or testbeds"),
    };
    match kind {
        "history" => synthetic::many::history(directory, count),
        "fleet" => synthetic::many::fleet(directory, count),
        other => panic!("{other}: give history or fleet"),
    }
    println!("{count} runs in {}", directory.display());
}
