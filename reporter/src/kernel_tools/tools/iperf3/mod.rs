//! iperf3, versions 3.0 to 3.21: goodput of one way over TCP and UDP.

mod documents;
mod id;
mod parse;
mod version;

use id::TOOL;
use version::{ends_after_bytes, lacks_bidir, lacks_gsro, version_note};

use crate::kernel_tools::tool::{TcpOptions, Tool, ToolFacts, ToolLimits, ToolSource};
use crate::kernel_tools::{CommandLine, Commands, Extent, KernelSpec, Measurement, Method, Ready, ToolError, ToolExit, Transport};

use documents::is_json;
use parse::parse;

pub(super) struct Iperf3;

impl Tool for Iperf3 {
    fn facts(&self) -> &'static ToolFacts {
        &ToolFacts {
            id: TOOL,
            purpose: "it measures goodput over TCP and UDP",
            source: ToolSource::Package("iperf3"),
            programs: &["iperf3"],
            version_arguments: &["--version"],
            raw_extension: "json",
        }
    }

    fn version_note(&self, version: &str) -> Option<&'static str> {
        Some(version_note(version))
    }

    fn ends_after_bytes(&self, version: Option<&str>) -> bool {
        ends_after_bytes(version)
    }

    fn version_lacks(&self, spec: &KernelSpec, version: Option<&str>) -> Option<String> {
        let version = version?;
        if spec.both_ways && lacks_bidir(version) {
            return Some(format!(
                "iperf3 {version} has no --bidir, which came with 3.7: install a newer iperf3 at the sender, or measure each direction alone"
            ));
        }
        if !spec.gsro {
            return None;
        }
        lacks_gsro(version, spec.size)
    }

    fn can(&self, method: Method, transport: Transport) -> bool {
        method == Method::Stream && matches!(transport, Transport::Tcp | Transport::Udp)
    }

    fn limits(&self, _method: Method, transport: Transport) -> ToolLimits {
        // MAX_BLOCKSIZE, MAX_UDP_BLOCKSIZE, MIN_UDP_BLOCKSIZE and MAX_STREAMS of iperf3's iperf.h.
        let sizes =
            if transport == Transport::Udp { ToolLimits::sizes(16, ToolLimits::DATAGRAM) } else { ToolLimits::sizes(1, 1024 * 1024) };
        let of_tcp = transport == Transport::Tcp;
        let tcp = TcpOptions { congestion_control: of_tcp, window: of_tcp, zero_copy: of_tcp };
        ToolLimits { streams: 128, reverse: true, both_ways: true, by_bytes: true, tcp, gsro: transport == Transport::Udp, ..sizes }
    }

    fn commands(&self, spec: &KernelSpec) -> Commands {
        commands(spec)
    }

    fn recognises(&self, text: &str) -> bool {
        is_json(text)
            || text.lines().map(str::trim_start).any(|line| line.starts_with("iperf3: ") || line.starts_with("Connecting to host "))
    }

    fn parse(&self, text: &str, exit: ToolExit) -> Result<Vec<Measurement>, ToolError> {
        parse(text, exit)
    }
}

/// How long the client tries to connect, in milliseconds. Its own error then tells more than our timeout.
const CONNECT_TIMEOUT_MS: &str = "3000";

fn commands(spec: &KernelSpec) -> Commands {
    let (address, port) = (spec.server.to_string(), spec.port.to_string());
    // -1: serves one client and ends. -B: is reachable on the measured path only.
    let server = CommandLine::new("iperf3", ["-s", "-1", "-p", &port, "-B", &address]).pinned(spec.server_cpu);
    let mut client: Vec<String> = ["-c", &address, "-p", &port, "-J", "--connect-timeout", CONNECT_TIMEOUT_MS].map(str::to_owned).into();
    let mut option = |name: &str, value: String| client.extend([name.to_owned(), value]);
    match spec.extent {
        // -t 0.4 is read as 0, and 0 is for ever (3.12).
        Extent::For(duration) => option("-t", Extent::whole_seconds(duration).to_string()),
        Extent::Bytes(bytes) => option("-n", bytes.to_string()),
        Extent::Messages(messages) => option("-k", messages.to_string()),
    }
    option("-l", spec.size.bytes().to_string());
    if let Some(address) = spec.client_address {
        option("-B", address.to_string());
    }
    if spec.streams.get() > 1 {
        option("-P", spec.streams.to_string());
    }
    if let Some(algorithm) = &spec.tcp.congestion_control {
        // The client passes it on to the server.
        option("-C", algorithm.clone());
    }
    if let Some(window) = spec.tcp.window {
        option("-w", window.to_string());
    }
    // The default of -b is 1 Mbit/s for UDP; 0 is as fast as it goes.
    let rate = spec.rate.map(|rate| format!("{:.0}", rate.bps())).or((spec.transport == Transport::Udp).then(|| "0".to_owned()));
    if let Some(rate) = rate {
        option("-b", rate);
    }
    if spec.transport == Transport::Udp {
        client.push("-u".to_owned());
    }
    if spec.tcp.zero_copy {
        client.push("-Z".to_owned());
    }
    if spec.gsro {
        // An option of the client, which passes it on to the server (iperf3(1)).
        client.push("--gsro".to_owned());
    }
    if spec.reverse {
        client.push("-R".to_owned());
    }
    if spec.both_ways {
        client.push("--bidir".to_owned());
    }
    Commands {
        server: Some(server),
        // The control connection is TCP for UDP tests too.
        ready: Some(Ready::Listens { transport: Transport::Tcp, port: spec.port }),
        client: CommandLine::new("iperf3", client).pinned(spec.client_cpu),
        timeout: spec.extent.timeout(),
    }
}

