use crate::kernel_tools::KernelTool;

/// qperf: mean latency and bandwidth over TCP and UDP.
pub(super) const TOOL: KernelTool = KernelTool::new("qperf");
