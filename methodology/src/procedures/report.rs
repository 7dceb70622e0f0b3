use serde::{Deserialize, Serialize};

use super::reason::MethodReason;
use crate::method::{LoadPoint, Method};
use crate::search::{GoalResult, SearchResult};
use crate::statistics::RepetitionSummary;
use crate::trial::{DelaySummary, Deviation, ResetKind, Trial, TrialPath};
use crate::units::{Frames, LinkSpeed, LossRatio, Nanoseconds, PacketRate, Seconds, Share};

/// What a method is carried out with; the same in all its trials.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conditions {
    /// The frames.
    pub frames: Frames,
    /// The link's speed, where the port knows it.
    pub link: Option<LinkSpeed>,
    /// Results of an earlier search with the same frames on the same path, so that latency and its like need not search again.
    #[serde(default)]
    pub known: KnownRates,
}

/// Results of an earlier search with the same frames, on the path that the method's trials use.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct KnownRates {
    /// RFC 2544 throughput: relevant lower bound of the zero-loss goal (NDR).
    #[serde(rename = "throughput_pps")]
    pub throughput: Option<PacketRate>,
    /// Relevant lower bound of the PDR goal.
    #[serde(rename = "pdr_pps")]
    pub pdr: Option<PacketRate>,
}

/// The report of a method: what was asked, with which values, every trial, what was found, whether it is valid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MethodReport {
    /// The method with all its values.
    pub method: Method,
    /// What it was carried out with.
    pub conditions: Conditions,
    /// What was found.
    pub measured: Measured,
    /// Every trial in order, repeated ones included.
    pub trials: Vec<Trial>,
    /// Every departure from the clauses the method names.
    pub deviations: Vec<Deviation>,
    /// Its verdict.
    pub verdict: MethodVerdict,
}

/// Whether a result may be used as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MethodVerdict {
    /// Valid or invalid.
    pub state: MethodState,
    /// What makes it invalid first, then remarks.
    pub reasons: Vec<MethodReason>,
}

/// Whether a result may be used as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MethodState {
    /// It stands.
    Valid,
    /// The procedure could not be done to its end, or its answer is irregular for another reason than that the link carries no more.
    Invalid,
}

/// What was found, by method.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Measured {
    /// RFC 2544 §26.1.
    Throughput(ThroughputResult),
    /// MLRsearch.
    NdrPdr(SearchResult),
    /// RFC 8219 §7.2.
    Latency(LatencyResult),
    /// RFC 8219 §7.3.
    Pdv(PdvResult),
    /// RFC 2544 §26.3.
    FrameLoss(FrameLossResult),
    /// RFC 9004.
    BackToBack(BackToBackResult),
    /// RFC 2544 §26.5.
    SystemRecovery(RecoveryResult),
    /// RFC 2544 §26.6.
    Reset(ResetResult),
    /// CSIT MRR.
    Mrr(MrrResult),
    /// Overload sweep.
    Overload(OverloadResult),
    /// Soak.
    Soak(SoakResult),
}

/// RFC 2544 §26.1: what the report must hold for one frame size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ThroughputResult {
    /// The search and its one goal.
    pub search: SearchResult,
    /// Throughput; nothing where the answer is irregular.
    #[serde(rename = "throughput_pps")]
    pub throughput: Option<PacketRate>,
    /// The load that passed where no upper bound was found: "at least this", to be shown as such.
    #[serde(rename = "at_least_pps")]
    pub at_least: Option<PacketRate>,
    /// Theoretical maximum at this size, where the link's speed is known.
    #[serde(rename = "line_rate_pps")]
    pub line_rate: Option<PacketRate>,
    /// Throughput over line rate.
    pub share_of_line_rate: Option<f64>,
}

/// Delays at one load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LatencyAtLoad {
    /// Which load was meant.
    pub at: LoadPoint,
    /// What that was.
    #[serde(rename = "load_pps")]
    pub load: PacketRate,
    /// One summary for each repetition and direction.
    pub repetitions: Vec<DelaySummary>,
    /// Typical latency TL: the median of the repetitions' medians, with the 1st and 99th percentile as its spread (RFC 8219 §7.2).
    pub typical: Spread,
    /// Worst-case latency WCL: the same of the repetitions' 99.9th percentiles (RFC 8219 §7.2).
    pub worst_case: Spread,
    /// The mean of the repetitions' means (RFC 2544 §26.2 reports the average).
    #[serde(rename = "mean_ns")]
    pub mean: Nanoseconds,
    /// The smallest delay of all.
    #[serde(rename = "min_ns")]
    pub min: Nanoseconds,
    /// The largest delay of all.
    #[serde(rename = "max_ns")]
    pub max: Nanoseconds,
    /// Loss while delays were measured, the worst repetition.
    pub loss_ratio: LossRatio,
}

