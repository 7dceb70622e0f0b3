//! Two agents with a DPDK port each, and one trial between them.

use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use dataplane::account::hiccup::absorbed_for;
use dataplane::{CpuId, MacAddress, Pacing, PortOptions, PortSpec, ReceivePlan, ReflectPlan, SendPlan, SendReport, StreamId, Traffic};
use methodology::units::{FrameSize, Frames, LinkSpeed, Pace};
use reporter::record::{EndpointId, Pair};
use thiserror::Error;

use super::both_ends::{BothWays, Links, OneWay, OpenPorts, RoundTrips, UsedStreams, Way};
use crate::agent::{Agent, AgentError, OpenPort, Opened, Reply, Request, TrialReply, WaitLimit};
use crate::conductor::start_line::Starter;
use crate::interface_settings::{ChangedInterface, InterfaceSettingsError};
use crate::plan::{Directions, PortTuning};
use crate::topology::{BypassPort, Endpoint, KernelAddress, PairCpus, PairNodes, RingSizes, Testbed, TestbedError};

/// How long an agent may take to open its port: EAL, memory, and the other end of shared memory.
pub const OPEN_LIMIT: Duration = Duration::from_secs(30);

/// How long a link may take to come up after its port was started: NICs train their links for a few seconds, some for almost ten.
const LINK_LIMIT: Duration = Duration::from_secs(15);

/// The shortest drain of a trial in which both ends send: they begin one after the other, by as much as two connections differ.
const LEAST_DRAIN: Duration = Duration::from_millis(500);

/// How long a reply may take beyond the trial itself.
pub const GRACE: Duration = Duration::from_secs(10);

/// A pair whose two ports are open. Dropping it ends both agents; [`close`](Self::close) waits until their ports are closed.
#[derive(Debug)]
pub struct BypassPair {
    pub(super) sender: Agent,
    pub(super) receiver: Agent,
    pub(super) cpus: PairCpus,
    /// Where frames are sent to, by [`Way`]: the address of the port at the other end, where frames to it reach that end, or of the router between.
    destinations: [Option<MacAddress>; 2],
    tuning: PortTuning,
    /// The streams of all trials until now: each has its own, so that a straggler of one is never counted in the next.
    pub(super) streams: UsedStreams,
    /// Test frames passed the device in the path both ways since the ports were opened.
    pub path_is_proved: bool,
    /// When the sender of the last trial was asked to send, and when it had reported.
    pub(super) last_send: Option<(Instant, Instant)>,
    /// Its two ports.
    pub ports: OpenPorts,
    /// The link's speed, where one of the two endpoints knows it.
    pub link: Option<LinkSpeed>,
    /// What AF_XDP changes at the two interfaces, put back when the agents have ended: fields are dropped in order.
    interfaces: Vec<ChangedInterface>,
}

