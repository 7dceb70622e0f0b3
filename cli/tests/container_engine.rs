//! Endpoints in containers of a real Podman: the machines of `program::sshd` are the networks of two containers, and `podman exec` is the only way in.
//! Needs root, podman and runc: `scripts/test-podman`.

#![cfg(feature = "dpdk")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in a test a failed unwrap is the failed assertion")]

mod program;

use std::process::Command;
use std::time::Duration;

use program::sshd::{Bed, DATA};
use program::{errors, json, linerate, records, wait_for};

/// A container with the files of this machine, above which it writes to a layer of its own. It is removed at the end.
struct Container {
    name: String,
}

impl Container {
    fn up(name: &str, namespace: &str) -> Container {
        let name = format!("linerate-test-{}-{name}", std::process::id());
        let network = format!("ns:/run/netns/{namespace}");
        let mut command = Command::new("podman");
        // Limits that any machine allows; podman's own defaults can be above those of its caller.
        command.args([
            "--runtime",
            "runc",
            "run",
            "--detach",
            "--privileged",
            "--ulimit",
            "nofile=4096:4096",
            "--ulimit",
            "nproc=4096:4096",
        ]);
        command.args(["--name", &name, "--network", &network, "--rootfs", "/:O", "/bin/sleep", "600"]);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", errors(&output));
        Container { name }
    }

    /// The programs that run in it, without its own.
    fn programs(&self) -> Vec<String> {
        let output = Command::new("podman").args(["top", &self.name, "args"]).output().unwrap();
        assert!(output.status.success(), "{}", errors(&output));
        String::from_utf8_lossy(&output.stdout).lines().skip(1).filter(|line| !line.starts_with("/bin/sleep")).map(str::to_owned).collect()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = Command::new("podman").args(["rm", "--force", "--time", "0", &self.name]).output();
    }
}

#[test]
#[ignore = "needs podman and runc; scripts/test-podman runs it"]
fn endpoints_in_containers_are_checked_and_measured() {
    let bed = Bed::up("podman");
    let containers = [Container::up("a", &bed.a.namespace), Container::up("b", &bed.b.namespace)];
    let program = env!("CARGO_BIN_EXE_linerate");
    let testbed = bed.testbed_with(|machine| {
        let container = containers.iter().find(|container| container.name.ends_with(&format!("-{}", machine.name))).unwrap();
        format!(
            "reach = \"podman:{}\"\naddress = \"{}\"\ninterface = \"{DATA}\"\nport = \"net_af_packet0,iface={DATA}\"\nprogram = \"{program}\"",
            container.name, machine.address
        )
    });
    let file = testbed.display().to_string();

    // Not in the controller's namespace: there podman sees no control groups.
    let doctor = linerate().args(["doctor", "--testbed", &file, "--json"]).output().unwrap();
    assert!(doctor.status.success(), "{}\n{}", errors(&doctor), String::from_utf8_lossy(&doctor.stdout));
    assert_eq!(json(&doctor.stdout)["places"].as_array().unwrap().len(), 4, "two endpoints and two paths");

    let measures = [
        "stack = \"kernel-tcp\"\nmethod = \"stream\"\nduration = \"1s\"",
        "stack = \"kernel-tcp\"\nmethod = \"ping-pong\"\nduration = \"1s\"",
        "stack = \"dpdk\"\nmethod = \"mrr\"\nduration = \"300ms\"",
        "stack = \"dpdk\"\nmethod = \"round-trip\"\nrate = \"1kpps\"\nduration = \"500ms\"",
    ];
    let plan = bed.plan(&measures).display().to_string();
    let run = linerate().args(["run", "--testbed", &file, "--plan", &plan, "--out"]).arg(bed.path("out")).output().unwrap();
    assert!(run.status.success(), "{}", errors(&run));
    let records = records(&bed.path("out"));
    assert_eq!(records.len(), 4);
    for record in &records {
        assert_ne!(record["verdict"]["state"], "failed", "{record:#}");
        if record["stack"] == "kernel-tcp" {
            assert_eq!(record["verdict"]["state"], "valid", "{record:#}");
        }
    }
    assert_eq!((bed.a.logins(), bed.b.logins()), (0, 0), "podman is the only way in");
    for container in &containers {
        wait_for("the end of all programs in the container", Duration::from_secs(10), || container.programs().is_empty());
    }
    drop(containers);
    bed.is_clean_within_10_s();
}
