use std::fmt;

use serde::{Deserialize, Serialize};

use crate::units::Seconds;

/// The waits of a trial (RFC 2544 §23). A measurer keeps them; a shorter one is legal and becomes a [`Deviation`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TrialPhases {
    /// §23 a): after a routing update. Zero where the device does not route.
    pub routing_wait: Seconds,
    /// §23 b): after the learning frames.
    pub learning_wait: Seconds,
    /// §23 d): for frames still under way, before counters are read.
    pub drain_wait: Seconds,
    /// §23 e): for the device to settle before the next trial.
    pub settle_wait: Seconds,
}

impl TrialPhases {
    /// What RFC 2544 §23 asks for: 2 s, 2 s, the trial, 2 s, 5 s.
    pub const RFC2544: TrialPhases = TrialPhases {
        routing_wait: Seconds::from_whole(2),
        learning_wait: Seconds::from_whole(2),
        drain_wait: Seconds::from_whole(2),
        settle_wait: Seconds::from_whole(5),
    };

    /// For emulated endpoints, which have no table to learn and nothing to settle.
    pub const QUICK: TrialPhases = TrialPhases {
        routing_wait: Seconds::ZERO,
        learning_wait: Seconds::from_millis(10),
        drain_wait: Seconds::from_millis(50),
        settle_wait: Seconds::from_millis(10),
    };

    /// All waits of a trial together.
    pub fn total(&self) -> Seconds {
        self.routing_wait + self.learning_wait + self.drain_wait + self.settle_wait
    }

    /// Every wait that is shorter than RFC 2544 §23 asks for.
    pub fn deviations(&self) -> Vec<Deviation> {
        let asked = TrialPhases::RFC2544;
        [
            ("RFC 2544 §23 a", "wait after a routing update", asked.routing_wait, self.routing_wait),
            ("RFC 2544 §23 b", "wait after learning frames", asked.learning_wait, self.learning_wait),
            ("RFC 2544 §23 d", "wait for residual frames", asked.drain_wait, self.drain_wait),
            ("RFC 2544 §23 e", "wait for the device to settle", asked.settle_wait, self.settle_wait),
        ]
        .into_iter()
        .filter(|(_, _, asked, done)| done < asked)
        .map(|(clause, what, asked, done)| Deviation::new(clause, what, asked, done))
        .collect()
    }
}

/// Where a measurement departs from the clause it names. The result names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deviation {
    /// The clause, e.g. `RFC 2544 §24`.
    pub clause: String,
    /// What the clause is about.
    pub what: String,
    /// What it asks for.
    pub asked: String,
    /// What was done.
    pub done: String,
}

impl Deviation {
    /// A departure from `clause`.
    pub fn new(clause: &str, what: &str, asked: impl fmt::Display, done: impl fmt::Display) -> Self {
        Deviation { clause: clause.to_owned(), what: what.to_owned(), asked: asked.to_string(), done: done.to_string() }
    }
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: asked {}, done {}", self.clause, self.what, self.asked, self.done)
    }
}
