use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{FrameSize, L1Rate, L2Rate, LinkSpeed, PacketRate, UnitError};

/// What frames a stream is made of: one size, or a mix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WrittenFrames", into = "WrittenFrames")]
pub enum Frames {
    /// Every frame has this size.
    Fixed(FrameSize),
    /// Sizes follow each other in a repeated order.
    Mix(Imix),
}

/// A repeated order of frame sizes: an IMIX genome (RFC 6985 §4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imix {
    name: String,
    sizes: Vec<FrameSize>,
}

/// A number of bytes, or a mix by name or genome.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum WrittenFrames {
    Bytes(u32),
    Text(String),
}

/// The letters of RFC 6985 §4 and the sizes they stand for; `z` (the MTU) depends on the path and is not offered.
const GENOME: [(char, u32); 10] =
    [('a', 64), ('b', 128), ('c', 256), ('d', 512), ('e', 1024), ('f', 1280), ('g', 1518), ('h', 2112), ('i', 9000), ('j', 16_000)];

impl Imix {
    /// FD.io CSIT's `IMIX_v4_1`: 28 × 64, 16 × 570, 4 × 1518 bytes.
    pub fn csit() -> Self {
        Imix::interleaved("imix", &[(28, FrameSize::MIN), (16, FrameSize::of_known(570)), (4, FrameSize::MAX_STANDARD)])
    }

    /// The "simple" mix: 7 × 64, 4 × 570, 1 × 1518 bytes.
    pub fn simple() -> Self {
        Imix::interleaved("imix-simple", &[(7, FrameSize::MIN), (4, FrameSize::of_known(570)), (1, FrameSize::MAX_STANDARD)])
    }

    /// A genome of RFC 6985 §4, such as `aaafg`.
    pub fn genome(letters: &str) -> Result<Self, UnitError> {
        let unreadable = || UnitError::Unreadable {
            text: letters.to_owned(),
            what: "IMIX genome",
            example: "letters of RFC 6985: a=64 b=128 c=256 d=512 e=1024 f=1280 g=1518 h=2112 i=9000 j=16000, such as aaafg",
        };
        let size = |letter: char| GENOME.iter().find(|(known, _)| *known == letter).map(|(_, bytes)| FrameSize::of_known(*bytes));
        let sizes = letters.chars().map(size).collect::<Option<Vec<_>>>().filter(|sizes| !sizes.is_empty()).ok_or_else(unreadable)?;
        Ok(Imix { name: format!("imix:{letters}"), sizes })
    }

    /// Frames of these sizes in this order. `name` says what they are; it is not read again, as that of a mix for people is.
    pub fn of_sizes(name: impl Into<String>, sizes: impl IntoIterator<Item = FrameSize>) -> Result<Self, UnitError> {
        let (name, sizes): (_, Vec<_>) = (name.into(), sizes.into_iter().collect());
        if sizes.is_empty() {
            return Err(UnitError::OutOfRange { what: "mix of frame sizes", value: name, allowed: "at least one frame".to_owned() });
        }
        Ok(Imix { name, sizes })
    }

    /// So many frames of each size in an order in which every size is spread over the whole round, so that a part of a round has nearly the
    /// mean of the whole: each place takes the size that is furthest behind its share.
    fn interleaved(name: &str, parts: &[(usize, FrameSize)]) -> Self {
        let all: usize = parts.iter().map(|(count, _)| count).sum();
        let mut taken = vec![0; parts.len()];
        let sizes = (1..=all).filter_map(|place| {
            // After `place` frames a size is due count·place/all times. Multiplied by `all`, so that the numbers are whole.
            let behind = |at: &usize| (parts[*at].0 * place) as i64 - (taken[*at] * all) as i64;
            let next = (0..parts.len()).rev().max_by_key(behind)?;
            taken[next] += 1;
            Some(parts[next].1)
        });
        Imix { name: name.to_owned(), sizes: sizes.collect() }
    }

    /// The sizes in sending order, once around.
    pub fn sizes(&self) -> &[FrameSize] {
        &self.sizes
    }

    fn total_bytes(&self) -> u64 {
        self.sizes.iter().map(|size| u64::from(size.bytes())).sum()
    }
}

impl Frames {
    /// The mean frame length in bytes, FCS included.
    pub fn mean_bytes(&self) -> f64 {
        match self {
            Frames::Fixed(size) => f64::from(size.bytes()),
            Frames::Mix(mix) => mix.total_bytes() as f64 / mix.sizes.len().max(1) as f64,
        }
    }

    /// The mean bytes of wire time a frame takes.
    pub fn mean_on_wire(&self) -> f64 {
        self.mean_bytes() + f64::from(super::INTERFRAME_OVERHEAD)
    }

    /// Line rate in whole frames per second, rounded down (RFC 5180 appendix A; for a mix, RFC 6985's mean frame).
    pub fn line_rate(&self, link: LinkSpeed) -> PacketRate {
        match self {
            Frames::Fixed(size) => link.line_rate(*size),
            Frames::Mix(mix) => {
                // Whole numbers throughout, so that the floor is exact: frames/s = bps · n / (8 · Σ(L+20)).
                let wire: u128 = mix.sizes.iter().map(|size| u128::from(size.on_wire())).sum();
                let fps = u128::from(link.bps()) * mix.sizes.len() as u128 / (8 * wire).max(1);
                PacketRate::from_pps_lossy(fps as f64)
            }
        }
    }

