use std::collections::BTreeMap;

use super::id::TOOL;
use super::rows::{Row, Udp, is_bounce_back, rows};
use crate::kernel_tools::{Direction, Measurement, Method, ToolError, ToolExit, Transport};
use crate::record::ReasonKind;

/// Begin and end are printed with one digit.
const ROUNDING_S: f64 = 0.1;

/// How far apart the moments may be at which the lines of one test say that it began.
const SAME_BEGIN_S: f64 = 3.0;

/// How far a total may be above the highest of its parts. No mean is above its highest part; times are rounded.
const ABOVE_PARTS: f64 = 1.1;

/// Reads `iperf -y C`, several tests in one file too. Of each stream the line of the whole time counts; interval lines (`-i`) are parts of it.
pub(super) fn parse(text: &str, exit: ToolExit) -> Result<Vec<Measurement>, ToolError> {
    if is_bounce_back(text) {
        return Err(unreadable("it is of --bounceback, which measures round trips: streams are understood"));
    }
    let rows = rows(text);
    if rows.is_empty() {
        if text.lines().any(|line| line.trim_start().starts_with("[ ID]")) {
            return Err(unreadable("this is its text for people, rounded to three digits: run iperf again with -y C"));
        }
        return Err(ToolError::nothing_measured(TOOL, text, exit));
    }
    Ok(tests(&rows)?.iter().flat_map(|test| measure(test)).collect())
}

fn unreadable(why: impl Into<String>) -> ToolError {
    ToolError::Unreadable { tool: TOOL, why: why.into() }
}

/// The lines of each test.
fn tests<'r, 'a>(rows: &'r [Row<'a>]) -> Result<Vec<Vec<&'r Row<'a>>>, ToolError> {
    let mut tests: Vec<Vec<&Row<'_>>> = Vec::new();
    for row in rows {
        match tests.last_mut() {
            Some(test) if test.iter().any(|known| known.line == row.line) => {
                // Two tests that were equal to the byte, or an interval and the total of the same length.
                return Err(unreadable(format!("the line `{}` comes twice: leave one of them out", row.line)));
            }
            Some(test) if !begins_another(row, test) => test.push(row),
            _ => tests.push(vec![row]),
        }
    }
    Ok(tests)
}

/// Whether a line belongs to another test than the lines before it.
fn begins_another(row: &Row<'_>, test: &[&Row<'_>]) -> bool {
    let at_zero = row.begin < ROUNDING_S;
    // iperf's own sum of the whole time is the last line of a test.
    let closed = test.last().is_some_and(|last| {
        last.is_sum() && last.begin < ROUNDING_S && test.iter().all(|known| known.end < last.end + ROUNDING_S) && test.len() > 1
    });
    if closed && at_zero {
        return true;
    }
    let apart = |known: &&Row<'_>| row.test_began().zip(known.test_began()).is_some_and(|(a, b)| (a - b).abs() > SAME_BEGIN_S);
    if test.iter().any(apart) {
        return true;
    }
    // A process prints its heading once and in one form, and its lines share an end.
    let foreign =
        |known: &&Row<'_>| known.headings != row.headings || known.stamp.is_some() != row.stamp.is_some() || !known.shares_an_end(row);
    if test.iter().any(foreign) {
        return true;
    }
    // One process numbers its transfers; the same number on another connection is of another process.
    if !row.is_sum() && test.iter().any(|known| known.id == row.id && !known.same_connection(row)) {
        return true;
    }
    let own: Vec<&&Row<'_>> = test.iter().filter(|known| same_stream(known, row)).collect();
    let (Some(first), Some(last)) = (own.first(), own.last()) else { return false };
    let covers = row.begin < first.begin + ROUNDING_S && own.iter().all(|known| row.end > known.end - ROUNDING_S);
    let total_is_there = own.len() > 1 && last.begin < first.begin + ROUNDING_S;
    let goes_on = row.begin > last.end - ROUNDING_S;
    let holds_its_parts = own.iter().all(|known| row.bytes >= known.bytes * 0.99);
    !(goes_on && !total_is_there || covers && holds_its_parts && !total_is_there)
}

/// Lines of one stream in one direction. A sender's line and the receiver's report of UDP are two streams here.
fn same_stream(one: &Row<'_>, other: &Row<'_>) -> bool {
    (one.id, one.first, one.second, one.udp == Udp::No) == (other.id, other.first, other.second, other.udp == Udp::No)
}

/// What one stream moved in all.
struct Stream<'r, 'a> {
    row: &'r Row<'a>,
    bytes: f64,
    bps: f64,
    seconds: f64,
    udp: Udp,
    doubt: Option<String>,
    from_parts: bool,
}

