//! The ladder of stacks: one pair and frame size, from what the link allows down to the kernel with small messages.

use super::{Cell, Cells, Configuration, Quantity, Sample, Setting, SizeKey};
use crate::record::{CeilingKind, Metric, Pair, SizeKind, Stack, View};

/// The rungs of one pair and frame size, fastest kind first.
#[derive(Debug, Clone)]
pub struct Ladder {
    /// Between which endpoints.
    pub pair: Pair,
    /// Bytes of the frame.
    pub frame_bytes: u32,
    /// In the order of the stacks: the ceiling, bypass, the kernel.
    pub rungs: Vec<Rung>,
}

/// One result of the ladder.
#[derive(Debug, Clone)]
pub struct Rung {
    /// What it is.
    pub kind: RungKind,
    /// Payload received, in bits a second.
    pub goodput: f64,
    /// How many times the rung above carries; none for the first.
    pub below_by: Option<f64>,
    /// CPUs in use at both ends.
    pub cores: Option<f64>,
    /// Whether it comes from valid trials. A ceiling is computed.
    pub trusted: bool,
    /// How many results it rests on; 0 for a ceiling.
    pub results: usize,
}

/// What a rung is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum RungKind {
    /// What the link carries at this frame size.
    LineRate,
    /// Frames of this size, or datagrams that make such frames.
    Frames(Stack),
    /// The fastest combination of settings and message size that the run has of the reference kernel stack.
    KernelAtItsBest(Stack),
    /// Messages of as many bytes as the frame has.
    Messages(Stack),
}

impl RungKind {
    /// The name in tables and figures.
    pub fn label(&self) -> String {
        match self {
            RungKind::LineRate => "line rate".to_owned(),
            RungKind::Frames(stack) => stack.label().to_owned(),
            RungKind::KernelAtItsBest(stack) => format!("{}, best", stack.label()),
            RungKind::Messages(stack) => format!("{}, small", stack.label()),
        }
    }
}

/// The fastest combination of a pair's reference kernel stack, and among how many it was found.
#[derive(Debug, Clone)]
pub struct KernelBest {
    /// Between which endpoints.
    pub pair: Pair,
    /// Its settings.
    pub configuration: Configuration,
    /// The size of its messages.
    pub size: SizeKey,
    /// Its goodput.
    pub goodput: Sample,
    /// How many combinations of settings and message sizes have a valid result.
    pub of: usize,
}

impl Rung {
    /// Payload a second for each CPU in use.
    pub fn goodput_per_core(&self) -> Option<f64> {
        self.cores.filter(|&cores| cores > 0.0).map(|cores| self.goodput / cores)
    }

    /// Processor time of both ends for as much payload as one frame of `frame_bytes` carries, in ns.
    pub fn cpu_ns_per_frame(&self, frame_bytes: u32) -> Option<f64> {
        let payload = f64::from(SizeKey { kind: SizeKind::Frame, bytes: frame_bytes }.payload_bytes());
        self.goodput_per_core().filter(|&rate| rate > 0.0).map(|rate| 8.0 * payload * 1e9 / rate)
    }
}

/// The ladders of a run: those with more than the two rungs that the ratio of bypass to kernel has.
pub fn ladders(cells: &Cells<'_>) -> Vec<Ladder> {
    let mut ladders = Vec::new();
    for pair in cells.pairs() {
        let best = fastest_kernel(cells, &pair).map(|fastest| fastest.cell);
        for bytes in frame_sizes(cells, &pair) {
            let rungs = rungs(cells, &pair, bytes, best);
            if rungs.iter().filter(|rung| rung.results > 0).count() > 2 {
                ladders.push(Ladder { pair: pair.clone(), frame_bytes: bytes, rungs });
            }
        }
    }
    ladders
}

/// The fastest combination of the reference kernel stack; none where the run has only its plainest one. The fastest by its mean of valid results: the
/// report says among how many it was found, because the best of several looks better than it is.
pub fn kernel_best(cells: &Cells<'_>, pair: &Pair) -> Option<KernelBest> {
    let Fastest { cell, goodput, of } = fastest_kernel(cells, pair)?;
    Some(KernelBest { pair: pair.clone(), configuration: cell.key.configuration.clone(), size: cell.key.size, goodput, of })
}

