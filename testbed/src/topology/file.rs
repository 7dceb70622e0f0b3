use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};

use dataplane::PortSpec;
use reporter::record::EndpointId;
use serde::Deserialize;
use toml::Spanned;

use super::device_file::{FileDevice, devices};
use super::file_keys::{Cpus, is_name};
use super::model::{Endpoint, KernelAddress, Testbed, TestbedError, Wiring};
use super::rings::RingSizes;
use crate::process::{Container, ContainerEngine, InvokingUser, Location, NamespaceName, SshDestination, SshTarget, check_ssh_options};
use crate::text_file::{FileProblem, from_toml, read_text, wrong};

impl Testbed {
    /// Reads `testbed.toml`. Errors name the file, the line, and what would be right.
    pub fn read(path: &Path) -> Result<Testbed, TestbedError> {
        Testbed::parse(&read_text(path, "testbed")?, path)
    }

    /// The testbed of a text. `path` is for its errors.
    pub fn parse(text: &str, path: &Path) -> Result<Testbed, TestbedError> {
        Ok(parse(text, path)?)
    }
}

/// `testbed.toml` as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    #[serde(default)]
    emulated: bool,
    #[serde(rename = "endpoint")]
    endpoints: Vec<Spanned<FileEndpoint>>,
    #[serde(default, rename = "device")]
    devices: Vec<Spanned<FileDevice>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileEndpoint {
    id: String,
    kind: Option<Spanned<String>>,
    #[serde(default)]
    reach: Reach,
    address: Option<IpAddr>,
    interface: Option<String>,
    port: Option<PortSpec>,
    #[serde(default)]
    promiscuous: bool,
    #[serde(default)]
    cpu: Cpus,
    #[serde(rename = "rx-descriptors")]
    rx_descriptors: Option<Spanned<u16>>,
    #[serde(rename = "tx-descriptors")]
    tx_descriptors: Option<Spanned<u16>>,
    program: Option<PathBuf>,
    #[serde(default)]
    ssh_options: Option<Spanned<Vec<String>>>,
    #[serde(default)]
    r#become: Option<Spanned<String>>,
    link: Option<String>,
}

/// How an endpoint is reached: `local`, `netns:NAME`, `ssh:DESTINATION`, or a container engine and a name.
#[derive(Default, Deserialize)]
#[serde(try_from = "String")]
enum Reach {
    #[default]
    Local,
    Namespace(NamespaceName),
    Ssh(SshDestination),
    Container(Container),
}

impl TryFrom<String> for Reach {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let shown = text.escape_debug();
        let unknown = || {
            format!(
                "`{shown}` is not a valid `reach`: write \"local\", \"netns:NAME\", \"ssh:USER@HOST\", \"podman:NAME\", \"docker:NAME\" or \"kubectl:POD\""
            )
        };
        let wrong = |error: &dyn std::fmt::Display| format!("`{shown}` is not a valid `reach`: {error}");
        match text.split_once(':') {
            None if text == "local" => Ok(Reach::Local),
            Some(("netns", name)) => name.parse().map(Reach::Namespace).map_err(|error| wrong(&error)),
            Some(("ssh", destination)) => destination.parse().map(Reach::Ssh).map_err(|error| wrong(&error)),
            Some((engine, name)) => {
                let engine = ContainerEngine::ALL.into_iter().find(|known| known.program() == engine).ok_or_else(unknown)?;
                Container::new(engine, name).map(Reach::Container).map_err(|error| wrong(&error))
            }
            None => Err(unknown()),
        }
    }
}

