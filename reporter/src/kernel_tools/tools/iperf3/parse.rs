use serde_json::{Map, Value};

use super::{TOOL, single_threaded_note};
use crate::kernel_tools::{Direction, Measurement, MessageSize, Method, ToolError, ToolExit, Transport};
use crate::record::ReasonKind;

/// How far the receiver's byte count may be from its own packet count before the two disagree.
///
/// Datagrams under way when the test ends make a small difference; iperf3 up to 3.20 could report no loss at all on a lossy path.
const UDP_DISAGREEMENT: f64 = 0.01;

/// Reads `iperf3 -J` and `--json-stream`.
///
/// The document is read as a [`Value`], not into a struct: 3.12 repeats keys with `-P` and `--bidir`. `.error` decides, whatever the exit code.
pub(super) fn parse(text: &str, exit: ToolExit) -> Result<Vec<Measurement>, ToolError> {
    let document = document(text, exit)?;
    if let Some(error) = document.get("error") {
        let message = error.as_str().map_or_else(|| error.to_string(), str::to_owned);
        return Err(ToolError::Reported { tool: TOOL, message: crate::kernel_tools::outcome::shortened(message.trim()) });
    }
    let (start, end) = (&document["start"], &document["end"]);
    let test = &start["test_start"];
    let transport = match test["protocol"].as_str() {
        Some("TCP") => Transport::Tcp,
        Some("UDP") => Transport::Udp,
        Some(other) => return Err(unreadable(format!("the test ran over {other}; TCP and UDP are understood"))),
        None => return Err(ToolError::nothing_measured(TOOL, "test_start is missing: no test took place", exit)),
    };
    let reversed = test["reverse"].as_u64() == Some(1);
    let forward = if reversed { Direction::ServerToClient } else { Direction::ClientToServer };
    let backward = if reversed { Direction::ClientToServer } else { Direction::ServerToClient };
    let base = Measurement { direction: forward, ..describe(start, test, transport) };

    let mut found = Vec::new();
    for (suffix, direction) in [("", forward), ("_bidir_reverse", backward)] {
        let mut measurement = Measurement { direction, ..base.clone() };
        let sums = Sums {
            sent: end.get(format!("sum_sent{suffix}")),
            received: end.get(format!("sum_received{suffix}")),
            // Before 3.5 UDP has this one only.
            both: end.get(format!("sum{suffix}")),
        };
        if take(&mut measurement, &sums, transport) {
            note_ends(&mut measurement, &document, suffix);
            found.push(measurement);
        }
    }
    if found.is_empty() {
        return Err(ToolError::nothing_measured(TOOL, "`end` holds no sum: the test did not finish", exit));
    }
    if found.len() > 1 {
        found.iter_mut().for_each(|measurement| measurement.note("bidirectional", true));
    }
    Ok(found)
}

/// Whether the text holds JSON with iperf3's keys. A cut-off file is recognised by its beginning, and then refused with the reason.
pub(super) fn is_json(text: &str) -> bool {
    let Some(start) = text.find('{') else { return false };
    let head: String = text[start..].chars().filter(|c| !c.is_whitespace()).take(24).collect();
    if ["{\"start\":", "{\"event\":", "{\"error\":"].iter().any(|begin| head.starts_with(begin)) {
        return true;
    }
    // Other programs may have written the keys in another order.
    let first = serde_json::Deserializer::from_str(&text[start..]).into_iter::<Value>().next();
    let Some(Ok(first)) = first else { return false };
    [["start", "end"], ["event", "data"]].iter().any(|keys| keys.iter().all(|key| first.get(key).is_some()))
}

fn unreadable(why: String) -> ToolError {
    ToolError::Unreadable { tool: TOOL, why }
}

/// The first JSON document in the text; what stands before or after it (warnings on stderr) does not matter.
fn document(text: &str, exit: ToolExit) -> Result<Value, ToolError> {
    let Some(begin) = first_brace(text) else {
        if text.contains("Connecting to host") {
            return Err(unreadable("this is its text for people: run iperf3 again with -J".to_owned()));
        }
        return Err(ToolError::nothing_measured(TOOL, text, exit));
    };
    let mut documents = serde_json::Deserializer::from_str(&text[begin..]).into_iter::<Value>();
    let first = match documents.next() {
        Some(Ok(value)) => value,
        // The kernel of a hung client is no reason: the hang is.
        _ if matches!(exit, ToolExit::TimedOut(_)) => return Err(ToolError::nothing_measured(TOOL, "", exit)),
        Some(Err(error)) => return Err(unreadable(format!("it is not whole JSON: {error}"))),
        None => return Err(unreadable("it is empty".to_owned())),
    };
    if first.get("event").is_none() { Ok(first) } else { Ok(from_stream(first, documents.map_while(Result::ok))) }
}

