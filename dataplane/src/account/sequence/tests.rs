//! The tracker against a model that remembers everything.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

/// Remembers every number it saw: right by construction, and useless at line rate.
struct Model {
    first: u64,
    next: u64,
    seen: HashSet<u64>,
    counts: SequenceCounts,
}

impl Model {
    fn new(first: u64) -> Model {
        Model { first, next: first, seen: HashSet::new(), counts: SequenceCounts::default() }
    }

    fn last_lost(&self) -> Option<u64> {
        let numbers = self.next.wrapping_sub(self.first);
        (1..=numbers).map(|behind| self.next.wrapping_sub(behind)).find(|sequence| !self.seen.contains(sequence))
    }

    fn observe(&mut self, sequence: u64) {
        let at = sequence.wrapping_sub(self.first);
        let next = self.next.wrapping_sub(self.first);
        if !self.seen.insert(sequence) {
            self.counts.duplicate += 1;
            return;
        }
        self.counts.received += 1;
        // RFC 4737 §3.3: in order where s >= NextExp, which then is s + 1; reordered otherwise.
        if at < next {
            self.counts.reordered += 1;
            self.counts.longest_lateness = self.counts.longest_lateness.max(next - 1 - at);
        } else {
            self.next = sequence.wrapping_add(1);
        }
        self.counts.lost = self.next.wrapping_sub(self.first) - self.counts.received;
    }
}

