//! qperf 0.4: mean latency and bandwidth over TCP and UDP.

mod id;
mod parse;
mod quantity;

use id::TOOL;

use crate::kernel_tools::tool::{Tool, ToolFacts, ToolSource};
use crate::kernel_tools::{CommandLine, Commands, KernelSpec, Measurement, Method, Ready, ToolError, ToolExit, Transport};

use parse::{is_block_header, parse};

pub(super) struct Qperf;

impl Tool for Qperf {
    fn facts(&self) -> &'static ToolFacts {
        &ToolFacts {
            id: TOOL,
            purpose: "it measures mean round trips and goodput over TCP and UDP",
            source: ToolSource::Package("qperf"),
            programs: &["qperf"],
            version_arguments: &["--version"],
            raw_extension: "txt",
        }
    }

    fn can(&self, method: Method, transport: Transport) -> bool {
        matches!((method, transport), (_, Transport::Tcp | Transport::Udp))
    }

    fn commands(&self, spec: &KernelSpec) -> Commands {
        commands(spec)
    }

    fn sweeps_sizes(&self) -> bool {
        true
    }

    fn recognises(&self, text: &str) -> bool {
        text.lines().any(is_block_header)
    }

    fn parse(&self, text: &str, exit: ToolExit) -> Result<Vec<Measurement>, ToolError> {
        parse(text, exit)
    }
}

fn commands(spec: &KernelSpec) -> Commands {
    let (address, port, data_port) = (spec.server.to_string(), spec.port.to_string(), (spec.port + 1).to_string());
    let test = match (spec.transport, spec.method) {
        (Transport::Udp, Method::Stream) => "udp_bw",
        (Transport::Udp, Method::PingPong) => "udp_lat",
        (_, Method::Stream) => "tcp_bw",
        (_, Method::PingPong) => "tcp_lat",
    };
    // -t is read as a whole number: 0.3 becomes 0, and 0 is for ever (arg_time in qperf.c). -n is ignored by the socket tests.
    let (seconds, size) = (spec.extent.seconds_option(), spec.size.bytes().to_string());
    // -uu -ub -e 6 -vvu: one unit each, bits, six digits, and the parameters in use. -ip: a data port that a firewall can know.
    let client = [&address, "-lp", &port, "-ip", &data_port, "-uu", "-ub", "-e", "6", "-vvu", "-t", &seconds, "-m", &size, test];
    Commands {
        server: Some(CommandLine::new("qperf", ["-lp", &port]).pinned(spec.server_cpu)),
        ready: Some(Ready::Listens { transport: Transport::Tcp, port: spec.port }),
        client: CommandLine::new("qperf", client).pinned(spec.client_cpu),
        timeout: spec.extent.timeout(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::kernel_tools::Extent;
    use crate::kernel_tools::MessageSize;

    #[test]
    fn a_third_of_a_second_becomes_a_whole_one() {
        let extent = Extent::For(Duration::from_millis(300));
        let size = MessageSize::new(64).unwrap();
        let commands = commands(&KernelSpec::new(Method::PingPong, Transport::Udp, "10.0.0.2".parse().unwrap(), 19765, size, extent));
        assert_eq!(commands.client.to_string(), "qperf 10.0.0.2 -lp 19765 -ip 19766 -uu -ub -e 6 -vvu -t 1 -m 64 udp_lat");
        assert_eq!(commands.server.unwrap().to_string(), "qperf -lp 19765");
    }
}
