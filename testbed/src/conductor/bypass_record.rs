//! From what agents and methods report to records.

use dataplane::{CycleReport, HiccupReport, ReflectReport, RttReport, SendReport};
use methodology::procedures::{LatencyAtLoad, Measured, MethodReport, MethodState};
use methodology::search::{GoalOutcome, Irregularity};
use methodology::statistics::RepetitionSummary;
use methodology::trial::{DelaySummary, TrialOutcome};
use methodology::units::{FrameSize, LinkSpeed, Nanoseconds, PacketRate};
use reporter::record::{
    Ceiling, CeilingKind, CpuCost, EndCost, LatencyDefinition, LossDomains, Metric, Reason, ReasonKind, RttSummary, Values, Verdict, View,
};
use serde_json::{Map, Value, json};

use super::accounting::{Discards, bytes_per_frame};
use super::bypass::{BypassPair, OneWay, RoundTrips};
use super::wire_proof::WireProof;

/// What a measurement adds to a record, beside who and where.
#[derive(Debug, Default)]
pub struct Finding {
    pub values: Values,
    pub parameters: Map<String, Value>,
    pub load: Option<String>,
    pub duration_s: Option<f64>,
    pub ceiling: Option<Ceiling>,
    pub cpu: Option<CpuCost>,
    pub view: Option<View>,
    pub reasons: Vec<Reason>,
}

/// The metric that a method measures.
pub fn metric(method: &str) -> Metric {
    match method {
        "latency" | "round-trip" => Metric::Latency,
        "pdv" => Metric::DelayVariation,
        "frame-loss" => Metric::FrameLoss,
        "back-to-back" => Metric::BackToBack,
        "system-recovery" => Metric::Recovery,
        "reset" => Metric::Reset,
        _ => Metric::Throughput,
    }
}

/// A method's whole report: its headline in `values`, everything else in `parameters`.
pub fn of_method(report: &MethodReport, size: FrameSize) -> Finding {
    let mut finding = Finding { view: Some(View::Frame), ceiling: Some(ceiling(report.conditions.link, size)), ..Finding::default() };
    finding.duration_s = Some(report.trial_time().seconds());
    // The trial that shows the result: the last one at a load that meets the goal, else the last one there is.
    let shown = report.goals().first().and_then(|goal| goal.outcome.lower()).map(|bound| bound.load);
    let trial =
        shown.and_then(|load| report.trials.iter().rev().find(|trial| trial.input.stimulus.rate() == Some(load))).or(report.trials.last());
    // One trial stands for a rate. Curves, delays and bursts have no trial that does: their results are in `parameters`.
    if let Some(trial) = trial.filter(|_| matches!(report.measured, Measured::Mrr(_) | Measured::Throughput(_) | Measured::NdrPdr(_))) {
        take_outcome(&mut finding, &trial.outcome, size);
    }
    match &report.measured {
        Measured::Mrr(mrr) => {
            finding.load = Some("max".to_owned());
            if let Some(rate) = mrr.rate.as_ref().and_then(|sample| PacketRate::new(sample.mean).ok()) {
                set_rate(&mut finding.values, rate, size);
            }
            finding.values.offered_pps = Some(mrr.offered);
        }
        Measured::Throughput(result) => match result.throughput.or(result.at_least) {
            Some(rate) => set_rate(&mut finding.values, rate, size),
            None => clear_rate(&mut finding.values),
        },
        Measured::NdrPdr(search) => match search.goals.first().map(|goal| &goal.outcome) {
            Some(GoalOutcome::Regular { conditional_throughput, .. }) => set_rate(&mut finding.values, *conditional_throughput, size),
            // At least max load: the number is a bound, and the remark beside it says so.
            Some(GoalOutcome::Irregular { why: Irregularity::AtLeastMaxLoad, lower: Some(lower), .. }) => {
                set_rate(&mut finding.values, lower.load, size);
            }
            // Any other irregular answer has no number that could be mistaken for a regular one.
            _ => clear_rate(&mut finding.values),
        },
        Measured::Latency(latency) => {
            if let Some(load) = latency.loads.first().filter(|load| !load.repetitions.is_empty()) {
                finding.load = Some(load.at.to_string());
                finding.values.latency_definition = Some(LatencyDefinition::RoundTrip);
                finding.values.rtt_ns = Some(typical_round_trips(load));
            }
        }
        _ => {}
    }
    finding.parameters = parameters(report);
    if report.verdict.state == MethodState::Invalid {
        let reasons = report.verdict.reasons.iter().map(|text| Reason { kind: kind_of(text), detail: text.clone() });
        finding.reasons.extend(reasons);
        if finding.reasons.is_empty() {
            finding.reasons.push(Reason { kind: ReasonKind::Other, detail: "the method gives no valid result and no reason".to_owned() });
        }
    }
    finding
}