#[cfg(test)]
mod tests {
    use std::num::{NonZeroU16, NonZeroU32, NonZeroU64};
    use std::time::Duration;

    use super::*;
    use crate::kernel_tools::{MessageSize, Method, TcpSettings};

    fn spec(extent: Extent) -> KernelSpec {
        KernelSpec::new(Method::Stream, Transport::Tcp, "10.0.0.2".parse().unwrap(), 5201, MessageSize::new(1024).unwrap(), extent)
    }

    #[test]
    fn fractions_of_a_second_never_reach_iperf3() {
        let commands = commands(&spec(Extent::For(Duration::from_millis(400))));
        assert_eq!(commands.client.to_string(), "iperf3 -c 10.0.0.2 -p 5201 -J --connect-timeout 3000 -t 1 -l 1024");
        assert_eq!(commands.server.unwrap().to_string(), "iperf3 -s -1 -p 5201 -B 10.0.0.2");
        assert_eq!(commands.timeout, Duration::from_secs(11));
    }

    #[test]
    fn udp_goes_as_fast_as_it_can_unless_told() {
        let mut udp = spec(Extent::Bytes(NonZeroU64::new(1_000_000).unwrap()));
        (udp.transport, udp.streams, udp.client_cpu) = (Transport::Udp, NonZeroU16::new(2).unwrap(), Some(1));
        let client = commands(&udp).client.to_string();
        assert_eq!(client, "taskset -c 1 iperf3 -c 10.0.0.2 -p 5201 -J --connect-timeout 3000 -n 1000000 -l 1024 -P 2 -b 0 -u");
    }

    #[test]
    fn both_ways_at_once_is_one_run_and_an_old_version_is_refused_by_name() {
        let both = KernelSpec { both_ways: true, ..spec(Extent::For(Duration::from_secs(1))) };
        assert!(TOOL.commands(&both).unwrap().client.to_string().ends_with("-t 1 -l 1024 --bidir"));
        let refused = TOOL.version_lacks(&both, Some("3.6")).unwrap();
        assert!(refused.contains("iperf3 3.6 has no --bidir"), "{refused}");
        assert_eq!(
            (TOOL.version_lacks(&both, Some("3.7")), TOOL.version_lacks(&both, Some("3.12")), TOOL.version_lacks(&both, None)),
            (None, None, None)
        );
        let other = crate::kernel_tools::KernelTool::from_name("qperf").unwrap().check(&both).unwrap_err().to_string();
        assert!(other.contains("send both ways at the same time") && other.contains("use iperf3"), "{other}");
    }

    #[test]
    fn settings_of_tcp_are_options_and_udp_has_none() {
        let tcp = TcpSettings { congestion_control: Some("reno".to_owned()), window: NonZeroU32::new(262_144), zero_copy: true };
        let tuned = KernelSpec { tcp, server_cpu: Some(1), ..spec(Extent::For(Duration::from_secs(1))) };
        let commands = TOOL.commands(&tuned).unwrap();
        assert!(commands.client.to_string().ends_with("-t 1 -l 1024 -C reno -w 262144 -Z"), "{}", commands.client);
        assert!(commands.server.unwrap().to_string().starts_with("taskset -c 1 iperf3 -s"));
        let udp = KernelSpec { transport: Transport::Udp, ..tuned };
        let refused = TOOL.check(&udp).unwrap_err().to_string();
        assert!(refused.contains("choose the congestion control over UDP") && refused.contains("use no tool"), "{refused}");
    }

    #[test]
    fn offload_of_udp_is_an_option_of_3_21_and_refused_by_name_elsewhere() {
        let udp = KernelSpec { gsro: true, transport: Transport::Udp, ..spec(Extent::For(Duration::from_secs(1))) };
        assert!(TOOL.commands(&udp).unwrap().client.to_string().ends_with("-l 1024 -b 0 -u --gsro"));
        let refused = TOOL.version_lacks(&udp, Some("3.20")).unwrap();
        assert!(refused.contains("iperf3 3.20 has no --gsro, which came with 3.21"), "{refused}");
        assert_eq!([Some("3.21"), Some("3.21+"), Some("3.22"), None].map(|version| TOOL.version_lacks(&udp, version)), [const { None }; 4]);
        let of = |bytes| KernelSpec { size: MessageSize::new(bytes).unwrap(), ..udp.clone() };
        let small = TOOL.version_lacks(&of(507), Some("3.21")).unwrap();
        assert!(small.contains("507 bytes") && small.contains("508"), "{small}");
        assert_eq!((TOOL.version_lacks(&of(508), Some("3.21")), TOOL.version_lacks(&of(507), Some("3.22"))), (None, None));
        assert_eq!(TOOL.version_lacks(&KernelSpec { gsro: false, ..of(18) }, Some("3.12")), None);
        let tcp = TOOL.check(&KernelSpec { transport: Transport::Tcp, ..udp.clone() }).unwrap_err().to_string();
        assert!(tcp.contains("receive offload over TCP") && tcp.contains("use no tool"), "{tcp}");
        let other = crate::kernel_tools::KernelTool::from_name("iperf2").map(|tool| tool.check(&udp).unwrap_err().to_string());
        assert!(other.is_none_or(|other| other.contains("or use iperf3")));
    }

    #[test]
    fn only_versions_before_3_16_end_a_transfer_when_its_bytes_are_sent() {
        for (version, ends) in [(Some("3.12"), true), (Some("3.15"), true), (Some("3.16"), false), (Some("3.22"), false), (None, false)] {
            assert_eq!(TOOL.ends_after_bytes(version), ends, "{version:?}");
        }
    }
}
