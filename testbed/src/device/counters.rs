//! The counts of a device's two ports.

use serde::Serialize;

use super::error::DeviceError;
use super::place::Place;

/// What one port of a device counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct PortCounters {
    /// Frames that came in.
    pub received: u64,
    /// Frames that went out.
    pub sent: u64,
    /// Frames that were dropped on their way in: by the interface, or for want of a descriptor or a buffer.
    pub dropped_in: u64,
    /// Frames that were dropped on their way out.
    pub dropped_out: u64,
    /// Damaged frames, and failures to send.
    pub errors: u64,
}

impl PortCounters {
    fn since(self, before: PortCounters) -> Option<PortCounters> {
        Some(PortCounters {
            received: self.received.checked_sub(before.received)?,
            sent: self.sent.checked_sub(before.sent)?,
            dropped_in: self.dropped_in.checked_sub(before.dropped_in)?,
            dropped_out: self.dropped_out.checked_sub(before.dropped_out)?,
            errors: self.errors.checked_sub(before.errors)?,
        })
    }
}

/// What both ports of a device counted: the first and the second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct DeviceCounters {
    /// By port.
    pub ports: [PortCounters; 2],
}

impl DeviceCounters {
    /// What was counted since; none where a counter was reset meanwhile.
    pub fn since(self, before: DeviceCounters) -> Option<DeviceCounters> {
        let [first, second] = self.ports;
        Some(DeviceCounters { ports: [first.since(before.ports[0])?, second.since(before.ports[1])?] })
    }
}

/// Counters of an interface in sysfs (Documentation/ABI/testing/sysfs-class-net-statistics), in the order in which they are read.
const OF_INTERFACE: [&str; 8] =
    ["rx_packets", "tx_packets", "rx_dropped", "rx_missed_errors", "rx_over_errors", "tx_dropped", "rx_errors", "tx_errors"];

/// The counters of two kernel interfaces, by one command.
pub(super) fn of_interfaces(place: &Place, interfaces: &[String; 2]) -> Result<DeviceCounters, DeviceError> {
    let files =
        interfaces.iter().flat_map(|interface| OF_INTERFACE.map(|counter| format!("/sys/class/net/{interface}/statistics/{counter}")));
    let files: Vec<String> = files.collect();
    let words: Vec<&str> = std::iter::once("cat").chain(files.iter().map(String::as_str)).collect();
    let said = place.ask(&words)?;
    parse_interfaces(&said).ok_or_else(|| DeviceError::NoCounters {
        device: place.device.clone(),
        place: place.location.to_string(),
        command: format!("cat /sys/class/net/{}/statistics/…", interfaces.join(" ")),
        said: said.lines().last().unwrap_or_default().to_owned(),
    })
}

fn parse_interfaces(said: &str) -> Option<DeviceCounters> {
    let numbers: Vec<u64> = said.split_whitespace().map(str::parse).collect::<Result<_, _>>().ok()?;
    let port = |numbers: &[u64]| match *numbers {
        [received, sent, rx_dropped, rx_missed, rx_over, dropped_out, rx_errors, tx_errors] => {
            Some(PortCounters { received, sent, dropped_in: rx_dropped + rx_missed + rx_over, dropped_out, errors: rx_errors + tx_errors })
        }
        _ => None,
    };
    let (first, second) = numbers.split_at_checked(OF_INTERFACE.len())?;
    Some(DeviceCounters { ports: [port(first)?, port(second)?] })
}

/// What testpmd prints for `show port stats all` (app/test-pmd/config.c, `nic_stats_display`); none where a port is missing or not complete.
pub(super) fn of_testpmd(said: &str) -> Option<DeviceCounters> {
    let port = |number: u8| {
        let block = said.split_once(&format!("NIC statistics for port {number} "))?.1;
        // The block ends with a line of `#` alone.
        let block = block.split_once("\n  ####################################")?.0;
        let count = |name: &str| {
            let after = block.split_once(name)?.1;
            after.split_whitespace().next()?.parse::<u64>().ok()
        };
        Some(PortCounters {
            received: count("RX-packets:")?,
            sent: count("TX-packets:")?,
            dropped_in: count("RX-missed:")? + count("RX-nombuf:")?,
            dropped_out: 0,
            errors: count("RX-errors:")? + count("TX-errors:")?,
        })
    };
    Some(DeviceCounters { ports: [port(0)?, port(1)?] })
}

