//! Flows: the addresses and ports of the frames of a stream.
//!
//! RFC 4814 requires pseudorandom addresses and ports, because start-and-increment reaches few buckets of a hash (§4.2.1), and the same set in
//! every trial. A [`FlowTable`] holds the bytes that a flow writes into a frame, 18 for each flow, checksums included, so a flow costs a few
//! loads and stores. A [`FlowWalk`] repeats the table in order: every flow gets an equal share, and the memory is read sequentially, which
//! suits hardware prefetchers.

mod draw;
mod entry;
mod huge;
mod spec;
mod table;

pub use entry::FlowFields;
pub(super) use entry::{Ipv4Fields, Ipv6Fields, MacFields, WriteFlow};
pub use spec::{FlowCount, FlowError, FlowSpec, PortRange, Prefix};
pub use table::{FlowTable, FlowWalk};

#[cfg(test)]
mod tests;
