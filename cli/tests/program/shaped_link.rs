//! A link between two network namespaces that `tc tbf` shapes: from → bridge → to. Needs root.
//!
//! The shaper stands at the bridge's way out, and not at the sender's own interface: a sender must not be slowed down by what it measures.

use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use super::veth::ip;
use super::wait_for;

/// A token bucket.
pub struct Shaper {
    /// What the bucket is filled with, in bits per second.
    pub rate: f64,
    /// Bytes that it holds.
    pub burst: f64,
    /// Bytes that wait for tokens.
    pub limit: f64,
    /// Whether frames are bridged on the receiver's CPU, and not on the sender's.
    pub on_receivers_cpu: bool,
}

impl Shaper {
    /// The greatest rate in frames a second at which a trial of so many seconds loses nothing, by the shaper's arithmetic (net/sched/sch_tbf.c):
    ///
    /// - A frame costs `qdisc_pkt_len` bytes: the frame with its Ethernet header and without its FCS, L − 4.
    /// - `tbf_dequeue` fills the bucket at R bits a second up to `burst` bytes: C = R/(8 · (L − 4)) frames a second in the long run.
    /// - The inner queue is a bfifo of `limit` bytes (net/sched/sch_fifo.c), which takes whole frames.
    ///
    /// Both are idle before a trial, so what is above C in a trial of T seconds may fill them: C + (burst + limit)/T in frames. That is the
    /// known-answer case K3 of `methodology`, an apparent rate of C + B/T.
    pub fn allowed(&self, size: u32, trial: f64) -> f64 {
        let bytes = f64::from(size - 4);
        let long_run = self.rate / (8.0 * bytes);
        let held = (self.burst / bytes).floor() + (self.limit / bytes).floor();
        long_run + held / trial
    }
}

/// Zero loss; of up to three trials at a load one may lose frames, so that one that the machine disturbed decides nothing. Loads are bits
/// per second on the wire; what comes through is 11 to 16 Mbit/s. The waits between trials are longer than the 100 ms that the queue takes
/// to empty and the bucket to fill. A machine that builds something beside disturbs many trials: they are repeated often.
pub fn throughput(trial: f64, learning_wait: &str) -> String {
    format!(
        r#"
[[measure]]
stack = "dpdk"
method = "throughput"
preset = "quick"
min-load = "5Mbps"
max-load = "20Mbps"
time-limit = "120s"
tester = {{ repeats = 20, offered-slack = "200us", calibration = "0s" }}
phases = {{ routing-wait = "0s", learning-wait = "{learning_wait}", drain-wait = "150ms", settle-wait = "100ms" }}

[[measure.goals]]
name = "throughput"
loss-ratio = 0.0
exceed-ratio = 0.5
initial-trial = "{trial}s"
final-trial = "{trial}s"
duration-sum = "3s"
width = 0.003
"#
    )
}

/// Held by the test that has the link: two at a time would have the same namespaces, and would measure each other.
static ALONE: Mutex<()> = Mutex::new(());

/// The three namespaces; gone when this is dropped.
pub struct ShapedLink {
    from: String,
    pub bridge: String,
    to: String,
    _alone: MutexGuard<'static, ()>,
}

impl ShapedLink {
    pub fn up(shaper: &Shaper) -> ShapedLink {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let namespace = |part| format!("lrt-shaped-{part}-{}", std::process::id());
        let link = ShapedLink { from: namespace("from"), bridge: namespace("bridge"), to: namespace("to"), _alone: alone };
        let bridge = &link.bridge;
        for namespace in [&link.from, bridge, &link.to] {
            ip(&["netns", "add", namespace]);
            // Neighbour discovery would be foreign frames, and would take tokens.
            ip(&["netns", "exec", namespace, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1"]);
            ip(&["netns", "exec", namespace, "sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1"]);
        }
        let create = ["type", "bridge", "mcast_snooping", "0", "forward_delay", "0"];
        ip(&[&["-n", bridge, "link", "add", "name", "bridge0"][..], &create].concat());
        for (end, port) in [(&link.from, "in0"), (&link.to, "out0")] {
            ip(&["-n", end, "link", "add", "name", "veth0", "type", "veth", "peer", "name", port, "netns", bridge]);
            ip(&["-n", bridge, "link", "set", "dev", port, "master", "bridge0"]);
            ip(&["-n", bridge, "link", "set", "dev", port, "up"]);
            ip(&["-n", end, "link", "set", "dev", "veth0", "up"]);
        }
        ip(&["-n", bridge, "link", "set", "dev", "bridge0", "up"]);
        if shaper.on_receivers_cpu {
            let receivers_cpu = format!("echo {:x} > /sys/class/net/in0/queues/rx-0/rps_cpus", 1_u64 << allowed_cpus()[0]);
            ip(&["netns", "exec", bridge, "sh", "-c", &receivers_cpu]);
        }
        let Shaper { rate, burst, limit, .. } = shaper;
        let shaper = format!("tc qdisc add dev out0 root tbf rate {rate}bit burst {burst} limit {limit}");
        ip(&[&["netns", "exec", bridge][..], &shaper.split(' ').collect::<Vec<_>>()].concat());
        // A bridge port takes frames up to a second after its link is up (net/core/link_watch.c); frames before are lost.
        wait_for("forwarding of both bridge ports", Duration::from_secs(10), || ["in0", "out0"].iter().all(|port| link.forwards(port)));
        link
    }

    fn forwards(&self, port: &str) -> bool {
        let shown = ip(&["-n", &self.bridge, "-json", "-details", "link", "show", "dev", port]);
        let shown: Value = serde_json::from_str(&shown).unwrap();
        shown[0]["operstate"] == "UP" && shown[0]["linkinfo"]["info_slave_data"]["state"] == "forwarding"
    }

    /// A testbed file with the endpoints `from` and `to`.
    pub fn testbed(&self) -> String {
        let cpus = allowed_cpus();
        let endpoint = |id: &str, namespace: &str, address: &str, cpu: u32| {
            // A ring of 4096 frames holds what comes while a poll loop is interrupted for a tenth of a second.
            format!(
                r#"
[[endpoint]]
id = "{id}"
reach = "netns:{namespace}"
address = "{address}"
interface = "veth0"
port = "net_af_packet0,iface=veth0,framecnt=4096"
cpu = {cpu}
"#
            )
        };
        let from = endpoint("from", &self.from, "192.0.2.1", *cpus.last().unwrap());
        let to = endpoint("to", &self.to, "192.0.2.2", cpus[0]);
        format!("name = \"shaped\"\nemulated = true\n{from}{to}")
    }
}

impl Drop for ShapedLink {
    fn drop(&mut self) {
        for namespace in [&self.from, &self.bridge, &self.to] {
            let _ = Command::new("ip").args(["netns", "del", namespace]).status();
        }
    }
}

/// The CPUs that this process may use, in order.
pub fn allowed_cpus() -> Vec<u32> {
    let set = nix::sched::sched_getaffinity(nix::unistd::Pid::from_raw(0)).unwrap();
    (0..nix::sched::CpuSet::count()).filter(|&cpu| set.is_set(cpu).unwrap_or(false)).map(|cpu| cpu as u32).collect()
}
