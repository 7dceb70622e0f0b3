//! What is measured in which order, and how long it should take.

use std::collections::VecDeque;
use std::time::Duration;

use methodology::method::Procedure;
use methodology::units::{FrameSize, Seconds};
use reporter::record::{Pair, RecordId, Size, Stack};

use super::fits;
use crate::plan::{Measure, MeasureKind, Plan, PortTuning};
use crate::topology::{Testbed, TestbedError};

/// One measurement that makes one record.
#[derive(Debug, Clone)]
pub struct Step<'p> {
    /// The record's id: the same in every run of the plan, so that a resumed run knows what is there.
    pub id: RecordId,
    /// What.
    pub kind: &'p MeasureKind,
    /// Between which endpoints.
    pub pair: Pair,
    /// At which size.
    pub size: FrameSize,
    /// How the DPDK ends are set up.
    pub tuning: PortTuning,
    /// What of that, or of a kernel tool's ends, differs from the default.
    pub tuning_in_words: Option<String>,
    /// Which repetition, from 1.
    pub repetition: u32,
    /// How long it should take.
    pub expected: Duration,
}

impl Step<'_> {
    /// What carries the traffic.
    pub fn stack(&self) -> Stack {
        self.kind.stack(&self.tuning)
    }

    /// The size, for people: that of the message or the file where it has one of its own.
    pub fn size_in_words(&self) -> String {
        let message = self.kind.kernel_tuning().and_then(|tuning| tuning.message).map(|message| message.to_string());
        let file = self.kind.file_transfer().map(|transfer| Size::file(transfer.file.bytes()).to_string());
        message.or(file).unwrap_or_else(|| self.size.to_string())
    }
}

/// The steps between one pair, which share its two ports. Kernel first: poll loops must not run beside it.
pub type Group<'p> = VecDeque<Step<'p>>;

/// Everything the plan measures on this testbed, in order: repetition by repetition, so that a slow drift of the machine
/// shows as spread and not as a difference between pairs.
pub fn groups<'p>(plan: &'p Plan, testbed: &Testbed) -> Result<Vec<Group<'p>>, TestbedError> {
    let pairs = all_pairs(plan, testbed)?;
    for pair in &pairs {
        fits::check(plan, testbed, pair)?;
    }
    let mut groups = Vec::new();
    for repetition in 1..=plan.repetitions {
        for pair in &pairs {
            let wanted = plan.measures.iter().filter(|measure| measure.is_for(pair));
            let (kernel, bypass): (Vec<&Measure>, Vec<&Measure>) = wanted.partition(|measure| measure.kind.is_kernel());
            let steps = kernel
                .into_iter()
                .chain(bypass)
                .flat_map(|measure| measure.sizes.iter().map(|&size| step(measure, pair, size, repetition)));
            groups.push(steps.collect::<Group>());
        }
    }
    Ok(groups)
}

/// One measurement of a plan.
pub(super) fn step<'p>(measure: &'p Measure, pair: &Pair, size: FrameSize, repetition: u32) -> Step<'p> {
    Step {
        id: id(measure, pair, size, repetition),
        kind: &measure.kind,
        pair: pair.clone(),
        size,
        tuning: measure.tuning.clone(),
        tuning_in_words: measure.tuning_in_words(),
        repetition,
        expected: expected(&measure.kind),
    }
}

/// The pairs that a plan measures, in the order of the testbed. An error where it names an endpoint that the testbed does not have.
pub(super) fn all_pairs(plan: &Plan, testbed: &Testbed) -> Result<Vec<Pair>, TestbedError> {
    let every = testbed.all_pairs();
    for pair in plan.measures.iter().filter_map(|measure| measure.pairs.only()).flatten() {
        for id in [&pair.from, &pair.to] {
            if !testbed.is_end(testbed.endpoint(id)?) {
                return Err(TestbedError::OnlyADevice { id: id.clone(), testbed: testbed.name.clone() });
            }
        }
    }
    Ok(every.into_iter().filter(|pair| plan.measures.iter().any(|measure| measure.is_for(pair))).collect())
}

fn id(measure: &Measure, pair: &Pair, size: FrameSize, repetition: u32) -> RecordId {
    let label = measure.label();
    let what = match label {
        Some(label) if measure.kind.has_own_size() => label,
        Some(label) => format!("{}-{label}", size.bytes()),
        None => size.bytes().to_string(),
    };
    let (stack, method) = (measure.stack(), measure.kind.method());
    // No endpoint id holds a `+` (`topology::file`), so that a.b→c and a→b.c are told apart.
    RecordId(format!("{}+{}/{stack}/{method}/{what}/{repetition}", pair.from, pair.to))
}

/// For the time left only; searches end when they end.
fn expected(what: &MeasureKind) -> Duration {
    let plus = |seconds: Seconds, overhead: f64| Duration::from_secs_f64(seconds.seconds() + overhead);
    match what {
        MeasureKind::KernelStream { duration, .. } => plus(*duration, 0.15),
        MeasureKind::KernelPingPong { duration, .. } => plus(Seconds::from_whole(duration.seconds().ceil() as u32), 0.15),
        // A transfer at 1 Gb/s, and the same again to verify it; programs start and end around each.
        MeasureKind::FileTransfer(transfer) => {
            let each = Duration::from_millis(300) + Duration::from_nanos(16 * u64::from(transfer.file.bytes()));
            each * transfer.transfers.get()
        }
        MeasureKind::RoundTrip { duration, .. } => plus(*duration, 0.4),
        MeasureKind::Procedure { method, .. } => {
            let wait = method.phases.total();
            match &method.procedure {
                Procedure::Mrr { trials, duration } => plus((*duration + wait) * f64::from(*trials), 0.05),
                Procedure::FrameLoss { duration, .. } => plus((*duration + wait) * 10.0, 0.05),
                Procedure::Soak { duration, .. } => plus(*duration, 60.0),
                Procedure::Latency { at, duration, repetitions, .. } => {
                    plus((*duration + wait) * (f64::from(*repetitions) * at.len() as f64), 60.0)
                }
                // A search halves its way down: about a dozen loads, each decided by one duration sum.
                _ => {
                    let sums = method.search.goals.iter().map(|goal| goal.duration_sum.seconds()).sum::<f64>();
                    Duration::from_secs_f64(12.0 * (sums + wait.seconds()))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_pairs_never_have_one_id() {
        let text = "name = \"p\"\nsizes = [64]\n[[measure]]\nstack = \"dpdk\"\nmethod = \"mrr\"";
        let plan = Plan::reread(text, std::path::Path::new("plan.toml")).unwrap();
        let id = |pair: &str| id(&plan.measures[0], &pair.parse().unwrap(), FrameSize::MIN, 1);
        assert_ne!(id("a.b:c"), id("a:b.c"));
        assert_eq!(id("a-cpu:b-dpu").0, "a-cpu+b-dpu/dpdk/mrr/64/1");
    }
}
