//! perftest (github.com/linux-rdma/perftest): raw Ethernet frames through RDMA verbs, as `raw_ethernet_bw` and `raw_ethernet_lat` write them with
//! `--out_json`. How the programs are called follows their source (v4.5-0.17, which Debian 12 has, and 00b55b6). It has not been tried on an RDMA device.

mod commands;
mod document;
mod id;
mod parse;

use id::TOOL;

use crate::kernel_tools::tool::{Tool, ToolFacts, ToolLimits, ToolSource};
use crate::kernel_tools::{Commands, KernelSpec, Measurement, Method, ToolError, ToolExit, Transport};

pub(super) struct Perftest;

impl Tool for Perftest {
    fn facts(&self) -> &'static ToolFacts {
        &ToolFacts {
            id: TOOL,
            purpose: "it measures raw Ethernet frames through RDMA verbs",
            source: ToolSource::Package("perftest"),
            programs: &["raw_ethernet_bw", "raw_ethernet_lat"],
            version_arguments: &["--version"],
            raw_extension: "txt",
        }
    }

    fn can(&self, _method: Method, transport: Transport) -> bool {
        transport == Transport::RawEthernet
    }

    fn limits(&self, _method: Method, _transport: Transport) -> ToolLimits {
        // RAWETH_MIN_MSG_SIZE and MAX_MTU_RAW_ETERNET of perftest_parameters.h: the frame with its FCS.
        ToolLimits::sizes(64, 9600)
    }

    /// Raw Ethernet does not acknowledge frames: only the receiver knows what arrived. Round trips are measured by the client.
    fn server_reports(&self, method: Method) -> bool {
        method == Method::Stream
    }

    fn commands(&self, spec: &KernelSpec) -> Commands {
        commands::commands(spec)
    }

    fn recognises(&self, text: &str) -> bool {
        document::is_report(text) || parse::is_text_for_people(text)
    }

    fn parse(&self, text: &str, exit: ToolExit) -> Result<Vec<Measurement>, ToolError> {
        parse::parse(text, exit)
    }
}
