//! The tester's own share of a round trip: what the sender's poll loop measures where each frame comes back at once through memory.
//!
//! DPDK's net_ring gives its receive queue what its transmit queue was given (drivers/net/ring/rte_eth_ring.c, `eth_dev_ring_create`): there is
//! no wire, no other end and no queue of another process. What is left is one turn of the poll loop, from the time stamp to its reading.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use dataplane::{CpuId, PortOptions, PortSpec, SendPlan, SendReport};
use methodology::units::{FrameSize, Pace, PacketRate};
use reporter::record::{Calibration, CalibrationMethod, CalibrationState, EndpointId};

use super::pair::{BypassError, BypassPair, GRACE, OPEN_LIMIT};
use super::poll_loop::sender_reasons;
use super::round_trip_times::rtt_summary;
use crate::agent::{Agent, OpenPort, Reply, Request, WaitLimit};
use crate::conductor::schedule::Step;
use crate::plan::PortTuning;
use crate::topology::{Testbed, TestbedError};

/// The port that gives back what it was given.
const LOOP_PORT: &str = "net_ring0";

/// So many round trips give a 99th percentile that is worth a word.
const ROUND_TRIPS: u64 = 1_000;
/// A calibration takes at least this long, and
const SHORTEST: Duration = Duration::from_millis(100);
/// at most this long, however few frames that are.
const LONGEST: Duration = Duration::from_secs(1);

/// One that was disturbed is taken again, so often in all.
const ATTEMPTS: usize = 3;

/// The calibrations of a run: one for each sender and way to send, taken when the first measurement wants it.
#[derive(Debug, Default)]
pub struct Calibrations {
    taken: Vec<(EndpointId, SendPlan, Calibration)>,
    /// The agent that took the last one. It is a separate agent: if it fails, the pair's two agents and their ports are not affected.
    agent: Option<(EndpointId, Agent)>,
}

/// Who sends what in the measurement that wants a calibration.
#[derive(Debug, Clone)]
pub struct Configuration<'a> {
    pub sender: &'a EndpointId,
    /// Of its first poll loop: a calibration has one.
    pub cpu: Option<CpuId>,
    pub tuning: PortTuning,
    pub size: FrameSize,
    pub rate: PacketRate,
    /// What the sender's port was opened for: the calibration has buffers of the same size.
    pub max_frame: FrameSize,
}

impl<'a> Configuration<'a> {
    /// That of a step at a rate, between two open ports.
    pub fn of(step: &'a Step<'_>, pair: &BypassPair, rate: PacketRate) -> Self {
        Configuration {
            sender: &step.pair.from,
            cpu: pair.sender_cpus().first().copied(),
            tuning: step.tuning.clone(),
            size: step.size,
            rate,
            max_frame: pair.ports.sender.port.max_frame,
        }
    }
}

impl Calibrations {
    /// The calibration of this configuration. One that cannot be taken says why. Nothing else may poll on the sender's CPU meanwhile.
    pub fn of(&mut self, testbed: &Testbed, wanted: Configuration<'_>, interrupted: &AtomicBool) -> Calibration {
        let plan = plan(&wanted);
        if let Some((_, _, known)) = self.taken.iter().find(|(sender, known, _)| sender == wanted.sender && *known == plan) {
            return known.clone();
        }
        let taken = self.take(testbed, &wanted, &plan, interrupted).unwrap_or_else(|error| {
            // Whatever state it is in, the next calibration begins with another one.
            self.agent = None;
            failed(wanted.cpu, error.to_string())
        });
        self.taken.push((wanted.sender.clone(), plan, taken.clone()));
        taken
    }

    /// Ends the agent that took the last one: nothing of it stays beside what is measured next.
    pub fn rest(&mut self) {
        if let Some((_, agent)) = self.agent.take() {
            // An error means that the agent was killed instead.
            let _ = agent.close();
        }
    }

    fn take(
        &mut self,
        testbed: &Testbed,
        wanted: &Configuration<'_>,
        plan: &SendPlan,
        interrupted: &AtomicBool,
    ) -> Result<Calibration, BypassError> {
        let agent = self.agent(testbed, wanted, interrupted)?;
        let mut send = || -> Result<Calibration, BypassError> {
            let limit = plan.duration + plan.drain + GRACE;
            match agent.ask(&Request::Send(plan.clone()), "calibrate", WaitLimit { limit, interrupted })? {
                Reply::Sent(sent) => Ok(judged(&sent.report, wanted.cpu)),
                other => Err(agent.unexpected(&other).into()),
            }
        };
        let mut last = send()?;
        for _ in 1..ATTEMPTS {
            if last.how.state == CalibrationState::Undisturbed {
                break;
            }
            last = send()?;
        }
        Ok(last)
    }

