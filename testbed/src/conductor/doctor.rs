//! Whether a testbed is ready: the checks of each endpoint, made where it is, and those between endpoints.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use reporter::record::{EndpointId, Pair};
use serde::Serialize;

use super::endpoint_agents::{Answered, EndpointAgents};
use super::kernel::{PORT, STREAM_PORT};
use crate::agent::{AgentError, CheckRequest, Checked, Reply, Request, WaitLimit};
use crate::inventory::BlueFieldView;
use crate::plan::{Plan, TlsEnd};
use crate::preflight::{Check, CheckLevel, Needs};
use crate::topology::{Endpoint, Testbed, Wiring};

/// How long an endpoint may take: a dozen programs are asked for their versions, and the load is measured.
const LIMIT: Duration = Duration::from_secs(40);

/// The subject of the problem that an endpoint has no agent, or that its agent did not answer or sent a wrong reply.
pub const AGENT_CHECK: &str = "agent";

/// The checks of one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlaceChecks {
    /// An endpoint, or a pair.
    pub place: String,
    /// What was found there.
    pub checks: Vec<Check>,
}

impl PlaceChecks {
    /// The problems, which stop a run.
    pub fn problems(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| check.severity == CheckLevel::Problem)
    }
}

/// Checks the endpoints of a testbed, all at the same time, and then its pairs: for what a plan measures, or without a plan for everything that the
/// testbed can measure. `unreachable` are the errors of the agents that did not start.
pub fn check_testbed(
    testbed: &Testbed,
    plan: Option<&Plan>,
    agents: &mut EndpointAgents,
    unreachable: &[AgentError],
    interrupted: &AtomicBool,
) -> Vec<PlaceChecks> {
    let wait = WaitLimit { limit: LIMIT, interrupted };
    let used = Used { testbed, plan };
    let requests = testbed.endpoints.iter().map(|endpoint| (endpoint.id.clone(), Request::Check(used.request(endpoint))));
    let mut answers = agents.ask_all(&requests.collect(), "check the machine", wait);
    let mut facts: BTreeMap<EndpointId, Checked> = BTreeMap::new();
    let mut places = Vec::new();
    for endpoint in &testbed.endpoints {
        let checks = match answers.remove(&endpoint.id) {
            Some(Answered { reply: Ok(Reply::Checked(checked)), at }) => {
                let mut checks = checked.checks.clone();
                checks.push(clock(&checked, at));
                facts.insert(endpoint.id.clone(), *checked);
                checks
            }
            Some(Answered { reply: Ok(_), .. }) => vec![no_answer("its reply belongs to another request".to_owned())],
            Some(Answered { reply: Err(error), .. }) => vec![no_answer(error.to_string())],
            None => vec![no_answer(why_unreachable(&endpoint.id, unreachable))],
        };
        places.push(PlaceChecks { place: endpoint.id.to_string(), checks });
    }
    let reached = connections(&used, agents, wait);
    for pair in used.pairs() {
        let mut checks: Vec<Check> = reached.get(&pair).cloned().into_iter().collect();
        if let (Some(from), Some(to)) = (facts.get(&pair.from), facts.get(&pair.to)) {
            checks.extend(speeds(from, to));
            checks.extend(modes(from, to));
        }
        if !checks.is_empty() {
            places.push(PlaceChecks { place: pair.to_string(), checks });
        }
    }
    places
}

/// Which part of a testbed is measured.
struct Used<'a> {
    testbed: &'a Testbed,
    plan: Option<&'a Plan>,
}

