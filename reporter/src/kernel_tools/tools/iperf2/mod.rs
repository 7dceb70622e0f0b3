//! iperf 2.0.5 to 2.2: goodput, as CSV (`-y C`).

mod id;
mod parse;
mod rows;

use id::TOOL;

use crate::kernel_tools::tool::{Tool, ToolFacts, ToolLimits, ToolSource};
use crate::kernel_tools::{CommandLine, Commands, Extent, KernelSpec, Measurement, Method, Ready, ToolError, ToolExit, Transport};

pub(super) struct Iperf2;

impl Tool for Iperf2 {
    fn facts(&self) -> &'static ToolFacts {
        &ToolFacts {
            id: TOOL,
            purpose: "it measures goodput over TCP and UDP",
            source: ToolSource::Package("iperf"),
            programs: &["iperf"],
            version_arguments: &["-v"],
            raw_extension: "csv",
        }
    }

    fn ends_after_bytes(&self, _version: Option<&str>) -> bool {
        true
    }

    fn can(&self, method: Method, transport: Transport) -> bool {
        method == Method::Stream && matches!(transport, Transport::Tcp | Transport::Udp)
    }

    fn limits(&self, _method: Method, transport: Transport) -> ToolLimits {
        ToolLimits { streams: 128, by_bytes: true, ..ToolLimits::of(transport) }
    }

    fn commands(&self, spec: &KernelSpec) -> Commands {
        commands(spec)
    }

    fn recognises(&self, text: &str) -> bool {
        !rows::rows(text).is_empty()
            || text
                .lines()
                .map(str::trim_start)
                .any(|line| line.starts_with("Client connecting to ") || line.starts_with("Server listening on "))
    }

    fn parse(&self, text: &str, exit: ToolExit) -> Result<Vec<Measurement>, ToolError> {
        parse::parse(text, exit)
    }
}

fn commands(spec: &KernelSpec) -> Commands {
    let (address, port) = (spec.server.to_string(), spec.port.to_string());
    let mut server: Vec<String> = ["-s", "-p", &port, "-B", &address].map(str::to_owned).into();
    let mut client: Vec<String> = ["-c", &address, "-p", &port, "-y", "C", "-l", &spec.size.bytes().to_string()].map(str::to_owned).into();
    match spec.extent {
        Extent::For(duration) => client.extend(["-t".to_owned(), duration.as_secs_f64().to_string()]),
        Extent::Bytes(bytes) => client.extend(["-n".to_owned(), bytes.to_string()]),
        Extent::Messages(_) => {}
    }
    if spec.streams.get() > 1 {
        client.extend(["-P".to_owned(), spec.streams.to_string()]);
    }
    if spec.transport == Transport::Udp {
        // The default is 1 Mbit/s, and iperf 2 has no word for `as fast as it goes`.
        let rate = spec.rate.map_or_else(|| "1000g".to_owned(), |rate| format!("{:.0}", rate.bps()));
        client.extend(["-u".to_owned(), "-b".to_owned(), rate]);
        server.push("-u".to_owned());
    }
    Commands {
        server: Some(CommandLine::new("iperf", server).pinned(spec.server_cpu)),
        ready: Some(Ready::Listens { transport: spec.transport, port: spec.port }),
        client: CommandLine::new("iperf", client).pinned(spec.client_cpu),
        timeout: spec.extent.timeout(),
    }
}

#[cfg(test)]
mod tests {
    use super::parse::parse;
    use super::*;
    use crate::record::ReasonKind;

    fn rates(text: &str) -> Vec<f64> {
        parse(text, ToolExit::Unknown).unwrap().iter().map(|one| one.values.goodput_bps.unwrap().bps()).collect()
    }

