use std::fmt;

use serde::{Deserialize, Serialize};

use crate::method::LoadPoint;
use crate::search::{Bound, BoundSetBy, Irregularity};
use crate::trial::TrialReason;
use crate::units::{PacketRate, Seconds};

/// Why the result of a method is invalid, or what a reader must know of a valid one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum MethodReason {
    /// A trial stayed invalid after all its repeats.
    TrialInvalid {
        /// The trial's number.
        trial: u32,
        /// Why it is invalid.
        reasons: Vec<TrialReason>,
    },
    /// Every trial was invalid: there is no rate.
    NoValidTrial,
    /// No frame came back at a load at which delays were to be measured.
    NoDelays {
        /// The load.
        load: PacketRate,
        /// What cannot be reported.
        missing: DelayFigure,
    },
    /// Every trial at a load at which delays were to be measured stayed invalid.
    NoValidDelays {
        /// The load.
        load: PacketRate,
        /// What cannot be reported.
        missing: DelayFigure,
    },
    /// The loss curve does not reach two successive trials without loss (RFC 2544 §26.3).
    CurvePartial,
    /// The device forwards the longest burst that RFC 9004 §6.2 allows.
    BufferTooLarge {
        /// How long that burst is.
        burst: Seconds,
    },
    /// Frames were lost until the end of the trial after an overload (RFC 2544 §26.5).
    NotRecovered {
        /// How long the reduced load lasted.
        after: Seconds,
    },
    /// No frame came between the reset and the end of the trial (RFC 2544 §26.6): the device did not come back.
    NotBackAfterReset,
    /// No load without loss was found.
    NoThroughput,
    /// The search found no rate that a load point is relative to.
    NoRateFor {
        /// The load point.
        point: LoadPoint,
    },
    /// A goal has no regular result.
    GoalIrregular {
        /// The goal's name.
        goal: String,
        /// Why.
        #[serde(flatten)]
        why: Irregularity,
        /// Min Load of the search.
        min_load: PacketRate,
        /// Max Load of the search.
        max_load: PacketRate,
        /// What limits Max Load.
        limit: MaxLoadLimit,
        /// The lower bound that was found, if any.
        lower: Option<Bound>,
        /// The upper bound that was found, if any.
        upper: Option<Bound>,
    },
    /// The upper bound of a goal is a load that the tester could not offer: the lower bound stands, as "at least".
    GoalLimitedByTester {
        /// The goal's name.
        goal: String,
        /// The load that was shown to meet the goal.
        lower: PacketRate,
        /// The load that the tester could not offer.
        upper: PacketRate,
    },
    /// A goal of a search that only gives loads has no upper bound below what the tester offers: loads that are relative to it are shares of that.
    LoadsLimitedByTester {
        /// The goal's name.
        goal: String,
        /// What the tester offers.
        max_load: PacketRate,
    },
    /// The tester offers less than line rate, or the line rate is not known: Max Load is what it offers.
    MaxLoadCalibrated {
        /// What the tester offers.
        offered: PacketRate,
        /// Line rate, where the link's speed is known.
        line_rate: Option<PacketRate>,
    },
    /// An overload sweep ends below the multiple of NDR that was asked for.
    SweepEndsAtMaxLoad {
        /// Max Load.
        max_load: PacketRate,
    },
    /// Throughput is the maximum rate: the device cannot be overloaded.
    NotOverloaded {
        /// The maximum rate.
        max_load: PacketRate,
    },
}

/// What is computed from delays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DelayFigure {
    /// Delays themselves (RFC 8219 §7.2).
    Delay,
    /// Their variation (RFC 8219 §7.3).
    DelayVariation,
}

/// What limits the largest load of a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MaxLoadLimit {
    /// The tester offers no more.
    Tester,
    /// The link carries no more (RFC 2544 §20).
    LineRate,
    /// The plan asks for no more.
    Plan,
}

impl MethodReason {
    /// Whether it makes the result invalid. What does not is a remark beside a valid result.
    pub fn invalidates(&self) -> bool {
        match self {
            MethodReason::TrialInvalid { .. }
            | MethodReason::NoValidTrial
            | MethodReason::NoDelays { .. }
            | MethodReason::NoValidDelays { .. }
            | MethodReason::CurvePartial
            | MethodReason::BufferTooLarge { .. }
            | MethodReason::NotRecovered { .. }
            | MethodReason::NotBackAfterReset
            | MethodReason::NoThroughput
            | MethodReason::NoRateFor { .. } => true,
            // RFC 2544 §20: no more can be offered on this medium. The answer stands, as "at least".
            MethodReason::GoalIrregular { why: Irregularity::AtLeastMaxLoad, limit: MaxLoadLimit::LineRate, .. } => false,
            MethodReason::GoalIrregular { .. } => true,
            MethodReason::GoalLimitedByTester { .. }
            | MethodReason::LoadsLimitedByTester { .. }
            | MethodReason::MaxLoadCalibrated { .. }
            | MethodReason::SweepEndsAtMaxLoad { .. }
            | MethodReason::NotOverloaded { .. } => false,
        }
    }
}

