use serde_json::Value;

use super::documents::{REPEATED, is_server, tests, unreadable};
use super::id::TOOL;
use super::version::single_threaded_note;
use crate::kernel_tools::outcome::shortened;
use crate::kernel_tools::{Direction, Measurement, MessageSize, Method, ToolError, ToolExit, Transport};
use crate::record::ReasonKind;

/// How far the receiver's byte count may be from its own packet count before the two disagree.
///
/// Datagrams under way when the test ends make a small difference; iperf3 up to 3.20 could report no loss at all on a lossy path.
const UDP_DISAGREEMENT: f64 = 0.01;

/// How far a final rate may be above the highest interval's. No mean is above its highest part; the ends measure their times apart.
const ABOVE_INTERVALS: f64 = 1.05;

/// Reads `iperf3 -J` and `--json-stream`, several tests in one file too. `.error` decides, whatever the exit code.
pub(super) fn parse(text: &str, exit: ToolExit) -> Result<Vec<Measurement>, ToolError> {
    let tests = tests(text, exit)?;
    let count = tests.documents.len();
    let mut found = Vec::new();
    for (index, document) in tests.documents.iter().enumerate() {
        let measured = measure(document, exit).map_err(|error| match error {
            ToolError::Reported { tool, message } if count > 1 => {
                ToolError::Reported { tool, message: format!("test {} of {count} in the file: {message}", index + 1) }
            }
            error => error,
        })?;
        found.extend(measured);
    }
    if tests.other_lines > 0 {
        let lines = if tests.other_lines == 1 { "1 line".to_owned() } else { format!("{} lines", tests.other_lines) };
        found.iter_mut().for_each(|measurement| measurement.remark(format!("{lines} outside of the JSON documents were left out")));
    }
    Ok(found)
}

fn measure(document: &Value, exit: ToolExit) -> Result<Vec<Measurement>, ToolError> {
    if let Some(error) = document.get("error") {
        let message = error.as_str().map_or_else(|| error.to_string(), str::to_owned);
        return Err(ToolError::Reported { tool: TOOL, message: shortened(message.trim()) });
    }
    let (start, end) = (&document["start"], &document["end"]);
    let test = &start["test_start"];
    let transport = match test["protocol"].as_str() {
        Some("TCP") => Transport::Tcp,
        Some("UDP") => Transport::Udp,
        Some(other) => return Err(unreadable(format!("the test ran over {other}; TCP and UDP are understood"))),
        None => return Err(ToolError::nothing_measured(TOOL, "test_start is missing: no test took place", exit)),
    };
    let reversed = flag(&test["reverse"]);
    let forward = if reversed { Direction::ServerToClient } else { Direction::ClientToServer };
    let backward = if reversed { Direction::ClientToServer } else { Direction::ServerToClient };
    let base = Measurement { direction: forward, ..describe(start, test, transport) };
    // Each end is the receiver of one direction only.
    let server = is_server(document);
    let receiver = |direction| server == (direction == Direction::ClientToServer);

    let mut found = Vec::new();
    // From client to server comes first at both ends (iperf_print_results in iperf_api.c).
    for (suffix, direction) in [("", forward), ("_bidir_reverse", backward), (REPEATED, backward)] {
        let mut measurement = Measurement { direction, ..base.clone() };
        let sums = Sums {
            sent: end.get(format!("sum_sent{suffix}")),
            received: end.get(format!("sum_received{suffix}")),
            // Before 3.5 UDP has this one only.
            both: end.get(format!("sum{suffix}")),
            server_sends: server && !receiver(direction),
        };
        if take(&mut measurement, &sums, transport) {
            note_ends(&mut measurement, document, suffix);
            compare_with_intervals(&mut measurement, &intervals(document, suffix), &sums);
            found.push(measurement);
        }
    }
    if found.is_empty() {
        return Err(ToolError::nothing_measured(TOOL, "`end` holds no sum: the test did not finish", exit));
    }
    if found.len() > 1 {
        found.iter_mut().for_each(|measurement| measurement.note("bidirectional", true));
    }
    if server {
        found.iter_mut().for_each(|measurement| measurement.remark("this is the server's file"));
    }
    Ok(found)
}

