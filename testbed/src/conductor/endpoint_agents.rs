//! The agents that stay at the endpoints for a whole run: they check and describe the machine, claim its interfaces, and run the kernel tools of
//! endpoints on other machines. Each DPDK port has an agent of its own beside them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use reporter::record::{EndpointId, Pair};

use crate::agent::{Agent, AgentError, LEASE, Reply, Request, WaitLimit};
use crate::topology::{Endpoint, Testbed};

/// How long an agent may take to start and to answer a question about itself.
const LIMIT: Duration = Duration::from_secs(20);

/// How long after the end of its lease an agent may need to end.
const LEASE_GRACE: Duration = Duration::from_secs(2);

/// What an agent does that is asked for a claim.
const CLAIM: &str = "claim what it measures with";

/// One agent at each endpoint that has one.
#[derive(Debug, Default)]
pub struct EndpointAgents {
    agents: BTreeMap<EndpointId, Agent>,
    /// What each was asked to claim, for an agent that takes the place of a lost one.
    claimed: BTreeMap<EndpointId, Vec<Request>>,
}

/// An agent's reply, and when it came.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) reply: Result<Reply, AgentError>,
    pub(super) at: jiff::Timestamp,
}

impl EndpointAgents {
    /// Starts an agent at every endpoint, at all at the same time. Returns those that started, and the errors of the others.
    pub fn start(testbed: &Testbed, interrupted: &AtomicBool) -> (Self, Vec<AgentError>) {
        let started: Vec<(EndpointId, Result<Agent, AgentError>)> = std::thread::scope(|scope| {
            let starts: Vec<_> =
                testbed.endpoints.iter().map(|endpoint| (endpoint.id.clone(), scope.spawn(move || start(endpoint, interrupted)))).collect();
            let joined = starts.into_iter().map(|(id, start)| (id, start.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))));
            joined.collect()
        });
        let mut all = EndpointAgents::default();
        let mut errors = Vec::new();
        for (id, result) in started {
            match result {
                Ok(agent) => {
                    all.agents.insert(id, agent);
                }
                Err(error) => errors.push(error),
            }
        }
        (all, errors)
    }

    /// Starts an agent at every endpoint that has none.
    ///
    /// # Errors
    /// The first endpoint whose agent does not start.
    pub fn start_missing(&mut self, testbed: &Testbed, interrupted: &AtomicBool) -> Result<(), AgentError> {
        testbed.endpoints.iter().try_for_each(|endpoint| self.agent(endpoint, interrupted).map(|_| ()))
    }

    /// The agent of an endpoint; one that was lost is started again.
    pub fn agent(&mut self, endpoint: &Endpoint, interrupted: &AtomicBool) -> Result<&mut Agent, AgentError> {
        match self.agents.entry(endpoint.id.clone()) {
            Entry::Occupied(there) => Ok(there.into_mut()),
            Entry::Vacant(free) => {
                let mut agent = start(endpoint, interrupted)?;
                for claim in self.claimed.get(&endpoint.id).into_iter().flatten() {
                    claim_again(&mut agent, endpoint, claim, interrupted)?;
                }
                Ok(free.insert(agent))
            }
        }
    }

    /// Asks the agent of an endpoint. `expected` takes the reply that belongs to the request, and returns any other. An agent that is lost, silent or
    /// out of step is ended; the next request starts another.
    pub(super) fn ask<T>(
        &mut self,
        endpoint: &Endpoint,
        request: &Request,
        task: &str,
        wait: WaitLimit<'_>,
        expected: impl FnOnce(Reply) -> Result<T, Box<Reply>>,
    ) -> Result<T, AgentError> {
        let agent = self.agent(endpoint, wait.interrupted)?;
        let result = agent.ask(request, task, wait).and_then(|reply| expected(reply).map_err(|other| agent.unexpected(&other)));
        if let Err(error) = &result
            && !matches!(error, AgentError::Refused { .. })
        {
            self.drop_agent(&endpoint.id);
        }
        result
    }

    /// Asks for a claim at an endpoint, which lasts until the agent ends. Returns the holder where another run has it.
    pub(super) fn claim(&mut self, endpoint: &Endpoint, claim: Request, interrupted: &AtomicBool) -> Result<Option<String>, AgentError> {
        let wait = WaitLimit { limit: LIMIT, interrupted };
        let claimed = self.ask(endpoint, &claim, CLAIM, wait, |reply| match reply {
            Reply::Claimed => Ok(None),
            Reply::InUse { holder } => Ok(Some(holder)),
            other => Err(Box::new(other)),
        });
        if claimed.is_err() {
            // The check of the machines asks the agents that are there: a new one says what is wrong.
            self.drop_agent(&endpoint.id);
            self.agent(endpoint, interrupted)?;
        }
        let holder = claimed?;
        if holder.is_none() {
            self.claimed.entry(endpoint.id.clone()).or_default().push(claim);
        }
        Ok(holder)
    }

    /// Asks the agents of several endpoints at the same time. An endpoint without an agent is not asked.
    pub(super) fn ask_all(
        &mut self,
        requests: &BTreeMap<EndpointId, Request>,
        task: &str,
        wait: WaitLimit<'_>,
    ) -> BTreeMap<EndpointId, Answered> {
        std::thread::scope(|scope| {
            let asked = self.agents.iter_mut().filter_map(|(id, agent)| {
                let request = requests.get(id)?;
                let ask = move || Answered { reply: agent.ask(request, task, wait), at: jiff::Timestamp::now() };
                Some((id.clone(), scope.spawn(ask)))
            });
            let asked: Vec<_> = asked.collect();
            asked.into_iter().map(|(id, reply)| (id, reply.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))).collect()
        })
    }

    /// The agents of a pair's endpoints, for a thread of their own. [`take_back`](Self::take_back) returns them.
    pub(super) fn lend(&mut self, pair: &Pair) -> EndpointAgents {
        let ids = [&pair.from, &pair.to];
        let agents = ids.into_iter().filter_map(|id| self.agents.remove_entry(id)).collect();
        let claimed = ids.into_iter().filter_map(|id| self.claimed.remove_entry(id)).collect();
        EndpointAgents { agents, claimed }
    }

    /// Takes agents back that were lent.
    pub(super) fn take_back(&mut self, lent: EndpointAgents) {
        self.agents.extend(lent.agents);
        self.claimed.extend(lent.claimed);
    }

    /// Ends the agent of an endpoint: it is lost, or out of step.
    pub(super) fn drop_agent(&mut self, id: &EndpointId) {
        self.agents.remove(id);
    }

    /// Ends the agents on this machine, which are needed only to check and describe it.
    pub fn end_local(&mut self, testbed: &Testbed) {
        let local = testbed.endpoints.iter().filter(|endpoint| endpoint.is_here());
        close(local.filter_map(|endpoint| self.agents.remove(&endpoint.id)).collect());
    }

    /// Ends all agents, and waits for it.
    pub fn end(self) {
        close(self.agents.into_values().collect());
    }
}

