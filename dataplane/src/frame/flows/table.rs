use std::sync::Arc;

use methodology::units::FrameSize;

use super::draw::draw;
use super::entry::{FlowChecksum, FlowFields, HeaderFields};
use super::huge::with_room_for;
use super::spec::{FlowCount, FlowError, FlowSpec};
use crate::frame::error::FrameError;
use crate::frame::layout::Network;
use crate::frame::template::Template;

/// A table with fewer entries repeats them, so that a burst seldom reaches the end of the table.
const LEAST_ENTRIES: usize = 1024;

/// The flows of a spec as bytes to write, 18 for each flow.
#[derive(Debug)]
pub struct FlowTable {
    count: FlowCount,
    fields: FlowFields,
    made_for: FrameSize,
    balanced: bool,
    /// A whole number of rounds through the flows, as are the checksums beside them.
    headers: Vec<HeaderFields>,
    checksums: Vec<FlowChecksum>,
}

impl FlowTable {
    /// Draws the flows of `spec` for frames of `template` and of every other size of its spec.
    ///
    /// Of IPv6 addresses the lower 32 bits vary; build the template with addresses inside the prefixes.
    pub fn build(spec: &FlowSpec, template: &Template) -> Result<FlowTable, FlowError> {
        let flows = draw(spec, template)?;
        let rounds = LEAST_ENTRIES.div_ceil(flows.len());
        let (mut headers, mut checksums) = (with_room_for(rounds * flows.len()), with_room_for(rounds * flows.len()));
        for flow in &flows {
            let (header, checksum) = flow.entry(template);
            headers.push(header);
            checksums.push(checksum);
        }
        for _ in 1..rounds {
            headers.extend_from_within(..flows.len());
            checksums.extend_from_within(..flows.len());
        }
        let fields = match template.spec().network {
            Network::Ethernet => FlowFields::Mac,
            Network::Ipv4 { .. } => FlowFields::Ipv4,
            Network::Ipv6 { .. } => FlowFields::Ipv6,
        };
        Ok(FlowTable { count: spec.count, fields, made_for: template.size(), balanced: template.is_balanced(), headers, checksums })
    }

    /// How many different flows there are.
    pub fn count(&self) -> FlowCount {
        self.count
    }

    /// Which header fields they write.
    pub fn fields(&self) -> FlowFields {
        self.fields
    }

    /// An error where frames of another size of the same spec cannot carry these flows, because their UDP checksum cannot be balanced: where
    /// exactly one byte follows the tag.
    pub fn check_shares(&self, template: &Template) -> Result<(), FrameError> {
        if template.size() == self.made_for || (self.balanced && template.is_balanced()) {
            Ok(())
        } else {
            Err(FrameError::UnbalancedChecksum { size: template.size(), other: self.made_for })
        }
    }

    /// A walk that begins at flow `first`, modulo the number of flows; senders on several queues begin at different ones.
    pub fn walk(self: &Arc<Self>, first: u32) -> FlowWalk {
        FlowWalk { position: first as usize % self.headers.len(), table: Arc::clone(self) }
    }
}

/// Repeats the flows of a table in order.
#[derive(Debug, Clone)]
pub struct FlowWalk {
    table: Arc<FlowTable>,
    position: usize,
}

impl FlowWalk {
    /// Which header fields the flows write.
    #[inline(always)]
    pub fn fields(&self) -> FlowFields {
        self.table.fields
    }

    /// Goes back by `frames` flows: the next frames get them again.
    #[inline]
    pub fn rewind(&mut self, frames: u64) {
        let all = self.table.headers.len();
        self.position = (self.position + all - (frames % all as u64) as usize) % all;
    }

    /// The next flows, at least one and at most `frames`: their header fields and as many checksums. Nothing is prefetched by hand: the walk is
    /// sequential, and the hardware's prefetchers are faster (docs/performance.md).
    #[inline(always)]
    pub(crate) fn take(&mut self, frames: usize) -> (&[HeaderFields], &[FlowChecksum]) {
        let FlowTable { headers, checksums, .. } = &*self.table;
        let from = self.position;
        let to = (from + frames).min(headers.len());
        self.position = if to == headers.len() { 0 } else { to };
        (&headers[from..to], &checksums[from..to])
    }
}
