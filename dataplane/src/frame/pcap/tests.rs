use std::borrow::Cow;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use methodology::units::{FrameSize, Nanoseconds};
use pcap_file::pcap::{PcapHeader, PcapPacket, PcapWriter};
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketBlock;
use pcap_file::pcapng::blocks::interface_description::{InterfaceDescriptionBlock, InterfaceDescriptionOption};
use pcap_file::{DataLink, TsResolution};
use tempfile::TempDir;

use super::*;
use crate::time::{LatePolicy, Release, TickRate, TooLate};

struct Fixture {
    dir: TempDir,
}

impl Fixture {
    fn new() -> Fixture {
        Fixture { dir: TempDir::new().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("capture.pcap")
    }

    fn pcap(&self, header: PcapHeader, frames: &[(u64, usize)]) -> PathBuf {
        let mut writer = PcapWriter::with_header(File::create(self.path()).unwrap(), header).unwrap();
        for &(at_ns, bytes) in frames {
            writer.write_packet(&PcapPacket::new(Duration::from_nanos(at_ns), bytes as u32, &vec![0x5a; bytes])).unwrap();
        }
        drop(writer);
        self.path()
    }
}

fn open(path: &Path) -> Result<Capture, CaptureError> {
    Capture::open(path, FrameSize::MAX_STANDARD)
}

const NANO: PcapHeader = PcapHeader {
    version_major: 2,
    version_minor: 4,
    ts_correction: 0,
    ts_accuracy: 0,
    snaplen: 65535,
    datalink: DataLink::ETHERNET,
    ts_resolution: TsResolution::NanoSecond,
    endianness: pcap_file::Endianness::Big,
};

#[test]
fn frames_come_with_their_bytes_and_their_time_from_the_first() {
    let fixture = Fixture::new();
    for resolution in [TsResolution::NanoSecond, TsResolution::MicroSecond] {
        let path = fixture.pcap(PcapHeader { ts_resolution: resolution, ..NANO }, &[(5_000_000, 60), (5_002_000, 1514), (5_001_000, 64)]);
        let capture = open(&path).unwrap();
        let frames: Vec<_> = capture.frames().map(|frame| (frame.at.ns(), frame.bytes.len())).collect();
        assert_eq!(frames, [(0, 60), (2000, 1514), (2000, 64)], "time never goes back");
        assert_eq!((capture.out_of_order(), capture.length()), (1, Nanoseconds::new(2000)));
        assert!(capture.frames().all(|frame| frame.bytes.iter().all(|byte| *byte == 0x5a)));
    }
}

#[test]
fn pcapng_times_are_in_the_unit_that_the_interface_says() {
    let fixture = Fixture::new();
    let units = [(None, 1000), (Some(9), 1), (Some(6), 1000), (Some(0x80 | 30), 0)];
    for (resolution, scale) in units {
        let mut writer = PcapNgWriter::new(File::create(fixture.path()).unwrap()).unwrap();
        let options = resolution.map(InterfaceDescriptionOption::IfTsResol).into_iter().collect();
        writer.write_pcapng_block(InterfaceDescriptionBlock { linktype: DataLink::ETHERNET, snaplen: 0, options }).unwrap();
        for ticks in [7u64, 7 + (1 << 30)] {
            let block = EnhancedPacketBlock {
                interface_id: 0,
                timestamp: Duration::from_nanos(ticks),
                original_len: 60,
                data: Cow::Owned(vec![1; 60]),
                options: vec![],
            };
            writer.write_pcapng_block(block).unwrap();
        }
        drop(writer);
        let capture = open(&fixture.path()).unwrap();
        let expected = if scale == 0 { 1_000_000_000 } else { (1u64 << 30) * scale };
        assert_eq!(capture.length().ns(), expected, "{resolution:?}");
    }
}

#[test]
fn a_file_cut_off_anywhere_says_how_many_frames_are_whole() {
    let fixture = Fixture::new();
    let path = fixture.pcap(NANO, &[(0, 60), (1, 60), (2, 60)]);
    let whole = std::fs::read(&path).unwrap();
    for cut in 25..whole.len() {
        let frames = (cut - 24) / 76;
        std::fs::write(&path, &whole[..cut]).unwrap();
        match open(&path) {
            Ok(capture) => assert_eq!((24 + 76 * frames, capture.frame_count()), (cut, frames)),
            Err(CaptureError::CutOff { frames: found, .. }) => assert_eq!(found, frames, "cut at {cut}"),
            Err(other) => panic!("cut at {cut}: {other}"),
        }
    }
    std::fs::write(&path, &whole[..24]).unwrap();
    assert!(matches!(open(&path), Err(CaptureError::Empty { .. })));
}

#[test]
fn other_link_types_are_refused_by_name() {
    let fixture = Fixture::new();
    let path = fixture.pcap(PcapHeader { datalink: DataLink::LINUX_SLL, ..NANO }, &[(0, 60)]);
    let error = open(&path).unwrap_err();
    assert!(matches!(error, CaptureError::LinkType { number: 113, .. }), "{error}");
    assert!(error.to_string().contains("capture.pcap"), "{error}");
}

#[test]
fn a_frame_of_another_link_type_is_refused_by_number() {
    let fixture = Fixture::new();
    let mut writer = PcapNgWriter::new(File::create(fixture.path()).unwrap()).unwrap();
    for linktype in [DataLink::ETHERNET, DataLink::LINUX_SLL] {
        writer.write_pcapng_block(InterfaceDescriptionBlock { linktype, snaplen: 0, options: vec![] }).unwrap();
    }
    for interface_id in [0, 0, 1] {
        let (timestamp, data) = (Duration::ZERO, Cow::Owned(vec![1; 60]));
        writer.write_pcapng_block(EnhancedPacketBlock { interface_id, timestamp, original_len: 60, data, options: vec![] }).unwrap();
    }
    drop(writer);
    let error = open(&fixture.path()).unwrap_err();
    assert!(matches!(error, CaptureError::LinkType { frame: Some(3), number: 113, .. }), "{error}");
    assert!(error.to_string().starts_with("frame 3 of ") && error.to_string().contains("link type 113"), "{error}");
}

/// A file as a user posted it.
fn from_the_field(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

#[test]
fn times_that_the_files_unit_does_not_have_are_refused_by_number() {
    let error = open(&from_the_field("microsecond-magic-nanosecond-values.pcap")).unwrap_err();
    assert!(matches!(error, CaptureError::TimeOutOfRange { frame: 1, unit: "microseconds", most: 1_000_000, .. }), "{error:?}");
    assert!(error.to_string().contains("magic number"), "{error}");
    // The largest fraction there is, and one more, in both units.
    let fixture = Fixture::new();
    for (ts_resolution, most) in [(TsResolution::MicroSecond, 1_000_000u32), (TsResolution::NanoSecond, 1_000_000_000)] {
        let path = fixture.pcap(PcapHeader { ts_resolution, ..NANO }, &[(0, 60), (0, 60)]);
        let whole = std::fs::read(&path).unwrap();
        for (fraction, sound) in [(most - 1, true), (most, false), (u32::MAX, false)] {
            let mut bytes = whole.clone();
            // The second frame's record: 24 bytes of file header, 16 + 60 of the first record, 4 of seconds.
            bytes[104..108].copy_from_slice(&fraction.to_be_bytes());
            std::fs::write(&path, &bytes).unwrap();
            match open(&path) {
                Ok(capture) => {
                    assert!(sound && capture.length().ns() == u64::from(fraction) * (1_000_000_000 / u64::from(most)), "{fraction}")
                }
                Err(CaptureError::TimeOutOfRange { frame, fraction: found, .. }) => assert_eq!((frame, found, sound), (2, fraction, false)),
                Err(other) => panic!("{other}"),
            }
        }
    }
}

#[test]
fn a_frame_with_more_bytes_than_it_had_is_refused_by_number() {
    let error = open(&from_the_field("caplen-above-len.pcap")).unwrap_err();
    assert!(matches!(error, CaptureError::LongerThanItWas { frame: 1, original: 785, kept: 801, .. }), "{error:?}");
    let fixture = Fixture::new();
    let mut writer = PcapNgWriter::new(File::create(fixture.path()).unwrap()).unwrap();
    writer.write_pcapng_block(InterfaceDescriptionBlock { linktype: DataLink::ETHERNET, snaplen: 0, options: vec![] }).unwrap();
    for original_len in [60, 59] {
        let (timestamp, data) = (Duration::ZERO, Cow::Owned(vec![1; 60]));
        writer.write_pcapng_block(EnhancedPacketBlock { interface_id: 0, timestamp, original_len, data, options: vec![] }).unwrap();
    }
    drop(writer);
    let error = open(&fixture.path()).unwrap_err();
    assert!(matches!(error, CaptureError::LongerThanItWas { frame: 2, original: 59, kept: 60, .. }), "{error:?}");
}

#[test]
fn frames_that_are_too_long_too_short_or_snapped_are_refused_by_number() {
    let fixture = Fixture::new();
    let path = fixture.pcap(NANO, &[(0, 60), (1, 1515)]);
    assert!(matches!(open(&path), Err(CaptureError::FrameLength { frame: 2, bytes: 1519, .. })));
    assert!(Capture::open(&path, FrameSize::MAX).is_ok());
    let path = fixture.pcap(NANO, &[(0, 13)]);
    assert!(matches!(open(&path), Err(CaptureError::FrameLength { frame: 1, bytes: 17, .. })));
    let mut writer = PcapWriter::with_header(File::create(fixture.path()).unwrap(), NANO).unwrap();
    writer.write_packet(&PcapPacket::new(Duration::ZERO, 1514, &[0; 96])).unwrap();
    drop(writer);
    assert!(matches!(open(&path), Err(CaptureError::Snapped { frame: 1, original: 1514, kept: 96, .. })));
}

#[test]
fn what_is_no_capture_is_said_to_be_none() {
    let fixture = Fixture::new();
    for bytes in [&b""[..], b"abc", b"#!/bin/sh\necho no capture here, and more than 24 bytes\n"] {
        File::create(fixture.path()).unwrap().write_all(bytes).unwrap();
        assert!(matches!(open(&fixture.path()), Err(CaptureError::NotACapture { .. })), "{bytes:?}");
    }
    let missing = fixture.dir.path().join("missing.pcap");
    assert!(open(&missing).unwrap_err().to_string().contains("missing.pcap"));
}

/// 1 GHz, so that a tick is a nanosecond.
const CLOCK: TickRate = TickRate::from_hz(1_000_000_000).unwrap();

#[test]
fn own_timing_releases_each_frame_when_it_is_due_in_every_round() {
    let fixture = Fixture::new();
    let capture = open(&fixture.pcap(NANO, &[(0, 60), (100, 60), (100, 60), (400, 60)])).unwrap();
    let start = u64::MAX - 450;
    let mut timing = OwnTiming::new(&capture, CLOCK, start, LatePolicy::CatchUp { bound: Nanoseconds::new(1_000_000) });
    // The mean gap is 133 ns, so a round takes 533.
    let mut due = |at: u64, room| timing.due(start.wrapping_add(at), room).unwrap().frames;
    assert_eq!((due(u64::MAX, 8), due(0, 8), due(99, 8), due(100, 8), due(399, 8), due(400, 8)), (0, 1, 0, 2, 0, 1));
    assert_eq!((due(532, 8), due(533, 8), due(5000, 1), due(5000, 8), due(5000, 8)), (0, 1, 1, 2, 4));
    assert_eq!((timing.log().released(), timing.log().skipped(), timing.time_so_far().nanoseconds().ns()), (12, 0, 3 * 533));
}

#[test]
fn a_late_replay_says_so_and_skips_or_aborts_as_its_policy_is() {
    let fixture = Fixture::new();
    let capture = open(&fixture.pcap(NANO, &[(0, 60), (1000, 60), (2000, 60), (3000, 60)])).unwrap();
    let replay = |policy| OwnTiming::new(&capture, CLOCK, 0, policy);
    let bound = Nanoseconds::new(10_000);
    // A hole of 0.5 ms: 500 frames were due, and ten of them are less than 10 µs late.
    let mut timing = replay(LatePolicy::CatchUp { bound });
    assert_eq!(timing.due(0, 8).unwrap(), Release { frames: 1, skipped: 0 });
    let mut sent = 1;
    let first = timing.due(500_000, 8).unwrap();
    sent += u64::from(first.frames);
    while timing.next_due() <= 500_000 {
        sent += u64::from(timing.due(500_000, 8).unwrap().frames);
    }
    assert_eq!((sent, timing.log().released(), timing.log().skipped()), (11, 11, 490));
    let lateness = timing.log().lateness();
    assert_eq!((lateness.max_ns, first.skipped), (Nanoseconds::new(499_000), 490), "{lateness:?}");
    assert!(lateness.late_bursts > 0 && lateness.mean_ns > 0.0, "{lateness:?}");

    let mut timing = replay(LatePolicy::Abort { bound });
    assert_eq!(timing.due(9_999, 1).unwrap().frames, 1);
    assert_eq!(timing.due(11_000, 1), Err(TooLate { frame: 1, late: Nanoseconds::new(10_000) }));
    // Within its gap of 1 µs a frame goes, and after it not any more.
    let mut timing = replay(LatePolicy::Skip);
    assert_eq!(timing.due(10_500, 8).unwrap(), Release { frames: 1, skipped: 10 });
}
