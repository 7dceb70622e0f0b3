//! Properties of whole frames: checksums by an independent sum, what was stamped is read back, what was turned round comes home.

use methodology::units::FrameSize;
use proptest::prelude::*;

use super::reflect::{Reflection, reflect_frames, reflect_ipv4_scalar, reflect_slice, swap_macs, swap_macs_scalar};
use super::*;

pub(crate) fn any_tagging() -> impl Strategy<Value = Tagging> {
    let vlan = |id| VlanId::new(id).unwrap();
    prop_oneof![
        Just(Tagging::Untagged),
        (1u16..=4094).prop_map(move |id| Tagging::Vlan(vlan(id))),
        (1u16..=4094, 1u16..=4094).prop_map(move |(outer, inner)| Tagging::QinQ { outer: vlan(outer), inner: vlan(inner) }),
    ]
}

pub(crate) fn any_network() -> impl Strategy<Value = Network> {
    prop_oneof![
        Just(Network::Ethernet),
        any::<(u32, u32)>().prop_map(|(from, to)| Network::Ipv4 { source: from.into(), destination: to.into() }),
        any::<(u128, u128)>().prop_map(|(from, to)| Network::Ipv6 { source: from.into(), destination: to.into() }),
    ]
}

prop_compose! {
    fn any_spec()(
        tagging in any_tagging(), network in any_network(), macs: [[u8; 6]; 2], ports: [u16; 2], ttl: u8, checked: bool, stream: u16,
    ) -> FrameSpec {
        FrameSpec {
            source: MacAddress(macs[0]),
            destination: MacAddress(macs[1]),
            tagging,
            source_port: ports[0],
            destination_port: ports[1],
            ttl,
            payload: if checked { Payload::Checked } else { Payload::Pattern },
            stream: StreamId(stream),
            ..FrameSpec::new(network)
        }
    }
}

fn any_size() -> impl Strategy<Value = FrameSize> {
    prop_oneof![64u32..130, 130u32..1523, Just(9000), Just(16_000)].prop_map(|bytes| FrameSize::new(bytes).unwrap())
}

/// Independent of the code under test: sums 16-bit words with 128-bit arithmetic and asks for a multiple of 65535.
fn sums_to_ones(parts: &[&[u8]]) -> bool {
    let sum: u128 = parts
        .iter()
        .map(|part| part.chunks(2).map(|word| u128::from(word[0]) << 8 | word.get(1).map_or(0, |low| u128::from(*low))).sum::<u128>())
        .sum();
    sum > 0 && sum.is_multiple_of(65535)
}

/// Every length and checksum of the frame, by the RFCs and not by the template.
pub(crate) fn assert_sound(frame: &[u8], layout: Layout) {
    let l3 = layout.network_offset();
    let Some(udp) = layout.udp_offset() else { return };
    let word = |at: usize| usize::from(u16::from_be_bytes([frame[at], frame[at + 1]]));
    let udp_length = word(udp + 4);
    let addresses = if udp - l3 == 20 {
        assert!(sums_to_ones(&[&frame[l3..l3 + 20]]), "IPv4 header checksum");
        assert_eq!(word(l3 + 2), frame.len() - l3, "IPv4 total length");
        &frame[l3 + 12..l3 + 20]
    } else {
        assert_eq!(word(l3 + 4), frame.len() - udp, "IPv6 payload length");
        &frame[l3 + 8..l3 + 40]
    };
    assert_eq!(udp_length, frame.len() - udp, "UDP length");
    let pseudo = [0, 17, (udp_length >> 8) as u8, udp_length as u8];
    assert_ne!(word(udp + 6), 0, "a UDP checksum of zero says none");
    assert!(sums_to_ones(&[addresses, &pseudo, &frame[udp..]]), "UDP checksum");
}

#[test]
fn rfc2544_c2_6_4_udp_lengths_are_computed_not_copied() {
    // The RFC's table is wrong from 256 to 1280 bytes; the right values are total length − 20.
    for (size, length) in [(64, 0x1a), (128, 0x5a), (256, 0xda), (512, 0x1da), (768, 0x2da), (1024, 0x3da), (1280, 0x4da), (1518, 0x5c8)] {
        let template = Template::build(&FrameSpec::new(Network::IPV4), FrameSize::new(size).unwrap()).unwrap();
        assert_eq!(template.bytes().len() as u32, size - 4);
        assert_eq!(template.bytes()[38..40], u16::to_be_bytes(length), "{size}");
    }
}

