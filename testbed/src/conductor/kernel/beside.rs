//! A stream beside a ping-pong: round trips under load.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use methodology::units::{Goodput, Share};
use reporter::kernel_tools::{Extent, KernelSpec, KernelTool, MessageSize, Method, Transport};
use reporter::record::Pair;

use super::ports::STREAM_PORT;
use super::processes::{Job, Ran, ToolRunError};
use crate::conductor::endpoint_agents::EndpointAgents;
use crate::interface_settings::InterfaceSettings;
use crate::plan::KernelTuning;

/// What a stream writes in one call: iperf3's own default, 128 KiB. A stream with messages as small as those of the ping-pong would use a whole CPU.
const MESSAGE: u32 = 128 * 1024;

/// How long the rate of a stream alone is measured.
const ALONE: Duration = Duration::from_secs(1);

/// The stream runs for so long before the ping-pong begins, so that TCP has found its rate, and at least as long after it.
const LEAD: Duration = Duration::from_secs(1);

/// The rates that streams reached alone, by pair and by the settings of the interfaces.
#[derive(Debug, Default)]
pub(super) struct FullRates {
    seen: Vec<(Pair, InterfaceSettings, Goodput)>,
}

/// Why there is no stream beside a ping-pong.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoStream {
    #[error(transparent)]
    Run(#[from] ToolRunError),
    #[error("the stream that loads the path did not run: {0}")]
    Stream(String),
}

impl FullRates {
    /// The rate of the stream alone; measured where it is not known yet.
    pub(super) fn of(
        &mut self,
        pair: &Pair,
        settings: InterfaceSettings,
        beside: &Job<'_>,
        agents: &mut EndpointAgents,
        interrupted: &AtomicBool,
    ) -> Result<Goodput, NoStream> {
        if let Some((_, _, rate)) = self.seen.iter().find(|(of, with, _)| of == pair && *with == settings) {
            return Ok(*rate);
        }
        let stream = stream(beside, Extent::For(ALONE), None)?;
        let rate = reached(stream.tool, &stream.run(agents, interrupted)?)?;
        self.seen.push((pair.clone(), settings, rate));
        Ok(rate)
    }
}

/// What the stream did.
#[derive(Debug, Clone, Copy)]
pub(super) struct Loaded {
    /// Its share of the full rate.
    pub(super) share: Share,
    /// The rate that it was asked for.
    pub(super) target: Goodput,
    /// The rate that it reached.
    pub(super) reached: Goodput,
    /// Whether it ran for half of [`LEAD`] or longer before the ping-pong began.
    pub(super) preceded: bool,
    /// Whether it ran until the ping-pong had ended.
    pub(super) outlasted: bool,
}

/// Runs a ping-pong of this length, and a stream at a share of its full rate from before its beginning until after its end.
pub(super) fn run_beside(
    ping_pong: &Job<'_>,
    length: Duration,
    (share, full): (Share, Goodput),
    agents: &mut EndpointAgents,
    interrupted: &AtomicBool,
) -> Result<(Ran, Loaded), NoStream> {
    let target = Goodput::new(full.bps() * share.share()).map_err(|error| NoStream::Stream(error.to_string()))?;
    // Tools count whole seconds, and start slowly over ssh.
    let extent = Extent::For(Duration::from_secs(length.as_secs() + 1) + 3 * LEAD);
    let stream = stream(ping_pong, extent, Some(target))?;
    // An agent runs one tool at a time: the stream has agents of its own.
    let mut own = EndpointAgents::default();
    // Started here: over ssh that can take longer than the stream leads.
    stream.start_agents(&mut own, interrupted)?;
    let (ran, loaded, outlasted) = std::thread::scope(|scope| {
        let own = &mut own;
        let loading = scope.spawn(|| stream.run(own, interrupted));
        std::thread::sleep(LEAD);
        let ran = ping_pong.run(agents, interrupted);
        let outlasted = !loading.is_finished();
        (ran, loading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), outlasted)
    });
    own.end();
    let (ran, loaded) = (ran?, loaded?);
    let reached = reached(stream.tool, &loaded)?;
    // Its server was started first, which takes a part of the lead.
    let preceded = ran.times.0.saturating_duration_since(loaded.times.0) >= LEAD / 2;
    Ok((ran, Loaded { share, target, reached, preceded, outlasted }))
}

/// The stream between the ends of a ping-pong.
fn stream<'a>(beside: &Job<'a>, extent: Extent, rate: Option<Goodput>) -> Result<Job<'a>, NoStream> {
    let missing = |what: &str| NoStream::Stream(what.to_owned());
    let tool = KernelTuning::stream_tool().ok_or_else(|| missing("no tool can do it"))?;
    let size = MessageSize::new(MESSAGE).ok_or_else(|| missing("its message has no size"))?;
    let spec = KernelSpec::new(Method::Stream, Transport::Tcp, beside.spec.server, STREAM_PORT, size, extent);
    Ok(Job { tool, spec: KernelSpec { client_address: beside.spec.client_address, rate, ..spec }, ..*beside })
}

fn reached(tool: KernelTool, ran: &Ran) -> Result<Goodput, NoStream> {
    let (goodput, _) = ran.goodput(tool).ok_or_else(|| NoStream::Stream(format!("{tool} printed no rate: {}", ran.text.trim())))?;
    if goodput == Goodput::ZERO {
        // A rate of zero asks iperf3 for no limit, and any share of it would be reached.
        return Err(NoStream::Stream(format!(
            "{tool} moved no byte in {MESSAGE} B messages, although small ones may pass: check the MTU of the path"
        )));
    }
    Ok(goodput)
}
