//! The runs of many testbeds: how results are distributed, and which testbed, system or card differs from the others.
//!
//! Endpoints of different testbeds are alike in kind, so results are grouped by the kinds of their ends. A value of a group is that of one pair
//! of one testbed. With five values or more, of three testbeds or more, each is compared with the spread of the others; with fewer, against
//! the noise within runs, as `compare` does with two runs.

mod environment;
mod group;
mod judged;
mod judging;
mod odd_testbed;
mod place;
mod sentences;
mod testbed;

use serde::Serialize;

use crate::analysis::LEVEL;
use crate::runs::{Runs, Skipped};

pub use environment::OddFact;
pub use group::{Distribution, Group, Observation, PairKind};
pub use judged::{Judged, PeerNoise};
pub use odd_testbed::OddTestbed;
pub use place::Place;
pub use testbed::{Testbed, Unusable};

/// A fleet, judged.
#[derive(Debug, Clone, Serialize)]
pub struct Fleet {
    /// In the order of names.
    pub testbeds: Vec<Testbed>,
    /// Testbeds that differ beyond noise, those with the most results that do first.
    pub odd: Vec<OddTestbed>,
    /// Testbeds without a valid result.
    pub unusable: Vec<Unusable>,
    /// Results by kind of pair, stack and size.
    pub groups: Vec<Group>,
    /// Directories that are no runs, and why.
    pub skipped: Vec<Skipped>,
    /// The level of the tests after correction.
    pub level: f64,
    /// How many values were tested.
    pub tested: usize,
}

impl Fleet {
    /// Judges the runs of a fleet.
    pub fn of(runs: &Runs) -> Fleet {
        let (testbeds, unusable) = testbed::testbeds(&runs.runs, &runs.skipped);
        let mut groups = group::groups(&testbeds);
        let tested = judging::judge(&mut groups);
        let odd = odd_testbed::odd_testbeds(&testbeds, &groups);
        Fleet { testbeds, odd, unusable, groups, skipped: runs.skipped.clone(), level: LEVEL, tested }
    }
}