#[test]
fn rfc8219_4_an_ipv6_frame_needs_84_bytes_and_an_ipv4_frame_64() {
    let vlan = |id| VlanId::new(id).unwrap();
    let qinq = Tagging::QinQ { outer: vlan(1), inner: vlan(2) };
    for (network, tagging, least) in [
        (Network::IPV4, Tagging::Untagged, 64),
        (Network::IPV4, Tagging::Vlan(vlan(7)), 68),
        (Network::IPV4, qinq, 72),
        (Network::IPV6, Tagging::Untagged, 84),
        (Network::IPV6, qinq, 92),
        (Network::Ethernet, qinq, 64),
    ] {
        let spec = FrameSpec { tagging, ..FrameSpec::new(network) };
        assert_eq!(spec.least_size().bytes(), least);
        assert!(Template::build(&spec, spec.least_size()).is_ok());
        if least > 64 {
            let error = Template::build(&spec, FrameSize::new(least - 1).unwrap()).unwrap_err();
            assert!(error.to_string().contains(&format!("at least {least}")), "{error}");
        }
    }
}

#[test]
fn ipv6_without_a_checksum_is_refused_and_ipv4_allows_it() {
    let zero = |network| FrameSpec { checksum: UdpChecksum::Zero, ..FrameSpec::new(network) };
    assert_eq!(Template::build(&zero(Network::IPV6), FrameSize::MAX_STANDARD), Err(FrameError::ChecksumRequired));
    let template = Template::build(&zero(Network::IPV4), FrameSize::MAX_STANDARD).unwrap();
    assert_eq!(template.bytes()[40..42], [0, 0]);
}

#[test]
fn classification_tells_corrupt_from_foreign() {
    let template = Template::build(&FrameSpec::new(Network::IPV4), FrameSize::new(128).unwrap()).unwrap();
    let classifier = Classifier::for_template(&template);
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut frame = template.bytes().to_vec();
        change(&mut frame);
        classifier.classify(&frame)
    };
    assert!(matches!(with(&|_| {}), Class::Test(_)));
    assert_eq!(with(&|f| f[50] ^= 4), Class::Corrupt(Corruption::Tag));
    assert_eq!(with(&|f| f.truncate(50)), Class::Corrupt(Corruption::Truncated));
    assert_eq!(with(&|f| f.truncate(123)), Class::Corrupt(Corruption::Length));
    assert_eq!(with(&|f| f.push(0)), Class::Corrupt(Corruption::Length));
    // ARP, LLDP, IPv6 neighbour discovery, TCP, an empty frame: none of ours (RFC 2544 §10).
    assert_eq!(with(&|f| f[12..14].copy_from_slice(&[0x08, 0x06])), Class::Foreign);
    assert_eq!(with(&|f| f[12..14].copy_from_slice(&[0x88, 0xcc])), Class::Foreign);
    assert_eq!(with(&|f| f[23] = 6), Class::Foreign);
    assert_eq!(with(&|f| f.clear()), Class::Foreign);
    // Other people's UDP, whose payload is no tag.
    assert_eq!(
        with(&|f| {
            f[26..30].copy_from_slice(&[10, 0, 0, 1]);
            f[30..34].copy_from_slice(&[10, 0, 0, 2]);
            f[45] ^= 1
        }),
        Class::Foreign
    );
}

#[test]
fn rfc1624_shuffled_and_scalar_turns_agree_on_every_checksum_and_ttl() {
    let template = Template::build(&FrameSpec::new(Network::IPV4), FrameSize::MIN).unwrap();
    let (layout, network) = (template.layout(), template.layout().network_offset());
    for checksum in 0..=u16::MAX {
        for ttl in [0, 1, 2, 64, 255] {
            let mut shuffled = template.bytes().to_vec();
            shuffled[network + 8] = ttl;
            shuffled[network + 10..network + 12].copy_from_slice(&checksum.to_be_bytes());
            let mut scalar = shuffled.clone();
            let turned = reflect_slice(&mut shuffled, layout);
            // SAFETY: the vector is a whole frame of the layout.
            assert_eq!(turned, Some(unsafe { reflect_ipv4_scalar(scalar.as_mut_ptr(), network) }));
            assert_eq!(shuffled, scalar, "checksum {checksum:04x}, TTL {ttl}");
        }
    }
}

