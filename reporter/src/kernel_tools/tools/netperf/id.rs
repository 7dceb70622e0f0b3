use crate::kernel_tools::KernelTool;

/// netperf: request/response and stream over TCP and UDP.
pub(super) const TOOL: KernelTool = KernelTool::new("netperf");