impl Used<'_> {
    fn pairs(&self) -> Vec<Pair> {
        let all = self.testbed.all_pairs();
        all.into_iter().filter(|pair| self.plan.is_none_or(|plan| plan.measures.iter().any(|measure| measure.is_for(pair)))).collect()
    }

    fn request(&self, endpoint: &Endpoint) -> CheckRequest {
        let ports_exist = endpoint.port.is_some() || matches!(self.testbed.wiring, Wiring::SharedMemory { .. });
        let (dpdk, tools) = match self.plan {
            None => {
                let tools = if endpoint.kernel.is_some() { Needs::default().tools } else { Vec::new() };
                (ports_exist, tools)
            }
            Some(plan) => {
                let all = self.testbed.all_pairs();
                let own: Vec<&Pair> = all.iter().filter(|pair| pair.from == endpoint.id || pair.to == endpoint.id).collect();
                let measures = || plan.measures.iter().filter(|measure| own.iter().any(|pair| measure.is_for(pair)));
                let mut tools: Vec<String> =
                    measures().flat_map(|measure| measure.kind.kernel_tools()).map(|tool| tool.name().to_owned()).collect();
                tools.extend(self.file_programs(plan, &all, &endpoint.id).into_iter().map(str::to_owned));
                tools.sort();
                tools.dedup();
                (measures().any(|measure| !measure.kind.is_kernel()), tools)
            }
        };
        CheckRequest {
            kernel: endpoint.kernel.clone().filter(|_| !tools.is_empty()),
            port: endpoint.port.clone().filter(|_| dpdk),
            cpus: if dpdk { endpoint.cpus.clone() } else { Vec::new() },
            needs: Needs { dpdk, tools },
        }
    }

    /// The programs of the file transfers of a plan that run at an endpoint.
    fn file_programs(&self, plan: &Plan, pairs: &[Pair], id: &EndpointId) -> BTreeSet<&'static str> {
        let mut programs = BTreeSet::new();
        let transfers = plan.measures.iter().filter_map(|measure| Some((measure, measure.kind.file_transfer()?.tls)));
        for (measure, tls) in transfers {
            for pair in pairs.iter().filter(|pair| measure.is_for(pair)) {
                let serves = pair.from == *id;
                let at_smartnics = tls.is_some_and(|tls| tls.at == TlsEnd::Dpu);
                let proxies = if at_smartnics { self.testbed.smartnics(pair).ok() } else { None };
                let is_proxy = proxies.as_ref().is_some_and(|proxies| proxies.iter().any(|proxy| proxy.id == *id));
                // The SmartNIC of the serving system has the certificate; the other one is a client.
                let has_certificate = if at_smartnics { proxies.as_ref().is_some_and(|[near, _]| near.id == *id) } else { serves };
                programs.extend((serves || is_proxy).then_some("nginx"));
                programs.extend((tls.is_some() && has_certificate).then_some("openssl"));
                programs.extend((pair.to == *id).then_some("curl"));
            }
        }
        programs
    }

    /// The pairs between which kernel tools connect, without those whose path is through a device that the run only starts later.
    fn kernel_pairs(&self) -> Vec<Pair> {
        let is_kernel = |pair: &Pair| {
            self.plan.is_none_or(|plan| plan.measures.iter().any(|measure| measure.is_for(pair) && measure.stack().is_kernel()))
        };
        let is_joined = |pair: &Pair| self.testbed.device_for(pair, None).is_none();
        self.pairs().into_iter().filter(is_kernel).filter(is_joined).collect()
    }
}

/// Whether each pair's sender reaches the receiver on the ports of the tools, and by the interface that the testbed names.
fn connections(used: &Used<'_>, agents: &mut EndpointAgents, wait: WaitLimit<'_>) -> BTreeMap<Pair, Check> {
    let pairs = used.kernel_pairs();
    let mut found = BTreeMap::new();
    for to in &used.testbed.endpoints {
        let senders: Vec<&Pair> = pairs.iter().filter(|pair| pair.to == to.id).collect();
        let Some(kernel) = to.kernel.as_ref().filter(|_| !senders.is_empty()) else { continue };
        let at_receiver = |request| BTreeMap::from([(to.id.clone(), request)]);
        let listen = at_receiver(Request::Listen { address: kernel.address, ports: vec![PORT, PORT + 1, STREAM_PORT] });
        let listening = agents.ask_all(&listen, "listen on the ports of the tools", wait).remove(&to.id);
        match listening.map(|answered| answered.reply) {
            Some(Ok(Reply::Listening)) => {}
            Some(Err(AgentError::Refused { error, .. })) => {
                let why = "the tools\u{2019} servers listen on these ports";
                let check = Check::found(CheckLevel::Problem, "ports of the tools", error, why);
                found.extend(senders.into_iter().map(|pair| (pair.clone(), check.clone())));
                continue;
            }
            // The endpoint itself has a problem, which is reported.
            _ => continue,
        }
        let connects = senders.iter().filter_map(|pair| {
            let from = used.testbed.endpoint(&pair.from).ok()?.kernel.as_ref()?;
            Some((pair.from.clone(), Request::Connect { from: from.address, to: kernel.address, port: PORT }))
        });
        let mut answers = agents.ask_all(&connects.collect(), "reach the other endpoint", wait);
        for pair in senders {
            let interface =
                used.testbed.endpoint(&pair.from).ok().and_then(|from| from.kernel.as_ref()).map(|from| from.interface.as_str());
            let answer = answers.remove(&pair.from).map(|answered| answered.reply);
            if let (Some(answer), Some(interface)) = (answer, interface) {
                found.insert(pair.clone(), connection(answer, interface, kernel.address));
            }
        }
        agents.ask_all(&at_receiver(Request::StopListening), "close the ports of the tools", wait);
    }
    found
}

