#![no_main]

#[path = "../../testbed/tests/mutated_inputs/targets.rs"]
#[allow(dead_code, clippy::unwrap_used, clippy::panic, reason = "each program has one target of the file")]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::imported(bytes));
