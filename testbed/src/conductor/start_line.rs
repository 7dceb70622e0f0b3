//! A common start for the members of a group, and how long they were under way together.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often a member that waits looks whether the user ended the run.
const LOOK: Duration = Duration::from_millis(100);

/// Where the members of a group wait until all others are ready to send, or cannot come any more.
#[derive(Debug)]
pub(super) struct StartLine {
    state: Mutex<State>,
    changed: Condvar,
    members: usize,
}

#[derive(Debug, Default)]
struct State {
    waiting: usize,
    left: usize,
    starts: u64,
}

/// One member's place at the start line. Dropping it gives the place up, so that no other member waits for one that failed.
#[derive(Debug)]
pub(super) struct Starter<'l> {
    line: &'l StartLine,
}

impl StartLine {
    /// For so many members, each of which takes one [`Starter`].
    pub(super) fn new(members: usize) -> Self {
        StartLine { state: Mutex::default(), changed: Condvar::new(), members }
    }

    /// The place of one member.
    pub(super) fn starter(&self) -> Starter<'_> {
        Starter { line: self }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is whole between any two statements: a member that panicked left nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start_if_all_are_there(&self, state: &mut State) {
        if state.waiting > 0 && state.waiting + state.left >= self.members {
            state.waiting = 0;
            state.starts += 1;
            self.changed.notify_all();
        }
    }
}

impl Starter<'_> {
    /// Waits until every other member waits too or has left. It returns early when the user ends the run.
    pub(super) fn wait(&self, interrupted: &AtomicBool) {
        let mut state = self.line.lock();
        state.waiting += 1;
        let start = state.starts;
        self.line.start_if_all_are_there(&mut state);
        while state.starts == start && !interrupted.load(Ordering::Relaxed) {
            (state, _) = self.line.changed.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Starter<'_> {
    fn drop(&mut self) {
        let mut state = self.line.lock();
        state.left += 1;
        self.line.start_if_all_are_there(&mut state);
    }
}

/// When a member's traffic ran: for `length`, somewhere between two moments. Between them the tool also started, connected and reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) began: Instant,
    pub(super) ended: Instant,
    pub(super) length: Duration,
}

impl Span {
    /// It ran from this moment on.
    fn latest_begin(&self) -> Instant {
        self.ended.checked_sub(self.length).map_or(self.began, |begin| begin.max(self.began))
    }

    /// It ran until this moment.
    fn earliest_end(&self) -> Instant {
        (self.began + self.length).min(self.ended)
    }
}

/// The share of the longest member's time during which all of them certainly ran.
pub(super) fn overlap(spans: &[Span]) -> f64 {
    let begin = spans.iter().map(Span::latest_begin).max();
    let end = spans.iter().map(Span::earliest_end).min();
    let longest = spans.iter().map(|span| span.length).max().unwrap_or_default();
    match begin.zip(end) {
        Some((begin, end)) if !longest.is_zero() => end.saturating_duration_since(begin).as_secs_f64() / longest.as_secs_f64(),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[test]
    fn no_member_starts_before_all_are_ready() {
        let (line, arrived) = (StartLine::new(3), AtomicUsize::new(0));
        let never = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for member in 0..3 {
                let (line, arrived, never) = (&line, &arrived, &never);
                scope.spawn(move || {
                    let starter = line.starter();
                    // Twice: a trial that was disturbed is made again by all members.
                    for round in 1..=2 {
                        std::thread::sleep(Duration::from_millis(7 * member));
                        arrived.fetch_add(1, Ordering::SeqCst);
                        starter.wait(never);
                        assert!(arrived.load(Ordering::SeqCst) >= 3 * round);
                    }
                });
            }
        });
    }

    #[test]
    fn a_failed_member_does_not_delay_the_others() {
        let line = StartLine::new(2);
        let never = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let failed = line.starter();
            let waiting = scope.spawn(|| line.starter().wait(&never));
            std::thread::sleep(Duration::from_millis(20));
            assert!(!waiting.is_finished(), "the other member can still come");
            drop(failed);
            waiting.join().unwrap();
        });
        line.starter().wait(&never);
    }

    #[test]
    fn a_run_that_the_user_ended_does_not_wait() {
        StartLine::new(2).starter().wait(&AtomicBool::new(true));
    }

    #[test]
    fn the_overlap_is_what_is_certain_of_the_longest_trial() {
        let zero = Instant::now();
        let span = |began: u64, ended: u64, length: u64| Span {
            began: zero + Duration::from_millis(began),
            ended: zero + Duration::from_millis(ended),
            length: Duration::from_millis(length),
        };
        let of = |spans: &[Span]| (overlap(spans) * 1000.0).round() / 1000.0;
        assert_eq!(of(&[span(0, 1000, 1000), span(0, 1000, 1000)]), 1.0);
        // 1 s of traffic within 1.1 s: it may have begun at 0 or at 0.1 s.
        assert_eq!(of(&[span(0, 1100, 1000), span(0, 1000, 1000)]), 0.9);
        assert_eq!(of(&[span(0, 1000, 1000), span(500, 1500, 1000)]), 0.5);
        assert_eq!(of(&[span(0, 1000, 1000), span(1200, 2200, 1000)]), 0.0, "one after the other");
        assert_eq!(of(&[span(0, 1000, 1000), span(0, 500, 500)]), 0.5, "half of the longer trial was alone");
        assert_eq!(of(&[span(0, 1000, 1200), span(0, 1000, 1000)]), 0.833, "a tool rounds its duration");
        assert_eq!((of(&[]), of(&[span(0, 10, 0)])), (0.0, 0.0));
    }
}
