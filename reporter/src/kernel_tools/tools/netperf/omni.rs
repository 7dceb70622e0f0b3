use std::collections::HashMap;

use super::banner::banner;
use super::id::TOOL;
use super::units;
use crate::kernel_tools::{Direction, Measurement, MessageSize, Method, Transport};
use crate::record::{LatencyDefinition, RttSummary};

/// Output selectors and how the CSV form heads their columns (set_output_elt in nettest_omni.c).
const NAMES: [(&str, &str); 18] = [
    ("PROTOCOL", "Protocol"),
    ("DIRECTION", "Direction"),
    ("ELAPSED_TIME", "Elapsed Time (sec)"),
    ("THROUGHPUT", "Throughput"),
    ("THROUGHPUT_UNITS", "Throughput Units"),
    ("LOCAL_SEND_SIZE", "Local Send Size"),
    ("LOCAL_SEND_THROUGHPUT", "Local Send Throughput"),
    ("REMOTE_RECV_THROUGHPUT", "Remote Recv Throughput"),
    ("LOCAL_TRANSPORT_RETRANS", "Local Transport Retransmissions"),
    ("REQUEST_SIZE", "Request Size Bytes"),
    ("RESPONSE_SIZE", "Response Size Bytes"),
    ("BURST_SIZE", "Initial Burst Requests"),
    ("MEAN_LATENCY", "Mean Latency Microseconds"),
    ("MIN_LATENCY", "Minimum Latency Microseconds"),
    ("P50_LATENCY", "50th Percentile Latency Microseconds"),
    ("P90_LATENCY", "90th Percentile Latency Microseconds"),
    ("P99_LATENCY", "99th Percentile Latency Microseconds"),
    ("MAX_LATENCY", "Maximum Latency Microseconds"),
];

pub(super) type Fields = HashMap<&'static str, String>;

/// Whether a selector is understood.
#[cfg(test)]
pub(super) fn knows(selector: &str) -> bool {
    NAMES.iter().any(|(name, _)| *name == selector)
}

/// The tests in the `-k` form, NAME=value: a name that comes again begins the next test.
pub(super) fn keywords(text: &str) -> Vec<Fields> {
    let mut tests: Vec<Fields> = Vec::new();
    for line in text.lines() {
        let Some((found, value)) = line.split_once('=') else { continue };
        let Some((name, _)) = NAMES.iter().find(|(name, _)| *name == found.trim()) else { continue };
        let value = value.trim().trim_matches('"').to_owned();
        match tests.last_mut().filter(|test| !test.contains_key(name)) {
            Some(test) => {
                test.insert(name, value);
            }
            None => tests.push(Fields::from([(*name, value)])),
        }
    }
    tests
}

/// The tests in the `-o` form, CSV under a line of names: every row that fits the last heading.
pub(super) fn csv(text: &str) -> Vec<Fields> {
    // Lines around the table have other numbers of cells.
    let rows =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes()).into_records().map_while(Result::ok);
    let (mut heads, mut tests) = (csv::StringRecord::new(), Vec::new());
    for row in rows {
        if row.iter().filter(|head| column(head).is_some()).count() >= 2 {
            heads = row;
        } else if row.len() == heads.len() {
            tests.push(heads.iter().zip(&row).filter_map(|(head, value)| Some((column(head)?, value.trim().to_owned()))).collect());
        }
    }
    tests
}

fn column(head: &str) -> Option<&'static str> {
    NAMES.iter().find(|(_, title)| *title == head.trim()).map(|(name, _)| *name)
}

