use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::DataplaneError;

/// A port as a person names it: a software port (`net_null0`), a PCI or an auxiliary device, each with its DPDK devargs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PortSpec {
    bus: Bus,
    name: String,
    args: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Bus {
    Vdev,
    Pci,
    Auxiliary,
}

/// The software ports that linerate knows: driver, the arguments it needs, an example.
const SOFTWARE: [(&str, &[&str], &str); 8] = [
    ("net_null", &[], "net_null0 (takes and gives frames for nothing: the program's own speed)"),
    ("net_ring", &[], "net_ring0 (gives back what it was given: the tester's own share of a round trip)"),
    ("net_pcap", &["rx_pcap", "tx_pcap", "iface", "rx_iface", "tx_iface", "rx_iface_in"], "net_pcap0,tx_pcap=out.pcap (a capture file)"),
    ("net_vhost", &["iface"], "net_vhost0,iface=lr.sock (shared memory, the end that owns the socket; start it first)"),
    ("net_virtio_user", &["path"], "net_virtio_user0,path=lr.sock (shared memory, the other end)"),
    ("net_af_packet", &["iface"], "net_af_packet0,iface=veth0 (a kernel interface)"),
    ("net_af_xdp", &["iface"], "net_af_xdp0,iface=eth0 (a kernel interface, past most of the kernel)"),
    ("net_tap", &[], "net_tap0,iface=tap0 (makes a kernel interface)"),
];

const HARDWARE: [&str; 3] = [
    "0000:03:00.0 (a NIC by its PCI address)",
    "0000:03:00.0,representor=vf0 (a VF's representor in the embedded switch)",
    "auxiliary:mlx5_core.sf.4 (a scalable function)",
];

impl PortSpec {
    /// DPDK's name of the device: `net_null0`, `0000:03:00.0`, `mlx5_core.sf.4`.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn bus(&self) -> Bus {
        self.bus
    }

    /// What DPDK is given: the name with its arguments.
    pub fn devargs(&self) -> String {
        match self.bus {
            Bus::Auxiliary => format!("auxiliary:{}{}", self.name, self.args),
            Bus::Vdev | Bus::Pci => format!("{}{}", self.name, self.args),
        }
    }

    /// Whether this port is made by software, so that the tester itself is its limit.
    pub fn is_software(&self) -> bool {
        self.bus == Bus::Vdev
    }

    /// The driver's name where the port's name says it (`net_vhost` of `net_vhost0`).
    pub fn software_driver(&self) -> Option<&str> {
        self.is_software().then(|| self.name.trim_end_matches(|c: char| c.is_ascii_digit()))
    }

    /// The value of a devargs key: `argument("iface")` of `net_vhost0,iface=lr.sock` is `lr.sock`.
    pub fn argument(&self, key: &str) -> Option<&str> {
        arguments(&self.args).find_map(|(k, v)| (k == key).then_some(v))
    }

    /// The devargs key that gives a software port its number of queues, where it has one.
    pub(crate) fn queues_key(&self) -> Option<&'static str> {
        match self.software_driver()? {
            "net_vhost" | "net_virtio_user" => Some("queues"),
            "net_af_packet" => Some("qpairs"),
            "net_af_xdp" => Some("queue_count"),
            _ => None,
        }
    }

    /// The same port with room for so many queues: software ports must be told when they are made. A number that was given stays.
    pub fn with_queues(mut self, queues: NonZeroU16) -> PortSpec {
        if let Some(key) = self.queues_key().filter(|key| queues.get() > 1 && self.argument(key).is_none()) {
            self.args.push_str(&format!(",{key}={queues}"));
        }
        self
    }

    /// Every kind of port that can be written, each with an example, one a line.
    pub fn examples() -> String {
        SOFTWARE.iter().map(|(_, _, example)| *example).chain(HARDWARE).map(|example| format!("  {example}")).collect::<Vec<_>>().join("\n")
    }
}

fn arguments(args: &str) -> impl Iterator<Item = (&str, &str)> {
    args.split(',').filter(|part| !part.is_empty()).map(|part| part.split_once('=').unwrap_or((part, "")))
}

fn refuse(text: &str, why: impl Into<String>) -> DataplaneError {
    DataplaneError::PortSpec { text: text.to_owned(), why: why.into(), examples: PortSpec::examples() }
}

impl FromStr for PortSpec {
    type Err = DataplaneError;

