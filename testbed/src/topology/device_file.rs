//! `[[device]]` of `testbed.toml`.

use std::path::{Path, PathBuf};

use dataplane::PortSpec;
use reporter::record::EndpointId;
use serde::Deserialize;
use toml::Spanned;

use super::device::{Carries, Device, DeviceId, DeviceKind, Forwarding, InterfaceAddress};
use super::file_keys::{Cpus, is_name};
use super::model::Endpoint;
use crate::text_file::{FileProblem, wrong};

/// A device as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileDevice {
    id: String,
    kind: Spanned<String>,
    at: Spanned<String>,
    between: Option<Spanned<Vec<String>>>,
    joins: Spanned<Vec<Names>>,
    #[serde(default)]
    cpu: Cpus,
    mode: Option<Spanned<Forwarding>>,
    command: Option<Spanned<Vec<String>>>,
    addresses: Option<Spanned<Vec<String>>>,
    program: Option<Spanned<PathBuf>>,
    #[serde(default)]
    carries: Carries,
}

/// `"a-cpu"`, or several endpoints on one side: `["a-cpu", "a-dpu"]`.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected the id of an endpoint, or a list of such ids")]
enum Names {
    One(String),
    Many(Vec<String>),
}

impl Names {
    fn ids(&self) -> Vec<EndpointId> {
        match self {
            Names::One(name) => vec![EndpointId(name.clone())],
            Names::Many(names) => names.iter().cloned().map(EndpointId).collect(),
        }
    }
}

/// The devices of a file whose endpoints are known.
pub(super) fn devices(
    given: Vec<Spanned<FileDevice>>,
    endpoints: &[Endpoint],
    text: &str,
    path: &Path,
) -> Result<Vec<Device>, FileProblem> {
    let mut devices: Vec<Device> = Vec::new();
    for spanned in given {
        let span = spanned.span();
        let problem = |message: String| wrong(text, path, Some(span.clone()), message);
        let device = device(spanned.into_inner(), endpoints, (text, path), &problem)?;
        if devices.iter().any(|other| other.id == device.id) {
            return Err(problem(format!("device `{}` is defined twice: each device needs an `id` of its own", device.id)));
        }
        let both = |other: &&Device| {
            let pairs = device.joins[0].iter().flat_map(|from| device.joins[1].iter().map(move |to| (from, to)));
            pairs.into_iter().any(|(from, to)| other.passage(&reporter::record::Pair { from: from.clone(), to: to.clone() }).is_some())
        };
        if let Some(other) = devices.iter().find(both) {
            return Err(problem(format!("devices `{}` and `{}` join the same endpoints: a path has one device", other.id, device.id)));
        }
        devices.push(device);
    }
    Ok(devices)
}