    fn agent(&mut self, testbed: &Testbed, wanted: &Configuration<'_>, interrupted: &AtomicBool) -> Result<&mut Agent, BypassError> {
        let there = self.agent.take().filter(|(sender, _)| sender == wanted.sender);
        let (_, agent) = match there {
            Some(there) => self.agent.insert(there),
            None => {
                let wait = WaitLimit { limit: OPEN_LIMIT, interrupted };
                let mut agent = Agent::start(testbed.endpoint(wanted.sender)?)?;
                agent.greet(wait)?;
                let port: PortSpec = LOOP_PORT.parse().map_err(TestbedError::from)?;
                let options = PortOptions { max_frame: wanted.max_frame, ..PortOptions::default() };
                agent.open(OpenPort { port, options }, wait)?;
                self.agent.insert((wanted.sender.clone(), agent))
            }
        };
        Ok(agent)
    }
}

fn plan(wanted: &Configuration<'_>) -> SendPlan {
    let duration = wanted.rate.time_of(ROUND_TRIPS).duration().clamp(SHORTEST, LONGEST);
    let plain = SendPlan::new(wanted.size, Pace::Rate(wanted.rate), duration);
    let PortTuning { burst, flows, .. } = wanted.tuning;
    SendPlan { rtt: true, cpus: wanted.cpu.into_iter().collect(), burst, flows, ..plain }
}

/// Whether a calibration was disturbed: by the same things that make a measurement invalid.
fn judged(sent: &SendReport, cpu: Option<CpuId>) -> Calibration {
    let returned = sent.returned.as_ref().map_or(0, |returned| returned.received);
    let mut why: Vec<String> = sender_reasons(sent, returned).into_iter().map(|reason| reason.detail).collect();
    // Memory loses nothing: what is missing is still under way, and the round trips that are there are not all.
    if (1..sent.frames_sent).contains(&returned) {
        why.push(format!("{returned} of {} frames came back", sent.frames_sent));
    }
    let state = match (&sent.rtt, why.is_empty()) {
        (None, _) => CalibrationState::Failed,
        (Some(_), true) => CalibrationState::Undisturbed,
        (Some(_), false) => CalibrationState::Disturbed,
    };
    let how = CalibrationMethod {
        offered_pps: Some(sent.rate),
        duration_s: Some(sent.duration.as_secs_f64()),
        ..method(state, Some(why.join("; ")).filter(|why| !why.is_empty()), cpu)
    };
    Calibration { rtt: sent.rtt.as_ref().map(rtt_summary), how }
}

fn failed(cpu: Option<CpuId>, why: String) -> Calibration {
    Calibration { rtt: None, how: method(CalibrationState::Failed, Some(why), cpu) }
}

fn method(state: CalibrationState, detail: Option<String>, cpu: Option<CpuId>) -> CalibrationMethod {
    let time = jiff::Timestamp::now();
    CalibrationMethod { state, detail, time, port: LOOP_PORT.to_owned(), cpu: cpu.map(CpuId::number), offered_pps: None, duration_s: None }
}

#[cfg(test)]
mod tests {
    use dataplane::{CycleReport, HiccupReport, LoopsReport, ReturnedFrames, RttReport};
    use methodology::units::Nanoseconds;

    use super::*;

