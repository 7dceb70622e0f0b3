//! iperf 2: goodput, as CSV (`-y C`).

use std::collections::BTreeMap;

use crate::kernel_tools::tool::{Limits, Tool, ToolSource};
use crate::kernel_tools::{CommandLine, Commands, Extent, KernelSpec, KernelTool, Measurement, Method, ToolError, ToolExit, Transport};
use crate::record::ReasonKind;

/// iperf 2: goodput over TCP and UDP.
pub(super) const TOOL: KernelTool = KernelTool::new(&Iperf2);

struct Iperf2;

impl Tool for Iperf2 {
    fn name(&self) -> &'static str {
        "iperf2"
    }

    fn purpose(&self) -> &'static str {
        "it measures goodput over TCP and UDP"
    }

    fn source(&self) -> ToolSource {
        ToolSource::Package("iperf")
    }

    fn programs(&self) -> &'static [&'static str] {
        &["iperf"]
    }

    fn version_command(&self) -> CommandLine {
        CommandLine::new("iperf", ["-v"])
    }

    fn ends_after_bytes(&self, _version: Option<&str>) -> bool {
        true
    }

    fn raw_extension(&self) -> &'static str {
        "csv"
    }

    fn can(&self, method: Method, transport: Transport) -> bool {
        method == Method::Stream && matches!(transport, Transport::Tcp | Transport::Udp)
    }

    fn limits(&self, _method: Method, transport: Transport) -> Limits {
        Limits { streams: 128, by_bytes: true, ..Limits::of(transport) }
    }

    fn commands(&self, spec: &KernelSpec) -> Commands {
        commands(spec)
    }

    fn recognises(&self, text: &str) -> bool {
        text.lines().any(is_csv_line)
            || text
                .lines()
                .map(str::trim_start)
                .any(|line| line.starts_with("Client connecting to ") || line.starts_with("Server listening on "))
    }

    fn parse(&self, text: &str, exit: ToolExit) -> Result<Vec<Measurement>, ToolError> {
        parse(text, exit)
    }
}

fn commands(spec: &KernelSpec) -> Commands {
    let (address, port) = (spec.server.to_string(), spec.port.to_string());
    let mut server: Vec<String> = ["-s", "-p", &port, "-B", &address].map(str::to_owned).into();
    let mut client: Vec<String> = ["-c", &address, "-p", &port, "-y", "C", "-l", &spec.size.bytes().to_string()].map(str::to_owned).into();
    match spec.extent {
        Extent::For(duration) => client.extend(["-t".to_owned(), duration.as_secs_f64().to_string()]),
        Extent::Bytes(bytes) => client.extend(["-n".to_owned(), bytes.to_string()]),
        Extent::Messages(_) => {}
    }
    if spec.streams.get() > 1 {
        client.extend(["-P".to_owned(), spec.streams.to_string()]);
    }
    if spec.transport == Transport::Udp {
        // The default is 1 Mbit/s, and iperf 2 has no word for `as fast as it goes`.
        let rate = spec.udp_rate.map_or_else(|| "1000g".to_owned(), |rate| format!("{:.0}", rate.bps()));
        client.extend(["-u".to_owned(), "-b".to_owned(), rate]);
        server.push("-u".to_owned());
    }
    Commands {
        server: Some(CommandLine::new("iperf", server).pinned(spec.server_cpu)),
        ready: Some((spec.transport, spec.port)),
        client: CommandLine::new("iperf", client).pinned(spec.client_cpu),
        timeout: spec.extent.timeout(),
    }
}

/// One line of CSV: `time,address,port,address,port,id,begin-end,bytes,bits_per_second`, and for UDP five more.
struct Line {
    /// −1 is iperf's own sum of several streams.
    id: i64,
    begin: f64,
    end: f64,
    bytes: f64,
    bps: f64,
    datagrams: Option<Datagrams>,
}

struct Datagrams {
    jitter_ms: f64,
    lost: f64,
    total: f64,
}

/// Whether a line is iperf 2's CSV.
fn is_csv_line(line: &str) -> bool {
    read_line(line).is_some()
}

fn read_line(line: &str) -> Option<Line> {
    let cells: Vec<&str> = line.trim().split(',').collect();
    if cells.len() < 9 || cells[0].len() < 14 || !cells[0].bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let figure = |index: usize| cells.get(index)?.parse::<f64>().ok().filter(|value| value.is_finite());
    let (begin, end) = cells[6].split_once('-')?;
    let datagrams = (cells.len() >= 13).then(|| Some(Datagrams { jitter_ms: figure(9)?, lost: figure(10)?, total: figure(11)? })).flatten();
    Some(Line {
        id: cells[5].parse().ok()?,
        begin: begin.parse().ok().filter(|seconds: &f64| seconds.is_finite())?,
        end: end.parse().ok().filter(|seconds: &f64| seconds.is_finite())?,
        bytes: figure(7)?,
        bps: figure(8)?,
        datagrams,
    })
}

