use crate::kernel_tools::KernelTool;

/// ESnet's iperf 3: goodput over TCP and UDP.
pub(super) const TOOL: KernelTool = KernelTool::new("iperf3");