/// The line of the whole time, or the parts added up where the tool did not come to print it.
fn stream<'r, 'a>(rows: &[&'r Row<'a>]) -> Option<Stream<'r, 'a>> {
    let (first, longest) = (rows.first()?, rows.iter().max_by(|a, b| a.seconds().total_cmp(&b.seconds()))?);
    let end = rows.iter().map(|row| row.end).fold(0.0, f64::max);
    let is_total = longest.begin < first.begin + ROUNDING_S && longest.end > end - ROUNDING_S;
    let total = rows.iter().rev().find(|row| row.seconds() > longest.seconds() - ROUNDING_S)?;
    let parts: Vec<&&Row<'_>> = rows.iter().filter(|row| !is_total || row.seconds() < total.seconds() - ROUNDING_S).collect();
    let (bytes, seconds) = parts.iter().fold((0.0, 0.0), |(bytes, seconds), row| (bytes + row.bytes, seconds + row.seconds()));
    if !is_total {
        let bps = if seconds > 0.0 { bytes * 8.0 / seconds } else { longest.bps };
        return Some(Stream { row: longest, bytes, bps, seconds, udp: added(&parts), doubt: None, from_parts: rows.len() > 1 });
    }
    let mut whole =
        Stream { row: total, bytes: total.bytes, bps: total.bps, seconds: total.seconds(), udp: total.udp, doubt: None, from_parts: false };
    let highest = parts.iter().map(|row| row.bps).fold(0.0, f64::max);
    if parts.len() > 1 && seconds > total.seconds() * 0.9 && total.bps > highest * ABOVE_PARTS {
        whole.doubt = Some(format!("the total of {:.0} bit/s is above every interval: the mean of the intervals is given", total.bps));
        (whole.bytes, whole.bps, whole.seconds) = (bytes, bytes * 8.0 / seconds, seconds);
    }
    Some(whole)
}

/// Datagrams of several lines together.
fn added(rows: &[&&Row<'_>]) -> Udp {
    rows.iter().fold(Udp::No, |sum, row| sum_of(sum, row.udp))
}

fn sum_of(one: Udp, other: Udp) -> Udp {
    match (one, other) {
        (Udp::No, other) | (other, Udp::No) => other,
        (Udp::Unanswered, _) | (_, Udp::Unanswered) => Udp::Unanswered,
        (Udp::Counted { jitter_ms: a, lost, total }, Udp::Counted { jitter_ms: b, lost: more, total: others }) => {
            Udp::Counted { jitter_ms: a.max(b), lost: lost + more, total: total + others }
        }
    }
}

/// The measurements of one test: one, or one a direction.
fn measure(test: &[&Row<'_>]) -> Vec<Measurement> {
    let mut groups: Vec<Vec<&Row<'_>>> = Vec::new();
    for row in test {
        match groups.iter_mut().find(|group| same_stream(group[0], row)) {
            Some(group) => group.push(row),
            None => groups.push(vec![row]),
        }
    }
    let all: Vec<Stream<'_, '_>> = groups.iter().filter_map(|group| stream(group)).collect();
    let (sums, mut streams): (Vec<Stream<'_, '_>>, Vec<Stream<'_, '_>>) = all.into_iter().partition(|stream| stream.row.is_sum());
    // The client of UDP prints what it sent, and then what the server says that it received.
    let counted = streams.iter().chain(&sums).any(|stream| matches!(stream.udp, Udp::Counted { .. }));
    let is_sent = |stream: &Stream<'_, '_>| counted && stream.udp == Udp::No;
    let sent: f64 = streams.iter().filter(|stream| is_sent(stream)).map(|stream| stream.bps).sum();
    streams.retain(|stream| !is_sent(stream));
    let sum = sums.iter().rfind(|stream| !is_sent(stream));

    let towards = by_listener(&streams);
    let directions = if towards.len() > 1 { 2 } else { 1 };
    let mut found = Vec::new();
    for (direction, streams) in towards {
        // With both directions the sum is of both.
        let mut measurement = one_way(&streams, sum.filter(|_| directions == 1));
        measurement.direction = direction;
        if directions > 1 {
            measurement.note("bidirectional", true);
            measurement
                .remark("iperf 2's CSV does not name the client: data towards the port that listens is taken as from client to server");
        } else if sent > 0.0 {
            measurement.note("sent_bps", sent);
        }
        found.push(measurement);
    }
    if found.is_empty() {
        found.extend(sum.map(|sum| one_way(&[], Some(sum))));
    }
    found
}

/// Streams by direction. All lines of a test without `-d` and `--full-duplex` have the listening port on the same side.
fn by_listener<'s, 'r, 'a>(streams: &'s [Stream<'r, 'a>]) -> BTreeMap<Direction, Vec<&'s Stream<'r, 'a>>> {
    let has = |port: &str| streams.iter().all(|stream| stream.row.first.port == port || stream.row.second.port == port);
    let listener = streams.first().map_or("", |stream| {
        let (first, second) = (stream.row.first.port, stream.row.second.port);
        let low = |port: &str| port.parse::<u32>().unwrap_or(u32::MAX);
        match (has(first), has(second)) {
            (true, false) => first,
            (false, true) => second,
            _ if low(first) < low(second) => first,
            _ => second,
        }
    });
    let mut towards: BTreeMap<Direction, Vec<&Stream<'_, '_>>> = BTreeMap::new();
    for stream in streams {
        let direction = if stream.row.second.port == listener { Direction::ClientToServer } else { Direction::ServerToClient };
        towards.entry(direction).or_default().push(stream);
    }
    // One way only: a server's own file has its port first.
    if towards.len() == 1
        && let Some(streams) = towards.remove(&Direction::ServerToClient)
    {
        towards.insert(Direction::ClientToServer, streams);
    }
    towards
}

