use serde::Serialize;

use super::statistics::{Interval, NoInterval, ratio_interval, ratio_of_geometric_means};
use super::{Cell, Cells, Quantity, Sample, interval_or_null};
use crate::record::{Metric, Pair, ReportView, SizeKind, Stack};

/// What a ratio of throughputs compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// Payload of frames of N bytes against goodput of messages of N bytes: the same number, two experiments (TCP joins and splits messages).
    PayloadAtSameNumber,
    /// Layer-2 rates of frames of the same size on both sides: like with like.
    SameFrame,
}

/// Kernel bypass over the kernel, for one pair and size.
#[derive(Debug, Clone, Serialize)]
pub struct Ratio {
    /// Between which endpoints.
    pub pair: Pair,
    /// Bytes of the frame, and of the message or frame on the kernel's side.
    pub bytes: u32,
    /// What the two numbers are.
    pub basis: Basis,
    /// Which kernel stack stands below the line.
    pub kernel_stack: Stack,
    /// The upper number's values.
    pub dpdk: Sample,
    /// The lower number's values.
    pub kernel: Sample,
    /// The geometric mean of `dpdk` over that of `kernel`.
    pub ratio: f64,
    /// Its 95 % interval, or why there is none.
    #[serde(serialize_with = "interval_or_null")]
    pub interval: Result<Interval, NoInterval>,
}

impl Ratio {
    /// Whether only valid records went into it.
    pub fn is_trusted(&self) -> bool {
        self.dpdk.trusted && self.kernel.trusted
    }
}

/// The round trips of one pair, kernel over bypass: how many times shorter bypass is.
#[derive(Debug, Clone, Serialize)]
pub struct LatencyRatio {
    /// Between which endpoints.
    pub pair: Pair,
    /// The kernel's stack.
    pub kernel_stack: Stack,
    /// Round trips of DPDK: means, or medians where no mean is known on one of the sides.
    pub dpdk: Sample,
    /// Round trips of the kernel, of the same quantity.
    pub kernel: Sample,
    /// The geometric mean of `kernel` over that of `dpdk`.
    pub ratio: f64,
    /// Its 95 % interval, or why there is none.
    #[serde(serialize_with = "interval_or_null")]
    pub interval: Result<Interval, NoInterval>,
}

impl LatencyRatio {
    /// Whether only valid records went into it.
    pub fn is_trusted(&self) -> bool {
        self.dpdk.trusted && self.kernel.trusted
    }

    /// Which round trips were compared: the same on both sides.
    pub fn quantity(&self) -> Quantity {
        self.dpdk.quantity
    }
}

/// Ratios of throughput by pair, size and kernel stack, in the order of pairs and sizes.
pub fn throughput_ratios(cells: &Cells<'_>) -> Vec<Ratio> {
    let mut ratios = Vec::new();
    for pair in cells.pairs() {
        for dpdk_cell in cells.curve(&pair, Stack::REFERENCE_BYPASS) {
            let bytes = dpdk_cell.key.size.bytes;
            for kernel_stack in Stack::in_view(ReportView::Ratio) {
                for kernel_cell in cells.curve(&pair, kernel_stack).into_iter().filter(|cell| cell.key.size.bytes == bytes) {
                    ratios.extend(ratio_of(dpdk_cell, kernel_cell));
                }
            }
        }
    }
    ratios
}

fn ratio_of(dpdk_cell: &Cell<'_>, kernel_cell: &Cell<'_>) -> Option<Ratio> {
    let (basis, quantity) = match kernel_cell.key.size.kind {
        SizeKind::Message | SizeKind::File => (Basis::PayloadAtSameNumber, Quantity::Goodput),
        SizeKind::Frame => (Basis::SameFrame, Quantity::Layer2),
    };
    let (dpdk, kernel) = (dpdk_cell.sample(quantity)?, kernel_cell.sample(quantity)?);
    Some(Ratio {
        pair: dpdk_cell.key.pair.clone(),
        bytes: dpdk_cell.key.size.bytes,
        basis,
        kernel_stack: kernel_cell.key.stack,
        ratio: ratio_of_geometric_means(&dpdk.values, &kernel.values)?,
        interval: ratio_interval(&dpdk.values, &kernel.values),
        dpdk,
        kernel,
    })
}

/// Like with like: means first, because qperf gives nothing else, then medians. A mean over a median would favour whoever has the shorter tail.
const COMPARED_ROUND_TRIPS: [Quantity; 2] = [Quantity::RttMean, Quantity::RttP50];

/// Ratios of round trips by pair and kernel stack. Of several loads the lowest round trip counts: an idle ping-pong, as qperf's is.
pub fn latency_ratios(cells: &Cells<'_>) -> Vec<LatencyRatio> {
    let idle = |pair: &Pair, stack: Stack, quantity: Quantity| -> Option<Sample> {
        let samples = cells
            .iter()
            .filter(|cell| cell.key.pair == *pair && cell.key.stack == stack && cell.key.metric == Metric::Latency && cell.is_chosen())
            .filter_map(|cell| cell.sample(quantity));
        // A trusted sample before an untrusted one, then the shortest.
        samples.min_by(|a, b| b.trusted.cmp(&a.trusted).then(a.centre().total_cmp(&b.centre())))
    };
    let mut ratios = Vec::new();
    for pair in cells.pairs() {
        for kernel_stack in Stack::in_view(ReportView::Ratio) {
            let of = |quantity: Quantity| -> Option<LatencyRatio> {
                let (dpdk, kernel) = (idle(&pair, Stack::REFERENCE_BYPASS, quantity)?, idle(&pair, kernel_stack, quantity)?);
                let ratio = ratio_of_geometric_means(&kernel.values, &dpdk.values)?;
                let interval = ratio_interval(&kernel.values, &dpdk.values);
                Some(LatencyRatio { pair: pair.clone(), kernel_stack, dpdk, kernel, ratio, interval })
            };
            let mut found: Vec<LatencyRatio> = COMPARED_ROUND_TRIPS.into_iter().filter_map(of).collect();
            // Stable: of equally trusted ones the first quantity.
            found.sort_by_key(|ratio| !ratio.is_trusted());
            ratios.extend(found.into_iter().next());
        }
    }
    ratios
}
