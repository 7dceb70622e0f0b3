//! ping: ICMP round trips. The driver is for iputils; the outputs of macOS, BSD and BusyBox are read too.

use crate::kernel_tools::tool::{Tool, ToolFacts, ToolLimits, ToolSource};
use crate::kernel_tools::{
    CommandLine, Commands, Extent, KernelSpec, KernelTool, Measurement, MessageSize, Method, ToolError, ToolExit, Transport,
};
use crate::record::{LatencyDefinition, ReasonKind, RttSummary};

/// ping: ICMP round trips.
const TOOL: KernelTool = KernelTool::new("ping");

pub(super) struct Ping;

impl Tool for Ping {
    fn facts(&self) -> &'static ToolFacts {
        &ToolFacts {
            id: TOOL,
            purpose: "it measures ICMP round trips",
            source: ToolSource::Package("iputils-ping"),
            programs: &["ping"],
            version_arguments: &["-V"],
            raw_extension: "txt",
        }
    }

    fn can(&self, method: Method, transport: Transport) -> bool {
        (method, transport) == (Method::PingPong, Transport::Icmp)
    }

    fn limits(&self, _method: Method, _transport: Transport) -> ToolLimits {
        // Below 16 bytes of payload ping has no room for the time stamp and prints no round trips.
        ToolLimits { by_messages: true, ..ToolLimits::sizes(16, ToolLimits::DATAGRAM) }
    }

    fn commands(&self, spec: &KernelSpec) -> Commands {
        commands(spec)
    }

    fn recognises(&self, text: &str) -> bool {
        text.lines().any(|line| is_heading(line.trim_start()))
    }

    fn parse(&self, text: &str, exit: ToolExit) -> Result<Vec<Measurement>, ToolError> {
        parse(text, exit)
    }
}

/// Seconds between two requests. Shorter ones need root.
const INTERVAL_S: f64 = 0.002;

fn commands(spec: &KernelSpec) -> Commands {
    let count = match spec.extent {
        Extent::Messages(messages) => u64::from(messages.get()),
        Extent::For(duration) => ((duration.as_secs_f64() / INTERVAL_S).ceil() as u64).max(1),
        Extent::Bytes(_) => 1,
    };
    let (count, interval, size) = (count.to_string(), INTERVAL_S.to_string(), spec.size.bytes().to_string());
    let client = ["-n", "-c", &count, "-i", &interval, "-W", "2", "-s", &size, &spec.server.to_string()].map(str::to_owned);
    Commands { server: None, ready: None, client: CommandLine::new("ping", client).pinned(spec.client_cpu), timeout: spec.extent.timeout() }
}

/// Reads what ping prints on Linux, macOS and BSD, and BusyBox's: every reply where they are there, else the summary. Several runs in one file too.
fn parse(text: &str, exit: ToolExit) -> Result<Vec<Measurement>, ToolError> {
    runs(text).iter().map(|run| measure(run, exit)).collect()
}

/// The lines of each run, which begins with `PING`.
fn runs(text: &str) -> Vec<Vec<&str>> {
    let mut runs: Vec<Vec<&str>> = vec![Vec::new()];
    for line in text.lines().map(str::trim) {
        if is_heading(line) {
            runs.push(Vec::new());
        }
        if let Some(run) = runs.last_mut() {
            run.push(line);
        }
    }
    // Before the first heading there is no run, unless there is no heading at all.
    if runs.len() > 1 {
        runs.remove(0);
    }
    runs
}

/// `PING 10.0.0.2 (10.0.0.2) 56(84) bytes of data.` or, of ping6 on macOS and BSD, `PING6(56=40+8+8 bytes) ::1 --> ::1`.
fn is_heading(line: &str) -> bool {
    line.starts_with("PING ") || line.starts_with("PING6(")
}

fn measure(run: &[&str], exit: ToolExit) -> Result<Measurement, ToolError> {
    let mut measurement = Measurement::new(TOOL, Method::PingPong, Transport::Icmp);
    measurement.size = run.iter().find_map(|line| payload(line)).and_then(MessageSize::new);
    let target = run.iter().find_map(|line| target(line));
    let (own, stray): (Vec<&&str>, Vec<&&str>) = run
        .iter()
        .filter(|line| !line.contains("(DUP!)") && reply_ns(line).is_some())
        .partition(|line| target.zip(sender(line)).is_none_or(|(target, sender)| target == sender));
    let times: Vec<f64> = own.iter().filter_map(|line| reply_ns(line)).collect();
    if !stray.is_empty() {
        measurement.remark(format!("replies of another address than the target's are left out: {}", stray.len()));
    }
    let duplicates = run.iter().filter(|line| line.contains("(DUP!)")).count();
    if duplicates > 0 {
        measurement.note("duplicate_replies", duplicates);
    }
    let counts = run.iter().find_map(|line| counts(line));
    let summary = run.iter().find_map(|line| summary_ns(line));
    let latency = match (crate::kernel_tools::percentiles::summarise(times), summary) {
        (Some(replies), Some(summary)) => agreed(&mut measurement, replies, summary, counts.map(|(_, received)| received)),
        (Some(replies), None) => {
            measurement.remark("the summary is missing: the output is cut off");
            replies
        }
        (None, Some(summary)) => summary,
        (None, None) => return Err(no_reply(run, exit)),
    };
    if let Some((sent, received)) = counts {
        measurement.note("requests", sent);
        measurement.note("replies", received);
        if received > sent {
            measurement.doubt(ReasonKind::MoreThanSent, format!("{received} replies to {sent} requests"));
        } else if sent > 0 {
            measurement.values.loss_ratio = Some(methodology::units::LossRatio::from_counts(sent, received));
        }
    }
    measurement.set_latency(latency, LatencyDefinition::RoundTrip);
    Ok(measurement)
}

