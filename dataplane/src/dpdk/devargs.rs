//! Port names: reading them, and writing them as DPDK's devargs.

use std::fmt;
use std::num::NonZeroU16;
use std::str::FromStr;

use methodology::units::{FCS, FrameSize};
use nix::unistd::{SysconfVar, sysconf};
use serde::{Deserialize, Serialize};

use super::driver::{Driver, ReceiveQueue, Rings};
use super::eswitch::{Representor, top_level_parts};
use crate::error::DataplaneError;

/// A port as the user writes it: a software port (`net_null0`), a PCI device or an auxiliary device, each with its DPDK devargs.
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

const HARDWARE: [&str; 3] = [
    "0000:03:00.0 (a NIC by its PCI address)",
    "0000:03:00.0,representor=vf0 (the representor of a VF in the embedded switch)",
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

    /// The devargs for DPDK: the name and its arguments.
    pub fn devargs(&self) -> String {
        match self.bus {
            Bus::Auxiliary => format!("auxiliary:{}{}", self.name, self.args),
            Bus::Vdev | Bus::Pci => format!("{}{}", self.name, self.args),
        }
    }

    /// Whether software makes this port, so that the tester itself limits its rate.
    pub fn is_software(&self) -> bool {
        self.bus == Bus::Vdev
    }

    /// The driver's name, which only the name of a software port contains (`net_vhost` of `net_vhost0`).
    pub fn software_driver(&self) -> Option<&str> {
        self.is_software().then(|| self.name.trim_end_matches(|c: char| c.is_ascii_digit()))
    }

    /// The value of a devargs key: `argument("iface")` of `net_vhost0,iface=lr.sock` is `lr.sock`.
    pub fn argument(&self, key: &str) -> Option<&str> {
        arguments(&self.args).find_map(|(k, v)| (k == key).then_some(v))
    }

    /// The representors that the devargs name; `None` where they name none.
    pub(super) fn representors(&self) -> Option<Vec<Representor>> {
        Representor::all(self.argument("representor")?)
    }

    /// The port without devargs that do not tell it from others: `0000:03:00.0` or `0000:03:00.0,representor=vf0`.
    pub(super) fn label(&self) -> String {
        match self.argument("representor") {
            Some(representor) => format!("{},representor={representor}", self.name),
            None => self.name.clone(),
        }
    }

    /// The devargs without their name, by key.
    pub(super) fn arguments(&self) -> impl Iterator<Item = (&str, &str)> {
        arguments(&self.args)
    }

    /// What is known about the driver before the port is opened: nothing for devices.
    pub(super) fn driver(&self) -> &'static Driver {
        Driver::of(self.software_driver().unwrap_or_default())
    }

    /// The devargs key for the number of queues, where the port has one.
    pub(super) fn queues_key(&self) -> Option<&'static str> {
        self.driver().software.as_ref()?.queues_key
    }

    /// Whether the port is DPDK's AF_XDP on a kernel interface.
    pub fn is_af_xdp(&self) -> bool {
        self.software_driver() == Some("net_af_xdp")
    }

    /// The kernel interface that the port uses, where it uses one.
    pub fn kernel_interface(&self) -> Option<&str> {
        self.argument(self.driver().kernel_interface_key()?)
    }

    /// The frames in each ring, where the devargs or the driver set it and not the number of descriptors.
    pub(super) fn fixed_ring(&self) -> Option<u16> {
        match self.driver().rings {
            Rings::Devargs { key, frames } => Some(self.argument(key).and_then(|size| size.parse().ok()).unwrap_or(frames)),
            Rings::Fixed { frames } => Some(frames),
            Rings::Descriptors { .. } | Rings::Peers { .. } => None,
        }
    }

    /// The same port with rings of `descriptors`, where the devargs set their size. A size that the user gave there is kept.
    pub fn with_descriptors(mut self, descriptors: Option<u16>) -> PortSpec {
        if let (Rings::Devargs { key, .. }, Some(frames)) = (self.driver().rings, descriptors)
            && self.argument(key).is_none()
        {
            self.args.push_str(&format!(",{key}={frames}"));
        }
        self
    }

    /// Whether a frame arrives at the receive queue with the number of the queue that sent it (shared memory). At other ports, all frames of
    /// a flow arrive at one queue, which a hash of its addresses and ports selects (RSS).
    pub fn pairs_queues(&self) -> bool {
        self.driver().receive_queue == ReceiveQueue::QueueOfSender
    }

    /// Whether frames to the port's own address reach the port.
    pub fn is_reached_by_its_address(&self) -> bool {
        self.driver().is_reached_by_its_address()
    }

    /// The same port with `queues` queues. Software ports need the number when they are created. A number that the user gave is kept.
    pub fn with_queues(mut self, queues: NonZeroU16) -> PortSpec {
        if let Some(key) = self.queues_key().filter(|key| queues.get() > 1 && self.argument(key).is_none()) {
            self.args.push_str(&format!(",{key}={queues}"));
        }
        self
    }

    /// The same port with further devargs, such as `txqs_min_inline=0`. A key that the port has already gets the new value.
    ///
    /// # Errors
    /// The result is not a port.
    pub fn with_arguments(self, more: &str) -> Result<PortSpec, DataplaneError> {
        if more.is_empty() {
            return Ok(self);
        }
        let replaced = |key: &str| arguments(more).any(|(other, _)| other == key);
        let kept =
            top_level_parts(&self.args).filter(|part| !part.is_empty() && !replaced(part.split_once('=').map_or(part, |(key, _)| key)));
        let bus = if self.bus == Bus::Auxiliary { "auxiliary:" } else { "" };
        let parts: Vec<&str> = std::iter::once(self.name.as_str()).chain(kept).chain([more]).collect();
        format!("{bus}{}", parts.join(",")).parse()
    }

    /// The same port with buffers for frames of up to `largest`. Ports that share buffers with the kernel need their size when they are created. A
    /// size that the user gave is kept.
    pub fn with_frames(mut self, largest: FrameSize) -> PortSpec {
        if let Some(buffers) = self.driver().frame_buffers.filter(|buffers| self.argument(buffers.size_key).is_none()) {
            let size = (largest.without_fcs() + buffers.overhead).next_power_of_two();
            if size > buffers.default_size {
                // rte_eth_af_packet.c, `rte_pmd_init_internals`: the driver expects no room between the last buffer of a block and the next block.
                let block = size.max(page_size());
                self.args.push_str(&format!(",{}={size},{}={block}", buffers.size_key, buffers.block_key));
            }
        }
        self
    }

    /// The driver's buffers, where the port has some: their size, and the largest frame that they carry.
    pub(super) fn frame_buffers(&self) -> Option<(u32, FrameSize)> {
        let buffers = self.driver().frame_buffers?;
        let size = self.argument(buffers.size_key).and_then(|size| size.parse().ok()).unwrap_or(buffers.default_size);
        Some((size, FrameSize::nearest(size.saturating_sub(buffers.overhead) + FCS)))
    }

    /// One example for every kind of port, one a line.
    pub fn examples() -> String {
        Driver::software_examples().chain(HARDWARE).map(|example| format!("  {example}")).collect::<Vec<_>>().join("\n")
    }
}

