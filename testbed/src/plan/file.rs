use std::net::IpAddr;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use dataplane::Pacing;
use methodology::method::{MethodName, MethodSpec, Procedure};
use methodology::tune::{Axis, SpaceError};
use methodology::units::{FrameSize, Frames, Load, PacketRate, Seconds};
use reporter::kernel_tools::{Extent, KernelSpec, KernelTool, MessageSize, Method as KernelMethod, SpecError, choice};
use reporter::record::{BEST, Pair, Stack};
use serde::Deserialize;
use toml::Spanned;

use super::file_measure::{FileMeasure, FilePair, FilePairs, FileSizes, KERNEL_PING_PONG_KEYS, KERNEL_STREAM_KEYS, given, is_kernel_key};
use super::file_transfer::{FILE_KEYS, FileTransferKeys};
use super::kernel_search::{FEWEST_TRIALS, KernelSearch};
use super::kernel_tuning::{KernelKeys, KernelTuning};
use super::model::{Measure, MeasureKind, Plan, Protocol};
use super::pair_selection::{ConcurrentPairs, PairSelection};
use super::tuning::{Directions, FarQueues, Keys, PortTuning};
use crate::text_file::{FileProblem, from_toml, read_text, wrong};
use crate::topology::{BypassPort, PairQueues};

impl Plan {
    /// Reads `plan.toml`. Errors name the file, the line, and what would be right.
    pub fn read(path: &Path) -> Result<Plan, FileProblem> {
        let text = read_text(path, "plan")?;
        parse(&text, path)
    }

    /// The plan of a run directory, to go on with it.
    pub fn reread(text: &str, path: &Path) -> Result<Plan, FileProblem> {
        parse(text, path)
    }
}

/// `plan.toml` as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: Spanned<String>,
    #[serde(default)]
    pairs: Option<Spanned<FilePairs>>,
    #[serde(default)]
    sizes: Option<Spanned<FileSizes>>,
    #[serde(default)]
    repetitions: Option<Spanned<u32>>,
    #[serde(rename = "measure", default)]
    measures: Vec<Spanned<FileMeasure>>,
}

/// A message that every tool and every transport carries.
const A_MESSAGE: MessageSize = match MessageSize::new(64) {
    Some(size) => size,
    None => unreachable!(),
};

/// The table of a measure in the file.
struct Source<'a> {
    text: &'a str,
    path: &'a Path,
    table: Range<usize>,
}

pub(super) fn parse(text: &str, path: &Path) -> Result<Plan, FileProblem> {
    let file: File = from_toml(text, path)?;
    let name = file.name.get_ref();
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) {
        return Err(wrong(
            text,
            path,
            Some(file.name.span()),
            format!("`{name}` cannot name a run directory: use letters, digits, `-` and `_`"),
        ));
    }
    let repetitions = match &file.repetitions {
        Some(count) if *count.get_ref() == 0 => {
            return Err(wrong(text, path, Some(count.span()), "repetitions = 0 measures nothing: write 1 or more"));
        }
        Some(count) => *count.get_ref(),
        None => 1,
    };
    if file.measures.is_empty() {
        return Err(wrong(
            text,
            path,
            None,
            "the plan has no [[measure]] table: add one, such as\n[[measure]]\nstack = \"dpdk\"\nmethod = \"mrr\"",
        ));
    }
    let mut measures = Vec::new();
    for spanned in &file.measures {
        let source = Source { text, path, table: spanned.span() };
        let measure = spanned.get_ref();
        let written_pairs = measure.pairs.as_ref().or(file.pairs.as_ref());
        let pairs = match written_pairs {
            Some(pairs) => source.pairs(pairs)?,
            None => vec![PairSelection::All],
        };
        let sizes = match measure.sizes.as_ref().or(file.sizes.as_ref()) {
            Some(sizes) => source.sizes(sizes)?,
            None if measure.message.is_some() || measure.stack == Stack::KernelTls => Vec::new(),
            None => {
                return Err(
                    source.wrong(Some(measure.method.span()), "no sizes: give `sizes = \"rfc2544\"` or a list, here or for the whole plan")
                );
            }
        };
        let kinds = source.kinds(measure, &sizes)?;
        if let (Some(_), Some(own)) = (&measure.message, &measure.sizes) {
            return Err(source.wrong(Some(own.span()), "`message` gives the sizes of this measure: use either `message` or `sizes`"));
        }
        // Messages and files have sizes of their own: each is measured once, whatever the sizes of frames.
        let has_own_sizes = measure.message.is_some() || measure.files.is_some();
        let sizes = if has_own_sizes { vec![FrameSize::MIN] } else { sizes };
        let tunings = source.tunings(measure, &kinds[0])?;
        for (kind, tuning) in kinds.iter().flat_map(|kind| tunings.iter().map(move |tuning| (kind, tuning.clone()))) {
            for pairs in &pairs {
                let measure = Measure { kind: kind.clone(), pairs: pairs.clone(), sizes: sizes.clone(), tuning: tuning.clone() };
                source.check_groups(&measure, written_pairs.map(Spanned::span))?;
                source.only_once(&measure, &measures)?;
                measures.push(measure);
            }
        }
    }
    Ok(Plan { name: name.clone(), repetitions, measures, source: text.to_owned() })
}