    fn from_str(text: &str) -> Result<Self, DataplaneError> {
        let trimmed = text.trim();
        let (name, args) = trimmed.find(',').map_or((trimmed, ""), |at| trimmed.split_at(at));
        if name.is_empty() {
            return Err(refuse(text, "it has no name"));
        }
        if trimmed.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(refuse(text, "a port has no spaces in it"));
        }
        if let Some(device) = name.strip_prefix("auxiliary:") {
            return if device.is_empty() {
                Err(refuse(text, "`auxiliary:` needs a device name"))
            } else {
                Ok(PortSpec { bus: Bus::Auxiliary, name: device.to_owned(), args: args.to_owned() })
            };
        }
        if let Some(address) = pci_address(name) {
            return Ok(PortSpec { bus: Bus::Pci, name: address, args: args.to_owned() });
        }
        let driver = name.trim_end_matches(|c: char| c.is_ascii_digit());
        let Some((_, needs, _)) = SOFTWARE.iter().find(|(known, _, _)| *known == driver) else {
            return Err(refuse(text, format!("`{driver}` is neither a PCI address nor a driver we know")));
        };
        if driver.len() == name.len() {
            return Err(refuse(text, format!("a software port has a number, as in `{driver}0`")));
        }
        if !needs.is_empty() && !arguments(args).any(|(key, value)| needs.contains(&key) && !value.is_empty()) {
            return Err(refuse(text, format!("{driver} needs `{}=…`", needs.join("=…` or `"))));
        }
        Ok(PortSpec { bus: Bus::Vdev, name: name.to_owned(), args: args.to_owned() })
    }
}

/// `0000:03:00.0` or `03:00.0`, in the long form that DPDK names ports with.
fn pci_address(name: &str) -> Option<String> {
    let (rest, function) = name.rsplit_once('.')?;
    let mut parts: Vec<&str> = rest.split(':').collect();
    if parts.len() == 2 {
        parts.insert(0, "0000");
    }
    let hex =
        |text: &str, digits: std::ops::RangeInclusive<usize>| digits.contains(&text.len()) && text.chars().all(|c| c.is_ascii_hexdigit());
    let valid = parts.len() == 3 && hex(parts[0], 4..=8) && hex(parts[1], 2..=2) && hex(parts[2], 2..=2) && hex(function, 1..=1);
    valid.then(|| format!("{}:{}:{}.{}", parts[0], parts[1], parts[2], function).to_ascii_lowercase())
}

impl fmt::Display for PortSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.devargs())
    }
}

impl TryFrom<String> for PortSpec {
    type Error = DataplaneError;
    fn try_from(text: String) -> Result<Self, DataplaneError> {
        text.parse()
    }
}

impl From<PortSpec> for String {
    fn from(spec: PortSpec) -> String {
        spec.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_read_as_dpdk_writes_them() {
        for text in [
            "net_null0",
            "net_vhost0,iface=lr.sock",
            "net_virtio_user12,path=/tmp/lr.sock,queues=2",
            "net_af_packet0,iface=veth0",
            "0000:03:00.0,representor=vf0",
            "0000:03:00.0,representor=vf[0,4,6-9],dv_flow_en=1",
            "auxiliary:mlx5_core.sf.4",
        ] {
            assert_eq!(text.parse::<PortSpec>().unwrap().to_string(), text);
        }
        let short: PortSpec = "03:00.1".parse().unwrap();
        assert_eq!((short.name(), short.is_software()), ("0000:03:00.1", false));
        let vhost: PortSpec = "net_vhost0,iface=lr.sock,queues=1".parse().unwrap();
        assert_eq!((vhost.software_driver(), vhost.argument("iface"), vhost.argument("path")), (Some("net_vhost"), Some("lr.sock"), None));
    }

    #[test]
    fn what_is_no_port_is_refused_with_examples() {
        for (text, why) in [
            ("", "no name"),
            ("eth0", "`eth`"),
            ("net_null", "`net_null0`"),
            ("net_vhost0", "`iface=…`"),
            ("net_vhost0,iface=", "`iface=…`"),
            ("net_virtio_user0,iface=x", "`path=…`"),
            ("net_null0 -l 3", "no spaces"),
            ("auxiliary:", "device name"),
            ("0000:03:00", "neither"),
        ] {
            let error = text.parse::<PortSpec>().unwrap_err().to_string();
            assert!(error.contains(why) && error.contains("net_virtio_user0,path="), "{text}: {error}");
        }
    }
}
