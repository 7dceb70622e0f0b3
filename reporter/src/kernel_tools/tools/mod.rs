//! The registry: every tool, once. To add a tool, write its module with a `TOOL`, declare the module and list its `TOOL` here.

mod iperf2;
mod iperf3;
mod neper;
mod netperf;
mod ping;
mod qperf;
mod sockperf;

use super::decode::plain;
use super::{KernelTool, Method, Transport};

/// The tools in order of preference: the first one that can do a measurement is the default of a plan that names none.
const TOOLS: &[KernelTool] = &[iperf3::TOOL, qperf::TOOL, sockperf::TOOL, netperf::TOOL, neper::TOOL, iperf2::TOOL, ping::TOOL];

impl KernelTool {
    /// Every tool, in order of preference.
    pub fn all() -> impl Iterator<Item = KernelTool> {
        TOOLS.iter().copied()
    }

    /// The tool of a record or a plan.
    pub fn from_name(name: &str) -> Option<KernelTool> {
        KernelTool::all().find(|tool| tool.name() == name)
    }

    /// The tool that a program belongs to, such as netperf for `netserver`.
    pub fn of_program(program: &str) -> Option<KernelTool> {
        KernelTool::all().find(|tool| tool.programs().contains(&program))
    }

    /// The tools that can do this, the default first.
    pub fn able(method: Method, transport: Transport) -> impl Iterator<Item = KernelTool> {
        KernelTool::all().filter(move |tool| tool.can(method, transport))
    }

    /// Whether a plan that names no tool can need this one for TCP or UDP.
    pub fn is_default(self) -> bool {
        [Method::Stream, Method::PingPong].into_iter().any(|method| {
            [Transport::Tcp, Transport::Udp].into_iter().any(|transport| KernelTool::able(method, transport).next() == Some(self))
        })
    }
}

/// Which tool printed this text; none where it is not one of them.
pub fn detect(text: &str) -> Option<KernelTool> {
    detect_all(text).into_iter().next()
}

/// Every tool that printed a part of this text.
pub fn detect_all(text: &str) -> Vec<KernelTool> {
    let text = plain(text);
    KernelTool::all().filter(|tool| tool.tool().recognises(&text)).collect()
}

/// Names as a choice: `qperf`, `qperf or sockperf`, `qperf, sockperf or netperf`.
pub fn choice(tools: impl IntoIterator<Item = KernelTool>) -> String {
    let names: Vec<&str> = tools.into_iter().map(KernelTool::name).collect();
    match names.split_last() {
        None => "no tool".to_owned(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_and_programs_are_unique() {
        let names: BTreeSet<&str> = KernelTool::all().map(KernelTool::name).collect();
        assert_eq!(names.len(), TOOLS.len());
        let programs: Vec<&str> = KernelTool::all().flat_map(|tool| tool.programs()).copied().collect();
        assert_eq!(programs.iter().collect::<BTreeSet<_>>().len(), programs.len());
    }

    #[test]
    fn the_defaults_are_iperf3_and_qperf() {
        let defaults: Vec<&str> = KernelTool::all().filter(|tool| tool.is_default()).map(KernelTool::name).collect();
        assert_eq!(defaults, ["iperf3", "qperf"]);
        assert_eq!(choice(KernelTool::able(Method::PingPong, Transport::Udp)), "qperf, sockperf, netperf or neper");
        assert_eq!(choice(KernelTool::able(Method::PingPong, Transport::Icmp)), "ping");
        assert_eq!(choice([]), "no tool");
    }
}
