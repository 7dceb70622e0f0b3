//! Captures as a test reads and writes them, without the program under test: pcap files of Ethernet frames (tcpdump.org, pcap-savefile).

use std::path::Path;

/// Magic numbers of files with microseconds and with nanoseconds.
const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;

/// A captured frame, without FCS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    pub at_ns: u64,
    pub bytes: Vec<u8>,
}

impl Captured {
    /// The destination address, as `ip` prints addresses.
    pub fn destination(&self) -> String {
        mac(&self.bytes[..6])
    }

    /// The source address.
    pub fn source(&self) -> String {
        mac(&self.bytes[6..12])
    }
}

fn mac(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

/// The frames of a file.
pub fn read(path: &Path) -> Vec<Captured> {
    let file = std::fs::read(path).unwrap();
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    let unit = match word(0) {
        MICROSECONDS => 1000,
        NANOSECONDS => 1,
        other => panic!("{other:x} begins no capture of this machine"),
    };
    let (mut frames, mut at) = (Vec::new(), 24);
    while at < file.len() {
        let [seconds, fraction, kept, length] = [0, 4, 8, 12].map(|field| word(at + field));
        assert_eq!(kept, length, "frames are whole");
        let bytes = file[at + 16..at + 16 + kept as usize].to_vec();
        frames.push(Captured { at_ns: u64::from(seconds) * 1_000_000_000 + u64::from(fraction) * unit, bytes });
        at += 16 + kept as usize;
    }
    frames
}

/// Writes a file of frames, with nanoseconds.
pub fn write(path: &Path, frames: &[Captured]) {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let mut file = words(&[NANOSECONDS, 0x0004_0002, 0, 0, 65_535, 1]);
    for Captured { at_ns, bytes } in frames {
        let length = bytes.len() as u32;
        file.extend(words(&[(at_ns / 1_000_000_000) as u32, (at_ns % 1_000_000_000) as u32, length, length]));
        file.extend(bytes);
    }
    std::fs::write(path, file).unwrap();
}

/// Frames of these lengths without FCS, one each `gap_ns`.
pub fn frames_of(lengths: impl IntoIterator<Item = usize>, gap_ns: u64) -> Vec<Captured> {
    let frame = |(length, number): (usize, u64)| Captured { at_ns: number * gap_ns, bytes: vec![number as u8; length] };
    lengths.into_iter().zip(0..).map(frame).collect()
}
