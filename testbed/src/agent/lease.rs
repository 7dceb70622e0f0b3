//! The lease of an agent: how long it runs without a message from its conductor.
//!
//! When a network fails, the agent's input stays open: the agent would keep polling, and keep its port and its interface. The conductor therefore
//! sends a line at least every [`HEARTBEAT`], and an agent that has read none for [`LEASE`] stops and ends.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// How often the conductor sends a heartbeat.
pub const HEARTBEAT: Duration = Duration::from_secs(1);

/// How long an agent runs without one. It survives an interruption of the network of 5 s: TCP then retransmits at the latest 6.2 s after the
/// interruption began, because its first time-out is 0.2 s and doubles each time (RFC 6298 §5.5; Linux, TCP_RTO_MIN).
pub const LEASE: Duration = Duration::from_secs(8);

/// How long an agent may take after its lease has ended to stop its poll loop and close its port, before its process is killed. It has then ended
/// within 10 s of the last heartbeat.
const END_LIMIT: Duration = Duration::from_millis(1500);

/// The same where the conductor closed the connection: the limit of 10 s does not apply then.
const CLOSED_LIMIT: Duration = Duration::from_secs(6);

/// How often the watch checks the lease.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);

/// When the last line of the conductor was read, and whether the connection has ended.
#[derive(Debug)]
pub struct Lease {
    begun: Instant,
    heard_ms: AtomicU64,
    /// The conductor closed the connection, or the lease has expired.
    ended: AtomicBool,
}

impl Lease {
    /// A lease that begins now.
    pub fn new() -> Arc<Self> {
        Arc::new(Lease { begun: Instant::now(), heard_ms: AtomicU64::new(0), ended: AtomicBool::new(false) })
    }

    /// A line of the conductor was read.
    pub fn renew(&self) {
        self.heard_ms.store(self.age_ms(), Ordering::Relaxed);
    }

    /// The connection has ended.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    /// Set when the agent must stop.
    pub fn has_ended(&self) -> &AtomicBool {
        &self.ended
    }

    /// Ends the lease where the conductor was silent for too long. Returns how long the agent may take to end, once the lease has ended.
    fn check(&self) -> Option<Duration> {
        if self.ended.load(Ordering::Relaxed) {
            return Some(CLOSED_LIMIT);
        }
        let silent = self.age_ms().saturating_sub(self.heard_ms.load(Ordering::Relaxed));
        let over = silent > LEASE.as_millis() as u64;
        if over {
            self.end();
        }
        over.then_some(END_LIMIT)
    }

    /// Watches the lease until it or the agent has ended, and calls `kill` where the agent does not end in time: it may hang in a driver.
    pub fn watch(lease: &Arc<Self>, kill: impl FnOnce() + Send + 'static) {
        let lease: Weak<Lease> = Arc::downgrade(lease);
        std::thread::spawn(move || {
            let limit = loop {
                std::thread::sleep(WATCH_INTERVAL);
                let Some(lease) = lease.upgrade() else { return };
                if let Some(limit) = lease.check() {
                    break limit;
                }
            };
            std::thread::sleep(limit);
            if lease.upgrade().is_some() {
                kill();
            }
        });
    }

    fn age_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn a_lease_ends_with_the_connection_and_an_agent_that_hangs_is_killed() {
        let lease = Lease::new();
        assert_eq!(lease.check(), None);
        let (kill, killed) = channel();
        Lease::watch(&lease, move || kill.send(()).unwrap());
        lease.end();
        assert!(lease.check().is_some() && lease.has_ended().load(Ordering::Relaxed));
        killed.recv_timeout(Duration::from_secs(30)).unwrap();
    }

    #[test]
    fn an_agent_that_has_ended_is_not_killed() {
        let lease = Lease::new();
        let (kill, killed) = channel();
        Lease::watch(&lease, move || kill.send(()).unwrap());
        drop(lease);
        // The watch ends without a call of `kill`, whose channel closes then.
        assert!(killed.recv_timeout(Duration::from_secs(30)).is_err());
    }
}
