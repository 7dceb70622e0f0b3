use std::fmt;
use std::ops::{Add, Mul, Sub};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::UnitError;

/// A span of time in seconds, finite and not negative. Read from `60`, `"60s"`, `"5ms"`, `"10us"`, `"30min"`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "f64")]
pub struct Seconds(f64);

/// What a person or a program may write where a span is meant.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Number(f64),
    Text(String),
}

impl Seconds {
    /// No time.
    pub const ZERO: Seconds = Seconds(0.0);

    /// A span that is finite and not negative.
    pub fn new(seconds: f64) -> Result<Self, UnitError> {
        if seconds.is_finite() && seconds >= 0.0 {
            Ok(Seconds(seconds))
        } else {
            Err(UnitError::OutOfRange { what: "duration", value: format!("{seconds} s"), allowed: "finite and not negative".to_owned() })
        }
    }

    /// For values this crate computed itself: anything that is not a span becomes no time.
    pub(crate) fn lossy(seconds: f64) -> Self {
        Seconds::new(seconds).unwrap_or(Seconds::ZERO)
    }

    /// Whole seconds.
    pub const fn from_whole(seconds: u32) -> Self {
        Seconds(seconds as f64)
    }

    /// Whole milliseconds.
    pub const fn from_millis(millis: u32) -> Self {
        Seconds(millis as f64 / 1e3)
    }

    /// Whole microseconds.
    pub const fn from_micros(micros: u32) -> Self {
        Seconds(micros as f64 / 1e6)
    }

    /// The span in seconds.
    pub const fn seconds(self) -> f64 {
        self.0
    }

    /// Whether no time passes.
    pub fn is_zero(self) -> bool {
        self.0 == 0.0
    }

    /// Rounded to whole nanoseconds.
    pub fn nanoseconds(self) -> Nanoseconds {
        Nanoseconds::new((self.0 * 1e9).round() as u64)
    }

    /// As the standard library's span.
    pub fn duration(self) -> std::time::Duration {
        std::time::Duration::try_from_secs_f64(self.0).unwrap_or(std::time::Duration::MAX)
    }
}

impl From<std::time::Duration> for Seconds {
    fn from(span: std::time::Duration) -> Self {
        Seconds(span.as_secs_f64())
    }
}

impl Add for Seconds {
    type Output = Seconds;
    fn add(self, other: Seconds) -> Seconds {
        Seconds::lossy(self.0 + other.0)
    }
}

/// The difference, or no time where the second span is the longer.
impl Sub for Seconds {
    type Output = Seconds;
    fn sub(self, other: Seconds) -> Seconds {
        Seconds::lossy(self.0 - other.0)
    }
}

impl Mul<f64> for Seconds {
    type Output = Seconds;
    fn mul(self, factor: f64) -> Seconds {
        Seconds::lossy(self.0 * factor)
    }
}

impl TryFrom<Written> for Seconds {
    type Error = UnitError;
    fn try_from(written: Written) -> Result<Self, UnitError> {
        match written {
            Written::Number(seconds) => Seconds::new(seconds),
            Written::Text(text) => text.parse(),
        }
    }
}

impl From<Seconds> for f64 {
    fn from(span: Seconds) -> f64 {
        span.0
    }
}

impl FromStr for Seconds {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let unreadable = || UnitError::Unreadable {
            text: text.to_owned(),
            what: "duration",
            example: "a number with a unit such as 60s, 5ms, 10us, 250ns or 30min",
        };
        let trimmed = text.trim();
        let end = trimmed.find(|c: char| c.is_alphabetic() && c != 'e' && c != 'E').unwrap_or(trimmed.len());
        let value: f64 = trimmed[..end].trim_end().parse().map_err(|_| unreadable())?;
        let scale = match &trimmed[end..] {
            "" | "s" | "sec" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            "min" | "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(unreadable()),
        };
        Seconds::new(value * scale)
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (value, unit) = match self.0 {
            0.0 => (0.0, "s"),
            s if s < 1e-6 => (s * 1e9, "ns"),
            s if s < 1e-3 => (s * 1e6, "µs"),
            s if s < 1.0 => (s * 1e3, "ms"),
            s => (s, "s"),
        };
        let text = format!("{value:.3}");
        write!(f, "{} {unit}", text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// A delay in whole nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Nanoseconds(u64);

impl Nanoseconds {
    /// No delay.
    pub const ZERO: Nanoseconds = Nanoseconds(0);

    /// A delay of `ns` nanoseconds.
    pub const fn new(ns: u64) -> Self {
        Nanoseconds(ns)
    }

    /// The delay in nanoseconds.
    pub const fn ns(self) -> u64 {
        self.0
    }

    /// The delay in seconds.
    pub fn seconds(self) -> Seconds {
        Seconds(self.0 as f64 / 1e9)
    }
}

impl fmt::Display for Nanoseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.seconds().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_as_people_write_them() {
        for (text, seconds) in
            [("60", 60.0), ("60s", 60.0), ("5ms", 0.005), ("10 us", 10e-6), ("30min", 1800.0), ("1e-3s", 1e-3), ("250ns", 250e-9)]
        {
            let read: Seconds = text.parse().unwrap();
            assert!((read.seconds() - seconds).abs() < 1e-12, "{text}");
        }
        for bad in ["", "s", "-1s", "5 parsecs", "nan", "inf"] {
            assert!(bad.parse::<Seconds>().is_err(), "{bad}");
        }
        assert_eq!(serde_json::from_str::<Seconds>("\"5ms\"").unwrap(), Seconds::from_millis(5));
        assert_eq!(serde_json::from_str::<Seconds>("1.5").unwrap().to_string(), "1.5 s");
        assert!(serde_json::from_str::<Seconds>("-1").is_err());
    }

    #[test]
    fn no_span_is_negative() {
        assert_eq!(Seconds::from_whole(1) - Seconds::from_whole(2), Seconds::ZERO);
    }
}
