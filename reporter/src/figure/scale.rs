/// How an axis maps values to places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Equal steps are equal factors.
    Log,
    /// Equal steps are equal differences; begins at 0.
    Linear,
    /// Percentiles: equal steps are equal factors of what is missing to 100, so that 90, 99 and 99.9 stand at equal distances.
    Nines,
}

/// A tick: a place, and whether it has a label.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tick {
    /// In the axis's base unit.
    pub value: f64,
    /// Ticks between labelled ones are short.
    pub labelled: bool,
}

impl Scale {
    /// Where a value stands in a domain, 0 to 1.
    pub fn place(self, value: f64, (low, high): (f64, f64)) -> f64 {
        match self {
            Scale::Linear if high > low => (value - low) / (high - low),
            Scale::Log if high > low && low > 0.0 => (value.max(low * 1e-3).ln() - low.ln()) / (high.ln() - low.ln()),
            Scale::Nines if high > low && high < 100.0 => {
                // A value of 100 or more would stand infinitely far to the right.
                let nines = |v: f64| -(1.0 - v.min(100.0 - 1e-9) / 100.0).log10();
                (nines(value) - nines(low)) / (nines(high) - nines(low))
            }
            _ => 0.5,
        }
    }

    /// A domain that holds all values and ends at round numbers.
    pub fn domain(self, values: impl Iterator<Item = f64>) -> (f64, f64) {
        let positive = |v: &f64| match self {
            Scale::Linear => v.is_finite(),
            Scale::Log => v.is_finite() && *v > 0.0,
            Scale::Nines => (0.0..100.0).contains(v),
        };
        let (low, high) = values.filter(positive).fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        if low > high {
            return match self {
                Scale::Log => (1.0, 10.0),
                Scale::Linear => (0.0, 1.0),
                Scale::Nines => (40.0, 99.0),
            };
        }
        match self {
            Scale::Linear => {
                let step = round_step((high - low.min(0.0)).max(f64::MIN_POSITIVE) / 5.0);
                let bottom = if low < 0.0 { (low / step).floor() * step } else { 0.0 };
                (bottom, ((high * 1.02) / step).ceil() * step)
            }
            Scale::Log => (below(low), above(high)),
            // A little room on both sides.
            Scale::Nines => (100.0 - (100.0 - low) * 1.2, 100.0 - (100.0 - high) / 1.2),
        }
    }
}

const STEPS: [f64; 4] = [1.0, 2.0, 5.0, 10.0];

/// The largest 1, 2 or 5 times a power of ten that leaves a little room below.
fn below(low: f64) -> f64 {
    let power = 10f64.powf((low * 0.93).log10().floor());
    STEPS.iter().rev().map(|s| s * power).find(|v| *v <= low * 0.93).unwrap_or(power)
}

/// The smallest 1, 2 or 5 times a power of ten that leaves a little room above.
fn above(high: f64) -> f64 {
    let power = 10f64.powf((high * 1.07).log10().floor());
    STEPS.iter().map(|s| s * power).find(|v| *v >= high * 1.07).unwrap_or(power * 10.0)
}

fn round_step(rough: f64) -> f64 {
    let power = 10f64.powf(rough.log10().floor());
    STEPS.iter().map(|s| s * power).find(|s| *s >= rough * 0.999).unwrap_or(power * 10.0)
}

/// Ticks at round numbers within a domain.
pub fn ticks(scale: Scale, (low, high): (f64, f64)) -> Vec<Tick> {
    let slack = 1e-9;
    match scale {
        Scale::Nines => {
            let nines = (1..=12).map(|nines| 100.0 - 100.0 / 10f64.powi(nines));
            let inside = std::iter::once(50.0).chain(nines).filter(|value| (low..=high).contains(value));
            inside.map(|value| Tick { value, labelled: true }).collect()
        }
        Scale::Linear => {
            let step = round_step((high - low) / 5.0);
            let first = (low / step - slack).ceil() as i64;
            let last = (high / step + slack).floor() as i64;
            (first..=last).map(|n| Tick { value: n as f64 * step, labelled: true }).collect()
        }
        Scale::Log => {
            let decades = (high / low).log10();
            let first = low.log10().floor() as i32;
            let last = high.log10().ceil() as i32;
            let labelled: &[u32] = match decades {
                d if d <= 1.2 => &[1, 2, 3, 5, 7],
                d if d <= 3.4 => &[1, 2, 5],
                _ => &[1],
            };
            let every = if decades > 7.0 { 2 } else { 1 };
            (first..=last)
                .flat_map(|power| (1..10u32).map(move |digit| (power, digit)))
                .map(|(power, digit)| Tick {
                    value: f64::from(digit) * 10f64.powi(power),
                    labelled: labelled.contains(&digit) && power.rem_euclid(every) == 0,
                })
                .filter(|tick| tick.value >= low * (1.0 - slack) && tick.value <= high * (1.0 + slack))
                .collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        let linear: Vec<f64> = ticks(Scale::Linear, (0.0, 100.0)).iter().map(|t| t.value).collect();
        assert_eq!(linear, [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        let log: Vec<f64> = ticks(Scale::Log, (1e7, 1e11)).iter().filter(|t| t.labelled).map(|t| t.value.round()).collect();
        assert_eq!(log, [1e7, 1e8, 1e9, 1e10, 1e11]);
        let nines: Vec<String> = ticks(Scale::Nines, (40.0, 99.9995)).iter().map(|t| t.value.to_string()).collect();
        assert_eq!(nines, ["50", "90", "99", "99.9", "99.99", "99.999"]);
    }

    #[test]
    fn nines_stand_at_equal_distances() {
        let domain = Scale::Nines.domain([50.0, 99.999].into_iter());
        let places: Vec<f64> = [90.0, 99.0, 99.9, 99.99, 99.999].iter().map(|v| Scale::Nines.place(*v, domain)).collect();
        let step = places[1] - places[0];
        assert!(step > 0.0 && places.windows(2).all(|w| (w[1] - w[0] - step).abs() < 1e-9), "{places:?}");
        assert!(places[4] < 1.0 && Scale::Nines.place(50.0, domain) > 0.0);
        assert!(Scale::Nines.place(100.0, domain).is_finite());
    }

    #[test]
    fn domains_hold_their_values_and_survive_nothing() {
        for scale in [Scale::Log, Scale::Linear, Scale::Nines] {
            let lists = if scale == Scale::Nines {
                vec![vec![50.0], vec![90.0, 99.999]]
            } else {
                vec![vec![3.2e8, 9.9e10], vec![5.0], vec![1e-9, 1.0]]
            };
            for values in lists {
                let (low, high) = scale.domain(values.iter().copied());
                assert!(values.iter().all(|v| low <= *v && *v <= high), "{scale:?} {values:?} {low} {high}");
            }
            let (low, high) = scale.domain(std::iter::empty());
            assert!(low < high);
        }
    }
}
