use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::UnitError;

/// Lost frames over sent frames, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct LossRatio(f64);

impl LossRatio {
    /// No loss.
    pub const ZERO: LossRatio = LossRatio(0.0);
    /// Everything lost.
    pub const ONE: LossRatio = LossRatio(1.0);

    /// A ratio from 0 to 1.
    pub fn new(ratio: f64) -> Result<Self, UnitError> {
        if (0.0..=1.0).contains(&ratio) {
            Ok(LossRatio(ratio))
        } else {
            Err(UnitError::OutOfRange { what: "loss ratio", value: ratio.to_string(), allowed: "0 to 1".to_owned() })
        }
    }

    /// For constants of this crate: from 0 to 1 by their writing.
    pub(crate) const fn of_known(ratio: f64) -> Self {
        LossRatio(ratio)
    }

    /// (sent − received)/sent (RFC 2544 §26.3), 0 where nothing was sent and where more came than went.
    pub fn from_counts(sent: u64, received: u64) -> Self {
        if sent == 0 { LossRatio::ZERO } else { LossRatio(sent.saturating_sub(received) as f64 / sent as f64) }
    }

    /// The ratio, 0 to 1.
    pub const fn ratio(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for LossRatio {
    type Error = UnitError;
    fn try_from(ratio: f64) -> Result<Self, UnitError> {
        LossRatio::new(ratio)
    }
}

impl From<LossRatio> for f64 {
    fn from(ratio: LossRatio) -> f64 {
        ratio.0
    }
}

impl FromStr for LossRatio {
    type Err = UnitError;

    /// Reads `0.5%` and `0.005`.
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let trimmed = text.trim();
        let (digits, scale) = trimmed.strip_suffix('%').map_or((trimmed, 1.0), |digits| (digits, 100.0));
        let value = digits.trim_end().parse::<f64>().map_err(|_| UnitError::Unreadable {
            text: text.to_owned(),
            what: "loss ratio",
            example: "a share such as 0.5% or 0.005",
        })?;
        LossRatio::new(value / scale)
    }
}

impl fmt::Display for LossRatio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.0 * 100.0;
        match percent {
            0.0 => f.write_str("0 %"),
            p if p < 0.01 => write!(f, "{p:.1e} %"),
            p => write!(f, "{p:.2} %"),
        }
    }
}

/// A share of line rate, above 0 and at most 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Share(f64);

impl Share {
    /// All of it.
    pub const FULL: Share = Share(1.0);

    /// A share above 0 and at most 1.
    pub fn new(share: f64) -> Result<Self, UnitError> {
        if share > 0.0 && share <= 1.0 {
            Ok(Share(share))
        } else {
            Err(UnitError::OutOfRange {
                what: "share of line rate",
                value: format!("{} %", percent(share)),
                allowed: "above 0 % and at most 100 %".to_owned(),
            })
        }
    }

    /// RFC 8239 §2.2: a generator sends at most 99.98 % of nominal line rate, so that a receiver with a slower clock is not overrun.
    pub const RFC8239_CAP: Share = Share(0.9998);

    /// For constants of this crate: above 0 and at most 1 by their writing.
    pub(crate) const fn of_known(share: f64) -> Self {
        Share(share)
    }

    /// The share, 0 to 1.
    pub const fn share(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Share {
    type Error = UnitError;
    fn try_from(share: f64) -> Result<Self, UnitError> {
        Share::new(share)
    }
}

impl From<Share> for f64 {
    fn from(share: Share) -> f64 {
        share.0
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", percent(self.0))
    }
}

/// A ratio as the shortest decimal number of percent that is the same ratio: `110` for 1.1, not `110.00000000000001`. The only place where a
/// ratio becomes percent in full precision.
pub fn percent(ratio: f64) -> String {
    let product = ratio * 100.0;
    // 17 significant digits tell any two floats apart.
    let tries = (0..17).filter_map(|decimals| format!("{product:.decimals$e}").parse::<f64>().ok());
    tries.into_iter().find(|percent| percent / 100.0 == ratio).unwrap_or(product).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn percent_are_what_was_written() {
        for text in ["110", "33.3", "0.57", "99.98", "28.999999", "7", "0.0001", "100"] {
            let ratio = text.parse::<f64>().unwrap() / 100.0;
            assert_eq!(percent(ratio), text);
        }
        assert!(Share::new(1.1).unwrap_err().to_string().contains("110 %"));
        assert_eq!((percent(f64::NAN), percent(f64::INFINITY)), ("NaN".to_owned(), "inf".to_owned()));
    }

    proptest! {
        #[test]
        fn percent_that_were_written_are_printed_again(written in 1u32..100_000) {
            let decimal = f64::from(written) / 1000.0;
            prop_assert_eq!(percent(decimal / 100.0), decimal.to_string());
        }
    }

    #[test]
    fn nothing_sent_is_no_division_by_zero() {
        assert_eq!(LossRatio::from_counts(0, 0), LossRatio::ZERO);
        assert_eq!(LossRatio::from_counts(100, 75).ratio(), 0.25);
        assert_eq!(LossRatio::from_counts(100, 101), LossRatio::ZERO);
        assert_eq!("0.5%".parse::<LossRatio>().unwrap().ratio(), 0.005);
    }
}
