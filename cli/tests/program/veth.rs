//! A link of the kernel's between two network namespaces. Needs root.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::{Background, errors, linerate};

/// The DPDK port at either end.
pub const PORT: &str = "net_af_packet0,iface=veth0";

/// Two namespaces with a veth pair between them, `veth0` in each; gone when this is dropped.
pub struct Veth {
    pub near: String,
    pub far: String,
}

impl Veth {
    /// `name` tells it from others of this process.
    pub fn up(name: &str) -> Veth {
        let namespace = |side| format!("lrt-{name}-{side}-{}", std::process::id());
        let veth = Veth { near: namespace("near"), far: namespace("far") };
        ip(&["netns", "add", &veth.near]);
        ip(&["netns", "add", &veth.far]);
        ip(&["-n", &veth.near, "link", "add", "veth0", "type", "veth", "peer", "name", "veth0", "netns", &veth.far]);
        for side in [&veth.near, &veth.far] {
            // No neighbour discovery among the test frames.
            ip(&["netns", "exec", side, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1"]);
            ip(&["-n", side, "link", "set", "veth0", "up"]);
        }
        veth
    }

    /// The program in one of the namespaces, on the port there.
    pub fn linerate(namespace: &str, role: &str, more: &[&str]) -> Command {
        Veth::linerate_on(PORT, namespace, role, more)
    }

    /// The same on another port.
    pub fn linerate_on(port: &str, namespace: &str, role: &str, more: &[&str]) -> Command {
        let program = linerate();
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace]).arg(program.get_program()).args([role, "--port", port]).args(more);
        command
    }

    /// [`Veth::linerate`] in the background.
    pub fn start(namespace: &str, role: &str, more: &[&str]) -> Background {
        Background::start(Veth::linerate(namespace, role, more))
    }
}

/// Captures the next `count` frames that arrive at `veth0` of a namespace into `file`, and ends.
pub fn tcpdump(namespace: &str, file: &Path, count: u32) -> Background {
    let mut command = Command::new("ip");
    command
        .args(["netns", "exec", namespace, "tcpdump", "-i", "veth0", "-Q", "in", "-U", "-B", "16384", "-c", &count.to_string(), "-w"])
        .arg(file);
    let tcpdump = Background::start(command);
    tcpdump.wait_for_words("listening on", Duration::from_secs(60));
    tcpdump
}

impl Drop for Veth {
    fn drop(&mut self) {
        for namespace in [&self.near, &self.far] {
            let _ = Command::new("ip").args(["netns", "del", namespace]).status();
        }
    }
}

/// What `ip` printed.
pub fn ip(arguments: &[&str]) -> String {
    let output = Command::new("ip").args(arguments).output().unwrap();
    assert!(output.status.success(), "ip {arguments:?} (are you root?): {}", errors(&output));
    String::from_utf8(output.stdout).unwrap()
}