/// What `ovs-ofctl --no-names dump-ports` prints of ports 1 and 2 (lib/ofp-port.c, `ofputil_format_port_stats`). A count that the port does not have
/// is `?`.
pub(super) fn of_openflow_ports(said: &str) -> Option<DeviceCounters> {
    let port = |number: u8| {
        let is_head =
            |line: &&str| line.trim_start().strip_prefix("port").is_some_and(|rest| rest.trim_start().starts_with(&format!("{number}:")));
        let mut lines = said.lines().skip_while(|line| !is_head(line));
        let (received, sent) = (lines.next()?.split_once("rx ")?.1, lines.next()?.split_once("tx ")?.1);
        let count = |line: &str, name: &str| {
            let value = line.split(", ").find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))?;
            if value == "?" { Some(0) } else { value.parse::<u64>().ok() }
        };
        Some(PortCounters {
            received: count(received, "pkts")?,
            sent: count(sent, "pkts")?,
            dropped_in: count(received, "drop")?,
            dropped_out: count(sent, "drop")?,
            errors: count(received, "errs")? + count(sent, "errs")?,
        })
    };
    Some(DeviceCounters { ports: [port(1)?, port(2)?] })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DPDK 22.11.
    const TESTPMD: &str = "show port stats all

  ######################## NIC statistics for port 0  ########################
  RX-packets: 1200       RX-missed: 3          RX-bytes:  72000
  RX-errors: 1
  RX-nombuf:  4         
  TX-packets: 1199       TX-errors: 2          TX-bytes:  71940

  Throughput (since last show)
  Rx-pps:            0          Rx-bps:            0
  Tx-pps:            0          Tx-bps:            0
  ############################################################################

  ######################## NIC statistics for port 1  ########################
  RX-packets: 7          RX-missed: 0          RX-bytes:  0
  RX-errors: 0
  RX-nombuf:  0         
  TX-packets: 1190       TX-errors: 0          TX-bytes:  0

  Throughput (since last show)
  Rx-pps:            0          Rx-bps:            0
  Tx-pps:            0          Tx-bps:            0
  ############################################################################
";

    #[test]
    fn the_statistics_of_testpmd_are_read_once_they_are_complete() {
        let [first, second] = of_testpmd(TESTPMD).unwrap().ports;
        assert_eq!(first, PortCounters { received: 1200, sent: 1199, dropped_in: 7, dropped_out: 0, errors: 3 });
        assert_eq!((second.received, second.sent), (7, 1190));
        for end in 0..TESTPMD.len() - 80 {
            assert_eq!(of_testpmd(&TESTPMD[..end]), None, "{end}");
        }
    }

    /// Open vSwitch 3.1.0.
    const OVS: &str = "OFPST_PORT reply (xid=0x2): 3 ports
  port LOCAL: rx pkts=0, bytes=0, drop=0, errs=0, frame=0, over=0, crc=0
           tx pkts=0, bytes=0, drop=4, errs=0, coll=0
  port  1: rx pkts=12, bytes=140, drop=1, errs=2, frame=?, over=?, crc=?
           tx pkts=9, bytes=140, drop=3, errs=0, coll=?
  port  2: rx pkts=2, bytes=140, drop=?, errs=0, frame=?, over=?, crc=?
           tx pkts=8, bytes=140, drop=0, errs=4, coll=?
";

    #[test]
    fn the_ports_of_open_vswitch_are_read_by_number_and_a_missing_one_is_noticed() {
        let [first, second] = of_openflow_ports(OVS).unwrap().ports;
        assert_eq!(first, PortCounters { received: 12, sent: 9, dropped_in: 1, dropped_out: 3, errors: 2 });
        assert_eq!(second, PortCounters { received: 2, sent: 8, dropped_in: 0, dropped_out: 0, errors: 4 });
        assert_eq!(of_openflow_ports(OVS.split_once("  port  2").unwrap().0), None);
    }

    #[test]
    fn a_counter_that_was_reset_gives_no_difference() {
        let of = |received| DeviceCounters { ports: [PortCounters { received, ..PortCounters::default() }, PortCounters::default()] };
        assert_eq!(of(7).since(of(5)), Some(of(2)));
        assert_eq!(of(3).since(of(5)), None);
    }

    #[test]
    fn the_counters_of_two_interfaces_are_read_in_order_and_a_missing_one_is_noticed() {
        let [first, second] = parse_interfaces("1\n2\n3\n4\n5\n6\n7\n8\n10\n20\n0\n0\n0\n0\n0\n0\n").unwrap().ports;
        assert_eq!(first, PortCounters { received: 1, sent: 2, dropped_in: 12, dropped_out: 6, errors: 15 });
        assert_eq!((second.received, second.sent), (10, 20));
        assert_eq!(parse_interfaces("1\n2\n3\n4\n5\n6\n7\n8\n10\n"), None);
    }
}
