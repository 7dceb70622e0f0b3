//! Which frames of a stream arrived, were lost, duplicated or reordered.

mod stream;
mod tracker;
mod window;

pub use stream::{Run, STAMP_BITS, Stamps, StreamStart, StreamTracker};
pub use tracker::{SequenceClass, SequenceCounts, Tracker};
pub use window::{Window, WindowError};

#[cfg(test)]
mod tests;
