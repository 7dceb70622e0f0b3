//! What the records of a run say together: how much faster, where, why, and whether it can be trusted.
//!
//! Claims rest on valid records alone. Where no valid record exists, the invalid ones are carried along and marked, so that a reader sees
//! what was measured and that it proves nothing.

mod between_systems;
mod cell;
mod cells;
mod choice;
mod concurrent;
mod configuration;
mod effects;
mod endpoint_kinds;
mod file_transfers;
mod interval_json;
mod ladder;
mod level;
mod overview;
mod percentiles;
mod percentiles_under_load;
mod placement;
mod plateau;
mod quantity;
mod ratio;
mod tuning;

use serde::Serialize;

use crate::record::Record;

pub use methodology::statistics;

pub use cell::{Cell, CellKey, Sample, SizeKey};
pub use cells::{Cells, Group};
pub use choice::{ConfigurationChoice, Setup};
pub use concurrent::{Concurrent, MemberRate, Sum, concurrent};
pub use configuration::{Configuration, Setting, SettingValue};
pub use effects::{Effect, EffectSource, Effects, Response, ResponseKind, effects};
pub use endpoint_kinds::{KindCost, KindStep, kind_costs};
pub use file_transfers::{FileTransfers, TransferLine, TransferPoint, file_transfers};
pub(crate) use interval_json::interval_or_null;
pub use ladder::{FoundBy, KernelBest, Ladder, Rung, RungKind, kernel_best, ladders};
pub use level::LEVEL;
pub use overview::{Overview, ReasonCount, VerdictCounts};
pub use percentiles::{Distribution, Percentile, PercentileCurve, UnreadHistogram, percentile_curves, shortest_round_trips};
pub use percentiles_under_load::{LoadedCurve, percentiles_under_load};
pub use placement::{Best, Offload, PairEnd, Placement, placement};
pub use plateau::{Plateau, PlateauOf, plateaus};
pub use quantity::Quantity;
pub use ratio::{Basis, LatencyRatio, Ratio, latency_ratios, throughput_ratios};
pub use tuning::{Fastest, TunedRate, Tuning, tunings};

/// Everything the report says beyond the records themselves.
#[derive(Debug, Clone, Serialize)]
pub struct Analysis {
    /// Counts and the sentence that the report begins with.
    pub overview: Overview,
    /// Kernel bypass over kernel by pair and size.
    pub ratios: Vec<Ratio>,
    /// Round trips of both by pair.
    pub latency_ratios: Vec<LatencyRatio>,
    /// Where each curve stops rising.
    pub plateaus: Vec<PlateauOf>,
    /// What the kinds of sender and receiver explain.
    pub effects: Vec<Effects>,
    /// What to place where.
    pub placement: Placement,
    /// Which configuration all of that rests on, where there were several.
    pub configurations: Vec<ConfigurationChoice>,
    /// Rates by numbers of queues and flows, and by bursts, where several were tried.
    pub tunings: Vec<Tuning>,
    /// Pairs that were measured at the same time. Nothing else here rests on them.
    pub concurrent: Vec<Concurrent>,
}

/// Analyses the records of one run.
pub fn analyse(records: &[Record]) -> Analysis {
    let cells = Cells::of(records);
    let ratios = throughput_ratios(&cells);
    let latency_ratios = latency_ratios(&cells);
    Analysis {
        overview: Overview::of(records, &ratios, &latency_ratios, &ladders(&cells)),
        plateaus: plateaus(&cells),
        effects: effects(&cells),
        placement: placement(&cells),
        tunings: tunings(&cells),
        configurations: cells.choices().to_vec(),
        concurrent: concurrent(records),
        ratios,
        latency_ratios,
    }
}
