//! netperf 2.5 to 2.7: request/response and stream.

mod banner;
mod classic;
mod id;
mod omni;
mod units;

use id::TOOL;

use crate::kernel_tools::tool::{Tool, ToolFacts, ToolSource};
use crate::kernel_tools::{CommandLine, Commands, KernelSpec, Measurement, Method, Ready, ToolError, ToolExit, Transport};

/// The output selectors that the driver asks for (nettest_omni.c), printed as `NAME=value`.
const SELECTORS: &str = "PROTOCOL,DIRECTION,ELAPSED_TIME,THROUGHPUT,THROUGHPUT_UNITS,LOCAL_SEND_SIZE,LOCAL_SEND_THROUGHPUT,REMOTE_RECV_THROUGHPUT,\
LOCAL_TRANSPORT_RETRANS,REQUEST_SIZE,RESPONSE_SIZE,BURST_SIZE,MEAN_LATENCY,MIN_LATENCY,P50_LATENCY,P90_LATENCY,P99_LATENCY,MAX_LATENCY";

pub(super) struct Netperf;

impl Tool for Netperf {
    fn facts(&self) -> &'static ToolFacts {
        &ToolFacts {
            id: TOOL,
            purpose: "it measures round trips and goodput over TCP and UDP",
            source: ToolSource::Package("netperf"),
            programs: &["netperf", "netserver"],
            version_arguments: &["-V"],
            raw_extension: "txt",
        }
    }

    fn can(&self, method: Method, transport: Transport) -> bool {
        matches!((method, transport), (_, Transport::Tcp | Transport::Udp))
    }

    fn commands(&self, spec: &KernelSpec) -> Commands {
        commands(spec)
    }

    fn recognises(&self, text: &str) -> bool {
        let starts = ["MIGRATED ", "OMNI ", "THROUGHPUT=", "MEAN_LATENCY=", "netperf: "];
        text.lines().any(|line| starts.iter().any(|start| line.trim_start().starts_with(start)))
            || text.lines().take(3).any(|line| line.contains(" TEST from ") && line.contains(" port "))
    }

    fn parse(&self, text: &str, exit: ToolExit) -> Result<Vec<Measurement>, ToolError> {
        parse(text, exit)
    }
}

fn commands(spec: &KernelSpec) -> Commands {
    let (address, port, size) = (spec.server.to_string(), spec.port.to_string(), spec.size.bytes().to_string());
    let seconds = spec.extent.seconds_option();
    let test = match (spec.transport, spec.method) {
        (Transport::Udp, Method::Stream) => "UDP_STREAM",
        (Transport::Udp, Method::PingPong) => "UDP_RR",
        (_, Method::Stream) => "TCP_STREAM",
        (_, Method::PingPong) => "TCP_RR",
    };
    let both = format!("{size},{size}");
    let message: [&str; 2] = if spec.method == Method::PingPong { ["-r", &both] } else { ["-m", &size] };
    // -j keeps the statistics that percentiles need. UDP_STREAM refuses to run without -R 1.
    let mut client = vec!["-H", &address, "-p", &port, "-t", test, "-l", &seconds, "-j", "--", message[0], message[1], "-k", SELECTORS];
    if test == "UDP_STREAM" {
        client.extend(["-R", "1"]);
    }
    Commands {
        server: Some(CommandLine::new("netserver", ["-D", "-p", &port, "-L", &address]).pinned(spec.server_cpu)),
        ready: Some(Ready::Listens { transport: Transport::Tcp, port: spec.port }),
        client: CommandLine::new("netperf", client).pinned(spec.client_cpu),
        timeout: spec.extent.timeout(),
    }
}

/// Reads netperf's three forms: `-k` (NAME=value), `-o` (CSV under a line of names) and the classic table, several tests in one file too.
fn parse(text: &str, exit: ToolExit) -> Result<Vec<Measurement>, ToolError> {
    let mut found = Vec::new();
    for test in tests(text) {
        found.extend(measure(&test).ok_or_else(|| ToolError::nothing_measured(TOOL, &test, exit))?);
    }
    Ok(found)
}

/// The text of each test: from one banner to the next. What stands before the first is of interest where it is a result.
fn tests(text: &str) -> Vec<String> {
    let mut tests = vec![String::new()];
    for line in text.lines() {
        if line.contains(" TEST from ") {
            tests.push(String::new());
        }
        if let Some(test) = tests.last_mut() {
            test.push_str(line);
            test.push('\n');
        }
    }
    let is_result = |test: &String| banner::banner(test).is_some() || !omni::keywords(test).is_empty() || !omni::csv(test).is_empty();
    if tests.len() > 1 && !is_result(&tests[0]) {
        tests.remove(0);
    }
    tests
}

