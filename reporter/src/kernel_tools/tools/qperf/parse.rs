use super::id::TOOL;
use super::quantity::TestField;
use crate::kernel_tools::outcome::shortened;
use crate::kernel_tools::{Measurement, MessageSize, Method, ToolError, ToolExit, Transport};
use crate::record::{LatencyDefinition, ReasonKind, RttSummary};

/// Reads qperf's blocks, whatever units and verbosity they were printed with:
///
/// ```text
/// tcp_lat:
///     latency   =     36449.8 ns
///     msg_size  =           1 bytes
/// ```
pub(super) fn parse(text: &str, exit: ToolExit) -> Result<Vec<Measurement>, ToolError> {
    let blocks = blocks(text);
    if let (true, Some(other)) = (blocks.is_empty(), text.lines().find_map(any_header)) {
        let why = format!("it holds the test {other}; tcp_bw, tcp_lat, udp_bw and udp_lat are understood");
        return Err(ToolError::Unreadable { tool: TOOL, why });
    }
    let found: Vec<(bool, Measurement)> = blocks.iter().map(measure).collect();
    if !found.iter().any(|(complete, _)| *complete) {
        return Err(ToolError::nothing_measured(TOOL, text, exit));
    }
    // In a sweep, a step that failed is kept beside those that did not.
    let mut found: Vec<Measurement> = found.into_iter().map(|(_, measurement)| measurement).collect();
    if let Some(other) = text.lines().filter(|line| test_of(line).is_none()).find_map(any_header) {
        found.iter_mut().for_each(|one| one.remark(format!("the test {other} in the same file is left out: it is not understood")));
    }
    Ok(found)
}

/// Whether a line begins a block that [`parse`] understands.
pub(super) fn is_block_header(line: &str) -> bool {
    test_of(line).is_some()
}

struct Block<'a> {
    transport: Transport,
    method: Method,
    values: Vec<(&'a str, &'a str)>,
    complaint: Option<&'a str>,
}

impl<'a> Block<'a> {
    /// A value by name. Where both ends differ, qperf prints `loc_` and `rem_`: the client's counts.
    fn get(&self, name: &str) -> Option<TestField<'a>> {
        TestField::parse(self.text(name)?)
    }

    fn text(&self, name: &str) -> Option<&'a str> {
        let is_it = |found: &str| found == name || found.strip_prefix("loc_") == Some(name);
        self.values.iter().find(|(found, _)| is_it(found)).map(|(_, value)| *value)
    }
}

fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut foreign = false;
    for line in text.lines() {
        if let Some((transport, method)) = test_of(line) {
            foreign = false;
            blocks.push(Block { transport, method, values: Vec::new(), complaint: None });
        } else if any_header(line).is_some() {
            foreign = true;
        } else if let (false, Some(block)) = (foreign, blocks.last_mut()) {
            match line.split_once('=') {
                Some((name, value)) if line.starts_with(' ') => block.values.push((name.trim(), value.trim())),
                _ if line.trim().is_empty() || line.starts_with("warning: ") => {}
                _ => block.complaint = block.complaint.or(Some(line.trim())),
            }
        }
    }
    blocks
}

/// The header of any test: a word of qperf's, alone but for a colon at its end. A quoted text may be indented.
fn any_header(line: &str) -> Option<&str> {
    let name = line.trim().strip_suffix(':')?;
    let family = name.split('_').next()?;
    let known = matches!(family, "tcp" | "udp" | "sctp" | "sdp" | "rds" | "rc" | "uc" | "ud" | "xrc" | "ver");
    (known && name.contains('_') && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'))
        .then_some(name)
}

fn test_of(line: &str) -> Option<(Transport, Method)> {
    match any_header(line)? {
        "tcp_bw" => Some((Transport::Tcp, Method::Stream)),
        "tcp_lat" => Some((Transport::Tcp, Method::PingPong)),
        "udp_bw" => Some((Transport::Udp, Method::Stream)),
        "udp_lat" => Some((Transport::Udp, Method::PingPong)),
        _ => None,
    }
}

/// The measurement of a block, and whether it holds its value.
fn measure(block: &Block<'_>) -> (bool, Measurement) {
    let mut measurement = Measurement::new(TOOL, block.method, block.transport);
    measurement.version = block.text("qperf").map(|version| version.trim_start_matches("qperf ").to_owned());
    measurement.size = block.get("msg_size").and_then(TestField::bytes).and_then(MessageSize::new);
    if let Some(nanoseconds) = block.get("time").and_then(TestField::nanoseconds) {
        measurement.set_duration(nanoseconds / 1e9);
    }
    // From /proc/stat of the whole machine, so that where client and server share one, each figure holds both.
    for (name, key) in [("send_cpus_used", "qperf_send_cores"), ("recv_cpus_used", "qperf_receive_cores"), ("cpus_used", "qperf_cores")] {
        if let Some(cores) = block.get(name).and_then(TestField::cores) {
            measurement.note(key, cores);
        }
    }
    let complete = match block.method {
        Method::PingPong => take_latency(block, &mut measurement),
        Method::Stream => take_bandwidth(block, &mut measurement),
    };
    if !complete {
        let complaint = block.complaint.unwrap_or("no value was printed");
        measurement.doubt(ReasonKind::ToolFailed, format!("qperf reports: {}", shortened(complaint)));
    }
    (complete, measurement)
}

/// qperf's latency is time over messages in both directions (calc_results in qperf.c): half a round trip, the mean.
fn take_latency(block: &Block<'_>, measurement: &mut Measurement) -> bool {
    let Some(nanoseconds) = block.get("latency").and_then(TestField::nanoseconds) else { return false };
    measurement.set_latency(RttSummary { mean: Some(nanoseconds), ..RttSummary::default() }, LatencyDefinition::HalfRoundTripDoubled);
    true
}

/// UDP has two figures; what arrived counts.
fn take_bandwidth(block: &Block<'_>, measurement: &mut Measurement) -> bool {
    let rate = |name: &str| block.get(name).and_then(TestField::bits_per_second);
    let Some(received) = rate("recv_bw").or_else(|| rate("bw")) else { return false };
    measurement.set_goodput(received);
    if let Some(sent) = rate("send_bw") {
        measurement.note("sent_bps", sent);
        // Figures are rounded to the digits that were asked for.
        if sent > 0.0 && received <= sent {
            measurement.set_loss(sent - received, sent);
        } else if received > sent * 1.01 {
            measurement.doubt(ReasonKind::MoreThanSent, format!("{received} bit/s arrived of {sent} bit/s sent"));
        }
    }
    true
}
