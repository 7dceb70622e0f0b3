//! The wait of one poll loop for the frames in flight of all loops.

use super::in_flight::{InFlight, SHORTEST_SILENCE, Waited};
use super::plan::SendPlan;
use super::report::SendCounters;
use super::returns::Returns;
use crate::engine::meter::Meter;
use crate::engine::running::Shared;

/// Waits until the frames of all loops have returned or are lost. This loop has sent `sent` frames and receives on the queues of `returns`.
/// Its meter goes on: a hiccup during the drain can lose frames as one before it can. `ask` is called at times for what is left in the transmit
/// ring.
pub(super) fn drain(
    plan: &SendPlan,
    in_flight: &InFlight,
    sent: u64,
    returns: &mut [&mut Returns<'_>],
    meter: &mut Meter,
    shared: &Shared<SendCounters>,
    mut ask: impl FnMut(u64),
) -> Waited {
    let (limit, shortest_silence) = (meter.ticks(plan.drain), meter.ticks(SHORTEST_SILENCE.min(plan.drain)));
    in_flight.stop_sending(sent, meter.next_iteration());
    let mut noted = 0;
    loop {
        let now = meter.next_iteration();
        ask(now);
        let received: u64 = returns.iter().map(|returns| returns.received()).sum();
        if received > noted {
            let last_return = returns.iter().map(|returns| returns.last_return()).max().unwrap_or(0);
            let longest = returns.iter().map(|returns| returns.longest()).max().unwrap_or(0);
            in_flight.note(received - noted, last_return, longest);
            noted = received;
        }
        let ended = in_flight.ended(now, limit, shortest_silence);
        if ended.is_some() || shared.stop_asked() {
            return Waited { ended, time: meter.duration(now.saturating_sub(in_flight.last_sent())) };
        }
        returns.iter_mut().for_each(|returns| returns.collect());
    }
}
