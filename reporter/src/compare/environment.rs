use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use crate::archive::Archive;

/// One fact that is not the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EnvironmentDifference {
    /// Which fact: `endpoints.a-cpu.kernel`, `plan.toml`, `tool iperf3`.
    pub what: String,
    /// On the first side; absent where it has none.
    pub base: Option<String>,
    /// On the second side; absent where it has none.
    pub new: Option<String>,
}

/// Everything beside the results that differs between the runs of two sides: endpoints, plan, testbed, tools. Where the runs of one side differ
/// among themselves, its values stand one after the other.
pub fn environment_differences(base: &[&Archive], new: &[&Archive]) -> Vec<EnvironmentDifference> {
    // If only one side recorded its environment, its facts have nothing to be compared with. One row says so.
    let all = |runs: &[&Archive]| runs.iter().all(|run| run.environment.is_some());
    let none = |runs: &[&Archive]| runs.iter().all(|run| run.environment.is_none());
    let one_side_only = (all(base) && none(new)) || (none(base) && all(new));
    let facts_of = if one_side_only { facts_without_environment } else { facts };
    let (mut before, mut after) = (side(base, facts_of), side(new, facts_of));
    if one_side_only {
        for (side, runs) in [(&mut before, base), (&mut after, new)] {
            let said = if all(runs) { "recorded" } else { "not recorded" };
            side.insert("environment".to_owned(), BTreeSet::from([said.to_owned()]));
        }
    }
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    let value = |side: &BTreeMap<String, BTreeSet<String>>, runs: &[&Archive], name: &String| -> Option<String> {
        let values = side.get(name)?;
        let joined = values.iter().map(String::as_str).collect::<Vec<_>>().join(" | ");
        Some(if values.len() > 1 { format!("differs among {} runs: {joined}", runs.len()) } else { joined })
    };
    names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name) || before.get(*name).is_some_and(|values| values.len() > 1))
        .map(|name| EnvironmentDifference { what: name.clone(), base: value(&before, base, name), new: value(&after, new, name) })
        .collect()
}

/// Each fact with the values that the runs of a side have for it.
fn side(runs: &[&Archive], facts_of: fn(&Archive) -> BTreeMap<String, String>) -> BTreeMap<String, BTreeSet<String>> {
    let of_runs: Vec<BTreeMap<String, String>> = runs.iter().map(|run| facts_of(run)).collect();
    let mut side: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, value) in of_runs.iter().flatten() {
        side.entry(name.clone()).or_default().insert(value.clone());
    }
    // A fact that one of the runs lacks differs among them.
    for (name, values) in &mut side {
        if of_runs.iter().any(|facts| !facts.contains_key(name)) {
            values.insert("not recorded".to_owned());
        }
    }
    side
}

/// The endpoint and the rest of the name of a fact that an endpoint has: `a-cpu` and `kernel` of `endpoints.a-cpu.kernel`.
pub(crate) fn endpoint_of_fact(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix("endpoints.")?.split_once('.')
}

/// Everything beside the results of a run, by name.
pub(crate) fn facts(archive: &Archive) -> BTreeMap<String, String> {
    let mut list = Vec::new();
    match archive.environment.as_ref().and_then(|e| serde_json::to_value(e).ok()) {
        Some(value) => flatten("", &value, &mut list),
        None => list.push(("environment".to_owned(), "not recorded".to_owned())),
    }
    // What doctor found follows from the facts.
    let of_environment = list.into_iter().filter(|(name, _)| !name.contains("findings"));
    of_environment.chain(facts_without_environment(archive)).collect()
}

/// Plan, testbed and tools.
fn facts_without_environment(archive: &Archive) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn run(kernel: Option<&str>, plan: &str) -> Archive {
        let environment = kernel
            .map(|kernel| serde_json::from_value(serde_json::json!({ "schema": 1, "endpoints": { "a": { "kernel": kernel } } })).unwrap());
        Archive { environment, plan: Some(plan.to_owned()), ..Archive::of_records(Vec::new(), Path::new("run")) }
    }

    fn differences(base: &Archive, new: &Archive) -> Vec<(String, Option<String>, Option<String>)> {
        environment_differences(&[base], &[new]).into_iter().map(|found| (found.what, found.base, found.new)).collect()
    }

    #[test]
    fn an_environment_that_only_one_side_has_is_one_difference() {
        let row = |what: &str, base: &str, new: &str| (what.to_owned(), Some(base.to_owned()), Some(new.to_owned()));
        let (here, there, none) = (run(Some("6.1"), "x"), run(Some("6.2"), "x"), run(None, "y"));
        assert_eq!(differences(&here, &there), [row("endpoints.a.kernel", "6.1", "6.2")]);
        assert_eq!(differences(&none, &here), [row("environment", "not recorded", "recorded"), row("plan.toml", "y", "x")]);
        assert_eq!(differences(&here, &none), [row("environment", "recorded", "not recorded"), row("plan.toml", "x", "y")]);
        assert_eq!(differences(&none, &none), []);
    }
}
