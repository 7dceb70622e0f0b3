use crate::amount::Unit;
use crate::analysis::{FileTransfers, TransferLine, TransferPoint};
use crate::record::Size;

use super::{Axis, Dash, Figure, Hue, Marker, Point, Scale, Series, Style, share_values, shown, slug};

/// One mark for each line, so that they differ without colour too.
const MARKERS: [Marker; 6] = [Marker::Circle, Marker::Square, Marker::Triangle, Marker::Diamond, Marker::TriangleDown, Marker::Plus];

/// Hues of the palette, which repeat with another mark.
const HUES: usize = 7;

/// Time by file size, a figure for each pair and a line for each place where TLS ends.
pub fn transfer_time_by_size(transfers: &[FileTransfers]) -> Vec<Figure> {
    let mut figures: Vec<Figure> = transfers.iter().map(figure).collect();
    share_values(&mut figures);
    figures
}

fn figure(transfers: &FileTransfers) -> Figure {
    let sizes = transfers.lines.iter().flat_map(|line| &line.points).map(|point| f64::from(point.bytes));
    let sizes: Vec<f64> = sizes.collect();
    Figure {
        id: format!("transfer-time-{}", slug(&transfers.pair.to_string())),
        title: format!("Time by file size, {}", transfers.pair),
        caption: "Time from the start of the connection to the last byte: median of all transfers, and the range from the shortest to the longest. \
                  Every file was verified by its hash."
            .to_owned(),
        x: Axis::file_sizes("file size", sizes),
        y: Axis::values("transfer time", Unit::Nanoseconds, Scale::Log),
        series: transfers.lines.iter().enumerate().map(|(place, line)| series(place, line)).collect(),
        limits: Vec::new(),
    }
}

fn series(place: usize, line: &TransferLine) -> Series {
    let marker = MARKERS.get(place % MARKERS.len()).copied().unwrap_or(Marker::Circle);
    let dash = if line.tls_at == "none" { Dash::Dashed } else { Dash::Solid };
    Series {
        name: line.setup.clone(),
        label: line.label.clone(),
        keys: vec![line.label.clone()],
        style: Style { hue: Hue((place % HUES) as u8), marker, dash, filled: line.tls_at != "none" },
        joined: true,
        points: line.points.iter().map(|point| drawn(line, point)).collect(),
    }
}

fn drawn(line: &TransferLine, point: &TransferPoint) -> Point {
    let time = |value: f64| shown(Unit::Nanoseconds, value);
    let mut hover = vec![format!("{}, {}", line.setup, Size::file(point.bytes)), format!("median {}", time(point.median_ns))];
    hover.push(match point.count {
        1 => "measured once".to_owned(),
        n => format!("n = {n}, from {} to {}", time(point.range_ns.0), time(point.range_ns.1)),
    });
    hover.extend(point.handshake_ns.map(|handshake| format!("TLS handshake {}", time(handshake))));
    hover.extend(point.goodput.map(|goodput| shown(Unit::BitsPerSecond, goodput)));
    if !point.trusted {
        hover.push("not from valid records".to_owned());
    }
    Point {
        x: f64::from(point.bytes),
        y: point.median_ns,
        spread: (point.count > 1).then_some(point.range_ns),
        trusted: point.trusted,
        hover,
    }
}
