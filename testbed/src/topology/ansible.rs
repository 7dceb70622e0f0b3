//! Testbeds of an Ansible inventory: the output of `ansible-inventory --list` becomes the text of one `testbed.toml` for each testbed group.
//!
//! The inventory has a group of testbeds (`testbeds`). Each of its child groups is a testbed, and each host of a child group is an endpoint.
//! Only groups and the host variables of [`HostVariables`] are read; all other variables, such as passwords, are ignored.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;

use dataplane::PortSpec;
use methodology::units::LinkSpeed;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

use super::file;
use crate::text_file::FileProblem;

/// The default port of ssh(1), which `reach` does not need to name.
const SSH_PORT: u16 = 22;

/// Variables that tell Ansible how to log in, and that OpenSSH does not read.
const ONLY_FOR_ANSIBLE: [&str; 4] =
    ["ansible_ssh_private_key_file", "ansible_private_key_file", "ansible_ssh_common_args", "ansible_ssh_extra_args"];

/// A testbed of an inventory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InventoryTestbed {
    /// The name of its group.
    pub name: String,
    /// The inventory's names of its endpoints, in the order of the group.
    pub hosts: Vec<String>,
    /// The text of its `testbed.toml`.
    #[serde(skip)]
    pub text: String,
    /// What the reader should know: settings of Ansible that linerate does not use.
    pub notes: Vec<String>,
}

/// The inventory cannot be turned into testbeds.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum InventoryError {
    /// The text is not what `ansible-inventory --list` prints.
    #[error("the inventory is not the JSON of `ansible-inventory --list`: {0}")]
    NotAnInventory(#[source] serde_json::Error),
    /// The group whose children are the testbeds is missing or has no child groups.
    #[error(
        "the inventory has no group `{parent}` with child groups: make each testbed a group, and list these groups as children of `{parent}` (--group names another)"
    )]
    NoTestbeds {
        /// The group that was asked for.
        parent: String,
    },
    /// A group's name cannot be the name of a file.
    #[error("testbed group `{0}`: its name becomes the name of a file: use letters, digits, `-` and `_`")]
    GroupName(String),
    /// Too few endpoints.
    #[error("testbed group `{group}` needs at least two hosts, because traffic goes from one to another; it has {hosts}")]
    TooFewHosts {
        /// The testbed.
        group: String,
        /// How many hosts it has.
        hosts: usize,
    },
    /// Two testbeds have the same host. Testbeds run at the same time, so they cannot share an endpoint.
    #[error("host `{host}` is in the testbeds `{first}` and `{second}`: testbeds run at the same time, so each host belongs to one")]
    SharedHost {
        /// The host.
        host: String,
        /// One testbed.
        first: String,
        /// The other.
        second: String,
    },
    /// A variable of a host has a value that cannot be used.
    #[error("host `{host}`: {variable} = {value}: {why}")]
    Variable {
        /// The host.
        host: String,
        /// The variable.
        variable: &'static str,
        /// What the inventory has.
        value: Value,
        /// What is wrong, and what would be right.
        why: String,
    },
    /// The host has no port and no address.
    #[error(
        "host `{0}` has none of linerate_port, linerate_address and linerate_interface: an endpoint needs a DPDK port, or an address and its interface"
    )]
    NotAnEndpoint(String),
    /// The testbed file would be refused.
    #[error("testbed group `{group}`: {problem}")]
    Refused {
        /// The testbed.
        group: String,
        /// Why.
        problem: FileProblem,
    },
}

/// The testbeds of the text that `ansible-inventory --list` prints: the child groups of the group `parent`, in the order of the inventory.
///
/// # Errors
/// The text is not an inventory, or a testbed in it cannot be used. Every returned text is a valid `testbed.toml`.
pub fn testbeds_of_inventory(text: &str, parent: &str) -> Result<Vec<InventoryTestbed>, InventoryError> {
    let inventory = Inventory::read(text)?;
    let groups = inventory.groups.get(parent).map(|group| group.children.as_slice()).unwrap_or_default();
    if groups.is_empty() {
        return Err(InventoryError::NoTestbeds { parent: parent.to_owned() });
    }
    let mut testbed_of: BTreeMap<&str, &str> = BTreeMap::new();
    groups
        .iter()
        .map(|group| {
            let hosts = inventory.hosts(group);
            for &host in &hosts {
                if let Some(first) = testbed_of.insert(host, group) {
                    return Err(InventoryError::SharedHost { host: host.to_owned(), first: first.to_owned(), second: group.clone() });
                }
            }
            inventory.testbed(group, &hosts)
        })
        .collect()
}

