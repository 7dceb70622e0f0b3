use super::{TrialInput, TrialOutcome, TrialPath};

/// Does one trial at a time: load and duration in, outcome out (draft-ietf-bmwg-mlrsearch-15 §"Measurer").
///
/// An implementation keeps the phases that the input asks for, sends, drains, and only then reads both
/// ends. It reports what happened and judges nothing. It fails where there is no outcome at all: an endpoint failed, a
/// stimulus that it cannot make was asked for.
pub trait Measurer {
    /// Why there is no outcome.
    type Error: std::error::Error + 'static;

    /// The path on which it measures delays.
    fn delay_path(&self) -> TrialPath;

    /// Runs one trial to its end.
    fn trial(&mut self, input: &TrialInput) -> Result<TrialOutcome, Self::Error>;
}

impl<M: Measurer + ?Sized> Measurer for &mut M {
    type Error = M::Error;

    fn delay_path(&self) -> TrialPath {
        (**self).delay_path()
    }

    fn trial(&mut self, input: &TrialInput) -> Result<TrialOutcome, Self::Error> {
        (**self).trial(input)
    }
}
