use serde::{Serialize, Serializer};

use super::statistics::{Interval, NoInterval, ratio_interval, ratio_of_geometric_means};
use super::{CellKey, Cells, Configuration, Quantity, Sample, interval_or_null};
use crate::record::{Metric, ReportView};

/// One measurement with several numbers of queues or flows, or several bursts.
#[derive(Debug, Clone, Serialize)]
pub struct Tuning {
    /// What was measured; its configuration is empty.
    pub measurement: CellKey,
    /// By queues, then by flows, then by burst.
    pub rates: Vec<TunedRate>,
    /// Which of them is fastest, where any result can be trusted.
    pub fastest: Option<Fastest>,
}

/// The rate of one configuration.
#[derive(Debug, Clone, Serialize)]
pub struct TunedRate {
    /// With how many queues and flows, and which burst.
    pub configuration: Configuration,
    /// Frames a second.
    pub rate: Sample,
}

/// The fastest configuration beside the plainest.
#[derive(Debug, Clone, Serialize)]
pub struct Fastest {
    /// The fastest.
    pub configuration: Configuration,
    /// Its rate over that of the plainest (fewest queues, then fewest flows; of those the first burst), as the ratio of geometric means; none
    /// where it is the plainest.
    pub over_plainest: Option<(Configuration, f64)>,
    /// The 95 % interval of that ratio, or why there is none.
    #[serde(serialize_with = "interval_or_null")]
    pub interval: Result<Interval, NoInterval>,
    /// Its rate over that of the second fastest, and the 95 % interval.
    #[serde(serialize_with = "ratio_with_interval_or_null")]
    pub over_second: Option<(f64, Result<Interval, NoInterval>)>,
}

fn ratio_with_interval_or_null<S: Serializer>(ratio: &Option<(f64, Result<Interval, NoInterval>)>, to: S) -> Result<S::Ok, S::Error> {
    ratio.map(|(ratio, interval)| (ratio, interval.ok())).serialize(to)
}

/// Every throughput of linerate's own that was measured with more than one number of queues or flows, or more than one burst.
pub fn tunings(cells: &Cells<'_>) -> Vec<Tuning> {
    let mut found: Vec<Tuning> = Vec::new();
    for cell in cells.iter().filter(|c| c.key.stack.is_in(ReportView::Tuning) && c.key.metric == Metric::Throughput) {
        let Some(rate) = cell.sample(Quantity::ForwardingRate) else { continue };
        let measurement = cell.key.measurement();
        let tuned = TunedRate { configuration: cell.key.configuration.clone(), rate };
        match found.iter_mut().find(|tuning| tuning.measurement == measurement) {
            Some(tuning) => tuning.rates.push(tuned),
            None => found.push(Tuning { measurement, rates: vec![tuned], fastest: None }),
        }
    }
    found.retain(|tuning| {
        let setup = |c: &Configuration| (c.setup_in_words(), c.burst());
        let first = tuning.rates.first().map(|rate| setup(&rate.configuration));
        tuning.rates.iter().any(|rate| Some(setup(&rate.configuration)) != first)
    });
    for tuning in &mut found {
        tuning.rates.sort_by_key(|rate| (rate.configuration.queues(), rate.configuration.flows(), rate.configuration.burst()));
        tuning.fastest = fastest(&tuning.rates);
    }
    found
}

fn fastest(rates: &[TunedRate]) -> Option<Fastest> {
    let mut trusted: Vec<&TunedRate> = rates.iter().filter(|rate| rate.rate.trusted).collect();
    let plainest = *trusted.iter().min_by_key(|rate| {
        let (sender, receiver) = rate.configuration.queues();
        (sender.saturating_add(receiver), rate.configuration.flows(), rate.configuration.burst())
    })?;
    trusted.sort_by(|a, b| b.rate.centre().total_cmp(&a.rate.centre()));
    let best = *trusted.first()?;
    let over = |other: &TunedRate| -> Option<(f64, Result<Interval, NoInterval>)> {
        let (best, other) = (&best.rate.values, &other.rate.values);
        Some((ratio_of_geometric_means(best, other)?, ratio_interval(best, other)))
    };
    let plainest = Some(plainest).filter(|plainest| plainest.configuration != best.configuration);
    let over_plainest = plainest.and_then(over);
    Some(Fastest {
        configuration: best.configuration.clone(),
        over_plainest: plainest.zip(over_plainest).map(|(plainest, (ratio, _))| (plainest.configuration.clone(), ratio)),
        interval: over_plainest.map_or(Err(NoInterval::MeasuredOnce), |(_, interval)| interval),
        over_second: trusted.get(1).and_then(|second| over(second)),
    })
}
