use serde::Serialize;

use super::statistics::{self, Interval};
use super::{CellKey, Cells, Configuration, Quantity, Sample};
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
    /// Its rate over that of the plainest (fewest queues, then fewest flows; of those the first burst); none where it is the plainest.
    pub over_plainest: Option<(Configuration, f64)>,
    /// The 95 % interval of that ratio.
    pub interval: Option<Interval>,
    /// Its rate over that of the second fastest, and the 95 % interval.
    pub over_second: Option<(f64, Option<Interval>)>,
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
    let over = |other: &TunedRate| {
        (best.rate.centre() / other.rate.centre(), statistics::ratio_interval(&best.rate.values, &other.rate.values, 1))
    };
    let beside = Some(plainest).filter(|plainest| plainest.configuration != best.configuration);
    Some(Fastest {
        configuration: best.configuration.clone(),
        over_plainest: beside.map(|plainest| (plainest.configuration.clone(), over(plainest).0)),
        interval: beside.and_then(|plainest| over(plainest).1),
        over_second: trusted.get(1).map(|second| over(second)),
    })
}
