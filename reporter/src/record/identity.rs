use std::fmt;
use std::str::FromStr;

use methodology::units::FrameSize;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version of the record format that a line was written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct SchemaVersion(u32);

impl SchemaVersion {
    /// What this program writes.
    pub const CURRENT: SchemaVersion = SchemaVersion(1);

    /// The version's number.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// Whether this program can read the version.
    pub const fn is_known(self) -> bool {
        self.0 >= 1 && self.0 <= Self::CURRENT.0
    }
}

impl fmt::Display for SchemaVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "version {}", self.0)
    }
}

/// Names a record within its run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct RecordId(pub String);

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An endpoint's name, such as `a-cpu` or `b-dpu`.
///
/// In the built-in lab and by convention `SYSTEM-KIND`; any name is allowed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct EndpointId(pub String);

impl EndpointId {
    /// The system's name: what stands before the last dash.
    pub fn system(&self) -> &str {
        self.0.rsplit_once('-').map_or("", |(system, _)| system)
    }

    /// What the endpoint is, `cpu` or `dpu` by convention: what stands after the last dash.
    pub fn kind(&self) -> &str {
        self.0.rsplit_once('-').map_or(&self.0, |(_, kind)| kind)
    }
}

impl fmt::Display for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An ordered pair: traffic goes from the first to the second.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Pair {
    /// The sender.
    pub from: EndpointId,
    /// The receiver.
    pub to: EndpointId,
}

impl Pair {
    /// Whether both ends belong to the same system.
    pub fn is_within_one_system(&self) -> bool {
        self.from.system() == self.to.system()
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}→{}", self.from, self.to)
    }
}

/// The text is not a pair of endpoints.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a pair of endpoints: write FROM:TO, such as a-cpu:b-dpu")]
pub struct NotAPair(String);

impl FromStr for Pair {
    type Err = NotAPair;

    /// Reads `a-cpu:b-dpu`, `a-cpu->b-dpu` and `a-cpu→b-dpu`.
    fn from_str(text: &str) -> Result<Self, NotAPair> {
        let halves = ["→", "->", ":"].iter().find_map(|separator| text.split_once(separator));
        match halves.map(|(from, to)| (from.trim(), to.trim())) {
            Some((from, to)) if !from.is_empty() && !to.is_empty() => {
                Ok(Pair { from: EndpointId(from.to_owned()), to: EndpointId(to.to_owned()) })
            }
            _ => Err(NotAPair(text.to_owned())),
        }
    }
}

/// What measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tool {
    /// `linerate`, `iperf3`, `qperf` …
    pub name: String,
    /// As the tool gives it; empty where it does not tell.
    pub version: String,
    /// The commands that were run, client first; empty for a record made by hand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
}

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// How many frames or bytes arrive in a second.
    Throughput,
    /// How long a round trip takes.
    Latency,
    /// The share that is lost, by load (RFC 2544 §26.3).
    FrameLoss,
    /// The longest burst without loss (RFC 9004).
    BackToBack,
    /// Packet delay variation (RFC 8219 §7.3).
    DelayVariation,
    /// Time to recover from overload (RFC 2544 §26.5).
    Recovery,
    /// Time without forwarding around a reset (RFC 2544 §26.6).
    Reset,
    /// Time to move a file.
    TransferTime,
}

/// Which of the report's two views a record belongs to; the two are never mixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum View {
    /// Goodput against the size of the message an application writes.
    Application,
    /// Layer-1 and layer-2 rates against the size of the frames on the wire.
    Frame,
}

/// How large, and counted how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Size {
    /// What the bytes count.
    pub kind: SizeKind,
    /// Bytes.
    pub bytes: u32,
}

impl Size {
    /// A frame's size, FCS included.
    pub fn frame(size: FrameSize) -> Self {
        Size { kind: SizeKind::Frame, bytes: size.bytes() }
    }

    /// A message's size: what the application hands over in one call.
    pub const fn message(bytes: u32) -> Self {
        Size { kind: SizeKind::Message, bytes }
    }

    /// A file's size.
    pub const fn file(bytes: u32) -> Self {
        Size { kind: SizeKind::File, bytes }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            SizeKind::Frame => write!(f, "{} B frame", self.bytes),
            SizeKind::Message => write!(f, "{} B message", self.bytes),
            SizeKind::File => write!(f, "{} file", decimal_bytes(self.bytes)),
        }
    }
}

/// `100 MB`: the largest decimal unit that leaves a whole number.
fn decimal_bytes(bytes: u32) -> String {
    let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit && bytes.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("{} {name}", bytes / unit),
        None => format!("{bytes} B"),
    }
}

/// What a size counts. A 1024-byte message and a 1024-byte frame are different experiments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SizeKind {
    /// An Ethernet frame from the destination address through the FCS.
    Frame,
    /// What an application writes in one call.
    Message,
    /// A file that is moved as a whole.
    File,
}

impl SizeKind {
    /// The name in records.
    pub const fn name(self) -> &'static str {
        match self {
            SizeKind::Frame => "frame",
            SizeKind::Message => "message",
            SizeKind::File => "file",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_s_size_is_read_in_decimal_units() {
        let texts = [1_000_000, 1_500_000, 1_000_000_000, 1_000_001].map(|bytes| Size::file(bytes).to_string());
        assert_eq!(texts, ["1 MB file", "1500 kB file", "1 GB file", "1000001 B file"]);
    }

    #[test]
    fn a_kind_of_size_has_the_name_that_records_have() {
        for kind in [SizeKind::Frame, SizeKind::Message, SizeKind::File] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }
}