/// 1 in all versions so far; a person's tool may write `true`.
fn flag(value: &Value) -> bool {
    value.as_u64().is_some_and(|value| value > 0) || value.as_bool() == Some(true)
}

/// What holds for all directions of a test.
fn describe(start: &Value, test: &Value, transport: Transport) -> Measurement {
    let mut measurement = Measurement::new(TOOL, Method::Stream, transport);
    measurement.version = start["version"].as_str().map(|version| version.trim_start_matches("iperf ").trim().to_owned());
    measurement.size = test["blksize"].as_u64().and_then(|bytes| u32::try_from(bytes).ok()).and_then(MessageSize::new);
    measurement.began = start["timestamp"]["timesecs"].as_i64().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    let streams = test["num_streams"].as_u64().unwrap_or(1);
    measurement.note("streams", streams);
    for (name, value) in [("omitted_s", &test["omit"]), ("tos", &test["tos"]), ("target_bps", &test["target_bitrate"])] {
        if value.as_u64().is_some_and(|value| value > 0) {
            measurement.note(name, value.clone());
        }
    }
    measurement.paced = test["target_bitrate"].as_u64().is_some_and(|bps| bps > 0);
    for name in ["tcp_mss", "tcp_mss_default"] {
        if let Some(mss) = start[name].as_u64().filter(|&mss| mss > 0) {
            measurement.note("tcp_mss", mss);
        }
    }
    if streams > 1
        && let Some(note) = measurement.version.as_deref().and_then(single_threaded_note)
    {
        measurement.remark(note);
    }
    measurement
}

struct Sums<'a> {
    sent: Option<&'a Value>,
    received: Option<&'a Value>,
    both: Option<&'a Value>,
    /// The document is the server's, and the server sent.
    server_sends: bool,
}

fn figure(sum: Option<&Value>, name: &str) -> Option<f64> {
    sum?.get(name)?.as_f64()
}

/// Fills in the results of one direction. False where the document has none.
fn take(measurement: &mut Measurement, sums: &Sums<'_>, transport: Transport) -> bool {
    let losses = [sums.received, sums.both].into_iter().find_map(|sum| {
        let (lost, packets) = (figure(sum, "lost_packets")?, figure(sum, "packets")?);
        (packets > 0.0).then_some((lost, packets))
    });
    // A server does not learn what its client received: its file has 0 for it.
    let unknown = sums.server_sends && figure(sums.received, "bytes").is_none_or(|bytes| bytes <= 0.0);
    let received = sums.received.filter(|_| !unknown);
    // What arrived counts; what was sent includes what was still in socket buffers.
    match (figure(received, "bits_per_second"), transport, losses) {
        _ if unknown && (sums.sent.is_some() || sums.both.is_some()) => {
            let why = "the server's file says what the server sent and not what the client received: give the client's file";
            measurement.doubt(ReasonKind::Other, why);
        }
        (Some(bps), ..) => set_rate(measurement, received, bps, 1.0),
        // Before 3.5 the one UDP sum counts what was sent.
        (None, Transport::Udp, Some((lost, packets))) if figure(sums.both, "bits_per_second").is_some() => {
            measurement.note("goodput_from", "what was sent, less the share that was lost");
            let share = (1.0 - lost / packets).clamp(0.0, 1.0);
            set_rate(measurement, sums.both, figure(sums.both, "bits_per_second").unwrap_or(0.0), share);
        }
        _ => return false,
    }
    let sum = received.or(sums.both).or(sums.sent);
    if let Some(seconds) = figure(sum, "seconds") {
        measurement.set_duration(seconds);
    }
    if let Some(sent) = figure(sums.sent.or(sums.both.filter(|_| unknown)), "bits_per_second").filter(|&bps| bps > 0.0) {
        measurement.note("sent_bps", sent);
    }
    match transport {
        Transport::Tcp => measurement.values.retransmits = sums.sent.and_then(|sum| sum.get("retransmits")?.as_u64()),
        _ if !unknown => take_datagrams(measurement, sums, losses),
        _ => {}
    }
    true
}

