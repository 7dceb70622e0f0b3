//! neper 1.1 (github.com/google/neper): request/response and stream, printed as `key=value`.

use crate::kernel_tools::tool::{Tool, ToolFacts, ToolLimits, ToolSource};
use crate::kernel_tools::{
    CommandLine, Commands, Direction, KernelSpec, KernelTool, Measurement, MessageSize, Method, Ready, ToolError, ToolExit, Transport,
};
use crate::record::{LatencyDefinition, ReasonKind, RttSummary};

/// neper: round trips with percentiles, and goodput, over TCP and UDP.
const TOOL: KernelTool = KernelTool::new("neper");

pub(super) struct Neper;

impl Tool for Neper {
    fn facts(&self) -> &'static ToolFacts {
        &ToolFacts {
            id: TOOL,
            purpose: "it measures round trips with percentiles, and goodput, over TCP and UDP",
            source: ToolSource::Repository("https://github.com/google/neper"),
            programs: &["tcp_rr", "tcp_stream", "udp_rr", "udp_stream"],
            version_arguments: &["--nolog", "--version"],
            raw_extension: "txt",
        }
    }

    fn can(&self, _method: Method, transport: Transport) -> bool {
        matches!(transport, Transport::Tcp | Transport::Udp)
    }

    fn limits(&self, _method: Method, transport: Transport) -> ToolLimits {
        // request_size and buffer_size are C ints.
        match transport {
            Transport::Tcp => ToolLimits::sizes(1, i32::MAX as u32),
            Transport::Udp | Transport::Icmp | Transport::RawEthernet => ToolLimits::of(transport),
        }
    }

    fn commands(&self, spec: &KernelSpec) -> Commands {
        commands(spec)
    }

    fn recognises(&self, text: &str) -> bool {
        // The options that every workload prints first, in whatever order.
        ["control_port=", "num_flows=", "num_threads="].iter().all(|key| text.lines().any(|line| line.starts_with(key)))
    }

    fn parse(&self, text: &str, exit: ToolExit) -> Result<Vec<Measurement>, ToolError> {
        parse(text, exit)
    }
}

fn commands(spec: &KernelSpec) -> Commands {
    let program = match (spec.transport, spec.method) {
        (Transport::Udp, Method::Stream) => "udp_stream",
        (Transport::Udp, Method::PingPong) => "udp_rr",
        (_, Method::Stream) => "tcp_stream",
        (_, Method::PingPong) => "tcp_rr",
    };
    // -l takes whole seconds. The server needs it too: both ends derive the length of their samples from it (adjust_interval).
    let seconds = spec.extent.seconds_option();
    let size = spec.size.bytes().to_string();
    let (address, control, data) = (spec.server.to_string(), spec.port.to_string(), (spec.port + 1).to_string());
    // --nolog: else each process leaves a log file in its working directory.
    let mut both: Vec<&str> = vec!["--nolog", "-H", &address, "-C", &control, "-P", &data];
    both.extend(["-l", &seconds]);
    match spec.method {
        Method::Stream => both.extend(["-B", &size]),
        Method::PingPong => both.extend(["-Q", &size, "-R", &size]),
    }
    let mut client = vec!["-c"];
    client.extend(&both);
    if spec.method == Method::PingPong {
        client.extend(["-p", "50,90,99,99.9,99.99"]);
    }
    Commands {
        server: Some(CommandLine::new(program, both).pinned(spec.server_cpu)),
        // The control connection is TCP for UDP workloads too.
        ready: Some(Ready::Listens { transport: Transport::Tcp, port: spec.port }),
        client: CommandLine::new(program, client).pinned(spec.client_cpu),
        timeout: spec.extent.timeout(),
    }
}

/// Reads what one end of `tcp_rr`, `tcp_stream`, `udp_rr` and `udp_stream` printed, several runs one after the other too.
fn parse(text: &str, exit: ToolExit) -> Result<Vec<Measurement>, ToolError> {
    let mut found = Vec::new();
    for run in runs(text) {
        found.extend(measure(&run).map_err(|fault| match fault {
            Fault::NoResult => ToolError::nothing_measured(TOOL, text, exit),
            Fault::Unreadable(why) => ToolError::Unreadable { tool: TOOL, why },
        })?);
    }
    Ok(found)
}

/// Why a run holds no measurement.
enum Fault {
    NoResult,
    Unreadable(String),
}

fn unreadable(why: impl Into<String>) -> Fault {
    Fault::Unreadable(why.into())
}

/// The `key=value` lines of one run, in order.
type Run<'a> = Vec<(&'a str, &'a str)>;

/// Every run prints each key once: a key that comes again begins the next run.
fn runs(text: &str) -> Vec<Run<'_>> {
    let mut runs: Vec<Run<'_>> = Vec::new();
    for line in text.lines() {
        let Some((key, value)) = line.split_once('=') else { continue };
        let known = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'));
        if !known {
            continue;
        }
        match runs.last_mut().filter(|run| run.iter().all(|(before, _)| *before != key)) {
            Some(run) => run.push((key, value.trim())),
            None => runs.push(vec![(key, value.trim())]),
        }
    }
    runs
}

fn text_of<'a>(run: &Run<'a>, key: &str) -> Option<&'a str> {
    run.iter().find(|(found, _)| *found == key).map(|(_, value)| *value)
}

fn figure(run: &Run<'_>, key: &str) -> Option<f64> {
    text_of(run, key)?.parse::<f64>().ok().filter(|value| value.is_finite() && *value >= 0.0)
}

