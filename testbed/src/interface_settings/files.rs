//! Settings that are files of the kernel's, each with one number.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Microseconds for which a blocking read polls the queue of the NIC (Documentation/admin-guide/sysctl/net.rst). Linux has it in its initial network
/// namespace only (net/core/sysctl_net_core.c, `net_core_table`), and nowhere without CONFIG_NET_RX_BUSY_POLL.
pub const BUSY_READ: &str = "/proc/sys/net/core/busy_read";

/// Microseconds for which poll and select do.
const BUSY_POLL: &str = "/proc/sys/net/core/busy_poll";

/// How long sockets of a machine poll the queue of the NIC before they sleep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BusyPoll {
    /// Microseconds in a read; 0 for none.
    pub read_us: u32,
    /// Microseconds in poll and select; 0 for none.
    pub poll_us: u32,
}

impl BusyPoll {
    /// So long in a read, in poll and in select.
    pub const fn of_all_calls(us: u32) -> Self {
        BusyPoll { read_us: us, poll_us: us }
    }
}

impl fmt::Display for BusyPoll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "busy_read {} us, busy_poll {} us", self.read_us, self.poll_us)
    }
}

/// A setting that is one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Setting {
    /// Of the machine.
    BusyRead,
    /// Of the machine.
    BusyPoll,
    /// Of the interface: Documentation/networking/napi.rst.
    NapiDeferHardIrqs,
    /// Of the interface, in nanoseconds.
    GroFlushTimeout,
}

impl Setting {
    /// Its file, where it is that of an interface or of the machine of an interface.
    pub(super) fn file(self, interface: &str) -> String {
        match self {
            Setting::BusyRead => BUSY_READ.to_owned(),
            Setting::BusyPoll => BUSY_POLL.to_owned(),
            Setting::NapiDeferHardIrqs => format!("/sys/class/net/{interface}/napi_defer_hard_irqs"),
            Setting::GroFlushTimeout => format!("/sys/class/net/{interface}/gro_flush_timeout"),
        }
    }
}
