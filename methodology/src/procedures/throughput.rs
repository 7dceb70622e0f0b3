//! RFC 2544 §26.1: the greatest rate at which every frame that is offered is forwarded.

use super::session::Session;
use super::{RunError, ThroughputResult};
use crate::trial::Measurer;

/// Reports what §26.1 asks for: the rate, the theoretical maximum at this size, and the share of it.
pub(super) fn run<M: Measurer>(session: &mut Session<'_, M>) -> Result<ThroughputResult, RunError<M::Error>> {
    let search = session.search()?;
    let line_rate = session.line_rate();
    let regular = search.goals.first().filter(|goal| goal.outcome.is_regular());
    let throughput = regular.and_then(|goal| goal.outcome.lower()).map(|bound| bound.load);
    let share_of_line_rate = throughput.zip(line_rate).map(|(rate, line)| rate.pps() / line.pps());
    Ok(ThroughputResult { search, throughput, line_rate, share_of_line_rate })
}
