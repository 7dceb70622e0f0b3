use dataplane::CycleReport;
use reporter::record::{CpuCost, EndCost};

/// Poll loops take whole cores whatever they carry; what they would need is their busy share.
///
/// Each end with its number of poll loops, one a queue: their cycles are those of all of them together.
pub(super) fn poll_cost(sender: (&CycleReport, u16), receiver: (&CycleReport, u16)) -> CpuCost {
    let end = |(cycles, loops): (&CycleReport, u16)| EndCost {
        cores: Some(f64::from(loops)),
        busy_cycles: Some(cycles.busy),
        total_cycles: Some(cycles.total),
        cycles_hz: Some(cycles.hz),
        cycles_per_frame: (cycles.per_frame > 0.0).then_some(cycles.per_frame),
        steal_cores: cycles.steal.map(|steal| f64::from(loops) * steal.seconds() * cycles.hz as f64 / cycles.total.max(1) as f64),
        ..EndCost::default()
    };
    CpuCost { sender: Some(end(sender)), receiver: Some(end(receiver)), shared_machine: false }
}

#[cfg(test)]
mod tests {
    use methodology::units::Seconds;

    use super::*;

    #[test]
    fn an_end_costs_a_core_for_each_of_its_poll_loops() {
        // Each loop ran for two seconds, of which a fifth of a second was stolen.
        let cycles = |loops: u32| CycleReport {
            hz: 1_000,
            total: u64::from(loops) * 2_000,
            steal: Some(Seconds::new(f64::from(loops) * 0.2).unwrap()),
            ..CycleReport::default()
        };
        let cost = poll_cost((&cycles(1), 1), (&cycles(3), 3));
        let told = |end: Option<EndCost>| end.map(|end| (end.cores.unwrap(), (end.steal_cores.unwrap() * 1e6).round()));
        assert_eq!((told(cost.sender), told(cost.receiver)), (Some((1.0, 100_000.0)), Some((3.0, 300_000.0))));
    }
}
