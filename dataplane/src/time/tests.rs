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
            prop_assert_eq!(u128::from(schedule.released()), exactly_due(elapsed, pps, hz));
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
        let late = |schedule: &Schedule| schedule.lateness().max_ns.ns();
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
        prop_assert_eq!(u128::from(schedule.released()), exactly_due(elapsed, pps, 2_600_000_000));
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
            prop_assert_eq!(u128::from(schedule.released() + skipped), due);
            prop_assert_eq!(schedule.skipped(), skipped);
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
        assert_eq!(u128::from(schedule.released()), exactly_due(now, pps, hz), "{pps}");
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
    assert_eq!(schedule.due(2500, 64), Err(TooLate { frame: 1, late_ticks: 500 }));
}

#[test]
fn lateness_is_recorded_for_every_release() {
    let mut schedule = Schedule::new(clock(1_000_000_000), rate(1e6), 0, FOREVER).unwrap();
    for now in [1000, 2100, 5500] {
        schedule.due(now, 64).unwrap();
    }
    let lateness = schedule.lateness();
    assert_eq!((lateness.late_bursts, lateness.max_ns, lateness.mean_ns), (1, Nanoseconds::new(2500), (100.0 + 2500.0) / 3.0));
}

#[test]
fn rates_that_no_clock_tick_can_tell_apart_are_refused() {
    for pps in [0.0, 1e-4, 2e9] {
        let error = Schedule::new(clock(1_000_000_000), rate(pps), 0, LatePolicy::Skip).unwrap_err();
        assert!(error.to_string().contains("1000000000"), "{error}");
    }
}
