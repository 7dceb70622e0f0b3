//! The kind that a record gives to each reason of `methodology`: decided here by the reason's type, and nowhere by its text.

use methodology::procedures::MethodReason;
use methodology::trial::{Fault, TrialReason};
use reporter::record::{Reason, ReasonKind};

/// The reasons of a record for one reason of a method. A trial that stayed invalid gives one for each of its own.
pub(super) fn reasons_of_method(reason: &MethodReason) -> Vec<Reason> {
    let kind = match reason {
        MethodReason::TrialInvalid { trial, reasons } => {
            let detail = |reason: &TrialReason| format!("trial {trial} is invalid: {reason}");
            return reasons.iter().map(|reason| Reason { kind: kind_of_trial_reason(reason), detail: detail(reason) }).collect();
        }
        MethodReason::NoDelays { .. } => ReasonKind::NothingReceived,
        MethodReason::NoValidTrial
        | MethodReason::NoValidDelays { .. }
        | MethodReason::CurvePartial
        | MethodReason::BufferTooLarge { .. }
        | MethodReason::NotRecovered { .. }
        | MethodReason::NotBackAfterReset
        | MethodReason::NoThroughput
        | MethodReason::NoRateFor { .. }
        | MethodReason::GoalIrregular { .. }
        | MethodReason::GoalLimitedByTester { .. }
        | MethodReason::LoadsLimitedByTester { .. }
        | MethodReason::MaxLoadCalibrated { .. }
        | MethodReason::SweepEndsAtMaxLoad { .. }
        | MethodReason::NotOverloaded { .. } => ReasonKind::Other,
    };
    vec![Reason { kind, detail: reason.to_string() }]
}

/// The reason of a record for a fault of a trial.
pub(super) fn reason_of_fault(fault: &Fault) -> Reason {
    Reason { kind: kind_of_fault(fault), detail: fault.to_string() }
}

fn kind_of_trial_reason(reason: &TrialReason) -> ReasonKind {
    match reason {
        TrialReason::Hiccup { .. } => ReasonKind::Hiccup,
        TrialReason::OfferedShort { .. } | TrialReason::NothingSent => ReasonKind::OfferedShort,
        TrialReason::MoreReceivedThanSent { .. } => ReasonKind::MoreThanSent,
        TrialReason::Fault { fault } => kind_of_fault(fault),
    }
}

