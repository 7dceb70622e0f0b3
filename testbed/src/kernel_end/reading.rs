use std::time::Instant;

use reporter::kernel_tools::CpuSnapshot;
use reporter::record::EndCost;
use serde::{Deserialize, Serialize};

use super::interface::{Counted, InterfaceCounters};
use crate::process::Location;

/// The counters of an interface and the processor times of the machine at one moment.
#[derive(Debug)]
pub(super) struct Reading {
    at: Instant,
    counters: Option<InterfaceCounters>,
    cpu: Option<CpuSnapshot>,
}

/// What an interface counted and a machine spent between two readings. What could not be read is absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spent {
    /// Frames, bytes and changes of the link.
    pub counters: Option<InterfaceCounters>,
    /// Processor time, of the whole machine.
    pub cost: Option<EndCost>,
}

impl Reading {
    /// Reads those of an end on this machine. [`before`](Self::before) reads the processor times last and [`spent`](Self::spent) reads them first,
    /// so that the other readings do not count.
    pub(super) fn before(location: &Location, counted: Option<&Counted>) -> Self {
        let counters = counted.and_then(|counted| InterfaceCounters::read(location, counted));
        let cpu = processor_times();
        Reading { at: Instant::now(), counters, cpu }
    }

    /// The difference between now and this reading.
    pub(super) fn spent(self, location: &Location, counted: Option<&Counted>) -> Spent {
        let (cpu, at) = (processor_times(), Instant::now());
        let counters = counted.and_then(|counted| InterfaceCounters::read(location, counted));
        let cost = cpu.zip(self.cpu).and_then(|(after, before)| after.cost_since(&before, at - self.at).ok());
        Spent { counters: counters.zip(self.counters).and_then(|(after, before)| after.since(before)), cost }
    }
}

/// Of the whole machine: a network namespace has no processor times of its own.
fn processor_times() -> Option<CpuSnapshot> {
    CpuSnapshot::parse(&std::fs::read_to_string("/proc/stat").ok()?).ok()
}
