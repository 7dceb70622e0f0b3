//! Flows: which addresses and ports the frames of a stream carry.
//!
//! RFC 4814 asks for pseudorandom addresses and ports, because start-and-increment reaches few buckets of a hash (§4.2.1), and
//! for the same set in every trial. A [`FlowTable`] holds, 18 bytes a flow, exactly the bytes that go into a frame, checksums
//! included, so a flow costs a few loads and stores. A [`FlowWalk`] goes through the table in order, round and round: every flow gets
//! an equal share, and the memory is read sequentially, which is what prefetchers like.

mod draw;
mod entry;
mod spec;
mod table;

pub use entry::FlowFields;
pub(crate) use entry::{Ipv4Fields, Ipv6Fields, MacFields, WriteFields};
pub use spec::{FlowCount, FlowError, FlowSpec, PortRange, Prefix};
pub use table::{FlowTable, FlowWalk};

#[cfg(test)]
mod tests;
