//! Two ends and a place between them for a device that linerate starts: three network namespaces. Needs root.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::shaped_link::allowed_cpus;
use super::veth::ip;
use super::{linerate, records};

/// Held by the test that measures: two at a time would disturb each other's poll loops.
static ALONE: Mutex<()> = Mutex::new(());

/// `from` and `to` with a `veth0` each, whose other ends are `in0` and `out0` of `middle`; gone when this is dropped.
pub struct Between {
    pub from: String,
    pub middle: String,
    pub to: String,
    pub folder: tempfile::TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Between {
    pub fn up(name: &str) -> Between {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let [from, middle, to] = ["from", "middle", "to"].map(|part| format!("lrt-{name}-{part}-{}", std::process::id()));
        let between = Between { from, middle, to, folder: tempfile::tempdir().unwrap(), _alone: alone };
        for namespace in [&between.from, &between.middle, &between.to] {
            ip(&["netns", "add", namespace]);
            // Neighbour discovery would be foreign frames.
            ip(&["netns", "exec", namespace, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1"]);
        }
        for (end, port) in [(&between.from, "in0"), (&between.to, "out0")] {
            ip(&["-n", end, "link", "add", "name", "veth0", "type", "veth", "peer", "name", port, "netns", &between.middle]);
            ip(&["-n", end, "link", "set", "dev", "veth0", "up"]);
        }
        for port in ["in0", "out0"] {
            ip(&["-n", &between.middle, "link", "set", "dev", port, "up"]);
        }
        between
    }

    /// What `ip` prints in the middle.
    pub fn middle(&self, arguments: &[&str]) -> String {
        ip(&[&["-n", &self.middle][..], arguments].concat())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A run of a plan from `from` to `to` through a device with these keys.
    pub fn run(&self, device: &str, measures: &str, run: &str) -> Command {
        std::fs::write(self.path("testbed.toml"), testbed([&self.from, &self.middle, &self.to], "veth0", device)).unwrap();
        command(self.folder.path(), measures, run)
    }

    /// What the middle looks like: links, rules, routes, neighbours, addresses, settings. The same before and after a run.
    pub fn state(&self) -> String {
        let settings = ["in0", "out0", "all"].map(|interface| {
            let files = ["forwarding", "rp_filter"].map(|key| format!("/proc/sys/net/ipv4/conf/{interface}/{key}"));
            ip(&[&["netns", "exec", &self.middle, "cat"][..], &files.each_ref().map(String::as_str)].concat())
        });
        let steering = ip(&["netns", "exec", &self.middle, "cat", "/sys/class/net/in0/queues/rx-0/rps_cpus"]);
        let links: Value = serde_json::from_str(&self.middle(&["-json", "link", "show"])).unwrap();
        // The state of a link follows with a delay; that it was taken down does not.
        let link = |link: &Value| {
            let up = link["flags"].as_array().unwrap().iter().any(|flag| flag == "UP");
            let promiscuous = link["flags"].as_array().unwrap().iter().any(|flag| flag == "PROMISC");
            format!("{} {} {up} {promiscuous}", link["ifname"], link["master"])
        };
        let links: Vec<String> = links.as_array().unwrap().iter().map(link).collect();
        let all = [
            self.middle(&["rule"]),
            self.middle(&["-4", "address"]).replace("state DOWN ", ""),
            self.middle(&["neigh", "show", "nud", "permanent"]),
        ];
        let addresses = all[1].lines().filter(|line| line.contains("inet ")).collect::<Vec<_>>().join("\n");
        format!("{links:#?}\n{}\n{addresses}\n{}\n{settings:?}\n{steering}", all[0], all[2])
    }
}

impl Drop for Between {
    fn drop(&mut self) {
        for namespace in [&self.from, &self.middle, &self.to] {
            let _ = Command::new("ip").args(["netns", "del", namespace]).status();
        }
    }
}

/// A testbed with a device between two namespaces.
pub fn testbed([from, middle, to]: [&str; 3], interface: &str, device: &str) -> String {
    let cpus = allowed_cpus();
    let end = |id: &str, namespace: &str, address: &str, cpu: u32| {
        let port = format!("net_af_packet0,iface={interface},framecnt=4096");
        format!(
            "[[endpoint]]\nid = \"{id}\"\nreach = \"netns:{namespace}\"\naddress = \"{address}\"\ninterface = \"{interface}\"\nport = \"{port}\"\ncpu = {cpu}\n"
        )
    };
    let ends = end("from", from, "192.0.2.1", *cpus.last().unwrap()) + &end("to", to, "192.0.2.2", cpus[0]);
    let middle = format!("[[endpoint]]\nid = \"middle\"\nreach = \"netns:{middle}\"\n");
    let device = format!("[[device]]\nid = \"dut\"\nat = \"middle\"\njoins = [\"from\", \"to\"]\n{device}\n");
    format!("name = \"between\"\nemulated = true\n{ends}{middle}{device}")
}

/// A run of a plan in a folder that has the testbed.
pub fn command(folder: &Path, measures: &str, run: &str) -> Command {
    std::fs::write(folder.join("plan.toml"), format!("name = \"device\"\npairs = [\"from:to\"]\nsizes = [512]\n{measures}")).unwrap();
    // The poll loops go before whatever else runs here.
    let mut command = Command::new("nice");
    command.args(["-n", "-20"]).arg(linerate().get_program()).args(["run", "--plan"]).arg(folder.join("plan.toml"));
    command.arg("--testbed").arg(folder.join("testbed.toml")).arg("--out").arg(folder.join(run));
    command
}

/// The records of a run, with their verdicts shown.
pub fn shown(folder: &Path) -> Vec<Value> {
    let records = records(folder);
    records.iter().for_each(|record| eprintln!("{}: {}", record["id"], record["verdict"]));
    records
}