    fn configuration(sender: &EndpointId, pps: f64) -> Configuration<'_> {
        let (size, max_frame) = (FrameSize::MIN, FrameSize::MAX_STANDARD);
        let tuning = PortTuning { flows: 100, ..PortTuning::default() };
        Configuration { sender, cpu: Some(CpuId::new(1)), tuning, size, rate: PacketRate::new(pps).unwrap(), max_frame }
    }

    /// A second of a loop that had its CPU for all of it but `interrupted`.
    fn sent(frames: u64, returned: u64, interrupted: Duration) -> SendReport {
        let ns = Nanoseconds::new;
        let hz = 1_000_000_000;
        let rtt = RttReport {
            min: ns(40),
            p50: ns(60),
            p90: ns(70),
            p99: ns(80),
            p999: ns(90),
            p9999: ns(90),
            p99999: ns(90),
            p999999: ns(90),
            max: ns(90),
            mean: 61.5,
            count: returned,
            histogram: None,
        };
        SendReport {
            frames_sent: frames,
            intended_frames: 1_000,
            duration: Duration::from_secs(1),
            rate: PacketRate::from_count(frames, 1.0),
            loops: LoopsReport {
                hiccups: HiccupReport {
                    total_ns: ns(interrupted.as_nanos() as u64),
                    longest_ns: ns(interrupted.as_nanos() as u64),
                    ..HiccupReport::default()
                },
                cycles: CycleReport { total: hz, hz, on_cpu: Duration::from_secs(1) - interrupted, ..CycleReport::default() },
                ..LoopsReport::default()
            },
            returned: Some(ReturnedFrames { received: returned, ..ReturnedFrames::default() }),
            rtt: (returned > 0).then_some(rtt),
            ..SendReport::default()
        }
    }

    #[test]
    fn a_calibration_is_as_long_as_its_round_trips_take_within_bounds() {
        let sender = EndpointId("a-cpu".to_owned());
        let lasts = |pps: f64| plan(&configuration(&sender, pps)).duration;
        assert_eq!(lasts(20_000.0), SHORTEST);
        assert_eq!(lasts(2_000.0), Duration::from_millis(500));
        assert_eq!(lasts(1.0), LONGEST);
        assert_eq!(lasts(0.0), SHORTEST, "no rate, no time");
    }

    #[test]
    fn a_calibration_sends_as_the_measurement_does_and_times_every_frame() {
        let sender = EndpointId("a-cpu".to_owned());
        let plan = plan(&configuration(&sender, 20_000.0));
        let duration = plan.duration;
        let measured = SendPlan::new(FrameSize::MIN, Pace::Rate(PacketRate::new(20_000.0).unwrap()), duration);
        assert_eq!(plan, SendPlan { rtt: true, cpus: vec![CpuId::new(1)], flows: 100, ..measured });
    }

    #[test]
    fn what_would_spoil_a_measurement_disturbs_a_calibration_and_the_record_says_what() {
        let judge = |sent: &SendReport| {
            let Calibration { rtt, how } = judged(sent, Some(CpuId::new(1)));
            (how.state, rtt.is_some(), how.detail.unwrap_or_default())
        };
        let quiet = Duration::from_millis(10);
        assert_eq!(judge(&sent(1_000, 1_000, quiet)), (CalibrationState::Undisturbed, true, String::new()));
        let (state, there, why) = judge(&sent(1_000, 1_000, Duration::from_millis(200)));
        assert!(state == CalibrationState::Disturbed && there && why.contains("did not run for 20 % of the trial"), "{why}");
        let (state, there, why) = judge(&sent(900, 900, quiet));
        assert!(state == CalibrationState::Disturbed && there && why.contains("900 of 1000 frames were offered"), "{why}");
        let (state, there, why) = judge(&sent(1_000, 999, quiet));
        assert!(state == CalibrationState::Disturbed && there && why.contains("999 of 1000 frames came back"), "{why}");
        let (state, there, why) = judge(&sent(1_000, 0, quiet));
        assert!(state == CalibrationState::Failed && !there && why.contains("none came back"), "{why}");
    }

    #[test]
    fn a_calibration_that_cannot_be_taken_says_why_and_is_not_tried_again() {
        let testbed = Testbed::of_planned_lab(std::path::Path::new("/nonexistent/linerate"));
        let mut calibrations = Calibrations::default();
        let sender = testbed.endpoints[0].id.clone();
        let mut of = |pps: f64| calibrations.of(&testbed, configuration(&sender, pps), &AtomicBool::new(false));
        let first = of(20_000.0);
        assert_eq!((first.how.state, first.rtt.as_ref()), (CalibrationState::Failed, None));
        assert!(first.how.detail.as_ref().is_some_and(|why| why.contains(&sender.0)), "{first:?}");
        assert_eq!(of(20_000.0), first, "the very same, with its time");
        assert_ne!(of(10_000.0), first);
    }

    #[test]
    fn a_record_holds_the_round_trips_and_how_they_were_taken() {
        let mut parameters = serde_json::Map::new();
        judged(&sent(1_000, 1_000, Duration::ZERO), Some(CpuId::new(1))).note(&mut parameters);
        assert_eq!((&parameters["calibration_rtt_ns"]["p50"], &parameters["calibration_rtt_ns"]["count"]), (&60.0.into(), &1_000.into()));
        assert_eq!((&parameters["calibration"]["state"], &parameters["calibration"]["port"]), (&"undisturbed".into(), &"net_ring0".into()));
        let mut parameters = serde_json::Map::new();
        failed(None, "no agent".to_owned()).note(&mut parameters);
        assert_eq!((parameters.get("calibration_rtt_ns"), &parameters["calibration"]["detail"]), (None, &"no agent".into()));
    }
}
