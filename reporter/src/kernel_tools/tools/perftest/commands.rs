use std::time::Duration;

use crate::kernel_tools::{CommandLine, Commands, Extent, KernelSpec, Method, RdmaPort, Ready};

/// The addresses of the frames, from those for benchmarking (RFC 2544 C.2.2, RFC 6815 §4.2). With UDP ports they tell the frames from the traffic of the
/// kernel: a flow rule for the Ethernet address alone (`set_up_flow_rules` in raw_ethernet_resources.c) would take all of it.
const SOURCE: &str = "198.18.0.1";
const DESTINATION: &str = "198.19.0.1";

/// The largest frame without `--mtu` (`set_eth_mtu` in perftest_parameters.c).
const USUAL_LARGEST_FRAME: u32 = 1518;

/// Seconds at the start and at the end of a stream that do not count. A receiver whose first frame comes this much later still counts while the sender sends.
const MARGIN: u64 = 2;

/// Round trips for each second of the duration. `-D` gives their mean only; percentiles need a number of them.
const ROUND_TRIPS_PER_SECOND: u64 = 50_000;

/// How many times the duration those round trips may take: 200 µs each.
const SLOWEST: u32 = 10;

/// Begins the last line before a run, printed when the flow rules are in place.
const TABLE: &str = "#bytes";

/// Both ends get the same options: they exchange nothing but the frames.
pub(super) fn commands(spec: &KernelSpec) -> Commands {
    let (program, extent) = match spec.method {
        Method::Stream => ("raw_ethernet_bw", stream(spec.extent)),
        Method::PingPong => ("raw_ethernet_lat", vec!["-n".to_owned(), round_trips(spec.extent).to_string()]),
    };
    let (client, server) = spec.rdma.as_ref().map(|ports| (&ports.client, &ports.server)).unzip();
    let end = |side: &str, own: Option<&RdmaPort>, peer: Option<&RdmaPort>, reports: bool| {
        let mut words = vec![side.to_owned(), "-F".to_owned()];
        let mut option = |name: &str, value: String| words.extend([name.to_owned(), value]);
        if let (Some(own), Some(peer)) = (own, peer) {
            option("-d", own.device.clone());
            option("-i", own.number.to_string());
            option("-B", own.address.clone());
            option("-E", peer.address.clone());
        }
        // The source is that of the client's frames at both ends (`fill_ip_common` in raw_ethernet_resources.c).
        option("-j", SOURCE.to_owned());
        option("-J", DESTINATION.to_owned());
        option("-k", spec.port.to_string());
        option("-K", spec.port.to_string());
        option("-s", spec.size.bytes().to_string());
        option("-m", spec.size.bytes().max(USUAL_LARGEST_FRAME).to_string());
        words.extend(extent.iter().cloned());
        if reports {
            // The file is opened for reading and writing, which Linux allows for a pipe (fifo(7)).
            words.extend(["--out_json".to_owned(), "--out_json_file=/dev/stdout".to_owned()]);
        }
        words
    };
    let server_reports = spec.method == Method::Stream;
    // A program that writes into a pipe keeps its lines back until it ends, and the server must be seen to be ready.
    let mut by_line = vec!["-oL".to_owned(), program.to_owned()];
    by_line.extend(end("--server", server, client, server_reports));
    Commands {
        server: Some(CommandLine::new("stdbuf", by_line).pinned(spec.server_cpu)),
        ready: Some(Ready::Prints { text: TABLE.to_owned() }),
        client: CommandLine::new(program, end("--client", client, server, !server_reports)).pinned(spec.client_cpu),
        timeout: timeout(spec),
    }
}

/// The receiver counts from the margin after its first frame on, for the seconds that are wanted. It ends later than the sender by just the delay of that
/// frame, so that a delay of more than the margin is seen.
fn stream(extent: Extent) -> Vec<String> {
    let seconds = seconds(extent) + 2 * MARGIN;
    ["-D".to_owned(), seconds.to_string(), "-f".to_owned(), MARGIN.to_string()].into()
}

fn round_trips(extent: Extent) -> u64 {
    seconds(extent) * ROUND_TRIPS_PER_SECOND
}

fn seconds(extent: Extent) -> u64 {
    match extent {
        Extent::For(duration) => Extent::whole_seconds(duration),
        Extent::Bytes(_) | Extent::Messages(_) => 1,
    }
}

fn timeout(spec: &KernelSpec) -> Duration {
    let wanted = Duration::from_secs(seconds(spec.extent));
    spec.extent.timeout()
        + match spec.method {
            Method::Stream => Duration::from_secs(2 * MARGIN),
            Method::PingPong => wanted * (SLOWEST - 1),
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel_tools::{MessageSize, RdmaPorts, Transport};

    fn spec(method: Method, bytes: u32) -> KernelSpec {
        let extent = Extent::For(Duration::from_millis(1500));
        let port = |device: &str, number, address: &str| RdmaPort { device: device.to_owned(), number, address: address.to_owned() };
        let size = MessageSize::new(bytes).unwrap();
        KernelSpec {
            rdma: Some(RdmaPorts { client: port("mlx5_0", 1, "02:00:00:00:00:0a"), server: port("mlx4_0", 2, "02:00:00:00:00:0b") }),
            server_cpu: Some(3),
            ..KernelSpec::new(method, Transport::RawEthernet, "192.0.2.2".parse().unwrap(), 15_201, size, extent)
        }
    }

    #[test]
    fn the_receiver_reports_the_rate_and_counts_while_the_sender_sends() {
        let commands = super::super::TOOL.commands(&spec(Method::Stream, 64)).unwrap();
        let frames = "-j 198.18.0.1 -J 198.19.0.1 -k 15201 -K 15201 -s 64 -m 1518 -D 6 -f 2";
        let client = format!("raw_ethernet_bw --client -F -d mlx5_0 -i 1 -B 02:00:00:00:00:0a -E 02:00:00:00:00:0b {frames}");
        let server = format!(
            "taskset -c 3 stdbuf -oL raw_ethernet_bw --server -F -d mlx4_0 -i 2 -B 02:00:00:00:00:0b -E 02:00:00:00:00:0a {frames} --out_json \
             '--out_json_file=/dev/stdout'"
        );
        assert_eq!((commands.client.to_string(), commands.server.unwrap().to_string()), (client, server));
        assert!(super::super::TOOL.server_reports(Method::Stream) && commands.timeout > Duration::from_secs(6));
    }

    #[test]
    fn the_client_reports_round_trips_that_may_be_slow() {
        let commands = super::super::TOOL.commands(&spec(Method::PingPong, 9000)).unwrap();
        let client = commands.client.to_string();
        assert!(client.ends_with("-s 9000 -m 9000 -n 100000 --out_json '--out_json_file=/dev/stdout'"), "{client}");
        assert!(!commands.server.unwrap().to_string().contains("json") && !super::super::TOOL.server_reports(Method::PingPong));
        assert!(commands.timeout >= Duration::from_secs(20));
        let refused = super::super::TOOL.commands(&spec(Method::Stream, 9601)).unwrap_err().to_string();
        assert!(refused.contains("choose 64 to 9600 bytes"), "{refused}");
    }
}
