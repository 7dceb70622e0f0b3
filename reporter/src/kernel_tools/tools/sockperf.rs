//! sockperf 3: round trips with percentiles.

use crate::kernel_tools::tool::{Tool, ToolFacts, ToolLimits, ToolSource};
use crate::kernel_tools::{
    CommandLine, Commands, KernelSpec, KernelTool, Measurement, MessageSize, Method, Ready, ToolError, ToolExit, Transport,
};
use crate::record::{LatencyDefinition, RttSummary};

/// The columns of `--full-log`.
const LOG_HEADER: &str = "packet, txTime(sec), rxTime(sec), latency(usec)";

/// sockperf: round trips with percentiles over TCP and UDP.
const TOOL: KernelTool = KernelTool::new("sockperf");

pub(super) struct Sockperf;

impl Tool for Sockperf {
    fn facts(&self) -> &'static ToolFacts {
        &ToolFacts {
            id: TOOL,
            purpose: "it measures round trips with percentiles over TCP and UDP",
            source: ToolSource::Package("sockperf"),
            programs: &["sockperf"],
            version_arguments: &["--version"],
            raw_extension: "txt",
        }
    }

    fn can(&self, method: Method, transport: Transport) -> bool {
        method == Method::PingPong && matches!(transport, Transport::Tcp | Transport::Udp)
    }

    fn limits(&self, _method: Method, _transport: Transport) -> ToolLimits {
        // A message begins with a 14-byte header; MAX_PAYLOAD_SIZE of defs.h limits TCP messages too.
        ToolLimits::sizes(14, ToolLimits::DATAGRAM)
    }

    fn commands(&self, spec: &KernelSpec) -> Commands {
        commands(spec)
    }

    fn recognises(&self, text: &str) -> bool {
        text.lines().any(|line| line.starts_with("sockperf: ") || line.starts_with(LOG_HEADER))
    }

    fn parse(&self, text: &str, exit: ToolExit) -> Result<Vec<Measurement>, ToolError> {
        parse(text, exit)
    }
}

fn commands(spec: &KernelSpec) -> Commands {
    let (address, port, size) = (spec.server.to_string(), spec.port.to_string(), spec.size.bytes().to_string());
    // -t takes whole seconds; of each run sockperf throws away the first 400 ms and the last 50.
    let seconds = spec.extent.seconds_option();
    let transport: &[&str] = if spec.transport == Transport::Tcp { &["--tcp"] } else { &[] };
    let both = ["-i", &address, "-p", &port];
    let extent = ["-t", &seconds, "-m", &size];
    let server = ["server"].iter().chain(&both).chain(transport).copied();
    let bound = spec.client_address.map(|address| address.to_string());
    let bound: Vec<&str> = bound.iter().flat_map(|address| ["--client_ip", address.as_str()]).collect();
    let client = ["ping-pong"].iter().chain(&both).chain(transport).chain(&extent).chain(&bound).copied();
    Commands {
        server: Some(CommandLine::new("sockperf", server).pinned(spec.server_cpu)),
        ready: Some(Ready::Listens { transport: spec.transport, port: spec.port }),
        client: CommandLine::new("sockperf", client).pinned(spec.client_cpu),
        timeout: spec.extent.timeout(),
    }
}

/// Reads what `sockperf ping-pong` prints, and its `--full-log`, several tests in one file and several servers in one test too.
///
/// `Latency is` and `avg-latency` (`avg-lat` up to 3.6) are half a round trip; with `--full-rtt` they read `Round trip is` and `avg-rtt`.
fn parse(text: &str, exit: ToolExit) -> Result<Vec<Measurement>, ToolError> {
    let mut found = Vec::new();
    for test in tests(text) {
        found.extend(measure(&test, exit)?);
    }
    Ok(found)
}

/// The text of each test: each begins with the version, or where that is missing, with what precedes the statistics.
fn tests(text: &str) -> Vec<String> {
    let mark = ["== version #", "[Total Run]", LOG_HEADER].into_iter().find(|mark| text.contains(mark));
    let mut tests = vec![String::new()];
    let mut begun = false;
    for line in text.lines() {
        if mark.is_some_and(|mark| line.contains(mark)) {
            if begun {
                tests.push(String::new());
            }
            begun = true;
        }
        if let Some(test) = tests.last_mut() {
            test.push_str(line);
            test.push('\n');
        }
    }
    tests
}

fn measure(text: &str, exit: ToolExit) -> Result<Vec<Measurement>, ToolError> {
    if text.contains("Summary: BandWidth") || text.contains("Summary: Message Rate") {
        let why = "this is its throughput mode, which counts at the sender only: use iperf3 for goodput".to_owned();
        return Err(ToolError::Unreadable { tool: TOOL, why });
    }
    // Neither ends with an exit code of its own.
    let complaint = text.lines().find_map(|line| {
        line.split_once("ERROR: ").map(|(_, message)| message).or_else(|| line.contains("No messages were received").then_some(line))
    });
    if let Some(message) = complaint {
        return Err(ToolError::Reported { tool: TOOL, message: crate::kernel_tools::outcome::shortened(message.trim()) });
    }
    // One client can measure several servers (-f), each with statistics of its own.
    const OF_A_SERVER: &str = "Printing statistics for Server No:";
    let mut parts = text.split(OF_A_SERVER);
    let head = parts.next().unwrap_or_default();
    let servers: Vec<&str> = parts.collect();
    let texts: Vec<String> =
        if servers.len() > 1 { servers.iter().map(|part| format!("{head}{part}")).collect() } else { vec![text.to_owned()] };
    let mut found = Vec::new();
    for (server, text) in texts.iter().enumerate() {
        let mut measurement = statistics(text, exit)?;
        if texts.len() > 1 {
            measurement.note("server_number", server);
        }
        found.push(measurement);
    }
    Ok(found)
}

