//! One measurement of both directions at once, from the two that a tool prints.

use methodology::trial::Direction as Way;
use methodology::units::{Goodput, LossRatio};
use serde_json::Value;

use super::{Direction, KernelTool, Measurement, ToolError, ToolExit};
use crate::record::{DirectionResult, Reason, ReasonKind, Values, directions};

/// Parameters that are of one direction.
const OF_ONE_DIRECTION: [&str; 6] = ["sent_bps", "jitter_ms", "datagrams", "datagrams_lost", "interval_bps", "goodput_from"];

impl KernelTool {
    /// The one measurement of a test in which both ends sent at once: rates are the mean of the two directions, and the parameter `directions` has
    /// each of them with its verdict.
    ///
    /// # Errors
    /// Those of [`parse`](Self::parse), and where one direction is missing.
    pub fn parse_both_ways(self, text: &str, exit: ToolExit) -> Result<Measurement, ToolError> {
        let found = self.parse(text, exit)?;
        let of = |direction| found.iter().find(|measurement| measurement.direction == direction);
        match (of(Direction::ClientToServer), of(Direction::ServerToClient)) {
            (Some(forward), Some(reverse)) => Ok(joined(forward, reverse)),
            (forward, _) => {
                let missing = if forward.is_some() { "from the server to the client" } else { "from the client to the server" };
                Err(ToolError::Unreadable { tool: self, why: format!("it has no result for the direction {missing}") })
            }
        }
    }
}

fn joined(forward: &Measurement, reverse: &Measurement) -> Measurement {
    let both = [(Way::Forward, forward), (Way::Reverse, reverse)];
    let mut joined = Measurement { values: values(forward, reverse), doubts: Vec::new(), ..forward.clone() };
    joined.parameters.retain(|name, _| !OF_ONE_DIRECTION.contains(&name.as_str()));
    for (way, one) in both {
        joined.doubts.extend(one.doubts.iter().map(|doubt| of_direction(way, doubt)));
    }
    let others = reverse.remarks.iter().filter(|remark| !forward.remarks.contains(remark));
    joined.remarks.extend(others.cloned());
    joined.note("bidirectional", true);
    if let (Some(one), Some(other)) = (forward.values.goodput_bps, reverse.values.goodput_bps) {
        joined.note("sum_goodput_bps", one.bps() + other.bps());
    }
    let each: Vec<DirectionResult> = both.into_iter().map(|(way, one)| direction(way, one)).collect();
    directions::note(&each, &mut joined.parameters);
    joined
}

/// A reason that names its direction.
fn of_direction(way: Way, reason: &Reason) -> Reason {
    Reason { kind: reason.kind, detail: format!("{way} direction: {}", reason.detail) }
}

fn values(forward: &Measurement, reverse: &Measurement) -> Values {
    let both = [forward, reverse];
    let mean = |one: Goodput, other: Goodput| Goodput::new((one.bps() + other.bps()) / 2.0).ok();
    let counted = |name: &str| both.iter().map(|one| one.parameters.get(name).and_then(Value::as_f64)).sum::<Option<f64>>();
    let loss = counted("datagrams_lost").zip(counted("datagrams")).and_then(|(lost, sent)| LossRatio::new(lost / sent).ok());
    Values {
        goodput_bps: forward.values.goodput_bps.zip(reverse.values.goodput_bps).and_then(|(one, other)| mean(one, other)),
        retransmits: both.iter().map(|one| one.values.retransmits).sum(),
        loss_ratio: loss,
        ..Values::default()
    }
}

fn direction(way: Way, one: &Measurement) -> DirectionResult {
    DirectionResult {
        goodput_bps: one.values.goodput_bps,
        sent_bps: one.parameters.get("sent_bps").and_then(Value::as_f64),
        loss_ratio: one.values.loss_ratio,
        retransmits: one.values.retransmits,
        verdict: Some(one.verdict()),
        ..DirectionResult::new(way)
    }
}

/// Makes one direction of a record invalid, and with it the record.
pub fn invalidate_direction(record: &mut crate::record::Record, way: Way, kind: ReasonKind, detail: &str) {
    let mut each = record.directions();
    if let Some(verdict) = each.iter_mut().find(|one| one.direction == way).and_then(|one| one.verdict.as_mut()) {
        verdict.invalidate(kind, detail);
    }
    directions::note(&each, &mut record.parameters);
    record.verdict.invalidate(kind, format!("{way} direction: {detail}"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::State;

    fn fixture(name: &str) -> String {
        std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)).unwrap()
    }

    fn parsed(text: &str) -> (Measurement, Vec<DirectionResult>) {
        let tool = KernelTool::from_name("iperf3").unwrap();
        let measurement = tool.parse_both_ways(text, ToolExit::Code(0)).unwrap();
        let each: Vec<DirectionResult> = serde_json::from_value(measurement.parameters["directions"].clone()).unwrap();
        (measurement, each)
    }

    #[test]
    fn the_rate_is_the_mean_and_each_direction_keeps_its_own() {
        // 3.12 tells the directions apart by `_bidir_reverse`, 3.7 to 3.10 print one key twice.
        for name in ["iperf3_3.12_tcp_bidir.json", "field/iperf3-3.10-bidir-duplicate-keys.json"] {
            let (both, each) = parsed(&fixture(name));
            let rates: Vec<f64> = each.iter().map(|one| one.goodput_bps.unwrap().bps()).collect();
            assert_eq!(each.iter().map(|one| one.direction).collect::<Vec<_>>(), [Way::Forward, Way::Reverse]);
            assert!(rates[0] > 1.3 * rates[1], "{name}: two different rates: {rates:?}");
            assert_eq!(both.values.goodput_bps.unwrap().bps(), (rates[0] + rates[1]) / 2.0, "{name}");
            assert_eq!(both.parameters["sum_goodput_bps"], rates[0] + rates[1], "{name}");
            assert!(!both.parameters.contains_key("sent_bps"), "of one direction");
        }
    }

    #[test]
    fn datagrams_of_both_directions_make_one_loss_ratio() {
        let (both, each) = parsed(&fixture("iperf3_3.12_udp_bidir.json"));
        assert!(both.values.loss_ratio.is_some() && each.iter().all(|one| one.loss_ratio.is_some()), "{each:?}");
    }

    #[test]
    fn a_direction_in_which_nothing_arrived_is_invalid_and_the_other_is_not() {
        let text = fixture("iperf3_3.12_udp_bidir.json");
        let mut document: Value = serde_json::from_str(&text).unwrap();
        let received = &mut document["end"]["sum_received_bidir_reverse"];
        (received["bytes"], received["bits_per_second"]) = (0.into(), 0.0.into());
        let packets = received["packets"].clone();
        received["lost_packets"] = packets;
        let (both, each) = parsed(&document.to_string());
        let states: Vec<State> = each.iter().map(|one| one.verdict.as_ref().unwrap().state).collect();
        assert_eq!(states, [State::Valid, State::Invalid], "{:?}", both.doubts);
        let verdict = both.verdict();
        assert_eq!(verdict.state, State::Invalid);
        assert!(verdict.reasons.iter().all(|reason| reason.detail.starts_with("reverse direction: ")), "{verdict:?}");
    }

    #[test]
    fn a_test_of_one_direction_is_not_one_of_both() {
        let tool = KernelTool::from_name("iperf3").unwrap();
        let error = tool.parse_both_ways(&fixture("iperf3_3.12_udp.json"), ToolExit::Code(0)).unwrap_err().to_string();
        assert!(error.contains("from the server to the client"), "{error}");
    }
}
