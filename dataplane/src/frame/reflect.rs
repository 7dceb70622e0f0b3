//! Reflecting a frame: swapping its addresses and ports, so that it returns to its sender.
//!
//! Every function works in place and writes only what changes. UDP checksums stay correct: swapping addresses and ports does not change a
//! one's complement sum, and the checksum does not cover the TTL.

use super::layout::{Layout, Protocol};
use super::mac::MacAddress;

/// The result for one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reflection {
    /// The frame can be sent back.
    Reflected,
    /// Its TTL or hop limit has expired: it must not be sent (RFC 1812 §5.3.1, RFC 8200 §3). It was not changed.
    Expired,
}

/// Swaps the Ethernet addresses of a burst, with a shuffle instruction where the CPU has one.
///
/// # Safety
/// Each pointer that `data` returns is valid for reading and writing 16 bytes, and no one else uses them meanwhile.
#[inline]
pub unsafe fn swap_macs<T>(frames: &[T], data: impl Fn(&T) -> *mut u8) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("ssse3") {
        // SAFETY: the CPU has SSSE3, as just asked, and the caller vouches for the 16 bytes of each frame.
        return unsafe { simd::swap_macs(frames, data) };
    }
    #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
    // SAFETY: NEON is part of the aarch64 baseline, and the caller vouches for the 16 bytes of each frame.
    return unsafe { simd::swap_macs(frames, data) };
    #[allow(unreachable_code, reason = "reached on CPUs without a shuffle instruction")]
    for frame in frames {
        // SAFETY: the caller vouches for the 16 bytes; this takes 12.
        unsafe { swap_macs_scalar(data(frame)) };
    }
}

/// Writes the destination address of a frame. No checksum covers it.
///
/// # Safety
/// `data` is valid for writing 6 bytes, and no one else uses them meanwhile.
#[inline]
pub unsafe fn set_destination(data: *mut u8, destination: MacAddress) {
    // SAFETY: the caller vouches for the 6 bytes.
    unsafe { data.cast::<[u8; 6]>().write_unaligned(destination.0) };
}

/// Reflects a burst at layers 2, 3 and 4: swaps Ethernet addresses, IP addresses and ports, decrements the TTL or hop limit, and updates the
/// IPv4 header checksum (RFC 1624). `expired` is called with the index of each frame that must not be sent; those are unchanged
/// ([`Reflection::Expired`]).
///
/// # Safety
/// Each pointer that `data` returns is valid for reading and writing a frame of `layout` ([`Layout::least_bytes`]), and no one else uses
/// those bytes meanwhile.
#[inline]
pub unsafe fn reflect_frames<T>(frames: &[T], layout: Layout, data: impl Fn(&T) -> *mut u8, mut expired: impl FnMut(usize)) {
    let network = layout.network_offset();
    // One loop for each protocol, so that the protocol is checked once a burst.
    match layout.protocol() {
        // SAFETY: the caller vouches for more than the 16 bytes: layer-2 frames have at least 32.
        Protocol::Ethernet => unsafe { swap_macs(frames, data) },
        Protocol::Ipv4 => {
            #[cfg(target_arch = "x86_64")]
            if std::arch::is_x86_feature_detected!("ssse3") {
                // SAFETY: the CPU has SSSE3, as just asked; the caller vouches for Ethernet, IPv4 and UDP headers in each frame.
                return unsafe { simd::reflect_ipv4(frames, network, data, expired) };
            }
            #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
            // SAFETY: NEON is part of the aarch64 baseline; the caller vouches for Ethernet, IPv4 and UDP headers in each frame.
            return unsafe { simd::reflect_ipv4(frames, network, data, expired) };
            #[allow(unreachable_code, reason = "reached on CPUs without a shuffle instruction")]
            for (index, frame) in frames.iter().enumerate() {
                // SAFETY: the caller vouches for Ethernet, IPv4 and UDP headers.
                if unsafe { reflect_ipv4_scalar(data(frame), network) } == Reflection::Expired {
                    expired(index);
                }
            }
        }
        Protocol::Ipv6 => {
            for (index, frame) in frames.iter().enumerate() {
                // SAFETY: the caller vouches for Ethernet, IPv6 and UDP headers.
                if unsafe { reflect_ipv6(data(frame), network) } == Reflection::Expired {
                    expired(index);
                }
            }
        }
    }
}

/// [`reflect_frames`] of one frame in a slice; `None` where the slice is shorter than such a frame.
pub fn reflect_slice(frame: &mut [u8], layout: Layout) -> Option<Reflection> {
    if frame.len() < layout.least_bytes() {
        return None;
    }
    let mut result = Reflection::Reflected;
    // SAFETY: the slice is at least a frame of the layout, and it is borrowed mutably.
    unsafe { reflect_frames(&[frame.as_mut_ptr()], layout, |&data| data, |_| result = Reflection::Expired) };
    Some(result)
}