/// The measurements of one banner.
fn measure(test: &str) -> Option<Vec<Measurement>> {
    let fields = [omni::keywords(test), omni::csv(test)].into_iter().find(|fields| !fields.is_empty());
    let mut found = match fields {
        Some(fields) => fields.iter().map(|fields| omni::measure(fields, test)).collect::<Option<Vec<_>>>()?,
        None => classic::measure(test)?,
    };
    if test.contains("Desired confidence was not achieved") {
        found.iter_mut().for_each(|one| one.remark("netperf reports: the desired confidence was not achieved"));
    }
    (!found.is_empty()).then_some(found)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::kernel_tools::Extent;
    use crate::kernel_tools::MessageSize;
    use crate::record::LatencyDefinition;

    #[test]
    fn the_driver_asks_for_what_the_parser_reads() {
        let extent = Extent::For(Duration::from_secs(1));
        let spec =
            KernelSpec::new(Method::PingPong, Transport::Tcp, "10.0.0.2".parse().unwrap(), 12865, MessageSize::new(64).unwrap(), extent);
        let client = commands(&spec).client.to_string();
        assert!(client.starts_with("netperf -H 10.0.0.2 -p 12865 -t TCP_RR -l 1 -j -- -r '64,64' -k 'PROTOCOL,"), "{client}");
        assert!(SELECTORS.split(',').all(omni::knows));
    }

    #[test]
    fn request_response_is_a_whole_round_trip() {
        let text = "MIGRATED TCP REQUEST/RESPONSE TEST from 0.0.0.0 (0.0.0.0) port 0 AF_INET to 127.0.0.1 () port 0 AF_INET : demo : first burst 0\nPROTOCOL=TCP\nDIRECTION=Send|Recv\nELAPSED_TIME=1.00\nTHROUGHPUT=20000.00\nTHROUGHPUT_UNITS=Trans/s\nREQUEST_SIZE=64\nRESPONSE_SIZE=64\nBURST_SIZE=0\nMEAN_LATENCY=49.90\nMIN_LATENCY=31\nP50_LATENCY=48\nP90_LATENCY=60\nP99_LATENCY=99\nMAX_LATENCY=1200\n";
        let found = parse(text, ToolExit::Code(0)).unwrap().remove(0);
        let rtt = found.values.rtt_ns.unwrap();
        assert_eq!((rtt.mean, rtt.p50, rtt.p99), (Some(49_900.0), Some(48_000.0), Some(99_000.0)));
        assert_eq!(found.values.latency_definition, Some(LatencyDefinition::RoundTrip));
        assert_eq!(found.size.unwrap().bytes(), 64);
    }

    #[test]
    fn csv_under_its_names_reads_the_same() {
        let text = "MIGRATED TCP STREAM TEST from 0.0.0.0 (0.0.0.0) port 0 AF_INET to 127.0.0.1 () port 0 AF_INET\nElapsed Time (sec),Throughput,Throughput Units,Local Send Size,Command Line\n10.00,9414.55,10^6bits/s,16384,\"netperf -H 127.0.0.1, -o\"\n";
        let found = parse(text, ToolExit::Code(0)).unwrap().remove(0);
        assert_eq!(found.values.goodput_bps.unwrap().bps(), 9_414_550_000.0);
        assert_eq!((found.size.unwrap().bytes(), found.duration), (16_384, Some(Duration::from_secs(10))));
    }

    #[test]
    fn classic_tables() {
        let stream = "MIGRATED TCP STREAM TEST from 0.0.0.0 (0.0.0.0) port 0 AF_INET to 127.0.0.1 () port 0 AF_INET : demo\nRecv   Send    Send                          \nSocket Socket  Message  Elapsed              \nSize   Size    Size     Time     Throughput  \nbytes  bytes   bytes    secs.    10^6bits/sec  \n\n131072  16384   1024    10.00    27654.33   \n";
        let found = parse(stream, ToolExit::Code(0)).unwrap().remove(0);
        assert_eq!((found.values.goodput_bps.unwrap().bps(), found.size.unwrap().bytes()), (27_654_330_000.0, 1024));
        let rr = "MIGRATED UDP REQUEST/RESPONSE TEST from 0.0.0.0 (0.0.0.0) port 0 AF_INET to 127.0.0.1 () port 0 AF_INET : demo : first burst 0\nLocal /Remote\nSocket Size   Request  Resp.   Elapsed  Trans.\nSend   Recv   Size     Size    Time     Rate         \nbytes  Bytes  bytes    bytes   secs.    per sec   \n\n16384  131072 1        1       10.00    25000.00   \n16384  131072 \n";
        let found = parse(rr, ToolExit::Code(0)).unwrap().remove(0);
        assert_eq!(found.transport, Transport::Udp);
        assert_eq!(found.values.rtt_ns.unwrap().mean, Some(40_000.0));
        let udp = "MIGRATED UDP STREAM TEST from 0.0.0.0 (0.0.0.0) port 0 AF_INET to 127.0.0.1 () port 0 AF_INET : demo\nSocket  Message  Elapsed      Messages                \nSize    Size     Time         Okay Errors   Throughput\nbytes   bytes    secs            #      #   10^6bits/sec\n\n212992    1472   10.00     1000000      0    1177.60\n212992           10.00      900000           1060.00\n";
        let found = parse(udp, ToolExit::Code(0)).unwrap().remove(0);
        assert_eq!((found.values.goodput_bps.unwrap().bps(), found.size.unwrap().bytes()), (1_060_000_000.0, 1472));
        assert!((found.values.loss_ratio.unwrap().ratio() - 0.1).abs() < 1e-12);
    }

    #[test]
    fn a_server_that_is_not_there() {
        let text = "establish control: are you sure there is a netserver listening on 127.0.0.1 at port 12865?\nestablish_control could not establish the control connection from 0.0.0.0 port 0 address family AF_UNSPEC to 127.0.0.1 port 12865 address family AF_INET\n";
        assert!(parse(text, ToolExit::Code(255)).is_err());
    }
}
