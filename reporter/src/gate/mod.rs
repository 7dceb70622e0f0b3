//! A gate: does a run meet what a file expects of it?
//!
//! Each expectation names one result and a target: an absolute value, a share of line rate, a baseline run, or the newest level of a
//! history. It passes where the result is shown to be within the tolerance, fails where it is shown to be beyond, and cannot be judged where
//! the noise allows both. A gate that cannot see must not pass.

mod draft;
mod file;
mod judge;
mod outcome;
mod sample;
mod target;

pub use draft::draft;
pub use file::{ExpectFile, GateError};
pub use outcome::{Gate, Outcome, Verdict};