/// Reads `iperf -y C`. Of each stream the line of the longest interval counts; interval lines (`-i`) are parts of it.
fn parse(text: &str, exit: ToolExit) -> Result<Vec<Measurement>, ToolError> {
    let mut streams: BTreeMap<i64, Line> = BTreeMap::new();
    for line in text.lines().filter_map(read_line) {
        let longer = |known: &Line| line.end - line.begin >= known.end - known.begin;
        if streams.get(&line.id).is_none_or(longer) {
            streams.insert(line.id, line);
        }
    }
    if streams.is_empty() {
        if text.lines().any(|line| line.trim_start().starts_with("[ ID]")) {
            let why = "this is its text for people: run iperf again with -y C".to_owned();
            return Err(ToolError::Unreadable { tool: TOOL, why });
        }
        return Err(ToolError::nothing_measured(TOOL, text, exit));
    }
    let single = streams.iter().filter(|(id, _)| **id >= 0).count();
    // 2.1.8 prints no sum for -P in CSV; others do.
    let counted: Vec<&Line> = match streams.get(&-1) {
        Some(sum) => vec![sum],
        None => streams.values().collect(),
    };
    let udp = counted.iter().any(|line| line.datagrams.is_some());
    let mut measurement = Measurement::new(TOOL, Method::Stream, if udp { Transport::Udp } else { Transport::Tcp });
    // Without -b iperf 2 holds UDP to 1 Mbit/s.
    measurement.paced = udp;
    measurement.set_goodput(counted.iter().map(|line| line.bps).sum());
    measurement.set_duration(counted.iter().map(|line| line.end - line.begin).fold(0.0, f64::max));
    measurement.note("streams", single.max(1));
    measurement.note("bytes", counted.iter().map(|line| line.bytes).sum::<f64>());
    if udp {
        take_datagrams(&mut measurement, &counted);
    } else {
        measurement.remark("iperf 2's CSV does not say which end counted; a client counts what it handed to its kernel");
    }
    Ok(vec![measurement])
}

fn take_datagrams(measurement: &mut Measurement, lines: &[&Line]) {
    let datagrams: Vec<&Datagrams> = lines.iter().filter_map(|line| line.datagrams.as_ref()).collect();
    let (lost, total) = datagrams.iter().fold((0.0, 0.0), |(lost, total), line| (lost + line.lost, total + line.total));
    // Without an answer from the server the client prints a total of −1.
    if datagrams.iter().any(|line| line.total <= 0.0) {
        // What was sent is no goodput.
        if let Some(sent) = measurement.values.goodput_bps.take() {
            measurement.note("sent_bps", sent.bps());
        }
        let why = "the server's count is missing, and what the client sent is no goodput: take what the server prints (iperf -s -u -y C)";
        measurement.doubt(ReasonKind::CountersDisagree, why);
        return;
    }
    measurement.note("datagrams", total);
    measurement.note("datagrams_lost", lost);
    measurement.note("jitter_ms", datagrams.iter().map(|line| line.jitter_ms).fold(0.0, f64::max));
    match methodology::units::LossRatio::new(lost / total) {
        Ok(ratio) => measurement.values.loss_ratio = Some(ratio),
        Err(_) => measurement.doubt(ReasonKind::Implausible, format!("{lost} of {total} datagrams lost cannot be")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_streams_are_added_up_and_intervals_are_not() {
        let text = "20260101000000,127.0.0.1,4,127.0.0.1,5001,2,0.0-0.5,50,800\n20260101000000,127.0.0.1,4,127.0.0.1,5001,2,0.0-1.0,100,800\n20260101000000,127.0.0.1,5,127.0.0.1,5001,1,0.0-1.0,200,1600\n";
        let found = parse(text, ToolExit::Code(0)).unwrap().remove(0);
        assert_eq!(found.values.goodput_bps.unwrap().bps(), 2400.0);
        assert_eq!(found.parameters["streams"], 2);
        let with_sum = format!("{text}20260101000000,127.0.0.1,0,127.0.0.1,5001,-1,0.0-1.0,300,2400\n");
        assert_eq!(parse(&with_sum, ToolExit::Code(0)).unwrap()[0].values.goodput_bps.unwrap().bps(), 2400.0);
    }

    #[test]
    fn a_refused_connection_with_exit_code_0_is_an_error() {
        let error = parse("tcp connect failed: Connection refused\n", ToolExit::Code(0)).unwrap_err();
        assert!(matches!(error, ToolError::Reported { .. }), "{error}");
    }

    #[test]
    fn udp_without_the_servers_count_is_not_goodput() {
        let text = "19700101000000,127.0.0.1,46242,127.0.0.1,19812,1,0.0-1.0,1312256,10492927,0.000,0,-1,-0.000,0\n";
        let found = parse(text, ToolExit::Code(0)).unwrap().remove(0);
        assert_eq!(found.doubts[0].kind, ReasonKind::CountersDisagree);
        assert_eq!((found.values.goodput_bps, &found.parameters["sent_bps"]), (None, &10_492_927.0.into()));
        assert_eq!(found.transport, Transport::Udp);
    }
}
