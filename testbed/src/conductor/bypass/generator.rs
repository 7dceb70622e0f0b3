//! What the generator alone can do: no receiver, no wire and no other process.
//!
//! It is measured with DPDK's net_null, which only frees the frames that it is given (drivers/net/null/rte_eth_null.c, `eth_null_tx`).

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use dataplane::{CpuId, PortOptions, PortSpec, SendPlan};
use methodology::units::Pace;
use reporter::record::EndpointId;

use super::pair::{BypassError, GRACE, OPEN_LIMIT};
use crate::agent::{Agent, OpenPort, Reply, Request, WaitLimit};
use crate::conductor::schedule::Step;
use crate::topology::{PairNodes, PairQueues, Testbed, TestbedError};

/// How long it sends: enough for millions of frames.
const LENGTH: Duration = Duration::from_millis(200);

/// An interruption makes one slower: so often, for the fastest.
const TIMES: usize = 3;

/// What was measured in a run: the time of one poll loop for a frame, by sender and way to send.
#[derive(Debug, Default)]
pub(super) struct GeneratorTimes {
    known: Vec<(EndpointId, SendPlan, Option<f64>)>,
}

impl GeneratorTimes {
    /// Nanoseconds for each frame on this CPU, which is that of the sender's poll loop. It is measured for the first step that needs it. None where it
    /// cannot be measured.
    pub(super) fn of(&mut self, step: &Step<'_>, cpu: Option<CpuId>, testbed: &Testbed, interrupted: &AtomicBool) -> Option<f64> {
        let plan = plan(step, cpu.into_iter().collect());
        if let Some((_, _, time)) = self.known.iter().find(|(sender, known, _)| *sender == step.pair.from && *known == plan) {
            return *time;
        }
        let time = measure(step, plan.clone(), TIMES, testbed, interrupted).unwrap_or_else(|error| {
            tracing::debug!(%error, "what the generator alone can do was not measured");
            None
        });
        self.known.push((step.pair.from.clone(), plan, time));
        time
    }
}

/// Nanoseconds for each frame, on the CPU of the sender's first poll loop, with the burst and the flows of the step. None where no frame was sent.
pub(super) fn ns_per_frame(step: &Step<'_>, testbed: &Testbed, interrupted: &AtomicBool) -> Result<Option<f64>, BypassError> {
    measure(step, plan(step, cpus(step, testbed)?), 1, testbed, interrupted)
}

fn cpus(step: &Step<'_>, testbed: &Testbed) -> Result<Vec<CpuId>, TestbedError> {
    Ok(testbed.cpus(&step.pair, PairQueues::ONE, PairNodes::default())?.sender)
}

fn plan(step: &Step<'_>, cpus: Vec<CpuId>) -> SendPlan {
    SendPlan { cpus, burst: step.tuning.burst, flows: step.tuning.flows, ..SendPlan::new(step.size, Pace::Max, LENGTH) }
}

/// The shortest of so many times.
fn measure(step: &Step<'_>, plan: SendPlan, times: usize, testbed: &Testbed, interrupted: &AtomicBool) -> Result<Option<f64>, BypassError> {
    let wait = WaitLimit { limit: OPEN_LIMIT, interrupted };
    let mut agent = Agent::start(testbed.endpoint(&step.pair.from)?)?;
    agent.greet(wait)?;
    let port: PortSpec = "net_null0".parse().map_err(TestbedError::from)?;
    agent.open(OpenPort { port, options: PortOptions { max_frame: step.size, ..PortOptions::default() } }, wait)?;
    let mut shortest: Option<f64> = None;
    for _ in 0..times {
        match agent.ask(&Request::Send(plan.clone()), "measure the generator", WaitLimit { limit: LENGTH + GRACE, interrupted })? {
            Reply::Sent(sent) => {
                let ns = Some(sent.report.loops.cycles.ns_per_frame).filter(|ns| *ns > 0.0);
                shortest = shortest.into_iter().chain(ns).reduce(f64::min);
            }
            other => return Err(agent.unexpected(&other).into()),
        }
    }
    Ok(shortest)
}
