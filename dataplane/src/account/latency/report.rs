use std::io::Write;
use std::time::{Duration, SystemTime};

use hdrhistogram::serialization::interval_log::IntervalLogWriterBuilder;
use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};
use methodology::units::Nanoseconds;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::recorder::RttRecorder;

/// A distribution of round-trip times. All values are full round trips, never halved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RttReport {
    /// Shortest, exact.
    pub min: Nanoseconds,
    /// Median. Percentiles are nearest-rank, to 3 significant digits.
    pub p50: Nanoseconds,
    /// 90 %.
    pub p90: Nanoseconds,
    /// 99 %.
    pub p99: Nanoseconds,
    /// 99.9 %.
    pub p999: Nanoseconds,
    /// 99.99 %.
    pub p9999: Nanoseconds,
    /// 99.999 %.
    pub p99999: Nanoseconds,
    /// 99.9999 %. With fewer than a million values it equals `max`.
    pub p999999: Nanoseconds,
    /// Longest, exact.
    pub max: Nanoseconds,
    /// Arithmetic mean, in nanoseconds.
    pub mean: f64,
    /// Number of values.
    pub count: u64,
    /// The whole distribution: an HdrHistogram in its V2 + DEFLATE form, base64, values in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub histogram: Option<String>,
}

impl RttReport {
    /// The report without the histogram; `None` where nothing was recorded. See [`with_histogram`](Self::with_histogram).
    pub fn from_recorder(recorder: &RttRecorder) -> Option<RttReport> {
        let (min, max) = recorder.range()?;
        let at = |numerator, denominator| recorder.percentile(numerator, denominator);
        Some(RttReport {
            min,
            p50: at(50, 100)?,
            p90: at(90, 100)?,
            p99: at(99, 100)?,
            p999: at(999, 1000)?,
            p9999: at(9_999, 10_000)?,
            p99999: at(99_999, 100_000)?,
            p999999: at(999_999, 1_000_000)?,
            max,
            mean: recorder.mean_ns()?,
            count: recorder.count(),
            histogram: None,
        })
    }

    /// The same with the histogram.
    pub fn with_histogram(self, recorder: &RttRecorder) -> Result<RttReport, LatencyLogError> {
        let mut bytes = Vec::new();
        let histogram = recorder.histogram().map_err(|error| LatencyLogError::Histogram { reason: error.to_string() })?;
        V2DeflateSerializer::new()
            .serialize(&histogram, &mut bytes)
            .map_err(|error| LatencyLogError::Histogram { reason: error.to_string() })?;
        Ok(RttReport { histogram: Some(base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes)), ..self })
    }
}

/// A latency log that could not be written.
#[derive(Debug, Error)]
pub enum LatencyLogError {
    /// The histogram could not be made or encoded.
    #[error("the latency histogram could not be encoded ({reason}): please report this as a bug of linerate")]
    Histogram {
        /// What the encoder said.
        reason: String,
    },
    /// The log could not be written.
    #[error("the latency log could not be written: {0}; check the disk and the folder's permissions")]
    Write(#[from] std::io::Error),
}

/// Writes one interval in HdrHistogram's text log format (version 1.3, as its own tools read it): values in nanoseconds,
/// maxima in the log's customary milliseconds.
pub fn write_log(to: &mut impl Write, recorder: &RttRecorder, began: SystemTime, length: Duration) -> Result<(), LatencyLogError> {
    let histogram = recorder.histogram().map_err(|error| LatencyLogError::Histogram { reason: error.to_string() })?;
    let mut serializer = V2DeflateSerializer::new();
    let mut log = IntervalLogWriterBuilder::new()
        .add_comment("[Histogram log format version 1.3]")
        .add_comment("Round-trip times in nanoseconds, written by linerate")
        .with_start_time(began)
        .with_base_time(began)
        .with_max_value_divisor(1e6)
        .begin_log_with(to, &mut serializer)?;
    log.write_histogram(&histogram, Duration::ZERO, length, None)
        .map_err(|error| LatencyLogError::Histogram { reason: format!("{error:?}") })
}
