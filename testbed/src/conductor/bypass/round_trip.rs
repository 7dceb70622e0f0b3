//! Round trips at a low rate through the peer's reflector.

use dataplane::{ReflectReport, SendPlan, SendReport};
use methodology::units::{FrameSize, Pace, PacketRate, Seconds};
use reporter::record::{LatencyDefinition, LossDomains, Reason, Record, Values};

use super::accounting::Discards;
use super::calibration::{Calibrations, Configuration};
use super::histograms;
use super::measurer::MeasureError;
use super::method_results::kind_of;
use super::pair::{BypassPair, RoundTrips};
use super::poll_loop::{away, sender_reasons};
use super::results::Results;
use super::round_trip_times::rtt_summary;
use super::step_error::StepError;
use super::wire_proof::WireProof;
use crate::conductor::context::Context;
use crate::conductor::schedule::Step;

/// Measures, and makes the record.
pub(super) fn measure(
    step: &Step<'_>,
    pair: &mut BypassPair,
    (rate, duration): (PacketRate, Seconds),
    calibrations: &mut Calibrations,
    context: &Context<'_>,
) -> Result<Record, StepError> {
    // Now, while neither end polls.
    let calibration = calibrations.of(context.testbed, Configuration::of(step, pair, rate), context.interrupted);
    let plan = SendPlan::new(step.size, Pace::Rate(rate), duration.duration());
    let trips = pair.round_trips(plan, context.interrupted).map_err(MeasureError::from)?;
    let mut results = results(&trips, pair, step.size, rate);
    calibration.note(&mut results.parameters);
    let mut raw = None;
    if let (Some(histogram), Some(summary)) =
        (trips.sent.rtt.as_ref().and_then(|rtt| rtt.histogram.as_ref()), results.values.rtt_ns.as_mut())
    {
        let file = histograms::keep(histogram, &step.id, context.directory)?;
        summary.histogram = Some(file.clone());
        raw = Some(file);
    }
    Ok(Record { raw, ..results.into_record(step, pair, context) })
}

/// The histogram itself is kept as a raw file by the caller.
fn results(trips: &RoundTrips, pair: &BypassPair, size: FrameSize, rate: PacketRate) -> Results {
    let sent = &trips.sent;
    let returned = sent.returned.clone().unwrap_or_default();
    let lost = sent.frames_sent.saturating_sub(returned.received);
    let discards = Discards::of(&sent.counters, &pair.sender_port);
    let mut results =
        Results { load: Some(format!("{}pps", rate.pps())), duration_s: Some(sent.duration.as_secs_f64()), ..Results::default() };
    results.values = Values {
        offered_pps: Some(sent.rate),
        loss_ratio: Some(methodology::units::LossRatio::from_counts(sent.frames_sent, returned.received)),
        rtt_ns: sent.rtt.as_ref().map(rtt_summary),
        latency_definition: Some(LatencyDefinition::RoundTrip),
        loss: Some(LossDomains {
            unsent: sent.frames_unsent + sent.frames_skipped,
            nic_discard: discards.nic.unwrap_or(0),
            no_descriptor: discards.no_descriptor.unwrap_or(0),
            no_mbuf: discards.no_mbuf.unwrap_or(0),
            lost,
            duplicate: returned.duplicate,
            reordered: returned.reordered,
            corrupt: returned.corrupt,
            foreign: returned.foreign,
        }),
        frames_sent: Some(sent.frames_sent),
        frames_received: Some(returned.received),
        ..Values::default()
    };
    results.add_round_trips(trips, pair, size);
    results.note_uncounted(&discards);
    results.reasons = round_trip_reasons(sent, &trips.reflected, returned.received);
    let faults = WireProof::round_trips(trips, pair).faults();
    results.reasons.extend(
        faults
            .into_iter()
            .map(|fault| methodology::trial::Reason::Fault { fault }.to_string())
            .map(|detail| Reason { kind: kind_of(&detail), detail }),
    );
    results
}

fn round_trip_reasons(sent: &SendReport, reflected: &ReflectReport, returned: u64) -> Vec<Reason> {
    sender_reasons(sent, returned).into_iter().chain(away(&reflected.hiccups, &reflected.cycles, "reflector")).collect()
}
