//! RFC 2544 §26.1: the greatest rate at which every frame that is offered is forwarded.

use super::session::Session;
use super::{RunError, ThroughputResult};
use crate::search::{GoalOutcome, Irregularity};
use crate::trial::Measurer;

/// Reports what §26.1 asks for: the rate, the theoretical maximum at this size, and the share of it.
pub(super) fn run<M: Measurer>(session: &mut Session<'_, M>) -> Result<ThroughputResult, RunError<M::Error>> {
    let search = session.search()?;
    let line_rate = session.line_rate();
    let lower = search.goals.first().map(|goal| (&goal.outcome, goal.outcome.lower().map(|bound| bound.load)));
    let (throughput, at_least) = match lower {
        Some((GoalOutcome::Regular { .. }, load)) => (load, None),
        Some((GoalOutcome::Irregular { why: Irregularity::AtLeastMaxLoad, .. }, load)) => (None, load),
        _ => (None, None),
    };
    let share_of_line_rate = throughput.or(at_least).zip(line_rate).map(|(rate, line)| rate.pps() / line.pps());
    Ok(ThroughputResult { search, throughput, at_least, line_rate, share_of_line_rate })
}
