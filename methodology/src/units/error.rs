use thiserror::Error;

/// A size, rate or load that cannot be what was meant.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum UnitError {
    /// The text is not a number with a unit we know.
    #[error("`{text}` is not a {what}: write {example}")]
    Unreadable {
        /// What was read.
        text: String,
        /// What it should have been, e.g. "frame size".
        what: &'static str,
        /// Texts that would have been understood.
        example: &'static str,
    },
    /// The value is outside what the quantity can be.
    #[error("{what} {value} is out of range: {allowed}")]
    OutOfRange {
        /// The quantity.
        what: &'static str,
        /// The value, with its unit.
        value: String,
        /// The range, in words.
        allowed: String,
    },
    /// The load is more than the link carries.
    #[error("a load of {load} is above line rate: {frame} frames on {link} go at most at {limit}; lower the rate or use `max`")]
    AboveLineRate {
        /// The load that was asked for.
        load: String,
        /// The frame size.
        frame: String,
        /// The link's speed.
        link: String,
        /// The line rate.
        limit: String,
    },
    /// A share of line rate was asked for on a port that does not know its speed.
    #[error("a load of {load} needs the link's speed, and this port does not report one: give the rate in packets or bits per second")]
    UnknownLinkSpeed {
        /// The load that was asked for.
        load: String,
    },
}
