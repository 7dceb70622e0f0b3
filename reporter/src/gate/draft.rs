//! A file of expectations from a run that is as it should be.

use std::fmt::Write;

use super::file::USUAL_TOLERANCE;
use super::sample::{Measured, Results};
use crate::analysis::statistics::{IntervalMethod, LogDifference, geometric_mean};
use crate::archive::Archive;
use crate::compare::quantities;
use crate::record::json_name;

/// The text of `expect.toml`: each valid result of a run as an absolute value. Where the run's own noise is too large for the usual tolerance,
/// the tolerance is wider, so that the run passes its own gate.
pub fn draft(archive: &Archive) -> String {
    let name = archive.name();
    let mut text = format!(
        "# Expectations of `linerate gate`, drafted from {}.\n\
         # Instead of at_least or at_most: line_rate = \"95%\", baseline = \"runs/good\" or history = \"runs\".\n\
         confidence = 0.95\ntolerance = \"5%\"\n",
        name.escape_debug()
    );
    let results = Results::of(archive);
    let (mut once, mut not_valid) = (0, 0);
    for result in results.results.iter().filter(|result| quantities(&result.key.key).contains(&result.key.quantity)) {
        match (result.trusted, results.spread(result)) {
            (false, _) => not_valid += 1,
            (true, None) => once += 1,
            (true, Some(spread)) => {
                let squared = (spread.variance / result.values.len() as f64).max(f64::MIN_POSITIVE);
                let noise = LogDifference {
                    difference: 0.0,
                    standard_error: squared.sqrt(),
                    freedom: spread.freedom,
                    method: IntervalMethod::SharedSpreadLog,
                };
                // Twice what the interval reaches: the next run has noise of its own.
                let reach = noise.interval().map_or(0.0, |interval| 2.0 * (interval.high - 1.0));
                write_expectation(&mut text, result, (reach > USUAL_TOLERANCE).then_some(reach));
            }
        }
    }
    if once > 0 {
        let _ = write!(text, "\n# {once} results were measured once: a gate cannot tell them from noise. Repeat them.\n");
    }
    if not_valid > 0 {
        let _ = write!(text, "\n# {not_valid} results have no valid trial and are left out.\n");
    }
    text
}

fn write_expectation(text: &mut String, result: &Measured, tolerance: Option<f64>) {
    let (key, quantity) = (&result.key.key, result.key.quantity);
    let Some(mean) = geometric_mean(&result.values).filter(|mean| *mean > 0.0) else { return };
    let quoted = |value: &str| toml::Value::String(value.to_owned()).to_string();
    let mut line = |key: &str, value: String| {
        let _ = writeln!(text, "{key} = {value}");
    };
    line("\n[[expect]]\npair", quoted(&format!("{}:{}", key.pair.from, key.pair.to)));
    line("stack", quoted(key.stack.name()));
    line(key.size.kind.name(), key.size.bytes.to_string());
    line("quantity", quoted(&json_name(&quantity).unwrap_or_default()));
    line("method", quoted(&key.method));
    key.load.iter().for_each(|load| line("load", quoted(load)));
    key.configuration.settings_in_words().iter().for_each(|setup| line("setup", quoted(setup)));
    line(if quantity.higher_is_better() { "at_least" } else { "at_most" }, quoted(&quantity.amount(mean).to_string()));
    tolerance.iter().for_each(|share| line("tolerance", quoted(&format!("{}%", (share * 100.0).ceil().min(100.0)))));
}
