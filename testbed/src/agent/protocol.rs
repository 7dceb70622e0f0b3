use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use dataplane::{
    CpuId, DpdkVersion, PortInfo, PortOptions, PortSpec, ReceivePlan, ReceiveReport, ReflectPlan, ReflectReport, SendPlan, SendReport,
};
use methodology::units::LinkSpeed;
use reporter::environment::EndpointEnvironment;
use reporter::kernel_tools::Ready;
use serde::{Deserialize, Serialize};

use crate::interface_settings::BusyPollUse;
use crate::inventory::{BlueFieldView, PcieLink};
use crate::kernel_end::{Spent, ToolCommand, ToolRun};
use crate::preflight::{Check, Needs};
use crate::topology::KernelAddress;

/// The protocol's version. Both ends must speak the same: they are the same program on two machines.
pub const PROTOCOL: u32 = 6;

/// What this program was built from: a hash of the sources of the agent and of all below it. Two builds of one source for two processors have the same.
pub const BUILD: &str = env!("LINERATE_BUILD");

/// The first line an agent prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    /// Which protocol it speaks.
    pub protocol: u32,
    /// Which linerate it is.
    pub linerate: String,
    /// What it was built from; older versions do not say.
    #[serde(default)]
    pub build: String,
    /// Its process number.
    pub pid: u32,
}

/// A request of the conductor. Every request has exactly one reply, except the heartbeat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// The heartbeat of the conductor. It has no reply.
    Alive,
    /// Say what the machine is, and this kernel interface of it.
    Describe {
        /// The interface that carries kernel traffic; none for an endpoint that only DPDK measures use.
        interface: Option<String>,
    },
    /// Check the machine for what a run needs.
    Check(CheckRequest),
    /// Refuse this port if it carries the default route or the ssh session.
    CheckPort {
        /// The port.
        port: PortSpec,
    },
    /// Keep other runs off this interface until the agent ends.
    Claim {
        /// The interface.
        interface: String,
    },
    /// Keep runs off this machine that change its busy polling, or all runs where this one changes it, until the agent ends.
    ClaimBusyPolling {
        /// Whether this run changes it.
        usage: BusyPollUse,
    },
    /// Listen on the ports that the tools will use, so that the other endpoints can try to reach them.
    Listen {
        /// The address for kernel traffic.
        address: IpAddr,
        /// The ports.
        ports: Vec<u16>,
    },
    /// Connect to a port of another endpoint that listens.
    Connect {
        /// The own address.
        from: IpAddr,
        /// The other's.
        to: IpAddr,
        /// The other's port.
        port: u16,
    },
    /// Close what `listen` opened.
    StopListening,
    /// Run a tool to its end.
    RunTool(ToolCommand),
    /// Start a tool's server and read the counters, or only read the counters; the reply comes when the server is ready.
    Serve {
        /// The server; without words only the interface is counted.
        command: ToolCommand,
        /// When it is ready.
        ready: Option<Ready>,
    },
    /// End the server; the reply is the processor time and the counters since it was ready.
    EndServe,
    /// Make a directory for the files of a measurement. The agent removes it when it is asked to, or when it ends.
    MakeDirectory,
    /// Remove a directory that was made so, and those that killed agents left.
    RemoveDirectory {
        /// Its path.
        path: PathBuf,
    },
    /// Wait until the server ends by itself; the reply is what it left.
    FinishServe {
        /// How long at most.
        limit: Duration,
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
    /// Begin to count the other end's frames, before sending in the same poll loop; the reply comes when the loop runs.
    Exchange(SendPlan),
    /// Send what `exchange` planned; the reply, as that of `send`, comes when the last frame of the other end has arrived.
    BeginSending,
    /// Begin to receive; the reply comes when the poll loop runs.
    Receive(ReceivePlan),
    /// Begin to reflect; the reply comes when the poll loop runs.
    Reflect(ReflectPlan),
    /// End receiving or reflecting; the reply is its report.
    Stop,
    /// Close the port and end; the reply comes when the port is closed.
    Close,
}

/// What a run needs of an endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckRequest {
    /// Where kernel traffic to it goes.
    pub kernel: Option<KernelAddress>,
    /// Its DPDK port.
    pub port: Option<PortSpec>,
    /// The CPUs of its poll loops, where the testbed names them.
    #[serde(default)]
    pub cpus: Vec<CpuId>,
    /// What will be measured.
    pub needs: Needs,
}

/// Which port, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenPort {
    /// The port.
    pub port: PortSpec,
    /// How it is set up.
    pub options: PortOptions,
}

/// A reply of the agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Reply {
    /// What the machine is.
    Described(Box<EndpointEnvironment>),
    /// What the checks found.
    Checked(Box<Checked>),
    /// The port carries nothing that must not stop.
    PortChecked,
    /// The interface, or the busy polling of the machine, is claimed.
    Claimed,
    /// Another run has claimed it.
    InUse {
        /// Its name and process, as text; empty where they cannot be seen.
        holder: String,
    },
    /// The ports are open.
    Listening,
    /// The other endpoint was reached.
    Connected {
        /// The interface that the kernel's routes choose for the way there; none where they cannot be asked.
        interface: Option<String>,
    },
    /// The ports are closed.
    StoppedListening,
    /// What the tool left.
    RanTool(Box<ToolRun>),
    /// The server is ready.
    Serving,
    /// What was spent and counted.
    Served(Spent),
    /// The directory is there.
    Directory {
        /// Its path.
        path: PathBuf,
    },
    /// The directory is gone.
    DirectoryRemoved,
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
    /// The port is closed, and the agent ends.
    Closed,
    /// It could not be done; the text says what failed, on what, and what to do.
    Failed {
        /// The error.
        error: String,
    },
}

/// What an endpoint's checks found, and what is compared between endpoints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checked {
    /// The checks of this endpoint alone.
    pub checks: Vec<Check>,
    /// The speed of the interface, where it is up and says.
    pub speed: Option<LinkSpeed>,
    /// What can be said of a BlueField's mode.
    pub bluefield: Option<BlueFieldView>,
    /// The machine's clock.
    pub time: jiff::Timestamp,
}

/// One end of a trial: what the engine reports, and what the agent saw around it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialReply<R> {
    /// The engine's report.
    pub report: Box<R>,
    /// The port's link.
    pub link: LinkSeen,
}

/// Whether a port's link was up around a trial. The engines look at it in between where nothing comes or goes any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkSeen {
    /// Before the first frame.
    pub up_before: bool,
    /// After the last.
    pub up_after: bool,
}

/// A port that was opened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opened {
    /// The port as it was set up.
    pub port: PortInfo,
    /// Which DPDK drives it.
    pub dpdk: DpdkVersion,
    /// The PCI Express link of its device, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pcie: Option<PcieLink>,
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
        assert_eq!(serde_json::to_string(&Request::Alive).unwrap(), r#"{"do":"alive"}"#);
    }

    #[test]
    fn a_field_that_the_protocol_does_not_have_is_refused() {
        assert!(serde_json::from_str::<Request>(r#"{"do":"claim","interface":"eth0","force":true}"#).is_err());
        assert!(serde_json::from_str::<Reply>(r#"{"reply":"connected","interface":null,"why":1}"#).is_err());
        assert!(serde_json::from_str::<Reply>(r#"{"reply":"connected","interface":null}"#).is_ok());
    }
}
