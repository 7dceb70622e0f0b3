//! The knobs of a search for which none are given.

use std::num::NonZeroU16;

use reporter::record::{Pair, Stack};

use super::TuneError;
use super::goal::Goal;
use super::knob::{DEFAULT, Knob};
use crate::topology::{PairNodes, PairQueues, Testbed, Wiring};

/// The most queues that are tried without being asked for.
const MOST_QUEUES: u16 = 8;

/// The knobs that change results on most machines, with values around the defaults.
///
/// # Errors
/// The testbed has no such endpoint.
pub(super) fn usual_knobs(stack: Stack, goal: Goal, pair: &Pair, testbed: &Testbed) -> Result<Vec<Knob>, TuneError> {
    if stack.is_kernel() {
        return Ok(match goal {
            // The size of the message is what is asked.
            Goal::RttP99 => vec![Knob::new("gro", ["default", "false"]), Knob::new("gso", ["default", "false"])],
            // A datagram of another size makes other frames.
            _ if stack == Stack::KernelUdp => vec![Knob::new("streams", [1, 2, 4, 8])],
            _ => vec![Knob::new("streams", [1, 2, 4, 8]), Knob::new("sizes", [1460, 4096, 16000])],
        });
    }
    let mut knobs = Vec::new();
    let queues: Vec<u16> =
        (0..).map(|power| 1 << power).take_while(|&queues| queues <= MOST_QUEUES && fits(queues, pair, testbed)).collect();
    if queues.len() > 1 {
        knobs.push(Knob::new("queues", queues));
    }
    // The default is 64 frames on huge pages and 32 on ordinary ones (`engine::burst` of the dataplane). Neither is listed: one of them would be measured
    // twice, and the other is next to it.
    knobs.push(Knob::new("burst", [DEFAULT, "16", "128", "256"]));
    // The default is 1024 frames in the lab, and what the driver chooses on NICs: 4096 on most.
    let shared = matches!(testbed.wiring, Wiring::SharedMemory { .. });
    let others = if shared { ["256", "512", "2048"] } else { ["512", "1024", "2048"] };
    knobs.push(Knob::new("rx-descriptors", [DEFAULT].into_iter().chain(others)));
    Ok(knobs)
}

/// Whether both ends have CPUs for so many queues.
fn fits(queues: u16, pair: &Pair, testbed: &Testbed) -> bool {
    NonZeroU16::new(queues)
        .is_some_and(|queues| testbed.cpus(pair, PairQueues { sender: queues, receiver: queues }, PairNodes::default()).is_ok())
}