fn device(
    device: FileDevice,
    endpoints: &[Endpoint],
    (text, path): (&str, &Path),
    problem: &dyn Fn(String) -> FileProblem,
) -> Result<Device, FileProblem> {
    let FileDevice { id, kind, at, between, joins, cpu, mode, command, addresses, program, carries } = device;
    if !is_name(&id) {
        return Err(problem(format!(
            "`{}` is not a valid device id: use letters, digits, `-`, `_` and `.`, such as switch",
            id.escape_debug()
        )));
    }
    let at_span = |span: std::ops::Range<usize>, message: String| wrong(text, path, Some(span), message);
    let known = || endpoints.iter().map(|endpoint| endpoint.id.to_string()).collect::<Vec<_>>().join(", ");
    let is_endpoint = |id: &EndpointId| endpoints.iter().any(|endpoint| endpoint.id == *id);
    let place = EndpointId(at.get_ref().clone());
    if !is_endpoint(&place) {
        return Err(at_span(
            at.span(),
            format!("`at` of device `{id}` is `{place}`, which is not an endpoint; the endpoints are: {}", known()),
        ));
    }
    let joins_span = joins.span();
    let [first, second] = &joins.get_ref()[..] else {
        return Err(at_span(joins_span, "`joins` needs the endpoints at both ports: joins = [\"a-cpu\", \"b-cpu\"]".to_owned()));
    };
    let joins = [first.ids(), second.ids()];
    if let Some(unknown) = joins.iter().flatten().find(|id| !is_endpoint(id)) {
        return Err(at_span(
            joins_span,
            format!("`joins` of device `{id}` names `{unknown}`, which is not an endpoint; the endpoints are: {}", known()),
        ));
    }
    if joins.iter().flatten().any(|end| *end == place) || joins[0].iter().any(|end| joins[1].contains(end)) {
        return Err(at_span(
            joins_span,
            format!("device `{id}`: the endpoints at its two ports and the endpoint where it runs must be different"),
        ));
    }
    let of_kind = kind.get_ref().as_str();
    // What belongs to other kinds is refused rather than ignored.
    let given = [
        ("mode", mode.as_ref().map(Spanned::span), &["testpmd", "command"][..]),
        ("command", command.as_ref().map(Spanned::span), &["command"][..]),
        ("addresses", addresses.as_ref().map(Spanned::span), &["ip-forward"][..]),
        ("program", program.as_ref().map(Spanned::span), &["testpmd"][..]),
    ];
    if !DeviceKind::NAMES.contains(&of_kind) {
        let names = DeviceKind::NAMES.map(|name| format!("\"{name}\"")).join(", ");
        return Err(at_span(kind.span(), format!("`{}` is not a known kind of device; the kinds are {names}", of_kind.escape_debug())));
    }
    for (key, span, kinds) in given {
        if let Some(span) = span.filter(|_| !kinds.contains(&of_kind)) {
            return Err(at_span(span, format!("`{key}` is not a key of a device of kind \"{of_kind}\"")));
        }
    }
    let cpus = cpu.ids();
    let kind_span = kind.span();
    let two = |what: &str| match &between {
        None => Err(at_span(
            kind_span.clone(),
            format!("device `{id}` has no `between`: name its two {what}, such as between = [\"in0\", \"out0\"]"),
        )),
        Some(names) => match &names.get_ref()[..] {
            [first, second] if first != second => Ok([first.clone(), second.clone()]),
            _ => Err(at_span(names.span(), format!("`between` of device `{id}` needs two different {what}"))),
        },
    };
    let interfaces = || {
        let names = two("interfaces")?;
        match names.iter().find(|name| !is_name(name) || name.len() > 15) {
            None => Ok(names),
            Some(name) => Err(problem(format!("device `{id}`: `{}` is not the name of an interface", name.escape_debug()))),
        }
    };
    let polled_ports = || -> Result<[PortSpec; 2], FileProblem> {
        let ports = two("DPDK ports")?;
        let port = |name: &String| name.parse::<PortSpec>().map_err(|error| problem(format!("device `{id}`: {error}")));
        if cpus.is_empty() {
            return Err(at_span(kind_span.clone(), format!("device `{id}` has no `cpu`: {of_kind} needs CPUs, such as cpu = [2, 3]")));
        }
        Ok([port(&ports[0])?, port(&ports[1])?])
    };
    let kind = match of_kind {
        "bridge" => DeviceKind::Bridge { between: interfaces()? },
        "ip-forward" => {
            let addresses = addresses.map(|given| {
                let span = given.span();
                let parsed: Result<Vec<InterfaceAddress>, String> = given.into_inner().iter().map(|one| one.parse()).collect();
                let parsed = parsed.map_err(|message| at_span(span.clone(), message))?;
                <[InterfaceAddress; 2]>::try_from(parsed)
                    .map_err(|_| at_span(span, format!("`addresses` of device `{id}` needs one address for each interface")))
            });
            DeviceKind::IpForward { between: interfaces()?, addresses: addresses.transpose()? }
        }
        "ovs" => DeviceKind::Ovs { between: interfaces()? },
        "ovs-dpdk" => DeviceKind::OvsDpdk { between: polled_ports()? },
        "testpmd" => {
            let between = polled_ports()?;
            let mode = mode.map_or(Forwarding::Io, Spanned::into_inner);
            if mode == Forwarding::Route {
                return Err(problem(format!("device `{id}`: testpmd does not route; its modes are \"io\", \"macswap\" and \"5tswap\"")));
            }
            let program = program.map_or_else(|| PathBuf::from("dpdk-testpmd"), Spanned::into_inner);
            DeviceKind::Testpmd { between, mode, program }
        }
        _ => {
            let words = command.filter(|words| words.get_ref().first().is_some_and(|word| !word.is_empty()));
            let words = words.ok_or_else(|| {
                at_span(
                    kind_span.clone(),
                    format!(
                        "device `{id}` has no `command`: write the words of its program, such as command = [\"my-switch\", \"--fast\"]"
                    ),
                )
            })?;
            let between = if between.is_some() { Some(interfaces()?) } else { None };
            DeviceKind::Command { command: words.into_inner(), between, mode: mode.map(Spanned::into_inner) }
        }
    };
    Ok(Device { id: DeviceId(id), kind, at: place, joins, cpus, carries })
}

