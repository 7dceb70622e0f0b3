use std::time::Duration;

use jiff::Timestamp;
use methodology::units::{Goodput, LossRatio};
use serde_json::{Map, Value};

use super::{KernelTool, MessageSize, Method, Transport};
use crate::record::{LatencyDefinition, Reason, ReasonKind, RttSummary, Values};

/// No kernel answers faster: the fastest loopback round trip of a single core is above a microsecond.
pub(super) const SHORTEST_PLAUSIBLE_RTT_NS: f64 = 200.0;

/// No path is longer: an hour is 15 times twice the two minutes that TCP gives a segment to arrive (MSL of RFC 9293 §3.4.1).
const LONGEST_PLAUSIBLE_RTT_NS: f64 = 3600e9;

/// How far a printed rate may be from the bytes and the time beside it.
const RATE_TOLERANCE: f64 = 0.02;

/// No machine moves more through its kernel: the memory bandwidth of the largest servers.
const LARGEST_PLAUSIBLE_GOODPUT_BPS: f64 = 20e12;

/// What one tool measured once, in the units of a record, before it is known between whom.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    /// Who measured.
    pub tool: KernelTool,
    /// The tool's version, where its output tells.
    pub version: Option<String>,
    /// Stream or ping-pong.
    pub method: Method,
    /// What carried the messages.
    pub transport: Transport,
    /// The message size, where the output tells.
    pub size: Option<MessageSize>,
    /// Which way the data went.
    pub direction: Direction,
    /// Whether the sender was held to a rate.
    pub paced: bool,
    /// How long data went, where the output tells.
    pub duration: Option<Duration>,
    /// When it began, where the output tells.
    pub began: Option<Timestamp>,
    /// The results. Latencies are round trips already.
    pub values: Values,
    /// What the tool says beyond that: streams, congestion control, its own CPU figures, jitter …
    pub parameters: Map<String, Value>,
    /// Why it cannot be trusted; empty where it can.
    pub doubts: Vec<Reason>,
    /// Remarks on a measurement that can be trusted.
    pub remarks: Vec<Reason>,
}

/// Which way the data of a stream went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// From the client to the server; also a ping-pong.
    ClientToServer,
    /// From the server to the client (`iperf3 -R`, half of `--bidir`).
    ServerToClient,
}

impl Measurement {
    /// Nothing measured yet.
    pub(super) fn new(tool: KernelTool, method: Method, transport: Transport) -> Self {
        Measurement {
            tool,
            version: None,
            method,
            transport,
            size: None,
            direction: Direction::ClientToServer,
            paced: false,
            duration: None,
            began: None,
            values: Values::default(),
            parameters: Map::new(),
            doubts: Vec::new(),
            remarks: Vec::new(),
        }
    }

    /// Takes a rate in bits a second. One that no machine can reach makes the measurement doubtful and is not kept.
    pub(super) fn set_goodput(&mut self, bps: f64) {
        match Goodput::new(bps) {
            Ok(goodput) if bps > LARGEST_PLAUSIBLE_GOODPUT_BPS => {
                self.doubt(ReasonKind::Implausible, format!("{goodput} is more than the memory of any machine can move"));
            }
            Ok(goodput) => {
                if bps == 0.0 {
                    self.doubt(ReasonKind::NothingReceived, "no payload arrived");
                }
                self.values.goodput_bps = Some(goodput);
            }
            Err(error) => self.doubt(ReasonKind::Implausible, error.to_string()),
        }
    }

    /// Takes a rate with the bytes and the seconds that the tool prints beside it. `rounding_s` is how far the printed time can be from the real
    /// one. Where they contradict the rate, the measurement is doubtful, and its value is what bytes and time allow.
    pub(super) fn set_transfer(&mut self, bps: f64, bytes: f64, seconds: f64, rounding_s: f64) {
        let rate = |seconds: f64| bytes * 8.0 / seconds;
        let usable = bytes.is_finite() && seconds.is_finite() && bytes >= 0.0 && seconds > rounding_s;
        if !usable {
            return self.set_goodput(bps);
        }
        let (least, most) = (rate(seconds + rounding_s) * (1.0 - RATE_TOLERANCE), rate(seconds - rounding_s) * (1.0 + RATE_TOLERANCE));
        if (least..=most).contains(&bps) {
            return self.set_goodput(bps);
        }
        self.doubt(
            ReasonKind::CountersDisagree,
            format!("{bytes} bytes in {seconds} s are {:.0} bit/s, and the tool prints {bps:.0} bit/s", rate(seconds)),
        );
        self.set_goodput(rate(seconds));
    }

