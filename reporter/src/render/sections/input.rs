use crate::analysis::{Analysis, Cells, KindCost};
use crate::archive::Archive;
use crate::figure::{ProcedureResult, Styles};

/// What a section is made from.
pub struct Input<'a> {
    /// The run, with its histograms.
    pub archive: &'a Archive,
    /// Its records by measurement.
    pub cells: &'a Cells<'a>,
    /// What they say together.
    pub analysis: &'a Analysis,
    /// What each kind of endpoint costs; with the results of further runs, where the report has them.
    pub kind_costs: Vec<KindCost>,
    /// One colour and mark for each pair, the same in every figure.
    pub styles: Styles,
    /// What searches and RFC procedures found.
    pub procedure_results: Vec<ProcedureResult>,
}
