/// Keeps the chance that any true null hypothesis is rejected at the stated level (Holm 1979). Returns adjusted p in the given order.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&i, &j| p[i].total_cmp(&p[j]));
    let mut adjusted = vec![1.0; p.len()];
    let mut worst = 0.0_f64;
    for (rank, &i) in order.iter().enumerate() {
        worst = worst.max(p[i] * (p.len() - rank) as f64).min(1.0);
        adjusted[i] = worst;
    }
    adjusted
}

/// Keeps the expected share of false among the rejected at the stated level (Benjamini and Hochberg 1995). When nothing differs at all it
/// keeps the chance of any false alarm at that level too. Returns adjusted p in the given order.
pub fn benjamini_hochberg(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&i, &j| p[j].total_cmp(&p[i]));
    let mut adjusted = vec![1.0; p.len()];
    let mut best = 1.0_f64;
    for (from_last, &i) in order.iter().enumerate() {
        let rank = p.len() - from_last;
        best = best.min(p[i] * p.len() as f64 / rank as f64);
        adjusted[i] = best;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corrections_match_worked_examples() {
        // R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm") and "BH".
        let p = [0.01, 0.04, 0.03, 0.005];
        for (got, want) in holm(&p).iter().zip([0.03, 0.06, 0.06, 0.02]) {
            assert!((got - want).abs() < 1e-12, "{got} {want}");
        }
        for (got, want) in benjamini_hochberg(&p).iter().zip([0.02, 0.04, 0.04, 0.02]) {
            assert!((got - want).abs() < 1e-12, "{got} {want}");
        }
    }
}
