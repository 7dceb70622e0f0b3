use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether a measurement can be trusted, and if not, why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// The short answer.
    pub state: State,
    /// Why it is not `valid`, or what a reader should know though it is.
    pub reasons: Vec<Reason>,
}

impl Verdict {
    /// Nothing speaks against it.
    pub fn valid() -> Self {
        Verdict { state: State::Valid, reasons: Vec::new() }
    }

    /// It was measured, and it does not say what it seems to say.
    pub fn invalid(reasons: Vec<Reason>) -> Self {
        Verdict { state: State::Invalid, reasons }
    }

    /// It was not measured.
    pub fn failed(kind: ReasonKind, detail: impl Into<String>) -> Self {
        Verdict { state: State::Failed, reasons: vec![Reason { kind, detail: detail.into() }] }
    }

    /// Invalid for one more reason.
    pub fn invalidate(&mut self, kind: ReasonKind, detail: impl Into<String>) {
        self.state = State::Invalid;
        self.reasons.push(Reason { kind, detail: detail.into() });
    }

    /// Adds what a reader should know and what does not change the state.
    pub fn remark(&mut self, reason: Reason) {
        self.reasons.push(reason);
    }

    /// The reasons in one line; empty where there is none.
    pub fn reasons_in_words(&self) -> String {
        self.reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }

    /// Valid without reasons, invalid with.
    pub fn from_reasons(reasons: Vec<Reason>) -> Self {
        if reasons.is_empty() { Verdict::valid() } else { Verdict::invalid(reasons) }
    }
}

/// The three answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Can be trusted.
    Valid,
    /// Was measured, and something spoils it.
    Invalid,
    /// Was not measured.
    Failed,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            State::Valid => "valid",
            State::Invalid => "invalid",
            State::Failed => "failed",
        })
    }
}

/// One reason; in JSON the text `kind: detail`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Reason {
    /// What sort of thing it is.
    pub kind: ReasonKind,
    /// What was seen, with figures.
    pub detail: String,
}

macro_rules! reason_kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal),* $(,)?) => {
        /// The sorts of reasons.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ReasonKind {
            $($(#[$doc])* $variant),*
        }

        impl ReasonKind {
            /// All of them.
            pub const ALL: &'static [ReasonKind] = &[$(ReasonKind::$variant),*];

            /// The name in records.
            pub const fn name(self) -> &'static str {
                match self {
                    $(ReasonKind::$variant => $name),*
                }
            }
        }
    };
}

reason_kinds! {
    /// Less was offered than was intended.
    OfferedShort = "offered-short",
    /// The port's counters show frames of another size.
    WrongFrameSize = "wrong-frame-size",
    /// Flow control throttled the sender.
    PauseFrames = "pause-frames",
    /// The link went down or changed speed.
    LinkChange = "link-change",
    /// Two ways of counting the same thing differ.
    CountersDisagree = "counters-disagree",
    /// A poll loop was interrupted for longer than its queue holds frames.
    Hiccup = "hiccup",
    /// More arrived than was sent.
    MoreThanSent = "more-than-sent",
    /// Frames arrived that were not ours.
    ForeignFrames = "foreign-frames",
    /// The sequence tracker's window was too small for this path.
    WindowExceeded = "window-exceeded",
    /// A value cannot be true.
    Implausible = "implausible",
    /// A tool could not be started, ended with an error, or said one.
    ToolFailed = "tool-failed",
    /// A tool did not end in time.
    TimedOut = "timed-out",
    /// The agent at an endpoint exited.
    AgentLost = "agent-lost",
    /// The user ended the run.
    Interrupted = "interrupted",
    /// Nothing arrived.
    NothingReceived = "nothing-received",
    /// More frames came twice than a path doubles by accident.
    Duplicates = "duplicates",
    /// Another sender used the same path.
    SeveralSenders = "several-senders",
    /// Frames had not come when the wait for them ended.
    InFlight = "in-flight",
    /// The frames were not spread evenly over the queues: one poll loop limited the rate.
    UnevenQueues = "uneven-queues",
    /// The pairs of a group did not send at the same time for long enough.
    NotConcurrent = "not-concurrent",
    /// The poll loops of a measurement need more CPUs than there are.
    TooFewCpus = "too-few-cpus",
    /// The device in the path could not be started, ended, or does not forward as it must.
    Device = "device",
    /// Anything else.
    Other = "other",
}

impl From<Reason> for String {
    fn from(reason: Reason) -> String {
        reason.to_string()
    }
}

impl From<String> for Reason {
    fn from(text: String) -> Reason {
        let known = text
            .split_once(": ")
            .and_then(|(name, detail)| Some((ReasonKind::ALL.iter().copied().find(|kind| kind.name() == name)?, detail.to_owned())));
        match known {
            Some((kind, detail)) => Reason { kind, detail },
            None => Reason { kind: ReasonKind::Other, detail: text },
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            // `Other` carries whole sentences, also those of newer versions, and must read back to itself.
            ReasonKind::Other => f.write_str(&self.detail),
            kind => write!(f, "{}: {}", kind.name(), self.detail),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_survives_being_written() {
        for &kind in ReasonKind::ALL {
            let reason = Reason { kind, detail: "1.2 ms: long".to_owned() };
            let json = serde_json::to_string(&reason).unwrap();
            assert_eq!(serde_json::from_str::<Reason>(&json).unwrap(), reason);
        }
    }
}