fn one_way(streams: &[&Stream<'_, '_>], sum: Option<&Stream<'_, '_>>) -> Measurement {
    let parts: Vec<&Stream<'_, '_>> = if streams.is_empty() { sum.into_iter().collect() } else { streams.to_vec() };
    let udp = parts.iter().map(|stream| stream.udp).chain(sum.map(|sum| sum.udp)).any(|udp| udp != Udp::No);
    let mut measurement = Measurement::new(TOOL, Method::Stream, if udp { Transport::Udp } else { Transport::Tcp });
    // Without -b iperf 2 holds UDP to 1 Mbit/s.
    measurement.paced = udp;
    let added_bps: f64 = parts.iter().map(|stream| stream.bps).sum();
    // iperf's own sum covers the time from the first stream's begin to the last one's end.
    let agrees = sum.is_none_or(|sum| (sum.bps / added_bps - 1.0).abs() <= 0.05);
    if let Some(sum) = sum.filter(|_| !agrees) {
        let why = format!("iperf's sum of {:.0} bit/s is not that of the streams, {added_bps:.0} bit/s, which is given", sum.bps);
        measurement.doubt(ReasonKind::CountersDisagree, why);
    }
    let used: Vec<&Stream<'_, '_>> = sum.filter(|_| agrees).map_or_else(|| parts.clone(), |sum| vec![sum]);
    let (bps, bytes): (f64, f64) = used.iter().fold((0.0, 0.0), |(bps, bytes), stream| (bps + stream.bps, bytes + stream.bytes));
    // The time that makes the bytes of streams of different lengths the sum of their rates.
    let rates: f64 = used.iter().filter(|stream| stream.seconds > 0.0).map(|stream| stream.bytes * 8.0 / stream.seconds).sum();
    for doubt in used.iter().filter_map(|stream| stream.doubt.as_ref()) {
        measurement.doubt(ReasonKind::CountersDisagree, doubt.clone());
    }
    let seconds = if rates > 0.0 { bytes * 8.0 / rates } else { 0.0 };
    measurement.set_transfer(bps, bytes, seconds, ROUNDING_S);
    measurement.set_duration(used.iter().map(|stream| stream.seconds).fold(0.0, f64::max));
    measurement.note("streams", streams.len().max(1));
    measurement.note("bytes", bytes);
    if used.iter().any(|stream| stream.from_parts) {
        measurement.remark("the line of the whole time is missing: the interval lines are added up");
    }
    if streams.len() > 1 && sum.is_none() && streams.iter().any(|stream| stream.row.stamp.is_none()) {
        measurement.remark("the lines have no usable time: their streams are taken as parallel");
    }
    if udp {
        take_datagrams(&mut measurement, used.iter().fold(Udp::No, |sum, stream| sum_of(sum, stream.udp)));
    } else if !used.iter().all(|stream| stream.row.by_receiver) {
        measurement.remark("iperf 2's CSV does not say which end counted; a client counts what it handed to its kernel");
    }
    measurement
}

fn take_datagrams(measurement: &mut Measurement, udp: Udp) {
    let Udp::Counted { jitter_ms, lost, total } = udp else {
        // What was sent is no goodput.
        if let Some(sent) = measurement.values.goodput_bps.take() {
            measurement.note("sent_bps", sent.bps());
        }
        let why = "the server's count is missing, and what the client sent is no goodput: take what the server prints (iperf -s -u -y C)";
        measurement.doubt(ReasonKind::CountersDisagree, why);
        return;
    };
    measurement.note("datagrams", total);
    measurement.note("datagrams_lost", lost);
    measurement.note("jitter_ms", jitter_ms);
    measurement.set_loss(lost, total);
}
