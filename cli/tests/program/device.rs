//! A device between two links that loses, doubles and delays the frames that a test names, and counts what it saw and what it sent.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::IoSlice;
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};
use nix::sys::socket::{AddressFamily, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, bind, recvfrom, sendmsg, socket};

use super::veth::ip;
use super::{Background, linerate};

/// `PACKET_OUTGOING` of <linux/if_packet.h>: a frame that this machine sent.
const OUTGOING: u8 = 4;

/// Where a frame comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    Near,
    Far,
}

/// What becomes of a frame: how long after it came each of its copies leaves. Nothing leaves of a lost one.
pub type Fate = Vec<Duration>;

/// Two ends with the device between them, each end a namespace with a `veth0`; gone when this is dropped.
pub struct Device {
    pub near: String,
    pub far: String,
    pub middle: String,
    stop: Arc<AtomicBool>,
    counts: Arc<Counts>,
    thread: Option<JoinHandle<()>>,
}

/// Frames by the end that they came from.
#[derive(Debug, Default)]
struct Counts {
    seen: [AtomicU64; 2],
    sent: [AtomicU64; 2],
}

impl Device {
    /// Makes the links, and a device that gives each frame, by where it comes from and its number there from 0, its fate.
    pub fn up(name: &str, fate: impl Fn(From, u64) -> Fate + Send + 'static) -> Device {
        Device::with(name, fate, false)
    }

    /// A device that sends each frame out of both ports.
    pub fn hub(name: &str) -> Device {
        Device::with(name, |_, _| vec![Duration::ZERO], true)
    }

    fn with(name: &str, fate: impl Fn(From, u64) -> Fate + Send + 'static, returns: bool) -> Device {
        let namespace = |side| format!("lrt-{name}-{side}-{}", std::process::id());
        let [near, middle, far] = ["near", "middle", "far"].map(namespace);
        let (stop, counts) = (Arc::default(), Arc::<Counts>::default());
        for namespace in [&near, &middle, &far] {
            ip(&["netns", "add", namespace]);
        }
        for (end, side) in [(&near, "near0"), (&far, "far0")] {
            ip(&["-n", end, "link", "add", "veth0", "type", "veth", "peer", "name", side, "netns", &middle]);
            for (namespace, interface) in [(end, "veth0"), (&middle, side)] {
                ip(&["netns", "exec", namespace, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1"]);
                // The device copies frames as they are: the kernel must have filled in their checksums.
                ip(&["netns", "exec", namespace, "ethtool", "-K", interface, "tx", "off"]);
                ip(&["-n", namespace, "link", "set", interface, "up"]);
            }
        }
        let (ended, counted, inside) = (Arc::clone(&stop), Arc::clone(&counts), middle.clone());
        let thread = std::thread::spawn(move || {
            // Only this thread enters the namespace.
            setns(File::open(format!("/run/netns/{inside}")).unwrap(), CloneFlags::CLONE_NEWNET).unwrap();
            forward([open("near0"), open("far0")], &ended, &counted, fate, returns);
        });
        Device { near, far, middle, stop, counts, thread: Some(thread) }
    }

    /// Frames that came from an end.
    pub fn seen(&self, from: From) -> u64 {
        self.counts.seen[from as usize].load(Ordering::Relaxed)
    }

    /// Frames that came from an end and left, each copy once.
    pub fn sent(&self, from: From) -> u64 {
        self.counts.sent[from as usize].load(Ordering::Relaxed)
    }

    /// Takes the link of the near end down, or up again. The device goes on.
    pub fn link_of_near(&self, state: &str) {
        ip(&["-n", &self.near, "link", "set", "veth0", state]);
    }

    /// The program at one of the ends.
    pub fn linerate(&self, namespace: &str, role: &str, more: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace]).arg(linerate().get_program());
        command.args([role, "--port", "net_af_packet0,iface=veth0", "--no-huge", "--json"]).args(more);
        command
    }

    /// A reflector at the far end, which runs when this returns.
    pub fn reflector(&self) -> Background {
        let reflector = Background::start(self.linerate(&self.far, "reflect", &["--cpu", "0"]));
        reflector.wait_for_words("reflecting on", Duration::from_secs(60));
        reflector
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        for namespace in [&self.near, &self.middle, &self.far] {
            let _ = Command::new("ip").args(["netns", "del", namespace]).status();
        }
    }
}

/// A socket that gets and sends whole frames of an interface.
fn open(interface: &str) -> OwnedFd {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let all = socket(AddressFamily::Packet, SockType::Raw, flags, SockProtocol::EthAll).unwrap();
    bind(all.as_raw_fd(), &address(interface)).unwrap();
    all
}

/// The link-layer address of an interface of this thread's namespace, with all protocols.
fn address(interface: &str) -> LinkAddr {
    let addresses = nix::ifaddrs::getifaddrs().unwrap();
    let link = addresses.filter(|one| one.interface_name == interface).find_map(|one| one.address?.as_link_addr().copied());
    link.unwrap_or_else(|| panic!("no interface {interface}"))
}

fn forward(ends: [OwnedFd; 2], stop: &AtomicBool, counts: &Counts, fate: impl Fn(From, u64) -> Fate, returns: bool) {
    // What leaves next is the greatest of a heap of reversed times; the number keeps the order of frames that leave at once.
    let mut waiting = BinaryHeap::new();
    let mut frame = vec![0; 65_536];
    let mut number = 0u64;
    while !stop.load(Ordering::Relaxed) {
        let mut idle = true;
        for from in [From::Near, From::Far] {
            match recvfrom::<LinkAddr>(ends[from as usize].as_raw_fd(), &mut frame) {
                Ok((length, address)) => {
                    idle = false;
                    // What this device sent comes back to its own socket.
                    if address.is_some_and(|address| address.pkttype() == OUTGOING) {
                        continue;
                    }
                    let at = counts.seen[from as usize].fetch_add(1, Ordering::Relaxed);
                    let now = Instant::now();
                    for delay in fate(from, at) {
                        number += 1;
                        waiting.push(Reverse((now + delay, number, 1 - from as usize, frame[..length].to_vec())));
                        if returns {
                            waiting.push(Reverse((now + delay, number, from as usize, frame[..length].to_vec())));
                        }
                    }
                }
                // A socket reports once that its link went down.
                Err(Errno::EAGAIN | Errno::ENETDOWN) => {}
                Err(error) => panic!("{error}"),
            }
        }
        while waiting.peek().is_some_and(|Reverse((due, ..))| *due <= Instant::now()) {
            let Some(Reverse((_, _, to, frame))) = waiting.pop() else { break };
            idle = false;
            match sendmsg::<LinkAddr>(ends[to].as_raw_fd(), &[IoSlice::new(&frame)], &[], MsgFlags::empty(), None) {
                Ok(_) => _ = counts.sent[1 - to].fetch_add(1, Ordering::Relaxed),
                // The link is down, or its queue is full: the frame is lost.
                Err(Errno::ENETDOWN | Errno::ENOBUFS | Errno::EAGAIN) => {}
                Err(error) => panic!("{error}"),
            }
        }
        if idle {
            std::thread::sleep(Duration::from_micros(100));
        }
    }
}
