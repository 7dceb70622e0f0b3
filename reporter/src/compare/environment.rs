use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::archive::Archive;

/// One fact that is not the same in both runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EnvironmentDifference {
    /// Which fact: `endpoints.a-cpu.kernel`, `plan.toml`, `tool iperf3`.
    pub what: String,
    /// In the first run; absent where it had none.
    pub base: Option<String>,
    /// In the second run; absent where it has none.
    pub new: Option<String>,
}

/// Everything beside the results that differs between two runs: endpoints, plan, testbed, tools.
pub fn environment_differences(base: &Archive, new: &Archive) -> Vec<EnvironmentDifference> {
    let (before, after) = (facts(base), facts(new));
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name))
        .map(|name| EnvironmentDifference { what: name.clone(), base: before.get(name).cloned(), new: after.get(name).cloned() })
        .collect()
}

fn facts(archive: &Archive) -> BTreeMap<String, String> {
    let mut list = Vec::new();
    match archive.environment.as_ref().and_then(|e| serde_json::to_value(e).ok()) {
        Some(value) => flatten("", &value, &mut list),
        None => list.push(("environment".to_owned(), "not recorded".to_owned())),
    }
    // What doctor found follows from the facts.
    let mut facts: BTreeMap<String, String> = list.into_iter().filter(|(name, _)| !name.contains("findings")).collect();
    for (name, text) in [("plan.toml", &archive.plan), ("testbed.toml", &archive.testbed)] {
        if let Some(text) = text {
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
            facts.insert(name.to_owned(), lines.collect::<Vec<_>>().join("; "));
        }
    }
    let mut tools: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for record in &archive.records {
        let versions = tools.entry(format!("tool {}", record.tool.name)).or_default();
        if !versions.contains(&record.tool.version) {
            versions.push(record.tool.version.clone());
        }
    }
    facts.extend(tools.into_iter().map(|(tool, versions)| (tool, versions.join(", "))));
    facts
}

/// A JSON value as a list of dotted paths and values.
pub(crate) fn flatten(path: &str, value: &Value, into: &mut Vec<(String, String)>) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                flatten(&path, inner, into);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for (index, inner) in items.iter().enumerate() {
                flatten(&format!("{path}.{}", index + 1), inner, into);
            }
        }
        Value::Array(items) => {
            let text = items.iter().map(|i| i.as_str().map_or_else(|| i.to_string(), str::to_owned)).collect::<Vec<_>>();
            into.push((path.to_owned(), text.join(" ")));
        }
        Value::String(text) => into.push((path.to_owned(), text.clone())),
        Value::Null => {}
        other => into.push((path.to_owned(), other.to_string())),
    }
}
