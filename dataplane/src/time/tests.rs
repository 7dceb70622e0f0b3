use methodology::units::{Nanoseconds, PacketRate};
use proptest::prelude::*;

use super::*;

const FOREVER: LatePolicy = LatePolicy::CatchUp { bound: Nanoseconds::new(u64::MAX) };

fn clock(hz: u64) -> TickRate {
    TickRate::from_hz(hz).unwrap()
}

fn rate(pps: f64) -> PacketRate {
    PacketRate::new(pps).unwrap()
}

/// ⌊ticks·rate/hz⌋ in exact arithmetic: the float is mantissa·2^exponent, with a negative exponent here.
fn exactly_due(ticks: u64, pps: f64, hz: u64) -> u128 {
    let bits = pps.to_bits();
    let mantissa = u128::from(bits & ((1 << 52) - 1) | 1 << 52);
    let exponent = (bits >> 52) as i32 - 1075;
    let (mantissa, shift) = (mantissa >> mantissa.trailing_zeros().min(52), -exponent - mantissa.trailing_zeros().min(52) as i32);
    if shift <= 0 {
        return u128::from(ticks) * (mantissa << -shift) / u128::from(hz);
    }
    // ⌊⌊a / 2^s⌋ / hz⌋ = ⌊a / (2^s · hz)⌋
    ((u128::from(ticks) * mantissa) >> shift) / u128::from(hz)
}

fn any_rate() -> impl Strategy<Value = f64> {
    prop_oneof![Just(1e6), Just(1e3), Just(1e7), Just(148_809_523.0), Just(7_440_476.190_476_19), Just(1.0 / 3.0), 1.0f64..1e3, 1e3f64..3e8,]
}

proptest! {
    #[test]
    fn after_any_polls_exactly_the_floor_of_time_times_rate_is_released(
        pps in any_rate(), hz in 1_000_000_000u64..4_000_000_000, start: u64, polls in prop::collection::vec(0u64..50_000, 1..100),
    ) {
        let mut schedule = Schedule::new(clock(hz), rate(pps), start, FOREVER).unwrap();
        let mut elapsed = 0u64;
        for poll in polls {
            elapsed += poll;
            let release = schedule.due(start.wrapping_add(elapsed), u32::MAX).unwrap();
            prop_assert_eq!(release.skipped, 0);
            prop_assert_eq!(u128::from(schedule.log().released()), exactly_due(elapsed, pps, hz));
        }
    }

    /// Released ahead, each frame is late only against the time at which it is due.
    #[test]
    fn a_lead_moves_releases_and_neither_the_rate_nor_what_is_late(
        pps in any_rate(), hz in 1_000_000_000u64..4_000_000_000, lead in 0u64..1_000_000, polls in prop::collection::vec(0u64..50_000, 1..100),
    ) {
        let mut ahead = Schedule::new(clock(hz), rate(pps), lead, FOREVER).unwrap().ahead_by(lead);
        let mut plain = Schedule::new(clock(hz), rate(pps), 0, FOREVER).unwrap();
        let mut elapsed = 0u64;
        for poll in polls {
            elapsed += poll;
            prop_assert_eq!(ahead.due(elapsed, u32::MAX).unwrap().frames, plain.due(elapsed, u32::MAX).unwrap().frames);
            prop_assert_eq!(ahead.next_due(), plain.next_due() + lead);
        }
        let late = |schedule: &Schedule| schedule.log().lateness().max_ns.ns();
        let (ahead, plain, lead) = (late(&ahead), late(&plain), clock(hz).nanoseconds(lead).ns());
        prop_assert!(ahead.abs_diff(plain.saturating_sub(lead)) <= 1, "{} {} {}", ahead, plain, lead);
    }

    #[test]
    fn the_next_frame_is_due_at_the_first_tick_at_which_the_floor_rises(pps in any_rate(), hz in 1_000_000_000u64..4_000_000_000) {
        let mut schedule = Schedule::new(clock(hz), rate(pps), 0, FOREVER).unwrap();
        for frame in 0..50u64 {
            let due = schedule.next_due();
            prop_assert_eq!(exactly_due(due, pps, hz), u128::from(frame) + 1);
            prop_assert_eq!(exactly_due(due - 1, pps, hz), u128::from(frame));
            prop_assert_eq!(schedule.due(due - 1, 1).unwrap().frames, 0);
            prop_assert_eq!(schedule.due(due, 1).unwrap().frames, 1);
        }
    }

    #[test]
    fn what_room_leaves_over_is_released_later(pps in 1e6f64..1e8, room in 1u32..64, elapsed in 1u64..2_000_000) {
        let mut schedule = Schedule::new(clock(2_600_000_000), rate(pps), 0, FOREVER).unwrap();
        loop {
            let frames = schedule.due(elapsed, room).unwrap().frames;
            prop_assert!(frames <= room);
            if frames == 0 { break }
        }
        prop_assert_eq!(u128::from(schedule.log().released()), exactly_due(elapsed, pps, 2_600_000_000));
    }

    #[test]
    fn skipped_and_released_together_are_what_was_due_and_no_frame_goes_later_than_the_bound(
        pps in 1e3f64..1e8, bound_ns in 1u64..100_000, polls in prop::collection::vec(prop_oneof![0u64..3000, 0u64..3_000_000], 1..60),
    ) {
        let hz = 2_600_000_000;
        let bound = clock(hz).ticks(Nanoseconds::new(bound_ns)).max(1);
        let mut schedule = Schedule::new(clock(hz), rate(pps), 0, LatePolicy::CatchUp { bound: Nanoseconds::new(bound_ns) }).unwrap();
        let (mut now, mut skipped) = (0, 0);
        for poll in polls {
            now += poll;
            let release = schedule.due(now, u32::MAX).unwrap();
            skipped += release.skipped;
            let due = exactly_due(now, pps, hz);
            prop_assert_eq!(u128::from(schedule.log().released() + skipped), due);
            prop_assert_eq!(schedule.log().skipped(), skipped);
            // Frames due in the last `bound` ticks are sent, older ones are not.
            if release.skipped > 0 {
                let too_late = exactly_due(now.saturating_sub(bound), pps, hz);
                prop_assert_eq!(u128::from(release.frames), due - too_late);
            }
        }
    }
}

