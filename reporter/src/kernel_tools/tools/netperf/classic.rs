use methodology::units::LossRatio;

use super::{TOOL, banner};
use crate::kernel_tools::{Measurement, MessageSize, Method, Transport};
use crate::record::{LatencyDefinition, RttSummary};

/// The table that netperf prints without output selectors; none where there is no row of numbers.
pub(super) fn measure(text: &str) -> Option<Measurement> {
    let (transport, method, direction) = banner(text)?;
    let rows: Vec<Vec<f64>> = text.lines().filter_map(numbers).collect();
    let first = rows.first()?;
    let mut measurement = Measurement::new(TOOL, method, transport);
    measurement.direction = direction;
    let size = |bytes: f64| (bytes >= 1.0 && bytes <= f64::from(u32::MAX)).then(|| MessageSize::new(bytes as u32)).flatten();
    match (method, transport, first.as_slice()) {
        // Send and receive socket, request, response, seconds, transactions a second.
        (Method::PingPong, _, [_, _, request, _response, seconds, rate]) if *rate > 0.0 => {
            measurement.size = size(*request);
            measurement.set_duration(*seconds);
            let mean = Some(1e9 / rate);
            measurement.set_latency(RttSummary { mean, ..RttSummary::default() }, LatencyDefinition::RoundTrip);
        }
        // Socket, message, seconds, datagrams, errors, sent; the row below: socket, seconds, datagrams, received.
        (Method::Stream, Transport::Udp, [_, message, seconds, datagrams, _errors, _sent]) => {
            let [_, _, arrived, received] = rows.get(1)?.as_slice() else { return None };
            measurement.size = size(*message);
            measurement.set_duration(*seconds);
            measurement.set_goodput(received * 1e6);
            if *datagrams > 0.0 {
                measurement.values.loss_ratio = LossRatio::new((datagrams - arrived) / datagrams).ok();
            }
        }
        // Receive and send socket, message, seconds, 10^6 bits a second.
        (Method::Stream, _, [_, _, message, seconds, rate]) => {
            measurement.size = size(*message);
            measurement.set_duration(*seconds);
            measurement.set_goodput(rate * 1e6);
        }
        _ => return None,
    }
    Some(measurement)
}

/// A row that holds numbers only.
fn numbers(line: &str) -> Option<Vec<f64>> {
    let row: Vec<f64> = line
        .split_ascii_whitespace()
        .map(|word| word.parse::<f64>().ok().filter(|value| value.is_finite() && *value >= 0.0))
        .collect::<Option<_>>()?;
    (!row.is_empty()).then_some(row)
}
