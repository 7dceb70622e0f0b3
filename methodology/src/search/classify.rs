use super::SearchGoal;
use crate::units::{LossRatio, PacketRate, Seconds};

/// What one trial says about its load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// Trial Duration: decides whether the trial is full-length.
    pub duration: Seconds,
    /// Trial Effective Duration: what it weighs. Defaults to the duration.
    pub effective: Seconds,
    /// Trial Loss Ratio.
    pub loss: LossRatio,
}

/// Load Classification for one goal (draft-ietf-bmwg-mlrsearch-15 §"Load Classification Logic").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Classification {
    /// The load meets the goal whatever more trials would say.
    Lower,
    /// It does not, whatever more trials would say.
    Upper,
    /// More trials could decide either way.
    Undecided,
}

/// The sums of effective durations that classification is made of, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Sums {
    pub full_low: f64,
    pub full_high: f64,
    pub short_low: f64,
    pub short_high: f64,
}

impl Sums {
    pub fn of(goal: &SearchGoal, trials: &[Observation]) -> Self {
        let mut sums = Sums::default();
        for trial in trials {
            let high = trial.loss > goal.loss_ratio;
            let full = trial.duration >= goal.final_trial;
            let sum = match (full, high) {
                (true, false) => &mut sums.full_low,
                (true, true) => &mut sums.full_high,
                (false, false) => &mut sums.short_low,
                (false, true) => &mut sums.short_high,
            };
            *sum += trial.effective.seconds();
        }
        sums
    }

    /// Full-length high-loss time, with the short high-loss time that short low-loss trials do not balance.
    pub fn effective_high(&self, goal: &SearchGoal) -> f64 {
        let exceed = goal.exceed_ratio.ratio();
        let coefficient = exceed / (1.0 - exceed);
        self.full_high + (self.short_high - self.short_low * coefficient).max(0.0)
    }
}

/// `a <= b` for sums of durations, which lose their last digits on the way: ten trials of 0.1 s are one second.
fn not_above(a: f64, b: f64, scale: f64) -> bool {
    a <= b + 1e-9 * scale
}

/// Classifies a load by the draft's appendix "Load Classification Code", line by line.
///
/// The draft's own example table contradicts this code at points 5 and 6 of goal "20% exceed"; the code is normative.
pub fn classify(goal: &SearchGoal, trials: &[Observation]) -> Classification {
    let exceed = goal.exceed_ratio.ratio();
    let sums = Sums::of(goal, trials);
    let effective_high = sums.effective_high(goal);
    let effective_full = sums.full_low + effective_high;
    let whole = effective_full.max(goal.duration_sum.seconds());
    let quantile = whole * exceed;
    let pessimistic_is_lower = not_above(whole - sums.full_low, quantile, whole);
    let optimistic_is_lower = not_above(effective_high, quantile, whole);
    match (optimistic_is_lower, pessimistic_is_lower) {
        (true, true) => Classification::Lower,
        (false, false) => Classification::Upper,
        _ => Classification::Undecided,
    }
}

/// Conditional Throughput of a load (draft appendix "Conditional Throughput Code"): the load times the forwarding ratio of the
/// full-length trial that stands at the exceed-ratio quantile. Nothing where no full-length trial was done.
///
/// The draft's prose says full-length sum where its code takes the larger of that and the duration sum; the code is followed.
pub fn conditional_throughput(goal: &SearchGoal, load: PacketRate, trials: &[Observation]) -> Option<PacketRate> {
    let mut full: Vec<_> = trials.iter().filter(|trial| trial.duration >= goal.final_trial).collect();
    full.sort_by(|a, b| a.loss.ratio().total_cmp(&b.loss.ratio()));
    let full_sum: f64 = full.iter().map(|trial| trial.effective.seconds()).sum();
    let whole = goal.duration_sum.seconds().max(full_sum);
    let mut remaining = whole * (1.0 - goal.exceed_ratio.ratio());
    let mut quantile_loss = full.first()?.loss.ratio();
    let mut walked = 0;
    for trial in &full {
        if walked > 0 && not_above(remaining, 0.0, whole) {
            break;
        }
        quantile_loss = trial.loss.ratio();
        remaining -= trial.effective.seconds();
        walked += 1;
    }
    if walked == full.len() && !not_above(remaining, 0.0, whole) {
        quantile_loss = 1.0;
    }
    Some(PacketRate::from_pps_lossy(load.pps() * (1.0 - quantile_loss)))
}

