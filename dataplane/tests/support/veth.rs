//! A veth pair between two network namespaces. Needs root.

use std::process::Command;

/// Two namespaces with a veth pair between them; gone when this is dropped.
pub struct Veth {
    pub left: String,
    pub right: String,
}

impl Veth {
    pub fn new(name: &str) -> Veth {
        let namespace = |side| format!("lrt-{name}-{side}-{}", std::process::id());
        let veth = Veth { left: namespace('a'), right: namespace('b') };
        ip(&["netns", "add", &veth.left]);
        ip(&["netns", "add", &veth.right]);
        ip(&["-n", &veth.left, "link", "add", "veth0", "type", "veth", "peer", "name", "veth0", "netns", &veth.right]);
        for side in [&veth.left, &veth.right] {
            // No neighbour discovery among the test frames.
            ip(&["netns", "exec", side, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1"]);
            ip(&["-n", side, "link", "set", "veth0", "up"]);
        }
        veth
    }
}

impl Drop for Veth {
    fn drop(&mut self) {
        for namespace in [&self.left, &self.right] {
            let _ = Command::new("ip").args(["netns", "del", namespace]).status();
        }
    }
}

fn ip(arguments: &[&str]) {
    let output = Command::new("ip").args(arguments).output().unwrap();
    assert!(output.status.success(), "ip {arguments:?} (are you root?): {}", String::from_utf8_lossy(&output.stderr));
}