fn connection(answer: Result<Reply, AgentError>, interface: &str, to: std::net::IpAddr) -> Check {
    let subject = "path";
    match answer {
        Ok(Reply::Connected { interface: Some(way) }) if way != interface => {
            let why = "kernel traffic would cross an interface that the testbed does not name, and its records would be invalid";
            Check::found(CheckLevel::Problem, subject, format!("the route to {to} leaves through {way}, and not through {interface}"), why)
                .fixed_by(format!("ip route get {to} (then correct the routes, or `interface` in the testbed)"))
        }
        Ok(Reply::Connected { .. }) => Check::ok(subject, format!("{to} is reached through {interface}")),
        Ok(_) => no_answer("its reply belongs to another request".to_owned()),
        Err(AgentError::Refused { error, .. }) => {
            let why = "the kernel tools connect to this port";
            Check::found(CheckLevel::Problem, subject, error, why).fixed_by(format!(
                "check addresses, routes and firewalls: TCP and UDP ports {PORT}, {} and {STREAM_PORT} must be open",
                PORT + 1
            ))
        }
        Err(error) => no_answer(error.to_string()),
    }
}

fn no_answer(why: String) -> Check {
    Check::found(CheckLevel::Problem, AGENT_CHECK, why, "nothing can be measured at an endpoint without an agent")
}

fn why_unreachable(endpoint: &EndpointId, errors: &[AgentError]) -> String {
    let of_it = format!("endpoint {endpoint}: ");
    let texts = errors.iter().map(ToString::to_string);
    texts.into_iter().find_map(|text| text.strip_prefix(&of_it).map(str::to_owned)).unwrap_or_else(|| "it was not started".to_owned())
}

/// Compares the clock of an endpoint with that of this machine. The time that the reply took is part of the difference.
fn clock(checked: &Checked, at: jiff::Timestamp) -> Check {
    let difference = checked.time.duration_since(at).as_secs_f64();
    let seen = format!("{difference:+.1} s from this machine");
    if difference.abs() < 1.0 {
        return Check::ok("clock", "within a second of this machine");
    }
    Check::found(
        CheckLevel::Warning,
        "clock",
        seen,
        "times in the logs of the two machines cannot be compared; records have the time of this machine",
    )
    .fixed_by("sudo timedatectl set-ntp true")
}

fn speeds(from: &Checked, to: &Checked) -> Option<Check> {
    let (one, other) = (from.speed?, to.speed?);
    (one != other).then(|| {
        let why = "the slower link is the limit, and the switch between them buffers or drops frames";
        Check::found(CheckLevel::Warning, "link speeds", format!("{one} and {other}"), why)
    })
}

fn modes(from: &Checked, to: &Checked) -> Option<Check> {
    let (one, other) = (from.bluefield?, to.bluefield?);
    // The mode of a card shows on its Arm side only.
    let known = [one, other].iter().all(|view| *view != BlueFieldView::Host);
    (known && one != other).then(|| {
        Check::found(CheckLevel::Warning, "BlueField modes", format!("{one}; and {other}"), "results in different modes are not comparable")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_by_another_interface_is_a_problem() {
        let to = "198.18.0.2".parse().unwrap();
        let by = |way: &str| connection(Ok(Reply::Connected { interface: Some(way.to_owned()) }), "ens1", to);
        assert_eq!(by("ens1").severity, CheckLevel::Ok);
        let other = by("mgmt0");
        assert!(other.severity == CheckLevel::Problem && other.seen.contains("leaves through mgmt0"), "{other:?}");
    }

    #[test]
    fn a_clock_that_differs_by_seconds_two_speeds_and_two_modes_are_warnings() {
        let checked = |time: i64, speed: &str, bluefield| Checked {
            checks: Vec::new(),
            speed: speed.parse().ok(),
            bluefield,
            time: jiff::Timestamp::from_second(time).unwrap(),
        };
        let now = jiff::Timestamp::from_second(1000).unwrap();
        assert_eq!(clock(&checked(1000, "25G", None), now).severity, CheckLevel::Ok);
        let late = clock(&checked(940, "25G", None), now);
        assert!(late.severity == CheckLevel::Warning && late.seen.starts_with("-60.0 s"), "{late:?}");
        assert!(speeds(&checked(0, "25G", None), &checked(0, "25G", None)).is_none());
        assert!(speeds(&checked(0, "25G", None), &checked(0, "100G", None)).is_some());
        let (dpu, nic, host) = (BlueFieldView::ArmInDpuMode, BlueFieldView::ArmWithoutPorts, BlueFieldView::Host);
        assert!(modes(&checked(0, "25G", Some(dpu)), &checked(0, "25G", Some(nic))).is_some());
        assert!(modes(&checked(0, "25G", Some(dpu)), &checked(0, "25G", Some(host))).is_none());
    }
}
