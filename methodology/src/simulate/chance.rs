//! How often a trial passes on a device that loses frames at random or now and then.

use super::{Device, SimulatedMeasurer};
use crate::trial::{Measurer, TesterRule, TrialInput, judge};
use crate::units::{LossRatio, PacketRate, Seconds};

/// The probability that one trial loses no more than `limit`.
///
/// Stalls meet a trial at any phase: the trial is followed at `phases` phases of the stall, evenly spread, without random loss. What then
/// remains is exact for `limit` 0: all frames pass with (1 − p)^N. For other limits the binomial count of random losses is
/// approximated by the normal distribution, as N·p is large wherever p is near such a limit.
pub fn pass_probability(
    device: &Device,
    line_rate: PacketRate,
    input: &TrialInput,
    rule: &TesterRule,
    limit: LossRatio,
    phases: u32,
) -> f64 {
    let Some(load) = input.stimulus.rate() else { return 0.0 };
    let offered = load.pps() * (1.0 - device.shortfall.ratio());
    let chance = 1.0 - (1.0 - device.random_loss(input.path, offered)) * (1.0 - device.corrupt.ratio());
    let phases = if device.stall.is_some() { phases.max(1) } else { 1 };
    let period = device.stall.map_or(0.0, |stall| stall.period.seconds());
    let passes: f64 = (0..phases)
        .map(|phase| {
            let mut without_chance = device.clone();
            without_chance.loss = LossRatio::ZERO;
            without_chance.corrupt = LossRatio::ZERO;
            without_chance.bands.clear();
            without_chance.start = Seconds::lossy(period * f64::from(phase) / f64::from(phases));
            let Ok(outcome) = SimulatedMeasurer::new(without_chance, line_rate).trial(input);
            let (_, loss) = judge(input, &outcome, rule.offered_slack);
            let intended = outcome.intended() as f64;
            let room = limit.ratio() * intended - loss.ratio() * intended;
            passes_by_chance(outcome.received() as f64, chance, room)
        })
        .sum();
    passes / f64::from(phases)
}

/// The probability that of `frames` no more than `room` are lost, each with `chance`.
fn passes_by_chance(frames: f64, chance: f64, room: f64) -> f64 {
    if room < 0.0 {
        0.0
    } else if chance <= 0.0 {
        1.0
    } else if room < 1.0 {
        (frames * (-chance).ln_1p()).exp()
    } else {
        let deviation = (frames * chance * (1.0 - chance)).sqrt().max(f64::MIN_POSITIVE);
        normal((room.floor() + 0.5 - frames * chance) / deviation)
    }
}

/// The standard normal distribution function to four digits (Bowling et al. 2009, "A logistic approximation to the cumulative normal
/// distribution").
fn normal(z: f64) -> f64 {
    1.0 / (1.0 + (-(0.07056 * z.powi(3) + 1.5976 * z)).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: PacketRate = PacketRate::of_known(37_202_380.0);
    const RULE: TesterRule = TesterRule { repeats: 0, offered_slack: Seconds::ZERO, calibration: Seconds::ZERO };

    fn probability(dut: &str, load: f64, seconds: u32, limit: f64) -> f64 {
        let input = TrialInput::constant(PacketRate::new(load).unwrap(), Seconds::from_whole(seconds));
        pass_probability(&dut.parse().unwrap(), LINE, &input, &RULE, LossRatio::new(limit).unwrap(), 1000)
    }

    #[test]
    fn random_loss_passes_a_trial_of_n_frames_with_one_minus_p_to_the_n() {
        let found = probability("loss=0.000001%", 1e6, 60, 0.0);
        assert!((found - (-0.6_f64).exp()).abs() < 1e-6, "{found}");
        assert!(probability("loss=0.4%", 1e6, 1, 0.005) > 0.999 && probability("loss=0.6%", 1e6, 1, 0.005) < 0.001);
    }

    #[test]
    fn a_stall_meets_the_share_of_trials_that_its_period_says() {
        // A trial of 1 s meets the end of a stall of 5 ms every 4 s where it begins up to 1.005 s before.
        let found = probability("capacity=10Mpps,stall=5ms/4s", 5e6, 1, 0.0);
        assert!((found - (1.0 - 1.005 / 4.0)).abs() < 0.002, "{found}");
        assert_eq!(probability("capacity=10Mpps,buffer=10000,stall=5ms/4s", 1.9e6, 1, 0.0), 1.0);
        assert_eq!(probability("capacity=10Mpps,stall=5ms/4s", 5e6, 60, 0.0), 0.0);
    }

    /// The simulated device loses as often as the probability says.
    #[test]
    fn the_simulated_device_agrees() {
        let dut: Device = "capacity=10Mpps,loss=0.00001%,buffer=4096,stall=5ms/3s".parse().unwrap();
        let input = TrialInput::constant(PacketRate::new(5e6).unwrap(), Seconds::from_whole(1));
        let expected = pass_probability(&dut, LINE, &input, &RULE, LossRatio::ZERO, 1000);
        // A start that no period divides, so that the phases are spread.
        let passed = (0..4000).filter(|&run| {
            let device = Device { start: Seconds::lossy(f64::from(run) * 0.618_033_988_7), seed: u64::from(run as u32), ..dut.clone() };
            SimulatedMeasurer::new(device, LINE).trial(&input).unwrap().lost() == 0
        });
        let share = passed.count() as f64 / 4000.0;
        // Four standard deviations of 4,000 trials.
        assert!((share - expected).abs() < 4.0 * (expected * (1.0 - expected) / 4000.0).sqrt(), "{share} {expected}");
    }
}
