//! Round trips: by pair, how much of them was spent in the reflector, and how much in the tester itself.

use std::collections::BTreeSet;

use super::Input;
use super::stacks::{pairs_of_each_bypass, subject};
use crate::amount::{Amount, Unit};
use crate::analysis::statistics::mean;
use crate::analysis::{Cell, Cells, shortest_round_trips};
use crate::figure;
use crate::record::{CalibrationMethod, CalibrationState, Record, ReportView, ShownParameter};
use crate::render::document::{Section, Table};
use crate::render::format;

/// Calibrations that have a remark are named one by one up to this many.
const NAMED: usize = 100;

/// Round trips by pair, and what the reflector and the tester contribute.
pub fn round_trips(input: &Input<'_>) -> Section {
    let residence = residence_table(input.cells).captioned("Round trip and reflector");
    let lead = tester_alone(input.cells);
    let methods = [(residence.is_some(), RESIDENCE_METHOD), (!lead.is_empty(), CALIBRATION_METHOD)];
    Section {
        id: "latency",
        title: "Round trips",
        lead,
        figures: figure::round_trips(input.cells).into_iter().collect(),
        method: methods.into_iter().filter_map(|(there, text)| there.then_some(text)).collect::<Vec<_>>().join(" "),
        tables: residence.into_iter().collect(),
    }
}

const RESIDENCE_METHOD: &str = "Residence is the time between receiving and sending a frame, measured by the reflector. RTT minus residence \
    is derived and not measured: the difference of the two medians, which is not the median of the differences. One-way delays are shown only if \
    both ends read the same clock.";

const CALIBRATION_METHOD: &str = "Tester alone is a calibration: the poll loop of the sender, on the same CPU, with the same frame size and \
    rate, sends to a port that returns each frame at once through memory. This measures the share of the tester in a round trip, without the \
    driver of the real port, a wire or a reflector. It is shown beside the result and never subtracted. A ! means that the calibration was disturbed.";