/// Takes a share of the rate of a sum, checked against its bytes and seconds.
fn set_rate(measurement: &mut Measurement, sum: Option<&Value>, bps: f64, share: f64) {
    match (figure(sum, "bytes"), figure(sum, "seconds")) {
        (Some(bytes), Some(seconds)) => measurement.set_transfer(bps * share, bytes * share, seconds, 0.0),
        _ => measurement.set_goodput(bps * share),
    }
}

fn take_datagrams(measurement: &mut Measurement, sums: &Sums<'_>, losses: Option<(f64, f64)>) {
    if let Some(jitter) = figure(sums.received.or(sums.both), "jitter_ms") {
        measurement.note("jitter_ms", jitter);
    }
    let Some((lost, packets)) = losses else { return };
    measurement.note("datagrams", packets);
    measurement.note("datagrams_lost", lost);
    // Reordering can make the count of lost datagrams negative.
    measurement.set_loss(lost, packets);
    if let (Some(bytes), Some(size)) = (figure(sums.received, "bytes"), measurement.size) {
        let (arrived, expected) = (bytes / f64::from(size.bytes()), packets - lost);
        if (arrived - expected).abs() > (packets * UDP_DISAGREEMENT).max(10.0) {
            measurement.doubt(
                ReasonKind::CountersDisagree,
                format!("the receiver's bytes are {arrived:.0} datagrams, and its loss count leaves {expected:.0}"),
            );
        }
    }
}

/// The sums of the intervals that count.
fn intervals<'a>(document: &'a Value, suffix: &str) -> Vec<&'a Value> {
    document["intervals"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|interval| interval.get(format!("sum{suffix}")))
        .filter(|sum| sum["omitted"] != Value::Bool(true))
        .collect()
}

/// The final rate against the intervals', in which every end counts for itself. Where they cover most of the test and the final rate is above all of
/// them, it cannot be their mean: the value becomes that mean, and the measurement is doubtful.
fn compare_with_intervals(measurement: &mut Measurement, intervals: &[&Value], sums: &Sums<'_>) {
    let parts: Vec<(f64, f64)> = intervals
        .iter()
        .filter_map(|sum| Some((figure(Some(sum), "bytes")?, figure(Some(sum), "seconds").filter(|&seconds| seconds > 0.0)?)))
        .collect();
    let (bytes, seconds) = parts.iter().fold((0.0, 0.0), |(bytes, seconds), part| (bytes + part.0, seconds + part.1));
    let whole = figure(sums.received.or(sums.both), "seconds").unwrap_or(seconds);
    let Some(goodput) = measurement.values.goodput_bps.map(methodology::units::Goodput::bps) else { return };
    if parts.len() < 2 || seconds < whole / 2.0 {
        return;
    }
    let rates = || parts.iter().map(|(bytes, seconds)| bytes * 8.0 / seconds);
    let (lowest, highest) = (rates().fold(f64::MAX, f64::min), rates().fold(0.0, f64::max));
    if goodput > highest * ABOVE_INTERVALS {
        let mean = bytes * 8.0 / seconds;
        measurement.doubt(
            ReasonKind::CountersDisagree,
            format!("the final {goodput:.0} bit/s are above every interval, {lowest:.0} to {highest:.0} bit/s: the mean of the intervals is given"),
        );
        measurement.set_goodput(mean);
    }
}

/// What the tool says about itself and the connections, kept for readers.
fn note_ends(measurement: &mut Measurement, document: &Value, suffix: &str) {
    let end = &document["end"];
    for name in ["sender_tcp_congestion", "receiver_tcp_congestion"] {
        if let Some(name_of) = end[name].as_str() {
            measurement.note(name, name_of);
        }
    }
    // getrusage of the process: softirq is not in it. The record's `cpu` is of the whole machine.
    if let Some(cpu) = end["cpu_utilization_percent"].as_object() {
        measurement.note("process_cpu_percent", cpu.clone());
    }
    let rates: Vec<Value> = intervals(document, suffix).into_iter().filter_map(|sum| sum.get("bits_per_second").cloned()).collect();
    if rates.len() > 1 {
        measurement.note("interval_bps", rates);
    }
}
