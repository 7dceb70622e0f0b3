//! Whether the endpoints have what the kernel measures of a plan ask for. Asked before anything is measured.

use std::collections::BTreeMap;
use std::time::Duration;

use dataplane::CpuId;
use reporter::record::{EndpointId, Stack};
use thiserror::Error;

use crate::interface_settings::BUSY_READ;
use crate::inventory::{NoRdmaPort, rdma_port};
use crate::plan::{KernelTuning, Measure, Plan, TlsEnd};
use crate::process::{CommandSpec, Output, read_file, run};
use crate::topology::Testbed;

/// How long an endpoint may take to print a file.
const LIMIT: Duration = Duration::from_secs(10);

const ALGORITHMS: &str = "/proc/sys/net/ipv4/tcp_available_congestion_control";
const CPUS: &str = "/sys/devices/system/cpu/online";
/// Namespaces other than the first do not show these before Linux 6.11.
const MOST_SEND_BUFFER: &str = "/proc/sys/net/core/wmem_max";
const MOST_RECEIVE_BUFFER: &str = "/proc/sys/net/core/rmem_max";

/// Exists where the kernel's `tls` module is loaded (Documentation/networking/tls.rst).
pub(super) const TLS_COUNTERS: &str = "/proc/net/tls_stat";

/// The NIC's encryption of what the kernel's TLS sends, as ethtool names it (Documentation/networking/tls-offload.rst, "Packet tx offload").
const TLS_OFFLOAD: &str = "tls-hw-tx-offload";

/// Something that a plan asks for and an endpoint does not have.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MissingFeature {
    /// perftest cannot send and receive there.
    #[error("endpoint {endpoint}: {source}")]
    Rdma {
        /// The endpoint.
        endpoint: EndpointId,
        /// Why.
        #[source]
        source: NoRdmaPort,
    },
    /// The kernel does not have a congestion control.
    #[error(
        "endpoint {endpoint}: its kernel has no congestion control `{name}`; it has {known}; load one with `modprobe tcp_{name}`, or change `congestion-control` in the plan"
    )]
    CongestionControl {
        /// The endpoint.
        endpoint: EndpointId,
        /// What the plan asks for.
        name: String,
        /// What there is.
        known: String,
    },
    /// The machine does not have a CPU.
    #[error("endpoint {endpoint}: `{key} = {cpu}` in the plan, and its machine has CPUs {known}")]
    Cpu {
        /// The endpoint.
        endpoint: EndpointId,
        /// The key of the plan.
        key: &'static str,
        /// The CPU that the plan asks for.
        cpu: u32,
        /// The CPUs that there are, as the kernel lists them.
        known: String,
    },
    /// The kernel does not encrypt TLS records.
    #[error(
        "endpoint {endpoint}: `tls-at = \"{tls_at}\"` in the plan, and its kernel has no TLS: {TLS_COUNTERS} does not exist; load it with `modprobe tls` (a kernel built without CONFIG_TLS has no such module), or remove this value from the plan"
    )]
    KernelTls {
        /// The endpoint.
        endpoint: EndpointId,
        /// What the plan asks for.
        tls_at: &'static str,
    },
    /// The NIC cannot encrypt TLS records.
    #[error(
        "endpoint {endpoint}: `tls-at = \"endpoint-inline\"` in the plan, and interface {interface} has no {TLS_OFFLOAD}: its driver or its NIC cannot encrypt (see `ethtool -k {interface}`); remove this value from the plan"
    )]
    NoInlineTls {
        /// The endpoint.
        endpoint: EndpointId,
        /// Its interface.
        interface: String,
    },
    /// The NIC does not encrypt TLS records, and could.
    #[error(
        "endpoint {endpoint}: `tls-at = \"endpoint-inline\"` in the plan, and {TLS_OFFLOAD} of interface {interface} is off: switch it on with `ethtool -K {interface} {TLS_OFFLOAD} on`"
    )]
    InlineTlsOff {
        /// The endpoint.
        endpoint: EndpointId,
        /// Its interface.
        interface: String,
    },
    /// The kernel has no setting for busy polling there.
    #[error(
        "endpoint {endpoint}: `busy-poll` in the plan, and {BUSY_READ} does not exist there: Linux has this setting in its initial network namespace only, and nowhere without CONFIG_NET_RX_BUSY_POLL; remove `busy-poll`, or use an endpoint that is neither a namespace nor a container"
    )]
    BusyPoll {
        /// The endpoint.
        endpoint: EndpointId,
    },
    /// The kernel does not allow socket buffers of this size.
    #[error(
        "endpoint {endpoint}: `window = {wanted}` in the plan, and its kernel allows {most} bytes: raise it with `sysctl -w {sysctl}={wanted}`, or use a smaller window"
    )]
    Window {
        /// The endpoint.
        endpoint: EndpointId,
        /// What the plan asks for.
        wanted: u32,
        /// What is allowed.
        most: u32,
        /// The setting that limits it.
        sysctl: &'static str,
    },
}

