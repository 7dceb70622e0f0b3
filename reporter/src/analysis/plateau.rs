use serde::Serialize;

use super::{Amount, Cell, Cells, Quantity};
use crate::record::{CeilingKind, Pair, ReportView, Stack};

/// A share of the ceiling, or of the highest rate, that counts as having reached it. Line rate itself is never quite reached: RFC 8239 §2.2
/// caps the generator at 99.98 %, and clocks differ.
const REACHED: f64 = 0.97;

/// Where a curve of throughput over size stops rising.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Plateau {
    /// At its ceiling from this size on.
    Ceiling {
        /// Which ceiling.
        ceiling: CeilingKind,
        /// The smallest size, in bytes.
        from_bytes: u32,
    },
    /// Level from this size on, below any known ceiling.
    Level {
        /// The smallest size, in bytes.
        from_bytes: u32,
        /// The highest rate.
        level: Amount,
    },
    /// Still rising at the largest size that was measured.
    StillRising,
    /// Highest at a smaller size than the largest, and falling after it.
    Falls {
        /// Where it is highest, in bytes.
        best_bytes: u32,
        /// The highest rate.
        best: Amount,
    },
    /// Fewer than three sizes with a valid result.
    NotEnoughData,
}

/// A pair's plateau on one stack.
#[derive(Debug, Clone, Serialize)]
pub struct PlateauOf {
    /// Between which endpoints.
    pub pair: Pair,
    /// On which stack.
    pub stack: Stack,
    /// Judged by this rate.
    pub quantity: Quantity,
    /// The answer.
    pub plateau: Plateau,
}

/// The plateau of every pair and stack that has a throughput curve. Bypass is judged by its layer-1 rate, the kernel by goodput.
pub fn plateaus(cells: &Cells<'_>) -> Vec<PlateauOf> {
    let mut found = Vec::new();
    for pair in cells.pairs() {
        for stack in Stack::in_view(ReportView::Plateau) {
            let quantity = if stack.is_kernel() { Quantity::Goodput } else { Quantity::Layer1 };
            let curve = cells.curve(&pair, stack);
            if !curve.is_empty() {
                found.push(PlateauOf { pair: pair.clone(), stack, quantity, plateau: plateau_of(&curve, quantity) });
            }
        }
    }
    found
}

/// One size of a curve.
struct CurvePoint {
    bytes: u32,
    rate: f64,
    ceiling: Option<(CeilingKind, f64)>,
}

fn plateau_of(curve: &[&Cell<'_>], quantity: Quantity) -> Plateau {
    let points: Vec<CurvePoint> = curve
        .iter()
        .filter_map(|cell| {
            let sample = cell.sample(quantity).filter(|sample| sample.trusted)?;
            Some(CurvePoint { bytes: cell.key.size.bytes, rate: sample.centre(), ceiling: ceiling_of(cell, quantity) })
        })
        .collect();
    let (Some(best), Some(last)) = (points.iter().max_by(|a, b| a.rate.total_cmp(&b.rate)), points.last()) else {
        return Plateau::NotEnoughData;
    };
    if points.len() < 3 {
        return Plateau::NotEnoughData;
    }
    // The smallest size from which on every point holds.
    let first_of_tail = |holds: &dyn Fn(&CurvePoint) -> bool| points.iter().rev().take_while(|point| holds(point)).last();
    let at_ceiling = |point: &CurvePoint| point.ceiling.is_some_and(|(_, limit)| point.rate >= REACHED * limit);
    if let Some(CurvePoint { bytes, ceiling: Some((ceiling, _)), .. }) = first_of_tail(&at_ceiling) {
        return Plateau::Ceiling { ceiling: *ceiling, from_bytes: *bytes };
    }
    match first_of_tail(&|point| point.rate >= REACHED * best.rate) {
        Some(first) if first.bytes < last.bytes => Plateau::Level { from_bytes: first.bytes, level: quantity.amount(best.rate) },
        Some(_) => Plateau::StillRising,
        None => Plateau::Falls { best_bytes: best.bytes, best: quantity.amount(best.rate) },
    }
}

fn ceiling_of(cell: &Cell<'_>, quantity: Quantity) -> Option<(CeilingKind, f64)> {
    let ceiling = cell.shown().iter().find_map(|record| record.ceiling.as_ref())?;
    let limit = match quantity {
        Quantity::Layer1 => ceiling.l1_bps,
        Quantity::Goodput => ceiling.goodput_bps,
        _ => None,
    }?;
    (limit > 0.0).then_some((ceiling.kind, limit))
}