impl Source<'_> {
    fn wrong(&self, span: Option<Range<usize>>, message: impl Into<String>) -> FileProblem {
        wrong(self.text, self.path, span.or_else(|| Some(self.table.clone())), message)
    }

    fn tunings(&self, measure: &FileMeasure, kind: &MeasureKind) -> Result<Vec<PortTuning>, FileProblem> {
        let FileMeasure { queues, sender_queues, receiver_queues, reflector_queues, burst, flows, pacing, .. } = measure;
        let FileMeasure { rx_descriptors, tx_descriptors, .. } = measure;
        let (far, unused) = if kind.measures_delays() {
            (("reflector-queues", reflector_queues), ("receiver-queues", receiver_queues))
        } else {
            (("receiver-queues", receiver_queues), ("reflector-queues", reflector_queues))
        };
        if unused.1.is_some() {
            let why = format!("method \"{}\" has no key `{}`: its far end has `{}`", kind.method(), unused.0, far.0);
            return Err(self.wrong(self.span_of(unused.0), why));
        }
        let keys = Keys {
            port: BypassPort::of(measure.stack).unwrap_or_default(),
            // Those of a kernel stream are a setting of its tool.
            directions: measure.direction.as_ref().filter(|_| BypassPort::of(measure.stack).is_some()),
            queues: queues.as_ref(),
            sender_queues: sender_queues.as_ref(),
            far_queues: FarQueues { key: far.0, given: far.1.as_ref() },
            burst: burst.as_ref(),
            flows: flows.as_ref(),
            pacing: pacing.as_ref(),
            rx_descriptors: rx_descriptors.as_ref(),
            tx_descriptors: tx_descriptors.as_ref(),
            mempool_cache: measure.mempool_cache.as_ref(),
            fast_free: measure.fast_free.as_ref(),
            sender_devargs: measure.sender_devargs.as_ref(),
            receiver_devargs: measure.receiver_devargs.as_ref(),
        };
        let tunings = keys.all().map_err(|(key, why)| self.wrong(self.span_of(key), why))?;
        self.check_directions(kind, &tunings)?;
        if measure.method.get_ref() == MethodName::Mrr.name() && tunings.iter().any(|tuning| tuning.pacing != Pacing::Software) {
            let why = "method \"mrr\" sends at maximum rate: it has no rate, so `pacing` has no effect; remove it";
            return Err(self.wrong(self.span_of("pacing"), why));
        }
        Ok(tunings)
    }

    /// Refuses both directions at once where a method cannot have them.
    fn check_directions(&self, kind: &MeasureKind, tunings: &[PortTuning]) -> Result<(), FileProblem> {
        let both: Vec<_> = tunings.iter().filter(|tuning| tuning.directions == Directions::Both).collect();
        let why = match kind {
            _ if both.is_empty() => return Ok(()),
            _ if both.iter().any(|tuning| tuning.queues != PairQueues::ONE) => {
                "one poll loop at each end sends and receives, so both ports have one queue: remove the keys for queues"
            }
            MeasureKind::Procedure { method, .. } => match method.procedure {
                Procedure::Latency { .. } | Procedure::Pdv { .. } => {
                    "its frames return to the sender, so that they use both directions already"
                }
                Procedure::BackToBack { .. } => "the two ends do not begin at the same microsecond, and short bursts would not meet",
                Procedure::SystemRecovery { .. } | Procedure::Reset { .. } => "it takes a time from the frames of one direction",
                Procedure::Throughput
                | Procedure::NdrPdr
                | Procedure::FrameLoss { .. }
                | Procedure::Mrr { .. }
                | Procedure::Overload { .. }
                | Procedure::Soak { .. } => return Ok(()),
            },
            MeasureKind::RoundTrip { .. }
            | MeasureKind::KernelBest { .. }
            | MeasureKind::KernelStream { .. }
            | MeasureKind::KernelPingPong { .. }
            | MeasureKind::FileTransfer(_) => "it is for methods in which one end sends to the other over DPDK, AF_XDP or AF_PACKET",
        };
        let message = format!("method \"{}\" cannot have `direction = \"both\"`: {why}", kind.method());
        Err(self.wrong(self.span_of("direction"), message))
    }

    /// Refuses groups of pairs for a method that cannot be measured at the same time.
    fn check_groups(&self, measure: &Measure, span: Option<Range<usize>>) -> Result<(), FileProblem> {
        if measure.groups().is_empty() {
            return Ok(());
        }
        let both = measure.directions() == Directions::Both;
        let direction =
            || both.then_some("with `direction = \"both\"` an endpoint would be a sender and a receiver of its group: remove it");
        match measure.kind.not_for_groups().or_else(direction) {
            Some(why) => {
                let message = format!("method \"{}\" cannot be measured for pairs at the same time: {why}", measure.kind.method());
                Err(self.wrong(span, message))
            }
            None => Ok(()),
        }
    }

    /// Two measurements of one pair, stack, method, size and tuning would be one result with two meanings.
    fn only_once(&self, measure: &Measure, before: &[Measure]) -> Result<(), FileProblem> {
        let mut sizes = measure.sizes.clone();
        sizes.sort_unstable();
        let twice = sizes.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0]);
        let same = |other: &&Measure| {
            let what = (other.stack(), other.kind.method()) == (measure.stack(), measure.kind.method());
            what && other.kind.kernel_tuning() == measure.kind.kernel_tuning()
                && other.kind.kernel_search().map(KernelSearch::label) == measure.kind.kernel_search().map(KernelSearch::label)
                && other.kind.file_transfer() == measure.kind.file_transfer()
                && other.tuning == measure.tuning
                && other.pairs.overlaps(&measure.pairs)
        };
        let again = before.iter().filter(same).flat_map(|other| &other.sizes).find(|size| measure.sizes.contains(size)).copied();
        match twice.or(again) {
            Some(size) => {
                let message = format!(
                    "{} {} at {size} is measured twice between one pair: use `repetitions`, or another plan",
                    measure.stack(),
                    measure.kind.method()
                );
                Err(self.wrong(None, message))
            }
            None => Ok(()),
        }
    }

    /// The pairs that are measured alone, and the groups that are measured at the same time.
    fn pairs(&self, pairs: &Spanned<FilePairs>) -> Result<Vec<PairSelection>, FileProblem> {
        match pairs.get_ref() {
            FilePairs::Word(word) if word == "all" => Ok(vec![PairSelection::All]),
            FilePairs::Word(word) => {
                Err(self.wrong(Some(pairs.span()), format!("`{word}` names no pairs: write \"all\" or a list such as [\"a-cpu:b-cpu\"]")))
            }
            FilePairs::List(list) => {
                let wrong = |message: String| self.wrong(Some(pairs.span()), message);
                if list.is_empty() {
                    return Err(wrong("an empty list of pairs measures nothing: write \"all\" or name some".to_owned()));
                }
                let pair = |pair: &String| pair.parse::<Pair>().map_err(|error| wrong(error.to_string()));
                let (mut alone, mut groups) = (Vec::new(), Vec::new());
                for entry in list {
                    match entry {
                        FilePair::Alone(one) => alone.push(pair(one)?),
                        FilePair::AtOnce(several) => {
                            let several = several.iter().map(pair).collect::<Result<Vec<Pair>, _>>()?;
                            let group = ConcurrentPairs::new(several).map_err(|error| wrong(error.to_string()))?;
                            if groups.contains(&group) {
                                return Err(wrong(format!("the group with `{}` is there twice: use `repetitions`", group.pairs()[0])));
                            }
                            groups.push(group);
                        }
                    }
                }
                let alone = (!alone.is_empty()).then_some(PairSelection::Only(alone));
                let groups = (!groups.is_empty()).then_some(PairSelection::Groups(groups));
                Ok(alone.into_iter().chain(groups).collect())
            }
        }
    }

    fn sizes(&self, sizes: &Spanned<FileSizes>) -> Result<Vec<FrameSize>, FileProblem> {
        let refuse = |message: String| self.wrong(Some(sizes.span()), message);
        match sizes.get_ref() {
            FileSizes::Word(word) if word == "rfc2544" => Ok(FrameSize::RFC2544.to_vec()),
            FileSizes::Word(word) => Err(refuse(format!("`{word}` names no sizes: write \"rfc2544\" or a list such as [64, 1518]"))),
            FileSizes::List(list) if list.is_empty() => Err(refuse("an empty list of sizes measures nothing".to_owned())),
            FileSizes::List(list) => list.iter().map(|&bytes| FrameSize::new(bytes).map_err(|error| refuse(error.to_string()))).collect(),
        }
    }

    /// What the measure asks for: one kind, or one for each combination of the settings of a kernel measure.
    fn kinds(&self, measure: &FileMeasure, sizes: &[FrameSize]) -> Result<Vec<MeasureKind>, FileProblem> {
        if measure.stack == Stack::KernelTls {
            return self.file_transfers(measure);
        }
        let kind = self.kind(measure, sizes)?;
        let (method, protocol, tool) = match &kind {
            MeasureKind::KernelStream { protocol, tool, .. } => (KernelMethod::Stream, *protocol, *tool),
            MeasureKind::KernelPingPong { protocol, tool, .. } => (KernelMethod::PingPong, *protocol, *tool),
            MeasureKind::KernelBest { .. }
            | MeasureKind::RoundTrip { .. }
            | MeasureKind::Procedure { .. }
            | MeasureKind::FileTransfer(_) => {
                return match given(measure).into_iter().find(|(key, is_given)| *is_given && is_kernel_key(key)) {
                    Some((key, _)) => {
                        let message = format!("method \"{}\" has no key `{key}`: it is for kernel measures; remove it", kind.method());
                        Err(self.wrong(self.span_of(key), message))
                    }
                    None => Ok(vec![kind]),
                };
            }
        };
        let keys = KernelKeys {
            directions: measure.direction.as_ref(),
            streams: measure.streams.as_ref(),
            message: measure.message.as_ref(),
            mtu: measure.mtu.as_ref(),
            congestion_control: measure.congestion_control.as_ref(),
            window: measure.window.as_ref(),
            zero_copy: measure.zero_copy.as_ref(),
            gsro: measure.gsro.as_ref(),
            gso: measure.gso.as_ref(),
            gro: measure.gro.as_ref(),
            client_cpu: measure.client_cpu.as_ref(),
            server_cpu: measure.server_cpu.as_ref(),
            stream_load: measure.stream_load.as_ref(),
        };
        let tunings = keys.all().map_err(|(key, why)| self.wrong(self.span_of(key), why))?;
        for tuning in &tunings {
            self.tool_can(measure, (method, protocol, tool), tuning)?;
        }
        if let (MeasureKind::KernelStream { duration, .. }, BEST) = (&kind, measure.method.get_ref().as_str()) {
            let search = Box::new(self.search(measure, keys.axes(), tunings)?);
            return Ok(vec![MeasureKind::KernelBest { protocol, tool, duration: *duration, search }]);
        }
        let with = |of_measure: KernelTuning| {
            let mut kind = kind.clone();
            if let MeasureKind::KernelStream { tuning, .. } | MeasureKind::KernelPingPong { tuning, .. } = &mut kind {
                **tuning = of_measure;
            }
            kind
        };
        Ok(tunings.into_iter().map(with).collect())
    }

    /// The search of `best` among combinations of settings.
    fn search(&self, measure: &FileMeasure, axes: Vec<Axis>, tunings: Vec<KernelTuning>) -> Result<KernelSearch, FileProblem> {
        if axes.is_empty() {
            let message = format!(
                "method \"{BEST}\" has one combination only: give a list of two or more values for one of {}, or use method \"stream\"",
                KERNEL_STREAM_KEYS.join(", ")
            );
            return Err(self.wrong(Some(measure.method.span()), message));
        }
        if let Some(trials) = measure.trials.as_ref().filter(|trials| *trials.get_ref() < FEWEST_TRIALS) {
            let message = format!("trials = {} is too few for a search: write {FEWEST_TRIALS} or more", trials.get_ref());
            return Err(self.wrong(Some(trials.span()), message));
        }
        let trials = measure.trials.as_ref().map(|trials| *trials.get_ref());
        KernelSearch::new(axes, tunings, trials).map_err(|error| {
            let key = if let SpaceError::Twice { axis, .. } = &error { Some(axis.as_str()) } else { None };
            self.wrong(key.and_then(|key| self.span_of(key)), error.to_string())
        })
    }

    /// The one method over TLS, in every combination of its keys.
    fn file_transfers(&self, measure: &FileMeasure) -> Result<Vec<MeasureKind>, FileProblem> {
        let (method, stack) = (measure.method.get_ref().as_str(), measure.stack);
        if method != "file-transfer" {
            let message = format!("stack \"{stack}\" has no method \"{method}\"; use file-transfer");
            return Err(self.wrong(Some(measure.method.span()), message));
        }
        if let Some(sizes) = &measure.sizes {
            return Err(self.wrong(Some(sizes.span()), "method \"file-transfer\" has no frame sizes: give the sizes of files with `files`"));
        }
        self.only(measure, &[&["repetitions"], &FILE_KEYS[..]].concat())?;
        let keys = FileTransferKeys {
            files: measure.files.as_ref(),
            tls_at: measure.tls_at.as_ref(),
            tls_versions: measure.tls_versions.as_ref(),
            ciphers: measure.ciphers.as_ref(),
            repetitions: measure.repetitions,
        };
        let all = keys.all().map_err(|(key, why)| self.wrong(self.span_of(key), why))?;
        Ok(all.into_iter().map(MeasureKind::FileTransfer).collect())
    }

    /// Refuses settings that the tool cannot pass on.
    fn tool_can(
        &self,
        measure: &FileMeasure,
        (method, protocol, tool): (KernelMethod, Protocol, KernelTool),
        tuning: &KernelTuning,
    ) -> Result<(), FileProblem> {
        let transport = protocol.transport();
        let most = tool.most_streams(transport);
        if tuning.streams.get() > most {
            let message = format!("{tool} has 1 to {most} streams over {transport}, not {}", tuning.streams);
            return Err(self.wrong(self.span_of("streams"), message));
        }
        if tuning.gsro && protocol == Protocol::Udp && tuning.message.is_none() {
            let why = "`gsro` needs `message` instead of frame sizes: an interface can count the datagrams of one call as one frame, so the counters \
                       would not prove the frame size";
            return Err(self.wrong(self.span_of("gsro"), why));
        }
        let settings = [
            ("direction", tuning.directions == Directions::Both),
            ("congestion-control", tuning.tcp.congestion_control.is_some()),
            ("window", tuning.tcp.window.is_some()),
            ("zero-copy", tuning.tcp.zero_copy),
            ("gsro", tuning.gsro),
        ];
        let key = settings.into_iter().find(|(_, set)| *set).map(|(key, _)| key);
        // Only whether the tool can is asked: any address, port, extent and size that are in order do.
        let (anywhere, port, size) = (IpAddr::from([127, 0, 0, 1]), 1, tuning.message.unwrap_or(A_MESSAGE));
        let spec = KernelSpec::new(method, transport, anywhere, port, size, Extent::For(Duration::from_secs(1)));
        tool.check(&tuning.in_spec(spec)).map_err(|error| {
            let key = if matches!(error, SpecError::Size { .. }) { Some("message") } else { key };
            self.wrong(key.and_then(|key| self.span_of(key)).or_else(|| measure.tool.as_ref().map(Spanned::span)), error.to_string())
        })
    }

    fn kind(&self, measure: &FileMeasure, sizes: &[FrameSize]) -> Result<MeasureKind, FileProblem> {
        let method = measure.method.get_ref().as_str();
        let protocol = match measure.stack {
            Stack::KernelTcp => Some(Protocol::Tcp),
            Stack::KernelUdp => Some(Protocol::Udp),
            stack if BypassPort::of(stack).is_some() => None,
            other => {
                return Err(self.wrong(
                    None,
                    format!(
                        "stack \"{other}\" cannot be measured by a plan: use kernel-tcp, kernel-udp, kernel-tls, dpdk, af-xdp or af-packet"
                    ),
                ));
            }
        };
        match (protocol, method) {
            (Some(protocol), "stream") => {
                self.only(measure, &[&["duration", "tool", "direction"], &KERNEL_STREAM_KEYS[..]].concat())?;
                let tool = self.tool(measure, KernelMethod::Stream, protocol)?;
                Ok(MeasureKind::KernelStream { protocol, tool, duration: self.duration(measure, 1.0)?, tuning: Box::default() })
            }
            // In `kinds`, a search among all combinations of the settings that this stream has.
            (Some(protocol), BEST) => {
                self.only(measure, &[&["duration", "tool", "trials"], &KERNEL_STREAM_KEYS[..]].concat())?;
                let tool = self.tool(measure, KernelMethod::Stream, protocol)?;
                Ok(MeasureKind::KernelStream { protocol, tool, duration: self.duration(measure, 1.0)?, tuning: Box::default() })
            }
            (Some(protocol), "ping-pong") => {
                self.only(measure, &[&["duration", "tool"], &KERNEL_PING_PONG_KEYS[..]].concat())?;
                let tool = self.tool(measure, KernelMethod::PingPong, protocol)?;
                Ok(MeasureKind::KernelPingPong { protocol, tool, duration: self.duration(measure, 1.0)?, tuning: Box::default() })
            }
            (None, "round-trip") => {
                let keys = ["duration", "rate", "queues", "sender-queues", "reflector-queues", "burst", "flows", "pacing"];
                let of_ports = ["rx-descriptors", "tx-descriptors", "mempool-cache", "fast-free", "sender-devargs", "receiver-devargs"];
                self.only(measure, &[&keys[..], &of_ports].concat())?;
                Ok(MeasureKind::RoundTrip { rate: self.rate(measure)?, duration: self.duration(measure, 1.0)? })
            }
            (None, name) if MethodName::ALL.iter().any(|known| known.name() == name) => self.procedure(measure, name, sizes),
            (Some(protocol), name) => {
                let tools = |method| choice(KernelTool::able(method, protocol.transport()));
                let message = format!(
                    "stack \"{}\" has no method \"{name}\"; use stream ({}), best (the same tools) or ping-pong ({})",
                    measure.stack,
                    tools(KernelMethod::Stream),
                    tools(KernelMethod::PingPong)
                );
                Err(self.wrong(Some(measure.method.span()), message))
            }
            (None, name) => {
                let known: Vec<&str> = MethodName::ALL.iter().map(|known| known.name()).collect();
                let message = format!("stack \"{}\" has no method \"{name}\"; use one of: round-trip, {}", measure.stack, known.join(", "));
                Err(self.wrong(Some(measure.method.span()), message))
            }
        }
    }

    fn procedure(&self, measure: &FileMeasure, name: &str, sizes: &[FrameSize]) -> Result<MeasureKind, FileProblem> {
        let foreign = [
            ("tool", measure.tool.as_ref().map(Spanned::span)),
            ("rate", measure.rate.as_ref().map(Spanned::span)),
            ("trials", measure.trials.as_ref().map(Spanned::span)),
        ];
        for (key, span) in foreign {
            if span.is_some() {
                return Err(self.wrong(span, format!("method \"{name}\" has no key `{key}`: remove it")));
            }
        }
        let method_name: MethodName =
            name.parse().map_err(|error: methodology::units::UnitError| self.wrong(Some(measure.method.span()), error.to_string()))?;
        let reset = self.reset_command(measure, method_name)?;
        let spec = MethodSpec {
            name: method_name,
            preset: measure.preset,
            goals: measure.goals.clone(),
            algorithm: measure.algorithm,
            min_load: measure.min_load,
            max_load: measure.max_load,
            time_limit: measure.time_limit,
            phases: measure.phases,
            tester: measure.tester,
            duration: measure.duration.as_ref().map(|duration| *duration.get_ref()),
            // One trial a record: the plan's own repetitions say how often it is measured.
            repetitions: measure.repetitions.or((method_name == MethodName::Mrr).then_some(1)),
            at: measure.at.clone(),
            step: measure.step,
            event: measure.event,
        };
        let frames: Vec<Frames> = sizes.iter().copied().map(Frames::Fixed).collect();
        let method = spec.resolve(&frames, measure.ip.unwrap_or_default()).map_err(|faults| {
            let span = faults.first().and_then(|fault| self.span_of(fault.key()));
            let said: Vec<String> = faults.iter().map(ToString::to_string).collect();
            self.wrong(span, said.join("; "))
        })?;
        let link = measure
            .link
            .as_ref()
            .map(|link| {
                link.get_ref().parse().map_err(|error: methodology::units::UnitError| self.wrong(Some(link.span()), error.to_string()))
            })
            .transpose()?;
        Ok(MeasureKind::Procedure { method: Box::new(method), link, reset })
    }

    /// Only whoever has the device knows how it is reset.
    fn reset_command(&self, measure: &FileMeasure, method: MethodName) -> Result<Vec<String>, FileProblem> {
        match (method, &measure.command) {
            (MethodName::Reset, Some(command)) if command.iter().all(|word| !word.is_empty()) && !command.is_empty() => Ok(command.clone()),
            (MethodName::Reset, _) => {
                let message = "method \"reset\" needs `command`, the program that resets the device and its arguments, run on this machine while \
                               frames go on, such as [\"ssh\", \"switch\", \"reboot\"]";
                Err(self.wrong(Some(measure.method.span()), message.to_owned()))
            }
            (_, Some(_)) => {
                Err(self.wrong(self.span_of("command"), format!("method \"{}\" has no key `command`: remove it", method.name())))
            }
            (_, None) => Ok(Vec::new()),
        }
    }

    /// Where a key such as `goals[1].width` stands in this measure's table, as near as its last named part.
    fn span_of(&self, key: &str) -> Option<Range<usize>> {
        // The span of a table is that of its header; its keys follow until the next table.
        let after = self.text.get(self.table.start..)?;
        let table = &after[..after[1..].find("\n[[").map_or(after.len(), |end| end + 1)];
        let names: Vec<&str> = key.split(['.', '[', ']']).filter(|part| part.starts_with(|c: char| c.is_ascii_alphabetic())).collect();
        let at = names.iter().rev().find_map(|name| {
            let assigned = |(at, _): &(usize, &str)| {
                let before = table[..*at].chars().next_back();
                table[at + name.len()..].trim_start().starts_with('=') && !before.is_some_and(|c| c.is_ascii_alphanumeric() || c == '-')
            };
            table.match_indices(name).find(assigned).map(|(at, _)| at)
        })?;
        Some(self.table.start + at..self.table.start + at + 1)
    }

    /// Refuses keys that a method which is not one of `methodology`'s does not have.
    fn only(&self, measure: &FileMeasure, allowed: &[&str]) -> Result<(), FileProblem> {
        match given(measure).iter().find(|(key, given)| *given && !allowed.contains(key)) {
            Some((key, _)) => {
                let message = format!("method \"{}\" has no key `{key}`; its keys are: {}", measure.method.get_ref(), allowed.join(", "));
                Err(self.wrong(self.span_of(key), message))
            }
            None => Ok(()),
        }
    }

    /// The tool that the plan names, or the default for the method.
    fn tool(&self, measure: &FileMeasure, method: KernelMethod, protocol: Protocol) -> Result<KernelTool, FileProblem> {
        let mut able = KernelTool::able(method, protocol.transport());
        let found = match &measure.tool {
            None => able.next(),
            Some(name) => able.find(|tool| tool.name() == name.get_ref()),
        };
        found.ok_or_else(|| {
            let tools = choice(KernelTool::able(method, protocol.transport()));
            let named = measure.tool.as_ref().map_or("no tool", |name| name.get_ref().as_str());
            let message = format!("`{named}` cannot do {method} over {}: use {tools}", protocol.transport());
            self.wrong(measure.tool.as_ref().map(Spanned::span), message)
        })
    }

    fn duration(&self, measure: &FileMeasure, default: f64) -> Result<Seconds, FileProblem> {
        match &measure.duration {
            None => Seconds::new(default).map_err(|error| self.wrong(None, error.to_string())),
            Some(duration) if duration.get_ref().is_zero() => {
                Err(self.wrong(Some(duration.span()), "a duration of 0 measures nothing: write a time such as \"1s\""))
            }
            Some(duration) => Ok(*duration.get_ref()),
        }
    }

    fn rate(&self, measure: &FileMeasure) -> Result<PacketRate, FileProblem> {
        let refuse = |span| self.wrong(span, "\"round-trip\" needs a low `rate` in packets per second, such as \"20kpps\"");
        let Some(load) = &measure.rate else { return PacketRate::new(20e3).map_err(|error| self.wrong(None, error.to_string())) };
        match load.get_ref() {
            Load::Packets(rate) => Ok(*rate),
            Load::L1(_) | Load::L2(_) | Load::Share(_) | Load::Max => Err(refuse(Some(load.span()))),
        }
    }
}
