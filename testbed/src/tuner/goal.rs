//! The goals: what the settings of a search are compared by.

use std::fmt;
use std::str::FromStr;

use methodology::tune::Aim;
use methodology::units::Seconds;
use reporter::amount::Unit;
use reporter::record::{Record, Stack};

use super::TuneError;

/// What is to be made best.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// Frames a second that arrive at maximum load (DPDK).
    Mrr,
    /// The greatest load without loss (DPDK).
    Ndr,
    /// The 99th percentile of round trips at a load (DPDK, and kernel tools that have percentiles).
    RttP99,
    /// Processor time: of both poll loops for each frame (DPDK); cores of both ends for each Gb/s (kernel).
    CpuPerRate,
    /// Payload a second (kernel).
    Goodput,
}

/// Keys of a measure that say what is measured, and not how the ends are set up.
const QUESTION: [&str; 22] = [
    "stack",
    "method",
    "pairs",
    "preset",
    "duration",
    "rate",
    "tool",
    "link",
    "ip",
    "goals",
    "algorithm",
    "min-load",
    "max-load",
    "time-limit",
    "phases",
    "tester",
    "repetitions",
    "at",
    "step",
    "event",
    "direction",
    "stream-load",
];

impl Goal {
    const ALL: [Goal; 5] = [Goal::Mrr, Goal::Ndr, Goal::RttP99, Goal::CpuPerRate, Goal::Goodput];

    /// As it is written on the command line and in `tune.json`.
    pub const fn name(self) -> &'static str {
        match self {
            Goal::Mrr => "mrr",
            Goal::Ndr => "ndr",
            Goal::RttP99 => "rtt-p99",
            Goal::CpuPerRate => "cpu-per-rate",
            Goal::Goodput => "goodput",
        }
    }

    /// The goal if none is given: the rate.
    pub fn usual(stack: Stack) -> Goal {
        if stack.is_kernel() { Goal::Goodput } else { Goal::Mrr }
    }

    /// Whether more is better.
    pub const fn aim(self) -> Aim {
        match self {
            Goal::Mrr | Goal::Ndr | Goal::Goodput => Aim::Greatest,
            Goal::RttP99 | Goal::CpuPerRate => Aim::Least,
        }
    }

    /// What its values are counted in.
    pub const fn unit(self, stack: Stack) -> Unit {
        match self {
            Goal::Mrr | Goal::Ndr => Unit::PacketsPerSecond,
            Goal::RttP99 => Unit::Nanoseconds,
            Goal::CpuPerRate if matches!(stack, Stack::Dpdk) => Unit::Nanoseconds,
            Goal::CpuPerRate => Unit::Cores,
            Goal::Goodput => Unit::BitsPerSecond,
        }
    }

    /// The keys of a measure that measures it.
    pub(super) fn keys(self, stack: Stack, trial: Seconds, rate: Option<&str>) -> Result<Vec<(&'static str, String)>, TuneError> {
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let trial = ("duration", quoted(&trial.to_string()));
        let method = |name: &str| ("method", quoted(name));
        let rate = rate.map(|rate| ("rate", quoted(rate)));
        if rate.is_some() && self != Goal::RttP99 {
            return Err(TuneError::Refused(format!("goal {self} has no rate: remove --rate, or use --goal rtt-p99")));
        }
        let quick = ("preset", quoted("quick"));
        Ok(match (self, stack.is_kernel()) {
            (Goal::Mrr | Goal::CpuPerRate, false) => vec![method("mrr"), quick, trial],
            (Goal::Ndr, false) => vec![method("throughput"), quick],
            (Goal::RttP99, false) => [method("round-trip"), trial].into_iter().chain(rate).collect(),
            (Goal::Goodput | Goal::CpuPerRate, true) => vec![method("stream"), trial],
            (Goal::RttP99, true) if rate.is_none() => vec![method("ping-pong"), ("tool", quoted("sockperf")), trial],
            (Goal::RttP99, true) => {
                return Err(TuneError::Refused(
                    "with kernel stacks, rtt-p99 has no rate: sockperf sends a message when the one before is answered; remove --rate"
                        .to_owned(),
                ));
            }
            (Goal::Mrr | Goal::Ndr, true) => {
                return Err(TuneError::Refused(format!(
                    "goal {self} needs DPDK: use --goal goodput, rtt-p99 or cpu-per-rate, or --stack dpdk"
                )));
            }
            (Goal::Goodput, false) => {
                return Err(TuneError::Refused("goal goodput is for kernel stacks: use --goal mrr, or --stack kernel-tcp".to_owned()));
            }
        })
    }

    /// Refuses a key that belongs to the question: settings with different values of it are not comparable.
    pub(super) fn may_vary(self, stack: Stack, key: &str) -> Result<(), TuneError> {
        // What an application hands over to TCP in one call is its choice; a frame size is what the path is asked for.
        let sizes_are_free = stack == Stack::KernelTcp && matches!(self, Goal::Goodput | Goal::CpuPerRate);
        if !QUESTION.contains(&key) && (sizes_are_free || !matches!(key, "sizes" | "message")) {
            return Ok(());
        }
        Err(TuneError::Refused(format!(
            "`{key}` cannot be a knob: it is part of what is measured, and results with different values of it cannot be compared; give it one value (--size, --rate, --trial or --set)"
        )))
    }

    /// The value of a record; none where it has none.
    pub(super) fn value(self, record: &Record) -> Option<f64> {
        let values = &record.values;
        match self {
            Goal::Mrr | Goal::Ndr => values.forwarding_pps.map(|rate| rate.pps()),
            Goal::RttP99 => values.rtt_ns.as_ref()?.p99,
            Goal::Goodput => values.goodput_bps.map(|rate| rate.bps()),
            Goal::CpuPerRate => {
                let cpu = record.cpu.as_ref()?;
                if record.stack.is_kernel() {
                    return Some(cores(record)? / (values.goodput_bps?.bps() / 1e9));
                }
                let end = |end: &Option<reporter::record::EndCost>| end.as_ref()?.busy_ns_per_frame();
                Some(end(&cpu.sender)? + end(&cpu.receiver)?)
            }
        }
        .filter(|value| *value > 0.0)
    }
}

/// The cores of both ends that a record's measurement took.
pub(super) fn cores(record: &Record) -> Option<f64> {
    let cpu = record.cpu.as_ref()?;
    let end = |end: &Option<reporter::record::EndCost>| end.as_ref()?.cores;
    let sender = end(&cpu.sender)?;
    // If both ends run on one machine, its CPU use already includes both.
    if cpu.shared_machine && record.stack.is_kernel() { Some(sender) } else { Some(sender + end(&cpu.receiver)?) }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Goal {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = || Goal::ALL.map(Goal::name).join(", ");
        Goal::ALL.into_iter().find(|goal| goal.name() == text).ok_or_else(|| format!("unknown goal `{text}`: use one of {}", names()))
    }
}
