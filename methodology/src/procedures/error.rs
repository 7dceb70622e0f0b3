use thiserror::Error;

/// Why a method ended without a report. Trials done until then were handed to the observer.
#[derive(Debug, Error)]
pub enum RunError<E: std::error::Error + 'static> {
    /// A trial had no outcome.
    #[error("trial {trial} of {method} had no outcome: {source}")]
    Trial {
        /// Which trial.
        trial: u32,
        /// Of which method.
        method: &'static str,
        /// Why.
        source: E,
    },
    /// The measurer left out what the method needs.
    #[error("trial {trial} of {method} came back without {what}: this measurer cannot do {method}")]
    Missing {
        /// Which trial.
        trial: u32,
        /// Of which method.
        method: &'static str,
        /// What the outcome should have held.
        what: &'static str,
    },
    /// The loads that were asked for cannot be made with these frames on this link.
    #[error("{method} cannot be done here: {reason}")]
    Impossible {
        /// Which method.
        method: &'static str,
        /// Why not, and what to change.
        reason: String,
    },
}
