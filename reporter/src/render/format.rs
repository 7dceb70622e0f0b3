//! Numbers and counts as text. [`Amount`] writes a value with its unit; the functions here write what surrounds it.

use crate::amount::{Amount, Unit, three_digits};
pub(crate) use crate::amount::{counted, signed_percent};
use crate::analysis::Sample;
use crate::analysis::statistics::{Interval, NoInterval};

/// Stands where there is no value.
pub const ABSENT: &str = "–";

/// The text, or [`ABSENT`].
pub fn or_absent(text: Option<String>) -> String {
    text.unwrap_or_else(|| ABSENT.to_owned())
}

/// `0`, `0.02 %`, `35 %`. A loss above zero never reads as 0.
pub fn percent(ratio: f64) -> String {
    if ratio == 0.0 {
        "0".to_owned()
    } else if ratio < 1e-6 {
        "<0.0001 %".to_owned()
    } else {
        Amount { unit: Unit::Percent, value: ratio * 100.0 }.to_string()
    }
}

/// `0`, `0.02 to 35 %`.
pub fn percent_range(low: f64, high: f64) -> String {
    match (percent(low), percent(high)) {
        (low, high) if low == high => low,
        (low, high) => format!("{} to {high}", low.trim_end_matches(" %")),
    }
}

/// A share of the variation. Only the whole reads as 100 %.
pub fn share(explained: f64) -> String {
    match explained {
        s if s > 0.995 => "over 99 %".to_owned(),
        s => format!("{:.0} %", s * 100.0),
    }
}

/// `5.02×`.
pub fn ratio(value: f64) -> String {
    Amount { unit: Unit::Ratio, value }.to_string()
}

/// `2.01 times (95 %: 1.93 to 2.10)`, or why there is no interval: `2.01 times (measured once)`.
pub fn times(ratio: f64, interval: Result<Interval, NoInterval>) -> String {
    let interval = interval.map_or_else(|why| why.to_string(), |i| format!("95 %: {} to {}", three_digits(i.low), three_digits(i.high)));
    format!("{} times ({interval})", three_digits(ratio))
}

/// A result; `!` marks one that does not come from valid trials.
pub fn marked(amount: impl std::fmt::Display, trusted: bool) -> String {
    if trusted { amount.to_string() } else { format!("{amount} !") }
}

/// The mean of a sample, marked.
pub fn sample(sample: Option<Sample>) -> String {
    or_absent(sample.map(|s| marked(s.quantity.amount(s.centre()), s.trusted)))
}

/// Two texts as a range; one where they are equal.
pub fn range(low: String, high: String) -> String {
    if low == high { low } else { format!("{low} to {high}") }
}

/// `< 0.001`, `0.012`.
pub fn p_in_table(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_owned() } else { format!("{p:.3}") }
}

/// `p < 0.001`, `p = 0.012`.
pub fn p_value(p: f64) -> String {
    if p < 0.001 { "p < 0.001".to_owned() } else { format!("p = {p:.3}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_that_is_there_never_reads_as_none() {
        for (ratio, text) in [(0.0, "0"), (1e-9, "<0.0001 %"), (0.0002, "0.0200 %"), (0.35, "35.0 %"), (1.0, "100 %")] {
            assert_eq!(percent(ratio), text);
        }
        assert_eq!(percent_range(0.0002, 0.35), "0.0200 to 35.0 %");
        assert_eq!(percent_range(0.0, 0.0), "0");
    }

    #[test]
    fn only_the_whole_is_all_of_the_variation() {
        assert_eq!((share(0.999).as_str(), share(0.42).as_str()), ("over 99 %", "42 %"));
    }
}