#[cfg(test)]
mod tests {
    use super::super::file::parse;
    use super::*;
    use crate::topology::{Passage, Testbed};

    fn testbed(device: &str) -> Result<Testbed, String> {
        let ends = ["from", "to", "middle"].map(|id| {
            let port = if id == "middle" { "" } else { "port = \"net_null0\"\n" };
            format!("[[endpoint]]\nid = \"{id}\"\n{port}")
        });
        parse(&format!("name = \"t\"\n{}{device}", ends.concat()), Path::new("testbed.toml")).map_err(|error| error.to_string())
    }

    const BRIDGE: &str =
        "[[device]]\nid = \"switch\"\nkind = \"bridge\"\nat = \"middle\"\nbetween = [\"in0\", \"out0\"]\njoins = [\"from\", \"to\"]\n";

    #[test]
    fn a_device_lies_between_the_endpoints_that_it_joins_and_its_own_endpoint_is_no_end() {
        let testbed = testbed(BRIDGE).unwrap();
        assert_eq!(testbed.all_pairs().iter().map(ToString::to_string).collect::<Vec<_>>(), ["from→to", "to→from"]);
        let passage = |pair: &str| testbed.device_of(&pair.parse().unwrap()).map(|(device, passage)| (device.id.to_string(), passage));
        assert_eq!(passage("from:to"), Some(("switch".to_owned(), Passage::FirstToSecond)));
        assert_eq!(passage("to:from"), Some(("switch".to_owned(), Passage::SecondToFirst)));
        assert_eq!(passage("from:middle"), None);
    }

    #[test]
    fn every_kind_reads() {
        let kind = |kind: &str, more: &str| testbed(&format!("{}{more}", BRIDGE.replace("\"bridge\"", &format!("\"{kind}\"")))).unwrap();
        assert!(matches!(
            kind("ip-forward", "addresses = [\"192.0.2.1/24\", \"198.51.100.1/24\"]").devices[0].kind,
            DeviceKind::IpForward { .. }
        ));
        let ports = BRIDGE.replace("\"bridge\"", "\"testpmd\"").replace("in0", "net_null0").replace("out0", "net_null1");
        let testpmd = testbed(&format!("{ports}cpu = [2, 3]\nmode = \"5tswap\"")).unwrap();
        assert_eq!(testpmd.devices[0].kind.forwarding(), Some(Forwarding::FiveTupleSwap));
        assert_eq!(testpmd.devices[0].carries, Carries::Everything);
        assert_eq!(kind("bridge", "carries = \"dpdk\"").devices[0].carries, Carries::Dpdk);
        assert_eq!(kind("command", "command = [\"my-switch\"]").devices[0].kind.forwarding(), None);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (device, line, words) in [
            (
                BRIDGE.replace("\"bridge\"", "\"switch\""),
                12,
                "the kinds are \"bridge\", \"ip-forward\", \"testpmd\", \"ovs\", \"ovs-dpdk\", \"command\"",
            ),
            (BRIDGE.replace("at = \"middle\"", "at = \"hall\""), 13, "the endpoints are: from, to, middle"),
            (BRIDGE.replace("at = \"middle\"", "at = \"to\""), 15, "must be different"),
            (BRIDGE.replace("[\"from\", \"to\"]", "[\"from\"]"), 15, "both ports"),
            (BRIDGE.replace("\"out0\"", "\"in0\""), 14, "two different interfaces"),
            (BRIDGE.replace("\"out0\"", "\"../x\""), 10, "not the name of an interface"),
            (format!("{BRIDGE}mode = \"io\""), 16, "`mode` is not a key"),
            (BRIDGE.replace("\"bridge\"", "\"command\""), 12, "has no `command`"),
            (BRIDGE.replace("\"bridge\"", "\"testpmd\"").replace("in0", "net_null0").replace("out0", "net_null1"), 12, "has no `cpu`"),
            (format!("{BRIDGE}{}", BRIDGE.replace("switch", "other")), 16, "join the same endpoints"),
            (format!("{BRIDGE}{BRIDGE}"), 16, "defined twice"),
        ] {
            let said = testbed(&device).unwrap_err();
            assert!(said.starts_with(&format!("testbed.toml:{line}:")) && said.contains(words), "{device}\n{said}");
        }
    }
}