#[test]
fn there_is_no_drift_over_ten_to_the_twelve_ticks() {
    // 33 % of 10 Gbit/s at 64 bytes is a gap of 529.45 cycles: truncated to whole ones it is 859 ppm off.
    for pps in [4_910_714.160_000_001, 1e6, 1e7, 14_880_952.0, 1_234.567_89] {
        let hz = 2_599_998_141;
        let bound = LatePolicy::CatchUp { bound: Nanoseconds::new(u64::MAX) };
        let mut schedule = Schedule::new(clock(hz), rate(pps), 0, bound).unwrap();
        let (mut now, step) = (0u64, 999_999_937);
        while now < 1_000_000_000_000 {
            now += step;
            schedule.due(now, u32::MAX).unwrap();
        }
        assert_eq!(u128::from(schedule.log().released()), exactly_due(now, pps, hz), "{pps}");
    }
}

#[test]
fn skipping_never_exceeds_the_rate_and_aborting_says_which_frame_was_late() {
    let hz = 1_000_000_000;
    let mut schedule = Schedule::new(clock(hz), rate(1e6), 0, LatePolicy::Skip).unwrap();
    assert_eq!(schedule.due(1000, 64).unwrap(), Release { frames: 1, skipped: 0 });
    assert_eq!(schedule.due(10_500, 64).unwrap(), Release { frames: 1, skipped: 8 });
    assert_eq!(schedule.next_due(), 11_000);

    let bound = Nanoseconds::new(500);
    let mut schedule = Schedule::new(clock(hz), rate(1e6), 0, LatePolicy::Abort { bound }).unwrap();
    assert_eq!(schedule.due(1499, 64).unwrap().frames, 1);
    assert_eq!(schedule.due(2500, 64), Err(TooLate { frame: 1, late: Nanoseconds::new(500) }));
}

