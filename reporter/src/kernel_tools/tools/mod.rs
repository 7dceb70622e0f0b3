//! The registry: every tool, once. To add a tool, write its module, declare it here, and add it to `TOOLS`.

mod iperf2;
mod iperf3;
mod neper;
mod netperf;
mod perftest;
mod ping;
mod qperf;
mod sockperf;

use super::tool::Tool;

/// The tools in order of preference: the first one that can do a measurement is the default of a plan that names none.
pub(super) const TOOLS: &[&dyn Tool] = &[
    &iperf3::Iperf3,
    &qperf::Qperf,
    &sockperf::Sockperf,
    &netperf::Netperf,
    &neper::Neper,
    &iperf2::Iperf2,
    &ping::Ping,
    &perftest::Perftest,
];