/// The single replies, where they are all there; else the summary, which counts them all. Where both have the same number of replies and differ, one of
/// them is wrong.
fn agreed(measurement: &mut Measurement, replies: RttSummary, summary: RttSummary, received: Option<u64>) -> RttSummary {
    if received.is_some() && received != replies.count {
        // A flood (-f) prints none, -q prints none, and people cut lines out.
        measurement.remark(format!(
            "{} of {} replies are printed: the figures are those of the summary",
            replies.count.unwrap_or(0),
            received.unwrap_or(0)
        ));
        return summary;
    }
    // ping prints the times of replies with three digits or, above 1 ms, with three significant ones.
    let near = |one: Option<f64>, other: Option<f64>| one.zip(other).is_none_or(|(a, b)| (a - b).abs() <= 2_000.0 + a.max(b) * 0.01);
    if !(near(replies.min, summary.min) && near(replies.mean, summary.mean) && near(replies.max, summary.max)) {
        measurement.doubt(
            ReasonKind::CountersDisagree,
            "the replies and the summary below them are not of the same run: the summary's figures are given",
        );
        return summary;
    }
    replies
}

fn no_reply(run: &[&str], exit: ToolExit) -> ToolError {
    match run.iter().find_map(|line| counts(line)) {
        Some((sent, 0)) => ToolError::Reported { tool: TOOL, message: format!("no reply to {sent} requests: unreachable") },
        _ => ToolError::nothing_measured(TOOL, &run.join("\n"), exit),
    }
}

/// `PING 10.0.0.2 (10.0.0.2) 56(84) bytes of data.`, `PING 10.0.0.2 (10.0.0.2): 56 data bytes` of macOS, BSD and BusyBox, and
/// `PING6(56=40+8+8 bytes)`, whose last number is the payload.
fn payload(line: &str) -> Option<u32> {
    if let Some(rest) = line.strip_prefix("PING6(") {
        return rest.split_once(" bytes)")?.0.rsplit('+').next()?.parse().ok();
    }
    let rest = line.strip_prefix("PING ")?;
    let before = rest.split_once(" bytes of data").or_else(|| rest.split_once(" data bytes"))?.0;
    let word = before.rsplit(' ').next()?;
    word.split('(').next()?.parse().ok()
}

/// The address in the heading: the one in parentheses.
fn target(line: &str) -> Option<&str> {
    if line.starts_with("PING6(") {
        return line.rsplit_once(" --> ").map(|(_, address)| address.trim());
    }
    let (_, rest) = line.strip_prefix("PING ")?.split_once('(')?;
    rest.split_once(')').map(|(address, _)| address)
}

/// Who answered: `64 bytes from 10.0.0.2: …`, `64 bytes from host (10.0.0.2): …`, `16 bytes from ::1%lo0, icmp_seq=0 …`.
fn sender(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once(" bytes from ")?;
    let before = rest.split_once(" icmp_seq").or_else(|| rest.split_once(" seq="))?.0;
    let before = before.trim_end_matches([':', ',']);
    match before.rsplit_once('(') {
        Some((_, address)) => Some(address.trim_end_matches(')')),
        None => Some(before),
    }
}

/// `64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=0.037 ms`
fn reply_ns(line: &str) -> Option<f64> {
    let (_, rest) = line.split_once("time=")?;
    let milliseconds: f64 = rest.trim_end().trim_end_matches("(DUP!)").trim_end().strip_suffix("ms")?.trim_end().parse().ok()?;
    Some(milliseconds * 1e6).filter(|ns| ns.is_finite())
}

/// `rtt min/avg/max/mdev = 0.037/0.040/0.044/0.003 ms`; `round-trip min/avg/max/stddev = …` of macOS and BSD; `round-trip min/avg/max = …` of BusyBox;
/// `round-trip min/avg/max/std-dev = …` of ping6.
fn summary_ns(line: &str) -> Option<RttSummary> {
    let (head, figures) = line.split_once(" = ")?;
    if !head.contains("min/avg/max") {
        return None;
    }
    let figures = figures.split(" ms").next()?;
    let mut figures = figures.split('/').map(|figure| figure.trim().parse::<f64>().ok().filter(|ms| ms.is_finite()).map(|ms| ms * 1e6));
    let (min, mean, max) = (figures.next()??, figures.next()??, figures.next()??);
    Some(RttSummary { min: Some(min), mean: Some(mean), max: Some(max), ..RttSummary::default() })
}

