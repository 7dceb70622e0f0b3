use std::time::Duration;

use dataplane::{
    DpdkVersion, PortInfo, PortOptions, PortSpec, ReceivePlan, ReceiveReport, ReflectPlan, ReflectReport, SendPlan, SendReport,
};
use methodology::units::LinkSpeed;
use reporter::environment::EndpointEnvironment;
use serde::{Deserialize, Serialize};

/// The protocol's version. Both ends must speak the same: they are the same program on two machines.
pub const PROTOCOL: u32 = 3;

/// The first line an agent prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    /// Which protocol it speaks.
    pub protocol: u32,
    /// Which linerate it is.
    pub linerate: String,
    /// Its process number.
    pub pid: u32,
}

/// A request of the conductor. Every request has exactly one reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Request {
    /// Say what the machine is, and this kernel interface of it.
    Describe {
        /// The interface that carries kernel traffic; none for an endpoint that only DPDK measures use.
        interface: Option<String>,
    },
    /// Refuse this port if it carries the default route or the ssh session.
    CheckPort {
        /// The port.
        port: PortSpec,
    },
    /// Initialise DPDK and open the agent's one port.
    Open(OpenPort),
    /// Wait until the link is up.
    AwaitLink {
        /// How long at most.
        limit: Duration,
    },
    /// Send test frames; the reply comes when the last is sent.
    Send(SendPlan),
    /// Begin to receive; the reply comes when the poll loop runs.
    Receive(ReceivePlan),
    /// Begin to reflect; the reply comes when the poll loop runs.
    Reflect(ReflectPlan),
    /// End receiving or reflecting; the reply is its report.
    Stop,
}

/// Which port, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenPort {
    /// The port.
    pub port: PortSpec,
    /// How it is set up.
    pub options: PortOptions,
}

/// A reply of the agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "kebab-case")]
pub enum Reply {
    /// What the machine is.
    Described(Box<EndpointEnvironment>),
    /// The port carries nothing that must not stop.
    PortChecked,
    /// The port is open.
    Opened(Box<Opened>),
    /// The link is up, or the limit is over.
    Link {
        /// Its speed; none where it is down or the port knows no speed.
        speed: Option<LinkSpeed>,
    },
    /// The poll loop runs.
    Started,
    /// What the sender did.
    Sent(TrialReply<SendReport>),
    /// What the sink saw.
    Received(TrialReply<ReceiveReport>),
    /// What the reflector did.
    Reflected(TrialReply<ReflectReport>),
    /// It could not be done; the text says what failed, on what, and what to do.
    Failed {
        /// The error.
        error: String,
    },
}

/// One end of a trial: what the engine reports, and what the agent saw around it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialReply<R> {
    /// The engine's report.
    pub report: Box<R>,
    /// The port's link.
    pub link: LinkSeen,
}

/// Whether a port's link was up around a trial. The engines look at it in between where nothing comes or goes any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkSeen {
    /// Before the first frame.
    pub up_before: bool,
    /// After the last.
    pub up_after: bool,
}

/// A port that was opened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Opened {
    /// The port as it was set up.
    pub port: PortInfo,
    /// Which DPDK drives it.
    pub dpdk: DpdkVersion,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_one_line() {
        let request = Request::Open(OpenPort { port: "net_null0".parse().unwrap(), options: PortOptions::default() });
        let line = serde_json::to_string(&request).unwrap();
        assert!(line.starts_with(r#"{"do":"open","port":"net_null0""#) && !line.contains('\n'), "{line}");
        assert_eq!(serde_json::from_str::<Request>(&line).unwrap(), request);
    }
}
