use reporter::archive::ArchiveError;
use reporter::record::ReasonKind;

use super::measurer::MeasureError;
use super::pair::BypassError;
use crate::agent::AgentError;

/// Why a step has no result.
pub(super) enum StepError {
    /// A trial was not made.
    Trial(MeasureError),
    /// The run directory cannot be written.
    Archive(ArchiveError),
    /// The method cannot be carried out.
    Method(String),
}

impl From<MeasureError> for StepError {
    fn from(error: MeasureError) -> Self {
        StepError::Trial(error)
    }
}

impl From<ArchiveError> for StepError {
    fn from(error: ArchiveError) -> Self {
        StepError::Archive(error)
    }
}

/// The kind of reason that a record of the error has.
pub(super) fn kind_of(error: &BypassError) -> ReasonKind {
    match error {
        error if error.is_interruption() => ReasonKind::Interrupted,
        error if error.is_lost_agent() => ReasonKind::AgentLost,
        BypassError::Agent(AgentError::Silent { .. }) => ReasonKind::TimedOut,
        _ => ReasonKind::Other,
    }
}