/// The measurement in these fields; none where its value is missing.
pub(super) fn measure(fields: &Fields, text: &str) -> Option<Measurement> {
    let figure = |name: &str| fields.get(name)?.parse::<f64>().ok().filter(|value| value.is_finite());
    let named = |name: &str| fields.get(name).map(String::as_str);
    let banner = banner(text);
    let transport = match named("PROTOCOL") {
        Some("TCP") => Transport::Tcp,
        Some("UDP") => Transport::Udp,
        Some(_) => return None,
        None => banner?.0,
    };
    // Only a request/response test counts transactions.
    let transactions = named("THROUGHPUT_UNITS").is_some_and(|unit| unit.starts_with("Trans"));
    let method = match banner {
        Some((_, method, _)) => method,
        None if transactions || named("DIRECTION") == Some("Send|Recv") => Method::PingPong,
        None => Method::Stream,
    };
    let mut measurement = Measurement::new(TOOL, method, transport);
    measurement.direction = banner.map_or(Direction::ClientToServer, |(.., direction)| direction);
    if let Some(seconds) = figure("ELAPSED_TIME") {
        measurement.set_duration(seconds);
    }
    let size = if method == Method::PingPong { "REQUEST_SIZE" } else { "LOCAL_SEND_SIZE" };
    measurement.size = figure(size).filter(|&bytes| bytes >= 1.0).and_then(|bytes| MessageSize::new(bytes as u32));
    match method {
        Method::PingPong => take_latency(&mut measurement, &figure, transactions)?,
        Method::Stream => take_goodput(&mut measurement, &figure, named("THROUGHPUT_UNITS"), named("DIRECTION"))?,
    }
    Some(measurement)
}

/// netperf's latency is a whole round trip, in microseconds.
fn take_latency(measurement: &mut Measurement, figure: &dyn Fn(&str) -> Option<f64>, transactions: bool) -> Option<()> {
    // Where its histogram has no answer, netperf prints the smallest 32-bit number.
    let ns = |name: &str| figure(name).filter(|&microseconds| microseconds >= 0.0).map(|microseconds| microseconds * 1e3);
    // With a burst several requests are under way at once, and the rate no longer tells the round trip.
    let alone = figure("BURST_SIZE").unwrap_or(0.0) == 0.0;
    let rate = figure("THROUGHPUT").filter(|&rate| transactions && alone && rate > 0.0);
    let mean = ns("MEAN_LATENCY").or_else(|| rate.map(|rate| 1e9 / rate));
    let summary = RttSummary {
        mean,
        min: ns("MIN_LATENCY"),
        p50: ns("P50_LATENCY"),
        p90: ns("P90_LATENCY"),
        p99: ns("P99_LATENCY"),
        max: ns("MAX_LATENCY"),
        ..RttSummary::default()
    };
    mean.or(summary.p50)?;
    measurement.set_latency(summary, LatencyDefinition::RoundTrip);
    if let (Some(request), Some(response)) = (figure("REQUEST_SIZE"), figure("RESPONSE_SIZE"))
        && request != response
    {
        measurement.note("response_bytes", response);
    }
    if !alone {
        measurement.remark("several requests were under way at once (netperf -b): this is latency under load");
    }
    Some(())
}

fn take_goodput(
    measurement: &mut Measurement,
    figure: &dyn Fn(&str) -> Option<f64>,
    unit: Option<&str>,
    direction: Option<&str>,
) -> Option<()> {
    let scale = match unit {
        Some(unit) => units::bits_per_second(unit)?,
        None => {
            measurement.remark("the unit of the rate is not printed: 10^6 bit/s, netperf's default, is assumed");
            units::DEFAULT
        }
    };
    let throughput = figure("THROUGHPUT");
    if direction == Some("Receive") || measurement.direction == Direction::ServerToClient {
        measurement.direction = Direction::ServerToClient;
        measurement.set_goodput(throughput? * scale);
        return Some(());
    }
    // Of a stream THROUGHPUT is what the receiver counted, over UDP too (calculate of the test's throughput in nettest_omni.c): it says nothing
    // of what was sent.
    let received = figure("REMOTE_RECV_THROUGHPUT").or(throughput)?;
    measurement.set_goodput(received * scale);
    if let (Transport::Udp, Some(sent)) = (measurement.transport, figure("LOCAL_SEND_THROUGHPUT").filter(|&sent| sent > 0.0)) {
        measurement.note("sent_bps", sent * scale);
        measurement.set_loss(sent - received, sent);
    }
    // −1 where the system does not tell.
    measurement.values.retransmits = figure("LOCAL_TRANSPORT_RETRANS").filter(|&count| count >= 0.0).map(|count| count as u64);
    Some(())
}