/// # Safety
/// `frame` is valid for reading and writing 12 bytes.
#[inline(always)]
pub(super) unsafe fn swap_macs_scalar(frame: *mut u8) {
    // SAFETY: 8 + 4 bytes within the caller's 12, unaligned.
    unsafe {
        let low = u64::from_le(frame.cast::<u64>().read_unaligned());
        let high = u32::from_le(frame.add(8).cast::<u32>().read_unaligned());
        let (first, second) = (low & 0xffff_ffff_ffff, low >> 48 | u64::from(high) << 16);
        frame.cast::<u64>().write_unaligned((second | first << 48).to_le());
        frame.add(8).cast::<u32>().write_unaligned(((first >> 16) as u32).to_le());
    }
}

/// # Safety
/// `frame` is valid for reading and writing Ethernet, IPv4 and UDP headers, IPv4 at `network`.
#[inline(always)]
pub(super) unsafe fn reflect_ipv4_scalar(frame: *mut u8, network: usize) -> Reflection {
    // SAFETY: everything lies within the headers that the caller vouches for; all accesses are unaligned.
    unsafe {
        let ip = frame.add(network);
        let ttl = *ip.add(8);
        if ttl <= 1 {
            return Reflection::Expired;
        }
        swap_macs_scalar(frame);
        *ip.add(8) = ttl - 1;
        let checksum = ip.add(10).cast::<u16>();
        checksum.write_unaligned(after_ttl_decrement(u16::from_be(checksum.read_unaligned())).to_be());
        let addresses = ip.add(12).cast::<u64>();
        addresses.write_unaligned(addresses.read_unaligned().rotate_left(32));
        let ports = ip.add(20).cast::<u32>();
        ports.write_unaligned(ports.read_unaligned().rotate_left(16));
        Reflection::Reflected
    }
}

/// # Safety
/// `frame` is valid for reading and writing Ethernet, IPv6 and UDP headers, IPv6 at `network`.
#[inline(always)]
unsafe fn reflect_ipv6(frame: *mut u8, network: usize) -> Reflection {
    // SAFETY: everything lies within the headers that the caller vouches for; all accesses are unaligned.
    unsafe {
        let ip = frame.add(network);
        let hop_limit = *ip.add(7);
        if hop_limit <= 1 {
            return Reflection::Expired;
        }
        swap_macs_scalar(frame);
        *ip.add(7) = hop_limit - 1;
        let (source, destination) = (ip.add(8).cast::<u128>(), ip.add(24).cast::<u128>());
        let (from, to) = (source.read_unaligned(), destination.read_unaligned());
        source.write_unaligned(to);
        destination.write_unaligned(from);
        let ports = ip.add(40).cast::<u32>();
        ports.write_unaligned(ports.read_unaligned().rotate_left(16));
        Reflection::Reflected
    }
}

/// The header checksum after the TTL, the high byte of its word, went down by one: HC' = ~(~HC + ~m + m') (RFC 1624 equation 3),
/// which here is HC + 0x0100 in one's complement.
#[inline(always)]
fn after_ttl_decrement(checksum: u16) -> u16 {
    let (sum, carry) = (!checksum).overflowing_add(!0x0100);
    !(sum + u16::from(carry))
}

/// TTL, protocol and checksum of an IPv4 header, as a little-endian word, after the TTL went down by one; `None` where it has expired.
#[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_endian = "little")))]
#[inline(always)]
fn word_reflected(word: u32) -> Option<u32> {
    if word as u8 <= 1 {
        return None;
    }
    // One less in the TTL and one more in the checksum's byte for it. A one's complement sum does not care which byte is the high one
    // (RFC 1071 §2), so its carry comes round within the upper half; all ones would be the zero that RFC 1624 rules out.
    let carry = u32::from(word >= 0xfffe_0000) << 16;
    Some(word.wrapping_add(0x0001_0000 - 1).wrapping_add(carry))
}

#[cfg(target_arch = "x86_64")]
mod simd {
    use std::arch::x86_64::*;

    /// [`swap_macs`](super::swap_macs).
    ///
    /// # Safety
    /// As there, on a CPU with SSSE3.
    #[target_feature(enable = "ssse3")]
    pub(super) unsafe fn swap_macs<T>(frames: &[T], data: impl Fn(&T) -> *mut u8) {
        frames.iter().for_each(|frame| {
            // SAFETY: the caller vouches for the 16 bytes.
            unsafe { shuffle(data(frame), macs_swapped()) };
        });
    }

