//! Round trips at a low rate through the peer's reflector.

use std::sync::atomic::Ordering;

use dataplane::SendPlan;
use methodology::trial::Engine;
use methodology::units::{FrameSize, Pace, PacketRate, Seconds};
use reporter::record::{LatencyDefinition, Reason, ReasonKind, Record, Values};
use serde_json::json;

use super::accounting::Discards;
use super::both_ends::{OpenPorts, RoundTrips};
use super::calibration::{Calibrations, Configuration};
use super::histograms;
use super::interface_proof;
use super::loss_domains;
use super::measurer::MeasureError;
use super::pair::BypassPair;
use super::poll_loop::{interrupted, reflector_faults, round_trips_delayed, sender_reasons};
use super::reason_kind::reason_of_fault;
use super::results::Results;
use super::round_trip_times::rtt_summary;
use super::step_error::StepError;
use super::wire_proof::WireProof;
use crate::conductor::context::Context;
use crate::conductor::path_device::{Crossing, InPath, TesterCounts};
use crate::conductor::schedule::Step;

/// How often a trial is repeated that is invalid only because poll loops were interrupted. A machine that interrupts every trial gets an invalid
/// result.
const REPEATS: u32 = 3;

/// Measures, and makes the record.
pub(super) fn measure(
    step: &Step<'_>,
    pair: &mut BypassPair,
    (rate, duration): (PacketRate, Seconds),
    calibrations: &mut Calibrations,
    context: &mut Context<'_>,
) -> Result<Record, StepError> {
    // Now, while neither end polls.
    let calibration = calibrations.of(context.testbed, Configuration::of(step, pair, rate), context.interrupted);
    let plan = SendPlan::new(step.size, Pace::Rate(rate), duration.duration());
    let mut repeats = 0;
    let (trips, mut results) = loop {
        let device = context.device.get().map(InPath::before).transpose().map_err(MeasureError::from)?;
        let trips = pair.round_trips(plan.clone(), context.interrupted).map_err(MeasureError::from)?;
        if let (Some(path), Some(before)) = (context.device.get(), device) {
            let received = trips.sent.returned.as_ref().map_or(0, |returned| returned.received);
            let counts = TesterCounts { sent: trips.sent.frames_sent, received, crossing: Crossing::RoundTrips };
            path.after(before, Some(counts)).map_err(MeasureError::from)?;
        }
        let results = results(&trips, &pair.ports, step.size, rate);
        if !only_interrupted(&results.reasons) || repeats == REPEATS || context.interrupted.load(Ordering::Relaxed) {
            break (trips, results);
        }
        repeats += 1;
    };
    if repeats > 0 {
        results.parameters.insert("repeats_after_hiccups".to_owned(), json!(repeats));
    }
    calibration.note(&mut results.parameters);
    let mut raw = None;
    if let (Some(histogram), Some(summary)) =
        (trips.sent.rtt.as_ref().and_then(|rtt| rtt.histogram.as_ref()), results.values.rtt_ns.as_mut())
    {
        let file = histograms::keep(histogram, &step.id, context.directory)?;
        summary.histogram = Some(file.clone());
        raw = Some(file);
    }
    results.add_device(step, pair, context)?;
    Ok(Record { raw, ..results.into_record(step, &pair.ports, context) })
}

/// Whether interruptions are all that is wrong. A trial in which something else went wrong is not repeated: its fault would be lost.
fn only_interrupted(reasons: &[Reason]) -> bool {
    !reasons.is_empty() && reasons.iter().all(|reason| reason.kind == ReasonKind::Hiccup)
}