fn kind_of_fault(fault: &Fault) -> ReasonKind {
    match fault {
        Fault::LinkDown { .. } | Fault::LinkChange { .. } => ReasonKind::LinkChange,
        Fault::PauseFrames { .. } => ReasonKind::PauseFrames,
        Fault::SizeNotIntended { .. } => ReasonKind::WrongFrameSize,
        Fault::InterfaceCountedLess { .. } => ReasonKind::CountersDisagree,
        Fault::WindowExceeded { .. } => ReasonKind::WindowExceeded,
        Fault::Duplicates { .. } => ReasonKind::Duplicates,
        Fault::SeveralSenders => ReasonKind::SeveralSenders,
        Fault::ForeignFrames { .. } => ReasonKind::ForeignFrames,
        Fault::InFlight { .. } => ReasonKind::InFlight,
        Fault::InDirection { fault, .. } => kind_of_fault(fault),
        Fault::ReflectorUnsent { .. } | Fault::EndedEarly { .. } => ReasonKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use methodology::method::LoadPoint;
    use methodology::procedures::{DelayFigure, MaxLoadLimit};
    use methodology::search::Irregularity;
    use methodology::trial::Engine;
    use methodology::units::{PacketRate, Seconds};

    use super::*;

    fn kinds(reason: MethodReason) -> Vec<ReasonKind> {
        reasons_of_method(&reason).into_iter().map(|reason| reason.kind).collect()
    }

    #[test]
    fn a_device_that_stays_away_after_a_reset_is_no_hiccup_of_the_tester() {
        assert_eq!(kinds(MethodReason::NotBackAfterReset), [ReasonKind::Other]);
    }

    #[test]
    fn every_reason_of_a_trial_has_the_kind_of_its_type() {
        let (port, second) = ("0000:03:00.0".to_owned(), Seconds::from_whole(1));
        let fault = |fault| TrialReason::Fault { fault };
        let cases = [
            (TrialReason::Hiccup { count: 1, longest: second }, ReasonKind::Hiccup),
            (TrialReason::OfferedShort { intended: 2, sent: 1 }, ReasonKind::OfferedShort),
            (TrialReason::NothingSent, ReasonKind::OfferedShort),
            (TrialReason::MoreReceivedThanSent { sent: 1, received: 2 }, ReasonKind::MoreThanSent),
            (fault(Fault::LinkDown { port: port.clone() }), ReasonKind::LinkChange),
            (fault(Fault::LinkChange { port }), ReasonKind::LinkChange),
            (fault(Fault::PauseFrames { count: 3 }), ReasonKind::PauseFrames),
            (fault(Fault::SizeNotIntended { intended: 64, counted_milli: 68_000 }), ReasonKind::WrongFrameSize),
            (fault(Fault::WindowExceeded { frames: 9 }), ReasonKind::WindowExceeded),
            (fault(Fault::ReflectorUnsent { frames: 5 }), ReasonKind::Other),
            (fault(Fault::Duplicates { frames: 800, received: 200 }), ReasonKind::Duplicates),
            (fault(Fault::SeveralSenders), ReasonKind::SeveralSenders),
            (fault(Fault::ForeignFrames { frames: 500, received: 200 }), ReasonKind::ForeignFrames),
            (fault(Fault::InFlight { frames: 81, waited: second.nanoseconds() }), ReasonKind::InFlight),
            // The text of an engine names other kinds' words; it is not read.
            (fault(Fault::EndedEarly { engine: Engine::Sink, reason: "the link of p0 was down, offered".to_owned() }), ReasonKind::Other),
        ];
        let (reasons, expected): (Vec<TrialReason>, Vec<ReasonKind>) = cases.into_iter().unzip();
        let made = reasons_of_method(&MethodReason::TrialInvalid { trial: 7, reasons: reasons.clone() });
        assert_eq!(made.iter().map(|reason| reason.kind).collect::<Vec<_>>(), expected);
        for (made, reason) in made.iter().zip(&reasons) {
            assert_eq!(made.detail, format!("trial 7 is invalid: {reason}"));
        }
    }

    #[test]
    fn every_reason_of_a_method_has_the_kind_of_its_type() {
        let (rate, second) = (PacketRate::ZERO, Seconds::from_whole(1));
        for missing in [DelayFigure::Delay, DelayFigure::DelayVariation] {
            assert_eq!(kinds(MethodReason::NoDelays { load: rate, missing }), [ReasonKind::NothingReceived]);
            assert_eq!(kinds(MethodReason::NoValidDelays { load: rate, missing }), [ReasonKind::Other]);
        }
        for why in [Irregularity::AtLeastMaxLoad, Irregularity::BelowMinLoad, Irregularity::TesterDisturbed, Irregularity::OutOfTime] {
            let goal = "NDR".to_owned();
            let (min_load, max_load, limit) = (rate, rate, MaxLoadLimit::Tester);
            let reason = MethodReason::GoalIrregular { goal, why, min_load, max_load, limit, lower: None, upper: None };
            assert_eq!(kinds(reason), [ReasonKind::Other]);
        }
        for reason in [
            MethodReason::NoValidTrial,
            MethodReason::CurvePartial,
            MethodReason::BufferTooLarge { burst: second },
            MethodReason::NotRecovered { after: second },
            MethodReason::NoThroughput,
            MethodReason::NoRateFor { point: LoadPoint::Throughput },
            MethodReason::GoalLimitedByTester { goal: "NDR".to_owned(), lower: rate, upper: rate },
            MethodReason::MaxLoadCalibrated { offered: rate, line_rate: None },
            MethodReason::SweepEndsAtMaxLoad { max_load: rate },
            MethodReason::NotOverloaded { max_load: rate },
        ] {
            assert_eq!(kinds(reason), [ReasonKind::Other]);
        }
    }
}
