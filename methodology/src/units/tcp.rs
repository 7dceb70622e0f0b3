//! What TCP can reach on a link at best, and RFC 6349's three metrics.

use super::{Goodput, LinkSpeed, PacketRate, Seconds};

/// Ethernet header and FCS (18), preamble (8) and gap (12) around an MTU.
const ETHERNET: u64 = 38;

/// IPv4 and TCP headers without options.
const HEADERS: u64 = 40;

/// The TCP timestamp option with its padding (RFC 7323).
const TIMESTAMPS: u64 = 12;

/// Full-sized frames a second: bps/(8·(MTU+38)), rounded down (RFC 6349 §4.1.1: 1538 bytes for an MTU of 1500).
pub fn tcp_max_frame_rate(link: LinkSpeed, mtu: u32) -> PacketRate {
    PacketRate::from_pps_lossy((link.bps() / (8 * (u64::from(mtu) + ETHERNET))) as f64)
}

/// The most TCP payload a link carries: (MTU − 40)·8 bits a frame, 12 bytes less with timestamps (RFC 6349 §4.1.1). TCP can never
/// read the link's speed: compare with this.
pub fn tcp_goodput_ceiling(link: LinkSpeed, mtu: u32, timestamps: bool) -> Goodput {
    let headers = HEADERS + if timestamps { TIMESTAMPS } else { 0 };
    let payload = u64::from(mtu).saturating_sub(headers) as f64;
    let share = payload / (u64::from(mtu) + ETHERNET) as f64;
    Goodput::new(link.bps() as f64 * share).unwrap_or(Goodput::ZERO)
}

/// TCP Efficiency in percent: (transmitted − retransmitted)/transmitted (RFC 6349 §4.2.1); nothing where nothing was sent.
pub fn tcp_efficiency_percent(transmitted_bytes: u64, retransmitted_bytes: u64) -> Option<f64> {
    (transmitted_bytes > 0).then(|| transmitted_bytes.saturating_sub(retransmitted_bytes) as f64 * 100.0 / transmitted_bytes as f64)
}

/// Buffer Delay in percent: (average RTT − baseline RTT)/baseline RTT (RFC 6349 §4.3.1); nothing without a baseline.
pub fn buffer_delay_percent(average_rtt: Seconds, baseline_rtt: Seconds) -> Option<f64> {
    (!baseline_rtt.is_zero()).then(|| (average_rtt.seconds() - baseline_rtt.seconds()) * 100.0 / baseline_rtt.seconds())
}

/// Transfer Time Ratio: actual over ideal transfer time (RFC 6349 §4.1.2); nothing where the ideal takes no time.
pub fn transfer_time_ratio(actual: Seconds, ideal: Seconds) -> Option<f64> {
    (!ideal.is_zero()).then(|| actual.seconds() / ideal.seconds())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6349 §4.2.1: 102,000 bytes with 2,000 retransmitted; the RFC prints 98.03, cut off instead of rounded.
    #[test]
    fn rfc6349_4_2_1_k20_tcp_efficiency() {
        let efficiency = tcp_efficiency_percent(102_000, 2_000).unwrap();
        assert!((efficiency - 98.039_215).abs() < 1e-6);
        assert_eq!(tcp_efficiency_percent(0, 0), None);
    }

    /// RFC 6349 §4.3.1: 25 ms becomes 32 ms.
    #[test]
    fn rfc6349_4_3_1_k20_buffer_delay() {
        assert!((buffer_delay_percent(Seconds::from_millis(32), Seconds::from_millis(25)).unwrap() - 28.0).abs() < 1e-9);
        assert_eq!(buffer_delay_percent(Seconds::from_millis(32), Seconds::ZERO), None);
    }

    /// RFC 6349 §4.1.1, 10GigE: 812,743 frames/s, 9492 Mbit/s (the RFC cuts off).
    #[test]
    fn rfc6349_4_1_1_k20_ten_gigabit() {
        let link = LinkSpeed::from_mbps(10_000);
        let fps = tcp_max_frame_rate(link, 1500);
        assert_eq!(fps.pps(), 812_743.0);
        assert_eq!((fps.pps() * 1460.0 * 8.0 / 1e6).floor(), 9492.0);
    }

    #[test]
    fn rfc6349_4_1_1_goodput_ceilings_of_a_hundred_gigabit() {
        let link = LinkSpeed::from_mbps(100_000);
        for (mtu, timestamps, gbps) in [(1500, false, 94.928), (1500, true, 94.148), (4096, false, 98.113), (9000, false, 99.137)] {
            let ceiling = tcp_goodput_ceiling(link, mtu, timestamps).bps() / 1e9;
            assert!((ceiling - gbps).abs() < 5e-4, "{mtu}: {ceiling}");
        }
        assert_eq!(tcp_goodput_ceiling(link, 20, false), Goodput::ZERO);
    }

    #[test]
    fn rfc6349_4_1_2_transfer_time_ratio() {
        assert_eq!(transfer_time_ratio(Seconds::from_whole(12), Seconds::from_whole(10)), Some(1.2));
    }
}
