//! Measures with poll loops: round trips, and the methods of `methodology`.

use dataplane::Pacing;
use methodology::method::{IpVersion, MethodName, MethodSpec, Procedure};
use methodology::units::{FrameSize, Frames, Load, PacketRate, UnitError};

use super::keys::{ROUND_TRIP_KEYS, is_kernel_key};
use super::measure::FileMeasure;
use super::port_settings::{FarQueues, combinations};
use super::source::Source;
use crate::plan::model::MeasureKind;
use crate::plan::tuning::{Directions, PortTuning};
use crate::text_file::FileProblem;
use crate::topology::PairQueues;

impl Source<'_> {
    /// A measure with poll loops.
    pub(super) fn poll_loop_measure(&self, measure: &FileMeasure, sizes: &[FrameSize]) -> Result<MeasureKind, FileProblem> {
        match measure.method.get_ref().as_str() {
            "round-trip" => {
                self.only(measure, &ROUND_TRIP_KEYS)?;
                Ok(MeasureKind::RoundTrip { rate: self.rate(measure)?, duration: self.duration(measure, 1.0)? })
            }
            name if MethodName::ALL.iter().any(|known| known.name() == name) => self.procedure(measure, name, sizes),
            name => {
                let known: Vec<&str> = MethodName::ALL.iter().map(|known| known.name()).collect();
                let message = format!("stack \"{}\" has no method \"{name}\"; use one of: round-trip, {}", measure.stack, known.join(", "));
                Err(self.wrong(Some(measure.method.span()), message))
            }
        }
    }

    /// How the two ports are set up, in every combination of the keys. A kernel measure has one, the default.
    pub(super) fn tunings(&self, measure: &FileMeasure, kind: &MeasureKind) -> Result<Vec<PortTuning>, FileProblem> {
        let FileMeasure { receiver_queues, reflector_queues, .. } = measure;
        let (far, unused) = if kind.measures_delays() {
            (("reflector-queues", reflector_queues), ("receiver-queues", receiver_queues))
        } else {
            (("receiver-queues", receiver_queues), ("reflector-queues", reflector_queues))
        };
        if unused.1.is_some() {
            let why = format!("method \"{}\" has no key `{}`: its far end has `{}`", kind.method(), unused.0, far.0);
            return Err(self.wrong(self.span_of(unused.0), why));
        }
        let tunings = combinations(measure, &FarQueues { key: far.0, given: far.1.as_ref() });
        let tunings = tunings.map_err(|problem| self.wrong_key(problem))?.all();
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

    fn procedure(&self, measure: &FileMeasure, name: &str, sizes: &[FrameSize]) -> Result<MeasureKind, FileProblem> {
        if let Some(key) = self.own_keys().find(|key| is_kernel_key(key)) {
            let message = format!("method \"{name}\" has no key `{key}`: it is for kernel measures; remove it");
            return Err(self.wrong(self.span_of(key), message));
        }
        if let Some(key) = self.own_keys().find(|key| ["tool", "rate", "trials"].contains(key)) {
            return Err(self.wrong(self.span_of(key), format!("method \"{name}\" has no key `{key}`: remove it")));
        }
        let method_name: MethodName =
            name.parse().map_err(|error: UnitError| self.wrong(Some(measure.method.span()), error.to_string()))?;
        let reset = self.reset_command(measure, method_name)?;
        if measure.ip == Some(IpVersion::V6) {
            let message = "`ip = \"v6\"`: the test frames of a plan have IPv4 headers only; remove the key, or send IPv6 frames by hand with \
                           `linerate send --headers ipv6`";
            return Err(self.wrong(self.span_of("ip"), message.to_owned()));
        }
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
            .map(|link| link.get_ref().parse().map_err(|error: UnitError| self.wrong(Some(link.span()), error.to_string())))
            .transpose()?;
        Ok(MeasureKind::Procedure { method: Box::new(method), link, reset })
    }

    /// Only whoever has the device knows how it is reset.
    fn reset_command(&self, measure: &FileMeasure, method: MethodName) -> Result<Vec<String>, FileProblem> {
        match (method, &measure.command) {
            (MethodName::Reset, Some(_)) if measure.event.is_none() => {
                let message = "method \"reset\" needs `event`, which says in the record what `command` resets: \"link-bounce\", \"reflector-restart\" or \
                               \"port-restart\"";
                Err(self.wrong(Some(measure.method.span()), message.to_owned()))
            }
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

    fn rate(&self, measure: &FileMeasure) -> Result<PacketRate, FileProblem> {
        let refuse = |span| self.wrong(span, "\"round-trip\" needs a low `rate` in packets per second, such as \"20kpps\"");
        let Some(load) = &measure.rate else { return PacketRate::new(20e3).map_err(|error| self.wrong(None, error.to_string())) };
        match load.get_ref() {
            Load::Packets(rate) => Ok(*rate),
            Load::L1(_) | Load::L2(_) | Load::Share(_) | Load::Max => Err(refuse(Some(load.span()))),
        }
    }
}