fn statistics(text: &str, exit: ToolExit) -> Result<Measurement, ToolError> {
    let Some((definition, summary)) = summary(text).or_else(|| from_rows(text)) else {
        return Err(ToolError::nothing_measured(TOOL, text, exit));
    };
    let transport = if text.contains("# UDP") { Transport::Udp } else { Transport::Tcp };
    let mut measurement = Measurement::new(TOOL, Method::PingPong, transport);
    if !text.contains("# UDP") && !text.contains("# TCP") {
        measurement.remark("the output does not name its transport (a full log does not); TCP is assumed");
    }
    measurement.set_latency(summary, definition);
    // The number is followed by more # in some versions, and missing in builds without one.
    let version = text
        .split_once("== version #")
        .and_then(|(_, rest)| rest.split_whitespace().next())
        .filter(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    measurement.version = version.map(str::to_owned);
    measurement.size = after(text, "--msg-size=").and_then(|bytes| MessageSize::new(bytes as u32));
    let valid = text.split_once("[Valid Duration]").map_or("", |(_, rest)| rest);
    if let Some(seconds) = after(valid, "RunTime=") {
        measurement.set_duration(seconds);
    }
    for (name, key) in
        [("dropped", "# dropped messages = "), ("duplicated", "# duplicated messages = "), ("out_of_order", "# out-of-order messages = ")]
    {
        if let Some(count) = after(text, key).filter(|&count| count > 0.0) {
            measurement.note(&format!("messages_{name}"), count as u64);
        }
    }
    Ok(measurement)
}

/// The printed statistics, in nanoseconds, and what they are of.
fn summary(text: &str) -> Option<(LatencyDefinition, RttSummary)> {
    let half = after(text, "avg-latency=").or_else(|| after(text, "avg-lat="));
    let (definition, mean) = match (after(text, "avg-rtt="), half) {
        (Some(mean), _) => (LatencyDefinition::RoundTrip, mean),
        (None, Some(mean)) => (LatencyDefinition::HalfRoundTripDoubled, mean),
        (None, None) => return None,
    };
    let microseconds = |label: &str| after(text, label).map(|value| value * 1e3);
    let percentile = |label: &str| microseconds(&format!("percentile {label} ="));
    let summary = RttSummary {
        mean: Some(mean * 1e3),
        min: microseconds("<MIN> observation ="),
        p50: percentile("50.000"),
        p90: percentile("90.000"),
        p99: percentile("99.000"),
        p999: percentile("99.900"),
        p9999: percentile("99.990"),
        max: microseconds("<MAX> observation ="),
        count: text.lines().find(|line| line.contains(" observations")).and_then(|line| after(line, "Total ")).map(|count| count as u64),
        histogram: None,
    };
    Some((definition, summary))
}

/// A full log without its summary: `packet, txTime(sec), rxTime(sec), latency(usec)`. The times are of whole round trips.
fn from_rows(text: &str) -> Option<(LatencyDefinition, RttSummary)> {
    let (_, rows) = text.split_once(LOG_HEADER)?;
    let samples = rows.lines().filter_map(|row| {
        let mut cells = row.split(',').map(|cell| cell.trim().parse::<f64>().ok());
        let (_number, sent, received) = (cells.next()??, cells.next()??, cells.next()??);
        Some((received - sent) * 1e9)
    });
    crate::kernel_tools::percentiles::summarise(samples.collect()).map(|summary| (LatencyDefinition::RoundTrip, summary))
}

/// The number that follows a label, finite and not negative.
fn after(text: &str, label: &str) -> Option<f64> {
    let rest = text.split_once(label)?.1.trim_start();
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    rest[..end].trim_end_matches('.').parse::<f64>().ok().filter(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::kernel_tools::Extent;

    #[test]
    fn the_client_and_the_server_agree_on_the_transport() {
        let extent = Extent::For(Duration::from_millis(1500));
        let mut spec =
            KernelSpec::new(Method::PingPong, Transport::Tcp, "10.0.0.2".parse().unwrap(), 11111, MessageSize::new(64).unwrap(), extent);
        assert_eq!(commands(&spec).client.to_string(), "sockperf ping-pong -i 10.0.0.2 -p 11111 --tcp -t 2 -m 64");
        assert_eq!(commands(&spec).server.unwrap().to_string(), "sockperf server -i 10.0.0.2 -p 11111 --tcp");
        spec.transport = Transport::Udp;
        assert_eq!(commands(&spec).server.unwrap().to_string(), "sockperf server -i 10.0.0.2 -p 11111");
    }
}
