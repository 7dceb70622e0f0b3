//! The ladder of stacks: one pair and frame size, from what the link allows down to the kernel with small messages.

use super::{Cell, Cells, Configuration, Quantity, Sample, Setting, SettingValue, SizeKey};
use crate::record::{BEST, BestOf, CeilingKind, Metric, Pair, ShownParameter, SizeKind, Stack, View};

/// The rungs of one pair and frame size, fastest kind first.
#[derive(Debug, Clone)]
pub struct Ladder {
    /// Between which endpoints.
    pub pair: Pair,
    /// Bytes of the frame.
    pub frame_bytes: u32,
    /// In the order of the stacks: the ceilings, bypass, the kernel.
    pub rungs: Vec<Rung>,
    /// TSC cycles a second of both ends; none where they differ, or are not known.
    pub cycles_hz: Option<u64>,
}

/// Clocks that differ by less than this factor are the same.
const SAME_CLOCK: f64 = 1.01;

/// One result of the ladder.
#[derive(Debug, Clone)]
pub struct Rung {
    /// What it is.
    pub kind: RungKind,
    /// Payload received, in bits a second.
    pub goodput: f64,
    /// How many times the rung above carries; none for the first. Stack `verbs` is measured by another program, and no rung is compared with it.
    pub below_by: Option<Factor>,
    /// CPUs in use at both ends.
    pub cores: Option<f64>,
    /// Whether it comes from valid trials. Line rate is computed.
    pub trusted: bool,
    /// How many results of this run it rests on; 0 for what is above all stacks.
    pub results: usize,
}

/// How many times one rung carries what another does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Factor {
    /// The ratio.
    pub times: f64,
    /// Whether both rungs come from valid trials.
    pub trusted: bool,
}

/// What a rung is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum RungKind {
    /// What the link carries at this frame size.
    LineRate,
    /// What the slower PCI Express link of the two ports carries at most.
    PcieLink,
    /// What one poll loop of the generator sends into a port that only frees the frames.
    GeneratorAlone,
    /// Frames of this size, or datagrams that make such frames.
    Frames(Stack),
    /// The fastest combination of settings and message size of the reference kernel stack: that of a search where the run has one, otherwise of those that
    /// were measured.
    KernelAtItsBest(Stack),
    /// Messages of as many bytes as the frame has.
    Messages(Stack),
    /// One file of so many bytes.
    File {
        /// On which stack.
        stack: Stack,
        /// Its size.
        bytes: u32,
    },
}

