use crate::kernel_tools::KernelTool;

/// iperf 2: goodput over TCP and UDP.
pub(super) const TOOL: KernelTool = KernelTool::new("iperf2");
