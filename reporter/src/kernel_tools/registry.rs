//! What every tool offers, by its name: command lines, parsing, recognition of its output.

use super::decode::plain;
use super::tool::{Tool, ToolLimits, ToolSource};
use super::tools::TOOLS;
use super::{CommandLine, Commands, Extent, KernelSpec, KernelTool, Measurement, Method, SpecError, ToolError, ToolExit, Transport};

impl KernelTool {
    fn tool(self) -> &'static dyn Tool {
        // Only modules of `tools` make a KernelTool, and a test finds each of them in the list; the first entry stands for none of them.
        TOOLS.iter().copied().find(|tool| tool.facts().id == self).unwrap_or(TOOLS[0])
    }

    /// One clause: "it measures …".
    pub fn purpose(self) -> &'static str {
        self.tool().facts().purpose
    }

    /// Where a user gets it.
    pub fn source(self) -> ToolSource {
        self.tool().facts().source
    }

    /// The programs it consists of, at both ends.
    pub fn programs(self) -> &'static [&'static str] {
        self.tool().facts().programs
    }

    /// How the name of a kept raw file should end.
    pub fn raw_extension(self) -> &'static str {
        self.tool().facts().raw_extension
    }

    /// Prints the tool's version. The version is the first word with a digit and a dot.
    pub fn version_command(self) -> CommandLine {
        let facts = self.tool().facts();
        CommandLine::new(facts.programs[0], facts.version_arguments.iter().copied())
    }

    /// What a reader must know about a version, such as `3.12`.
    pub fn version_note(self, version: &str) -> Option<&'static str> {
        self.tool().version_note(version)
    }

    /// Whether this version ends a run of [`Extent::Bytes`](super::Extent::Bytes) as soon as the bytes are sent, so that its duration is that
    /// of the transfer.
    pub fn ends_after_bytes(self, version: Option<&str>) -> bool {
        self.tool().ends_after_bytes(version)
    }

    /// Why this version cannot do a measurement, although others can; none where it can, or where the version is not known.
    pub fn version_lacks(self, spec: &KernelSpec, version: Option<&str>) -> Option<String> {
        self.tool().version_lacks(spec, version)
    }

    /// Whether the result of a method is what the server prints, which then ends by itself after the client. Otherwise it is what the client prints.
    pub fn server_reports(self, method: Method) -> bool {
        self.tool().server_reports(method)
    }

    /// Whether one run can hold several sizes that its output does not name.
    pub fn sweeps_sizes(self) -> bool {
        self.tool().sweeps_sizes()
    }

    /// Whether a plan can use the tool for this method and transport.
    pub fn can(self, method: Method, transport: Transport) -> bool {
        self.tool().can(method, transport)
    }

    /// The command lines of a measurement. Nothing is run.
    ///
    /// # Errors
    /// The tool cannot do it; the error names the tools that can.
    pub fn commands(self, spec: &KernelSpec) -> Result<Commands, SpecError> {
        check(spec, self)?;
        Ok(self.tool().commands(spec))
    }

    /// The measurements in what the client printed ([`raw_text`](super::raw_text)), never none. A sweep, a test in both directions and a file
    /// with several tests hold more than one.
    ///
    /// # Errors
    /// The text holds no result, an error message of the tool, or something that cannot be read. No text makes it panic.
    pub fn parse(self, text: &str, exit: ToolExit) -> Result<Vec<Measurement>, ToolError> {
        let text = plain(text);
        let mut found = self.tool().parse(&text, exit)?;
        found.iter_mut().for_each(Measurement::judge);
        if found.is_empty() { Err(ToolError::nothing_measured(self, &text, exit)) } else { Ok(found) }
    }

    /// Every tool, in order of preference.
    pub fn all() -> impl Iterator<Item = KernelTool> {
        TOOLS.iter().map(|tool| tool.facts().id)
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

    /// The most connections at once.
    pub fn most_streams(self, transport: Transport) -> u16 {
        self.tool().limits(Method::Stream, transport).streams
    }

    /// Whether the tool can do this measurement: the same check as that of [`commands`](Self::commands), without an address.
    ///
    /// # Errors
    /// The tool cannot do it; the error names the tools that can.
    pub fn check(self, spec: &KernelSpec) -> Result<(), SpecError> {
        check(spec, self)
    }

    /// Whether a plan that names no tool can need this one for TCP or UDP.
    pub fn is_default(self) -> bool {
        [Method::Stream, Method::PingPong].into_iter().any(|method| {
            [Transport::Tcp, Transport::Udp].into_iter().any(|transport| KernelTool::able(method, transport).next() == Some(self))
        })
    }
}