    /// Layer-1 bits per second at this packet rate.
    pub fn l1(&self, rate: PacketRate) -> L1Rate {
        L1Rate::new(rate.pps() * 8.0 * self.mean_on_wire()).unwrap_or(L1Rate::ZERO)
    }

    /// Layer-2 bits per second at this packet rate.
    pub fn l2(&self, rate: PacketRate) -> L2Rate {
        L2Rate::new(rate.pps() * 8.0 * self.mean_bytes()).unwrap_or(L2Rate::ZERO)
    }

    /// The smallest frame in the stream.
    pub fn smallest(&self) -> FrameSize {
        match self {
            Frames::Fixed(size) => *size,
            Frames::Mix(mix) => mix.sizes.iter().copied().min().unwrap_or(FrameSize::MIN),
        }
    }

    /// The largest frame in the stream.
    pub fn largest(&self) -> FrameSize {
        match self {
            Frames::Fixed(size) => *size,
            Frames::Mix(mix) => mix.sizes.iter().copied().max().unwrap_or(FrameSize::MIN),
        }
    }

    /// Whether sizes are mixed.
    pub fn is_mix(&self) -> bool {
        matches!(self, Frames::Mix(_))
    }
}

impl From<FrameSize> for Frames {
    fn from(size: FrameSize) -> Self {
        Frames::Fixed(size)
    }
}

impl FromStr for Frames {
    type Err = UnitError;

    /// Reads `64`, `imix`, `imix-simple`, `imix:aaafg`, and RFC 6985's own `IMIX - aaafg`.
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let trimmed = text.trim();
        let lower = trimmed.to_ascii_lowercase();
        match lower.as_str() {
            "imix" | "imix-csit" => return Ok(Frames::Mix(Imix::csit())),
            "imix-simple" => return Ok(Frames::Mix(Imix::simple())),
            _ => {}
        }
        if let Some(rest) = lower.strip_prefix("imix") {
            let letters = rest.trim_start_matches([' ', '-', ':']).trim();
            return Imix::genome(letters).map(Frames::Mix);
        }
        trimmed.parse().map(Frames::Fixed)
    }
}

impl fmt::Display for Frames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Frames::Fixed(size) => size.fmt(f),
            Frames::Mix(mix) => f.write_str(&mix.name),
        }
    }
}

impl TryFrom<WrittenFrames> for Frames {
    type Error = UnitError;
    fn try_from(written: WrittenFrames) -> Result<Self, UnitError> {
        match written {
            WrittenFrames::Bytes(bytes) => FrameSize::new(bytes).map(Frames::Fixed),
            WrittenFrames::Text(text) => text.parse(),
        }
    }
}

impl From<Frames> for WrittenFrames {
    fn from(frames: Frames) -> WrittenFrames {
        match frames {
            Frames::Fixed(size) => WrittenFrames::Bytes(size.bytes()),
            Frames::Mix(mix) => WrittenFrames::Text(mix.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc6985_4_genomes_read_as_the_rfc_writes_them() {
        let Frames::Mix(mix) = "IMIX - aaafg".parse::<Frames>().unwrap() else { panic!("not a mix") };
        assert_eq!(mix.sizes().iter().map(|s| s.bytes()).collect::<Vec<_>>(), [64, 64, 64, 1280, 1518]);
        for bad in ["imix:", "imix:aax", "IMIX - az"] {
            assert!(bad.parse::<Frames>().is_err(), "{bad}");
        }
    }

    #[test]
    fn csits_mix_has_its_known_mean_and_the_simple_mix_has_its_own() {
        let csit: Frames = "imix".parse().unwrap();
        assert!((csit.mean_bytes() - (28.0 * 64.0 + 16.0 * 570.0 + 4.0 * 1518.0) / 48.0).abs() < 1e-9);
        let simple: Frames = "imix-simple".parse().unwrap();
        assert!((simple.mean_bytes() - (7.0 * 64.0 + 4.0 * 570.0 + 1518.0) / 12.0).abs() < 1e-9);
        assert_eq!(csit.mean_bytes(), simple.mean_bytes());
    }

    /// In order of size a stream of 28 frames would be 28 times 64 bytes, a fifth of the load that was asked for.
    #[test]
    fn every_part_of_a_named_mix_has_nearly_the_mean_of_the_whole() {
        for (name, counts) in [("imix", [28, 16, 4]), ("imix-simple", [7, 4, 1])] {
            let frames: Frames = name.parse().unwrap();
            let Frames::Mix(mix) = &frames else { panic!("not a mix") };
            let all = mix.sizes().len();
            for (size, count) in [64, 570, 1518].into_iter().zip(counts) {
                let mut seen = 0;
                for (place, one) in mix.sizes().iter().enumerate() {
                    seen += usize::from(one.bytes() == size);
                    let due = (place + 1) as f64 * count as f64 / all as f64;
                    assert!((seen as f64 - due).abs() < 1.0, "{name}: {seen} frames of {size} B after {} frames", place + 1);
                }
                assert_eq!(seen, count, "{name}: {size} B");
            }
        }
    }

    #[test]
    fn a_mix_of_one_size_has_that_sizes_line_rate() {
        let link = LinkSpeed::from_mbps(100_000);
        assert_eq!("imix:aaa".parse::<Frames>().unwrap().line_rate(link), link.line_rate(FrameSize::MIN));
    }

    #[test]
    fn frames_survive_being_written() {
        for text in ["64", "\"imix\"", "\"imix-simple\"", "\"imix:aaafg\""] {
            let read: Frames = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::from_str::<Frames>(&serde_json::to_string(&read).unwrap()).unwrap(), read);
        }
    }
}