/// A column: its head, its value of a record, what puts a `!` behind it, and whether it must be there even if it is empty.
struct Column {
    head: &'static str,
    of: fn(&Record) -> Option<f64>,
    doubtful: fn(&Cell<'_>) -> bool,
    always: bool,
}

fn no_valid_trial(cell: &Cell<'_>) -> bool {
    cell.valid.is_empty()
}

/// What spoilt the trial did not spoil the calibration, nor the other way round.
fn disturbed_calibration(cell: &Cell<'_>) -> bool {
    let disturbed = |how: CalibrationMethod| how.state != CalibrationState::Undisturbed;
    cell.shown().iter().any(|record| record.calibration_method().is_some_and(disturbed))
}

const COLUMNS: [Column; 8] = [
    Column { head: "RTT p50", of: |r| r.values.rtt_ns.as_ref()?.p50, doubtful: no_valid_trial, always: true },
    Column { head: "RTT p99", of: |r| r.values.rtt_ns.as_ref()?.p99, doubtful: no_valid_trial, always: true },
    Column { head: "residence p50", of: |r| residence(r, "p50"), doubtful: no_valid_trial, always: true },
    Column { head: "residence p99", of: |r| residence(r, "p99"), doubtful: no_valid_trial, always: true },
    Column { head: "RTT minus residence (p50), derived", of: rtt_minus_residence, doubtful: no_valid_trial, always: true },
    Column {
        head: "tester alone p50 (not subtracted)",
        of: |r| r.calibration_rtt()?.p50.filter(|v| v.is_finite()),
        doubtful: disturbed_calibration,
        always: false,
    },
    Column { head: "one-way p50", of: |r| r.values.one_way_ns.as_ref()?.p50, doubtful: no_valid_trial, always: false },
    Column { head: "one-way p99", of: |r| r.values.one_way_ns.as_ref()?.p99, doubtful: no_valid_trial, always: false },
];

fn rtt_minus_residence(record: &Record) -> Option<f64> {
    Some(record.values.rtt_ns.as_ref()?.p50? - residence(record, "p50")?)
}

/// A figure of the reflector's residence.
fn residence(record: &Record, figure: &str) -> Option<f64> {
    record.parameter(ShownParameter::REFLECTOR_RESIDENCE_NS)?.get(figure)?.as_f64().filter(|v| v.is_finite())
}

/// Whether a record says more of its round trips than how long they were.
fn says_more(record: &Record) -> bool {
    record.values.one_way_ns.is_some()
        || [ShownParameter::REFLECTOR_RESIDENCE_NS, ShownParameter::CALIBRATION_RTT_NS, ShownParameter::CALIBRATION]
            .iter()
            .any(|&key| record.parameter(key).is_some())
}

/// The tester's own share in words, and what is to be known of how it was taken; nothing where no record has a calibration.
fn tester_alone(cells: &Cells<'_>) -> Vec<String> {
    let shown: Vec<&Record> = pairs_of_each_bypass(cells.pairs(), ReportView::Percentiles)
        .iter()
        .filter_map(|(pair, stack)| shortest_round_trips(cells, pair, *stack, says_more))
        .flat_map(|cell| cell.shown().to_vec())
        .collect();
    let medians: Vec<f64> = shown.iter().filter_map(|record| record.calibration_rtt()?.p50).filter(|v| v.is_finite()).collect();
    let amount = |value: f64| Amount { unit: Unit::Nanoseconds, value };
    let least = medians.iter().copied().reduce(f64::min);
    let most = medians.iter().copied().reduce(f64::max);
    let range = least.zip(most).map(|(least, most)| format::range(amount(least).to_string(), amount(most).to_string()));
    let share = range.map(|range| format!("Tester alone: {range} (p50); not subtracted from any round trip here."));
    // One calibration serves several pairs: what is to be said of it is said once.
    let remarks: BTreeSet<String> = shown
        .iter()
        .filter_map(|record| {
            let how = record.calibration_method()?;
            let why = how.detail.map(|detail| format!(": {detail}")).unwrap_or_default();
            match how.state {
                CalibrationState::Undisturbed => None,
                CalibrationState::Disturbed => Some(format!("The calibration at {} was disturbed{why}.", record.pair.from)),
                CalibrationState::Failed => Some(format!("The tester's own share at {} is not known{why}.", record.pair.from)),
            }
        })
        .collect();
    share.into_iter().chain(remarks.into_iter().take(NAMED)).collect()
}

/// One row a pair; nothing where no record says more than its round trip.
fn residence_table(cells: &Cells<'_>) -> Table {
    let rows: Vec<(Vec<String>, Vec<Option<String>>)> = pairs_of_each_bypass(cells.pairs(), ReportView::Percentiles)
        .iter()
        .filter_map(|(pair, stack)| {
            let cell = shortest_round_trips(cells, pair, *stack, says_more)?;
            let value = |column: &Column| {
                let values: Vec<f64> = cell.shown().iter().filter_map(|record| (column.of)(record)).collect();
                mean(&values).map(|value| format::marked(Amount { unit: Unit::Nanoseconds, value }, !(column.doubtful)(cell)))
            };
            let load = format::or_absent(cell.key.load.clone());
            Some((vec![subject(pair, *stack), load], COLUMNS.iter().map(value).collect()))
        })
        .collect();
    let kept = |column: usize| {
        COLUMNS.get(column).is_some_and(|c| c.always) || rows.iter().any(|row| row.1.get(column).is_some_and(Option::is_some))
    };
    let heads = COLUMNS.iter().enumerate().filter(|(place, _)| kept(*place)).map(|(_, column)| column.head);
    let header = ["pair", "load"].into_iter().chain(heads).map(str::to_owned).collect();
    let text = |values: &[Option<String>]| -> Vec<String> {
        values.iter().enumerate().filter(|(place, _)| kept(*place)).map(|(_, value)| format::or_absent(value.clone())).collect()
    };
    let body: Vec<Vec<String>> = rows.iter().map(|(names, values)| [names.clone(), text(values)].concat()).collect();
    Table { header, rows: body }
}
