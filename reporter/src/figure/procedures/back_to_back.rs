use methodology::procedures::Measured;

use super::{Aggregation, Centre, Observation, ProcedureResult, SeriesLook, pairs_of, sizes_of};
use crate::amount::Unit;
use crate::analysis::Group;
use crate::figure::throughput::capitalised;
use crate::figure::{Axis, Dash, Figure, Scale, Styles, share_values, shown, slug};

/// The longest bursts without loss by frame size, a line a pair: a figure a group, on the same scales.
pub fn longest_bursts(results: &[ProcedureResult], styles: &Styles) -> Vec<Figure> {
    let found: Vec<&ProcedureResult> = results.iter().filter(|f| matches!(f.measured, Measured::BackToBack(_))).collect();
    let sizes: Vec<f64> = sizes_of(found.iter().copied()).iter().map(|size| f64::from(size.bytes)).collect();
    let pairs = pairs_of(found.iter().copied());
    let mut groups: Vec<Group> = pairs.iter().map(Group::of).collect();
    groups.dedup();
    let mut figures: Vec<Figure> = groups
        .iter()
        .map(|group| {
            let series = pairs.iter().filter(|pair| Group::of(pair) == *group).flat_map(|pair| {
                let short = group.short(pair);
                let observations = found.iter().filter(|f| f.pair == *pair).flat_map(|f| observations(f)).collect();
                let look =
                    SeriesLook { name: pair.to_string(), label: short.clone(), keys: vec![short.clone()], style: styles.style(&short, Dash::Solid) };
                Aggregation { centre: Centre::Mean, unit: Unit::Frames }.series(look, observations)
            });
            Figure {
                id: format!("longest-bursts-{}", slug(&group.to_string())),
                title: capitalised(&group.to_string()),
                caption: "Back-to-back frames (RFC 9004): the longest burst at the highest rate that loses nothing, the mean of the repetitions; \
                          whiskers span them. An arrow upwards means at least: the longest burst that could be tried lost nothing."
                    .to_owned(),
                series: series.collect(),
                x: Axis::sizes("frame size with FCS", sizes.clone()),
                y: Axis::values("burst", Unit::Frames, Scale::Log),
                limits: Vec::new(),
            }
        })
        .filter(|figure| !figure.is_empty())
        .collect();
    share_values(&mut figures);
    figures
}

fn observations(of: &ProcedureResult) -> Vec<Observation> {
    let Measured::BackToBack(result) = &of.measured else { return Vec::new() };
    let mut hover = vec![format!("{}, {}", of.pair, of.size)];
    hover.push(format!("sent at {}", shown(Unit::PacketsPerSecond, result.burst_rate.into())));
    hover.extend(result.corrected_buffer_time.map(|time| format!("corrected buffer time {time}")));
    let bursts = result.bursts.iter().map(|burst| Observation {
        point: u64::from(of.size.bytes),
        x: f64::from(of.size.bytes),
        y: *burst as f64,
        spread: None,
        trusted: of.trusted,
        at_least: *burst >= result.max_burst,
        hover: hover.clone(),
    });
    // Not one frame without loss has no place on a logarithmic axis; the table of procedures says it.
    bursts.filter(|burst| burst.y > 0.0).collect()
}