#[cfg(test)]
mod tests {
    use super::Classification::{Lower, Undecided, Upper};
    use super::*;
    use crate::search::{ExceedRatio, Width};

    fn goal(final_trial: u32, sum: u32, loss: f64, exceed: f64) -> SearchGoal {
        SearchGoal {
            name: "example".to_owned(),
            loss_ratio: LossRatio::new(loss).unwrap(),
            exceed_ratio: ExceedRatio::new(exceed).unwrap(),
            initial_trial: Seconds::from_whole(1),
            final_trial: Seconds::from_whole(final_trial),
            duration_sum: Seconds::from_whole(sum),
            width: Width::HALF_PERCENT,
        }
    }

    fn trials(groups: &[(usize, u32, f64)]) -> Vec<Observation> {
        groups
            .iter()
            .flat_map(|&(count, seconds, loss)| {
                let duration = Seconds::from_whole(seconds);
                std::iter::repeat_n(Observation { duration, effective: duration, loss: LossRatio::new(loss).unwrap() }, count)
            })
            .collect()
    }

    /// The draft's four example goals.
    fn example_goals() -> [SearchGoal; 4] {
        [goal(60, 60, 0.0, 0.0), goal(60, 120, 0.0, 0.5), goal(1, 120, 0.005, 0.5), goal(60, 60, 0.005, 0.2)]
    }

    /// The draft's six points in time, each with all trials so far.
    fn example_points() -> [Vec<Observation>; 6] {
        [
            trials(&[(59, 1, 0.0)]),
            trials(&[(59, 1, 0.0), (1, 1, 0.01)]),
            trials(&[(59, 1, 0.0), (60, 1, 0.01)]),
            trials(&[(60, 1, 0.0), (60, 1, 0.01)]),
            trials(&[(60, 1, 0.0), (60, 1, 0.01), (1, 60, 0.001)]),
            trials(&[(60, 1, 0.0), (60, 1, 0.01), (1, 60, 0.001), (1, 60, 0.0)]),
        ]
    }

    /// Draft appendix "Example Search", all 24 cells; goal "20% exceed" at points 5 and 6 as the draft's code has it (Upper), not
    /// as its table prints it: 42.857 % and 27.273 % are above 20 %.
    #[test]
    fn mlrsearch15_example_search_k16_load_classification() {
        let expected = [
            [Undecided, Undecided, Undecided, Undecided],
            [Upper, Undecided, Undecided, Undecided],
            [Upper, Undecided, Undecided, Upper],
            [Upper, Undecided, Lower, Upper],
            [Upper, Undecided, Lower, Upper],
            [Upper, Lower, Lower, Upper],
        ];
        let goals = example_goals();
        for (point, (trials, expected)) in example_points().iter().zip(expected).enumerate() {
            let found: Vec<_> = goals.iter().map(|goal| classify(goal, trials)).collect();
            assert_eq!(found, expected, "point {}", point + 1);
        }
    }

    /// Draft appendix "Conditional Throughput Computations": 1,000,000 for goals TST009 and "1s final".
    #[test]
    fn mlrsearch15_example_search_k16_conditional_throughput() {
        let (goals, points) = (example_goals(), example_points());
        let load = PacketRate::new(1e6).unwrap();
        assert_eq!(conditional_throughput(&goals[1], load, &points[5]), Some(load));
        assert_eq!(conditional_throughput(&goals[2], load, &points[5]), Some(load));
        assert_eq!(conditional_throughput(&goals[0], load, &points[0]), None);
    }

    /// Too few full-length trials for the quantile: the missing ones count as all lost.
    #[test]
    fn mlrsearch15_conditional_throughput_of_too_few_trials_is_nothing() {
        let load = PacketRate::new(1e6).unwrap();
        assert_eq!(conditional_throughput(&goal(1, 21, 0.0, 0.5), load, &trials(&[(5, 1, 0.0)])), Some(PacketRate::ZERO));
    }

    #[test]
    fn ten_trials_of_a_tenth_of_a_second_are_one_second() {
        let mut goal = goal(1, 1, 0.0, 0.0);
        goal.final_trial = Seconds::from_millis(100);
        let trial = Observation { duration: goal.final_trial, effective: goal.final_trial, loss: LossRatio::ZERO };
        assert_eq!(classify(&goal, &[trial; 10]), Lower);
        assert_eq!(classify(&goal, &[trial; 9]), Undecided);
    }

    #[test]
    fn mlrsearch15_no_trials_are_undecided() {
        for goal in example_goals() {
            assert_eq!(classify(&goal, &[]), Undecided);
        }
    }
}