    /// [`reflect_frames`](super::reflect_frames) over IPv4: one shuffle swaps addresses and ports, because they are 16 consecutive bytes together
    /// with TTL, protocol and checksum.
    ///
    /// # Safety
    /// As there, on a CPU with SSSE3, with the IPv4 header at `network`.
    #[target_feature(enable = "ssse3")]
    pub(super) unsafe fn reflect_ipv4<T>(frames: &[T], network: usize, data: impl Fn(&T) -> *mut u8, mut expired: impl FnMut(usize)) {
        let swapped = _mm_setr_epi8(0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 14, 15, 12, 13);
        for (index, frame) in frames.iter().enumerate() {
            let frame = data(frame);
            // SAFETY: bytes 8 to 24 behind the network offset are IPv4 header and UDP ports, and 16 bytes begin the frame: the caller vouches
            // for all of them. Both instructions take any alignment.
            unsafe {
                let at = frame.add(network + 8).cast::<__m128i>();
                let header = _mm_loadu_si128(at);
                let Some(word) = super::word_reflected(_mm_cvtsi128_si32(header).cast_unsigned()) else {
                    expired(index);
                    continue;
                };
                let others = _mm_castsi128_ps(_mm_shuffle_epi8(header, swapped));
                let reflected = _mm_move_ss(others, _mm_castsi128_ps(_mm_cvtsi32_si128(word.cast_signed())));
                _mm_storeu_si128(at, _mm_castps_si128(reflected));
                shuffle(frame, macs_swapped());
            }
        }
    }

    #[target_feature(enable = "ssse3")]
    #[inline]
    fn macs_swapped() -> __m128i {
        _mm_setr_epi8(6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5, 12, 13, 14, 15)
    }

    /// # Safety
    /// `at` is valid for reading and writing 16 bytes.
    #[target_feature(enable = "ssse3")]
    #[inline]
    unsafe fn shuffle(at: *mut u8, order: __m128i) {
        // SAFETY: the caller vouches for the 16 bytes; both instructions take any alignment.
        unsafe { _mm_storeu_si128(at.cast(), _mm_shuffle_epi8(_mm_loadu_si128(at.cast()), order)) };
    }
}

#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
mod simd {
    use std::arch::aarch64::{vgetq_lane_u32, vld1q_u8, vqtbl1q_u8, vreinterpretq_u8_u32, vreinterpretq_u32_u8, vsetq_lane_u32, vst1q_u8};

    const MACS_SWAPPED: [u8; 16] = [6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5, 12, 13, 14, 15];
    /// TTL, protocol and checksum stay; addresses and ports change places.
    const ADDRESSES_AND_PORTS_SWAPPED: [u8; 16] = [0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 14, 15, 12, 13];

    /// [`swap_macs`](super::swap_macs).
    ///
    /// # Safety
    /// As there.
    pub(super) unsafe fn swap_macs<T>(frames: &[T], data: impl Fn(&T) -> *mut u8) {
        // SAFETY: the caller vouches for the 16 bytes of each frame.
        frames.iter().for_each(|frame| unsafe { shuffle(data(frame), &MACS_SWAPPED) });
    }

    /// [`reflect_frames`](super::reflect_frames) over IPv4, with one table look-up for addresses and ports, as on x86-64.
    ///
    /// # Safety
    /// As there, with the IPv4 header at `network`.
    pub(super) unsafe fn reflect_ipv4<T>(frames: &[T], network: usize, data: impl Fn(&T) -> *mut u8, mut expired: impl FnMut(usize)) {
        for (index, frame) in frames.iter().enumerate() {
            let frame = data(frame);
            // SAFETY: bytes 8 to 24 behind the network offset are IPv4 header and UDP ports, and 16 bytes begin the frame: the caller vouches
            // for all of them. Loads and stores take any alignment; the table has 16 bytes.
            unsafe {
                let at = frame.add(network + 8);
                let header = vld1q_u8(at);
                let Some(word) = super::word_reflected(vgetq_lane_u32::<0>(vreinterpretq_u32_u8(header))) else {
                    expired(index);
                    continue;
                };
                let others = vqtbl1q_u8(header, vld1q_u8(ADDRESSES_AND_PORTS_SWAPPED.as_ptr()));
                vst1q_u8(at, vreinterpretq_u8_u32(vsetq_lane_u32::<0>(word, vreinterpretq_u32_u8(others))));
                shuffle(frame, &MACS_SWAPPED);
            }
        }
    }

    /// # Safety
    /// `at` is valid for reading and writing 16 bytes.
    #[inline(always)]
    unsafe fn shuffle(at: *mut u8, order: &[u8; 16]) {
        // SAFETY: the caller vouches for the 16 bytes, and the order has 16.
        unsafe { vst1q_u8(at, vqtbl1q_u8(vld1q_u8(at), vld1q_u8(order.as_ptr()))) };
    }
}