impl RungKind {
    /// The name in tables and figures.
    pub fn label(&self) -> String {
        match self {
            RungKind::LineRate => "line rate".to_owned(),
            RungKind::PcieLink => "PCIe link".to_owned(),
            RungKind::GeneratorAlone => "generator alone".to_owned(),
            RungKind::Frames(stack) => stack.label().to_owned(),
            RungKind::KernelAtItsBest(stack) => format!("{}, best", stack.label()),
            RungKind::Messages(stack) => format!("{}, small", stack.label()),
            RungKind::File { stack, bytes } => format!("{}, {}", stack.label(), SizeKey { kind: SizeKind::File, bytes: *bytes }),
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
    /// How it was found.
    pub found: FoundBy,
}

/// How the fastest combination was found.
#[derive(Debug, Clone)]
pub enum FoundBy {
    /// The mean of each of so many combinations of settings and message sizes with a valid result.
    Comparison {
        /// How many.
        of: usize,
    },
    /// A search, which says how sure it is (method `best`).
    Search {
        /// The first search that chose it.
        best: Box<BestOf>,
        /// How many searches chose it.
        chosen_by: usize,
        /// How many searches among the same combinations have a valid result.
        searches: usize,
    },
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

impl Ladder {
    /// How many times the payload of the kernel at its best the reference bypass stack carries; none without valid results of both.
    pub fn bypass_over_kernel_at_its_best(&self) -> Option<f64> {
        let valid = |is_meant: fn(&RungKind) -> bool| {
            self.rungs.iter().find(|rung| is_meant(&rung.kind) && rung.trusted && rung.goodput > 0.0).map(|rung| rung.goodput)
        };
        let bypass = valid(|kind| *kind == RungKind::Frames(Stack::REFERENCE_BYPASS))?;
        Some(bypass / valid(|kind| matches!(kind, RungKind::KernelAtItsBest(_)))?)
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
                ladders.push(Ladder { pair: pair.clone(), frame_bytes: bytes, rungs, cycles_hz: cycles_hz(cells, &pair) });
            }
        }
    }
    ladders
}

/// The fastest combination of the reference kernel stack: that of a search, otherwise the fastest by its mean of valid results. None where the run has
/// only the plainest one. The report says how it was found, because the best of several looks better than it is.
pub fn kernel_best(cells: &Cells<'_>, pair: &Pair) -> Option<KernelBest> {
    let Fastest { cell, goodput, found } = fastest_kernel(cells, pair)?;
    Some(KernelBest { pair: pair.clone(), configuration: cell.key.configuration.clone(), size: cell.key.size, goodput, found })
}

/// The cell behind a [`KernelBest`].
struct Fastest<'c, 'a> {
    cell: &'c Cell<'a>,
    goodput: Sample,
    found: FoundBy,
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
    let streams = streams.filter_map(|cell| Some((cell, cell.sample(Quantity::Goodput)?)));
    let (searched, streams): (Vec<_>, Vec<_>) = streams.partition(|(cell, _)| cell.key.method == BEST);
    if let Some(fastest) = found_by_search(searched) {
        return Some(fastest);
    }
    let is_tuned = |cell: &Cell<'_>| !cell.is_chosen() || !frames.contains(&cell.key.size.bytes);
    if !streams.iter().any(|(cell, _)| is_tuned(cell)) {
        return None;
    }
    let of = streams.len();
    let (cell, goodput) = streams.into_iter().max_by(|a, b| a.1.centre().total_cmp(&b.1.centre()))?;
    Some(Fastest { cell, goodput, found: FoundBy::Comparison { of } })
}

/// What most searches chose; of several, the fastest. Repetitions of a search can choose different combinations where those cannot be told apart.
fn found_by_search<'c, 'a>(searched: Vec<(&'c Cell<'a>, Sample)>) -> Option<Fastest<'c, 'a>> {
    let results = |cell: &Cell<'_>| cell.valid.iter().filter_map(|record| record.best_of()).collect::<Vec<BestOf>>();
    let rank = |(cell, goodput): &(&Cell<'_>, Sample)| (cell.valid.len(), goodput.centre());
    let all: Vec<(SizeKey, BestOf)> =
        searched.iter().flat_map(|(cell, _)| results(cell).into_iter().map(|best| (cell.key.size, best))).collect();
    let (cell, goodput) = searched.into_iter().max_by(|a, b| {
        let ((one, faster), (other, than)) = (rank(a), rank(b));
        one.cmp(&other).then(faster.total_cmp(&than))
    })?;
    let chosen = results(cell);
    let best = chosen.first()?.clone();
    let same = |(size, other): &&(SizeKey, BestOf)| other.searched == best.searched && (best.searched_sizes() || *size == cell.key.size);
    let searches = all.iter().filter(same).count();
    let chosen_by = chosen.iter().filter(|other| other.searched == best.searched).count();
    Some(Fastest { cell, goodput, found: FoundBy::Search { chosen_by, searches, best: Box::new(best) } })
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
        // Both directions at once have the mean of the two, and the cores of both.
        let one_way = |cell: &&Cell<'_>| !cell.key.configuration.settings.contains_key(&Setting::Bidirectional);
        let of_size =
            |cell: &&Cell<'_>| cell.key.size == SizeKey { kind, bytes } && (stack.is_kernel() || cell.key.view == Some(View::Frame));
        curve.into_iter().filter(one_way).find(of_size)
    };
    let mut rungs: Vec<Rung> = Vec::new();
    let bypass: Vec<_> = Stack::ALL.iter().copied().filter(|stack| !stack.is_kernel()).collect();
    rungs.extend(bypass.iter().find_map(|&stack| line_rate(of_stack(stack, SizeKind::Frame)?)));
    rungs.extend(bypass.iter().find_map(|&stack| pcie_link(of_stack(stack, SizeKind::Frame)?, bytes)));
    rungs.extend(of_stack(Stack::REFERENCE_BYPASS, SizeKind::Frame).and_then(|cell| generator_alone(cell, bytes)));
    rungs.extend(bypass.iter().filter_map(|&stack| measured(RungKind::Frames(stack), of_stack(stack, SizeKind::Frame)?)));
    let kernel: Vec<_> = Stack::ALL.iter().copied().filter(|stack| stack.is_kernel()).collect();
    rungs.extend(kernel.iter().filter_map(|&stack| measured(RungKind::Frames(stack), of_stack(stack, SizeKind::Frame)?)));
    rungs.extend(best.and_then(|cell| measured(RungKind::KernelAtItsBest(Stack::REFERENCE_KERNEL), cell)));
    rungs.extend(kernel.iter().filter_map(|&stack| measured(RungKind::Messages(stack), of_stack(stack, SizeKind::Message)?)));
    rungs.extend(file_over_tls(cells, pair));
    let mut above: Option<(f64, bool)> = None;
    for rung in &mut rungs {
        rung.below_by = above
            .filter(|_| rung.goodput > 0.0)
            .map(|(above, trusted)| Factor { times: above / rung.goodput, trusted: trusted && rung.trusted });
        if rung.kind != RungKind::Frames(Stack::Verbs) {
            above = Some((rung.goodput, rung.trusted));
        }
    }
    rungs
}

/// The largest file that was got over TLS between programs at the endpoints, over the fastest of its cipher suites. Its cores are those of a longer time
/// than that of the transfer, and are left out.
fn file_over_tls(cells: &Cells<'_>, pair: &Pair) -> Option<Rung> {
    let at_endpoint = SettingValue::Text("endpoint".to_owned());
    let over_tls = cells.iter().filter(|cell| {
        cell.key.pair == *pair
            && cell.key.metric == Metric::TransferTime
            && cell.key.configuration.settings.get(&Setting::TlsAt) == Some(&at_endpoint)
    });
    let of_size = over_tls.filter_map(|cell| Some((cell, cell.sample(Quantity::Goodput)?)));
    let rank = |(cell, goodput): &(&Cell<'_>, Sample)| (cell.key.size.bytes, goodput.trusted);
    let (cell, goodput) = of_size.max_by(|a, b| rank(a).cmp(&rank(b)).then(a.1.centre().total_cmp(&b.1.centre())))?;
    let rung = measured(RungKind::File { stack: cell.key.stack, bytes: cell.key.size.bytes }, cell)?;
    Some(Rung { goodput: goodput.centre(), cores: None, ..rung })
}

fn line_rate(cell: &Cell<'_>) -> Option<Rung> {
    let ceilings = cell.shown().iter().filter_map(|record| record.ceiling.as_ref());
    let goodput = ceilings.filter(|ceiling| ceiling.kind == CeilingKind::LineRate).find_map(|ceiling| ceiling.goodput_bps)?;
    Some(Rung { kind: RungKind::LineRate, goodput, below_by: None, cores: None, trusted: true, results: 0 })
}

/// The least that a frame takes on a PCI Express link: its bytes without the FCS, and one packet of the transaction layer with start token (4), header
/// (12) and LCRC (4 bytes; PCI Express Base Specification 6.0, §§2.2 and 3.6.2.1). Descriptors and smaller packets make it more, so this is a bound.
fn pcie_link(cell: &Cell<'_>, frame_bytes: u32) -> Option<Rung> {
    const FCS: u32 = 4;
    const PACKET: u32 = 20;
    let bps = cell.shown().iter().find_map(|record| record.parameter(ShownParameter::PCIE_DATA_BPS)?.as_f64())?;
    let payload = SizeKey { kind: SizeKind::Frame, bytes: frame_bytes }.payload_bytes();
    let goodput = bps * f64::from(payload) / f64::from(frame_bytes.saturating_sub(FCS) + PACKET);
    Some(Rung { kind: RungKind::PcieLink, goodput, below_by: None, cores: None, trusted: true, results: 0 })
}

/// The fastest of those that were noted: an interruption makes one slower.
fn generator_alone(cell: &Cell<'_>, bytes: u32) -> Option<Rung> {
    let noted = cell.shown().iter().filter_map(|record| record.parameter(ShownParameter::GENERATOR_ALONE_NS_PER_FRAME)?.as_f64());
    let shortest = noted.filter(|&ns| ns > 0.0).reduce(f64::min)?;
    let payload = SizeKey { kind: SizeKind::Frame, bytes }.payload_bytes();
    let goodput = 8.0 * f64::from(payload) * 1e9 / shortest;
    Some(Rung { kind: RungKind::GeneratorAlone, goodput, below_by: None, cores: Some(1.0), trusted: true, results: 0 })
}

/// The cycles of a pair's poll loops, if both ends have the same.
fn cycles_hz(cells: &Cells<'_>, pair: &Pair) -> Option<u64> {
    let records = cells.iter().filter(|cell| cell.key.pair == *pair).flat_map(Cell::shown);
    let costs = records.filter_map(|record| record.cpu.as_ref()).flat_map(|cpu| [&cpu.sender, &cpu.receiver]).flatten();
    let mut all: Vec<u64> = costs.filter_map(|end| end.cycles_hz).collect();
    all.sort_unstable();
    let (least, most) = (*all.first()?, *all.last()?);
    // One machine measures its own clock a little differently each time.
    (most as f64 <= least as f64 * SAME_CLOCK).then_some(most)
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
        let (tool, method) = match stack {
            "verbs" => ("perftest", "stream"),
            _ if stack.starts_with("kernel") => ("iperf3", "stream"),
            _ => ("linerate", "mrr"),
        };
        let view = if size["kind"] == "frame" { "frame" } else { "application" };
        let end = json!({ "cores": 1.0, "cycles_hz": 2_000_000_000_u64 });
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
            // 18 bytes of payload every 9 ns: 16 Gb/s. 18 of 80 bytes on the PCIe link.
            ("dpdk", frame.clone(), 8.0, json!({ "generator_alone_ns_per_frame": 9.0, "pcie_data_bps": 80e9 })),
            ("af-xdp", frame.clone(), 2.0, plain()),
            ("verbs", frame.clone(), 4.0, plain()),
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
        let steps: Vec<(String, Option<f64>)> =
            ladder.rungs.iter().map(|rung| (rung.kind.label(), rung.below_by.map(|factor| factor.times))).collect();
        let expected = [
            ("line rate", None),
            ("PCIe link", Some(20.0 / 18.0)),
            ("generator alone", Some(1.125)),
            ("DPDK", Some(2.0)),
            ("raw Ethernet (verbs)", Some(2.0)),
            ("AF_XDP", Some(4.0)),
            ("AF_PACKET", Some(4.0)),
            ("kernel UDP", Some(2.0)),
            ("kernel TCP, best", Some(0.0625)),
            ("kernel TCP, small", Some(32.0)),
        ];
        assert_eq!(steps, expected.map(|(label, factor)| (label.to_owned(), factor)));
        // 18 bytes of payload at 4 Gb/s a core.
        let dpdk = &ladder.rungs[3];
        assert_eq!(ladder.cycles_hz, Some(2_000_000_000));
        assert_eq!(ladder.bypass_over_kernel_at_its_best(), Some(2.0));
        assert_eq!((dpdk.goodput_per_core(), dpdk.cpu_ns_per_frame(64)), (Some(4e9), Some(36.0)));
    }

    #[test]
    fn a_factor_is_as_trusted_as_both_rungs_and_both_directions_at_once_are_no_rung() {
        let mut records = run();
        records[0].verdict.invalidate(crate::record::ReasonKind::Hiccup, "interrupted".to_owned());
        records[3].parameters.insert("bidirectional".to_owned(), true.into());
        let ladder = ladders(&Cells::of(&records)).remove(0);
        let factor = |label: &str| ladder.rungs.iter().find(|rung| rung.kind.label() == label).map(|rung| rung.below_by.unwrap().trusted);
        assert_eq!((factor("DPDK"), factor("AF_XDP"), factor("kernel UDP")), (Some(false), Some(false), Some(true)));
        assert_eq!(factor("AF_PACKET"), None, "its two directions share the cores");
    }

    #[test]
    fn the_largest_file_over_tls_ends_the_ladder() {
        let mut records = run();
        for (number, bytes, gbps, at) in
            [(30, 1_000_000, 0.5, "endpoint"), (31, 100_000_000, 0.0625, "endpoint"), (32, 100_000_000, 9.0, "none")]
        {
            let mut file = record(number, "kernel-tls", json!({ "kind": "file", "bytes": bytes }), gbps, json!({ "tls_at": at }));
            file.metric = Metric::TransferTime;
            records.push(file);
        }
        let ladder = ladders(&Cells::of(&records)).remove(0);
        let last = ladder.rungs.last().unwrap();
        assert_eq!((last.kind.clone(), last.cores), (RungKind::File { stack: Stack::KernelTls, bytes: 100_000_000 }, None));
        assert_eq!(last.below_by, Some(Factor { times: 2.0, trusted: true }));
    }

    #[test]
    fn the_kernel_at_its_best_is_the_fastest_combination_and_says_among_how_many() {
        let records = run();
        let best = kernel_best(&Cells::of(&records), &records[0].pair).unwrap();
        assert_eq!((best.goodput.centre(), best.size.bytes), (4e9, 131_072));
        assert!(matches!(best.found, FoundBy::Comparison { of: 3 }), "{:?}", best.found);
        assert_eq!(best.configuration.to_string(), "iperf3, 2 streams, zero copy on");
    }

    /// A search that chose these settings.
    fn searched(number: usize, gbps: f64, parameters: Value) -> Record {
        let mut record = record(number, "kernel-tcp", json!({ "kind": "message", "bytes": 65_536 }), gbps, parameters);
        let best = json!({
            "searched": ["streams", "message"], "combinations": 4, "valid_trials": 28, "invalid_trials": 1, "confidence": 0.96, "within": 0.02,
            "chosen": { "setting": "streams 4, message 65536 B", "goodput_bps": 3e9, "interval_bps": [2.9e9, 3.1e9], "trials": 9 },
            "not_distinguished": [], "slower": [], "without_valid_trial": [], "untried": []
        });
        record.set_best_of(&serde_json::from_value(best).unwrap());
        record
    }

    #[test]
    fn a_search_stands_for_the_kernel_at_its_best_also_where_a_fixed_combination_was_faster() {
        let four = || json!({ "streams": 4 });
        let mut records = run();
        records.extend([searched(20, 3.0, four()), searched(21, 3.2, four()), searched(22, 3.9, json!({ "streams": 2 }))]);
        let best = kernel_best(&Cells::of(&records), &records[0].pair).unwrap();
        assert_eq!((best.goodput.centre(), best.configuration.to_string().as_str()), (3.1e9, "iperf3, 4 streams"));
        let FoundBy::Search { best, chosen_by, searches } = best.found else { panic!("{best:?}") };
        assert_eq!((chosen_by, searches, best.combinations), (2, 3, 4));
        let ladders = ladders(&Cells::of(&records));
        let rung = ladders[0].rungs.iter().find(|rung| matches!(rung.kind, RungKind::KernelAtItsBest(_))).unwrap();
        assert_eq!((rung.goodput, rung.results), (3.1e9, 2));
    }

    #[test]
    fn a_search_stands_in_no_curve_so_that_the_headline_keeps_its_meaning() {
        let plain: Vec<Record> = run().into_iter().take(6).collect();
        let mut records = plain.clone();
        // Of the size of the frames, and faster.
        let mut best = searched(20, 9.0, json!({}));
        best.size.bytes = 64;
        records.push(best);
        let curve = |records: &[Record]| {
            let cells = Cells::of(records);
            let curve = cells.curve(&records[0].pair, Stack::KernelTcp);
            curve.iter().map(|cell| cell.sample(Quantity::Goodput).unwrap().values).collect::<Vec<_>>()
        };
        assert_eq!(curve(&records), curve(&plain));
        assert_eq!(curve(&records), [[0.125e9]]);
    }

    #[test]
    fn a_run_of_dpdk_and_small_messages_alone_has_no_ladder() {
        let records: Vec<Record> = run().into_iter().filter(|record| record.stack == Stack::Dpdk || record.size.bytes == 64).collect();
        let two: Vec<Record> = records.into_iter().filter(|record| matches!(record.stack, Stack::Dpdk | Stack::KernelTcp)).collect();
        let cells = Cells::of(&two);
        assert!(ladders(&cells).is_empty() && kernel_best(&cells, &two[0].pair).is_none());
    }
}
