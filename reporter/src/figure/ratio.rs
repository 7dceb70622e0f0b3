use crate::amount::Unit;
use crate::analysis::{Basis, Group, Ratio};
use crate::record::Stack;

use super::throughput::capitalised;
use super::{Axis, Dash, Figure, Limit, Point, Scale, Series, Styles, share_values, shown, slug};

/// Kernel bypass over kernel TCP by size: a figure a group, on the same scales.
pub fn ratio_by_size(ratios: &[Ratio], styles: &Styles) -> Vec<Figure> {
    let comparable: Vec<&Ratio> = ratios
        .iter()
        .filter(|r| r.kernel_stack == Stack::REFERENCE_KERNEL && r.basis == Basis::PayloadAtSameNumber && r.ratio > 0.0)
        .collect();
    let sizes: Vec<f64> = comparable.iter().map(|r| f64::from(r.bytes)).collect();
    let (first, last) = sizes.iter().fold((f64::INFINITY, 0.0_f64), |(l, h), &v| (l.min(v), h.max(v)));
    let mut groups: Vec<Group> = comparable.iter().map(|r| Group::of(&r.pair)).collect();
    groups.dedup();
    let mut figures: Vec<Figure> = groups
        .iter()
        .map(|group| Figure {
            id: format!("ratio-by-size-{}", slug(&group.to_string())),
            title: capitalised(&group.to_string()),
            caption:
                "Payload received by DPDK in frames of N bytes, over the goodput of TCP with messages of N bytes: the same number, two \
                      different experiments. Above 1, bypass carried more. Whiskers are 95 % intervals where there are repetitions."
                    .to_owned(),
            x: Axis::sizes("frame size (DPDK), message size (TCP)", sizes.clone()),
            y: Axis::values("DPDK over kernel TCP", Unit::Ratio, Scale::Log),
            series: series_of(&comparable, styles, group),
            limits: vec![Limit { label: "equal".to_owned(), points: vec![(first, 1.0), (last, 1.0)] }],
        })
        .collect();
    share_values(&mut figures);
    figures
}

fn series_of(ratios: &[&Ratio], styles: &Styles, group: &Group) -> Vec<Series> {
    let mut pairs: Vec<_> = ratios.iter().map(|r| &r.pair).filter(|pair| Group::of(pair) == *group).collect();
    pairs.dedup();
    pairs
        .into_iter()
        .map(|pair| {
            let short = group.short(pair);
            Series {
                name: pair.to_string(),
                label: short.clone(),
                keys: vec![short.clone()],
                style: styles.style(&short, Dash::Solid),
                joined: true,
                points: ratios.iter().filter(|r| r.pair == *pair).map(|r| point_of(r)).collect(),
            }
        })
        .collect()
}

fn point_of(ratio: &Ratio) -> Point {
    let mut hover = vec![
        format!("{}, {} B", ratio.pair, ratio.bytes),
        format!("DPDK {} of payload", shown(Unit::BitsPerSecond, ratio.dpdk.geometric_mean())),
        format!("kernel TCP {}", shown(Unit::BitsPerSecond, ratio.kernel.geometric_mean())),
        format!("ratio {}", shown(Unit::Ratio, ratio.ratio)),
    ];
    hover.push(match ratio.interval {
        Ok(i) => format!("95 %: {} to {}", shown(Unit::Ratio, i.low), shown(Unit::Ratio, i.high)),
        Err(why) => format!("{why}: no interval"),
    });
    if !ratio.is_trusted() {
        hover.push("not from valid trials".to_owned());
    }
    Point {
        x: f64::from(ratio.bytes),
        y: ratio.ratio,
        spread: ratio.interval.ok().map(|i| (i.low, i.high)),
        trusted: ratio.is_trusted(),
        hover,
    }
}
