//! ping (iputils, and BusyBox's output): ICMP round trips, a second opinion on every other latency.

use crate::kernel_tools::tool::{Limits, Tool, ToolSource};
use crate::kernel_tools::{
    CommandLine, Commands, Extent, KernelSpec, KernelTool, Measurement, MessageSize, Method, ToolError, ToolExit, Transport,
};
use crate::record::{LatencyDefinition, RttSummary};

/// ping: ICMP round trips.
pub(super) const TOOL: KernelTool = KernelTool::new(&Ping);

struct Ping;

impl Tool for Ping {
    fn name(&self) -> &'static str {
        "ping"
    }

    fn purpose(&self) -> &'static str {
        "it measures ICMP round trips"
    }

    fn source(&self) -> ToolSource {
        ToolSource::Package("iputils-ping")
    }

    fn programs(&self) -> &'static [&'static str] {
        &["ping"]
    }

    fn version_command(&self) -> CommandLine {
        CommandLine::new("ping", ["-V"])
    }

    fn can(&self, method: Method, transport: Transport) -> bool {
        (method, transport) == (Method::PingPong, Transport::Icmp)
    }

    fn limits(&self, _method: Method, _transport: Transport) -> Limits {
        // Below 16 bytes of payload ping has no room for the time stamp and prints no round trips.
        Limits { by_messages: true, ..Limits::sizes(16, Limits::DATAGRAM) }
    }

    fn commands(&self, spec: &KernelSpec) -> Commands {
        commands(spec)
    }

    fn recognises(&self, text: &str) -> bool {
        text.lines().any(|line| line.trim_start().starts_with("PING "))
    }

    fn parse(&self, text: &str, exit: ToolExit) -> Result<Vec<Measurement>, ToolError> {
        parse(text, exit)
    }
}

/// Seconds between two requests. Shorter ones need root.
const INTERVAL_S: f64 = 0.002;

fn commands(spec: &KernelSpec) -> Commands {
    let count = match spec.extent {
        Extent::Messages(messages) => u64::from(messages.get()),
        Extent::For(duration) => ((duration.as_secs_f64() / INTERVAL_S).ceil() as u64).max(1),
        Extent::Bytes(_) => 1,
    };
    let (count, interval, size) = (count.to_string(), INTERVAL_S.to_string(), spec.size.bytes().to_string());
    let client = ["-n", "-c", &count, "-i", &interval, "-W", "2", "-s", &size, &spec.server.to_string()].map(str::to_owned);
    Commands { server: None, ready: None, client: CommandLine::new("ping", client).pinned(spec.client_cpu), timeout: spec.extent.timeout() }
}

/// Reads what ping prints: every reply where they are there, else the summary.
fn parse(text: &str, exit: ToolExit) -> Result<Vec<Measurement>, ToolError> {
    let mut measurement = Measurement::new(TOOL, Method::PingPong, Transport::Icmp);
    measurement.size = text.lines().find_map(payload).and_then(MessageSize::new);
    let replies: Vec<f64> = text.lines().filter(|line| !line.contains("(DUP!)")).filter_map(reply_ns).collect();
    let summary = text.lines().find_map(summary_ns);
    let latency = match (crate::kernel_tools::percentiles::summarise(replies), summary) {
        (Some(replies), _) => replies,
        (None, Some(summary)) => summary,
        (None, None) => return Err(no_reply(text, exit)),
    };
    if let Some((sent, received)) = text.lines().find_map(counts) {
        measurement.note("requests", sent);
        measurement.note("replies", received);
        measurement.values.loss_ratio = (sent > 0).then(|| methodology::units::LossRatio::from_counts(sent, received));
    }
    measurement.set_latency(latency, LatencyDefinition::RoundTrip);
    Ok(vec![measurement])
}

fn no_reply(text: &str, exit: ToolExit) -> ToolError {
    match text.lines().find_map(counts) {
        Some((sent, 0)) => ToolError::Reported { tool: TOOL, message: format!("no reply to {sent} requests: unreachable") },
        _ => ToolError::nothing_measured(TOOL, text, exit),
    }
}