    #[test]
    fn tests_one_after_the_other_are_told_from_parallel_streams() {
        let line = |time: u32, port: u32, id: u32, bps: u32| {
            format!("202601010000{time:02},10.0.0.1,{port},10.0.0.2,5001,{id},0.0-10.0,{},{bps}\n", bps / 8 * 10)
        };
        assert_eq!(rates(&(line(10, 4001, 1, 800) + &line(10, 4002, 2, 1600))), [2400.0], "parallel");
        assert_eq!(rates(&(line(10, 4001, 1, 800) + &line(30, 4002, 2, 1600))), [800.0, 1600.0], "20 s apart");
        assert_eq!(rates(&(line(10, 4001, 1, 800) + &line(12, 4002, 1, 1600))), [800.0, 1600.0], "two processes");
        let sum = |time| format!("202601010000{time:02},10.0.0.1,0,10.0.0.2,5001,-1,0.0-10.0,3000,2400\n");
        let pair = line(10, 4001, 1, 800) + &line(10, 4002, 2, 1600) + &sum(10);
        assert_eq!(rates(&(pair.clone() + &line(11, 4003, 3, 800) + &line(11, 4004, 4, 1600))), [2400.0, 2400.0], "after a sum");
        assert!(parse(&(pair.clone() + &pair), ToolExit::Unknown).is_err(), "the same lines twice");
    }

    #[test]
    fn intervals_without_their_total_are_added_up() {
        let line = |begin: u32| {
            format!("20260101000000,10.0.0.1,4,10.0.0.2,5001,1,{begin}.0-{}.0,100,800\n", begin + 1)
                .replace("000000,", &format!("00000{},", begin + 1))
        };
        let found = parse(&(line(0) + &line(1) + &line(2)), ToolExit::Unknown).unwrap().remove(0);
        assert_eq!((found.values.goodput_bps.unwrap().bps(), found.duration.unwrap().as_secs()), (800.0, 3));
        assert!(found.remarks.iter().any(|remark| remark.detail.contains("added up")));
    }

    #[test]
    fn the_clients_line_and_the_servers_report_of_udp_are_one_test() {
        let text = "20260101000010,10.0.0.1,4001,10.0.0.2,5001,3,0.0-10.0,1310400,1048320\n20260101000010,10.0.0.2,5001,10.0.0.1,4001,3,0.0-10.0,1179360,943488,0.021,89,891,9.989,0\n";
        let found = parse(text, ToolExit::Unknown).unwrap();
        assert_eq!((found.len(), found[0].values.goodput_bps.unwrap().bps()), (1, 943_488.0));
        assert_eq!(found[0].parameters["sent_bps"], 1_048_320.0);
    }

    #[test]
    fn a_rate_that_its_bytes_do_not_give_is_doubtful() {
        let found = parse("20260101000010,10.0.0.1,4,10.0.0.2,5001,1,0.0-10.0,1000,80000\n", ToolExit::Unknown).unwrap().remove(0);
        assert_eq!((found.doubts[0].kind, found.values.goodput_bps.unwrap().bps()), (ReasonKind::CountersDisagree, 800.0));
    }

    #[test]
    fn two_streams_are_added_up_and_intervals_are_not() {
        let text = "20260101000000,127.0.0.1,4,127.0.0.1,5001,2,0.0-0.5,50,800\n20260101000000,127.0.0.1,4,127.0.0.1,5001,2,0.0-1.0,100,800\n20260101000000,127.0.0.1,5,127.0.0.1,5001,1,0.0-1.0,200,1600\n";
        let found = parse(text, ToolExit::Code(0)).unwrap().remove(0);
        assert_eq!(found.values.goodput_bps.unwrap().bps(), 2400.0);
        assert_eq!(found.parameters["streams"], 2);
        let with_sum = format!("{text}20260101000000,127.0.0.1,0,127.0.0.1,5001,-1,0.0-1.0,300,2400\n");
        assert_eq!(parse(&with_sum, ToolExit::Code(0)).unwrap()[0].values.goodput_bps.unwrap().bps(), 2400.0);
    }

    #[test]
    fn a_refused_connection_with_exit_code_0_is_an_error() {
        let error = parse("tcp connect failed: Connection refused\n", ToolExit::Code(0)).unwrap_err();
        assert!(matches!(error, ToolError::Reported { .. }), "{error}");
    }

    #[test]
    fn udp_without_the_servers_count_is_not_goodput() {
        let text = "19700101000000,127.0.0.1,46242,127.0.0.1,19812,1,0.0-1.0,1312256,10492927,0.000,0,-1,-0.000,0\n";
        let found = parse(text, ToolExit::Code(0)).unwrap().remove(0);
        assert_eq!(found.doubts[0].kind, ReasonKind::CountersDisagree);
        assert_eq!((found.values.goodput_bps, &found.parameters["sent_bps"]), (None, &10_492_927.0.into()));
        assert_eq!(found.transport, Transport::Udp);
    }
}