pub(super) fn parse(text: &str, path: &Path) -> Result<Testbed, FileProblem> {
    let file: File = from_toml(text, path)?;
    let mut seen = BTreeSet::new();
    let mut endpoints = Vec::new();
    for spanned in file.endpoints {
        let span = spanned.span();
        let endpoint = spanned.into_inner();
        if !seen.insert(endpoint.id.clone()) {
            return Err(wrong(
                text,
                path,
                Some(span),
                format!("endpoint `{}` is defined twice: each endpoint needs an `id` of its own", endpoint.id),
            ));
        }
        if !is_name(&endpoint.id) {
            return Err(wrong(
                text,
                path,
                Some(span),
                format!("`{}` is not a valid endpoint id: use letters, digits, `-`, `_` and `.`, such as a-cpu", endpoint.id),
            ));
        }
        if let Some(kind) = endpoint.kind {
            refuse_another_kind(&endpoint.id, kind.get_ref()).map_err(|why| wrong(text, path, Some(kind.span()), why))?;
        }
        let link = endpoint
            .link
            .as_deref()
            .map(str::parse)
            .transpose()
            .map_err(|error: methodology::units::UnitError| wrong(text, path, Some(span.clone()), error.to_string()))?;
        let kernel = match (endpoint.address, endpoint.interface) {
            (Some(address), Some(interface)) => Some(KernelAddress { address, interface }),
            (None, None) => None,
            (given, _) => {
                let missing = if given.is_some() { "interface" } else { "address" };
                let why = format!(
                    "endpoint `{}` has no `{missing}`: kernel measures need `address` and `interface`; give both, or neither for DPDK measures only",
                    endpoint.id
                );
                return Err(wrong(text, path, Some(span), why));
            }
        };
        let location = location(endpoint.reach, endpoint.ssh_options, endpoint.r#become)
            .map_err(|(place, why)| wrong(text, path, Some(place), format!("endpoint `{}`: {why}", endpoint.id)))?;
        let descriptors = |key: &str, given: Option<Spanned<u16>>| match given {
            Some(zero) if *zero.get_ref() == 0 => {
                Err(wrong(text, path, Some(zero.span()), format!("{key} = 0 is not a ring: write the number of descriptors, such as 4096")))
            }
            given => Ok(given.map(Spanned::into_inner)),
        };
        let rings = RingSizes {
            rx: descriptors("rx-descriptors", endpoint.rx_descriptors)?,
            tx: descriptors("tx-descriptors", endpoint.tx_descriptors)?,
        };
        endpoints.push(Endpoint {
            id: EndpointId(endpoint.id),
            program: program(endpoint.program, &location),
            location,
            kernel,
            port: endpoint.port,
            promiscuous: endpoint.promiscuous,
            cpus: endpoint.cpu.ids(),
            rings,
            link,
        });
    }
    if endpoints.len() < 2 {
        return Err(wrong(text, path, None, "a testbed needs at least two [[endpoint]] tables: traffic goes from one to another"));
    }
    let devices = devices(file.devices, &endpoints, text, path)?;
    Ok(Testbed { name: file.name, endpoints, devices, wiring: Wiring::Ports, source: text.to_owned(), emulated: file.emulated, note: None })
}

/// Reports take the kind of an endpoint from its name, so that one record tells it.
fn refuse_another_kind(id: &str, kind: &str) -> Result<(), String> {
    if !is_name(kind) || kind.contains('-') {
        return Err(format!(
            "`{}` is not a kind of endpoint: use one word of letters and digits, such as cpu, dpu, vm or container",
            kind.escape_debug()
        ));
    }
    if EndpointId(id.to_owned()).kind() == kind && id.contains('-') {
        return Ok(());
    }
    Err(format!(
        "endpoint `{id}` is of kind {kind}, which its `id` must end with, because records and reports have only the id: write id = \"{id}-{kind}\""
    ))
}

/// Where the commands of an endpoint run; otherwise what is wrong, and where.
fn location(
    reach: Reach,
    ssh_options: Option<Spanned<Vec<String>>>,
    r#become: Option<Spanned<String>>,
) -> Result<Location, (Range<usize>, String)> {
    let become_words = match r#become {
        None => Vec::new(),
        Some(words) => match (&reach, shlex::split(words.get_ref())) {
            (Reach::Local | Reach::Namespace(_), _) => {
                return Err((
                    words.span(),
                    "`become` is for endpoints on other machines; here, start linerate itself with sudo".to_owned(),
                ));
            }
            (_, Some(split)) if split.first().is_some_and(|program| !program.is_empty()) => split,
            _ => return Err((words.span(), "`become` is not a command: write its words, such as become = \"sudo -n\"".to_owned())),
        },
    };
    if let Some(options) = &ssh_options {
        match &reach {
            Reach::Ssh(_) => check_ssh_options(options.get_ref()).map_err(|error| (options.span(), error.to_string()))?,
            _ => return Err((options.span(), "`ssh_options` are for an endpoint that ssh reaches".to_owned())),
        }
    }
    Ok(match reach {
        Reach::Local => Location::Here,
        Reach::Namespace(name) => Location::Namespace(name),
        Reach::Ssh(SshDestination { user_and_host, port }) => {
            let mut target = SshTarget::new(user_and_host);
            target.port = port;
            target.options = ssh_options.map(Spanned::into_inner).unwrap_or_default();
            target.r#become = become_words;
            target.identity = InvokingUser::of_sudo();
            Location::Ssh(target)
        }
        Reach::Container(mut container) => {
            container.r#become = become_words;
            Location::Container(container)
        }
    })
}

