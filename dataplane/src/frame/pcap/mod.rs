//! Captures for replay: read into memory and checked once, then sent with their own timing or at a rate.

mod capture;
mod error;
mod read;
mod replay;

pub use capture::{Capture, CapturedFrame};
pub use error::CaptureError;
pub use replay::OwnTiming;

#[cfg(test)]
mod tests;
