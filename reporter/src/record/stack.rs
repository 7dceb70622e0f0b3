use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SizeKind;

/// Whether packets pass through the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataPath {
    /// A poll loop in user space owns the port.
    Bypass,
    /// The kernel's network stack.
    Kernel,
}

/// A part of the report that draws or judges each of several stacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportView {
    /// Throughput by size, in the application view and the frame view.
    Throughput,
    /// Where each curve of throughput stops rising.
    Plateau,
    /// The kernel's side of the ratio of [`Stack::REFERENCE_BYPASS`] over the kernel.
    Ratio,
    /// Round trips by pair.
    RoundTrips,
    /// Round trips by percentile, from histograms, alone and under load; residence in the reflector.
    Percentiles,
    /// Loss by size and by domain.
    Loss,
    /// Searches and RFC procedures.
    Procedures,
    /// Cores and cycles.
    Cost,
    /// What the kinds of sender and receiver explain.
    Effects,
    /// Rates by queues, flows and burst.
    Tuning,
    /// The terminal's table of throughput.
    SummaryThroughput,
    /// The terminal's table of round trips.
    SummaryRoundTrips,
}

use ReportView::{
    Cost, Effects, Loss, Percentiles, Plateau, Procedures, Ratio, RoundTrips, SummaryRoundTrips, SummaryThroughput, Throughput, Tuning,
};

/// What is to be known about a stack.
struct Facts {
    label: &'static str,
    short_label: &'static str,
    path: DataPath,
    size: SizeKind,
    hue: u8,
    views: &'static [ReportView],
}

/// All views of a stack that linerate's own poll loops drive.
const OF_BYPASS: &[ReportView] =
    &[Throughput, Plateau, RoundTrips, Percentiles, Loss, Procedures, Cost, Effects, Tuning, SummaryThroughput, SummaryRoundTrips];

