//! Captures for replay: read once into memory, checked, sent in their own timing or at a rate.

mod capture;
mod error;
mod read;
mod replay;

pub use capture::{Capture, CapturedFrame};
pub use error::CaptureError;
pub use replay::OwnTiming;

#[cfg(test)]
mod tests;