#[test]
fn a_size_that_the_layout_does_not_fit_into_recognises_no_frame() {
    let template = Template::build(&FrameSpec::new(Network::IPV6), FrameSize::new(84).unwrap()).unwrap();
    let mut frame = template.bytes().to_vec();
    Stamper::new(template.layout(), StreamId(0), 0).stamp_slice(&mut frame, 0);
    assert!(Classifier::for_template(&template).classify(&frame).is_test());
    assert_eq!(Classifier::of_size(template.layout(), FrameSize::MIN).classify(&frame), Class::Corrupt(Corruption::Length));
}

proptest! {
    #[test]
    fn an_unstamped_frame_is_foreign_and_its_stamp_makes_it_whole(spec in any_spec(), size in any_size(), sequence: u64, time: u64) {
        let size = size.max(spec.least_size());
        prop_assume!(Template::build(&spec, size).is_ok());
        let template = Template::build(&spec, size).unwrap();
        let (mut of_pool, mut expected) = (template.unstamped(), template.bytes().to_vec());
        let classifier = Classifier::for_template(&template);
        prop_assert_eq!(classifier.classify(&of_pool), Class::Foreign);
        for frame in [&mut of_pool, &mut expected] {
            Stamper::new(template.layout(), spec.stream, sequence).stamp_slice(frame, time);
        }
        prop_assert_eq!(&of_pool, &expected);
        prop_assert!(classifier.classify(&of_pool).is_test());
    }
}

