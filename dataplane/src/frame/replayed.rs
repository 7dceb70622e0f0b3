//! Test frames that are replayed from a capture.
//!
//! Their tags are sound, so that a receiver would count each as a test frame, and again in every round as a duplicate. The tag of such a frame
//! is marked instead (two bytes), and the UDP checksum stays right.

use super::checksum::Sum;
use super::classify::Classifier;
use super::layout::Layout;
use super::tag::{RawTag, TAG_LEN};

/// Marks a test frame, of whatever headers, as replayed. False, and nothing is changed, where it is no test frame.
pub(super) fn mark(frame: &mut [u8]) -> bool {
    let Some(layout) = Layout::of_frame(frame).filter(|layout| Classifier::new(*layout).classify(frame).is_test()) else { return false };
    let at = layout.tag_offset();
    let Some(tag) = frame.get_mut(at..at + TAG_LEN) else { return false };
    let before = Sum::default().bytes(tag);
    // SAFETY: the slice is 18 readable and writable bytes.
    unsafe { RawTag::read(tag.as_ptr()).replayed().write(tag.as_mut_ptr()) };
    let after = Sum::default().bytes(tag);
    let field = layout.udp_offset().map(|udp| udp + 6).and_then(|at| frame.get_mut(at..at + 2));
    if let Some([high, low]) = field
        && (*high, *low) != (0, 0)
    {
        // RFC 1624: the new checksum is ~(~old + ~before + after). A zero would say that there is none.
        let old = u16::from_be_bytes([*high, *low]);
        [*high, *low] = Sum::default().word(!old).word(!before.folded()).word(after.folded()).udp_checksum().to_be_bytes();
    }
    true
}

#[cfg(test)]
mod tests {
    use methodology::units::FrameSize;

    use super::super::{Class, FrameSpec, Network, Payload, Stamper, StreamId, Tagging, Template, VlanId};
    use super::*;

    #[test]
    fn a_replayed_test_frame_is_foreign_and_its_checksum_is_right() {
        let vlan = VlanId::new(7).unwrap();
        for tagging in [Tagging::Untagged, Tagging::Vlan(vlan), Tagging::QinQ { outer: vlan, inner: vlan }] {
            for network in [Network::Ethernet, Network::IPV4, Network::IPV6] {
                let spec = FrameSpec { tagging, payload: Payload::Checked, ..FrameSpec::new(network) };
                let template = Template::build(&spec, FrameSize::new(129).unwrap()).unwrap();
                let classifier = Classifier::new(template.layout());
                for (stream, sequence, time) in [(0, 0, 0), (7, 12_345, 1 << 40), (0xffff, u64::MAX, u64::MAX)] {
                    let mut frame = template.bytes().to_vec();
                    Stamper::new(template.layout(), StreamId(stream), sequence).stamp_slice(&mut frame, time);
                    assert!(classifier.classify_checked(&frame).is_test());
                    let before = frame.clone();
                    assert!(mark(&mut frame));
                    assert_eq!(classifier.classify(&frame), Class::Foreign);
                    assert!(classifier.checksums_are_right(&frame), "{network:?}");
                    let changed = frame.iter().zip(&before).filter(|(now, then)| now != then).count();
                    assert!((1..=4).contains(&changed), "{changed} bytes changed");
                    assert!(!mark(&mut frame), "it is no test frame any more");
                }
            }
        }
    }

    #[test]
    fn other_frames_stay_as_they_are() {
        for frame in [vec![], vec![0; 13], vec![0; 60], vec![0xff; 60], [&[0; 12][..], &[0x08, 0x00, 0x45], &[0; 45]].concat()] {
            let mut same = frame.clone();
            assert!(!mark(&mut same));
            assert_eq!(same, frame);
        }
    }
}
