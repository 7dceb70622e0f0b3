use super::banner::banner;
use super::id::TOOL;
use super::units;
use crate::kernel_tools::{Measurement, MessageSize, Method, Transport};
use crate::record::{LatencyDefinition, RttSummary};

/// The tests in the table that netperf prints without output selectors; none where there is no banner or a row is not understood. With `-P 0` later
/// runs add a row without headings.
///
/// CPU use (`-c`, `-C`) adds columns at the right.
pub(super) fn measure(text: &str) -> Option<Vec<Measurement>> {
    let (transport, method, direction) = banner(text)?;
    // With the headings stands the unit, for those who gave -f.
    let unit = text.split_ascii_whitespace().find_map(units::bits_per_second);
    let rows: Vec<Vec<f64>> = text.lines().filter_map(numbers).collect();
    let mut found = Vec::new();
    let mut rest = rows.as_slice();
    while let Some((row, after)) = rest.split_first() {
        let mut measurement = Measurement::new(TOOL, method, transport);
        measurement.direction = direction;
        let used = match (method, transport) {
            (Method::PingPong, _) if unit.is_none() => take_transactions(&mut measurement, row, after)?,
            (Method::Stream, Transport::Udp) => take_datagrams(&mut measurement, row, after, unit.unwrap_or(units::DEFAULT))?,
            (Method::Stream, _) => take_stream(&mut measurement, row, unit.unwrap_or(units::DEFAULT))?,
            (Method::PingPong, _) => return None,
        };
        if method == Method::Stream && unit.is_none() {
            measurement.remark("the unit of the rate is not printed: 10^6 bit/s, netperf's default, is assumed");
        }
        found.push(measurement);
        rest = &after[used..];
    }
    Some(found)
}

/// Send and receive socket, request, response, seconds, transactions a second; the row below, which not every version has, is of the other end's sockets.
fn take_transactions(measurement: &mut Measurement, row: &[f64], after: &[Vec<f64>]) -> Option<usize> {
    let ([_, _, request, response, seconds, rate] | [_, _, request, response, seconds, rate, _, _, _, _]) = *row else { return None };
    if rate <= 0.0 {
        return None;
    }
    measurement.size = size(request);
    measurement.set_duration(seconds);
    if request != response {
        measurement.note("response_bytes", response);
    }
    let mean = Some(1e9 / rate);
    measurement.set_latency(RttSummary { mean, ..RttSummary::default() }, LatencyDefinition::RoundTrip);
    note_cpu(measurement, &row[6..]);
    Some(usize::from(after.first().is_some_and(|row| row.len() == 2)))
}

/// Socket, message, seconds, datagrams, errors, sent; the row below: socket, seconds, datagrams, received.
fn take_datagrams(measurement: &mut Measurement, row: &[f64], after: &[Vec<f64>], unit: f64) -> Option<usize> {
    let ([_, message, seconds, datagrams, _errors, sent] | [_, message, seconds, datagrams, _errors, sent, _, _]) = *row else {
        return None;
    };
    let ([_, _, arrived, received] | [_, _, arrived, received, _, _]) = *after.first()?.as_slice() else { return None };
    measurement.size = size(message);
    measurement.set_duration(seconds);
    // The time is printed with two digits.
    measurement.set_transfer(received * unit, arrived * message, seconds, 0.01);
    measurement.note("sent_bps", sent * unit);
    if datagrams > 0.0 {
        measurement.set_loss(datagrams - arrived, datagrams);
    }
    note_cpu(measurement, &row[6..]);
    Some(1)
}

/// Receive and send socket, message, seconds, rate.
fn take_stream(measurement: &mut Measurement, row: &[f64], unit: f64) -> Option<usize> {
    let ([_, _, message, seconds, rate] | [_, _, message, seconds, rate, _, _, _, _]) = *row else { return None };
    measurement.size = size(message);
    measurement.set_duration(seconds);
    measurement.set_goodput(rate * unit);
    note_cpu(measurement, &row[5..]);
    Some(0)
}

/// Local and, where there is a column, remote use in percent of the whole machine; −1 where it was not measured.
fn note_cpu(measurement: &mut Measurement, columns: &[f64]) {
    let ends = if columns.len() == 4 { &columns[..2] } else { &columns[..columns.len().min(1)] };
    for (name, percent) in
        ["netperf_local_cpu_percent", "netperf_remote_cpu_percent"].iter().zip(ends).filter(|(_, percent)| **percent >= 0.0)
    {
        measurement.note(name, *percent);
    }
}

fn size(bytes: f64) -> Option<MessageSize> {
    (bytes >= 1.0 && bytes <= f64::from(u32::MAX)).then(|| MessageSize::new(bytes as u32)).flatten()
}

/// A row that holds numbers only.
fn numbers(line: &str) -> Option<Vec<f64>> {
    let row: Vec<f64> = line
        .split_ascii_whitespace()
        .map(|word| word.parse::<f64>().ok().filter(|value| value.is_finite() && *value >= -1.0))
        .collect::<Option<_>>()?;
    (!row.is_empty()).then_some(row)
}
