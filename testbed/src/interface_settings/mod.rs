//! Settings of a kernel interface, and of the network stack of its machine, that a measurement changes: MTU, offloads, interrupts, busy polling. They
//! are put back when the measurement is over.
//!
//! Before a setting is changed, its value is written into a journal. A run that is killed leaves its entry there, and the next run puts the values
//! back ([`restore_left`]).

mod busy_poll_claim;
mod change;
mod error;
mod files;
mod journal;
mod model;
mod tools;

pub use busy_poll_claim::{BusyPollClaim, BusyPollClaimed, BusyPollUse};
pub use change::ChangedInterface;
pub use error::InterfaceSettingsError;
pub use files::{BUSY_READ, BusyPoll};
pub use journal::{RestoreReport, restore_left};
pub use model::{InterfaceSettings, Mtu, OffloadState};