/// `PING 10.0.0.2 (10.0.0.2) 56(84) bytes of data.` and BusyBox's `PING 10.0.0.2 (10.0.0.2): 56 data bytes`.
fn payload(line: &str) -> Option<u32> {
    let rest = line.strip_prefix("PING ")?;
    let before = rest.split_once(" bytes of data").or_else(|| rest.split_once(" data bytes"))?.0;
    let word = before.rsplit(' ').next()?;
    word.split('(').next()?.parse().ok()
}

/// `64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=0.037 ms`
fn reply_ns(line: &str) -> Option<f64> {
    let (_, rest) = line.split_once("time=")?;
    let milliseconds: f64 = rest.trim_end().strip_suffix("ms")?.trim_end().parse().ok()?;
    Some(milliseconds * 1e6).filter(|ns| ns.is_finite())
}

/// `rtt min/avg/max/mdev = 0.037/0.040/0.044/0.003 ms`; BusyBox has `round-trip min/avg/max = …`.
fn summary_ns(line: &str) -> Option<RttSummary> {
    let (head, figures) = line.split_once(" = ")?;
    if !head.contains("min/avg/max") {
        return None;
    }
    let figures = figures.split(" ms").next()?;
    let mut figures = figures.split('/').map(|figure| figure.trim().parse::<f64>().ok().filter(|ms| ms.is_finite()).map(|ms| ms * 1e6));
    let (min, mean, max) = (figures.next()??, figures.next()??, figures.next()??);
    Some(RttSummary { min: Some(min), mean: Some(mean), max: Some(max), ..RttSummary::default() })
}

/// `500 packets transmitted, 500 received, 0% packet loss, time 998ms`
fn counts(line: &str) -> Option<(u64, u64)> {
    let (sent, rest) = line.split_once(" packets transmitted, ")?;
    Some((sent.trim().parse().ok()?, rest.split_whitespace().next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREE: &str = "PING 10.0.0.2 (10.0.0.2) 56(84) bytes of data.\n64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=0.040 ms\n64 bytes from 10.0.0.2: icmp_seq=2 ttl=64 time=0.030 ms\n64 bytes from 10.0.0.2: icmp_seq=2 ttl=64 time=9.030 ms (DUP!)\n\n--- 10.0.0.2 ping statistics ---\n3 packets transmitted, 2 received, +1 duplicates, 33.3333% packet loss, time 2ms\nrtt min/avg/max/mdev = 0.030/0.035/0.040/0.005 ms\n";

    #[test]
    fn replies_are_round_trips_in_nanoseconds() {
        let found = parse(THREE, ToolExit::Code(0)).unwrap().remove(0);
        let rtt = found.values.rtt_ns.unwrap();
        assert_eq!((rtt.min, rtt.max, rtt.count), (Some(30_000.0), Some(40_000.0), Some(2)));
        assert_eq!(found.size.unwrap().bytes(), 56);
        assert!((found.values.loss_ratio.unwrap().ratio() - 1.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn busybox_has_only_a_summary() {
        let text = "PING 10.0.0.2 (10.0.0.2): 56 data bytes\n\n--- 10.0.0.2 ping statistics ---\n2 packets transmitted, 2 packets received, 0% packet loss\nround-trip min/avg/max = 0.055/0.056/0.057 ms\n";
        let rtt = parse(text, ToolExit::Unknown).unwrap().remove(0).values.rtt_ns.unwrap();
        assert_eq!((rtt.min, rtt.mean, rtt.p50), (Some(55_000.0), Some(56_000.0), None));
    }

    #[test]
    fn silence_is_an_error() {
        let text = "PING 10.0.0.9 (10.0.0.9) 56(84) bytes of data.\n\n--- 10.0.0.9 ping statistics ---\n5 packets transmitted, 0 received, 100% packet loss, time 4ms\n";
        assert!(parse(text, ToolExit::Code(1)).unwrap_err().to_string().contains("no reply to 5 requests"));
    }
}