/// The headline of one load: percentiles are medians over the repetitions, as RFC 8219 §7.2 defines TL and WCL; shortest, longest and count are
/// those of all.
fn typical_round_trips(load: &LatencyAtLoad) -> RttSummary {
    let median = |of: fn(&DelaySummary) -> Nanoseconds| {
        RepetitionSummary::of(load.repetitions.iter().map(|delays| of(delays).ns() as f64)).map(|s| s.median)
    };
    RttSummary {
        min: Some(load.min.ns() as f64),
        p50: Some(load.typical.median.ns() as f64),
        p90: median(|delays| delays.p90),
        p99: median(|delays| delays.p99),
        p999: Some(load.worst_case.median.ns() as f64),
        p9999: median(|delays| delays.p9999),
        max: Some(load.max.ns() as f64),
        mean: Some(load.mean.ns() as f64),
        count: Some(load.repetitions.iter().map(|delays| delays.count).sum()),
        histogram: None,
    }
}

/// Everything the method has to say. The histograms of what it found are files by now ([`super::histograms`]); those of single trials are left
/// out.
fn parameters(report: &MethodReport) -> Map<String, Value> {
    let mut parameters = Map::new();
    for (key, mut value) in [
        ("preset", json!(report.method.preset)),
        ("settings", json!(report.method)),
        ("goals", json!(report.goals())),
        ("measured", json!(report.measured)),
        ("deviations", json!(report.deviations)),
        ("trials", json!(report.trials)),
        ("remarks", json!(report.verdict.reasons)),
    ] {
        if key == "trials" {
            remove_histograms(&mut value);
        }
        parameters.insert(key.to_owned(), value);
    }
    parameters
}

fn remove_histograms(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.remove("histogram");
            map.values_mut().for_each(remove_histograms);
        }
        Value::Array(list) => list.iter_mut().for_each(remove_histograms),
        _ => {}
    }
}

/// The kind that reports group by, from a method's sentence.
fn kind_of(text: &str) -> ReasonKind {
    match text {
        t if t.contains("away") => ReasonKind::Hiccup,
        t if t.contains("offered") => ReasonKind::OfferedShort,
        t if t.contains("pause") => ReasonKind::PauseFrames,
        t if t.contains("the link of") => ReasonKind::LinkChange,
        t if t.contains("bytes a frame") => ReasonKind::WrongFrameSize,
        _ => ReasonKind::Other,
    }
}

fn take_outcome(finding: &mut Finding, outcome: &TrialOutcome, size: FrameSize) {
    let rate = outcome.forwarding_rate();
    set_rate(&mut finding.values, rate, size);
    let values = &mut finding.values;
    values.offered_pps = Some(outcome.offered_rate());
    values.loss_ratio = Some(outcome.loss_ratio());
    values.frames_sent = Some(outcome.sent());
    values.frames_received = Some(outcome.received());
    let mut loss = LossDomains::default();
    for direction in &outcome.directions {
        let of = &direction.loss;
        loss.unsent += of.unsent;
        loss.nic_discard += of.nic_discard;
        loss.no_descriptor += of.no_descriptor;
        loss.no_mbuf += of.no_mbuf;
        loss.lost += of.lost;
        loss.duplicate += of.duplicate;
        loss.reordered += of.reordered;
        loss.corrupt += of.corrupt;
        loss.foreign += of.foreign;
    }
    values.loss = Some(loss);
    if outcome.received() == 0 && outcome.sent() > 0 {
        finding.reasons.push(Reason { kind: ReasonKind::NothingReceived, detail: format!("{} frames sent, none came", outcome.sent()) });
    }
}

