use serde::Serialize;

use super::statistics::{self, Interval};
use super::{Cell, Cells, Quantity, Sample};
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
    /// mean(dpdk) / mean(kernel).
    pub ratio: f64,
    /// Its 95 % interval; none where one side was measured once.
    pub interval: Option<Interval>,
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
    /// Median round trips of DPDK, or means where the tool gave no median.
    pub dpdk: Sample,
    /// Mean round trips (qperf gives no percentiles).
    pub kernel: Sample,
    /// mean(kernel) / mean(dpdk).
    pub ratio: f64,
    /// Its 95 % interval; none where one side was measured once.
    pub interval: Option<Interval>,
}

impl LatencyRatio {
    /// Whether only valid records went into it.
    pub fn is_trusted(&self) -> bool {
        self.dpdk.trusted && self.kernel.trusted
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
        SizeKind::Message => (Basis::PayloadAtSameNumber, Quantity::Goodput),
        SizeKind::Frame => (Basis::SameFrame, Quantity::Layer2),
    };
    let (dpdk, kernel) = (dpdk_cell.sample(quantity)?, kernel_cell.sample(quantity)?);
    let ratio = dpdk.centre() / kernel.centre();
    ratio.is_finite().then(|| Ratio {
        pair: dpdk_cell.key.pair.clone(),
        bytes: dpdk_cell.key.size.bytes,
        basis,
        kernel_stack: kernel_cell.key.stack,
        interval: statistics::ratio_interval(&dpdk.values, &kernel.values, u64::from(dpdk_cell.key.size.bytes)),
        dpdk,
        kernel,
        ratio,
    })
}

/// Ratios of round trips by pair and kernel stack. Of several loads the lowest round trip counts: an idle ping-pong, as qperf's is.
pub fn latency_ratios(cells: &Cells<'_>) -> Vec<LatencyRatio> {
    let idle = |pair: &Pair, stack: Stack, quantities: &[Quantity]| -> Option<Sample> {
        let samples = cells
            .iter()
            .filter(|cell| cell.key.pair == *pair && cell.key.stack == stack && cell.key.metric == Metric::Latency && cell.is_chosen())
            .filter_map(|cell| quantities.iter().find_map(|&q| cell.sample(q)));
        // A trusted sample before an untrusted one, then the shortest.
        samples.min_by(|a, b| b.trusted.cmp(&a.trusted).then(a.centre().total_cmp(&b.centre())))
    };
    let mut ratios = Vec::new();
    for pair in cells.pairs() {
        for kernel_stack in Stack::in_view(ReportView::Ratio) {
            let dpdk = idle(&pair, Stack::REFERENCE_BYPASS, &[Quantity::RttP50, Quantity::RttMean]);
            let kernel = idle(&pair, kernel_stack, &[Quantity::RttMean, Quantity::RttP50]);
            if let (Some(dpdk), Some(kernel)) = (dpdk, kernel) {
                let ratio = kernel.centre() / dpdk.centre();
                if ratio.is_finite() {
                    let interval = statistics::ratio_interval(&kernel.values, &dpdk.values, 1);
                    ratios.push(LatencyRatio { pair: pair.clone(), kernel_stack, dpdk, kernel, ratio, interval });
                }
            }
        }
    }
    ratios
}