/// Bytes of a page.
fn page_size() -> u32 {
    let size = sysconf(SysconfVar::PAGE_SIZE).ok().flatten();
    size.and_then(|size| u32::try_from(size).ok()).unwrap_or(65_536)
}

fn arguments(args: &str) -> impl Iterator<Item = (&str, &str)> {
    // A list in brackets is one value: `representor=vf[0,1]`.
    top_level_parts(args).filter(|part| !part.is_empty()).map(|part| part.split_once('=').unwrap_or((part, "")))
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
            return Err(refuse(text, "a port contains no spaces"));
        }
        if let Some(value) = arguments(args).find_map(|(key, value)| (key == "representor").then_some(value))
            && Representor::all(value).is_none()
        {
            return Err(refuse(
                text,
                format!("`{value}` is not a representor: write vf0, sf4, pf1vf0, c1pf0vf0, or vf65535 for the host's physical function"),
            ));
        }
        if let Some(device) = name.strip_prefix("auxiliary:") {
            return if device.is_empty() {
                Err(refuse(text, "`auxiliary:` needs a device name"))
            } else {
                Ok(PortSpec { bus: Bus::Auxiliary, name: device.to_owned(), args: args.to_owned() })
            };
        }
        // DPDK accepts the bus in front of the address.
        if let Some(address) = pci_address(name.strip_prefix("pci:").unwrap_or(name)) {
            return Ok(PortSpec { bus: Bus::Pci, name: address, args: args.to_owned() });
        }
        let driver = name.trim_end_matches(|c: char| c.is_ascii_digit());
        let Some(software) = Driver::software_port(driver) else {
            return Err(refuse(text, format!("`{driver}` is neither a PCI address nor a known driver")));
        };
        if driver.len() == name.len() {
            return Err(refuse(text, format!("a software port needs a number, as in `{driver}0`")));
        }
        let required = software.required_keys;
        if !required.is_empty() && !arguments(args).any(|(key, value)| required.contains(&key) && !value.is_empty()) {
            return Err(refuse(text, format!("{driver} needs `{}=…`", required.join("=…` or `"))));
        }
        Ok(PortSpec { bus: Bus::Vdev, name: name.to_owned(), args: args.to_owned() })
    }
}

