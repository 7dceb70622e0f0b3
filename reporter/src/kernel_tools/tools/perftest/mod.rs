//! perftest (github.com/linux-rdma/perftest): raw Ethernet frames through RDMA verbs, as `raw_ethernet_bw` and `raw_ethernet_lat` write them with
//! `--out_json`. Imported only: linerate does not run it.

mod document;
mod id;
mod parse;

use id::TOOL;

use crate::kernel_tools::tool::{Tool, ToolFacts, ToolSource};
use crate::kernel_tools::{CommandLine, Commands, KernelSpec, Measurement, Method, ToolError, ToolExit, Transport};

pub(super) struct Perftest;

impl Tool for Perftest {
    fn facts(&self) -> &'static ToolFacts {
        &ToolFacts {
            id: TOOL,
            purpose: "it measures raw Ethernet frames through RDMA verbs; its files are imported",
            source: ToolSource::Package("perftest"),
            programs: &["raw_ethernet_bw", "raw_ethernet_lat"],
            version_arguments: &["--version"],
            raw_extension: "json",
        }
    }

    fn can(&self, _method: Method, _transport: Transport) -> bool {
        false
    }

    /// Not reached: it can do no measurement of a plan.
    fn commands(&self, spec: &KernelSpec) -> Commands {
        let client = CommandLine::new("raw_ethernet_bw", ["--out_json"]);
        Commands { server: None, ready: None, client, timeout: spec.extent.timeout() }
    }

    fn recognises(&self, text: &str) -> bool {
        document::is_report(text) || parse::is_text_for_people(text)
    }

    fn parse(&self, text: &str, exit: ToolExit) -> Result<Vec<Measurement>, ToolError> {
        parse::parse(text, exit)
    }
}
