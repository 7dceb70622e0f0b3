use crate::amount::Unit;
use crate::analysis::{Ladder, Rung, RungKind};
use crate::record::Pair;

use super::{Axis, Dash, Figure, Hue, Marker, Point, Scale, Series, Style, share_both, shown, slug};

/// One mark for each frame size, so that they differ without colour too.
const MARKERS: [Marker; 5] = [Marker::Circle, Marker::Square, Marker::Triangle, Marker::Diamond, Marker::TriangleDown];

/// Hues of the palette, which repeat with another mark.
const HUES: usize = 7;

/// The ladder of each pair: a row for each rung, a series for each frame size.
pub fn ladder_of_stacks(ladders: &[Ladder]) -> Vec<Figure> {
    let mut sizes: Vec<u32> = ladders.iter().map(|ladder| ladder.frame_bytes).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let mut pairs: Vec<&Pair> = ladders.iter().map(|ladder| &ladder.pair).collect();
    pairs.dedup();
    let mut figures: Vec<Figure> = pairs.into_iter().map(|pair| figure(pair, ladders, &sizes)).collect();
    share_both(&mut figures);
    figures
}

fn figure(pair: &Pair, ladders: &[Ladder], sizes: &[u32]) -> Figure {
    let own: Vec<&Ladder> = ladders.iter().filter(|ladder| ladder.pair == *pair).collect();
    let mut kinds: Vec<&RungKind> = own.iter().flat_map(|ladder| &ladder.rungs).map(|rung| &rung.kind).collect();
    kinds.sort();
    kinds.dedup();
    let series = own.iter().map(|ladder| {
        let place = sizes.iter().position(|size| *size == ladder.frame_bytes).unwrap_or(0);
        let marker = MARKERS.get(place % MARKERS.len()).copied().unwrap_or(Marker::Circle);
        let name = format!("{} B frames", ladder.frame_bytes);
        let point = |rung: &Rung| {
            let row = kinds.iter().position(|kind| **kind == rung.kind)?;
            Some(Point { x: rung.goodput, y: row as f64, spread: None, trusted: rung.trusted, hover: hover(ladder, rung) })
        };
        Series {
            label: String::new(),
            keys: vec![name.clone()],
            name,
            style: Style { hue: Hue((place % HUES) as u8), marker, dash: Dash::Solid, filled: true },
            joined: false,
            points: ladder.rungs.iter().filter_map(point).collect(),
        }
    });
    Figure {
        id: format!("ladder-{}", slug(&pair.to_string())),
        title: format!("Payload by stack, {pair}"),
        caption: "Payload received, one row for each stack and one mark for each frame size. Kernel TCP at its best has messages and settings of \
                  its own: it is the same result for every frame size. Small: messages of as many bytes as the frame has."
            .to_owned(),
        x: Axis::values("goodput", Unit::BitsPerSecond, Scale::Log),
        y: Axis::names("stack", kinds.iter().map(|kind| kind.label()).collect()),
        series: series.collect(),
        limits: Vec::new(),
    }
}

fn hover(ladder: &Ladder, rung: &Rung) -> Vec<String> {
    let mut lines = vec![
        format!("{}, {} B frames", rung.kind.label(), ladder.frame_bytes),
        format!("{} of payload", shown(Unit::BitsPerSecond, rung.goodput)),
    ];
    lines.extend(rung.below_by.map(|factor| {
        let doubt = if factor.trusted { "" } else { " (one of the two is not from valid trials)" };
        format!("the rung above: {}{doubt}", shown(Unit::Ratio, factor.times))
    }));
    lines.extend(rung.cores.map(|cores| format!("{} in use", shown(Unit::Cores, cores))));
    match rung.results {
        _ if matches!(rung.kind, RungKind::LineRate | RungKind::PcieLink) => lines.push("computed, not measured".to_owned()),
        _ if rung.kind == RungKind::GeneratorAlone => lines.push("the fastest of its measurements".to_owned()),
        1 => lines.push("measured once".to_owned()),
        n => lines.push(format!("mean, n = {n}")),
    }
    if !rung.trusted {
        lines.push("not from valid trials".to_owned());
    }
    lines
}
