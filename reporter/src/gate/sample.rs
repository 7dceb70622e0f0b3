//! The results of a run, and the noise that those of one kind share.

use std::collections::BTreeMap;

use super::file::Selector;
use crate::analysis::statistics::{LogSpread, SharedNoise, logs, variance};
use crate::analysis::{Cells, Quantity};
use crate::archive::Archive;
use crate::compare::quantities;
use crate::record::{CeilingKind, Metric, Stack};
use crate::runs::ResultKey;

/// A result of the run.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    pub key: ResultKey,
    /// A value a repetition.
    pub values: Vec<f64>,
    /// Whether they come from valid trials.
    pub trusted: bool,
    /// The line rate in the quantity's unit, where the records name one.
    pub line_rate: Option<f64>,
}

type Kind = (Stack, Metric, String, Quantity);

/// The results of a run.
pub struct Results {
    pub results: Vec<Measured>,
    noise: BTreeMap<Kind, SharedNoise>,
}

impl Results {
    pub fn of(archive: &Archive) -> Results {
        let cells = Cells::of(&archive.records);
        let mut results = Vec::new();
        for cell in cells.iter() {
            // The figure of a procedure is as good a target as those that comparisons judge.
            let judged = quantities(&cell.key).iter().chain(&[Quantity::Layer1, Quantity::Layer2, Quantity::Goodput]);
            let mut seen = Vec::new();
            let ceiling = cell.shown().iter().find_map(|record| record.ceiling.as_ref()).filter(|of| of.kind == CeilingKind::LineRate);
            for &quantity in judged {
                let Some(sample) = cell.sample(quantity).filter(|_| !seen.contains(&quantity)) else { continue };
                seen.push(quantity);
                let line_rate = ceiling.and_then(|of| match quantity {
                    Quantity::ForwardingRate => of.pps,
                    Quantity::Layer1 => of.l1_bps,
                    _ => None,
                });
                results.push(Measured {
                    key: ResultKey { key: cell.key.clone(), quantity },
                    values: sample.values,
                    trusted: sample.trusted,
                    line_rate,
                });
            }
        }
        let mut spreads: BTreeMap<Kind, Vec<LogSpread>> = BTreeMap::new();
        for result in results.iter().filter(|result| result.trusted) {
            spreads.entry(kind(&result.key)).or_default().extend(own_spread(&result.values));
        }
        let noise = spreads.into_iter().filter_map(|(kind, spreads)| Some((kind, SharedNoise::of(&spreads)?))).collect();
        Results { results, noise }
    }

    /// The results that a selector means.
    pub fn select(&self, selector: &Selector) -> Vec<&Measured> {
        self.results.iter().filter(|result| selector.means(&result.key)).collect()
    }

    /// How the repetitions of a result vary, drawn towards the noise of its kind where there are enough results of it.
    pub fn spread(&self, result: &Measured) -> Option<LogSpread> {
        let own = own_spread(&result.values)?;
        Some(self.noise.get(&kind(&result.key)).map_or(own, |common| common.moderate(own)))
    }
}

fn kind(key: &ResultKey) -> Kind {
    (key.key.stack, key.key.metric, key.key.configuration.tool.clone(), key.quantity)
}

fn own_spread(values: &[f64]) -> Option<LogSpread> {
    Some(LogSpread { variance: variance(&logs(values)?)?, freedom: (values.len() - 1) as f64 })
}
