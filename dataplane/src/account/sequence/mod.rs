//! Which frames of a stream came, came twice, came late or did not come.

mod tracker;
mod window;

pub use tracker::{Arrival, SequenceCounts, Tracker};
pub use window::{Window, WindowError};

#[cfg(test)]
mod tests;
