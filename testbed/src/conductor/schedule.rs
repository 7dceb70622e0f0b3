//! What is measured in which order, and how long it should take.

use std::collections::VecDeque;
use std::time::Duration;

use methodology::method::Procedure;
use methodology::units::{FrameSize, Seconds};
use reporter::record::{Pair, RecordId, Size, Stack};

use super::fits;
use crate::plan::{ConcurrentPairs, Measure, MeasureKind, Plan, PortTuning, Protocol};
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
        let messages: Vec<String> = self.kind.messages().iter().map(ToString::to_string).collect();
        let message = (!messages.is_empty()).then(|| messages.join(" or "));
        let file = self.kind.file_transfer().map(|transfer| Size::file(transfer.file.bytes()).to_string());
        message.or(file).unwrap_or_else(|| self.size.to_string())
    }
}

/// The steps between one pair, which share its two ports. Kernel first: poll loops must not run beside it.
pub type PairSteps<'p> = VecDeque<Step<'p>>;

/// One measurement of several pairs at the same time: a step, and a record, for each of them.
#[derive(Debug, Clone)]
pub struct GroupStep<'p> {
    /// Names the measurement within the run.
    pub id: String,
    /// What, between which pairs: the same for each of them.
    pub measure: &'p Measure,
    /// Between which pairs, in the order of the plan.
    pub pairs: &'p ConcurrentPairs,
    /// A step for each pair, in the same order.
    pub steps: Vec<Step<'p>>,
}

/// What runs while nothing else does.
#[derive(Debug, Clone)]
pub enum Batch<'p> {
    /// The measurements of one pair, one after the other.
    OfPair(PairSteps<'p>),
    /// One measurement of several pairs.
    AtOnce(GroupStep<'p>),
}

impl<'p> Batch<'p> {
    /// The steps of it: each makes a record.
    pub fn steps(&self) -> impl Iterator<Item = &Step<'p>> {
        let (pair, group) = match self {
            Batch::OfPair(steps) => (Some(steps), None),
            Batch::AtOnce(group) => (None, Some(&group.steps)),
        };
        pair.into_iter().flatten().chain(group.into_iter().flatten())
    }

    /// How long it should take.
    pub fn expected(&self) -> Duration {
        match self {
            Batch::OfPair(steps) => steps.iter().map(|step| step.expected).sum(),
            Batch::AtOnce(group) => group.expected(),
        }
    }
}

impl GroupStep<'_> {
    /// How long it should take: its members run at the same time.
    pub fn expected(&self) -> Duration {
        self.steps.iter().map(|step| step.expected).max().unwrap_or_default()
    }
}

/// Everything the plan measures on this testbed, in order: repetition by repetition, so that a slow drift of the machine
/// shows as spread and not as a difference between pairs. In each repetition, pairs alone come before groups.
pub fn batches<'p>(plan: &'p Plan, testbed: &Testbed) -> Result<Vec<Batch<'p>>, TestbedError> {
    let pairs = all_pairs(plan, testbed)?;
    for pair in &pairs {
        fits::check(plan, testbed, pair)?;
    }
    let (kernel, bypass): (Vec<&Measure>, Vec<&Measure>) = plan.measures.iter().partition(|measure| measure.kind.is_kernel());
    let groups: Vec<(&Measure, &ConcurrentPairs)> =
        kernel.into_iter().chain(bypass).flat_map(|measure| measure.groups().iter().map(move |group| (measure, group))).collect();
    for (measure, group) in &groups {
        fits::check_group(measure, group, testbed)?;
    }
    let mut batches = Vec::new();
    for repetition in 1..=plan.repetitions {
        for pair in &pairs {
            let wanted = plan.measures.iter().filter(|measure| measure.is_alone_for(pair));
            let (kernel, bypass): (Vec<&Measure>, Vec<&Measure>) = wanted.partition(|measure| measure.kind.is_kernel());
            let steps = kernel
                .into_iter()
                .chain(bypass)
                .flat_map(|measure| measure.sizes.iter().map(|&size| step(measure, pair, size, repetition)));
            batches.push(Batch::OfPair(steps.collect()));
        }
        for (measure, group) in &groups {
            batches.extend(measure.sizes.iter().map(|&size| Batch::AtOnce(group_step(measure, group, size, repetition))));
        }
    }
    Ok(batches)
}