/// Refuses what an endpoint does not have.
///
/// # Errors
/// The first that is missing. What an endpoint does not tell is left to the measurement, which fails with the tool's reason.
pub fn check(plan: &Plan, testbed: &Testbed) -> Result<(), MissingFeature> {
    let mut files = Files { testbed, texts: BTreeMap::new() };
    let pairs = testbed.all_pairs();
    check_rdma(plan, testbed)?;
    for measure in &plan.measures {
        if let Some(tls) = measure.kind.file_transfer().and_then(|transfer| transfer.tls).filter(|tls| tls.at.needs_kernel_tls()) {
            for pair in pairs.iter().filter(|pair| measure.is_for(pair)) {
                if tls.at == TlsEnd::EndpointInline {
                    check_inline_tls(&pair.from, testbed)?;
                }
                check_kernel_tls(&pair.from, tls.at.name(), &mut files)?;
            }
        }
        let of_pairs = |tuning| pairs.iter().filter(|pair| measure.is_for(pair)).map(move |pair| (pair, tuning));
        for (pair, tuning) in measure.kind.kernel_tunings().flat_map(of_pairs) {
            for (endpoint, key, cpu) in [(&pair.from, "client-cpu", tuning.client_cpu), (&pair.to, "server-cpu", tuning.server_cpu)] {
                check_tcp(endpoint, tuning, &mut files)?;
                check_busy_poll(endpoint, tuning, &mut files)?;
                if let Some(cpu) = cpu
                    && let Some(known) = files.text(endpoint, CPUS).filter(|known| !has_cpu(known, cpu))
                {
                    return Err(MissingFeature::Cpu { endpoint: endpoint.clone(), key, cpu, known });
                }
            }
        }
    }
    Ok(())
}

/// The RDMA ports of the endpoints that perftest measures between, each once, and the largest frames.
fn check_rdma(plan: &Plan, testbed: &Testbed) -> Result<(), MissingFeature> {
    let pairs = testbed.all_pairs();
    let largest_frame = |id: &EndpointId| {
        let own = |measure: &&Measure| pairs.iter().any(|pair| (pair.from == *id || pair.to == *id) && measure.is_for(pair));
        let verbs = plan.measures.iter().filter(|measure| measure.stack() == Stack::Verbs);
        verbs.filter(own).flat_map(|measure| &measure.sizes).map(|size| size.bytes()).max()
    };
    for endpoint in &testbed.endpoints {
        if let (Some(kernel), Some(bytes)) = (&endpoint.kernel, largest_frame(&endpoint.id)) {
            rdma_port(&endpoint.location, &kernel.interface, Some(bytes))
                .map_err(|source| MissingFeature::Rdma { endpoint: endpoint.id.clone(), source })?;
        }
    }
    Ok(())
}

/// An endpoint that shows another file can be read: it has no such file.
fn check_kernel_tls(endpoint: &EndpointId, tls_at: &'static str, files: &mut Files<'_>) -> Result<(), MissingFeature> {
    let missing = files.text(endpoint, TLS_COUNTERS).is_none() && files.text(endpoint, CPUS).is_some();
    if missing { Err(MissingFeature::KernelTls { endpoint: endpoint.clone(), tls_at }) } else { Ok(()) }
}