fn is_set(run: &Run<'_>, key: &str) -> bool {
    figure(run, key) == Some(1.0)
}

fn measure(run: &Run<'_>) -> Result<Vec<Measurement>, Fault> {
    // The options of a workload are the only sign of which it was: only TCP has congestion_control, only rr has request_size, and
    // only a workload that keeps its connections has noburst or delay.
    let transport =
        if text_of(run, "congestion_control").is_some() || text_of(run, "num_ports").is_some() { Transport::Tcp } else { Transport::Udp };
    let method = if text_of(run, "request_size").is_some() { Method::PingPong } else { Method::Stream };
    if method == Method::PingPong && transport == Transport::Tcp && text_of(run, "delay").is_none() {
        return Err(unreadable(
            "it is of tcp_crr, which opens a connection for each request: tcp_rr, tcp_stream, udp_rr and udp_stream are understood",
        ));
    }
    let mut measurement = Measurement::new(TOOL, method, transport);
    measurement.version = text_of(run, "VERSION").map(str::to_owned);
    let seconds = figure(run, "time_end").zip(figure(run, "time_start")).map(|(end, start)| end - start);
    if let Some(seconds) = seconds.filter(|&seconds| seconds > 0.0).or_else(|| figure(run, "total_run_time")) {
        measurement.set_duration(seconds);
    }
    let flows = figure(run, "num_flows").unwrap_or(1.0);
    measurement.note("streams", flows as u64);
    if figure(run, "max_pacing_rate").is_some_and(|rate| rate > 0.0) || figure(run, "delay").is_some_and(|delay| delay > 0.0) {
        measurement.paced = true;
    }
    if let Some(lost) = figure(run, "invalid_secret_count").filter(|&count| count > 0.0) {
        measurement.note("invalid_secret_count", lost as u64);
    }
    match method {
        Method::PingPong => take_latency(run, measurement, flows),
        Method::Stream => take_goodput(run, measurement),
    }
}

fn size(run: &Run<'_>, key: &str) -> Option<MessageSize> {
    text_of(run, key)?.parse().ok().and_then(MessageSize::new)
}

/// Latencies are in seconds, of whole round trips (rr_client_state in rr.c takes the time from the request's write to the response's end).
fn take_latency(run: &Run<'_>, mut measurement: Measurement, flows: f64) -> Result<Vec<Measurement>, Fault> {
    if text_of(run, "client") == Some("0") {
        return Err(unreadable("it is of the server, which takes no times: give what the client printed"));
    }
    let transactions = figure(run, "num_transactions").ok_or(Fault::NoResult)?;
    measurement.size = size(run, "request_size");
    if text_of(run, "response_size") != text_of(run, "request_size")
        && let Some(bytes) = figure(run, "response_size")
    {
        measurement.note("response_bytes", bytes);
    }
    if flows > 1.0 {
        measurement.remark(format!("{flows} connections had a request under way at once (neper -F): this is latency under load"));
    }
    let ns = |key: &str| figure(run, key).map(|seconds| seconds * 1e9);
    let summary = RttSummary {
        min: ns("latency_min"),
        p50: ns("latency_p50"),
        p90: ns("latency_p90"),
        p99: ns("latency_p99"),
        p999: ns("latency_p99.9"),
        p9999: ns("latency_p99.99"),
        max: ns("latency_max"),
        mean: ns("latency_mean"),
        count: Some(transactions as u64),
        histogram: None,
    };
    if transactions < 1.0 || summary.mean.is_none() {
        return Err(Fault::NoResult);
    }
    measurement.set_latency(summary, LatencyDefinition::RoundTrip);
    Ok(vec![measurement])
}

/// Each end prints what it received as `local_throughput` and what the other received as `remote_throughput`, in bits a second (stream_report in
/// stream.c). Neither prints what was sent.
fn take_goodput(run: &Run<'_>, mut measurement: Measurement) -> Result<Vec<Measurement>, Fault> {
    measurement.size = size(run, "buffer_size");
    let (reads, writes) = (is_set(run, "enable_read"), is_set(run, "enable_write"));
    let client = text_of(run, "client") != Some("0");
    let local = figure(run, "local_throughput").filter(|&bps| bps > 0.0);
    let remote = figure(run, "remote_throughput").filter(|&bps| bps > 0.0);
    let (here, there) = if client {
        (Direction::ServerToClient, Direction::ClientToServer)
    } else {
        (Direction::ClientToServer, Direction::ServerToClient)
    };
    // UDP has no such options: the client sends and the server receives.
    let (expects_local, expects_remote) = match measurement.transport {
        Transport::Tcp => (reads, writes),
        _ => (!client, client),
    };
    if figure(run, "local_throughput").is_none() {
        return Err(Fault::NoResult);
    }
    let mut found = Vec::new();
    for (expected, bps, direction) in [(expects_remote, remote, there), (expects_local, local, here)] {
        if !expected {
            continue;
        }
        let mut one = Measurement { direction, ..measurement.clone() };
        match bps {
            Some(bps) => one.set_goodput(bps),
            None => one.doubt(ReasonKind::NothingReceived, "the receiver's rate is missing or 0: the sender's rate is not printed"),
        }
        found.push(one);
    }
    if found.len() > 1 {
        found.iter_mut().for_each(|one| one.note("bidirectional", true));
    }
    if found.is_empty() { Err(Fault::NoResult) } else { Ok(found) }
}
