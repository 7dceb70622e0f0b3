use crate::kernel_tools::KernelTool;

/// perftest: raw Ethernet frames through RDMA verbs.
pub(super) const TOOL: KernelTool = KernelTool::new("perftest");