#[derive(Debug, Default, Deserialize)]
struct Group {
    #[serde(default)]
    hosts: Vec<String>,
    #[serde(default)]
    children: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Meta {
    #[serde(default)]
    hostvars: BTreeMap<String, Map<String, Value>>,
}

struct Inventory {
    groups: BTreeMap<String, Group>,
    variables: BTreeMap<String, Map<String, Value>>,
}

impl Inventory {
    fn read(text: &str) -> Result<Self, InventoryError> {
        let mut whole: Map<String, Value> = serde_json::from_str(text).map_err(InventoryError::NotAnInventory)?;
        let meta = whole.remove("_meta").map(serde_json::from_value::<Meta>).transpose().map_err(InventoryError::NotAnInventory)?;
        let groups = whole.into_iter().map(|(name, group)| Ok((name, serde_json::from_value(group)?))).collect::<Result<_, _>>();
        Ok(Inventory { groups: groups.map_err(InventoryError::NotAnInventory)?, variables: meta.unwrap_or_default().hostvars })
    }

    /// The hosts of a group and of the groups below it, each once.
    fn hosts<'a>(&'a self, group: &'a str) -> Vec<&'a str> {
        let (mut found, mut seen, mut waiting) = (Vec::new(), BTreeSet::new(), vec![group]);
        while let Some(name) = waiting.pop() {
            if !seen.insert(name) {
                continue;
            }
            let Some(group) = self.groups.get(name) else { continue };
            for host in &group.hosts {
                if !found.contains(&host.as_str()) {
                    found.push(host);
                }
            }
            waiting.extend(group.children.iter().rev().map(String::as_str));
        }
        found
    }

    fn testbed(&self, group: &str, hosts: &[&str]) -> Result<InventoryTestbed, InventoryError> {
        if group.is_empty() || !group.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) {
            return Err(InventoryError::GroupName(group.to_owned()));
        }
        if hosts.len() < 2 {
            return Err(InventoryError::TooFewHosts { group: group.to_owned(), hosts: hosts.len() });
        }
        let empty = Map::new();
        let variables = |host: &'_ str| HostVariables { values: self.variables.get(host).unwrap_or(&empty), host: host.to_owned() };
        let mut file = TestbedFile { name: group, emulated: false, endpoint: Vec::new() };
        let mut notes = Vec::new();
        for &host in hosts {
            let variables = variables(host);
            file.emulated |= variables.flag("linerate_emulated")?.unwrap_or(false);
            file.endpoint.push(variables.endpoint()?);
            notes.extend(variables.note());
        }
        // This cannot fail: the tables have strings, numbers and lists only.
        let tables = toml::to_string(&file).unwrap_or_default();
        let text =
            format!("# Made from the Ansible inventory, group `{group}`, by `linerate testbed from-inventory`: change it there.\n{tables}");
        file::parse(&text, Path::new(&format!("{group}.toml")))
            .map_err(|problem| InventoryError::Refused { group: group.to_owned(), problem })?;
        Ok(InventoryTestbed { name: group.to_owned(), hosts: hosts.iter().map(|&host| host.to_owned()).collect(), text, notes })
    }
}

/// `testbed.toml` as it is written; [`file`] reads it.
#[derive(Serialize)]
struct TestbedFile<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    emulated: bool,
    endpoint: Vec<FileEndpoint>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct FileEndpoint {
    id: String,
    reach: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interface: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    promiscuous: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cpu: Vec<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rx_descriptors: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tx_descriptors: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    program: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
}

/// The variables of one host, those of its groups included, as `ansible-inventory --list` merges them.
struct HostVariables<'a> {
    host: String,
    values: &'a Map<String, Value>,
}

