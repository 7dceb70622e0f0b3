//! RFC 8219 §7.3: packet delay variation D99.9 − Dmin (RFC 5481 §4.2) and inter-packet delay variation (RFC 3393).

use super::latency::{repeat, spread};
use super::session::Session;
use super::{DelayFigure, IpdvMedians, PdvAtLoad, PdvResult, RunError};
use crate::method::LoadPoint;
use crate::statistics::percentile_of_sorted;
use crate::trial::{DelaySummary, IpdvSummary, Measurer};
use crate::units::{Nanoseconds, PacketRate, Seconds};

pub(super) fn run<M: Measurer>(
    session: &mut Session<'_, M>,
    at: &[LoadPoint],
    duration: Seconds,
    repetitions: u32,
) -> Result<PdvResult, RunError<M::Error>> {
    let mut loads = Vec::new();
    for &point in at {
        let Some(load) = session.load_of(point)? else { continue };
        // All frames of the stream count (§7.3.1), from the first on.
        let repeated = repeat(session, load, duration, Seconds::ZERO, repetitions)?;
        let without = repeated.without_delays(load, DelayFigure::DelayVariation);
        match at_load(point, load, repeated.summaries) {
            Some(result) => loads.push(result),
            None => session.remark(without),
        }
    }
    Ok(PdvResult { search: session.searched(), loads })
}

fn at_load(at: LoadPoint, load: PacketRate, repetitions: Vec<DelaySummary>) -> Option<PdvAtLoad> {
    let variation = |delays: &DelaySummary| Nanoseconds::new(delays.p999.ns().saturating_sub(delays.min.ns()));
    let ipdv: Vec<IpdvSummary> = repetitions.iter().filter_map(|delays| delays.ipdv).collect();
    let median = |value: fn(&IpdvSummary) -> i64| {
        let mut sorted: Vec<_> = ipdv.iter().map(value).collect();
        sorted.sort_unstable();
        percentile_of_sorted(&sorted, 50.0)
    };
    let medians = median(|ipdv| ipdv.min_ns).zip(median(|ipdv| ipdv.median_ns)).zip(median(|ipdv| ipdv.max_ns));
    Some(PdvAtLoad {
        at,
        load,
        pdv: spread(repetitions.iter().map(variation))?,
        ipdv: medians.map(|((min_ns, median_ns), max_ns)| IpdvMedians { min_ns, median_ns, max_ns }),
        repetitions,
    })
}