/// One measurement of a group.
fn group_step<'p>(measure: &'p Measure, pairs: &'p ConcurrentPairs, size: FrameSize, repetition: u32) -> GroupStep<'p> {
    let name =
        |pairs: &mut dyn Iterator<Item = &Pair>| pairs.map(|pair| format!("{}+{}", pair.from, pair.to)).collect::<Vec<_>>().join("&");
    let of_pair = |pair: &Pair| {
        let others = name(&mut pairs.pairs().iter().filter(|other| *other != pair));
        let what = format!("{}-beside-{others}", what(measure, size));
        Step { id: id_of(measure, &format!("{}+{}", pair.from, pair.to), &what, repetition), ..step(measure, pair, size, repetition) }
    };
    let id = id_of(measure, &name(&mut pairs.pairs().iter()), &what(measure, size), repetition).0;
    GroupStep { id, measure, pairs, steps: pairs.pairs().iter().map(of_pair).collect() }
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
    for pair in plan.measures.iter().flat_map(|measure| measure.pairs.named()) {
        for id in [&pair.from, &pair.to] {
            if !testbed.is_end(testbed.endpoint(id)?) {
                return Err(TestbedError::OnlyADevice { id: id.clone(), testbed: testbed.name.clone() });
            }
        }
    }
    Ok(every.into_iter().filter(|pair| plan.measures.iter().any(|measure| measure.is_for(pair))).collect())
}

fn id(measure: &Measure, pair: &Pair, size: FrameSize, repetition: u32) -> RecordId {
    // No endpoint id holds a `+` (`topology::file`), so that a.b→c and a→b.c are told apart.
    id_of(measure, &format!("{}+{}", pair.from, pair.to), &what(measure, size), repetition)
}

fn id_of(measure: &Measure, between: &str, what: &str, repetition: u32) -> RecordId {
    RecordId(format!("{between}/{}/{}/{what}/{repetition}", measure.stack(), measure.kind.method()))
}

/// The size and the settings of a measure, as a part of a record's id.
fn what(measure: &Measure, size: FrameSize) -> String {
    match measure.label() {
        Some(label) if measure.kind.has_own_size() => label,
        Some(label) => format!("{}-{label}", size.bytes()),
        None => size.bytes().to_string(),
    }
}

/// For the time left only; searches end when they end.
fn expected(what: &MeasureKind) -> Duration {
    let plus = |seconds: Seconds, overhead: f64| Duration::from_secs_f64(seconds.seconds() + overhead);
    match what {
        // perftest's margins, and the start of its two programs.
        MeasureKind::KernelStream { protocol: Protocol::RawEthernet, duration, .. } => plus(*duration, 5.0),
        MeasureKind::KernelStream { duration, .. } => plus(*duration, 0.15),
        MeasureKind::KernelBest { duration, search, .. } => plus(*duration, 0.15) * search.trials(),
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

    #[test]
    fn pairs_alone_come_before_the_pairs_of_a_group_which_have_ids_of_their_own() {
        let text = "name = \"p\"\nsizes = [64]\npairs = [\"a-cpu:b-cpu\", [\"a-cpu:b-cpu\", \"a-dpu:b-dpu\"]]\n[[measure]]\nstack = \"dpdk\"\nmethod = \"mrr\"\n[[measure]]\nstack = \"kernel-tcp\"\nmethod = \"stream\"";
        let plan = Plan::reread(text, std::path::Path::new("plan.toml")).unwrap();
        let lab = Testbed::of_planned_lab(std::path::Path::new("/nonexistent/linerate"));
        let ids: Vec<Vec<String>> =
            batches(&plan, &lab).unwrap().iter().map(|batch| batch.steps().map(|step| step.id.0.clone()).collect()).collect();
        let expected: [&[&str]; 4] = [
            &["a-cpu+b-cpu/kernel-tcp/stream/64/1", "a-cpu+b-cpu/dpdk/mrr/64/1"],
            &[],
            &["a-cpu+b-cpu/kernel-tcp/stream/64-beside-a-dpu+b-dpu/1", "a-dpu+b-dpu/kernel-tcp/stream/64-beside-a-cpu+b-cpu/1"],
            &["a-cpu+b-cpu/dpdk/mrr/64-beside-a-dpu+b-dpu/1", "a-dpu+b-dpu/dpdk/mrr/64-beside-a-cpu+b-cpu/1"],
        ];
        assert_eq!(ids, expected);
    }
}
