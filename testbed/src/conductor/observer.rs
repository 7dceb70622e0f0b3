use std::time::Duration;

use reporter::record::Record;

/// Receives progress events of a run.
pub trait Observer {
    /// A measurement begins.
    fn begins(&mut self, step: &StepInfo);
    /// A measurement ended; its record is in the run directory.
    fn ended(&mut self, record: &Record);
    /// A measurement of many trials has finished one more.
    fn trial(&mut self, note: &str);
}

/// The measurement that begins.
#[derive(Debug, Clone, PartialEq)]
pub struct StepInfo {
    /// For people: `a-cpu→b-dpu dpdk mrr 64 B`.
    pub title: String,
    /// Its number, from 1.
    pub number: usize,
    /// The number of measurements of the run.
    pub of: usize,
    /// The expected time until the end of the run.
    pub left: Duration,
}
