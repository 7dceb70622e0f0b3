//! Lines of older versions of the record format, brought up to the current one version by version.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::record::{Record, SchemaVersion};

/// Changes a line of one version into one of the next.
type Step = fn(&mut Map<String, Value>);

/// The step from each older version to the next, the first from version 1. The length is fixed by [`SchemaVersion::CURRENT`]: a new
/// version does not compile without its step, and `tests/versions.rs` asks for lines that the older version wrote.
const STEPS: [Step; SchemaVersion::CURRENT.number() as usize - 1] = [];

/// Whether this program reads the version.
pub(super) fn is_known(version: u64) -> bool {
    (1..=u64::from(SchemaVersion::CURRENT.number())).contains(&version)
}

/// Reads a line that says which version it has, in any version that is known.
pub(super) fn read(text: &str, version: u64) -> Result<Record, serde_json::Error> {
    let steps = steps_from(&STEPS, version);
    if steps.is_empty() {
        return serde_json::from_str(text);
    }
    let mut line: Map<String, Value> = serde_json::from_str(text)?;
    steps.iter().for_each(|step| step(&mut line));
    line.insert("schema".to_owned(), Value::from(SchemaVersion::CURRENT.number()));
    Record::deserialize(Value::Object(line))
}

/// The steps that a line of this version still needs, in their order.
fn steps_from(steps: &[Step], version: u64) -> &[Step] {
    let done = usize::try_from(version.saturating_sub(1)).unwrap_or(usize::MAX);
    steps.get(done..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn append(line: &mut Map<String, Value>, step: &str) {
        let taken = format!("{}{step}", line["taken"].as_str().unwrap());
        line.insert("taken".to_owned(), Value::from(taken));
    }

    #[test]
    fn a_line_takes_the_steps_from_its_version_on_in_their_order() {
        let steps: [Step; 2] = [|line| append(line, "1 to 2, "), |line| append(line, "2 to 3")];
        for (version, taken) in [(1, "1 to 2, 2 to 3"), (2, "2 to 3"), (3, ""), (u64::MAX, "")] {
            let mut line = Map::from_iter([("taken".to_owned(), Value::from(""))]);
            steps_from(&steps, version).iter().for_each(|step| step(&mut line));
            assert_eq!(line["taken"], taken, "from version {version}");
        }
    }
}
