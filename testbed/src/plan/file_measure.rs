//! One `[[measure]]` as it is written, and which of its keys are there.

use dataplane::Pacing;
use methodology::method::{Algorithm, IpVersion, LoadPoint, PhaseChanges, Preset, TesterChanges};
use methodology::search::SearchGoal;
use methodology::trial::ResetKind;
use methodology::units::{Load, Seconds, Share};
use reporter::record::Stack;
use serde::Deserialize;
use toml::Spanned;

use super::file_transfer::{FILE_KEYS, TlsVersion};
use super::kernel_tuning::ByteCount;
use super::tuning::{Devargs, Directions, OneOrMany};

/// One `[[measure]]`. Keys of `methodology`'s methods stand beside our own.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct FileMeasure {
    pub(super) stack: Stack,
    pub(super) method: Spanned<String>,
    pub(super) tool: Option<Spanned<String>>,
    pub(super) pairs: Option<Spanned<FilePairs>>,
    pub(super) sizes: Option<Spanned<FileSizes>>,
    pub(super) rate: Option<Spanned<Load>>,
    pub(super) duration: Option<Spanned<Seconds>>,
    pub(super) link: Option<Spanned<String>>,
    pub(super) ip: Option<IpVersion>,
    pub(super) preset: Option<Preset>,
    pub(super) goals: Option<Vec<SearchGoal>>,
    pub(super) algorithm: Option<Algorithm>,
    pub(super) min_load: Option<Load>,
    pub(super) max_load: Option<Load>,
    pub(super) time_limit: Option<Seconds>,
    pub(super) phases: Option<PhaseChanges>,
    pub(super) tester: Option<TesterChanges>,
    pub(super) repetitions: Option<u32>,
    pub(super) at: Option<Vec<LoadPoint>>,
    pub(super) step: Option<Share>,
    pub(super) event: Option<ResetKind>,
    pub(super) command: Option<Vec<String>>,
    pub(super) direction: Option<OneOrMany<Directions>>,
    pub(super) queues: Option<OneOrMany<u16>>,
    pub(super) sender_queues: Option<OneOrMany<u16>>,
    pub(super) receiver_queues: Option<OneOrMany<u16>>,
    pub(super) reflector_queues: Option<OneOrMany<u16>>,
    pub(super) burst: Option<OneOrMany<u16>>,
    pub(super) flows: Option<OneOrMany<u32>>,
    pub(super) pacing: Option<OneOrMany<Pacing>>,
    pub(super) rx_descriptors: Option<OneOrMany<u16>>,
    pub(super) tx_descriptors: Option<OneOrMany<u16>>,
    pub(super) mempool_cache: Option<OneOrMany<u16>>,
    pub(super) fast_free: Option<OneOrMany<bool>>,
    pub(super) sender_devargs: Option<OneOrMany<Devargs>>,
    pub(super) receiver_devargs: Option<OneOrMany<Devargs>>,
    pub(super) streams: Option<OneOrMany<u16>>,
    pub(super) message: Option<OneOrMany<ByteCount>>,
    pub(super) mtu: Option<OneOrMany<u32>>,
    pub(super) congestion_control: Option<OneOrMany<String>>,
    pub(super) window: Option<OneOrMany<ByteCount>>,
    pub(super) zero_copy: Option<OneOrMany<bool>>,
    pub(super) gsro: Option<OneOrMany<bool>>,
    pub(super) gso: Option<OneOrMany<bool>>,
    pub(super) gro: Option<OneOrMany<bool>>,
    pub(super) client_cpu: Option<OneOrMany<u32>>,
    pub(super) server_cpu: Option<OneOrMany<u32>>,
    pub(super) files: Option<OneOrMany<String>>,
    pub(super) tls_at: Option<OneOrMany<String>>,
    pub(super) tls_versions: Option<OneOrMany<TlsVersion>>,
    pub(super) ciphers: Option<OneOrMany<String>>,
    pub(super) stream_load: Option<OneOrMany<String>>,
    pub(super) trials: Option<Spanned<u32>>,
}