    /// Takes the share of datagrams or replies that were lost, from 0 to 1; another number makes the measurement doubtful.
    pub(super) fn set_loss(&mut self, lost: f64, sent: f64) {
        match LossRatio::new(lost / sent) {
            Ok(ratio) => self.values.loss_ratio = Some(ratio),
            Err(_) => self.doubt(ReasonKind::Implausible, format!("{lost} lost of {sent} cannot be")),
        }
    }

    /// Takes latencies in nanoseconds as the tool defines them, and makes round trips of them. What no network can give makes the measurement
    /// doubtful and is not kept.
    pub(super) fn set_latency(&mut self, mut latency: RttSummary, definition: LatencyDefinition) {
        let mut implausible = None;
        for (name, slot) in named(&mut latency) {
            let Some(value) = slot else { continue };
            if definition == LatencyDefinition::HalfRoundTripDoubled {
                *value *= 2.0;
            }
            if !(SHORTEST_PLAUSIBLE_RTT_NS..=LONGEST_PLAUSIBLE_RTT_NS).contains(value) {
                let why = if *value < SHORTEST_PLAUSIBLE_RTT_NS { "shorter than any kernel's" } else { "longer than any network's" };
                implausible.get_or_insert_with(|| format!("a {name} round trip of {value} ns is {why}"));
                *slot = None;
            }
        }
        if let Some(why) = implausible {
            self.doubt(ReasonKind::Implausible, why);
        }
        if let Some(why) = disorder(&latency) {
            self.doubt(ReasonKind::Implausible, why);
            named(&mut latency).into_iter().for_each(|(_, slot)| *slot = None);
        }
        self.values.rtt_ns = Some(latency);
        self.values.latency_definition = Some(definition);
    }

    /// What can be judged only when all of a measurement is known: no round trip is longer than the measurement.
    pub(super) fn judge(&mut self) {
        let (Some(duration), Some(latency)) = (self.duration, &mut self.values.rtt_ns) else { return };
        // The printed duration can leave out how long the tool waited for the last answer.
        let limit = duration.as_nanos() as f64 * 2.0 + 1e9;
        let longer = named(latency).into_iter().find_map(|(name, slot)| slot.filter(|&ns| ns > limit).map(|ns| (name, ns)));
        if let Some((name, ns)) = longer {
            named(latency).into_iter().for_each(|(_, slot)| *slot = slot.filter(|&ns| ns <= limit));
            self.doubt(ReasonKind::Implausible, format!("a {name} round trip of {ns} ns is longer than the measurement of {duration:?}"));
        }
    }

    /// Takes a duration in seconds, where it is one.
    pub(super) fn set_duration(&mut self, seconds: f64) {
        self.duration = Duration::try_from_secs_f64(seconds).ok().filter(|duration| !duration.is_zero());
    }

    pub(super) fn doubt(&mut self, kind: ReasonKind, detail: impl Into<String>) {
        self.doubts.push(Reason { kind, detail: detail.into() });
    }

    pub(super) fn remark(&mut self, detail: impl Into<String>) {
        self.remarks.push(Reason { kind: ReasonKind::Other, detail: detail.into() });
    }

    pub(super) fn note(&mut self, name: &str, value: impl Into<Value>) {
        self.parameters.insert(name.to_owned(), value.into());
    }
}

/// The times of a summary, with their names.
fn named(latency: &mut RttSummary) -> [(&'static str, &mut Option<f64>); 8] {
    let RttSummary { min, p50, p90, p99, p999, p9999, max, mean, .. } = latency;
    [("mean", mean), ("minimum", min), ("median", p50), ("p90", p90), ("p99", p99), ("p99.9", p999), ("p99.99", p9999), ("maximum", max)]
}

/// What contradicts itself: a percentile below a lower one, or a mean outside of minimum and maximum.
///
/// Tools round: netperf to whole microseconds, neper's and sockperf's percentiles to the width of a histogram's class.
fn disorder(latency: &RttSummary) -> Option<String> {
    let above = |low: f64, high: f64| low > high * 1.05 + 2_000.0;
    let RttSummary { min, p50, p90, p99, p999, p9999, max, mean, .. } = latency;
    let known: Vec<f64> = [min, p50, p90, p99, p999, p9999, max].into_iter().flatten().copied().collect();
    if let Some(pair) = known.windows(2).find(|pair| above(pair[0], pair[1])) {
        return Some(format!("percentiles of round trips fall from {} to {} ns", pair[0], pair[1]));
    }
    let mean = (*mean)?;
    let outside = min.is_some_and(|min| above(min, mean)) || max.is_some_and(|max| above(mean, max));
    outside.then(|| format!("a mean round trip of {mean} ns is not between the minimum and the maximum"))
}