/// `500 packets transmitted, 500 received, 0% packet loss, time 998ms`
fn counts(line: &str) -> Option<(u64, u64)> {
    let (sent, rest) = line.split_once(" packets transmitted, ")?;
    Some((sent.trim().parse().ok()?, rest.split_whitespace().next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREE: &str = "PING 10.0.0.2 (10.0.0.2) 56(84) bytes of data.\n64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=0.040 ms\n64 bytes from 10.0.0.2: icmp_seq=2 ttl=64 time=0.030 ms\n64 bytes from 10.0.0.2: icmp_seq=2 ttl=64 time=9.030 ms (DUP!)\n\n--- 10.0.0.2 ping statistics ---\n3 packets transmitted, 2 received, +1 duplicates, 33.3333% packet loss, time 2ms\nrtt min/avg/max/mdev = 0.030/0.035/0.040/0.005 ms\n";

    #[test]
    fn replies_are_round_trips_in_nanoseconds() {
        let found = parse(THREE, ToolExit::Code(0)).unwrap().remove(0);
        let rtt = found.values.rtt_ns.unwrap();
        assert_eq!((rtt.min, rtt.max, rtt.count), (Some(30_000.0), Some(40_000.0), Some(2)));
        assert_eq!(found.size.unwrap().bytes(), 56);
        assert!((found.values.loss_ratio.unwrap().ratio() - 1.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn busybox_has_only_a_summary() {
        let text = "PING 10.0.0.2 (10.0.0.2): 56 data bytes\n\n--- 10.0.0.2 ping statistics ---\n2 packets transmitted, 2 packets received, 0% packet loss\nround-trip min/avg/max = 0.055/0.056/0.057 ms\n";
        let rtt = parse(text, ToolExit::Unknown).unwrap().remove(0).values.rtt_ns.unwrap();
        assert_eq!((rtt.min, rtt.mean, rtt.p50), (Some(55_000.0), Some(56_000.0), None));
    }

    #[test]
    fn silence_is_an_error() {
        let text = "PING 10.0.0.9 (10.0.0.9) 56(84) bytes of data.\n\n--- 10.0.0.9 ping statistics ---\n5 packets transmitted, 0 received, 100% packet loss, time 4ms\n";
        assert!(parse(text, ToolExit::Code(1)).unwrap_err().to_string().contains("no reply to 5 requests"));
    }

    #[test]
    fn macos_bsd_and_ping6() {
        let text = "PING 10.0.0.2 (10.0.0.2): 56 data bytes\n64 bytes from 10.0.0.2: icmp_seq=0 ttl=64 time=0.317 ms\n64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=0.401 ms\n\n--- 10.0.0.2 ping statistics ---\n2 packets transmitted, 2 packets received, 0.0% packet loss\nround-trip min/avg/max/stddev = 0.317/0.359/0.401/0.042 ms\nPING6(56=40+8+8 bytes) ::1 --> ::1\n16 bytes from ::1, icmp_seq=0 hlim=64 time=0.100 ms\n16 bytes from ::1, icmp_seq=1 hlim=64 time=0.200 ms\n\n--- ::1 ping6 statistics ---\n2 packets transmitted, 2 packets received, 0.0% packet loss\nround-trip min/avg/max/std-dev = 0.100/0.150/0.200/0.050 ms\n";
        let found = parse(text, ToolExit::Unknown).unwrap();
        let read: Vec<_> = found.iter().map(|one| (one.size.unwrap().bytes(), one.values.rtt_ns.as_ref().unwrap().mean.unwrap())).collect();
        assert_eq!(read, [(56, 359_000.0), (8, 150_000.0)]);
        assert!(found.iter().all(|one| one.remarks.is_empty() && one.doubts.is_empty()), "{found:?}");
    }

    #[test]
    fn lines_that_people_cut_out_do_not_change_the_figures() {
        let cut = THREE.replace("64 bytes from 10.0.0.2: icmp_seq=2 ttl=64 time=0.030 ms\n", "");
        let found = parse(&cut, ToolExit::Unknown).unwrap().remove(0);
        let rtt = found.values.rtt_ns.unwrap();
        assert_eq!((rtt.mean, rtt.p50), (Some(35_000.0), None));
        assert!(found.remarks[0].detail.contains("1 of 2 replies"), "{:?}", found.remarks);
        let other = THREE.replace("0.030/0.035/0.040", "3.030/3.035/3.040");
        assert_eq!(parse(&other, ToolExit::Unknown).unwrap()[0].doubts[0].kind, ReasonKind::CountersDisagree);
    }
}