/// Closes agents at the same time. One that does not close is killed.
fn close(agents: Vec<Agent>) {
    std::thread::scope(|scope| {
        for agent in agents {
            scope.spawn(move || agent.close());
        }
    });
}

fn start(endpoint: &Endpoint, interrupted: &AtomicBool) -> Result<Agent, AgentError> {
    let mut agent = Agent::start(endpoint)?;
    agent.greet(WaitLimit { limit: LIMIT, interrupted })?;
    Ok(agent)
}

/// Repeats a claim of an agent that was lost. What it claimed is held until its lease ends. An interface is used all the same. A machine is waited for,
/// and may have been taken by another run meanwhile.
fn claim_again(agent: &mut Agent, endpoint: &Endpoint, claim: &Request, interrupted: &AtomicBool) -> Result<(), AgentError> {
    let wait = WaitLimit { limit: LIMIT, interrupted };
    let begin = Instant::now();
    loop {
        let reply = agent.ask(claim, CLAIM, wait)?;
        let (Request::ClaimBusyPolling { .. }, Reply::InUse { holder }) = (claim, reply) else { return Ok(()) };
        if begin.elapsed() >= LEASE + LEASE_GRACE || interrupted.load(Ordering::Relaxed) {
            let error = format!(
                "after its agent was lost, another run of linerate claimed the busy polling of the machine ({holder}); wait for the end of \
                 that run, and continue this one"
            );
            return Err(AgentError::Refused { endpoint: endpoint.id.clone(), error });
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}