/// A median with its spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spread {
    /// Median of the repetitions.
    #[serde(rename = "median_ns")]
    pub median: Nanoseconds,
    /// 1st percentile.
    #[serde(rename = "p1_ns")]
    pub p1: Nanoseconds,
    /// 99th percentile.
    #[serde(rename = "p99_ns")]
    pub p99: Nanoseconds,
}

/// RFC 8219 §7.2.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LatencyResult {
    /// The search that gave the loads, where one was made.
    pub search: Option<SearchResult>,
    /// In the order asked.
    pub loads: Vec<LatencyAtLoad>,
}

/// Delay variation at one load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PdvAtLoad {
    /// Which load was meant.
    pub at: LoadPoint,
    /// What that was.
    #[serde(rename = "load_pps")]
    pub load: PacketRate,
    /// One summary for each repetition and direction.
    pub repetitions: Vec<DelaySummary>,
    /// D99.9 − Dmin (RFC 8219 §7.3.1).
    pub pdv: Spread,
    /// Medians of the repetitions' smallest, median and largest IPDV, in ns (RFC 8219 §7.3.2).
    pub ipdv: Option<IpdvMedians>,
}

/// Medians over repetitions, in ns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IpdvMedians {
    /// Of the smallest.
    pub min_ns: i64,
    /// Of the medians.
    pub median_ns: i64,
    /// Of the largest.
    pub max_ns: i64,
}

/// RFC 8219 §7.3.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PdvResult {
    /// The search that gave the loads, where one was made.
    pub search: Option<SearchResult>,
    /// In the order asked.
    pub loads: Vec<PdvAtLoad>,
}

/// RFC 2544 §26.3.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrameLossResult {
    /// 100 % of the x axis.
    #[serde(rename = "max_rate_pps")]
    pub max_rate: PacketRate,
    /// From the highest load down.
    pub points: Vec<LossPoint>,
    /// Whether it began at 100 % and ended with two successive trials without loss.
    pub complete: bool,
}

/// One point of a loss curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LossPoint {
    /// Share of the maximum rate.
    pub share: Share,
    /// The load.
    #[serde(rename = "load_pps")]
    pub load: PacketRate,
    /// Its loss.
    pub loss_ratio: LossRatio,
    /// What came through.
    #[serde(rename = "forwarding_rate_pps")]
    pub forwarding_rate: PacketRate,
}

/// RFC 9004 §6 and §7.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BackToBackResult {
    /// The throughput search, where one was made.
    pub search: Option<SearchResult>,
    /// What stands in the way of a benchmark, e.g. that throughput is line rate (RFC 9004 §6.1).
    pub not_applicable: Option<String>,
    /// Longest burst without loss in frames, each repetition.
    pub bursts: Vec<u64>,
    /// Their statistics; the mean is the benchmark (RFC 9004 §6.3).
    pub frames: Option<RepetitionSummary>,
    /// The rate of frames within a burst.
    #[serde(rename = "burst_rate_pps")]
    pub burst_rate: PacketRate,
    /// Measured throughput.
    #[serde(rename = "throughput_pps")]
    pub throughput: Option<PacketRate>,
    /// mean / burst rate (RFC 9004 §6.4).
    #[serde(rename = "implied_buffer_time_s")]
    pub implied_buffer_time: Option<Seconds>,
    /// implied · (1 − throughput/burst rate) (RFC 9004 §6.4).
    #[serde(rename = "corrected_buffer_time_s")]
    pub corrected_buffer_time: Option<Seconds>,
    /// Frames the device can hold, from the corrected time.
    pub corrected_buffer_frames: Option<f64>,
    /// Longest burst that could be tried.
    pub max_burst: u64,
    /// Smallest step.
    pub min_step: u64,
}

/// RFC 2544 §26.5.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecoveryResult {
    /// The throughput search, where one was made.
    pub search: Option<SearchResult>,
    /// 110 % of throughput, or line rate where that is less.
    #[serde(rename = "overload_pps")]
    pub overload: PacketRate,
    /// 50 % of that.
    #[serde(rename = "reduced_pps")]
    pub reduced: PacketRate,
    /// Recovery time in seconds, each repetition.
    #[serde(rename = "times_s")]
    pub times: Vec<Seconds>,
    /// Their statistics; the mean is reported.
    pub recovery: Option<RepetitionSummary>,
}

/// RFC 2544 §26.6.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResetResult {
    /// The throughput search, where one was made.
    pub search: Option<SearchResult>,
    /// What was reset.
    pub event: ResetKind,
    /// The load.
    #[serde(rename = "load_pps")]
    pub load: PacketRate,
    /// Last frame before to first frame after, each repetition.
    #[serde(rename = "gaps_s")]
    pub gaps: Vec<Seconds>,
    /// Their statistics.
    pub reset: Option<RepetitionSummary>,
    /// Lost frames over offered rate, each repetition: the time the device was blocked, counted in frames.
    #[serde(rename = "blocked_s")]
    pub blocked: Vec<Seconds>,
}