fn set_rate(values: &mut Values, rate: PacketRate, size: FrameSize) {
    values.forwarding_pps = Some(rate);
    values.l1_bps = Some(rate.l1(size));
    values.l2_bps = Some(rate.l2(size));
    values.goodput_bps = Some(rate.udp4_goodput(size));
}

fn clear_rate(values: &mut Values) {
    values.forwarding_pps = None;
    values.l1_bps = None;
    values.l2_bps = None;
    values.goodput_bps = None;
}

/// Round trips at a low rate. The histogram itself is kept as a raw file by the caller.
pub fn of_round_trips(trips: &RoundTrips, pair: &BypassPair, size: FrameSize, rate: PacketRate) -> Finding {
    let sent = &trips.sent;
    let returned = sent.returned.clone().unwrap_or_default();
    let lost = sent.frames_sent.saturating_sub(returned.received);
    let discards = Discards::of(&sent.counters, &pair.sender_port);
    let mut finding =
        Finding { load: Some(format!("{}pps", rate.pps())), duration_s: Some(sent.duration.as_secs_f64()), ..Finding::default() };
    finding.values = Values {
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
    finding.add_round_trips(trips, pair, size);
    note_uncounted(&mut finding.parameters, &discards);
    finding.reasons = round_trip_reasons(sent, &trips.reflected, returned.received);
    let faults = WireProof::round_trips(trips, pair).faults();
    finding.reasons.extend(
        faults
            .into_iter()
            .map(|fault| methodology::trial::Reason::Fault { fault }.to_string())
            .map(|detail| Reason { kind: kind_of(&detail), detail }),
    );
    finding
}

fn round_trip_reasons(sent: &SendReport, reflected: &ReflectReport, returned: u64) -> Vec<Reason> {
    sender_reasons(sent, returned).into_iter().chain(away(&reflected.hiccups, &reflected.cycles, "reflector")).collect()
}

/// What a sender that timed round trips says against them; `returned` frames came back.
pub fn sender_reasons(sent: &SendReport, returned: u64) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if returned == 0 {
        reasons.push(Reason { kind: ReasonKind::NothingReceived, detail: format!("{} frames sent, none came back", sent.frames_sent) });
    }
    if let Some(why) = &sent.ended_early {
        reasons.push(Reason { kind: ReasonKind::Other, detail: format!("the generator ended early: {why}") });
    }
    reasons.extend(away(&sent.hiccups, &sent.cycles, "generator"));
    // A tenth of a percent: more than that missing is another load than the one that was asked for.
    if (sent.frames_sent as f64) < 0.999 * sent.intended_frames as f64 {
        let detail = format!("{} of {} frames were offered", sent.frames_sent, sent.intended_frames);
        reasons.push(Reason { kind: ReasonKind::OfferedShort, detail });
    }
    reasons
}

/// A poll loop that shared its CPU measured the scheduler. An idle virtual machine takes about a hundredth of the time from a loop; a
/// twentieth is something else that runs there.
const MOST_AWAY: f64 = 0.05;

/// Nothing where the loop had its CPU. A port that goes through the kernel, such as net_af_packet, spends long turns in system calls: those are
/// hiccups to its loop, but the thread is on its CPU all the while.
fn away(hiccups: &HiccupReport, cycles: &CycleReport, who: &str) -> Option<Reason> {
    let ran = cycles.total as f64 / cycles.hz.max(1) as f64;
    let hiccup_share = hiccups.total_ns.seconds().seconds() / ran.max(f64::MIN_POSITIVE);
    let off_cpu_share = 1.0 - cycles.on_cpu.as_secs_f64() / ran.max(f64::MIN_POSITIVE);
    let share = hiccup_share.min(off_cpu_share);
    (share > MOST_AWAY).then(|| Reason {
        kind: ReasonKind::Hiccup,
        detail: format!(
            "the {who} was away from its CPU for {:.0} % of the trial, {} at the longest: something else ran there",
            share * 100.0,
            hiccups.longest_ns,
        ),
    })
}

