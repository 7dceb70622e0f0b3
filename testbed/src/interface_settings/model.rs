use std::fmt;

use serde::{Deserialize, Serialize};

use super::files::BusyPoll;

/// The largest packet that an interface sends, in bytes from the IP header on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mtu(u32);

impl Mtu {
    /// The smallest MTU of a link that carries IPv4 (RFC 791 §3.2).
    pub const LEAST: u32 = 68;
    /// The length field of IPv4 has 16 bits.
    pub const MOST: u32 = 65_535;

    /// An MTU that IPv4 can use.
    pub fn new(bytes: u32) -> Option<Self> {
        (Mtu::LEAST..=Mtu::MOST).contains(&bytes).then_some(Mtu(bytes))
    }

    /// That of an interface, which can be more than IPv4 can use: the loopback interface has 65536.
    pub(super) fn of_interface(bytes: u32) -> Option<Self> {
        (bytes >= Mtu::LEAST).then_some(Mtu(bytes))
    }

    /// Bytes.
    pub const fn bytes(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Mtu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whether an offload is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OffloadState {
    /// It is.
    On,
    /// It is not.
    Off,
}

impl OffloadState {
    /// `on` or `off`, as ethtool writes it.
    pub const fn name(self) -> &'static str {
        match self {
            OffloadState::On => "on",
            OffloadState::Off => "off",
        }
    }
}

impl From<bool> for OffloadState {
    fn from(on: bool) -> Self {
        if on { OffloadState::On } else { OffloadState::Off }
    }
}

/// Settings of one interface, and of the network stack of its machine. What is absent is left as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InterfaceSettings {
    /// The MTU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<Mtu>,
    /// Generic segmentation offload: the kernel's stack carries one large segment down to the driver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gso: Option<OffloadState>,
    /// TCP segmentation offload: the NIC cuts segments. TCP of Linux makes large segments whatever `gso` is (net/core/sock.c, `sk_setup_caps`); without
    /// both, they are cut before the driver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tso: Option<OffloadState>,
    /// Generic receive offload: received segments of one flow are joined before the stack sees them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gro: Option<OffloadState>,
    /// How often the device does not enable its interrupt after an empty poll (`napi_defer_hard_irqs`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub napi_defer_hard_irqs: Option<u32>,
    /// Nanoseconds until the device is polled again where its interrupt stays disabled (`gro_flush_timeout`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gro_flush_timeout_ns: Option<u32>,
    /// Busy polling of all sockets of the machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub busy_poll: Option<BusyPoll>,
    /// No XDP program is attached. AF_XDP attaches one, and a process that is killed leaves it: kernel traffic is slower with it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_xdp_program: bool,
}

impl InterfaceSettings {
    /// Whether nothing is set.
    pub fn is_empty(&self) -> bool {
        *self == InterfaceSettings::default()
    }

    /// Those of these settings whose value in `now` is another.
    pub(super) fn that_differ_from(self, now: InterfaceSettings) -> InterfaceSettings {
        InterfaceSettings {
            mtu: self.mtu.filter(|_| self.mtu != now.mtu),
            gso: self.gso.filter(|_| self.gso != now.gso),
            tso: self.tso.filter(|_| self.tso != now.tso),
            gro: self.gro.filter(|_| self.gro != now.gro),
            napi_defer_hard_irqs: self.napi_defer_hard_irqs.filter(|_| self.napi_defer_hard_irqs != now.napi_defer_hard_irqs),
            gro_flush_timeout_ns: self.gro_flush_timeout_ns.filter(|_| self.gro_flush_timeout_ns != now.gro_flush_timeout_ns),
            busy_poll: self.busy_poll.filter(|_| self.busy_poll != now.busy_poll),
            no_xdp_program: self.no_xdp_program && !now.no_xdp_program,
        }
    }

    /// The values that these settings have where `others` has one.
    pub(super) fn where_set_in(self, others: InterfaceSettings) -> InterfaceSettings {
        InterfaceSettings {
            mtu: self.mtu.filter(|_| others.mtu.is_some()),
            gso: self.gso.filter(|_| others.gso.is_some()),
            tso: self.tso.filter(|_| others.tso.is_some()),
            gro: self.gro.filter(|_| others.gro.is_some()),
            napi_defer_hard_irqs: self.napi_defer_hard_irqs.filter(|_| others.napi_defer_hard_irqs.is_some()),
            gro_flush_timeout_ns: self.gro_flush_timeout_ns.filter(|_| others.gro_flush_timeout_ns.is_some()),
            busy_poll: self.busy_poll.filter(|_| others.busy_poll.is_some()),
            no_xdp_program: self.no_xdp_program && others.no_xdp_program,
        }
    }
}

impl fmt::Display for InterfaceSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mtu = self.mtu.map(|mtu| format!("mtu {mtu}"));
        let gso = self.gso.map(|state| format!("gso {}", state.name()));
        let tso = self.tso.map(|state| format!("tso {}", state.name()));
        let gro = self.gro.map(|state| format!("gro {}", state.name()));
        let defer = self.napi_defer_hard_irqs.map(|times| format!("napi_defer_hard_irqs {times}"));
        let flush = self.gro_flush_timeout_ns.map(|ns| format!("gro_flush_timeout {ns} ns"));
        let busy = self.busy_poll.map(|busy| busy.to_string());
        let xdp = self.no_xdp_program.then(|| "no XDP program".to_owned());
        f.write_str(&[mtu, gso, tso, gro, defer, flush, busy, xdp].into_iter().flatten().collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_changed_and_only_what_is_changed_is_kept() {
        let (gso, gro) = (Some(OffloadState::On), Some(OffloadState::On));
        let now = InterfaceSettings { mtu: Mtu::new(1500), gso, gro, ..InterfaceSettings::default() };
        let wanted = InterfaceSettings { mtu: Mtu::new(9000), gso: Some(OffloadState::On), ..InterfaceSettings::default() };
        let change = wanted.that_differ_from(now);
        assert_eq!(change, InterfaceSettings { mtu: Mtu::new(9000), ..InterfaceSettings::default() });
        assert_eq!(now.where_set_in(change), InterfaceSettings { mtu: Mtu::new(1500), ..InterfaceSettings::default() });
        assert!(now.that_differ_from(now).is_empty());
        assert_eq!(now.to_string(), "mtu 1500, gso on, gro on");
        assert_eq!((Mtu::new(67), Mtu::new(65_536)), (None, None));
    }
}
