//! One run at a time on an interface: two runs that share one would count each other's frames and share its capacity. And one run at a time on a machine
//! where one changes the busy polling of all its sockets.

mod busy_poll;
mod endpoints;

use std::cell::LazyCell;
use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::channel;
use std::time::Duration;

use dataplane::PortSpec;
use reporter::record::EndpointId;
use thiserror::Error;

use self::busy_poll::{busy_poll_uses, is_on_this_machine};
use self::endpoints::endpoints_of;
use super::endpoint_agents::EndpointAgents;
use super::machines::Machines;
use super::schedule;
use crate::agent::Request;
use crate::interface_settings::{BusyPollClaim, BusyPollUse};
use crate::plan::Plan;
use crate::process::{Child, CommandSpec, Input, Location, spawn};
use crate::topology::{DeviceId, Endpoint, Testbed, TestbedError};

/// How long a claim may take: a process start.
const CLAIM_LIMIT: Duration = Duration::from_secs(20);

/// What flock(1) ends with when another process has the lock.
const TAKEN: i32 = 1;

/// What `cat` returns once the lock is held.
const HELD: &str = "held";

/// A run cannot have its interfaces.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClaimError {
    /// Another run measures on one of them.
    #[error(
        "endpoint {endpoint}: another run of linerate measures on interface {interface} there{}; wait for its end (`fuser -v /sys/class/net/{interface}` shows its process)", in_parentheses(.holder)
    )]
    InUse {
        /// The endpoint whose interface it is.
        endpoint: EndpointId,
        /// The interface.
        interface: String,
        /// Which run, where that can be seen.
        holder: String,
    },
    /// Another run measures on an interface of a device in the path.
    #[error(
        "device `{device}` at endpoint {endpoint}: another run of linerate uses interface {interface} there{}; wait for its end (`fuser -v /sys/class/net/{interface}` shows its process)", in_parentheses(.holder)
    )]
    DeviceInUse {
        /// The device whose interface it is.
        device: DeviceId,
        /// The endpoint where it runs.
        endpoint: EndpointId,
        /// The interface.
        interface: String,
        /// Which run, where that can be seen.
        holder: String,
    },
    /// Another run changes the busy polling of a machine.
    #[error(
        "{place}: another run of linerate has `busy-poll` in its plan{}, which changes all sockets of the machine; wait for its end", in_parentheses(.holder)
    )]
    BusyPollChanged {
        /// The machine, by one of its endpoints.
        place: String,
        /// Which run, where that can be seen.
        holder: String,
    },
    /// This run changes the busy polling of a machine, and another measures there.
    #[error(
        "{place}: another run of linerate measures on that machine{}, and `busy-poll` in the plan changes all sockets there; wait for its end, or remove `busy-poll`", in_parentheses(.holder)
    )]
    BusyPollInUse {
        /// The machine, by one of its endpoints.
        place: String,
        /// Which run, where that can be seen.
        holder: String,
    },
    /// The plan and the testbed do not fit.
    #[error(transparent)]
    Testbed(#[from] TestbedError),
}

fn in_parentheses(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" ({text})") }
}

/// An interface that a run needs for itself.
#[derive(Debug, Clone, Copy)]
struct Wanted<'a> {
    endpoint: &'a Endpoint,
    interface: &'a str,
    /// The device whose port it is; none for the interface of an end.
    device: Option<&'a DeviceId>,
}

impl Wanted<'_> {
    fn in_use(&self, holder: String) -> ClaimError {
        let (endpoint, interface) = (self.endpoint.id.clone(), self.interface.to_owned());
        match self.device {
            None => ClaimError::InUse { endpoint, interface, holder },
            Some(device) => ClaimError::DeviceInUse { device: device.clone(), endpoint, interface, holder },
        }
    }
}

/// The interfaces and the machines of a run, claimed until this is dropped or this process ends in any way.
///
/// The claim of an interface is a lock (flock(2)) on the interface's folder in sysfs. That folder is the same for every process in the network namespace,
/// whatever its mount namespace is, and leaves nothing behind. On this machine `flock` holds the lock for a `cat` that ends with its input. On
/// other machines the endpoint's agent holds it, which also ends when its lease has expired.
#[derive(Debug, Default)]
pub struct Claims {
    claims: Vec<Claim>,
    busy_polling: Option<BusyPollClaim>,
}