/// An interface whose features cannot be read is left to the measurement, whose counters prove who encrypted.
fn check_inline_tls(id: &EndpointId, testbed: &Testbed) -> Result<(), MissingFeature> {
    let Ok(endpoint) = testbed.endpoint(id) else { return Ok(()) };
    let Some(interface) = endpoint.kernel.as_ref().map(|kernel| kernel.interface.clone()) else { return Ok(()) };
    let command = CommandSpec::new(endpoint.location.clone(), ["ethtool", "-k", &interface]).with_timeout(LIMIT);
    let Some(features) = run(&command).ok().filter(Output::success) else { return Ok(()) };
    match feature(&features.stdout_text(), TLS_OFFLOAD) {
        // An ethtool that does not know the feature leaves its line out, as a kernel before 4.18 does.
        None | Some(Feature::Missing) => Err(MissingFeature::NoInlineTls { endpoint: id.clone(), interface }),
        Some(Feature::Off) => Err(MissingFeature::InlineTlsOff { endpoint: id.clone(), interface }),
        Some(Feature::On) => Ok(()),
    }
}

/// A feature of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Feature {
    On,
    Off,
    /// It is off and cannot be switched on.
    Missing,
}

/// The state of a feature in what `ethtool -k` prints: `tls-hw-tx-offload: off [fixed]`.
fn feature(text: &str, name: &str) -> Option<Feature> {
    let value = text.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':'))?;
    let mut words = value.split_whitespace();
    match (words.next()?, words.next()) {
        ("on", _) => Some(Feature::On),
        ("off", Some("[fixed]")) => Some(Feature::Missing),
        ("off", _) => Some(Feature::Off),
        _ => None,
    }
}

/// As with TLS, an endpoint that shows another file can be read.
fn check_busy_poll(endpoint: &EndpointId, tuning: &KernelTuning, files: &mut Files<'_>) -> Result<(), MissingFeature> {
    let missing = tuning.interface.busy_poll.is_some() && files.text(endpoint, BUSY_READ).is_none() && files.text(endpoint, CPUS).is_some();
    if missing { Err(MissingFeature::BusyPoll { endpoint: endpoint.clone() }) } else { Ok(()) }
}

fn check_tcp(endpoint: &EndpointId, tuning: &KernelTuning, files: &mut Files<'_>) -> Result<(), MissingFeature> {
    if let Some(name) = &tuning.tcp.congestion_control
        && let Some(known) = files.text(endpoint, ALGORITHMS).filter(|known| !known.split_whitespace().any(|one| one == name))
    {
        let known = known.split_whitespace().collect::<Vec<_>>().join(", ");
        return Err(MissingFeature::CongestionControl { endpoint: endpoint.clone(), name: name.clone(), known });
    }
    let Some(wanted) = tuning.tcp.window.map(|window| window.get()) else { return Ok(()) };
    for (file, sysctl) in [(MOST_SEND_BUFFER, "net.core.wmem_max"), (MOST_RECEIVE_BUFFER, "net.core.rmem_max")] {
        let most = files.text(endpoint, file).and_then(|text| text.parse::<u32>().ok());
        if let Some(most) = most.filter(|&most| wanted > most) {
            return Err(MissingFeature::Window { endpoint: endpoint.clone(), wanted, most, sysctl });
        }
    }
    Ok(())
}

/// Files of the endpoints, each read once.
struct Files<'t> {
    testbed: &'t Testbed,
    texts: BTreeMap<(EndpointId, &'static str), Option<String>>,
}

impl Files<'_> {
    fn text(&mut self, id: &EndpointId, file: &'static str) -> Option<String> {
        let endpoint = self.testbed.endpoint(id).ok()?;
        let read = || read_file(&endpoint.location, file, LIMIT).filter(|text| !text.is_empty());
        self.texts.entry((id.clone(), file)).or_insert_with(read).clone()
    }
}

