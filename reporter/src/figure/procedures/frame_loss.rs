use methodology::procedures::Measured;

use super::{Aggregation, Centre, Observation, ProcedureResult, SeriesLook, pairs_of, sizes_of};
use crate::amount::Unit;
use crate::analysis::SizeKey;
use crate::figure::{Axis, AxisKind, Dash, Figure, Scale, Styles, loss, shown, slug};

/// Loss against load, a line a frame size (RFC 2544 §26.3 draws it so): a figure a pair, on the same scales.
pub fn loss_by_load(results: &[ProcedureResult]) -> Vec<Figure> {
    let curves: Vec<&ProcedureResult> = results.iter().filter(|f| matches!(f.measured, Measured::FrameLoss(_))).collect();
    let sizes = sizes_of(curves.iter().copied());
    let styles = Styles::of(sizes.iter().map(ToString::to_string));
    let mut figures: Vec<Figure> = pairs_of(curves.iter().copied())
        .into_iter()
        .map(|pair| {
            let of_pair: Vec<&ProcedureResult> = curves.iter().copied().filter(|f| f.pair == pair).collect();
            let series = sizes.iter().flat_map(|size| {
                let observations = of_pair.iter().filter(|f| f.size == *size).flat_map(|f| observations(f)).collect();
                let size = size.to_string();
                let look = SeriesLook { name: size.clone(), label: size.clone(), keys: vec![size.clone()], style: styles.style(&size, Dash::Solid) };
                Aggregation { centre: Centre::Mean, unit: Unit::Percent }.series(look, observations)
            });
            Figure {
                id: format!("frame-loss-{}", slug(&pair.to_string())),
                title: pair.to_string(),
                caption: "Frame loss rate (RFC 2544 §26.3): frames lost of frames sent, from the highest load down until two loads in a row lose \
                          nothing. 100 % is line rate where it is known, and otherwise what the sender can offer at that size."
                    .to_owned(),
                series: series.collect(),
                x: Axis::values("share of the maximum load", Unit::Percent, Scale::Linear),
                y: Axis::values("lost of sent", Unit::Percent, Scale::Linear),
                limits: Vec::new(),
            }
        })
        .filter(|figure| !figure.is_empty())
        .collect();
    let losses: Vec<f64> = figures.iter().flat_map(Figure::y_values).collect();
    for figure in &mut figures {
        figure.y.kind = loss::from_nothing(&losses);
        let fixed_ticks = vec![0.0, 20.0, 40.0, 60.0, 80.0, 100.0];
        figure.x.kind = AxisKind::Values { unit: Unit::Percent, scale: Scale::Linear, fixed_ticks, domain: Some((0.0, 100.0)) };
    }
    figures
}

fn observations(result: &ProcedureResult) -> Vec<Observation> {
    let Measured::FrameLoss(curve) = &result.measured else { return Vec::new() };
    let at =
        |size: SizeKey, load: f64| vec![format!("{}, {size}", result.pair), format!("offered {}", shown(Unit::PacketsPerSecond, load))];
    let points = curve.points.iter().map(|point| Observation {
        // The procedure steps by whole per cents; a ten-thousandth tells steps apart.
        point: (point.share.share() * 10_000.0).round() as u64,
        x: point.share.share() * 100.0,
        y: point.loss_ratio.ratio() * 100.0,
        spread: None,
        trusted: result.trusted,
        at_least: false,
        hover: {
            let mut hover = at(result.size, point.load.into());
            hover.extend((!curve.complete).then(|| "the procedure was not carried to its end".to_owned()));
            hover
        },
    });
    points.collect()
}