macro_rules! stacks {
    ($($(#[doc = $doc:literal])* $(#[cfg($cfg:meta)])? $stack:ident = $name:literal: $facts:expr;)*) => {
        /// What carried the traffic.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum Stack {
            $($(#[doc = $doc])* $(#[cfg($cfg)])? #[serde(rename = $name)] $stack,)*
        }

        impl Stack {
            /// Every stack, in the order of the report.
            pub const ALL: &'static [Stack] = &[$($(#[cfg($cfg)])? Stack::$stack,)*];

            /// The name in records and on the command line.
            pub const fn name(self) -> &'static str {
                match self {
                    $($(#[cfg($cfg)])? Stack::$stack => $name,)*
                }
            }

            const fn facts(self) -> &'static Facts {
                match self {
                    $($(#[cfg($cfg)])? Stack::$stack => { const FACTS: Facts = $facts; &FACTS })*
                }
            }
        }
    };
}

// The table of stacks. A new stack is a row here: the views that it names show it.
stacks! {
    /// Poll-mode DPDK, no kernel.
    Dpdk = "dpdk": Facts { label: "DPDK", short_label: "DPDK", path: DataPath::Bypass, size: SizeKind::Frame, hue: 0, views: OF_BYPASS };
    /// Frames through RDMA verbs, as perftest measures them.
    Verbs = "verbs": Facts {
        label: "raw Ethernet (verbs)",
        short_label: "verbs",
        path: DataPath::Bypass,
        size: SizeKind::Frame,
        hue: 7,
        views: &[Throughput, RoundTrips, SummaryThroughput, SummaryRoundTrips],
    };
    /// DPDK's poll loops on AF_XDP sockets of a kernel interface.
    AfXdp = "af-xdp": Facts { label: "AF_XDP", short_label: "XDP", path: DataPath::Bypass, size: SizeKind::Frame, hue: 5, views: OF_BYPASS };
    /// DPDK's poll loops on an AF_PACKET ring of a kernel interface.
    AfPacket = "af-packet": Facts {
        label: "AF_PACKET",
        short_label: "PACKET",
        path: DataPath::Bypass,
        size: SizeKind::Frame,
        hue: 6,
        views: OF_BYPASS,
    };
    /// The kernel's TCP.
    KernelTcp = "kernel-tcp": Facts {
        label: "kernel TCP",
        short_label: "TCP",
        path: DataPath::Kernel,
        size: SizeKind::Message,
        hue: 1,
        views: &[Throughput, Plateau, Ratio, RoundTrips, Cost, Effects, SummaryThroughput, SummaryRoundTrips],
    };
    /// The kernel's UDP.
    KernelUdp = "kernel-udp": Facts {
        label: "kernel UDP",
        short_label: "UDP",
        path: DataPath::Kernel,
        size: SizeKind::Message,
        hue: 2,
        views: &[Throughput, Ratio, RoundTrips, SummaryThroughput, SummaryRoundTrips],
    };
    /// TLS over the kernel's TCP.
    KernelTls = "kernel-tls": Facts {
        label: "kernel TLS",
        short_label: "TLS",
        path: DataPath::Kernel,
        size: SizeKind::Message,
        hue: 3,
        views: &[Throughput, RoundTrips],
    };
    /// The kernel's ICMP echo: a second opinion on round trips.
    KernelIcmp = "kernel-icmp": Facts {
        label: "kernel ICMP",
        short_label: "ICMP",
        path: DataPath::Kernel,
        size: SizeKind::Message,
        hue: 4,
        views: &[RoundTrips],
    };
    /// A second bypass stack for the tests: proves that a row is enough.
    #[cfg(test)]
    TestBypass = "test-bypass": Facts {
        label: "second bypass",
        short_label: "second",
        path: DataPath::Bypass,
        size: SizeKind::Frame,
        hue: 8,
        views: OF_BYPASS,
    };
    /// A kernel stack with every view that a kernel stack can have, for the tests.
    #[cfg(test)]
    TestKernel = "test-kernel": Facts {
        label: "second kernel",
        short_label: "2nd kernel",
        path: DataPath::Kernel,
        size: SizeKind::Message,
        hue: 9,
        views: &[Throughput, Plateau, Ratio, RoundTrips, Cost, Effects, SummaryThroughput, SummaryRoundTrips],
    };
}

impl Stack {
    /// The bypass stack that ratios and the headline compare with the kernel.
    pub const REFERENCE_BYPASS: Stack = Stack::Dpdk;

    /// The kernel stack that the headline compares with bypass.
    pub const REFERENCE_KERNEL: Stack = Stack::KernelTcp;

    /// Whether packets pass through the kernel.
    pub fn is_kernel(self) -> bool {
        self.facts().path == DataPath::Kernel
    }

    /// What it is called in figures and tables: `kernel TCP`.
    pub const fn label(self) -> &'static str {
        self.facts().label
    }

    /// The same where room is short: `TCP`.
    pub const fn short_label(self) -> &'static str {
        self.facts().short_label
    }

    /// What the size of its throughput measurements counts, unless a measurement was made for the other view.
    pub const fn size_kind(self) -> SizeKind {
        self.facts().size
    }

    /// Its colour in figures that tell stacks apart by colour: a place in the palette.
    pub const fn hue(self) -> u8 {
        self.facts().hue
    }

    /// Whether a part of the report shows the stack.
    pub fn is_in(self, view: ReportView) -> bool {
        self.facts().views.contains(&view)
    }

    /// The stacks that a part of the report shows, bypass first.
    pub fn in_view(view: ReportView) -> impl Iterator<Item = Stack> + Clone {
        Stack::ALL.iter().copied().filter(move |stack| stack.is_in(view))
    }

    /// The kernel stacks that a part of the report shows.
    pub fn kernel_in_view(view: ReportView) -> impl Iterator<Item = Stack> + Clone {
        Stack::in_view(view).filter(|stack| stack.is_kernel())
    }

    /// The bypass stacks that a part of the report shows.
    pub fn bypass_in_view(view: ReportView) -> impl Iterator<Item = Stack> + Clone {
        Stack::in_view(view).filter(|stack| !stack.is_kernel())
    }
}

impl fmt::Display for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_labels_and_colours_tell_stacks_apart_and_names_read_back() {
        let all = || Stack::ALL.iter();
        for stack in all() {
            assert_eq!(serde_json::to_string(stack).unwrap(), format!("\"{}\"", stack.name()));
            assert_eq!(serde_json::from_str::<Stack>(&format!("\"{}\"", stack.name())).unwrap(), *stack);
            assert!(Stack::ALL.iter().any(|known| known == stack) && !stack.facts().views.is_empty(), "{stack} is in no view");
        }
        assert_eq!(all().map(|s| s.name()).collect::<BTreeSet<_>>().len(), Stack::ALL.len());
        assert_eq!(all().map(|s| s.label()).collect::<BTreeSet<_>>().len(), Stack::ALL.len());
        assert_eq!(all().map(|s| s.hue()).collect::<BTreeSet<_>>().len(), Stack::ALL.len());
    }

    #[test]
    fn the_references_are_on_their_side_of_the_kernel() {
        assert!(!Stack::REFERENCE_BYPASS.is_kernel() && Stack::REFERENCE_KERNEL.is_kernel());
        assert!(Stack::REFERENCE_KERNEL.is_in(ReportView::Ratio));
    }
}