proptest! {
    #[test]
    fn every_template_has_right_lengths_and_checksums(spec in any_spec(), size in any_size()) {
        if let Ok(template) = Template::build(&spec, size) {
            prop_assert_eq!(template.bytes().len() as u32, size.without_fcs());
            if template.layout().udp_offset().is_some() || size > FrameSize::MIN {
                assert_sound(template.bytes(), template.layout());
            }
            let classifier = Classifier::for_template(&template);
            // Fewer than 8 bytes have no room for a CRC, so that a sender writes none.
            prop_assert_eq!(classifier.classify_checked(template.bytes()).is_test(), spec.payload == Payload::Checked || template.fill_len() < 8);
        }
    }

    #[test]
    fn stamps_are_read_back_and_leave_every_checksum_right(
        spec in any_spec(), size in any_size(), first in prop_oneof![any::<u64>(), Just(u64::MAX - 2)], now: u64, frames in 1usize..6,
    ) {
        let Ok(template) = Template::build(&spec, size) else { return Ok(()) };
        let mut by_pointer = vec![template.bytes().to_vec(); frames];
        let mut by_slice = by_pointer.clone();
        let mut stamper = Stamper::new(spec.layout(), spec.stream, first);
        let pointers: Vec<*mut u8> = by_pointer.iter_mut().map(|frame| frame.as_mut_ptr()).collect();
        // SAFETY: each pointer is of a frame of this template, borrowed by no one else.
        unsafe { stamper.stamp(&pointers, now, |&data| data) };
        let mut slices = Stamper::new(spec.layout(), spec.stream, first);
        by_slice.iter_mut().for_each(|frame| slices.stamp_slice(frame, now));
        prop_assert_eq!(&by_pointer, &by_slice);
        prop_assert_eq!(stamper.next_sequence(), first.wrapping_add(frames as u64));
        let classifier = Classifier::for_template(&template);
        for (frame, i) in by_pointer.iter().zip(0..) {
            prop_assert_eq!(classifier.classify(frame), Class::Test(Tag::new(spec.stream, first.wrapping_add(i), now)));
            assert_sound(frame, template.layout());
        }
        stamper.rewind(frames as u64);
        prop_assert_eq!(stamper.next_sequence(), first);
    }

    #[test]
    fn any_changed_payload_byte_is_found_by_the_crc(spec in any_spec(), size in any_size(), at: prop::sample::Index, flip in 1u8..) {
        let spec = FrameSpec { payload: Payload::Checked, ..spec };
        let Ok(template) = Template::build(&spec, size) else { return Ok(()) };
        prop_assume!(template.fill_len() > 0);
        let mut frame = template.bytes().to_vec();
        let from = frame.len() - template.fill_len();
        frame[from + at.index(template.fill_len())] ^= flip;
        let classifier = Classifier::for_template(&template);
        prop_assert!(classifier.classify(&frame).is_test(), "the quick path does not look");
        prop_assert_eq!(classifier.classify_checked(&frame), Class::Corrupt(Corruption::Payload));
    }

    #[test]
    fn any_changed_byte_of_the_udp_header_is_found_by_its_checksum(spec in any_spec(), size in any_size(), at in 0usize..8, flip in 1u8..) {
        let spec = FrameSpec { payload: Payload::Checked, checksum: UdpChecksum::Correct, ..spec };
        let Ok(template) = Template::build(&spec, size) else { return Ok(()) };
        let Some(udp) = template.layout().udp_offset() else { return Ok(()) };
        let mut frame = template.bytes().to_vec();
        frame[udp + at] ^= flip;
        // Over IPv4 a checksum of zero says that there is none.
        prop_assume!(template.layout().network_offset() + 20 != udp || frame[udp + 6..udp + 8] != [0, 0]);
        let classifier = Classifier::for_template(&template);
        prop_assert!(classifier.classify(&frame).is_test(), "the quick path does not look");
        let expected = if (4..6).contains(&at) { Corruption::Length } else { Corruption::UdpChecksum };
        prop_assert_eq!(classifier.classify_checked(&frame), Class::Corrupt(expected));
    }

    #[test]
    fn headers_of_a_sender_are_recognised_whatever_became_of_the_tag(spec in any_spec(), size in any_size(), at in 0usize..18, flip in 1u8..) {
        let network = [Network::Ethernet, Network::IPV4, Network::IPV6][usize::from(flip) % 3];
        let spec = FrameSpec { ttl: 10, network, ..spec };
        let Ok(template) = Template::build(&spec, size) else { return Ok(()) };
        let mut frame = template.bytes().to_vec();
        frame[template.layout().tag_offset() + at] ^= flip;
        let classifier = Classifier::for_template(&template);
        prop_assert!(classifier.has_senders_headers(&frame));
        // testpmd's txonly writes no identification.
        if spec.layout().protocol() == super::layout::Protocol::Ipv4 {
            let l3 = template.layout().network_offset();
            frame[l3 + 4..l3 + 6].copy_from_slice(&[0, 0]);
            prop_assert!(!classifier.has_senders_headers(&frame));
        }
    }

    #[test]
    fn no_bytes_whatever_make_classification_fail(bytes in prop::collection::vec(any::<u8>(), 0..200), tagging in any_tagging(), network in any_network()) {
        let classifier = Classifier::new(Layout::new(tagging, network));
        prop_assert!(!classifier.classify(&bytes).is_test());
        prop_assert!(!classifier.classify_checked(&bytes).is_test());
    }

    #[test]
    fn turned_round_twice_a_frame_is_itself_with_a_ttl_two_lower(spec in any_spec(), size in any_size()) {
        let Ok(template) = Template::build(&spec, size) else { return Ok(()) };
        let mut frame = template.bytes().to_vec();
        let expected = Template::build(&FrameSpec { ttl: spec.ttl.wrapping_sub(2), ..spec }, size).unwrap();
        let turned = [reflect_slice(&mut frame, spec.layout()), reflect_slice(&mut frame, spec.layout())];
        if spec.ttl >= 3 || spec.layout().udp_offset().is_none() {
            prop_assert_eq!(turned, [Some(Reflection::Reflected); 2]);
            prop_assert_eq!(&frame, expected.bytes());
        } else {
            prop_assert!(turned.contains(&Some(Reflection::Expired)));
        }
    }

    #[test]
    fn rfc1624_turned_round_a_frame_is_what_its_receiver_would_have_built(spec in any_spec(), size in any_size()) {
        let Ok(template) = Template::build(&spec, size) else { return Ok(()) };
        prop_assume!(spec.ttl >= 2);
        let mut frame = template.bytes().to_vec();
        prop_assert_eq!(reflect_slice(&mut frame, spec.layout()), Some(Reflection::Reflected));
        let network = match spec.network {
            Network::Ethernet => Network::Ethernet,
            Network::Ipv4 { source, destination } => Network::Ipv4 { source: destination, destination: source },
            Network::Ipv6 { source, destination } => Network::Ipv6 { source: destination, destination: source },
        };
        let returned = FrameSpec {
            source: spec.destination,
            destination: spec.source,
            source_port: spec.destination_port,
            destination_port: spec.source_port,
            ttl: spec.ttl - 1,
            network,
            ..spec
        };
        assert_sound(&frame, spec.layout());
        let rebuilt = Template::build(&returned, size).unwrap();
        prop_assert_eq!(&frame, rebuilt.bytes());
    }

    #[test]
    fn shuffled_and_scalar_mac_swaps_agree(frames in prop::collection::vec(any::<[u8; 24]>(), 0..40)) {
        let (mut shuffled, mut scalar) = (frames.clone(), frames.clone());
        // SAFETY: each pointer is of an array of 24 bytes, which nothing else uses.
        unsafe { swap_macs(&addresses(&mut shuffled), |&data| data) };
        // SAFETY: each array is 24 bytes.
        scalar.iter_mut().for_each(|frame| unsafe { swap_macs_scalar(frame.as_mut_ptr()) });
        prop_assert_eq!(&shuffled, &scalar);
        for (after, before) in shuffled.iter().zip(&frames) {
            prop_assert_eq!((&after[..6], &after[6..12], &after[12..]), (&before[6..12], &before[..6], &before[12..]));
        }
    }

    #[test]
    fn shuffled_and_scalar_turns_of_a_burst_agree_on_every_byte_and_on_which_frames_expired(
        frames in prop::collection::vec((any::<[u8; IPV4_BYTES]>(), prop_oneof![0u8..4, any::<u8>()]), 0..40), tagging in any_tagging(),
    ) {
        let layout = Layout::new(tagging, Network::IPV4);
        let network = layout.network_offset();
        let with_ttl = |(mut frame, ttl): ([u8; IPV4_BYTES], u8)| {
            frame[network + 8] = ttl;
            frame
        };
        let mut shuffled: Vec<_> = frames.into_iter().map(with_ttl).collect();
        let mut scalar = shuffled.clone();
        let (mut expired, mut expired_by_scalar) = (Vec::new(), Vec::new());
        // SAFETY: each pointer is of an array as long as the longest layout of IPv4, which nothing else uses.
        unsafe { reflect_frames(&addresses(&mut shuffled), layout, |&data| data, |at| expired.push(at)) };
        for (at, frame) in scalar.iter_mut().enumerate() {
            // SAFETY: as above.
            if unsafe { reflect_ipv4_scalar(frame.as_mut_ptr(), network) } == Reflection::Expired {
                expired_by_scalar.push(at);
            }
        }
        prop_assert_eq!(expired, expired_by_scalar);
        prop_assert_eq!(shuffled, scalar);
    }

    /// The CPU's CRC instructions are used where it has them, and a receiver may have others than the sender.
    #[test]
    fn the_crc_of_a_payload_is_that_of_the_polynomial_whatever_instructions_compute_it(
        bytes in prop::collection::vec(any::<u8>(), 0..4000), begin in 0usize..16,
    ) {
        let bytes = bytes.get(begin..).unwrap_or_default();
        prop_assert_eq!(crc32c::crc32c(bytes), crc32c_bit_by_bit(bytes));
    }
}

/// Bytes of the longest layout of IPv4: two VLAN tags.
const IPV4_BYTES: usize = 14 + 8 + 20 + 8 + TAG_LEN;

fn addresses<const BYTES: usize>(frames: &mut [[u8; BYTES]]) -> Vec<*mut u8> {
    frames.iter_mut().map(|frame| frame.as_mut_ptr()).collect()
}

/// CRC32C by its definition (RFC 3720 §12.1): reflected, begins with ones, ends inverted.
fn crc32c_bit_by_bit(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), step))
}

#[test]
fn the_crc_has_the_values_of_rfc3720_b_4() {
    let counting: Vec<u8> = (0..32).collect();
    for (bytes, crc) in [(&[0; 32][..], 0x8a91_36aa), (&[0xff; 32], 0x62a8_ab43), (&counting, 0x46dd_794e)] {
        assert_eq!((crc32c::crc32c(bytes), crc32c_bit_by_bit(bytes)), (crc, crc));
    }
}
