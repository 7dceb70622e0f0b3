//! One `[[measure]]` as it is written: every key of a measure, with its type.

use dataplane::Pacing;
use methodology::method::{Algorithm, IpVersion, LoadPoint, PhaseChanges, Preset, TesterChanges};
use methodology::search::SearchGoal;
use methodology::trial::ResetKind;
use methodology::units::{Load, Seconds, Share};
use reporter::record::Stack;
use serde::Deserialize;
use toml::Spanned;

use super::byte_count::ByteCount;
use super::combinations::OneOrMany;
use crate::plan::file_transfer::TlsVersion;
use crate::plan::tuning::{Devargs, Directions};

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
    pub(super) napi_defer_hard_irqs: Option<OneOrMany<u32>>,
    pub(super) gro_flush_timeout: Option<OneOrMany<Seconds>>,
    pub(super) busy_poll: Option<OneOrMany<Seconds>>,
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