/// The cell behind a [`KernelBest`].
struct Fastest<'c, 'a> {
    cell: &'c Cell<'a>,
    goodput: Sample,
    of: usize,
}

fn fastest_kernel<'c, 'a>(cells: &'c Cells<'a>, pair: &Pair) -> Option<Fastest<'c, 'a>> {
    let frames = frame_sizes(cells, pair);
    let streams = cells.iter().filter(|cell| {
        cell.key.pair == *pair
            && cell.key.stack == Stack::REFERENCE_KERNEL
            && cell.key.metric == Metric::Throughput
            && !cell.key.configuration.settings.contains_key(&Setting::Bidirectional)
            && !cell.valid.is_empty()
    });
    let streams: Vec<(&Cell<'_>, Sample)> = streams.filter_map(|cell| Some((cell, cell.sample(Quantity::Goodput)?))).collect();
    let is_tuned = |cell: &Cell<'_>| !cell.is_chosen() || !frames.contains(&cell.key.size.bytes);
    if !streams.iter().any(|(cell, _)| is_tuned(cell)) {
        return None;
    }
    let of = streams.len();
    let (cell, goodput) = streams.into_iter().max_by(|a, b| a.1.centre().total_cmp(&b.1.centre()))?;
    Some(Fastest { cell, goodput, of })
}

/// The sizes of the frames that bypass stacks were measured with.
fn frame_sizes(cells: &Cells<'_>, pair: &Pair) -> Vec<u32> {
    let bypass = Stack::ALL.iter().filter(|stack| !stack.is_kernel());
    let mut sizes: Vec<u32> = bypass.flat_map(|&stack| cells.curve(pair, stack)).map(|cell| cell.key.size.bytes).collect();
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

fn rungs(cells: &Cells<'_>, pair: &Pair, bytes: u32, best: Option<&Cell<'_>>) -> Vec<Rung> {
    let of_stack = |stack: Stack, kind: SizeKind| {
        let curve = cells.curve(pair, stack);
        curve.into_iter().find(|cell| cell.key.size == SizeKey { kind, bytes } && (stack.is_kernel() || cell.key.view == Some(View::Frame)))
    };
    let mut rungs: Vec<Rung> = Vec::new();
    let bypass: Vec<_> = Stack::ALL.iter().copied().filter(|stack| !stack.is_kernel()).collect();
    rungs.extend(bypass.iter().find_map(|&stack| line_rate(of_stack(stack, SizeKind::Frame)?)));
    rungs.extend(bypass.iter().filter_map(|&stack| measured(RungKind::Frames(stack), of_stack(stack, SizeKind::Frame)?)));
    let kernel: Vec<_> = Stack::ALL.iter().copied().filter(|stack| stack.is_kernel()).collect();
    rungs.extend(kernel.iter().filter_map(|&stack| measured(RungKind::Frames(stack), of_stack(stack, SizeKind::Frame)?)));
    rungs.extend(best.and_then(|cell| measured(RungKind::KernelAtItsBest(Stack::REFERENCE_KERNEL), cell)));
    rungs.extend(kernel.iter().filter_map(|&stack| measured(RungKind::Messages(stack), of_stack(stack, SizeKind::Message)?)));
    let above: Vec<f64> = rungs.iter().map(|rung| rung.goodput).collect();
    for (rung, above) in rungs.iter_mut().skip(1).zip(above) {
        rung.below_by = (rung.goodput > 0.0).then(|| above / rung.goodput);
    }
    rungs
}

fn line_rate(cell: &Cell<'_>) -> Option<Rung> {
    let ceilings = cell.shown().iter().filter_map(|record| record.ceiling.as_ref());
    let goodput = ceilings.filter(|ceiling| ceiling.kind == CeilingKind::LineRate).find_map(|ceiling| ceiling.goodput_bps)?;
    Some(Rung { kind: RungKind::LineRate, goodput, below_by: None, cores: None, trusted: true, results: 0 })
}

fn measured(kind: RungKind, cell: &Cell<'_>) -> Option<Rung> {
    let goodput = cell.sample(Quantity::Goodput)?;
    let cores = cell.sample(Quantity::Cores).map(|cores| cores.centre());
    Some(Rung { kind, goodput: goodput.centre(), below_by: None, cores, trusted: goodput.trusted, results: goodput.values.len() })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::record::Record;

    fn record(number: usize, stack: &str, size: Value, gbps: f64, parameters: Value) -> Record {
        let (tool, method) = if stack.starts_with("kernel") { ("iperf3", "stream") } else { ("linerate", "mrr") };
        let view = if size["kind"] == "frame" { "frame" } else { "application" };
        let end = json!({ "cores": 1.0 });
        let record = json!({
            "schema": 1, "id": format!("r{number}"), "time": "2026-03-01T12:00:00Z", "pair": { "from": "a", "to": "b" }, "stack": stack,
            "tool": { "name": tool, "version": "1" }, "metric": "throughput", "method": method, "size": size, "view": view, "load": "max",
            "values": { "goodput_bps": gbps * 1e9 }, "parameters": parameters, "cpu": { "sender": end, "receiver": end },
            "ceiling": { "kind": "line-rate", "l1_bps": 1e11, "goodput_bps": 2e10 }, "verdict": { "state": "valid", "reasons": [] }
        });
        serde_json::from_value(record).unwrap()
    }

    fn run() -> Vec<Record> {
        let (frame, message) = (json!({ "kind": "frame", "bytes": 64 }), |bytes: u32| json!({ "kind": "message", "bytes": bytes }));
        let plain = || json!({});
        let rows = [
            ("dpdk", frame.clone(), 8.0, plain()),
            ("af-xdp", frame.clone(), 2.0, plain()),
            ("af-packet", frame.clone(), 0.5, plain()),
            ("kernel-udp", frame, 0.25, plain()),
            ("kernel-tcp", message(64), 0.125, plain()),
            ("kernel-tcp", message(131_072), 4.0, json!({ "streams": 2, "zero_copy": "on" })),
            ("kernel-tcp", message(131_072), 3.0, plain()),
        ];
        rows.into_iter()
            .enumerate()
            .map(|(number, (stack, size, gbps, parameters))| record(number, stack, size, gbps, parameters))
            .collect()
    }

    #[test]
    fn each_rung_has_its_factor_below_the_one_above_and_its_cost() {
        let records = run();
        let cells = Cells::of(&records);
        let ladders = ladders(&cells);
        let [ladder] = &ladders[..] else { panic!("{ladders:?}") };
        let steps: Vec<(String, Option<f64>)> = ladder.rungs.iter().map(|rung| (rung.kind.label(), rung.below_by)).collect();
        let expected = [
            ("line rate", None),
            ("DPDK", Some(2.5)),
            ("AF_XDP", Some(4.0)),
            ("AF_PACKET", Some(4.0)),
            ("kernel UDP", Some(2.0)),
            ("kernel TCP, best", Some(0.0625)),
            ("kernel TCP, small", Some(32.0)),
        ];
        assert_eq!(steps, expected.map(|(label, factor)| (label.to_owned(), factor)));
        // 18 bytes of payload at 4 Gb/s a core.
        let dpdk = &ladder.rungs[1];
        assert_eq!((dpdk.goodput_per_core(), dpdk.cpu_ns_per_frame(64)), (Some(4e9), Some(36.0)));
    }

    #[test]
    fn the_kernel_at_its_best_is_the_fastest_combination_and_says_among_how_many() {
        let records = run();
        let best = kernel_best(&Cells::of(&records), &records[0].pair).unwrap();
        assert_eq!((best.goodput.centre(), best.size.bytes, best.of), (4e9, 131_072, 3));
        assert_eq!(best.configuration.to_string(), "iperf3, 2 streams, zero copy on");
    }

    #[test]
    fn a_run_of_dpdk_and_small_messages_alone_has_no_ladder() {
        let records: Vec<Record> = run().into_iter().filter(|record| record.stack == Stack::Dpdk || record.size.bytes == 64).collect();
        let two: Vec<Record> = records.into_iter().filter(|record| matches!(record.stack, Stack::Dpdk | Stack::KernelTcp)).collect();
        let cells = Cells::of(&two);
        assert!(ladders(&cells).is_empty() && kernel_best(&cells, &two[0].pair).is_none());
    }
}
