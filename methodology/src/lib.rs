//! Units, line-rate arithmetic, trials, searches, RFC procedures and a simulated device.
//!
//! Pure: no I/O, no clock, no unsafe, no DPDK. Everything here can be proven against a device whose answer is known.
#![forbid(unsafe_code)]

pub mod units;