impl fmt::Display for MethodReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MethodReason::TrialInvalid { trial, reasons } => {
                write!(f, "trial {trial} is invalid: ")?;
                for (index, reason) in reasons.iter().enumerate() {
                    write!(f, "{}{reason}", if index == 0 { "" } else { "; " })?;
                }
                Ok(())
            }
            MethodReason::NoValidTrial => f.write_str("every trial is invalid: there is no rate to report"),
            MethodReason::NoDelays { load, missing } => write!(f, "no frame came back at {load}: there is no {missing} to report"),
            MethodReason::NoValidDelays { load, missing } => write!(f, "every trial at {load} is invalid: there is no {missing} to report"),
            MethodReason::CurvePartial => {
                f.write_str("the loss curve is partial: it does not reach from 100 % down to two successive trials without loss")
            }
            MethodReason::BufferTooLarge { burst } => {
                write!(f, "bursts of {burst} pass without loss: the buffer is larger than RFC 9004 can measure")
            }
            MethodReason::NotRecovered { after } => {
                write!(f, "frames were still lost when the trial ended, {after} after the overload: the device had not recovered")
            }
            MethodReason::NotBackAfterReset => {
                f.write_str("no frame arrived between the reset and the end of the trial: the device did not resume forwarding")
            }
            MethodReason::NoThroughput => f.write_str("the search found no load without frame loss: there is no load to measure at"),
            MethodReason::NoRateFor { point } => write!(f, "{point}: the search found no such rate"),
            MethodReason::GoalIrregular { goal, why, min_load, max_load, limit, lower, upper } => match (why, limit) {
                (Irregularity::AtLeastMaxLoad, MaxLoadLimit::Tester) => {
                    write!(f, "{goal} is at least {max_load}, the most that the tester offers: the device may forward more")
                }
                (Irregularity::AtLeastMaxLoad, MaxLoadLimit::LineRate) => {
                    write!(f, "{goal} is at least line rate, {max_load}: the link carries no more")
                }
                (Irregularity::AtLeastMaxLoad, MaxLoadLimit::Plan) => {
                    write!(f, "{goal} is at least max load, {max_load}: the device may forward more")
                }
                (Irregularity::BelowMinLoad, _) => match upper.as_ref().filter(|upper| upper.set_by == BoundSetBy::Tester) {
                    Some(upper) => write!(
                        f,
                        "{goal}: the tester fell short at every load down to min load, {min_load}: {} of the frames were not offered there, or \
                         not sent back by the tester\u{2019}s reflector, and \
                         the device was not shown to lose more than the goal allows",
                        upper.best_loss
                    ),
                    None => write!(f, "{goal}: even min load, {min_load}, does not meet the goal"),
                },
                (Irregularity::TesterDisturbed, _) => {
                    write!(f, "{goal}: the tester disturbed every trial at a load that had to be decided")
                }
                (Irregularity::OutOfTime, _) => {
                    let found = match (lower, upper) {
                        (Some(lower), Some(upper)) => format!(
                            "between {} and {} until then (trials at these bounds: {} and {})",
                            lower.load, upper.load, lower.trials, upper.trials
                        ),
                        (Some(lower), None) => format!("at least {} until then (trials at this bound: {})", lower.load, lower.trials),
                        (None, Some(upper)) => format!("below {} until then (trials at this bound: {})", upper.load, upper.trials),
                        (None, None) => "no load was tried".to_owned(),
                    };
                    write!(f, "{goal}: the limit on trial time was reached before the goal: {found}")
                }
            },
            MethodReason::GoalLimitedByTester { goal, lower, upper } => {
                write!(f, "{goal} is at least {lower}: the tester, and not the device, fell short at {upper}")
            }
            MethodReason::LoadsLimitedByTester { goal, max_load } => {
                write!(
                    f,
                    "{goal} is at least {max_load}, the most that the tester offers: loads that are relative to it are shares of that"
                )
            }
            MethodReason::MaxLoadCalibrated { offered, line_rate: Some(line) } => {
                write!(f, "the tester offers {offered} of the line rate {line}: max load is what the tester offers")
            }
            MethodReason::MaxLoadCalibrated { offered, line_rate: None } => {
                write!(f, "the link speed is not known: max load is what the tester offers, {offered}")
            }
            MethodReason::SweepEndsAtMaxLoad { max_load } => write!(f, "the sweep ends at max load, {max_load}"),
            MethodReason::NotOverloaded { max_load } => {
                write!(f, "throughput is the maximum rate, {max_load}: the device was not overloaded")
            }
        }
    }
}

impl fmt::Display for DelayFigure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DelayFigure::Delay => "delay",
            DelayFigure::DelayVariation => "delay variation",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_line_rate_makes_an_open_upper_end_a_valid_answer() {
        let goal = |why, limit| MethodReason::GoalIrregular {
            goal: "NDR".to_owned(),
            why,
            min_load: PacketRate::ZERO,
            max_load: PacketRate::ZERO,
            limit,
            lower: None,
            upper: None,
        };
        for limit in [MaxLoadLimit::Tester, MaxLoadLimit::LineRate, MaxLoadLimit::Plan] {
            assert_eq!(goal(Irregularity::AtLeastMaxLoad, limit).invalidates(), limit != MaxLoadLimit::LineRate);
            for why in [Irregularity::BelowMinLoad, Irregularity::TesterDisturbed, Irregularity::OutOfTime] {
                assert!(goal(why, limit).invalidates(), "{why:?}");
            }
        }
    }
}
