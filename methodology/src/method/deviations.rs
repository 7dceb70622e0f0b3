//! Where a method's values fall short of the clauses it is named for.

use super::{Method, Procedure};
use crate::trial::Deviation;
use crate::units::Seconds;

impl Method {
    /// Every departure that follows from the method's own values.
    pub fn deviations(&self) -> Vec<Deviation> {
        let mut found = self.phases.deviations();
        if self.procedure.searches() {
            for goal in self.search.goals.iter().filter(|goal| goal.final_trial < Seconds::from_whole(60)) {
                found.push(Deviation::new(
                    "RFC 2544 §24",
                    &format!("duration of the final trials of {}", goal.name),
                    "60 s at least",
                    goal.final_trial,
                ));
            }
        }
        found.extend(self.procedure.deviations());
        found
    }
}

impl Procedure {
    /// Whether the method needs a search, unless an earlier one's result is known.
    pub fn searches(&self) -> bool {
        !matches!(self, Procedure::FrameLoss { .. } | Procedure::Mrr { .. })
    }

    fn deviations(&self) -> Vec<Deviation> {
        let mut found = Vec::new();
        let mut at_least = |clause: &str, what: &str, asked: Seconds, done: Seconds| {
            if done < asked {
                found.push(Deviation::new(clause, what, format!("{asked} at least"), done));
            }
        };
        match *self {
            Procedure::Throughput | Procedure::NdrPdr | Procedure::Mrr { .. } | Procedure::Overload { .. } => {}
            Procedure::Latency { duration, tagged_after, repetitions, .. } => {
                at_least("RFC 8219 §7.2", "duration of the stream", Seconds::from_whole(120), duration);
                at_least("RFC 8219 §7.2", "time before the first tagged frame", Seconds::from_whole(60), tagged_after);
                repeated("RFC 8219 §7.2", 20, repetitions, &mut found);
            }
            Procedure::Pdv { duration, repetitions, .. } => {
                at_least("RFC 8219 §7.3.1", "duration of the stream", Seconds::from_whole(60), duration);
                repeated("RFC 8219 §7.3.1", 20, repetitions, &mut found);
            }
            Procedure::FrameLoss { step, duration } => {
                at_least("RFC 2544 §24", "duration of each trial", Seconds::from_whole(60), duration);
                if step.share() > 0.1 {
                    found.push(Deviation::new("RFC 2544 §26.3", "step of the load", "10 % of the maximum rate at most", step));
                }
            }
            Procedure::BackToBack { repetitions, .. } => repeated("RFC 2544 §26.4", 50, repetitions, &mut found),
            Procedure::SystemRecovery { overload, .. } => {
                at_least("RFC 2544 §26.5", "duration of the overload", Seconds::from_whole(60), overload);
            }
            Procedure::Reset { duration, .. } => at_least("RFC 2544 §24", "duration of each trial", Seconds::from_whole(60), duration),
            Procedure::Soak { duration, .. } => at_least("CSIT soak", "duration", Seconds::from_whole(1800), duration),
        }
        found
    }
}

fn repeated(clause: &str, asked: u32, done: u32, found: &mut Vec<Deviation>) {
    if done < asked {
        found.push(Deviation::new(clause, "repetitions", format!("{asked} at least"), done));
    }
}
