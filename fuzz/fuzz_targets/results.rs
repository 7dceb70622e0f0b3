#![no_main]

#[path = "../../testbed/tests/mutated_inputs/targets.rs"]
#[allow(dead_code, clippy::unwrap_used, clippy::panic, reason = "each program has one target of the file")]
mod targets;

thread_local!(static RUN: targets::Run = targets::Run::new());

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| RUN.with(|run| run.results(bytes)));
