//! `method = "best"`: the combinations of a kernel stream's settings that a search chooses from.

use methodology::tune::{Axis, Candidate, Space, SpaceError};
use reporter::kernel_tools::MessageSize;

use super::kernel_tuning::KernelTuning;

/// A search for the combination of settings with which a kernel stream is fastest.
#[derive(Debug, Clone)]
pub struct KernelSearch {
    space: Space,
    /// The settings of each candidate of the space, in its order.
    tunings: Vec<KernelTuning>,
    trials: u32,
}

/// The fewest trials of a search: those that it begins with, and as many to compare with them.
pub(super) const FEWEST_TRIALS: u32 = 8;

/// The trials of a search that the plan does not limit: a few of each combination, and those that compare the best ones.
fn usual_trials(combinations: usize) -> u32 {
    const MOST: u32 = 64;
    u32::try_from(combinations).map_or(MOST, |combinations| combinations.saturating_mul(4).saturating_add(16).min(MOST))
}

impl KernelSearch {
    /// A search among the combinations of these axes. `tunings` has all of them, the values of the last axis next to each other.
    ///
    /// # Errors
    /// An axis has a value twice, or there are too many combinations.
    pub(super) fn new(axes: Vec<Axis>, tunings: Vec<KernelTuning>, trials: Option<u32>) -> Result<KernelSearch, SpaceError> {
        let first = vec![0; axes.len()];
        let space = Space::new(axes, &first, |_| Some(1))?;
        let trials = trials.unwrap_or(usual_trials(space.len()));
        Ok(KernelSearch { space, tunings, trials })
    }

    /// The combinations. The default of the space, which the winner is compared with, has the first value of each list.
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// The most trials that the search takes.
    pub fn trials(&self) -> u32 {
        self.trials
    }

    /// The settings of a combination; none for one of another space.
    pub fn tuning(&self, candidate: Candidate) -> Option<&KernelTuning> {
        self.tunings.get(candidate.index())
    }

    /// The settings of every combination.
    pub fn tunings(&self) -> &[KernelTuning] {
        &self.tunings
    }

    /// The message sizes that it is measured with; none where they follow from the frame sizes of the plan.
    pub fn messages(&self) -> Vec<MessageSize> {
        let mut messages: Vec<MessageSize> = Vec::new();
        for message in self.tunings.iter().filter_map(|tuning| tuning.message) {
            if !messages.contains(&message) {
                messages.push(message);
            }
        }
        messages
    }

    /// What is searched, as a part of a record's id: `4-of-streams-message`, and the label of the first combination.
    pub(super) fn label(&self) -> String {
        let searched = format!("{}-of-{}", self.space.len(), self.keys().join("-"));
        let first = self.tunings.first().and_then(KernelTuning::label);
        [Some(searched), first].into_iter().flatten().collect::<Vec<_>>().join("-")
    }

    /// The same in words: `the best of 4 combinations of streams, message`.
    pub(super) fn in_words(&self) -> String {
        format!("the best of {} combinations of {}", self.space.len(), self.keys().join(", "))
    }

    fn keys(&self) -> Vec<&str> {
        self.space.axes().iter().map(|axis| axis.name.as_str()).collect()
    }
}