/// What the generator tells of its own work: how even its bursts were, how late, what its port did towards that, and where its checksums come
/// from.
fn note_generator(parameters: &mut Map<String, Value>, sent: &SendReport) {
    parameters.insert("gaps".to_owned(), json!(sent.gaps));
    parameters.insert("checksums".to_owned(), json!(sent.checksums));
    parameters.insert("sender_hiccups".to_owned(), json!(sent.hiccups));
    if let Some(lateness) = &sent.lateness {
        parameters.insert("lateness".to_owned(), json!(lateness));
    }
    if let Some(pacing) = &sent.pacing {
        parameters.insert("pacing_by_port".to_owned(), json!(pacing));
    }
}

/// Domains that the receiving port's driver does not tell of: a 0 in the record is no finding there.
fn note_uncounted(parameters: &mut Map<String, Value>, discards: &Discards) {
    let uncounted = discards.uncounted();
    if !uncounted.is_empty() {
        parameters.insert("uncounted".to_owned(), json!(uncounted));
    }
}

/// A distribution as records hold it; the histogram itself is a raw file, where it is kept.
pub fn rtt_summary(rtt: &RttReport) -> RttSummary {
    let ns = |value: Nanoseconds| Some(value.ns() as f64);
    RttSummary {
        min: ns(rtt.min),
        p50: ns(rtt.p50),
        p90: ns(rtt.p90),
        p99: ns(rtt.p99),
        p999: ns(rtt.p999),
        p9999: ns(rtt.p9999),
        max: ns(rtt.max),
        mean: Some(rtt.mean),
        count: Some(rtt.count),
        histogram: None,
    }
}

/// Poll loops take whole cores whatever they carry; what they would need is their busy share.
///
/// Each end with its number of poll loops, one a queue: their cycles are those of all of them together.
fn poll_cost(sender: (&CycleReport, u16), receiver: (&CycleReport, u16)) -> CpuCost {
    let end = |(cycles, loops): (&CycleReport, u16)| EndCost {
        cores: Some(f64::from(loops)),
        busy_cycles: Some(cycles.busy),
        total_cycles: Some(cycles.total),
        cycles_hz: Some(cycles.hz),
        cycles_per_frame: (cycles.per_frame > 0.0).then_some(cycles.per_frame),
        steal_cores: cycles.steal.map(|steal| f64::from(loops) * steal.seconds() * cycles.hz as f64 / cycles.total.max(1) as f64),
        ..EndCost::default()
    };
    CpuCost { sender: Some(end(sender)), receiver: Some(end(receiver)), shared_machine: false }
}

/// Line rate, where a link has a speed; shared memory has none.
fn ceiling(link: Option<LinkSpeed>, size: FrameSize) -> Ceiling {
    match link {
        Some(link) => {
            let rate = link.line_rate(size);
            Ceiling {
                kind: CeilingKind::LineRate,
                l1_bps: Some(link.bps() as f64),
                pps: Some(rate.pps()),
                goodput_bps: Some(rate.udp4_goodput(size).bps()),
            }
        }
        None => Ceiling { kind: CeilingKind::None, l1_bps: None, pps: None, goodput_bps: None },
    }
}

impl Finding {
    /// What it is worth.
    pub fn verdict(&self) -> Verdict {
        Verdict::from_reasons(self.reasons.clone())
    }

