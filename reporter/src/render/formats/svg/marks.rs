use crate::figure::Marker;

/// The path of a mark around a place. All shapes have about the same area, so that none looks more important.
pub fn path(marker: Marker, x: f64, y: f64, size: f64) -> String {
    let r = size;
    match marker {
        Marker::Circle => {
            format!("M{:.1} {y:.1}a{r:.1} {r:.1} 0 1 0 {d:.1} 0a{r:.1} {r:.1} 0 1 0 -{d:.1} 0z", x - r, d = 2.0 * r)
        }
        Marker::Square | Marker::Tile => {
            let h = r * 0.9;
            format!("M{:.1} {:.1}h{d:.1}v{d:.1}h-{d:.1}z", x - h, y - h, d = 2.0 * h)
        }
        Marker::Triangle => {
            let h = r * 1.2;
            format!("M{x:.1} {:.1}L{:.1} {:.1}H{:.1}z", y - h, x + h, y + h * 0.75, x - h)
        }
        Marker::TriangleDown => {
            let h = r * 1.2;
            format!("M{x:.1} {:.1}L{:.1} {:.1}H{:.1}z", y + h, x + h, y - h * 0.75, x - h)
        }
        Marker::Diamond => {
            let h = r * 1.25;
            format!("M{x:.1} {:.1}L{:.1} {y:.1}L{x:.1} {:.1}L{:.1} {y:.1}z", y - h, x + h, y + h, x - h)
        }
        Marker::Plus => {
            let (a, b) = (r * 1.2, r * 0.45);
            let (l, s) = (a - b, 2.0 * b);
            format!("M{:.1} {:.1}h{s:.1}v{l:.1}h{l:.1}v{s:.1}h-{l:.1}v{l:.1}h-{s:.1}v-{l:.1}h-{l:.1}v-{s:.1}h{l:.1}z", x - b, y - a)
        }
        Marker::Arrow => {
            let (head, stem) = (r * 1.3, r * 0.45);
            let edge = head - stem;
            format!("M{x:.1} {:.1}l{head:.1} {head:.1}h-{edge:.1}v{head:.1}h-{:.1}v-{head:.1}h-{edge:.1}z", y - head, 2.0 * stem)
        }
        Marker::Bar => format!("M{:.1} {:.1}h2.4v{:.1}h-2.4z", x - 1.2, y - r * 1.3, r * 2.6),
    }
}

/// The mark of a result that is not valid: a cross, whatever the series' own mark is.
pub fn cross(x: f64, y: f64, size: f64) -> String {
    format!("M{:.1} {:.1}l{d:.1} {d:.1}m0 -{d:.1}l-{d:.1} {d:.1}", x - size, y - size, d = 2.0 * size)
}
