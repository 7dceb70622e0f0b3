use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, setns};
use serde::Deserialize;

use super::error::LabError;
use super::layout::LabLayout;
use crate::process::{CommandSpec, Input, Location, NamespaceName, run};

/// No `ip` command takes a tenth of this.
const IP_LIMIT: Duration = Duration::from_secs(20);
/// How long bridges may take to forward; usually they do at once.
const FORWARDING_LIMIT: Duration = Duration::from_secs(10);

/// Makes the namespaces, cables and bridges of a lab, and returns when they forward.
pub(super) fn build(layout: &LabLayout) -> Result<(), LabError> {
    ip_batch(None, "make the lab's namespaces", &layout.namespace_script())?;
    for namespace in layout.namespaces() {
        turn_off_ipv6(&namespace)?;
    }
    ip_batch(None, "make the lab's links", &layout.cable_script())?;
    for (namespace, script) in layout.interface_scripts() {
        ip_batch(Some(namespace), "set up the lab's interfaces", &script)?;
    }
    layout.bridges().into_iter().try_for_each(|(namespace, bridge, ports)| wait_for_forwarding(layout, namespace, bridge, ports))
}

/// Deletes namespaces; those that are gone already are no error. Gives what `ip` complained about.
pub(super) fn delete_namespaces<'a>(namespaces: impl Iterator<Item = &'a NamespaceName>) -> Result<String, LabError> {
    let script: String = namespaces.map(|namespace| format!("netns delete {namespace}\n")).collect();
    if script.is_empty() {
        return Ok(String::new());
    }
    let spec = CommandSpec::new(Location::Here, ["ip", "-force", "-batch", "-"]);
    Ok(run(&spec.with_stdin(Input::Bytes(script.into_bytes())).with_timeout(IP_LIMIT))?.stderr_text())
}

/// Runs the lines in one process, in a namespace if one is given; stops at the first that fails.
fn ip_batch(namespace: Option<&NamespaceName>, what: &str, script: &str) -> Result<(), LabError> {
    let mut words = vec!["ip"];
    words.extend(namespace.iter().flat_map(|namespace| ["-n", namespace.as_str()]));
    words.extend(["-batch", "-"]);
    let spec = CommandSpec::new(Location::Here, words).with_stdin(Input::Bytes(script.as_bytes().to_vec())).with_timeout(IP_LIMIT);
    let output = run(&spec)?;
    if output.success() {
        return Ok(());
    }
    let message = output.stderr_text().lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
    Err(LabError::Refused { what: what.to_owned(), message: if message.is_empty() { output.ending() } else { message } })
}

/// Interfaces that come up later take the namespace's default; without it each would announce itself by router solicitations and
/// neighbour discovery, which are foreign frames to a measurement.
///
/// `/proc/sys/net` shows the namespace of the thread that looks, so a thread of its own goes there and ends.
fn turn_off_ipv6(namespace: &NamespaceName) -> Result<(), LabError> {
    let path = namespace.path();
    let there = move || -> io::Result<()> {
        setns(File::open(&path)?, CloneFlags::CLONE_NEWNET)?;
        for scope in ["all", "default"] {
            let file = format!("/proc/sys/net/ipv6/conf/{scope}/disable_ipv6");
            // No such file: the kernel has no IPv6.
            if Path::new(&file).exists() {
                fs::write(&file, "1")?;
            }
        }
        Ok(())
    };
    let failed = |source| LabError::Ipv6 { namespace: namespace.clone(), source };
    let thread = thread::Builder::new().name("netns".to_owned()).spawn(there).map_err(failed)?;
    thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread panicked"))).map_err(failed)
}

#[derive(Deserialize)]
struct BridgePort {
    #[serde(default)]
    master: String,
    #[serde(default)]
    state: String,
}

fn wait_for_forwarding(layout: &LabLayout, namespace: &NamespaceName, bridge: &str, ports: usize) -> Result<(), LabError> {
    let spec = CommandSpec::new(Location::Here, ["bridge", "-n", namespace.as_str(), "-json", "link"]).with_timeout(IP_LIMIT);
    let deadline = Instant::now() + FORWARDING_LIMIT;
    loop {
        let seen: Vec<BridgePort> = serde_json::from_slice(&run(&spec)?.stdout).unwrap_or_default();
        if seen.iter().filter(|port| port.master == bridge && port.state == "forwarding").count() == ports {
            return Ok(());
        }
        if Instant::now() >= deadline {
            let waited_s = FORWARDING_LIMIT.as_secs();
            return Err(LabError::NotForwarding { name: layout.name().clone(), namespace: namespace.clone(), waited_s });
        }
        thread::sleep(Duration::from_millis(20));
    }
}