#[test]
fn lateness_is_recorded_for_every_release() {
    let mut schedule = Schedule::new(clock(1_000_000_000), rate(1e6), 0, FOREVER).unwrap();
    for now in [1000, 2100, 5500] {
        schedule.due(now, 64).unwrap();
    }
    let lateness = schedule.log().lateness();
    assert_eq!((lateness.late_bursts, lateness.max_ns, lateness.mean_ns), (1, Nanoseconds::new(2500), (100.0 + 2500.0) / 3.0));
}

#[test]
fn rates_that_no_clock_tick_can_tell_apart_are_refused() {
    for pps in [0.0, 1e-4, 2e9] {
        let error = Schedule::new(clock(1_000_000_000), rate(pps), 0, LatePolicy::Skip).unwrap_err();
        assert!(error.to_string().contains("1000000000"), "{error}");
    }
}

/// The named mix of 12 frames, as bytes of wire time.
fn imix() -> std::sync::Arc<[u32]> {
    let Ok(methodology::units::Frames::Mix(mix)) = "imix-simple".parse() else { panic!("not a mix") };
    mix.sizes().iter().map(|size| size.on_wire()).collect()
}

#[test]
fn frames_of_a_mix_are_due_by_their_own_sizes() {
    let (hz, sizes) = (2_600_000_000, imix());
    let round: u64 = sizes.iter().map(|bytes| u64::from(*bytes)).sum();
    // 1 Gbit/s at layer 1.
    let pps = 1e9 / (8.0 * round as f64 / sizes.len() as f64);
    let mut schedule = Schedule::sized(clock(hz), rate(pps), 77, FOREVER, sizes.clone()).unwrap();
    let mut bytes = 0u64;
    for frame in 0..100_000 {
        bytes += u64::from(sizes[frame % sizes.len()]);
        let exact = bytes as f64 * 8.0 * hz as f64 / 1e9;
        let due = (schedule.next_due() - 77) as f64;
        assert!(due >= exact - 1e-3 && due < exact + 1.001, "frame {frame} is due at {due}, {exact} by its bytes");
        assert_eq!(schedule.due(schedule.next_due(), 1).unwrap().frames, 1);
    }
    for frames in [1u64, 5, 12, 13, 1000, 100_000] {
        let all: u64 = (0..frames).map(|frame| u64::from(sizes[frame as usize % sizes.len()])).sum();
        let time = schedule.time_of(frames);
        assert!((time.seconds() - all as f64 * 8.0 / 1e9).abs() < 1e-9, "{frames} frames take {time:?}");
        assert_eq!(schedule.frames_within(time), frames);
    }
}

#[test]
fn late_frames_of_a_mix_are_skipped_with_their_own_gaps() {
    let sizes = imix();
    let bound = LatePolicy::CatchUp { bound: Nanoseconds::new(10_000) };
    let mut schedule = Schedule::sized(clock(1_000_000_000), rate(1e6), 0, bound, sizes.clone()).unwrap();
    let release = schedule.due(1_000_000, 1000).unwrap();
    // Twelve frames are twelve microseconds: all but about ten of a thousand frames were due more than 10 µs ago.
    assert_eq!(release.skipped + u64::from(release.frames), schedule.frames_within(Nanoseconds::new(1_000_000).seconds()));
    assert!((980..=995).contains(&release.skipped), "{release:?}");
    let wire: Vec<u64> = sizes.iter().map(|bytes| u64::from(*bytes)).collect();
    let all: u64 = (0..release.skipped + u64::from(release.frames) + 1).map(|frame| wire[frame as usize % wire.len()]).sum();
    let exact = all as f64 * 12e3 / wire.iter().sum::<u64>() as f64;
    assert!((schedule.next_due() as f64 - exact).abs() < 1.1, "{} and not {exact}", schedule.next_due());
}

#[test]
fn a_gap_in_nanoseconds_is_not_rounded_to_ticks() {
    let schedule = Schedule::new(clock(2_100_000_000), rate(14_880_952.0), 0, FOREVER).unwrap();
    assert_eq!((schedule.gap_ticks(), format!("{:.1}", schedule.gap_ns())), (142, "67.2".to_owned()));
}
