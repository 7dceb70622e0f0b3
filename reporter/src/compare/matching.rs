//! Which measurement of one side stands beside which of the other.

use std::collections::BTreeMap;

use super::across::{Across, FallTogether};
use super::{EnvironmentDifference, NoiseOf};
use crate::analysis::{Cell, CellKey, Cells, Quantity, Sample};

/// A measurement in the runs of one side.
pub(super) struct SideCell<'c, 'a> {
    pub key: CellKey,
    /// A cell for each run that holds it.
    runs: Vec<&'c Cell<'a>>,
}

impl SideCell<'_, '_> {
    /// The values whose noise the comparison is about: the repetitions of the run, or of several runs one value each, the geometric mean of a
    /// run's repetitions. Of runs, those with a valid result where there are any.
    pub fn sample(&self, quantity: Quantity, noise: NoiseOf) -> Option<Sample> {
        let mut samples: Vec<Sample> = self.runs.iter().filter_map(|cell| cell.sample(quantity)).collect();
        if noise == NoiseOf::WithinARun {
            return samples.pop();
        }
        let trusted = samples.iter().any(|sample| sample.trusted);
        samples.retain(|sample| sample.trusted == trusted);
        let values: Vec<f64> = samples.iter().map(Sample::geometric_mean).collect();
        (!values.is_empty()).then_some(Sample { quantity, values, trusted })
    }
}

/// Every measurement of the runs of one side, by its identity without the configuration.
fn side<'c, 'a>(runs: &'c [Cells<'a>], across: &Across) -> BTreeMap<CellKey, Vec<SideCell<'c, 'a>>> {
    let mut cells: BTreeMap<&CellKey, Vec<&'c Cell<'a>>> = BTreeMap::new();
    for cell in runs.iter().flat_map(Cells::iter) {
        cells.entry(&cell.key).or_default().push(cell);
    }
    let mut groups: BTreeMap<CellKey, Vec<SideCell<'c, 'a>>> = BTreeMap::new();
    for (key, runs) in cells {
        groups.entry(across.without(key).measurement()).or_default().push(SideCell { key: key.clone(), runs });
    }
    groups
}

/// Without the keys of `across`, each result of a side must still be one of a kind.
pub(super) fn refuse_falling_together(runs: &[Cells<'_>], name: &'static str, across: &Across) -> Result<(), FallTogether> {
    let mut seen: BTreeMap<CellKey, &CellKey> = BTreeMap::new();
    for key in runs.iter().flat_map(Cells::iter).map(|cell| &cell.key) {
        // Other runs of the side hold the same result.
        if let Some(one) = seen.insert(across.without(key), key).filter(|one| *one != key) {
            let result = |key: &CellKey| {
                let settings = key.configuration.settings_in_words().map(|settings| format!(" ({settings})")).unwrap_or_default();
                format!("{} {} {}{settings}", key.pair, key.stack, key.size)
            };
            return Err(FallTogether { side: name, keys: across.keys().join(","), one: result(one), other: result(key) });
        }
    }
    Ok(())
}

/// What both sides hold, and what only one does.
#[derive(Default)]
pub(super) struct Matches<'c, 'a> {
    pub both: Vec<(SideCell<'c, 'a>, SideCell<'c, 'a>)>,
    pub only_in_base: Vec<CellKey>,
    pub only_in_new: Vec<CellKey>,
    pub configurations: Vec<EnvironmentDifference>,
}

impl<'c, 'a> Matches<'c, 'a> {
    /// Cells with the same key. Where each side has one configuration of a measurement and the two are not the same (one run before tuning and
    /// one after, or an older record that says less), they are compared, and the difference stands before the numbers. The keys of `across` do not
    /// count.
    pub fn of(base: &'c [Cells<'a>], new: &'c [Cells<'a>], across: &Across) -> Self {
        let (base, mut new) = (side(base, across), side(new, across));
        let mut found = Matches::default();
        for (measurement, mut before) in base {
            let mut after = new.remove(&measurement).unwrap_or_default();
            if let ([one], [other]) = (before.as_slice(), after.as_slice())
                && one.key.configuration.tool == other.key.configuration.tool
            {
                found.note_configurations(&across.without(&one.key), &across.without(&other.key));
                found.both.extend(before.pop().zip(after.pop()));
                continue;
            }
            for cell in before {
                match after.iter().position(|other| across.without(&other.key) == across.without(&cell.key)) {
                    Some(at) => found.both.push((cell, after.remove(at))),
                    None => found.only_in_base.push(cell.key),
                }
            }
            found.only_in_new.extend(after.into_iter().map(|cell| cell.key));
        }
        found.only_in_new.extend(new.into_values().flatten().map(|cell| cell.key));
        found
    }

    fn note_configurations(&mut self, base: &CellKey, new: &CellKey) {
        if base.configuration == new.configuration {
            return;
        }
        let difference = EnvironmentDifference {
            what: format!("configuration of {} {}", base.stack, base.method),
            base: Some(base.configuration.to_string()),
            new: Some(new.configuration.to_string()),
        };
        if !self.configurations.contains(&difference) {
            self.configurations.push(difference);
        }
    }
}
