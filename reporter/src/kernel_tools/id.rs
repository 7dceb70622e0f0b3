use std::fmt;

/// A tool that measures the kernel's network stack, by its name in records, in `--json` output and in plans. The registry knows each name once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KernelTool(&'static str);

impl KernelTool {
    /// For the module of the tool.
    pub(super) const fn new(name: &'static str) -> Self {
        KernelTool(name)
    }

    /// The name in records and plans.
    pub const fn name(self) -> &'static str {
        self.0
    }
}

impl fmt::Debug for KernelTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Display for KernelTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}