/// A trial between two agents did not come to an end.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BypassError {
    /// The testbed has no ports for this pair.
    #[error(transparent)]
    Testbed(#[from] TestbedError),
    /// The kernel interface of an endpoint cannot be read, or a change of it noted.
    #[error("endpoint {endpoint}: {source}")]
    Interface {
        /// The endpoint.
        endpoint: EndpointId,
        /// Why not.
        #[source]
        source: InterfaceSettingsError,
    },
    /// One of the agents.
    #[error(transparent)]
    Agent(#[from] AgentError),
}

impl BypassError {
    /// Whether the user ended the run.
    pub fn is_interruption(&self) -> bool {
        matches!(self, BypassError::Agent(AgentError::Interrupted { .. }))
    }

    /// Whether an agent's process is gone.
    pub fn is_lost_agent(&self) -> bool {
        matches!(self, BypassError::Agent(AgentError::Lost { .. }))
    }
}

/// A pair whose receiver's port is open and whose sender is not there yet.
///
/// DPDK's vhost library looks at a new socket only when its event thread wakes, once a second (lib/vhost/fd_man.c, `fdset_event_dispatch`): a
/// receiver that has been there for a while is connected to at once. It does not poll while it waits.
#[derive(Debug)]
pub struct Listening {
    receiver: Agent,
    receiver_port: Opened,
    tuning: PortTuning,
    /// See [`BypassPair`].
    interfaces: Vec<ChangedInterface>,
}

impl Listening {
    /// Starts the receiver's agent and opens its port for frames up to `max_frame`, with as many queues as `tuning` says.
    pub fn open(
        testbed: &Testbed,
        pair: &Pair,
        max_frame: FrameSize,
        tuning: PortTuning,
        interrupted: &AtomicBool,
    ) -> Result<Listening, BypassError> {
        let wait = WaitLimit { limit: OPEN_LIMIT, interrupted };
        let to = testbed.endpoint(&pair.to)?;
        let interfaces = match tuning.port {
            BypassPort::AfXdp => before_af_xdp(testbed, pair)?,
            BypassPort::OfTestbed | BypassPort::AfPacket => Vec::new(),
        };
        let mut receiver = Agent::start(to)?;
        receiver.greet(wait)?;
        let options = PortOptions { max_frame, queues: tuning.queues.receiver, promiscuous: to.promiscuous, ..PortOptions::default() };
        let ports = testbed.bypass_ports(pair, tuning.port, tuning.rings)?;
        let receiver_port = receiver
            .open(port_of_end(tuning.receiver_devargs.on(ports.receiver)?, ports.receiver_rings, tuning.in_options(options)), wait)?;
        Ok(Listening { receiver, receiver_port, tuning, interfaces })
    }

    /// Whether its port serves such a measurement too.
    pub fn serves(&self, tuning: &PortTuning) -> bool {
        self.tuning.shares_ports_with(tuning)
    }

    /// Closes the receiver's port.
    pub fn close(self) {
        // An error means that the agent was killed instead.
        let _ = self.receiver.close();
        drop(self.interfaces);
    }

    /// Starts the sender's agent and opens its port, for the frames that the receiver's was opened for.
    pub fn connect(self, testbed: &Testbed, pair: &Pair, interrupted: &AtomicBool) -> Result<BypassPair, BypassError> {
        // Declared first, dropped last: after an error the agents end before the interfaces are put back.
        let Listening { interfaces, mut receiver, mut receiver_port, tuning } = self;
        let (from, to) = (testbed.endpoint(&pair.from)?, testbed.endpoint(&pair.to)?);
        let wait = WaitLimit { limit: OPEN_LIMIT, interrupted };
        let mut sender = Agent::start(from)?;
        sender.greet(wait)?;
        let options = PortOptions {
            max_frame: receiver_port.port.max_frame,
            queues: tuning.queues.sender,
            promiscuous: from.promiscuous,
            send_on_timestamp: tuning.pacing == Pacing::SendOnTimestamp,
            ..PortOptions::default()
        };
        let ports = testbed.bypass_ports(pair, tuning.port, tuning.rings)?;
        let opened =
            sender.open(port_of_end(tuning.sender_devargs.on(ports.sender.clone())?, ports.sender_rings, tuning.in_options(options)), wait);
        // If the receiver has exited, the sender's error is only a consequence.
        let mut sender_port = opened.map_err(|error| receiver.is_lost("listen").unwrap_or(error))?;
        // Only a link that is up has a speed, and both must be open for that.
        sender_port.port.link_speed = link_speed(&mut sender, interrupted)?;
        receiver_port.port.link_speed = link_speed(&mut receiver, interrupted)?;
        let link = from.link_to(to, [sender_port.port.link_speed, receiver_port.port.link_speed]);
        let nodes = PairNodes { sender: sender_port.port.numa_node, receiver: receiver_port.port.numa_node };
        let cpus = testbed.cpus(pair, tuning.queues, nodes)?;
        let destinations = [destination(&ports.receiver, &receiver_port), destination(&ports.sender, &sender_port)];
        Ok(BypassPair {
            sender,
            receiver,
            cpus,
            destinations,
            tuning,
            streams: UsedStreams::beginning_at(StreamId(rand::random())),
            path_is_proved: false,
            last_send: None,
            ports: OpenPorts { sender: sender_port, receiver: receiver_port },
            link,
            interfaces,
        })
    }
}

/// Both interfaces as they are before AF_XDP takes them.
fn before_af_xdp(testbed: &Testbed, pair: &Pair) -> Result<Vec<ChangedInterface>, BypassError> {
    let ends = [testbed.endpoint(&pair.from)?, testbed.endpoint(&pair.to)?];
    let interfaces = ends.into_iter().filter_map(|end| Some((end, end.kernel.as_ref()?)));
    let note = |(end, kernel): (&Endpoint, &KernelAddress)| {
        let noted = ChangedInterface::before_af_xdp(&end.location, &kernel.interface);
        noted.map_err(|source| BypassError::Interface { endpoint: end.id.clone(), source })
    };
    interfaces.map(note).collect()
}

/// The speed of an agent's link when it is up; none where it stays down. Trials report a link that is down.
fn link_speed(agent: &mut Agent, interrupted: &AtomicBool) -> Result<Option<LinkSpeed>, AgentError> {
    let wait = WaitLimit { limit: LINK_LIMIT + GRACE, interrupted };
    match agent.ask(&Request::AwaitLink { limit: LINK_LIMIT }, "wait for the link", wait)? {
        Reply::Link { speed } => Ok(speed),
        other => Err(agent.unexpected(&other)),
    }
}

/// The destination of test frames: the address of the receiving port. A NIC delivers no other frames unless it is promiscuous, and a switch sends
/// them to one port only. None for ports whose frames the kernel would keep then, which are not reached by their address.
fn destination(receiver: &PortSpec, opened: &Opened) -> Option<MacAddress> {
    Some(opened.port.mac).filter(|mac| mac.is_unicast() && receiver.is_reached_by_its_address())
}

/// The port of one end, with its queues, frames and rings in the devargs where its driver reads them there, and in the options.
fn port_of_end(port: PortSpec, rings: RingSizes, options: PortOptions) -> OpenPort {
    OpenPort { port: port.with_queues(options.queues).with_frames(options.max_frame), options: rings.in_options(options) }
}

impl BypassPair {
    /// Closes both ports.
    pub fn close(self) {
        // An error means that the agent was killed instead.
        let _ = self.sender.close();
        let _ = self.receiver.close();
        drop(self.interfaces);
    }

    /// The CPUs of the sender's poll loops; none where the agent chooses.
    pub fn sender_cpus(&self) -> &[CpuId] {
        &self.cpus.sender
    }

    /// Whether its ports serve such a measurement too.
    pub fn serves(&self, tuning: &PortTuning) -> bool {
        self.tuning.shares_ports_with(tuning)
    }

    /// Where frames are sent to.
    pub(super) fn destination(&self, way: Way) -> Option<MacAddress> {
        let [forward, backward] = self.destinations;
        match way {
            Way::Forward => forward,
            Way::Backward => backward,
        }
    }

    /// Sends frames to the router between the ends, where there is one: to its interface on the sender's side, and on the receiver's.
    pub(super) fn go_through(&mut self, router: Option<[MacAddress; 2]>) {
        if let Some([near, far]) = router {
            self.destinations = [Some(near), Some(far)];
        }
    }

    /// Goes over to it.
    pub fn tune(&mut self, tuning: PortTuning) {
        self.tuning = tuning;
    }

    /// One trial: the sink runs before the first frame and after the last. The pairs of a group begin to send together, from their common start.
    pub fn one_way(
        &mut self,
        plan: SendPlan,
        drain: Duration,
        start: Option<&Starter<'_>>,
        interrupted: &AtomicBool,
    ) -> Result<OneWay, BypassError> {
        let wait = WaitLimit { limit: GRACE + drain, interrupted };
        // Both ends must agree on how test frames look.
        let sink = ReceivePlan {
            cpus: self.cpus.receiver.clone(),
            drain,
            frame: plan.frame,
            tagging: plan.tagging,
            outlast_link: plan.outlast_link,
            expected_rate: plan.highest_rate(),
            size: match &plan.traffic {
                Traffic::Test(Frames::Fixed(size)) => Some(*size),
                Traffic::Test(Frames::Mix(_)) | Traffic::Capture { .. } => None,
            },
            ..ReceivePlan::default()
        };
        match self.receiver.ask(&Request::Receive(sink), "receive", wait)? {
            Reply::Started => {}
            other => return Err(self.receiver.unexpected(&other).into()),
        }
        if let Some(start) = start {
            start.wait(interrupted);
        }
        let sent = self.send(plan, interrupted)?;
        match self.receiver.ask(&Request::Stop, "stop receiving", wait)? {
            Reply::Received(received) => {
                let links = Links { sender: sent.link, receiver: received.link };
                Ok(OneWay { sent: *sent.report, received: *received.report, links, streams: self.streams })
            }
            other => Err(self.receiver.unexpected(&other).into()),
        }
    }

    /// One trial with a reflector at the receiver.
    pub fn round_trips(&mut self, plan: SendPlan, interrupted: &AtomicBool) -> Result<RoundTrips, BypassError> {
        let wait = WaitLimit { limit: GRACE, interrupted };
        let reflector = ReflectPlan {
            cpus: self.cpus.receiver.clone(),
            frame: plan.frame,
            tagging: plan.tagging,
            expected_rate: plan.highest_rate(),
            ..ReflectPlan::default()
        };
        match self.receiver.ask(&Request::Reflect(reflector), "reflect", wait)? {
            Reply::Started => {}
            other => return Err(self.receiver.unexpected(&other).into()),
        }
        let sent = self.send(SendPlan { rtt: true, ..plan }, interrupted)?;
        match self.receiver.ask(&Request::Stop, "stop reflecting", wait)? {
            Reply::Reflected(reflected) => {
                let links = Links { sender: sent.link, receiver: reflected.link };
                Ok(RoundTrips { sent: *sent.report, reflected: *reflected.report, links })
            }
            other => Err(self.receiver.unexpected(&other).into()),
        }
    }

    /// The directions of its trials.
    pub fn directions(&self) -> Directions {
        self.tuning.directions
    }

    /// One trial in which both ends send at once, with one poll loop each: both count before either sends.
    pub fn both_ways(&mut self, plan: SendPlan, drain: Duration, interrupted: &AtomicBool) -> Result<BothWays, BypassError> {
        let wait = WaitLimit { limit: GRACE, interrupted };
        let plan = SendPlan { both_ways: true, drain: drain.max(LEAST_DRAIN), ..plan };
        // The drain ends after ten times its length at the latest, where frames go on to arrive.
        let limit = plan.duration + 10 * plan.drain + GRACE;
        let first = self.end_plan(plan.clone(), Way::Forward);
        let second = self.end_plan(plan, Way::Backward);
        for (agent, plan) in [(&mut self.sender, first), (&mut self.receiver, second)] {
            match agent.ask(&Request::Exchange(plan), "send and receive", wait)? {
                Reply::Started => {}
                other => return Err(agent.unexpected(&other).into()),
            }
        }
        let (sender, receiver) = (&mut self.sender, &mut self.receiver);
        let begin = |agent: &mut Agent| match agent.ask(&Request::BeginSending, "send and receive", WaitLimit { limit, interrupted })? {
            Reply::Sent(sent) => Ok(sent),
            other => Err(agent.unexpected(&other)),
        };
        let [first, second] = std::thread::scope(|scope| {
            let second = scope.spawn(|| begin(receiver));
            let first = begin(sender);
            [first, second.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))]
        });
        let (first, second) = (first?, second?);
        let links = Links { sender: first.link, receiver: second.link };
        BothWays::new(*first.report, *second.report, links, self.streams).ok_or_else(|| {
            let (endpoint, detail) = (self.receiver.endpoint().clone(), "it did not count the frames of the other end".to_owned());
            AgentError::Incompatible { endpoint, detail }.into()
        })
    }

    fn send(&mut self, plan: SendPlan, interrupted: &AtomicBool) -> Result<TrialReply<SendReport>, BypassError> {
        let limit = plan.duration + plan.drain + GRACE;
        let plan = self.end_plan(plan, Way::Forward);
        let began = Instant::now();
        let reply = self.sender.ask(&Request::Send(plan), "send", WaitLimit { limit, interrupted })?;
        self.last_send = Some((began, Instant::now()));
        match reply {
            Reply::Sent(sent) => Ok(sent),
            other => Err(self.sender.unexpected(&other).into()),
        }
    }

    /// The plan of one end that sends.
    fn end_plan(&mut self, plan: SendPlan, way: Way) -> SendPlan {
        let destination = self.destination(way);
        let (own, other, cpus) = match way {
            Way::Forward => (&self.ports.sender, &self.ports.receiver, &self.cpus.sender),
            Way::Backward => (&self.ports.receiver, &self.ports.sender, &self.cpus.receiver),
        };
        // One a queue, and a probe's.
        let stream = self.streams.take(own.port.queues + 1);
        let PortTuning { burst, flows, pacing, .. } = self.tuning;
        // The sender catches up after an interruption: frames that the receiver's ring must hold.
        let absorbed = plan.highest_rate().map(|rate| absorbed_for(other.port.rx_descriptors, rate));
        let absorbed = absorbed.map_or(Duration::MAX, |absorbed| absorbed.seconds().duration());
        SendPlan {
            hiccup_threshold: plan.hiccup_threshold.min(absorbed),
            cpus: cpus.clone(),
            stream,
            destination: plan.destination.or(destination),
            burst,
            flows,
            pacing: if plan.pace == Pace::Max { Pacing::Software } else { pacing },
            ..plan
        }
    }
}