/// The histogram itself is kept as a raw file by the caller.
fn results(trips: &RoundTrips, ports: &OpenPorts, size: FrameSize, rate: PacketRate) -> Results {
    let sent = &trips.sent;
    let returned = sent.returned.clone().unwrap_or_default();
    let discards = Discards::of(&sent.loops.counters, &ports.sender);
    let mut results =
        Results { load: Some(format!("{}pps", rate.pps())), duration_s: Some(sent.duration.as_secs_f64()), ..Results::default() };
    results.values = Values {
        offered_pps: Some(sent.rate),
        loss_ratio: Some(methodology::units::LossRatio::from_counts(sent.frames_sent, returned.received)),
        rtt_ns: sent.rtt.as_ref().map(rtt_summary),
        latency_definition: Some(LatencyDefinition::RoundTrip),
        loss: Some(loss_domains::in_record(&loss_domains::of_round_trips(trips, ports, true))),
        frames_sent: Some(sent.frames_sent),
        frames_received: Some(returned.received),
        ..Values::default()
    };
    results.add_round_trips(trips, ports, size);
    results.note_uncounted(&discards);
    results.reasons = sender_reasons(sent, returned.received);
    results.reasons.extend(interrupted(&trips.reflected.loops.hiccups, &trips.reflected.loops.cycles, Engine::Reflector));
    if !results.reasons.iter().any(|reason| reason.kind == ReasonKind::Hiccup) {
        results.reasons.extend(round_trips_delayed(sent, &trips.reflected));
    }
    let faults = WireProof::round_trips(trips, ports)
        .faults()
        .into_iter()
        .chain(interface_proof::round_trips(trips, ports))
        .chain(reflector_faults(&trips.reflected));
    results.reasons.extend(faults.map(|fault| reason_of_fault(&fault)));
    results
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::both_ends::Links;
    use super::super::trial_outcome::OutcomeOf;
    use super::*;
    use crate::agent::{LinkSeen, Opened};
    use dataplane::{CycleReport, DpdkVersion, LoopsReport, PortInfo, ReflectReport, ReturnedFrames, SendReport};
    use methodology::units::{LossRatio, Nanoseconds};

    fn ports() -> OpenPorts {
        let port = PortInfo {
            name: "net_vhost0".to_owned(),
            devargs: "net_vhost0".to_owned(),
            driver: "net_vhost".to_owned(),
            link_speed: None,
            mac: "02:00:00:00:00:01".parse().unwrap(),
            promiscuous: false,
            mtu: 1500,
            rss_key: None,
            max_frame: FrameSize::MAX_STANDARD,
            numa_node: None,
            queues: 1,
            rx_descriptors: 1024,
            tx_descriptors: 1024,
            offloads: Vec::new(),
            rx_burst_mode: None,
            tx_burst_mode: None,
            representor: false,
            switch_domain: None,
            huge_pages: false,
        };
        let version = || "DPDK 24.11.2".to_owned();
        let opened = Opened { port, dpdk: DpdkVersion { built: version(), running: version() }, pcie: None };
        OpenPorts { sender: opened.clone(), receiver: opened }
    }

    /// 1000 frames, of which the reflector got all and sent back all but `unsent`.
    fn trips(unsent: u64, ended_early: Option<&str>) -> RoundTrips {
        let up = LinkSeen { up_before: true, up_after: true };
        let cycles = CycleReport { total: 1_000_000_000, hz: 1_000_000_000, on_cpu: Duration::from_secs(1), ..CycleReport::default() };
        let loops = LoopsReport { cycles, ..LoopsReport::default() };
        let sent = SendReport {
            frames_sent: 1_000,
            intended_frames: 1_000,
            duration: Duration::from_secs(1),
            rate: PacketRate::from_count(1_000, 1.0),
            loops: loops.clone(),
            returned: Some(ReturnedFrames { received: 1_000 - unsent, ..ReturnedFrames::default() }),
            ..SendReport::default()
        };
        let reflected = ReflectReport {
            frames_received: 1_000,
            frames_sent: 1_000 - unsent,
            unsent,
            loops: LoopsReport { ended_early: ended_early.map(str::to_owned), ..loops },
            ..ReflectReport::default()
        };
        RoundTrips { sent, reflected, links: Links { sender: up, receiver: up } }
    }

    fn of(trips: &RoundTrips) -> Results {
        results(trips, &ports(), FrameSize::MIN, PacketRate::new(1_000.0).unwrap())
    }

    #[test]
    fn frames_that_the_reflector_drops_are_its_own_and_not_the_path_s() {
        let clean = of(&trips(0, None));
        assert_eq!((&clean.reasons[..], clean.values.loss.unwrap().reflector_unsent), (&[][..], 0));
        let lossy = of(&trips(40, None));
        let loss = lossy.values.loss.unwrap();
        assert_eq!((loss.lost, loss.reflector_unsent, loss.unsent), (40, 40, 0));
        assert_eq!(lossy.values.loss_ratio, Some(LossRatio::from_counts(1_000, 960)));
        assert!(lossy.reasons.iter().any(|reason| reason.detail.contains("the reflector did not send back 40")), "{:?}", lossy.reasons);
    }

    #[test]
    fn doubled_late_and_in_flight_frames_and_another_sender_make_the_measurement_invalid() {
        let kinds = |returned: ReturnedFrames| {
            let mut trips = trips(0, None);
            trips.sent.returned = Some(returned);
            of(&trips).reasons.into_iter().map(|reason| reason.kind).collect::<Vec<_>>()
        };
        let all = || ReturnedFrames { received: 1_000, ..ReturnedFrames::default() };
        assert_eq!(kinds(ReturnedFrames { duplicate: 1, ..all() }), [], "one in a thousand");
        assert_eq!(kinds(ReturnedFrames { duplicate: 2, ..all() }), [ReasonKind::Duplicates]);
        assert_eq!(kinds(ReturnedFrames { several_senders: true, ..all() }), [ReasonKind::SeveralSenders]);
        assert_eq!(kinds(ReturnedFrames { received: 919, in_flight: 81, ..all() }), [ReasonKind::InFlight]);
        // Late or copies: neither the loss nor the round trips are known.
        let late = ReturnedFrames { received: 990, lost: 10, window_exceeded: 10, ..ReturnedFrames::default() };
        assert_eq!(kinds(late.clone()), [ReasonKind::WindowExceeded]);
        let mut trips = trips(0, None);
        trips.sent.returned = Some(late);
        assert_eq!(of(&trips).values.loss.map(|loss| (loss.lost, loss.window_exceeded)), Some((10, 10)));
    }

    /// One in a hundred of the round trips waited: what the 99th percentile shows is the tester.
    #[test]
    fn interruptions_of_both_loops_for_over_a_hundredth_of_the_trial_make_round_trips_invalid() {
        let kinds = |sender_us: u64, reflector_us: u64, on_cpu: bool| {
            let mut trips = trips(0, None);
            for (loops, us) in [(&mut trips.sent.loops, sender_us), (&mut trips.reflected.loops, reflector_us)] {
                loops.hiccups.total_ns = Nanoseconds::new(us * 1_000);
                if !on_cpu {
                    loops.cycles.on_cpu = Duration::from_secs(1) - Duration::from_micros(us);
                }
            }
            of(&trips).reasons.into_iter().map(|reason| reason.kind).collect::<Vec<_>>()
        };
        assert_eq!(kinds(4_900, 4_900, false), []);
        assert_eq!(kinds(5_200, 5_200, false), [ReasonKind::Hiccup]);
        assert_eq!(kinds(100, 11_000, false), [ReasonKind::Hiccup]);
        assert_eq!(kinds(0, 90_000, false), [ReasonKind::Hiccup], "the reflector's own limit is reported once");
        assert_eq!(kinds(5_200, 5_200, true), [], "long turns in the kernel are no interruption");
    }

    #[test]
    fn only_a_trial_without_another_fault_is_repeated() {
        let reasons = |kinds: &[ReasonKind]| kinds.iter().map(|&kind| Reason { kind, detail: String::new() }).collect::<Vec<_>>();
        assert!(only_interrupted(&reasons(&[ReasonKind::Hiccup, ReasonKind::Hiccup])));
        assert!(!only_interrupted(&[]));
        assert!(!only_interrupted(&reasons(&[ReasonKind::Hiccup, ReasonKind::LinkChange])));
    }

    #[test]
    fn a_reflector_that_ended_early_makes_the_measurement_invalid() {
        let ended = of(&trips(0, Some("the link went down")));
        let [reason] = &ended.reasons[..] else { panic!("{:?}", ended.reasons) };
        assert_eq!((reason.kind, reason.detail.as_str()), (ReasonKind::Other, "the reflector ended early: the link went down"));
    }

    #[test]
    fn in_a_method_what_a_reflector_drops_spoils_delays_and_bounds_a_search() {
        let outcome = |trips: &RoundTrips| {
            OutcomeOf { ports: &ports(), size: FrameSize::MIN, generator_limit: Duration::MAX }.round_trips(trips, true)
        };
        assert_eq!(outcome(&trips(0, None)).faults, []);
        let lossy = outcome(&trips(40, None));
        assert_eq!(lossy.faults, [methodology::trial::Fault::ReflectorUnsent { frames: 40 }]);
        assert_eq!(lossy.directions[0].loss.reflector_unsent, 40);
        let input = methodology::trial::TrialInput::constant(PacketRate::new(1_000.0).unwrap(), Seconds::from_whole(1));
        let judged = |input: &methodology::trial::TrialInput| methodology::trial::judge(input, &lossy, Seconds::ZERO);
        assert!(!judged(&input.clone().with_delays(Seconds::ZERO)).0.is_valid());
        // A search learns that the test setup does not carry the load, and that the path lost nothing.
        let (verdict, loss) = judged(&input);
        assert!(verdict.is_valid() && !verdict.reasons.is_empty(), "{verdict:?}");
        assert_eq!((loss, lossy.loss_ratio_of_path()), (LossRatio::from_counts(1_000, 960), LossRatio::ZERO));
    }

    #[test]
    fn rfc2544_23_d_a_search_counts_frames_that_do_not_return_in_time_as_lost() {
        let mut trips = trips(0, None);
        trips.sent.returned = Some(ReturnedFrames { received: 919, in_flight: 81, ..ReturnedFrames::default() });
        let outcome_of = OutcomeOf { ports: &ports(), size: FrameSize::MIN, generator_limit: Duration::MAX };
        let [with_delays, without] = [true, false].map(|with_delays| outcome_of.round_trips(&trips, with_delays));
        assert!(matches!(with_delays.faults[..], [methodology::trial::Fault::InFlight { frames: 81, .. }]), "{:?}", with_delays.faults);
        assert_eq!((without.faults.len(), without.lost(), without.directions[0].loss.lost), (0, 81, 81));
        assert_eq!(with_delays.directions[0].loss.lost, 0, "in flight");
    }
}