/// The claim of one interface. The input is closed first: `cat` ends with it.
#[derive(Debug)]
struct Claim {
    _input: ChildStdin,
    _holder: Child,
}

impl Claims {
    /// Claims the interfaces of every endpoint that a plan measures, and of the devices between them, each interface once; and the busy polling of each
    /// machine.
    ///
    /// # Errors
    /// Another run has claimed one of them, or the plan names an endpoint that the testbed does not have. Where a lock cannot be tried, there
    /// is no claim and no error: the measurement reports the cause.
    pub fn of(plan: &Plan, testbed: &Testbed, agents: &mut EndpointAgents, interrupted: &AtomicBool) -> Result<Claims, ClaimError> {
        // Lazy: it asks every machine, which may need ssh. It is used only where two endpoints name the same interface.
        let machines = LazyCell::new(|| Machines::of(testbed));
        let mut claimed: Vec<Wanted<'_>> = Vec::new();
        let mut all = Claims::default();
        for wanted in wanted(plan, testbed)? {
            let same = |other: &Wanted<'_>| {
                other.interface == wanted.interface
                    && network(&other.endpoint.location) == network(&wanted.endpoint.location)
                    && machines.share(&other.endpoint.id, &wanted.endpoint.id)
            };
            if claimed.iter().any(same) {
                continue;
            }
            claimed.push(wanted);
            if wanted.endpoint.is_here() {
                all.claims.extend(claim(&wanted)?);
                continue;
            }
            let claim = Request::Claim { interface: wanted.interface.to_owned() };
            if let Ok(Some(holder)) = agents.claim(wanted.endpoint, claim, interrupted) {
                return Err(wanted.in_use(holder));
            }
        }
        let same_machine = |one: &Endpoint, other: &Endpoint| machines.share(&one.id, &other.id);
        for (endpoint, usage) in busy_poll_uses(plan, testbed, same_machine)? {
            let place = format!("endpoint {}", endpoint.id);
            if is_on_this_machine(endpoint) {
                all.busy_polling = BusyPollClaim::take(usage).map_err(|claimed| busy_poll_error(usage, place, claimed.holder))?;
            } else if let Ok(Some(holder)) = agents.claim(endpoint, Request::ClaimBusyPolling { usage }, interrupted) {
                return Err(busy_poll_error(usage, place, holder));
            }
        }
        Ok(all)
    }

    /// Claims what a lab of this run's own shares with other runs: the busy polling of this machine. Nothing in a lab changes it, because its endpoints
    /// are in namespaces, or are machines of their own.
    ///
    /// # Errors
    /// Another run changes it.
    pub fn of_own_lab() -> Result<Claims, ClaimError> {
        let usage = BusyPollUse::AsItIs;
        let claim = BusyPollClaim::take(usage).map_err(|claimed| busy_poll_error(usage, "this machine".to_owned(), claimed.holder))?;
        Ok(Claims { claims: Vec::new(), busy_polling: claim })
    }
}

/// The interfaces that the pairs of a plan use: of both ends, and of the device between them.
fn wanted<'t>(plan: &Plan, testbed: &'t Testbed) -> Result<Vec<Wanted<'t>>, TestbedError> {
    let pairs = schedule::all_pairs(plan, testbed)?;
    let ends = endpoints_of(plan, testbed)?.into_iter();
    // A port without a kernel interface is held by its driver: vfio opens a device once.
    let mut all: Vec<Wanted<'t>> =
        ends.flat_map(|endpoint| interfaces(endpoint).map(move |interface| Wanted { endpoint, interface, device: None })).collect();
    for device in testbed.devices.iter().filter(|device| pairs.iter().any(|pair| device.passage(pair).is_some())) {
        let endpoint = testbed.endpoint(&device.at)?;
        all.extend(device.kernel_interfaces().into_iter().map(|interface| Wanted { endpoint, interface, device: Some(&device.id) }));
    }
    Ok(all)
}

