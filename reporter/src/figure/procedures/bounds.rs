use methodology::procedures::Measured;
use methodology::search::{GoalOutcome, GoalResult};

use super::{Aggregation, Centre, Observation, ProcedureResult, SeriesLook, pairs_of, sizes_of};
use crate::amount::Unit;
use crate::analysis::Group;
use crate::figure::throughput::capitalised;
use crate::figure::{Axis, Dash, Figure, Scale, Styles, share_values, slug};

/// The bounds that searches found, by frame size, a line a pair and goal: a figure a group, on the same scales.
pub fn bounds_by_size(results: &[ProcedureResult], styles: &Styles) -> Vec<Figure> {
    let found: Vec<(&ProcedureResult, &GoalResult)> = results.iter().flat_map(|f| goals(f).iter().map(move |goal| (f, goal))).collect();
    let sizes: Vec<f64> = sizes_of(found.iter().map(|f| f.0)).iter().map(|size| f64::from(size.bytes)).collect();
    let pairs = pairs_of(found.iter().map(|f| f.0));
    let mut names: Vec<&str> = Vec::new();
    for (_, goal) in &found {
        if !names.contains(&goal.goal.name.as_str()) {
            names.push(&goal.goal.name);
        }
    }
    let mut groups: Vec<Group> = pairs.iter().map(Group::of).collect();
    groups.dedup();
    let mut figures: Vec<Figure> = groups
        .iter()
        .map(|group| {
            let mut series = Vec::new();
            for pair in pairs.iter().filter(|pair| Group::of(pair) == *group) {
                let short = group.short(pair);
                for (name, dash) in names.iter().zip([Dash::Solid, Dash::Dashed].into_iter().chain(std::iter::repeat(Dash::Dotted))) {
                    let of_goal = found.iter().filter(|(f, goal)| f.pair == *pair && goal.goal.name == *name);
                    let look = SeriesLook {
                        name: format!("{name} {pair}"),
                        label: format!("{name} {short}"),
                        keys: vec![short.clone(), (*name).to_owned()],
                        style: styles.style(&short, dash),
                    };
                    let observations = of_goal.filter_map(|(of, goal)| observation(of, goal)).collect();
                    series.extend(Aggregation { centre: Centre::Mean, unit: Unit::PacketsPerSecond }.series(look, observations));
                }
            }
            Figure {
                id: format!("bounds-by-size-{}", slug(&group.to_string())),
                title: capitalised(&group.to_string()),
                caption: "The highest load shown to meet each goal of an MLRsearch (the relevant lower bound); whiskers reach to the upper bound \
                          and span the repetitions. An arrow upwards means at least: no load was shown to fail."
                    .to_owned(),
                series,
                x: Axis::sizes("frame size with FCS", sizes.clone()),
                y: Axis::values("load", Unit::PacketsPerSecond, Scale::Log),
                limits: Vec::new(),
            }
        })
        .filter(|figure| !figure.is_empty())
        .collect();
    share_values(&mut figures);
    figures
}

/// The goals of a search that was the purpose; searches that only prepare another procedure are not drawn.
fn goals(of: &ProcedureResult) -> &[GoalResult] {
    match &of.measured {
        Measured::NdrPdr(search) => &search.goals,
        _ => &[],
    }
}

fn observation(of: &ProcedureResult, result: &GoalResult) -> Option<Observation> {
    let (lower, upper, at_least) = match &result.outcome {
        GoalOutcome::Regular { lower, upper, .. } => (lower, Some(upper), false),
        GoalOutcome::Irregular { lower, upper, .. } => (lower.as_ref()?, upper.as_ref(), upper.is_none()),
    };
    let load = f64::from(lower.load);
    let mut hover = vec![format!("{} {}, {}", result.goal.name, of.pair, of.size)];
    hover.extend(upper.map(|upper| format!("upper bound {}", upper.load)));
    Some(Observation {
        point: u64::from(of.size.bytes),
        x: f64::from(of.size.bytes),
        y: load,
        spread: upper.map(|upper| (load, f64::from(upper.load))),
        trusted: of.trusted,
        at_least,
        hover,
    })
}
