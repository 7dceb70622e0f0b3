use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A port's counters as its driver gives them (`rte_eth_stats_get`, `rte_eth_xstats_get`).
///
/// They attribute loss and never count it: many software drivers leave most of them at 0.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortCounters {
    /// Frames received (`ipackets`).
    pub rx_packets: u64,
    /// Bytes received (`ibytes`), with or without FCS as the driver likes.
    pub rx_bytes: u64,
    /// Frames that the device dropped for want of a descriptor (`imissed`).
    pub rx_missed: u64,
    /// Frames received in error (`ierrors`).
    pub rx_errors: u64,
    /// Frames that the driver dropped for want of an mbuf (`rx_nombuf`).
    pub rx_no_mbuf: u64,
    /// Frames sent (`opackets`).
    pub tx_packets: u64,
    /// Bytes sent (`obytes`).
    pub tx_bytes: u64,
    /// Frames that the device failed to send (`oerrors`).
    pub tx_errors: u64,
    /// The driver's extended counters by its own names.
    pub extended: BTreeMap<String, u64>,
}

impl PortCounters {
    /// All counters in one map, the basic ones by the names of the fields above.
    pub fn flat(&self) -> BTreeMap<String, u64> {
        let basic = [
            ("rx_packets", self.rx_packets),
            ("rx_bytes", self.rx_bytes),
            ("rx_missed", self.rx_missed),
            ("rx_errors", self.rx_errors),
            ("rx_no_mbuf", self.rx_no_mbuf),
            ("tx_packets", self.tx_packets),
            ("tx_bytes", self.tx_bytes),
            ("tx_errors", self.tx_errors),
        ];
        let basic = basic.into_iter().map(|(name, value)| (name.to_owned(), value));
        self.extended.iter().map(|(name, value)| (format!("xstats.{name}"), *value)).chain(basic).collect()
    }
}

/// The port's counters before the first frame and after the last.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CounterPair {
    /// Before.
    pub before: PortCounters,
    /// After.
    pub after: PortCounters,
}

impl CounterPair {
    /// What every counter that changed went up by. Counters that a driver resets count from 0.
    pub fn difference(&self) -> BTreeMap<String, u64> {
        let before = self.before.flat();
        let grown = self.after.flat().into_iter().map(|(name, after)| {
            let before = before.get(&name).copied().unwrap_or(0);
            (name, after.checked_sub(before).unwrap_or(after))
        });
        grown.filter(|(_, by)| *by > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_that_were_reset_count_from_zero() {
        let counters = |packets| PortCounters { tx_packets: packets, ..PortCounters::default() };
        let pair = CounterPair { before: counters(10), after: counters(4) };
        assert_eq!(pair.difference()["tx_packets"], 4);
        let pair = CounterPair { before: counters(4), after: counters(10) };
        assert_eq!(pair.difference()["tx_packets"], 6);
    }
}
