use std::sync::Arc;

use methodology::units::FrameSize;

use super::draw::draw;
use super::entry::{FlowEntry, FlowFields};
use super::spec::{FlowCount, FlowError, FlowSpec};
use crate::frame::error::FrameError;
use crate::frame::layout::Network;
use crate::frame::prefetch::prefetch_for_read;
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
    /// A whole number of rounds through the flows.
    entries: Box<[FlowEntry]>,
}

impl FlowTable {
    /// Draws the flows of `spec` for frames of `template` and of every other size of its spec.
    ///
    /// Of IPv6 addresses the lower 32 bits vary; build the template with addresses inside the prefixes.
    pub fn build(spec: &FlowSpec, template: &Template) -> Result<FlowTable, FlowError> {
        let flows = draw(spec, template)?;
        let rounds = LEAST_ENTRIES.div_ceil(flows.len());
        let one_round: Vec<FlowEntry> = flows.iter().map(|flow| flow.entry(template)).collect();
        let entries = one_round.iter().copied().cycle().take(rounds * one_round.len()).collect();
        let fields = match template.spec().network {
            Network::Ethernet => FlowFields::Mac,
            Network::Ipv4 { .. } => FlowFields::Ipv4,
            Network::Ipv6 { .. } => FlowFields::Ipv6,
        };
        Ok(FlowTable { count: spec.count, fields, made_for: template.size(), balanced: template.is_balanced(), entries })
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
        FlowWalk { position: first as usize % self.entries.len(), table: Arc::clone(self) }
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
        let all = self.table.entries.len();
        self.position = (self.position + all - (frames % all as u64) as usize) % all;
    }

    /// The next entries, at least one and at most `frames`. Prefetches as many behind them.
    #[inline(always)]
    pub(crate) fn take(&mut self, frames: usize) -> &[FlowEntry] {
        let entries = &self.table.entries;
        let from = self.position;
        let to = (from + frames).min(entries.len());
        self.position = if to == entries.len() { 0 } else { to };
        prefetch(entries, to, frames);
        &entries[from..to]
    }
}

/// Prefetches the entries of the next burst while this one is written.
#[inline(always)]
fn prefetch(entries: &[FlowEntry], from: usize, frames: usize) {
    let to = (from + frames).min(entries.len());
    // Three entries are smaller than a cache line, so no line is left out.
    for line in entries[from..to].chunks(3) {
        prefetch_for_read(line.as_ptr().cast());
    }
}
