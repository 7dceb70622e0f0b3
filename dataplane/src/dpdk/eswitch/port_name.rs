use std::fmt;

use serde::Serialize;

use super::argument::leading_number;

/// What a port of an e-switch is, by its `phys_port_name`: the names that the kernel's devlink gives
/// (`__devlink_port_phys_port_name_get` in net/devlink/port.c) and that DPDK reads (`mlx5_translate_port_name` in mlx5_common_os.c).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct PortName {
    /// The controller of an external host (`c1`); absent for the e-switch's own.
    pub controller: Option<u32>,
    /// What the port stands for.
    pub represents: Represented,
}

/// What a port of an e-switch stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Represented {
    /// The uplink: the port to the wire (`p0`).
    Uplink {
        /// Which.
        port: u32,
    },
    /// The host's physical function (`pf0`; the interface is called `pf0hpf` on BlueField).
    HostPf {
        /// Which.
        pf: u32,
    },
    /// A virtual function (`pf0vf3`).
    Vf {
        /// Of which physical function.
        pf: u32,
        /// Which.
        vf: u32,
    },
    /// A subfunction (`pf0sf88`).
    Sf {
        /// Of which physical function.
        pf: u32,
        /// Its user-defined number.
        sf: u32,
    },
}

impl PortName {
    /// Reads `p0`, `pf0`, `pf0vf3`, `pf0sf88`, each also with a controller before it (`c1pf0vf3`), and BlueField's `pf0hpf`.
    pub fn parse(text: &str) -> Option<Self> {
        let (controller, rest) = match text.strip_prefix('c') {
            Some(rest) => {
                let (number, rest) = leading_number(rest)?;
                (Some(number), rest)
            }
            None => (None, text),
        };
        let represents = match rest.strip_prefix("pf") {
            Some(rest) => {
                let (pf, rest) = leading_number(rest)?;
                match (rest, rest.strip_prefix("vf"), rest.strip_prefix("sf")) {
                    ("" | "hpf", ..) => Represented::HostPf { pf },
                    (_, Some(vf), _) => Represented::Vf { pf, vf: whole_number(vf)? },
                    (_, _, Some(sf)) => Represented::Sf { pf, sf: whole_number(sf)? },
                    _ => return None,
                }
            }
            None => Represented::Uplink { port: whole_number(rest.strip_prefix('p')?)? },
        };
        Some(PortName { controller, represents })
    }

    /// The number of the physical function whose e-switch the port is on. It is also the number of the uplink.
    pub fn pf(self) -> u32 {
        match self.represents {
            Represented::Uplink { port } => port,
            Represented::HostPf { pf } | Represented::Vf { pf, .. } | Represented::Sf { pf, .. } => pf,
        }
    }

    /// The value of `representor=` that opens it beside the physical function of its e-switch; `None` for the uplink, which is that function.
    ///
    /// The `vf…` and `sf…` forms mean the same in DPDK 21.11 to 25.11; `pfXvfY` changed its meaning in 25.11. mlx5 numbers the
    /// host's physical function as virtual function -1, 65535 in the argument (`mlx5_representor_match` in mlx5_os.c).
    pub fn representor(self) -> Option<String> {
        match self.represents {
            Represented::Uplink { .. } => None,
            Represented::HostPf { .. } => Some("vf65535".to_owned()),
            Represented::Vf { vf, .. } => Some(format!("vf{vf}")),
            Represented::Sf { sf, .. } => Some(format!("sf{sf}")),
        }
    }
}

impl fmt::Display for PortName {
    /// In BlueField's words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.represents {
            Represented::Uplink { port } => write!(f, "uplink p{port}"),
            Represented::HostPf { pf } => write!(f, "representor of the host's PF {pf}"),
            Represented::Vf { pf, vf } => write!(f, "representor of VF {vf} of PF {pf}"),
            Represented::Sf { pf, sf } => write!(f, "representor of SF {sf} of PF {pf}"),
        }
    }
}

fn whole_number(text: &str) -> Option<u32> {
    leading_number(text).filter(|(_, rest)| rest.is_empty()).map(|(number, _)| number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Option<(Option<u32>, Represented)> {
        PortName::parse(text).map(|name| (name.controller, name.represents))
    }

    #[test]
    fn names_are_read_as_the_kernel_writes_them() {
        assert_eq!(parsed("p0"), Some((None, Represented::Uplink { port: 0 })));
        assert_eq!(parsed("pf1"), Some((None, Represented::HostPf { pf: 1 })));
        assert_eq!(parsed("pf0hpf"), Some((None, Represented::HostPf { pf: 0 })));
        assert_eq!(parsed("c1pf0"), Some((Some(1), Represented::HostPf { pf: 0 })));
        assert_eq!(parsed("pf0vf12"), Some((None, Represented::Vf { pf: 0, vf: 12 })));
        assert_eq!(parsed("c2pf1sf88"), Some((Some(2), Represented::Sf { pf: 1, sf: 88 })));
        for other in ["", "p", "pf", "p0s1", "pf0vf", "pf0xf1", "eth0", "c1", "cpf0", "pf99999999999"] {
            assert_eq!(parsed(other), None, "{other}");
        }
    }

    #[test]
    fn representors_use_the_forms_that_mean_the_same_in_every_version() {
        let representor = |text: &str| PortName::parse(text).unwrap().representor();
        assert_eq!(representor("p1"), None);
        assert_eq!(representor("pf0"), Some("vf65535".to_owned()));
        assert_eq!(representor("pf1vf3"), Some("vf3".to_owned()));
        assert_eq!(representor("pf0sf88"), Some("sf88".to_owned()));
    }
}
