/// Bits a second in one of netperf's units (`-f`), as tables and selectors print it: `10^6bits/sec`, `GBytes/s`. Bits count in powers of 1000 and bytes in
/// powers of 1024 (format_units in netlib.c).
pub(super) fn bits_per_second(unit: &str) -> Option<f64> {
    let unit = unit.trim().strip_suffix("/sec").or_else(|| unit.trim().strip_suffix("/s"))?;
    Some(match unit {
        "bits" => 1.0,
        "10^3bits" => 1e3,
        "10^6bits" => 1e6,
        "10^9bits" => 1e9,
        "Bytes" | "bytes" => 8.0,
        "KBytes" => 8.0 * 1024.0,
        "MBytes" => 8.0 * 1024.0 * 1024.0,
        "GBytes" => 8.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    })
}

/// What netperf uses where it is not told otherwise.
pub(super) const DEFAULT: f64 = 1e6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_decimal_and_bytes_are_binary() {
        let units = ["10^3bits/sec", "10^6bits/s", "10^9bits/sec", "KBytes/sec", "MBytes/s", "GBytes/sec", "Trans/s", "sec", "us/KB"];
        let scales = [Some(1e3), Some(1e6), Some(1e9), Some(8192.0), Some(8_388_608.0), Some(8_589_934_592.0), None, None, None];
        assert_eq!(units.map(bits_per_second), scales);
    }
}