/// Where the first line that begins with a brace begins.
fn first_brace(text: &str) -> Option<usize> {
    let mut begin = 0;
    for line in text.split_inclusive('\n') {
        if line.trim_start().starts_with('{') {
            return Some(begin);
        }
        begin += line.len();
    }
    None
}

/// `--json-stream` (3.17) prints one event a line: put together, they are what `-J` prints.
fn from_stream(first: Value, rest: impl Iterator<Item = Value>) -> Value {
    let mut whole = Map::new();
    let mut intervals = Vec::new();
    for mut event in std::iter::once(first).chain(rest) {
        let data = event.get_mut("data").map_or(Value::Null, Value::take);
        match event["event"].as_str() {
            Some("interval") => intervals.push(data),
            Some(name) => {
                whole.insert(name.to_owned(), data);
            }
            None => {}
        }
    }
    whole.insert("intervals".to_owned(), Value::Array(intervals));
    Value::Object(whole)
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
    // What arrived counts; what was sent includes what was still in socket buffers.
    let goodput = match (figure(sums.received, "bits_per_second"), transport, losses) {
        (Some(bps), ..) => bps,
        // Before 3.5 the one UDP sum counts what was sent.
        (None, Transport::Udp, Some((lost, packets))) => match figure(sums.both, "bits_per_second") {
            Some(bps) => {
                measurement.note("goodput_from", "what was sent, less the share that was lost");
                bps * (1.0 - lost / packets).max(0.0)
            }
            None => return false,
        },
        _ => return false,
    };
    measurement.set_goodput(goodput);
    if let Some(seconds) = figure(sums.received.or(sums.both), "seconds") {
        measurement.set_duration(seconds);
    }
    if let Some(sent) = figure(sums.sent, "bits_per_second") {
        measurement.note("sent_bps", sent);
    }
    match transport {
        Transport::Tcp => measurement.values.retransmits = sums.sent.and_then(|sum| sum.get("retransmits")?.as_u64()),
        _ => take_datagrams(measurement, sums, losses),
    }
    true
}

fn take_datagrams(measurement: &mut Measurement, sums: &Sums<'_>, losses: Option<(f64, f64)>) {
    if let Some(jitter) = figure(sums.received.or(sums.both), "jitter_ms") {
        measurement.note("jitter_ms", jitter);
    }
    let Some((lost, packets)) = losses else { return };
    measurement.note("datagrams", packets);
    measurement.note("datagrams_lost", lost);
    // Reordering can make the count of lost datagrams negative.
    match methodology::units::LossRatio::new(lost / packets) {
        Ok(ratio) => measurement.values.loss_ratio = Some(ratio),
        Err(_) => measurement.doubt(ReasonKind::Implausible, format!("{lost} of {packets} datagrams lost cannot be")),
    }
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

/// What the tool says about itself and the connections, kept for readers.
fn note_ends(measurement: &mut Measurement, document: &Value, suffix: &str) {
    let end = &document["end"];
    for name in ["sender_tcp_congestion", "receiver_tcp_congestion"] {
        if let Some(name_of) = end[name].as_str() {
            measurement.note(name, name_of);
        }
    }
    // getrusage of the process: softirq is not in it. The record's `cpu` is the honest figure.
    if let Some(cpu) = end["cpu_utilization_percent"].as_object() {
        measurement.note("process_cpu_percent", cpu.clone());
    }
    let rates: Vec<Value> = document["intervals"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|interval| interval.get(format!("sum{suffix}")))
        .filter(|sum| sum["omitted"] != Value::Bool(true))
        .filter_map(|sum| sum.get("bits_per_second").cloned())
        .collect();
    if rates.len() > 1 {
        measurement.note("interval_bps", rates);
    }
}
