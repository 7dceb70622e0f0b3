/// A value as qperf prints it: `37.4 us`, `12,297 /sec`, `4 KiB (4,096)`, `1.5 million`, `10001141760 bits/sec`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct TestField<'a> {
    number: f64,
    unit: &'a str,
    /// In parentheses: the same, exactly.
    exact: Option<f64>,
}

impl<'a> TestField<'a> {
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim();
        let (text, exact) = match text.split_once('(') {
            Some((before, exact)) => (before.trim_end(), number(exact.trim_end_matches(')').trim())),
            None => (text, None),
        };
        let (digits, unit) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        Some(TestField { number: number(digits)?, unit: unit.trim(), exact })
    }

    /// Nanoseconds (view_time in qperf.c).
    pub(super) fn nanoseconds(self) -> Option<f64> {
        let scale = match self.unit {
            "ns" => 1.0,
            "us" => 1e3,
            "ms" => 1e6,
            "sec" => 1e9,
            _ => return None,
        };
        Some(self.number * scale)
    }

    /// Bits a second. Bytes a second unless `-ub` was given, with prefixes of 1000 (view_band).
    pub(super) fn bits_per_second(self) -> Option<f64> {
        let (prefix, bits) = match self.unit.strip_suffix("/sec")? {
            "bytes" => ("", 8.0),
            "bits" => ("", 1.0),
            unit => match unit.strip_suffix('B') {
                Some(prefix) => (prefix, 8.0),
                None => (unit.strip_suffix('b')?, 1.0),
            },
        };
        Some(self.number * bits * thousands(prefix)?)
    }

    /// Bytes, whole: the figure in parentheses where there is one (view_size, nice_1024).
    pub(super) fn bytes(self) -> Option<u32> {
        let bytes = self.exact.or_else(|| {
            let scale = match self.unit {
                "bytes" | "" => 1.0,
                "KiB" => 1024.0,
                "MiB" => 1024.0 * 1024.0,
                "GiB" => 1024.0 * 1024.0 * 1024.0,
                unit => thousands(unit.strip_suffix('B')?)?,
            };
            Some(self.number * scale)
        })?;
        (bytes >= 0.0 && bytes <= f64::from(u32::MAX)).then_some(bytes.round() as u32)
    }

    /// Cores in use, from `185 % cpus` (view_cpus).
    pub(super) fn cores(self) -> Option<f64> {
        (self.unit == "% cpus").then_some(self.number / 100.0)
    }
}

/// A number with or without thousands separators; finite.
fn number(text: &str) -> Option<f64> {
    let plausible = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b',' | b'.' | b'-' | b'+' | b'e'));
    let value: f64 = if plausible { text.replace(',', "").parse().ok()? } else { return None };
    value.is_finite().then_some(value)
}

fn thousands(prefix: &str) -> Option<f64> {
    Some(match prefix {
        "" => 1.0,
        "K" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantity(text: &str) -> TestField<'_> {
        TestField::parse(text).unwrap()
    }

    #[test]
    fn bytes_a_second_are_not_bits_a_second() {
        assert_eq!(quantity("1.3 GB/sec").bits_per_second(), Some(10.4e9));
        assert_eq!(quantity("10.4 Gb/sec").bits_per_second(), Some(10.4e9));
        assert_eq!(quantity("1757873152 bits/sec").bits_per_second(), Some(1_757_873_152.0));
        assert_eq!(quantity("219734144 bytes/sec").bits_per_second(), Some(1_757_873_152.0));
    }

    #[test]
    fn sizes_use_both_kinds_of_prefix() {
        assert_eq!(quantity("4 KiB (4,096)").bytes(), Some(4096));
        assert_eq!(quantity("64 KiB (65,536)").bytes(), Some(65_536));
        assert_eq!(quantity("2 KB").bytes(), Some(2000));
        assert_eq!(quantity("1 bytes").bytes(), Some(1));
    }

    #[test]
    fn times_and_separators() {
        assert_eq!(quantity("37.4 us").nanoseconds(), Some(37_400.0));
        assert_eq!(quantity("1,234.5 ns").nanoseconds(), Some(1234.5));
        assert_eq!(quantity("12,297").number, 12_297.0);
        assert_eq!(TestField::parse("nan us"), None);
        assert_eq!(TestField::parse(""), None);
    }
}
