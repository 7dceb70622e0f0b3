use std::fmt;

use hdrhistogram::Histogram;
use methodology::method::LoadPoint;
use methodology::procedures::Measured;
use methodology::trial::{DelayDefinition, DelayHistogram};
use methodology::units::PacketRate;

use super::percentiles::distribution;
use super::{Cells, Distribution, SizeKey, UnreadHistogram};
use crate::record::{Metric, Pair, RecordId, Stack};

/// The round trips of one pair at one frame size while one load was offered, all repetitions together.
#[derive(Debug, Clone)]
pub struct LoadedCurve {
    /// From where to where and back.
    pub pair: Pair,
    /// Of which frames.
    pub size: SizeKey,
    /// Which load was meant.
    pub at: LoadPoint,
    /// What the result calls it.
    pub named: String,
    /// What that was; where the procedure was repeated, the first time.
    pub load: PacketRate,
    /// What they were.
    pub distribution: Distribution,
}

/// A histogram of one repetition at one load.
struct Kept<'i> {
    record: &'i RecordId,
    at: LoadPoint,
    named: String,
    load: PacketRate,
    path: String,
}

/// A stack's curves, one for each pair, frame size and load at which the procedure `latency` (RFC 8219 §7.2) kept histograms, from the lowest load up.
pub fn percentiles_under_load<E: fmt::Display>(
    cells: &Cells<'_>,
    stack: Stack,
    read: impl Fn(&str) -> Result<Histogram<u64>, E>,
) -> (Vec<LoadedCurve>, Vec<UnreadHistogram>) {
    let mut unread = Vec::new();
    let mut curves = Vec::new();
    for cell in cells.iter().filter(|cell| cell.key.metric == Metric::Latency && cell.key.stack == stack && cell.is_chosen()) {
        let kept: Vec<Kept<'_>> = cell.shown().iter().flat_map(|record| kept(&record.id, record.measured())).collect();
        let mut loads: Vec<&Kept<'_>> = Vec::new();
        for one in &kept {
            if loads.iter().all(|known| known.at != one.at) {
                loads.push(one);
            }
        }
        loads.sort_by(|a, b| a.load.pps().total_cmp(&b.load.pps()));
        for Kept { at, named, load, .. } in loads {
            let files = kept.iter().filter(|one| one.at == *at).map(|one| (one.record, one.path.clone()));
            if let Some(distribution) = distribution(files, !cell.valid.is_empty(), &read, &mut unread) {
                curves.push(LoadedCurve {
                    pair: cell.key.pair.clone(),
                    size: cell.key.size,
                    at: *at,
                    named: named.clone(),
                    load: *load,
                    distribution,
                });
            }
        }
    }
    (curves, unread)
}

/// Whole round trips alone: one-way delays do not stand on one axis with them.
fn kept(record: &RecordId, measured: Option<Measured>) -> Vec<Kept<'_>> {
    let Some(Measured::Latency(latency)) = measured else { return Vec::new() };
    let mut kept = Vec::new();
    let named: Vec<String> = latency.loads.iter().map(|load| latency.name_of(load.at)).collect();
    for (load, named) in latency.loads.into_iter().zip(named) {
        for delays in load.repetitions.into_iter().filter(|delays| delays.definition == DelayDefinition::RoundTripSoftware) {
            if let Some(DelayHistogram::File(path)) = delays.histogram {
                kept.push(Kept { record, at: load.at, named: named.clone(), load: load.load, path });
            }
        }
    }
    kept
}