    /// Notes the cost, the proof of size and the reflector's residence of a trial with round trips.
    pub fn add_round_trips(&mut self, trips: &RoundTrips, pair: &BypassPair, size: FrameSize) {
        self.cpu =
            Some(poll_cost((&trips.sent.cycles, pair.sender_port.port.queues), (&trips.reflected.cycles, pair.receiver_port.port.queues)));
        self.values.wire_bytes_per_frame = bytes_per_frame(&trips.reflected.counters, size);
        if let Some(residence) = &trips.reflected.residence {
            self.parameters.insert("reflector_residence_ns".to_owned(), json!(rtt_summary(residence)));
        }
        note_generator(&mut self.parameters, &trips.sent);
        self.parameters.insert("reflector_hiccups".to_owned(), json!(trips.reflected.hiccups));
    }

    /// Notes the cost and the proof of size of the last trial.
    ///
    /// A loop that was away makes a single measurement invalid. It says nothing against a search, which repeats every trial that a long
    /// absence cost frames, and knows of a load without loss that the loops kept up: there it is a remark.
    pub fn add_last_trial(&mut self, trial: &OneWay, pair: &BypassPair, size: FrameSize) {
        self.cpu =
            Some(poll_cost((&trial.sent.cycles, pair.sender_port.port.queues), (&trial.received.cycles, pair.receiver_port.port.queues)));
        self.values.wire_bytes_per_frame = bytes_per_frame(&trial.received.counters, size);
        let sender = away(&trial.sent.hiccups, &trial.sent.cycles, "generator");
        let receiver = away(&trial.received.hiccups, &trial.received.cycles, "sink");
        let searched = self.parameters.get("goals").and_then(Value::as_array).is_some_and(|goals| !goals.is_empty());
        match self.parameters.get_mut("remarks").and_then(Value::as_array_mut) {
            Some(remarks) if searched => remarks.extend(sender.into_iter().chain(receiver).map(|reason| json!(reason.detail))),
            _ => self.reasons.extend(sender.into_iter().chain(receiver)),
        }
        note_uncounted(&mut self.parameters, &Discards::of(&trial.received.counters, &pair.receiver_port));
        note_generator(&mut self.parameters, &trial.sent);
        self.parameters.insert("receiver_hiccups".to_owned(), json!(trial.received.hiccups));
        let away = trial.sent.hiccups.total_ns.seconds() + trial.received.hiccups.total_ns.seconds();
        self.parameters.insert("hiccup_time_s".to_owned(), json!(away));
    }
}

#[cfg(test)]
mod tests {
    use dataplane::{Pacing, PacingReport};
    use methodology::units::Seconds;

    use super::*;

    #[test]
    fn an_end_costs_a_core_for_each_of_its_poll_loops() {
        // Each loop ran for two seconds, of which a fifth of a second was stolen.
        let cycles = |loops: u32| CycleReport {
            hz: 1_000,
            total: u64::from(loops) * 2_000,
            steal: Some(Seconds::new(f64::from(loops) * 0.2).unwrap()),
            ..CycleReport::default()
        };
        let cost = poll_cost((&cycles(1), 1), (&cycles(3), 3));
        let told = |end: Option<EndCost>| end.map(|end| (end.cores.unwrap(), (end.steal_cores.unwrap() * 1e6).round()));
        assert_eq!((told(cost.sender), told(cost.receiver)), (Some((1.0, 100_000.0)), Some((3.0, 300_000.0))));
    }

    #[test]
    fn what_the_port_did_towards_the_spacing_is_in_the_record_with_the_times_that_it_did_not_keep() {
        let noted = |pacing| {
            let mut parameters = Map::new();
            note_generator(&mut parameters, &SendReport { pacing, ..SendReport::default() });
            parameters.remove("pacing_by_port")
        };
        let by = Pacing::SendOnTimestamp;
        let pacing = PacingReport { by, ahead_ns: Some(Nanoseconds::new(200_000)), queue_limit_mbps: None, times_not_kept: Some(7) };
        assert_eq!(noted(Some(pacing)), Some(json!({ "by": "send-on-timestamp", "ahead_ns": 200_000, "times_not_kept": 7 })));
        assert_eq!(noted(None), None);
    }
}