#[derive(Deserialize, Clone)]
#[serde(
    untagged,
    expecting = "expected \"all\", a list such as [\"a-cpu:b-cpu\"], or a list of groups such as [[\"a-cpu:b-cpu\", \"a-dpu:b-dpu\"]]"
)]
pub(super) enum FilePairs {
    Word(String),
    List(Vec<FilePair>),
}

/// A pair that is measured alone, or pairs that are measured at the same time.
#[derive(Deserialize, Clone)]
#[serde(untagged)]
pub(super) enum FilePair {
    Alone(String),
    AtOnce(Vec<String>),
}

#[derive(Deserialize, Clone)]
#[serde(untagged, expecting = "expected \"rfc2544\" or a list of frame sizes from 64 to 16000 bytes, such as [64, 1518]")]
pub(super) enum FileSizes {
    Word(String),
    List(Vec<u32>),
}

/// The keys that tune a kernel stream.
pub(super) const KERNEL_STREAM_KEYS: [&str; 11] =
    ["streams", "message", "mtu", "congestion-control", "window", "zero-copy", "gsro", "gso", "gro", "client-cpu", "server-cpu"];

/// The keys that tune a ping-pong.
pub(super) const KERNEL_PING_PONG_KEYS: [&str; 6] = ["mtu", "gso", "gro", "client-cpu", "server-cpu", "stream-load"];

/// Whether a key tunes a kernel measure.
pub(super) fn is_kernel_key(key: &str) -> bool {
    KERNEL_STREAM_KEYS.contains(&key) || KERNEL_PING_PONG_KEYS.contains(&key) || FILE_KEYS.contains(&key)
}

/// Which of the keys that not every method has are in the file.
pub(super) fn given(measure: &FileMeasure) -> [(&'static str, bool); 49] {
    [
        ("tool", measure.tool.is_some()),
        ("rate", measure.rate.is_some()),
        ("duration", measure.duration.is_some()),
        ("link", measure.link.is_some()),
        ("ip", measure.ip.is_some()),
        ("preset", measure.preset.is_some()),
        ("goals", measure.goals.is_some()),
        ("algorithm", measure.algorithm.is_some()),
        ("min-load", measure.min_load.is_some()),
        ("max-load", measure.max_load.is_some()),
        ("time-limit", measure.time_limit.is_some()),
        ("phases", measure.phases.is_some()),
        ("tester", measure.tester.is_some()),
        ("repetitions", measure.repetitions.is_some()),
        ("at", measure.at.is_some()),
        ("step", measure.step.is_some()),
        ("event", measure.event.is_some()),
        ("command", measure.command.is_some()),
        ("direction", measure.direction.is_some()),
        ("queues", measure.queues.is_some()),
        ("sender-queues", measure.sender_queues.is_some()),
        ("receiver-queues", measure.receiver_queues.is_some()),
        ("reflector-queues", measure.reflector_queues.is_some()),
        ("burst", measure.burst.is_some()),
        ("flows", measure.flows.is_some()),
        ("pacing", measure.pacing.is_some()),
        ("rx-descriptors", measure.rx_descriptors.is_some()),
        ("tx-descriptors", measure.tx_descriptors.is_some()),
        ("mempool-cache", measure.mempool_cache.is_some()),
        ("fast-free", measure.fast_free.is_some()),
        ("sender-devargs", measure.sender_devargs.is_some()),
        ("receiver-devargs", measure.receiver_devargs.is_some()),
        ("streams", measure.streams.is_some()),
        ("message", measure.message.is_some()),
        ("mtu", measure.mtu.is_some()),
        ("congestion-control", measure.congestion_control.is_some()),
        ("window", measure.window.is_some()),
        ("zero-copy", measure.zero_copy.is_some()),
        ("gsro", measure.gsro.is_some()),
        ("gso", measure.gso.is_some()),
        ("gro", measure.gro.is_some()),
        ("client-cpu", measure.client_cpu.is_some()),
        ("server-cpu", measure.server_cpu.is_some()),
        ("files", measure.files.is_some()),
        ("tls-at", measure.tls_at.is_some()),
        ("tls-versions", measure.tls_versions.is_some()),
        ("ciphers", measure.ciphers.is_some()),
        ("stream-load", measure.stream_load.is_some()),
        ("trials", measure.trials.is_some()),
    ]
}
