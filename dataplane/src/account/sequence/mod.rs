//! Which frames of a stream arrived, were lost, duplicated or reordered.

mod tracker;
mod window;

pub use tracker::{SequenceClass, SequenceCounts, Tracker};
pub use window::{Window, WindowError};

#[cfg(test)]
mod tests;
