use std::time::Duration;

use jiff::Timestamp;
use methodology::units::Goodput;
use serde_json::{Map, Value};

use super::{KernelTool, MessageSize, Method, Transport};
use crate::record::{LatencyDefinition, Reason, ReasonKind, RttSummary, Values};

/// No kernel answers faster: the fastest loopback round trip of a single core is above a microsecond.
pub(super) const SHORTEST_PLAUSIBLE_RTT_NS: f64 = 200.0;

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
    /// Why it cannot be believed; empty where nothing speaks against it.
    pub doubts: Vec<Reason>,
    /// What a reader should know though it can be believed.
    pub remarks: Vec<Reason>,
}

/// Which way the data of a stream went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

    /// Takes a rate in bits a second; one that cannot be true makes the measurement doubtful.
    pub(super) fn set_goodput(&mut self, bps: f64) {
        match Goodput::new(bps) {
            Ok(goodput) => {
                if bps == 0.0 {
                    self.doubt(ReasonKind::NothingReceived, "no payload arrived");
                } else if bps > LARGEST_PLAUSIBLE_GOODPUT_BPS {
                    self.doubt(ReasonKind::Implausible, format!("{goodput} is more than memory can move"));
                }
                self.values.goodput_bps = Some(goodput);
            }
            Err(error) => self.doubt(ReasonKind::Implausible, error.to_string()),
        }
    }

    /// Takes latencies in nanoseconds as the tool defines them, and makes round trips of them.
    pub(super) fn set_latency(&mut self, mut latency: RttSummary, definition: LatencyDefinition) {
        let RttSummary { min, p50, p90, p99, p999, p9999, max, mean, .. } = &mut latency;
        let mut implausible = None;
        for (name, slot) in [
            ("mean", mean),
            ("median", p50),
            ("minimum", min),
            ("p90", p90),
            ("p99", p99),
            ("p99.9", p999),
            ("p99.99", p9999),
            ("maximum", max),
        ] {
            let Some(value) = slot else { continue };
            if definition == LatencyDefinition::HalfRoundTripDoubled {
                *value *= 2.0;
            }
            if !value.is_finite() || *value < SHORTEST_PLAUSIBLE_RTT_NS {
                implausible.get_or_insert_with(|| format!("a {name} round trip of {value} ns is shorter than any kernel's"));
            }
            if !value.is_finite() {
                *slot = None;
            }
        }
        if let Some(why) = implausible {
            self.doubt(ReasonKind::Implausible, why);
        }
        self.values.rtt_ns = Some(latency);
        self.values.latency_definition = Some(definition);
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
