//! Kernel measures: streams, the best of several streams, and ping-pongs.

use std::net::IpAddr;
use std::time::Duration;

use methodology::tune::{Axis, SpaceError};
use methodology::units::FrameSize;
use reporter::kernel_tools::{Extent, KernelSpec, KernelTool, MessageSize, Method, SpecError, choice};
use reporter::record::BEST;
use toml::Spanned;

use super::kernel_settings::combinations;
use super::keys::{KERNEL_PING_PONG_KEYS, KERNEL_STREAM_KEYS, VERBS_KEYS};
use super::measure::FileMeasure;
use super::source::Source;
use crate::plan::kernel_search::{FEWEST_TRIALS, KernelSearch};
use crate::plan::kernel_tuning::KernelTuning;
use crate::plan::model::{MeasureKind, Protocol};
use crate::plan::tuning::Directions;
use crate::text_file::FileProblem;

/// A message that every tool and every transport carries.
const A_MESSAGE: MessageSize = match MessageSize::new(64) {
    Some(size) => size,
    None => unreachable!(),
};

impl Source<'_> {
    /// A kernel measure: one for each combination of its settings, or one search among them.
    pub(super) fn kernel_measures(
        &self,
        measure: &FileMeasure,
        protocol: Protocol,
        sizes: &[FrameSize],
    ) -> Result<Vec<MeasureKind>, FileProblem> {
        let (method, own_keys, settings): (_, &[&str], &[&str]) = match measure.method.get_ref().as_str() {
            "stream" if protocol == Protocol::RawEthernet => (Method::Stream, &["duration", "tool"], &VERBS_KEYS),
            "ping-pong" if protocol == Protocol::RawEthernet => (Method::PingPong, &["duration", "tool"], &VERBS_KEYS),
            _ if protocol == Protocol::RawEthernet => return Err(self.no_such_kernel_method(measure, protocol)),
            "stream" => (Method::Stream, &["duration", "tool", "direction"], &KERNEL_STREAM_KEYS),
            BEST => (Method::Stream, &["duration", "tool", "trials"], &KERNEL_STREAM_KEYS),
            "ping-pong" => (Method::PingPong, &["duration", "tool"], &KERNEL_PING_PONG_KEYS),
            _ => return Err(self.no_such_kernel_method(measure, protocol)),
        };
        self.only(measure, &[own_keys, settings].concat())?;
        let (tool, duration) = (self.tool(measure, method, protocol)?, self.duration(measure, 1.0)?);
        if protocol == Protocol::RawEthernet {
            self.frames_fit(measure, (method, protocol, tool), sizes)?;
        }
        let (tunings, axes) = combinations(measure).map_err(|problem| self.wrong_key(problem))?.with_axes();
        for tuning in &tunings {
            self.tool_can(measure, (method, protocol, tool), tuning)?;
        }
        if measure.method.get_ref() == BEST {
            let search = Box::new(self.search(measure, axes, tunings)?);
            return Ok(vec![MeasureKind::KernelBest { protocol, tool, duration, search }]);
        }
        let with = |tuning: KernelTuning| {
            let tuning = Box::new(tuning);
            match method {
                Method::Stream => MeasureKind::KernelStream { protocol, tool, duration, tuning },
                Method::PingPong => MeasureKind::KernelPingPong { protocol, tool, duration, tuning },
            }
        };
        Ok(tunings.into_iter().map(with).collect())
    }

    fn no_such_kernel_method(&self, measure: &FileMeasure, protocol: Protocol) -> FileProblem {
        let tools = |method| choice(KernelTool::able(method, protocol.transport()));
        let best = if protocol == Protocol::RawEthernet { "" } else { ", best (the same tools)" };
        let message = format!(
            "stack \"{}\" has no method \"{}\"; use stream ({}){best} or ping-pong ({})",
            measure.stack,
            measure.method.get_ref(),
            tools(Method::Stream),
            tools(Method::PingPong)
        );
        self.wrong(Some(measure.method.span()), message)
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

    /// Refuses frames that the tool cannot send.
    fn frames_fit(
        &self,
        measure: &FileMeasure,
        (method, protocol, tool): (Method, Protocol, KernelTool),
        sizes: &[FrameSize],
    ) -> Result<(), FileProblem> {
        let refused = |size: &FrameSize| tool.check(&any_spec(method, protocol, MessageSize::new(size.bytes())?)).err();
        match sizes.iter().find_map(refused) {
            Some(error) => Err(self.wrong(measure.sizes.as_ref().map(Spanned::span), error.to_string())),
            None => Ok(()),
        }
    }

    /// Refuses settings that the tool cannot pass on.
    fn tool_can(
        &self,
        measure: &FileMeasure,
        (method, protocol, tool): (Method, Protocol, KernelTool),
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
        let spec = any_spec(method, protocol, tuning.message.unwrap_or(A_MESSAGE));
        tool.check(&tuning.in_spec(spec)).map_err(|error| {
            let key = if matches!(error, SpecError::Size { .. }) { Some("message") } else { key };
            self.wrong(key.and_then(|key| self.span_of(key)).or_else(|| measure.tool.as_ref().map(Spanned::span)), error.to_string())
        })
    }

    /// The tool that the plan names, or the default for the method.
    fn tool(&self, measure: &FileMeasure, method: Method, protocol: Protocol) -> Result<KernelTool, FileProblem> {
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
}

/// A measurement of which only is asked whether a tool can do it: any address, port and extent that are in order do.
fn any_spec(method: Method, protocol: Protocol, size: MessageSize) -> KernelSpec {
    let (anywhere, port) = (IpAddr::from([127, 0, 0, 1]), 1);
    KernelSpec::new(method, protocol.transport(), anywhere, port, size, Extent::For(Duration::from_secs(1)))
}