/// Whether the tool can do this, and if not, which can.
fn check(spec: &KernelSpec, tool: KernelTool) -> Result<(), SpecError> {
    let refuse = |why: String, instead: String| Err(SpecError::Unsupported { tool, why, instead });
    let (method, transport) = (spec.method, spec.transport);
    if !tool.can(method, transport) {
        return refuse(format!("{method} over {transport}"), format!("use {}", choice(KernelTool::able(method, transport))));
    }
    let limits = tool.tool().limits(method, transport);
    let that = |allows: fn(&ToolLimits) -> bool| {
        choice(KernelTool::able(method, transport).filter(|tool| allows(&tool.tool().limits(method, transport))))
    };
    match spec.extent {
        Extent::Bytes(_) if !limits.by_bytes => return refuse("end after a number of bytes".to_owned(), "give a duration".to_owned()),
        Extent::Messages(_) if !limits.by_messages => {
            return refuse("end after a number of messages".to_owned(), "give a duration".to_owned());
        }
        Extent::For(_) | Extent::Bytes(_) | Extent::Messages(_) => {}
    }
    if spec.streams.get() > limits.streams {
        let instead = format!("choose at most {}, or use {}", limits.streams, that(|limits| limits.streams > 1));
        return refuse(format!("{} connections at once", spec.streams), instead);
    }
    if spec.reverse && !limits.reverse {
        let instead = format!("exchange the endpoints, or use {}", that(|limits| limits.reverse));
        return refuse("send from the server to the client".to_owned(), instead);
    }
    if spec.both_ways && !limits.both_ways {
        let instead = format!("measure each direction alone, or use {}", that(|limits| limits.both_ways));
        return refuse("send both ways at the same time".to_owned(), instead);
    }
    let tcp = limits.tcp;
    type Allows = fn(&ToolLimits) -> bool;
    let asked: [(bool, &str, Allows); 3] = [
        (spec.tcp.congestion_control.is_some() && !tcp.congestion_control, "choose the congestion control", |limits| {
            limits.tcp.congestion_control
        }),
        (spec.tcp.window.is_some() && !tcp.window, "set the socket buffers", |limits| limits.tcp.window),
        (spec.tcp.zero_copy && !tcp.zero_copy, "send without a copy", |limits| limits.tcp.zero_copy),
    ];
    if let Some((_, why, allows)) = asked.into_iter().find(|(refused, ..)| *refused) {
        return refuse(format!("{why} over {transport}"), format!("leave it to the kernel, or use {}", that(allows)));
    }
    if spec.gsro && !limits.gsro {
        let instead = format!("leave `gsro` out, or use {}", that(|limits| limits.gsro));
        return refuse(format!("ask for UDP's segmentation and receive offload over {transport}"), instead);
    }
    if !limits.sizes.contains(&spec.size.bytes()) {
        let (least, most) = limits.sizes.into_inner();
        return Err(SpecError::Size { tool, transport, size: spec.size, least, most });
    }
    if spec.port == 0 || spec.port == u16::MAX {
        return Err(SpecError::Port(spec.port));
    }
    Ok(())
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
        assert!(KernelTool::all().all(|tool| tool.tool().facts().id == tool));
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
