use dataplane::{CpuId, CycleReport, QueueReport, TickSource};
use reporter::record::{CpuCost, EndCost, QueueUse};

/// Poll loops take whole cores whatever they carry; what they would need is their busy share.
///
/// Each end with its queues, each of which has a poll loop: the cycles are those of all of them together.
pub(super) fn poll_cost(sender: (&CycleReport, &[QueueReport], u16), receiver: (&CycleReport, &[QueueReport], u16)) -> CpuCost {
    CpuCost { sender: Some(end(sender)), receiver: Some(end(receiver)), shared_machine: false }
}

fn end((cycles, queues, loops): (&CycleReport, &[QueueReport], u16)) -> EndCost {
    // The generic timer of Arm does not count cycles.
    let are_cycles = cycles.clock == TickSource::Tsc;
    EndCost {
        cores: Some(f64::from(loops)),
        ns_per_frame: positive(cycles.ns_per_frame),
        busy_cycles: are_cycles.then_some(cycles.busy),
        total_cycles: are_cycles.then_some(cycles.total),
        cycles_hz: are_cycles.then_some(cycles.hz),
        cycles_per_frame: positive(cycles.per_frame).filter(|_| are_cycles),
        steal_cores: cycles.steal.map(|steal| f64::from(loops) * steal.seconds() * cycles.hz as f64 / cycles.total.max(1) as f64),
        by_queue: queues.iter().map(queue_use).collect(),
        ..EndCost::default()
    }
}

fn queue_use(queue: &QueueReport) -> QueueUse {
    QueueUse {
        queue: queue.queue.into(),
        core: queue.cpu.map(CpuId::number),
        frames_received: queue.frames_received,
        frames_sent: queue.frames_sent,
        missed: queue.missed,
        ns_per_frame: positive(queue.cycles.ns_per_frame),
        hiccups: queue.hiccups.count,
        longest_hiccup_ns: queue.hiccups.longest_ns.ns(),
    }
}

/// `None` where the loop moved no frames: there is no cost per frame then.
fn positive(value: f64) -> Option<f64> {
    (value > 0.0).then_some(value)
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
        let cost = poll_cost((&cycles(1), &[], 1), (&cycles(3), &[], 3));
        let told = |end: Option<EndCost>| end.map(|end| (end.cores.unwrap(), (end.steal_cores.unwrap() * 1e6).round()));
        assert_eq!((told(cost.sender), told(cost.receiver)), (Some((1.0, 100_000.0)), Some((3.0, 300_000.0))));
    }
    #[test]
    fn an_arm_end_has_a_time_for_each_frame_and_no_cycles() {
        let cycles = |clock| CycleReport {
            hz: 1_000_000_000,
            clock,
            busy: 4_000,
            total: 9_000,
            per_frame: 40.0,
            ns_per_frame: 40.0,
            ..CycleReport::default()
        };
        let of = |clock| end((&cycles(clock), &[], 1));
        let (x86, arm) = (of(TickSource::Tsc), of(TickSource::GenericTimer));
        assert_eq!((x86.ns_per_frame, x86.cycles_per_frame, x86.busy_cycles), (Some(40.0), Some(40.0), Some(4_000)));
        assert_eq!((arm.ns_per_frame, arm.cycles_per_frame, arm.busy_cycles, arm.cycles_hz), (Some(40.0), None, None, None));
    }

    #[test]
    fn each_queue_has_its_cpu_its_frames_and_its_hiccups() {
        let queue = QueueReport { queue: 3, cpu: Some(CpuId::new(7)), frames_received: 41, missed: Some(2), ..QueueReport::default() };
        let cost = end((&CycleReport::default(), &[queue], 1));
        let [queue] = &cost.by_queue[..] else { panic!("{cost:?}") };
        assert_eq!((queue.queue, queue.core, queue.frames_received, queue.missed, queue.ns_per_frame), (3, Some(7), 41, Some(2), None));
    }
}