fn busy_poll_error(usage: BusyPollUse, place: String, holder: String) -> ClaimError {
    match usage {
        BusyPollUse::AsItIs => ClaimError::BusyPollChanged { place, holder },
        BusyPollUse::Changed => ClaimError::BusyPollInUse { place, holder },
    }
}

/// The kernel interfaces that an endpoint's traffic crosses: of its address, and below its DPDK port.
fn interfaces(endpoint: &Endpoint) -> impl Iterator<Item = &str> {
    let kernel = endpoint.kernel.as_ref().map(|kernel| kernel.interface.as_str());
    let below = endpoint.port.as_ref().and_then(PortSpec::kernel_interface).filter(|below| Some(*below) != kernel);
    kernel.into_iter().chain(below)
}

/// Which network of its machine a location has: interfaces of several can have the same name. The machine's own is the empty text.
fn network(location: &Location) -> String {
    match location {
        Location::Container(container) => container.to_string(),
        other => other.namespace().map(|namespace| namespace.as_str().to_owned()).unwrap_or_default(),
    }
}

/// Claims one interface of this machine; `None` where the lock cannot be tried: no such interface, no `flock`.
fn claim(wanted: &Wanted<'_>) -> Result<Option<Claim>, ClaimError> {
    let folder = format!("/sys/class/net/{}", wanted.interface);
    let spec = CommandSpec::new(wanted.endpoint.location.clone(), ["flock", "-n", &folder, "cat"]).with_stdin(Input::Piped);
    let Ok(mut holder) = spawn(&spec) else { return Ok(None) };
    let (Some(input), Some(output)) = (holder.take_stdin(), holder.take_stdout()) else { return Ok(None) };
    if answers(&input, output) {
        return Ok(Some(Claim { _input: input, _holder: holder }));
    }
    drop(input);
    match holder.stop().ok().and_then(|status| status.code()) {
        Some(TAKEN) => Err(wanted.in_use(String::new())),
        _ => Ok(None),
    }
}

/// Whether the `cat` behind the lock repeats what it reads.
fn answers(mut input: &ChildStdin, output: ChildStdout) -> bool {
    // A process that has ended closed its end of the pipe, which its missing answer shows too.
    let _ = writeln!(input, "{HELD}");
    let (answer, answered) = channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let _ = BufReader::new(output).read_line(&mut line);
        let _ = answer.send(line);
    });
    answered.recv_timeout(CLAIM_LIMIT).is_ok_and(|line| line.trim_end() == HELD)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;
    use crate::process::{Container, ContainerEngine};

    #[test]
    fn a_file_whose_tls_ends_at_smartnics_uses_their_interfaces() {
        let text = "name = \"p\"\npairs = [\"a-cpu:b-cpu\"]\n[[measure]]\nstack = \"kernel-tls\"\nmethod = \"file-transfer\"\nfiles = [\"1 MB\"]\n";
        let testbed = Testbed::of_planned_lab(Path::new("/nonexistent/linerate"));
        let of = |tls_at: &str| {
            let plan = Plan::reread(&format!("{text}tls-at = \"{tls_at}\""), Path::new("plan.toml")).unwrap();
            wanted(&plan, &testbed).unwrap().iter().map(|wanted| wanted.endpoint.id.0.clone()).collect::<BTreeSet<_>>()
        };
        assert_eq!(of("endpoint"), ["a-cpu", "b-cpu"].map(str::to_owned).into());
        assert_eq!(of("dpu"), ["a-cpu", "a-dpu", "b-cpu", "b-dpu"].map(str::to_owned).into());
    }

    #[test]
    fn containers_of_one_host_have_networks_of_their_own() {
        let network_of = |name: &str| network(&Location::Container(Container::new(ContainerEngine::Podman, name).unwrap()));
        assert_ne!(network_of("c1"), network_of("c2"));
        assert_eq!(network_of("c1"), network_of("c1"));
        assert_eq!(network(&Location::Here), "");
        assert_eq!(network(&Location::Namespace("lr-x".parse().unwrap())), "lr-x");
    }
}
