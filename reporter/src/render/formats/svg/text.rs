//! How much room text takes. SVG cannot ask the font, so places are kept by an estimate that is a little too wide for common sans-serif faces.

/// The size of all text in figures, in CSS pixels.
pub const FONT: f64 = 12.0;

/// An upper estimate of a text's width at [`FONT`].
pub fn width(text: &str) -> f64 {
    text.chars()
        .map(|c| match c {
            'i' | 'j' | 'l' | '.' | ',' | '|' | '\'' | ' ' => 0.32,
            'm' | 'w' | 'M' | 'W' | '→' | '%' | '<' | '>' | '=' | '+' | '…' => 0.92,
            'A'..='Z' => 0.68,
            _ => 0.57,
        })
        .sum::<f64>()
        * FONT
}

/// A name that fits beside a plane; a longer one keeps its beginning. The whole name stands in the tables and under the pointer.
pub fn fitted(name: &str) -> String {
    fitted_to(name, 24)
}

/// A text of at most that many characters.
pub fn fitted_to(text: &str, most: usize) -> String {
    if text.chars().count() <= most { text.to_owned() } else { text.chars().take(most - 1).chain(['…']).collect() }
}

/// Moves places apart that are closer than `gap`, keeping their order, within `low..=high`. Gives the new places in the given order.
pub fn spread(places: &[f64], gap: f64, low: f64, high: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_by(|&i, &j| places[i].total_cmp(&places[j]));
    let mut moved = places.to_vec();
    let mut previous = f64::NEG_INFINITY;
    for &i in &order {
        moved[i] = moved[i].max(previous + gap).max(low);
        previous = moved[i];
    }
    let mut next = high + gap;
    for &i in order.iter().rev() {
        moved[i] = moved[i].min(next - gap);
        next = moved[i];
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_keep_their_order_and_their_distance() {
        let moved = spread(&[100.0, 101.0, 50.0, 102.0], 14.0, 0.0, 110.0);
        assert_eq!(moved, [82.0, 96.0, 50.0, 110.0]);
    }
}