impl HostVariables<'_> {
    fn endpoint(&self) -> Result<FileEndpoint, InventoryError> {
        let address = self.parsed("linerate_address", "write an IP address")?;
        let interface = self.text("linerate_interface")?;
        let port: Option<PortSpec> = self.parsed("linerate_port", "`linerate ports` lists the ports of a machine")?;
        if address.is_none() && interface.is_none() && port.is_none() {
            return Err(InventoryError::NotAnEndpoint(self.host.clone()));
        }
        // Parsed only for an error that names the host: the file gets the text of the inventory.
        let _: Option<LinkSpeed> = self.parsed("linerate_link", "write a speed such as 25G")?;
        let below_prefix = |prefix: String| format!("{}/bin/linerate", prefix.trim_end_matches('/'));
        Ok(FileEndpoint {
            id: self.text("linerate_id")?.unwrap_or_else(|| self.host.clone()),
            reach: self.reach()?,
            address,
            interface,
            port: port.map(|port| port.to_string()),
            promiscuous: self.flag("linerate_promiscuous")?.unwrap_or(false),
            cpu: self.cpus()?,
            rx_descriptors: self.parsed("linerate_rx_descriptors", "write a number of descriptors")?,
            tx_descriptors: self.parsed("linerate_tx_descriptors", "write a number of descriptors")?,
            program: self.text("linerate_program")?.or(self.text("linerate_prefix")?.map(below_prefix)),
            link: self.text("linerate_link")?,
        })
    }

    /// `linerate_reach`, or what Ansible connects to: `local`, or `ssh:USER@HOST`. OpenSSH also takes a URI, which has the port (ssh(1)).
    fn reach(&self) -> Result<String, InventoryError> {
        if let Some(reach) = self.text("linerate_reach")? {
            return Ok(reach);
        }
        match self.text("ansible_connection")?.as_deref() {
            Some("local" | "ansible.builtin.local") => return Ok("local".to_owned()),
            None | Some("smart" | "ssh" | "ansible.builtin.ssh" | "paramiko" | "ansible.builtin.paramiko_ssh") => {}
            Some(_) => {
                return Err(self.refused(
                    "ansible_connection",
                    "linerate reaches endpoints with OpenSSH: set linerate_reach to \"local\", \"netns:NAME\" or \"ssh:USER@HOST\"",
                ));
            }
        }
        let host = match self.text("ansible_host")? {
            Some(host) => host,
            None => self.text("ansible_ssh_host")?.unwrap_or_else(|| self.host.clone()),
        };
        let user = match self.text("ansible_user")? {
            Some(user) => Some(user),
            None => self.text("ansible_ssh_user")?,
        };
        let user = user.map(|user| format!("{user}@")).unwrap_or_default();
        let port: Option<u16> = self.parsed("ansible_port", "write the port of its ssh server")?;
        Ok(match port.filter(|port| *port != SSH_PORT) {
            None => format!("ssh:{user}{host}"),
            Some(port) if host.contains(':') => format!("ssh:ssh://{user}[{host}]:{port}"),
            Some(port) => format!("ssh:ssh://{user}{host}:{port}"),
        })
    }

    /// `2`, `[2, 3]`, or the same as strings: an INI inventory has strings only.
    fn cpus(&self) -> Result<Vec<u32>, InventoryError> {
        const NAME: &str = "linerate_cpu";
        let texts = match self.values.get(NAME) {
            Some(Value::Array(list)) => list.iter().map(|cpu| cpu.as_str().map_or_else(|| cpu.to_string(), str::to_owned)).collect(),
            _ => self.text(NAME)?.map(|text| text.trim_matches(['[', ']']).split(',').map(str::to_owned).collect()).unwrap_or(Vec::new()),
        };
        let numbers = texts.iter().map(|text| text.trim().parse().ok()).collect::<Option<Vec<u32>>>();
        numbers.ok_or_else(|| self.refused(NAME, "write the number of a CPU, or a list with one for each queue such as [2, 3]"))
    }

    fn flag(&self, name: &'static str) -> Result<Option<bool>, InventoryError> {
        match self.text(name)?.map(|text| text.to_ascii_lowercase()).as_deref() {
            None => Ok(None),
            Some("true" | "yes" | "on" | "1") => Ok(Some(true)),
            Some("false" | "no" | "off" | "0") => Ok(Some(false)),
            Some(_) => Err(self.refused(name, "write true or false")),
        }
    }

    fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(&self, name: &'static str, hint: &str) -> Result<Option<T>, InventoryError> {
        let parse = |text: String| text.parse().map_err(|error: T::Err| self.refused(name, format!("{error}; {hint}")));
        self.text(name)?.map(parse).transpose()
    }

    /// A string, number or boolean as text; `None` for an empty one.
    fn text(&self, name: &'static str) -> Result<Option<String>, InventoryError> {
        let text = match self.values.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) => text.trim().to_owned(),
            Some(plain @ (Value::Number(_) | Value::Bool(_))) => plain.to_string(),
            Some(Value::Array(_) | Value::Object(_)) => return Err(self.refused(name, "write one value")),
        };
        if text.contains("{{") || text.contains("{%") {
            return Err(self.refused(name, "`ansible-inventory` does not fill in templates: write the value itself"));
        }
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    fn refused(&self, variable: &'static str, why: impl Into<String>) -> InventoryError {
        let value = self.values.get(variable).cloned().unwrap_or_default();
        InventoryError::Variable { host: self.host.clone(), variable, value, why: why.into() }
    }

    fn note(&self) -> Option<String> {
        let named: Vec<&str> = ONLY_FOR_ANSIBLE.into_iter().filter(|name| self.values.contains_key(*name)).collect();
        (!named.is_empty() && !self.values.contains_key("linerate_reach")).then(|| {
            format!("host `{}`: linerate does not use {}: write the same into ~/.ssh/config of the controller", self.host, named.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn inventory(a: Value, b: Value) -> String {
        json!({
            "_meta": { "hostvars": { "rack1-a-cpu": a, "rack1-b-cpu": b } },
            "all": { "children": ["ungrouped", "testbeds", "controllers"] },
            "controllers": { "hosts": ["desk"] },
            "testbeds": { "children": ["rack1"] },
            "rack1": { "children": ["rack1_left"], "hosts": ["rack1-a-cpu"] },
            "rack1_left": { "hosts": ["rack1-b-cpu", "rack1-a-cpu"] },
        })
        .to_string()
    }

    fn read(a: Value, b: Value) -> Result<InventoryTestbed, InventoryError> {
        Ok(testbeds_of_inventory(&inventory(a, b), "testbeds")?.remove(0))
    }

    fn b() -> Value {
        json!({ "ansible_host": "192.0.2.12", "linerate_port": "0000:03:00.0" })
    }

    fn problem(a: Value) -> String {
        read(a, b()).unwrap_err().to_string()
    }

    #[test]
    fn a_group_becomes_a_testbed_file_that_reads() {
        let a = json!({
            "ansible_host": "192.0.2.11", "ansible_user": "root", "ansible_password": "secret", "linerate_prefix": "/opt/linerate/",
            "linerate_address": "198.51.100.1", "linerate_interface": "ens1f0np0", "linerate_port": "0000:03:00.0,txqs_min_inline=8",
            "linerate_cpu": [2, 3], "linerate_link": "25G", "linerate_promiscuous": "yes", "linerate_rx_descriptors": "8192",
            "ansible_ssh_common_args": "-J jump",
        });
        let made = read(a, b()).unwrap();
        assert_eq!((made.name.as_str(), made.hosts.as_slice()), ("rack1", &["rack1-a-cpu".to_owned(), "rack1-b-cpu".to_owned()][..]));
        assert!(!made.text.contains("secret"), "{}", made.text);
        assert!(made.notes.len() == 1 && made.notes[0].contains("ansible_ssh_common_args"), "{:?}", made.notes);
        let testbed = file::parse(&made.text, Path::new("rack1.toml")).unwrap();
        assert_eq!((testbed.name.as_str(), testbed.emulated, testbed.endpoints.len()), ("rack1", false, 2));
        let [a, b] = &testbed.endpoints[..] else { panic!("{}", made.text) };
        assert_eq!((a.location.machine().as_deref(), b.location.machine().as_deref()), (Some("root@192.0.2.11"), Some("192.0.2.12")));
        assert_eq!((a.program.to_str(), b.program.to_str()), (Some("/opt/linerate/bin/linerate"), Some("linerate")));
        assert_eq!(a.cpus.iter().map(ToString::to_string).collect::<Vec<_>>(), ["2", "3"]);
        assert_eq!(
            (a.rings.rx, a.promiscuous, a.link.is_some(), a.kernel.is_some(), b.kernel.is_none()),
            (Some(8192), true, true, true, true)
        );
        assert_eq!(a.port.as_ref().unwrap().to_string(), "0000:03:00.0,txqs_min_inline=8");
    }

    #[test]
    fn an_endpoint_is_reached_as_ansible_reaches_it() {
        let reach = |variables: Value| {
            let mut all = json!({ "linerate_port": "net_null0" });
            all.as_object_mut().unwrap().extend(variables.as_object().unwrap().clone());
            let text = read(all, b()).unwrap().text;
            text.lines().find(|line| line.starts_with("reach")).unwrap().to_owned()
        };
        assert_eq!(reach(json!({})), r#"reach = "ssh:rack1-a-cpu""#);
        assert_eq!(reach(json!({ "ansible_connection": "local" })), r#"reach = "local""#);
        assert_eq!(reach(json!({ "ansible_host": "h", "ansible_port": "22" })), r#"reach = "ssh:h""#);
        assert_eq!(reach(json!({ "ansible_host": "h", "ansible_user": "u", "ansible_port": 2222 })), r#"reach = "ssh:ssh://u@h:2222""#);
        assert_eq!(reach(json!({ "ansible_host": "2001:db8::1", "ansible_port": 2222 })), r#"reach = "ssh:ssh://[2001:db8::1]:2222""#);
        assert_eq!(reach(json!({ "ansible_host": "h", "linerate_reach": "netns:blue" })), r#"reach = "netns:blue""#);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_host_and_variable() {
        for (variables, parts) in [
            (json!({ "linerate_port": "eth0" }), &["`rack1-a-cpu`", "linerate_port", "eth0", "linerate ports"][..]),
            (json!({ "linerate_address": "somewhere", "linerate_interface": "x" }), &["linerate_address", "IP address"]),
            (json!({ "linerate_port": "{{ port }}" }), &["linerate_port", "templates"]),
            (json!({ "linerate_port": "net_null0", "linerate_cpu": "two" }), &["linerate_cpu", "[2, 3]"]),
            (json!({ "linerate_port": "net_null0", "linerate_link": "fast" }), &["linerate_link", "25G"]),
            (json!({ "linerate_port": "net_null0", "linerate_promiscuous": "perhaps" }), &["linerate_promiscuous", "true or false"]),
            (json!({ "linerate_port": "net_null0", "ansible_connection": "docker" }), &["ansible_connection", "linerate_reach"]),
            (json!({ "linerate_port": ["net_null0"] }), &["linerate_port", "one value"]),
            (json!({}), &["`rack1-a-cpu`", "none of linerate_port"]),
            (json!({ "linerate_address": "198.51.100.1" }), &["group `rack1`", "no `interface`"]),
            (json!({ "linerate_port": "net_null0", "linerate_id": "a b" }), &["group `rack1`", "not a valid endpoint id"]),
            (json!({ "linerate_port": "net_null0", "linerate_id": "rack1-b-cpu" }), &["group `rack1`", "defined twice"]),
        ] {
            let said = problem(variables.clone());
            assert!(parts.iter().all(|part| said.contains(part)), "{variables}: {said}");
        }
    }

    #[test]
    fn groups_that_cannot_be_testbeds_are_refused() {
        let said = |inventory: Value| testbeds_of_inventory(&inventory.to_string(), "testbeds").unwrap_err().to_string();
        assert!(said(json!({ "all": { "children": ["web"] } })).contains("no group `testbeds`"));
        assert!(said(json!([1])).contains("ansible-inventory --list"));
        let one = json!({ "testbeds": { "children": ["x"] }, "x": { "hosts": ["a"] } });
        assert!(said(one).contains("`x` needs at least two hosts"));
        let dot = json!({ "testbeds": { "children": ["../x"] }, "../x": { "hosts": ["a", "b"] } });
        assert!(said(dot).contains("name of a file"));
        let port = json!({ "linerate_port": "net_null0" });
        let twice = json!({ "_meta": { "hostvars": { "a": port, "b": port, "c": port } }, "testbeds": { "children": ["x", "y"] }, "x": { "hosts": ["a", "b"] }, "y": { "hosts": ["b", "c"] } });
        assert!(said(twice).contains("host `b` is in the testbeds `x` and `y`"));
        let round = json!({ "testbeds": { "children": ["x"] }, "x": { "children": ["x"] } });
        assert!(said(round).contains("it has 0"));
    }
}