/// CSIT MRR.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MrrResult {
    /// Forwarding rate of each trial.
    #[serde(rename = "rates_pps")]
    pub rates: Vec<PacketRate>,
    /// Their statistics in frames per second.
    pub rate: Option<RepetitionSummary>,
    /// Offered rate, mean of trials.
    #[serde(rename = "offered_pps")]
    pub offered: PacketRate,
}

/// An overload sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OverloadResult {
    /// The search that found NDR, where one was made.
    pub search: Option<SearchResult>,
    /// NDR: 100 % of the sweep.
    #[serde(rename = "ndr_pps")]
    pub ndr: PacketRate,
    /// From NDR up.
    pub points: Vec<OverloadPoint>,
    /// The least forwarding rate over NDR: far below 1 is receive livelock; nothing where nothing was measured.
    pub worst_retained: Option<f64>,
    /// The load from which on forwarding falls below 90 % of NDR, if any.
    #[serde(rename = "collapse_at_pps")]
    pub collapse_at: Option<PacketRate>,
}

/// One point of an overload sweep.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OverloadPoint {
    /// Load over NDR.
    pub of_ndr: f64,
    /// The load.
    #[serde(rename = "load_pps")]
    pub load: PacketRate,
    /// What was really offered.
    #[serde(rename = "offered_pps")]
    pub offered: PacketRate,
    /// What came through.
    #[serde(rename = "forwarding_rate_pps")]
    pub forwarding_rate: PacketRate,
    /// Its loss.
    pub loss_ratio: LossRatio,
}

/// A soak.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SoakResult {
    /// The search that found the load, where one was made.
    pub search: Option<SearchResult>,
    /// The load that was held.
    #[serde(rename = "load_pps")]
    pub load: PacketRate,
    /// Loss over the whole time.
    pub loss_ratio: LossRatio,
    /// Intervals.
    pub intervals: u32,
    /// Intervals with loss.
    pub intervals_with_loss: u32,
    /// Forwarding rate of each interval: statistics in frames per second.
    pub rate: Option<RepetitionSummary>,
    /// Change of forwarding rate by least squares, in shares of the mean per hour; nothing from one interval.
    pub drift_per_hour: Option<f64>,
}

impl LatencyResult {
    /// The path of the search that gave the loads, where one was made.
    pub fn searched_path(&self) -> Option<TrialPath> {
        self.search.as_ref().map(|search| search.path)
    }

    /// What a load of this result is called.
    pub fn name_of(&self, at: LoadPoint) -> String {
        at.searched_on(self.searched_path())
    }
}

impl PdvResult {
    /// The path of the search that gave the loads, where one was made.
    pub fn searched_path(&self) -> Option<TrialPath> {
        self.search.as_ref().map(|search| search.path)
    }

    /// What a load of this result is called.
    pub fn name_of(&self, at: LoadPoint) -> String {
        at.searched_on(self.searched_path())
    }
}

impl Measured {
    /// The delays of each load, repetition by repetition; none of a method that measures no delays.
    pub fn delays_mut(&mut self) -> Vec<&mut [DelaySummary]> {
        match self {
            Measured::Latency(result) => result.loads.iter_mut().map(|load| load.repetitions.as_mut_slice()).collect(),
            Measured::Pdv(result) => result.loads.iter_mut().map(|load| load.repetitions.as_mut_slice()).collect(),
            _ => Vec::new(),
        }
    }
}

impl MethodReport {
    /// Every goal with its bounds, for methods that searched.
    pub fn goals(&self) -> &[GoalResult] {
        self.search().map_or(&[], |search| &search.goals)
    }

    /// The search, for methods that searched.
    pub fn search(&self) -> Option<&SearchResult> {
        match &self.measured {
            Measured::NdrPdr(search) => Some(search),
            Measured::Throughput(result) => Some(&result.search),
            Measured::Latency(result) => result.search.as_ref(),
            Measured::Pdv(result) => result.search.as_ref(),
            Measured::BackToBack(result) => result.search.as_ref(),
            Measured::SystemRecovery(result) => result.search.as_ref(),
            Measured::Reset(result) => result.search.as_ref(),
            Measured::Overload(result) => result.search.as_ref(),
            Measured::Soak(result) => result.search.as_ref(),
            Measured::FrameLoss(_) | Measured::Mrr(_) => None,
        }
    }

    /// Trial durations together, waits not counted.
    pub fn trial_time(&self) -> Seconds {
        self.trials.iter().fold(Seconds::ZERO, |sum, trial| sum + trial.outcome.offered_duration())
    }
}
