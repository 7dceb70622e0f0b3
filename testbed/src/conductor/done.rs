use std::collections::BTreeSet;

use reporter::record::{Pair, Record, RecordId, State};

/// What an earlier part of the run has measured already.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    /// Steps that have a result, by the id of their first attempt.
    results: BTreeSet<RecordId>,
    /// Every id in the run directory.
    taken: BTreeSet<RecordId>,
}

impl Done {
    /// What these records say. A measurement that failed is not done: it is tried again, and its old record stays as what happened.
    pub fn of(records: &[Record]) -> Done {
        let measured = records.iter().filter(|record| record.verdict.state != State::Failed);
        Done {
            results: measured.map(|record| step_id(&record.id, &record.pair)).collect(),
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

/// The id of the step that a record is of. Older runs joined the endpoints with a dot, which endpoint ids may hold; which pair was
/// meant is in the record.
fn step_id(id: &RecordId, pair: &Pair) -> RecordId {
    let first_attempt = id.0.split('~').next().unwrap_or_default();
    let dotted = format!("{}.{}/", pair.from, pair.to);
    match first_attempt.strip_prefix(&dotted) {
        Some(rest) => RecordId(format!("{}+{}/{rest}", pair.from, pair.to)),
        None => RecordId(first_attempt.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> RecordId {
        RecordId(text.to_owned())
    }

    #[test]
    fn a_record_with_an_id_of_the_old_form_is_of_the_same_step() {
        let of = |text: &str, pair: &str| step_id(&id(text), &pair.parse().unwrap()).0;
        assert_eq!(of("a-cpu.b-cpu/dpdk/mrr/64/1", "a-cpu:b-cpu"), "a-cpu+b-cpu/dpdk/mrr/64/1");
        assert_eq!(of("a-cpu+b-cpu/dpdk/mrr/64/1~2", "a-cpu:b-cpu"), "a-cpu+b-cpu/dpdk/mrr/64/1");
        // One old id, two steps: the pair tells which.
        assert_eq!(of("a.b.c/dpdk/mrr/64/1~3", "a.b:c"), "a.b+c/dpdk/mrr/64/1");
        assert_eq!(of("a.b.c/dpdk/mrr/64/1", "a:b.c"), "a+b.c/dpdk/mrr/64/1");
    }

    #[test]
    fn an_attempt_after_a_failed_one_has_an_id_of_its_own() {
        let done = Done { results: BTreeSet::new(), taken: [id("x"), id("x~2")].into() };
        assert_eq!((done.next_attempt(&id("x")), done.next_attempt(&id("y"))), (id("x~3"), id("y")));
    }
}
