//! Round trips: by pair, by percentile, and how much of them was spent in the reflector.

use super::page::Section;
use super::table::Table;
use crate::analysis::statistics::mean;
use crate::analysis::{Amount, Cells, Unit, UnreadHistogram, percentile_curves, shortest_round_trips};
use crate::archive::Archive;
use crate::figure::{self, Styles};
use crate::record::Record;

/// Histograms that could not be read and are named one by one.
const NAMED: usize = 100;

/// The sections in their order.
pub fn sections(archive: &Archive, cells: &Cells<'_>, styles: &Styles) -> [Section; 2] {
    let (curves, unread) = percentile_curves(cells, |path| archive.histogram(path));
    let residence = residence_table(cells);
    let by_pair = Section {
        id: "latency",
        title: "Round trips",
        figures: figure::round_trips(cells).into_iter().collect(),
        method: if residence.is_some() { RESIDENCE_METHOD.to_owned() } else { String::new() },
        tables: residence.map(|table| vec![("Round trip and reflector".to_owned(), table)]).unwrap_or_default(),
        ..Section::default()
    };
    let by_percentile = Section {
        id: "percentiles",
        title: "Round trips by percentile",
        figures: figure::round_trips_by_percentile(&curves, styles),
        tables: unread_table(&unread)
            .map(|table| vec![("Histograms that could not be read and are not drawn".to_owned(), table)])
            .unwrap_or_default(),
        ..Section::default()
    };
    [by_pair, by_percentile]
}

const RESIDENCE_METHOD: &str = "Residence is what the reflector measured between taking a frame and handing it back. RTT minus residence is \
    derived and not measured: the difference of the two medians, which is not the median of the differences. A calibration is shown beside and \
    never subtracted. One-way delays stand only where both ends read one clock.";

/// A column: its head, its value of a record, and whether it must be there even if it is empty.
struct Column {
    head: &'static str,
    of: fn(&Record) -> Option<f64>,
    always: bool,
}

const COLUMNS: [Column; 8] = [
    Column { head: "RTT p50", of: |r| r.values.rtt_ns.as_ref()?.p50, always: true },
    Column { head: "RTT p99", of: |r| r.values.rtt_ns.as_ref()?.p99, always: true },
    Column { head: "residence p50", of: |r| parameter(r, "reflector_residence_ns", "p50"), always: true },
    Column { head: "residence p99", of: |r| parameter(r, "reflector_residence_ns", "p99"), always: true },
    Column { head: "RTT minus residence (p50), derived", of: rtt_minus_residence, always: true },
    Column { head: "calibration RTT p50", of: |r| parameter(r, "calibration_rtt_ns", "p50"), always: false },
    Column { head: "one-way p50", of: |r| r.values.one_way_ns.as_ref()?.p50, always: false },
    Column { head: "one-way p99", of: |r| r.values.one_way_ns.as_ref()?.p99, always: false },
];

fn rtt_minus_residence(record: &Record) -> Option<f64> {
    Some(record.values.rtt_ns.as_ref()?.p50? - parameter(record, "reflector_residence_ns", "p50")?)
}

/// A figure of a distribution that stands among the parameters; one number alone is a median (docs/results.md).
fn parameter(record: &Record, name: &str, figure: &str) -> Option<f64> {
    let value = record.parameters.get(name)?;
    let median = value.as_f64().filter(|_| figure == "p50");
    median.or_else(|| value.get(figure)?.as_f64()).filter(|v| v.is_finite())
}

/// One row a pair; nothing where no record says more than its round trip.
fn residence_table(cells: &Cells<'_>) -> Option<Table> {
    let says_more = |r: &Record| {
        r.values.one_way_ns.is_some()
            || ["reflector_residence_ns", "calibration_rtt_ns"].iter().any(|name| r.parameters.contains_key(*name))
    };
    let rows: Vec<(Vec<String>, Vec<Option<String>>)> = cells
        .pairs()
        .iter()
        .filter_map(|pair| {
            let cell = shortest_round_trips(cells, pair, says_more)?;
            let mark = if cell.valid.is_empty() { " !" } else { "" };
            let value = |column: &Column| {
                let values: Vec<f64> = cell.shown().iter().filter_map(|record| (column.of)(record)).collect();
                mean(&values).map(|value| format!("{}{mark}", Amount { unit: Unit::Nanoseconds, value }))
            };
            let load = cell.key.load.clone().unwrap_or_else(|| "–".to_owned());
            Some((vec![pair.to_string(), load], COLUMNS.iter().map(value).collect()))
        })
        .collect();
    let kept = |column: usize| {
        COLUMNS.get(column).is_some_and(|c| c.always) || rows.iter().any(|row| row.1.get(column).is_some_and(Option::is_some))
    };
    let heads = COLUMNS.iter().enumerate().filter(|(place, _)| kept(*place)).map(|(_, column)| column.head);
    let header = ["pair", "load"].into_iter().chain(heads).map(str::to_owned).collect();
    let text = |values: &[Option<String>]| -> Vec<String> {
        values
            .iter()
            .enumerate()
            .filter(|(place, _)| kept(*place))
            .map(|(_, value)| value.clone().unwrap_or_else(|| "–".to_owned()))
            .collect()
    };
    let body: Vec<Vec<String>> = rows.iter().map(|(names, values)| [names.clone(), text(values)].concat()).collect();
    (!body.is_empty()).then_some(Table { header, rows: body })
}

fn unread_table(unread: &[UnreadHistogram]) -> Option<Table> {
    let mut rows: Vec<Vec<String>> = unread.iter().take(NAMED).map(|one| vec![one.record.to_string(), one.why.clone()]).collect();
    if unread.len() > NAMED {
        rows.push(vec![format!("and {} more", unread.len() - NAMED), String::new()]);
    }
    (!rows.is_empty()).then(|| Table { header: ["record", "why"].map(str::to_owned).into(), rows })
}