/// Numbers from `first`, some dropped, some sent twice, some moved back by at most `reach` places.
fn any_arrivals(reach: usize) -> impl Strategy<Value = (u64, Vec<u64>)> {
    let fates = prop::collection::vec((0u8..20, 0..=reach, 0..=reach), 1..600);
    let firsts = prop_oneof![Just(0), any::<u64>(), (0u64..400).prop_map(|below| u64::MAX - below)];
    (firsts, fates).prop_map(|(first, fates)| {
        let mut arrivals: Vec<(usize, u64)> = Vec::new();
        for (i, (fate, delay, copy_delay)) in fates.into_iter().enumerate() {
            let sequence = first.wrapping_add(i as u64);
            match fate {
                0 | 1 => {}
                2 => arrivals.extend([(i, sequence), (i + copy_delay, sequence)]),
                3 => arrivals.push((i + delay, sequence)),
                _ => arrivals.push((i, sequence)),
            }
        }
        arrivals.sort_by_key(|&(at, _)| at);
        (first, arrivals.into_iter().map(|(_, sequence)| sequence).collect())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn rfc4737_3_3_within_the_window_every_count_is_the_models((first, arrivals) in any_arrivals(60)) {
        let (mut tracker, mut model) = (Tracker::new(first, Window::new(64).unwrap()), Model::new(first));
        for &sequence in &arrivals {
            tracker.observe(sequence);
            model.observe(sequence);
            prop_assert_eq!(tracker.counts(), model.counts);
            prop_assert_eq!(tracker.next_expected(), model.next);
            prop_assert_eq!(tracker.last_lost(), model.last_lost());
        }
        prop_assert!(tracker.counts().is_exact());
    }

    #[test]
    fn bursts_count_as_their_frames_do((first, arrivals) in any_arrivals(60), burst in 1usize..70) {
        let window = Window::new(128).unwrap();
        let (mut one_by_one, mut bursts) = (Tracker::new(first, window), Tracker::new(first, window));
        arrivals.iter().for_each(|&sequence| { one_by_one.observe(sequence); });
        arrivals.chunks(burst).for_each(|burst| bursts.observe_burst(burst));
        prop_assert_eq!(one_by_one.counts(), bursts.counts());
        prop_assert_eq!(one_by_one.last_lost(), bursts.last_lost());
    }

    #[test]
    fn ascending_numbers_count_as_their_frames_do((first, arrivals) in any_arrivals(60), most in 1usize..300, window in 1u32..3) {
        let window = Window::new(64 * window).unwrap();
        let (mut one_by_one, mut ascending) = (Tracker::new(first, window), Tracker::new(first, window));
        arrivals.iter().for_each(|&sequence| { one_by_one.observe(sequence); });
        // Each part ascends; a number behind begins another.
        for part in arrivals.chunk_by(|before, after| (1..100).contains(&after.wrapping_sub(*before))).flat_map(|part| part.chunks(most)) {
            ascending.observe_ascending(part);
        }
        prop_assert_eq!(one_by_one.counts(), ascending.counts());
        prop_assert_eq!((one_by_one.next_expected(), one_by_one.last_lost()), (ascending.next_expected(), ascending.last_lost()));
    }

    #[test]
    fn beyond_the_window_the_tracker_says_so_and_the_truth_lies_within_its_bounds((first, arrivals) in any_arrivals(500)) {
        let (mut tracker, mut model) = (Tracker::new(first, Window::new(64).unwrap()), Model::new(first));
        arrivals.iter().for_each(|&sequence| { tracker.observe(sequence); model.observe(sequence); });
        let (found, truth) = (tracker.counts(), model.counts);
        prop_assert_eq!(found.observed(), arrivals.len() as u64);
        prop_assert!(found.lost >= truth.lost && found.lost.saturating_sub(found.beyond_window) <= truth.lost, "{found:?} {truth:?}");
        prop_assert!(found.duplicate <= truth.duplicate && truth.duplicate <= found.duplicate + found.beyond_window);
        prop_assert!(found.beyond_window > 0 || found == truth);
        let behind = |lost: Option<u64>| lost.map_or(u64::MAX, |lost| model.next.wrapping_sub(lost));
        prop_assert!(behind(tracker.last_lost()) <= behind(model.last_lost()), "the last lost number is never placed too early");
        prop_assert!(found.beyond_window > 0 || tracker.last_lost() == model.last_lost());
    }

    #[test]
    fn the_last_lost_number_is_known_after_leaps_of_any_length(leaps in prop::collection::vec((0u64..200, 1u64..150), 1..12), burst in 1usize..70) {
        let (mut tracker, mut model) = (Tracker::new(0, Window::new(64).unwrap()), Model::new(0));
        let mut next = 0;
        for (leap, run) in leaps {
            let arrivals: Vec<u64> = (next + leap..next + leap + run).collect();
            next += leap + run;
            arrivals.chunks(burst).for_each(|burst| tracker.observe_burst(burst));
            arrivals.iter().for_each(|&sequence| model.observe(sequence));
            prop_assert_eq!((tracker.last_lost(), tracker.counts()), (model.last_lost(), model.counts));
        }
    }
}

#[test]
fn each_arrival_is_named() {
    let mut tracker = Tracker::new(0, Window::new(64).unwrap());
    let arrivals = [0, 1, 3, 2, 3, 200, 100, 137, 136, 135, u64::MAX / 2].map(|sequence| tracker.observe(sequence));
    use SequenceClass::*;
    assert_eq!(
        arrivals,
        [InOrder, InOrder, AfterGap, Reordered, Duplicate, AfterGap, BeyondWindow, Reordered, BeyondWindow, BeyondWindow, Implausible]
    );
    let counts = tracker.counts();
    assert_eq!((counts.received, counts.lost, counts.beyond_window, counts.implausible), (6, 195, 3, 1));
}

#[test]
fn what_the_sender_sent_after_the_last_frame_seen_is_lost_too() {
    let mut tracker = Tracker::new(u64::MAX - 1, Window::DEFAULT);
    tracker.observe_burst(&[u64::MAX - 1, u64::MAX, 0]);
    assert_eq!((tracker.counts().lost, tracker.counts_until(5).lost, tracker.counts_until(1).lost), (0, 4, 0));
}

#[test]
fn a_loss_of_many_windows_is_counted_and_forgotten() {
    let mut tracker = Tracker::new(0, Window::new(64).unwrap());
    tracker.observe(0);
    tracker.observe(1_000_000);
    (1_000_001..1_000_200).for_each(|sequence| assert_eq!(tracker.observe(sequence), SequenceClass::InOrder));
    assert_eq!((tracker.counts().lost, tracker.counts().received), (999_999, 201));
    // No hole is left in the window, so frames take the short way again; a copy is still known for one.
    assert_eq!(tracker.observe(1_000_150), SequenceClass::Duplicate);
    assert!(Window::new(1 << 31).is_err());
}
