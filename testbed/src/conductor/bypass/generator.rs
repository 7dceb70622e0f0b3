//! The time that the generator itself needs for a frame.
//!
//! It is measured with DPDK's net_null, which only frees the frames that it is given (drivers/net/null/rte_eth_null.c, `eth_null_tx`).

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use dataplane::{PortOptions, PortSpec, SendPlan};
use methodology::units::Pace;

use super::pair::{BypassError, GRACE, OPEN_LIMIT};
use crate::agent::{Agent, OpenPort, Reply, Request, WaitLimit};
use crate::conductor::schedule::Step;
use crate::topology::{PairNodes, PairQueues, Testbed, TestbedError};

/// How long it sends: enough for millions of frames.
const LENGTH: Duration = Duration::from_millis(200);

/// Nanoseconds for each frame, on the CPU of the sender's first poll loop, with the burst and the flows of the step. None where no frame was sent.
pub(super) fn ns_per_frame(step: &Step<'_>, testbed: &Testbed, interrupted: &AtomicBool) -> Result<Option<f64>, BypassError> {
    let wait = WaitLimit { limit: OPEN_LIMIT, interrupted };
    let mut agent = Agent::start(testbed.endpoint(&step.pair.from)?)?;
    agent.greet(wait)?;
    let port: PortSpec = "net_null0".parse().map_err(TestbedError::from)?;
    agent.open(OpenPort { port, options: PortOptions { max_frame: step.size, ..PortOptions::default() } }, wait)?;
    let cpus = testbed.cpus(&step.pair, PairQueues::ONE, PairNodes::default())?.sender;
    let plain = SendPlan::new(step.size, Pace::Max, LENGTH);
    let plan = SendPlan { cpus, burst: step.tuning.burst, flows: step.tuning.flows, ..plain };
    match agent.ask(&Request::Send(plan), "measure the generator", WaitLimit { limit: LENGTH + GRACE, interrupted })? {
        Reply::Sent(sent) => Ok(Some(sent.report.loops.cycles.ns_per_frame).filter(|ns| *ns > 0.0)),
        other => Err(agent.unexpected(&other).into()),
    }
}
