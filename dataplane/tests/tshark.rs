//! Wireshark's dissectors as the judge of our frames: headers, lengths, checksums and the tag's bytes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "in tests a failed unwrap is the failed assertion")]

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use dataplane::frame::flows::{FlowCount, FlowSpec, FlowTable};
use dataplane::frame::reflect::reflect_slice;
use dataplane::frame::{FrameSpec, Network, Payload, Stamper, StreamId, Tag, Tagging, Template, VlanId};
use methodology::units::FrameSize;
use pcap_file::DataLink;
use pcap_file::pcap::{PcapHeader, PcapPacket, PcapWriter};

struct Sent {
    bytes: Vec<u8>,
    spec: FrameSpec,
    tag: Tag,
}

/// tshark's values of `fields` for every frame of the file.
fn dissect(path: &Path, fields: &[&str]) -> Vec<Vec<String>> {
    let mut tshark = Command::new("tshark");
    tshark.args(["-n", "-r"]).arg(path).args(["-T", "fields", "-E", "separator=|", "-E", "occurrence=a"]);
    tshark.args(["-o", "udp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE"]);
    fields.iter().for_each(|field| {
        tshark.args(["-e", field]);
    });
    let output = tshark.output().expect("tshark is needed: scripts/setup test");
    assert!(output.status.success(), "tshark: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.split('|').map(str::to_owned).collect()).collect()
}

/// Frames of every header stack and size, with one flow and with many, and turned round.
fn frames() -> Vec<Sent> {
    let vlan = |id| VlanId::new(id).unwrap();
    let taggings = [Tagging::Untagged, Tagging::Vlan(vlan(100)), Tagging::QinQ { outer: vlan(200), inner: vlan(300) }];
    let mut sent = Vec::new();
    for network in [Network::Ethernet, Network::IPV4, Network::IPV6] {
        for tagging in taggings {
            for (size, payload) in [(0, Payload::Pattern), (128, Payload::Checked), (570, Payload::Pattern), (1519, Payload::Checked)] {
                let spec = FrameSpec { tagging, payload, stream: StreamId(9), ..FrameSpec::new(network) };
                let size = FrameSize::new(size).unwrap_or(spec.least_size());
                let template = Template::build(&spec, size).unwrap();
                let flows = FlowSpec::new(FlowCount::new(5).unwrap(), u64::from(size.bytes()));
                let mut walk = Arc::new(FlowTable::build(&flows, &template).unwrap()).walk(0);
                let first = u64::MAX - 2;
                let mut stamper = Stamper::new(spec.layout(), spec.stream, first);
                let mut buffers = vec![template.bytes().to_vec(); 6];
                let pointers: Vec<*mut u8> = buffers.iter_mut().map(|frame| frame.as_mut_ptr()).collect();
                // SAFETY: each pointer is of a frame of the template, borrowed by no one else.
                unsafe {
                    stamper.stamp(&pointers[..3], 0x1234_5678_9abc, |&data| data);
                    stamper.stamp_flows(&pointers[3..], 0x1234_5678_9abc, &mut walk, |&data| data);
                }
                reflect_slice(&mut buffers[5], spec.layout()).unwrap();
                sent.extend(buffers.into_iter().zip(0..).map(|(bytes, i)| Sent {
                    bytes,
                    spec,
                    tag: Tag::new(spec.stream, first.wrapping_add(i), 0x1234_5678_9abc),
                }));
            }
        }
    }
    sent
}

fn write_capture(path: &Path, frames: &[Sent]) {
    let header = PcapHeader { datalink: DataLink::ETHERNET, snaplen: 65535, ..PcapHeader::default() };
    let mut writer = PcapWriter::with_header(File::create(path).unwrap(), header).unwrap();
    for frame in frames {
        writer.write_packet(&PcapPacket::new(Duration::ZERO, frame.bytes.len() as u32, &frame.bytes)).unwrap();
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn tshark_agrees_on_headers_lengths_checksums_and_tags() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("frames.pcap");
    let frames = frames();
    write_capture(&path, &frames);
    let fields = [
        "frame.len",
        "vlan.id",
        "ieee8021ad.id",
        "ip.checksum.status",
        "ip.len",
        "ipv6.plen",
        "udp.checksum.status",
        "udp.length",
        "udp.payload",
        "data.data",
    ];
    let lines = dissect(&path, &fields);
    assert_eq!(lines.len(), frames.len());
    for (line, sent) in lines.iter().zip(&frames) {
        let [length, vlan, svlan, ip_status, ip_length, ipv6_length, udp_status, udp_length, udp_payload, data] = &line[..] else {
            panic!("{line:?}")
        };
        let what = format!("{:?} {} bytes: {line:?}", sent.spec.network, sent.bytes.len());
        assert_eq!(*length, sent.bytes.len().to_string(), "{what}");
        let l3 = sent.spec.layout().network_offset();
        match sent.spec.tagging {
            Tagging::Untagged => assert_eq!((vlan.as_str(), svlan.as_str()), ("", ""), "{what}"),
            Tagging::Vlan(_) => assert_eq!((vlan.as_str(), svlan.as_str()), ("100", ""), "{what}"),
            Tagging::QinQ { .. } => assert!(svlan == "200" && vlan == "300", "{what}"),
        }
        // 1 is "good" in tshark's checksum status.
        match sent.spec.network {
            Network::Ethernet => assert!(data.starts_with(&hex(&sent.tag.to_bytes())), "{what}"),
            Network::Ipv4 { .. } => {
                assert_eq!((ip_status.as_str(), udp_status.as_str()), ("1", "1"), "{what}");
                assert_eq!(*ip_length, (sent.bytes.len() - l3).to_string(), "{what}");
                assert_eq!(*udp_length, (sent.bytes.len() - l3 - 20).to_string(), "{what}");
            }
            Network::Ipv6 { .. } => {
                assert_eq!(udp_status, "1", "{what}");
                assert_eq!(*ipv6_length, (sent.bytes.len() - l3 - 40).to_string(), "{what}");
                assert_eq!(*udp_length, *ipv6_length, "{what}");
            }
        }
        if sent.spec.network != Network::Ethernet {
            assert!(udp_payload.starts_with(&hex(&sent.tag.to_bytes())), "{what}");
        }
    }
}

#[test]
fn tshark_finds_a_wrong_checksum_when_there_is_one() {
    // Proves that the test above can fail.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bad.pcap");
    let spec = FrameSpec::new(Network::IPV4);
    let mut bytes = Template::build(&spec, FrameSize::MIN).unwrap().bytes().to_vec();
    bytes[24] ^= 1;
    bytes[59] ^= 1;
    write_capture(&path, &[Sent { bytes, spec, tag: Tag::new(StreamId(0), 0, 0) }]);
    assert_eq!(dissect(&path, &["ip.checksum.status", "udp.checksum.status"]), [["0", "0"]]);
}