/// The PCI address `0000:03:00.0` or `03:00.0` in the long form, which DPDK uses for port names.
fn pci_address(name: &str) -> Option<String> {
    let (device, function) = name.rsplit_once('.')?;
    let mut parts: Vec<&str> = device.split(':').collect();
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
        assert_eq!("pci:0000:03:00.1".parse::<PortSpec>().unwrap(), short);
        let list: PortSpec = "03:00.0,representor=vf[0,4,6-7],dv_flow_en=2".parse().unwrap();
        assert_eq!((list.argument("representor"), list.argument("dv_flow_en")), (Some("vf[0,4,6-7]"), Some("2")));
        assert_eq!((list.representors().map(|all| all.len()), short.representors()), (Some(4), None));
        assert_eq!((short.name(), short.is_software()), ("0000:03:00.1", false));
        let vhost: PortSpec = "net_vhost0,iface=lr.sock,queues=1".parse().unwrap();
        assert_eq!((vhost.software_driver(), vhost.argument("iface"), vhost.argument("path")), (Some("net_vhost"), Some("lr.sock"), None));
    }

    #[test]
    fn further_devargs_replace_those_of_the_same_key() {
        let with = |text: &str, more: &str| text.parse::<PortSpec>().unwrap().with_arguments(more).map(|port| port.to_string());
        assert_eq!(with("03:00.0,representor=vf[0,1],tx_pp=500", "tx_pp=0,x=1").unwrap(), "0000:03:00.0,representor=vf[0,1],tx_pp=0,x=1");
        assert_eq!(with("auxiliary:mlx5_core.sf.4", "txqs_min_inline=0").unwrap(), "auxiliary:mlx5_core.sf.4,txqs_min_inline=0");
        assert_eq!(with("net_null0", "").unwrap(), "net_null0");
        assert!(with("net_null0", "a= b").is_err());
    }

    #[test]
    fn an_af_packet_port_gets_buffers_for_jumbo_frames_and_keeps_those_that_the_user_gave() {
        let port = |text: &str, bytes| text.parse::<PortSpec>().unwrap().with_frames(FrameSize::new(bytes).unwrap());
        assert_eq!(port("net_af_packet0,iface=veth0", 1518).to_string(), "net_af_packet0,iface=veth0");
        let jumbo = port("net_af_packet0,iface=veth0", 9018);
        assert_eq!((jumbo.argument("framesz"), jumbo.frame_buffers().unwrap().0), (Some("16384"), 16_384));
        let block: u32 = jumbo.argument("blocksz").unwrap().parse().unwrap();
        assert!(block.is_multiple_of(16_384) && block.is_multiple_of(page_size()), "{block}");
        assert_eq!(port("net_af_packet0,iface=veth0,framesz=4096", 9018).frame_buffers().unwrap(), (4096, FrameSize::new(4004).unwrap()));
        assert_eq!(port("net_vhost0,iface=lr.sock", 9018).to_string(), "net_vhost0,iface=lr.sock");
    }

    #[test]
    fn text_that_is_not_a_port_is_refused_with_examples() {
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
            ("0000:03:00.0,representor=vf", "`vf` is not a representor"),
            ("0000:03:00.0,representor=c1vf0", "`c1vf0` is not a representor"),
        ] {
            let error = text.parse::<PortSpec>().unwrap_err().to_string();
            assert!(error.contains(why) && error.contains("net_virtio_user0,path="), "{text}: {error}");
        }
    }
}