/// Whether a list such as `0-3,8` has a CPU. A list that cannot be read refuses none.
fn has_cpu(list: &str, cpu: u32) -> bool {
    let cpus = CpuId::read_list(list);
    cpus.is_empty() || cpus.into_iter().any(|known| known.number() == cpu)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn check_here(keys: &str) -> Result<(), MissingFeature> {
        let text = format!("name = \"p\"\nsizes = [64]\n[[measure]]\nstack = \"kernel-tcp\"\nmethod = \"stream\"\n{keys}");
        let plan = Plan::reread(&text, Path::new("plan.toml")).unwrap();
        let end = |id: &str| format!("[[endpoint]]\nid = \"{id}\"\naddress = \"127.0.0.1\"\ninterface = \"lo\"\n");
        let testbed = Testbed::parse(&format!("name = \"x\"\n{}{}", end("a"), end("b")), Path::new("testbed.toml")).unwrap();
        check(&plan, &testbed)
    }

    #[test]
    fn a_congestion_control_a_cpu_and_a_window_that_are_not_there_are_named() {
        let refused = check_here("congestion-control = [\"no-such-one\"]").unwrap_err().to_string();
        assert!(refused.contains("endpoint a") && refused.contains("`no-such-one`") && refused.contains("it has "), "{refused}");
        let refused = check_here("server-cpu = 4095").unwrap_err().to_string();
        assert!(refused.contains("endpoint b") && refused.contains("`server-cpu = 4095`"), "{refused}");
        let refused = check_here("window = 1073741824").unwrap_err().to_string();
        assert!(refused.contains("net.core.wmem_max"), "{refused}");
        check_here("congestion-control = \"cubic\"\nclient-cpu = 0\nwindow = \"64K\"").unwrap();
    }

    fn check_tls_here(tls_at: &str) -> Result<(), MissingFeature> {
        let text = format!(
            "name = \"p\"\n[[measure]]\nstack = \"kernel-tls\"\nmethod = \"file-transfer\"\nfiles = [\"1 MB\"]\ntls-at = [\"{tls_at}\"]"
        );
        let plan = Plan::reread(&text, Path::new("plan.toml")).unwrap();
        let end = |id: &str| format!("[[endpoint]]\nid = \"{id}\"\naddress = \"127.0.0.1\"\ninterface = \"lo\"\n");
        let testbed = Testbed::parse(&format!("name = \"x\"\n{}{}", end("a"), end("b")), Path::new("testbed.toml")).unwrap();
        check(&plan, &testbed)
    }

    #[test]
    fn a_kernel_without_tls_is_refused_by_name() {
        let checked = check_tls_here("endpoint-ktls");
        if Path::new(TLS_COUNTERS).exists() {
            return checked.unwrap();
        }
        let refused = checked.unwrap_err().to_string();
        assert!(refused.starts_with("endpoint a: `tls-at = \"endpoint-ktls\"`") && refused.contains("modprobe tls"), "{refused}");
    }

    #[test]
    fn an_interface_that_cannot_encrypt_is_refused_by_name() {
        let refused = check_tls_here("endpoint-inline").unwrap_err().to_string();
        assert!(
            refused.starts_with("endpoint a: `tls-at = \"endpoint-inline\"`") && refused.contains("interface lo has no tls-hw-tx-offload"),
            "{refused}"
        );
        // What ethtool 6.1 prints for a NIC that can encrypt.
        let printed = "Features for eth0:\ntls-hw-tx-offload: off\ntls-hw-rx-offload: on\ntls-hw-record: off [fixed]\n";
        let states = [TLS_OFFLOAD, "tls-hw-rx-offload", "tls-hw-record", "no-such"].map(|name| feature(printed, name));
        assert_eq!(states, [Some(Feature::Off), Some(Feature::On), Some(Feature::Missing), None]);
    }

    #[test]
    fn a_list_of_cpus_has_ranges() {
        assert!(has_cpu("0-3,8", 2) && has_cpu("0-3,8", 8) && has_cpu("0", 0));
        assert!(!has_cpu("0-3,8", 4) && !has_cpu("0", 1));
        assert!(has_cpu("?", 7));
    }
}
