use std::collections::BTreeSet;

use reporter::record::{Record, RecordId, State};

/// What an earlier part of the run has measured already.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    /// Steps that have a result, by the id of their first attempt.
    results: BTreeSet<RecordId>,
    /// Every id there is.
    taken: BTreeSet<RecordId>,
}

impl Done {
    /// What these records say. A measurement that failed is not done: it is tried again, and its old record stays as what happened.
    pub fn of(records: &[Record]) -> Done {
        let measured = records.iter().filter(|record| record.verdict.state != State::Failed);
        Done {
            results: measured.map(|record| RecordId(record.id.0.split('~').next().unwrap_or_default().to_owned())).collect(),
            taken: records.iter().map(|record| record.id.clone()).collect(),
        }
    }

    /// Whether this step has a result.
    pub(super) fn has(&self, step: &RecordId) -> bool {
        self.results.contains(step)
    }

    /// An id that no record has: the step's own, or `…~2`, `…~3` for attempts after a failed one.
    pub(super) fn next_attempt(&self, id: &RecordId) -> RecordId {
        let later = (2_u32..).map(|attempt| RecordId(format!("{id}~{attempt}")));
        std::iter::once(id.clone()).chain(later).find(|id| !self.taken.contains(id)).unwrap_or_else(|| id.clone())
    }
}