/// On this machine it is this very program; elsewhere `linerate` on that machine's PATH.
fn program(given: Option<PathBuf>, location: &Location) -> PathBuf {
    match (given, location) {
        (Some(path), _) => path,
        (None, Location::Ssh(_) | Location::Container(_)) => PathBuf::from("linerate"),
        (None, Location::Here | Location::Namespace(_) | Location::Confined(_)) => {
            std::env::current_exe().unwrap_or_else(|_| PathBuf::from("linerate"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = r#"
name = "two servers"

[[endpoint]]
id = "a-cpu"
address = "192.0.2.1"
interface = "ens1f0np0"
port = "0000:03:00.0"
cpu = 2

[[endpoint]]
id = "a-dpu"
reach = "ssh:ubuntu@a-dpu"
address = "192.0.2.3"
interface = "enp3s0f0s0"
port = "auxiliary:mlx5_core.sf.4"
link = "25G"
"#;

    fn problem(text: &str) -> String {
        parse(text, Path::new("testbed.toml")).unwrap_err().to_string()
    }

    #[test]
    fn a_testbed_of_two_servers_reads() {
        let testbed = parse(TWO, Path::new("testbed.toml")).unwrap();
        assert_eq!(testbed.all_pairs().len(), 2);
        let ports = testbed.ports(&"a-cpu:a-dpu".parse().unwrap(), RingSizes::default()).unwrap();
        assert_eq!(ports.receiver.to_string(), "auxiliary:mlx5_core.sf.4");
        assert_eq!((ports.sender_rings, ports.receiver_rings), (RingSizes::default(), RingSizes::default()));
        assert_eq!(testbed.endpoints[1].program, Path::new("linerate"));
    }

    #[test]
    fn the_plans_ring_sizes_count_before_the_testbeds() {
        let text = TWO.replace("cpu = 2", "rx-descriptors = 8192\ntx-descriptors = 512");
        let testbed = parse(&text, Path::new("testbed.toml")).unwrap();
        let rings = |planned| testbed.ports(&"a-cpu:a-dpu".parse().unwrap(), planned).unwrap().sender_rings;
        assert_eq!(rings(RingSizes::default()), RingSizes { rx: Some(8192), tx: Some(512) });
        assert_eq!(rings(RingSizes { rx: Some(256), tx: None }), RingSizes { rx: Some(256), tx: Some(512) });
        let zero = problem(&TWO.replace("cpu = 2", "rx-descriptors = 0"));
        assert!(zero.starts_with("testbed.toml:9:") && zero.contains("rx-descriptors = 0 is not a ring"), "{zero}");
    }

    #[test]
    fn rings_of_a_kernel_interface_or_of_shared_memory_are_set_in_the_devargs_of_the_port_that_makes_them() {
        let text = TWO.replace("0000:03:00.0", "net_af_packet0,iface=veth0").replace("cpu = 2", "rx-descriptors = 2048");
        let testbed = parse(&text, Path::new("testbed.toml")).unwrap();
        let ports = testbed.ports(&"a-cpu:a-dpu".parse().unwrap(), RingSizes::default()).unwrap();
        assert_eq!(ports.sender.to_string(), "net_af_packet0,iface=veth0,framecnt=2048");
        let shared = Testbed { wiring: Wiring::SharedMemory { sockets: PathBuf::from("/s") }, ..testbed };
        for (planned, size) in [(RingSizes::default(), 1024), (RingSizes { rx: Some(256), tx: None }, 256)] {
            let ports = shared.ports(&"a-cpu:a-dpu".parse().unwrap(), planned).unwrap();
            let both = RingSizes { rx: Some(size), tx: Some(size) };
            assert_eq!(ports.sender.to_string(), format!("net_virtio_user0,path=/s/a-cpu.a-dpu.sock,queue_size={size}"));
            assert_eq!((ports.sender_rings, ports.receiver_rings), (both, both));
        }
    }

    #[test]
    fn an_endpoint_for_dpdk_only_needs_no_address_and_half_an_address_is_refused() {
        let without = |keys: &[&str]| keys.iter().fold(TWO.to_owned(), |text, key| text.replace(key, ""));
        let (address, interface) = ("address = \"192.0.2.3\"\n", "interface = \"enp3s0f0s0\"\n");
        let testbed = parse(&without(&[address, interface]), Path::new("testbed.toml")).unwrap();
        assert!(testbed.endpoints[0].kernel.is_some() && testbed.endpoints[1].kernel.is_none());
        let refused = testbed.kernel_endpoint(&testbed.endpoints[1].id).unwrap_err().to_string();
        assert!(refused.contains("`a-dpu`") && refused.contains("`address`"), "{refused}");
        let half = problem(&without(&[interface]));
        assert!(half.starts_with("testbed.toml:11:") && half.contains("no `interface`"), "{half}");
        let half = problem(&without(&[address]));
        assert!(half.contains("no `address`"), "{half}");
    }

    #[test]
    fn other_machines_are_reached_over_ssh_with_options_or_in_a_container() {
        let at = |reach: &str| {
            let text = TWO.replace("reach = \"ssh:ubuntu@a-dpu\"", reach);
            parse(&text, Path::new("testbed.toml")).map(|testbed| testbed.endpoints[1].location.clone()).map_err(|error| error.to_string())
        };
        let given = "reach = \"ssh:ubuntu@a-dpu:2222\"\nssh_options = [\"-J\", \"jump\"]\nbecome = \"sudo -n\"";
        let Ok(Location::Ssh(target)) = at(given) else { panic!() };
        assert_eq!((target.to_string().as_str(), target.port), ("ubuntu@a-dpu:2222", Some(2222)));
        assert_eq!((target.options, target.r#become), (vec!["-J".to_owned(), "jump".to_owned()], vec!["sudo".to_owned(), "-n".to_owned()]));
        for (reach, name) in [("podman:dpu", "podman:dpu"), ("docker:dpu", "docker:dpu"), ("kubectl:bench/pod-0", "kubectl:bench/pod-0")] {
            assert_eq!(at(&format!("reach = \"{reach}\"")).unwrap().to_string(), name);
        }
        for (given, words) in [
            ("ssh_options = [\"-4\"]", "`ssh_options` are for"),
            ("reach = \"ssh:h\"\nssh_options = [\"-W\", \"x:1\"]", "`-W` cannot be used here"),
            ("become = \"sudo -n\"", "start linerate itself with sudo"),
            ("reach = \"ssh:h\"\nbecome = \"sudo 'n\"", "`become` is not a command"),
            ("reach = \"ssh:h;reboot\"", "not an ssh destination"),
            ("reach = \"docker:-v\"", "cannot name a container"),
        ] {
            let said = at(given).unwrap_err();
            assert!(said.starts_with("testbed.toml:") && said.contains(words), "{given}: {said}");
        }
    }

    #[test]
    fn a_kind_is_the_last_word_of_the_id() {
        let of = |id: &str, kind: &str| {
            let text = TWO.replace("id = \"a-dpu\"", &format!("id = \"{id}\"\nkind = \"{kind}\""));
            parse(&text, Path::new("testbed.toml"))
                .map(|testbed| testbed.endpoints[1].id.kind().to_owned())
                .map_err(|error| error.to_string())
        };
        assert_eq!(of("web-1-vm", "vm").unwrap(), "vm");
        for (id, kind, words) in
            [("web1", "vm", "write id = \"web1-vm\""), ("vm", "vm", "\"vm-vm\""), ("a-b", "a-b", "not a kind of endpoint")]
        {
            let said = of(id, kind).unwrap_err();
            assert!(said.starts_with("testbed.toml:13:") && said.contains(words), "{said}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line_and_what_would_be_right() {
        let wrong_reach = problem(&TWO.replace("ssh:ubuntu@a-dpu", "telnet:a-dpu"));
        assert!(wrong_reach.starts_with("testbed.toml:13:") && wrong_reach.contains("ssh:USER@HOST"), "{wrong_reach}");
        let option = problem(&TWO.replace("ssh:ubuntu@a-dpu", "ssh:-oProxyCommand=x"));
        assert!(option.contains("not a valid `reach`"), "{option}");
        let twice = problem(&TWO.replace("a-dpu\"\nreach", "a-cpu\"\nreach"));
        assert!(twice.starts_with("testbed.toml:11:") && twice.contains("twice"), "{twice}");
        let unknown = problem(&TWO.replace("cpu = 2", "core = 2"));
        assert!(unknown.starts_with("testbed.toml:9:") && unknown.contains("`cpu`"), "{unknown}");
        let bad_port = problem(&TWO.replace("\"0000:03:00.0\"", "\"eth0\""));
        assert!(bad_port.starts_with("testbed.toml:8:") && bad_port.contains("net_af_packet0"), "{bad_port}");
        assert!(problem("name = \"x\"\nendpoint = []").contains("at least two"));
    }
}
