//! Units, line-rate arithmetic, trials, searches, RFC procedures and a simulated device.
//!
//! Pure: no I/O, no clock, no unsafe, no DPDK. Everything here can be proven against a device whose answer is known.
//!
//! - [`units`]: sizes, rates, loads, ratios and spans as types
//! - [`trial`]: one trial in and out, and the [`trial::Measurer`] that does it
//! - [`method`]: what can be asked for, and what is refused
//! - [`search`]: goals, load classification, MLRsearch, bisection
//! - [`procedures`]: the methods carried out: [`procedures::run`]
//! - [`statistics`]: how sure a result is
//! - [`bottleneck`]: what limits a rate, concluded from counters
//! - [`tune`]: a search for the best setting over noisy trials
#![forbid(unsafe_code)]

pub mod bottleneck;
pub mod method;
pub mod procedures;
pub mod search;
pub mod simulate;
pub mod statistics;
pub mod trial;
pub mod tune;
pub mod units;
