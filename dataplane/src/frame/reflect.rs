//! Turning a frame round: what a reflector does to send it back to where it came from.
//!
//! Every function works in place and touches only what changes. UDP checksums stay right by themselves: swapping addresses and
//! ports changes no one's complement sum, and TTL is not under them.

use super::Layout;
use super::layout::Protocol;

/// What became of a frame that was turned round at layer 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turned {
    /// It may go back.
    Back,
    /// Its TTL or hop limit was used up: it must not be sent (RFC 1812 §5.3.1, RFC 8200 §3). It was not changed.
    Expired,
}

/// Swaps the Ethernet addresses of a burst, with the widest instructions this CPU has.
///
/// # Safety
/// Each pointer that `data` gives is valid for reading and writing 16 bytes, and no one else uses them meanwhile.
#[inline]
pub unsafe fn swap_macs<T>(frames: &[T], data: impl Fn(&T) -> *mut u8) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("ssse3") {
        for frame in frames {
            // SAFETY: the CPU has SSSE3, as just asked, and the caller vouches for the 16 bytes.
            unsafe { simd::swap_macs(data(frame)) };
        }
        return;
    }
    #[cfg(target_arch = "aarch64")]
    {
        for frame in frames {
            // SAFETY: NEON is part of the aarch64 baseline, and the caller vouches for the 16 bytes.
            unsafe { simd::swap_macs(data(frame)) };
        }
        return;
    }
    #[allow(unreachable_code, reason = "reached on CPUs without a shuffle instruction")]
    for frame in frames {
        // SAFETY: the caller vouches for the 16 bytes; this takes 12.
        unsafe { swap_macs_scalar(data(frame)) };
    }
}

/// Turns a burst round at layers 2, 3 and 4: Ethernet addresses, IP addresses and ports swapped, TTL or hop limit one less, the
/// IPv4 header checksum updated (RFC 1624). `turned` is told what became of each frame, in order.
///
/// # Safety
/// Each pointer that `data` gives is valid for reading and writing a frame of `layout` ([`Layout::least_bytes`]), and no one else uses
/// those bytes meanwhile.
#[inline]
pub unsafe fn turn_round<T>(frames: &[T], layout: Layout, data: impl Fn(&T) -> *mut u8, mut turned: impl FnMut(&T, Turned)) {
    let network = layout.network_offset();
    // One loop for each protocol, so that the choice is made once a burst.
    match layout.protocol() {
        Protocol::Ethernet => {
            // SAFETY: the caller vouches for more than the 16 bytes: layer-2 frames have at least 32.
            unsafe { swap_macs(frames, data) };
            frames.iter().for_each(|frame| turned(frame, Turned::Back));
        }
        Protocol::Ipv4 => {
            for frame in frames {
                // SAFETY: the caller vouches for Ethernet, IPv4 and UDP headers.
                turned(frame, unsafe { turn_ipv4(data(frame), network) });
            }
        }
        Protocol::Ipv6 => {
            for frame in frames {
                // SAFETY: the caller vouches for Ethernet, IPv6 and UDP headers.
                turned(frame, unsafe { turn_ipv6(data(frame), network) });
            }
        }
    }
}

/// [`turn_round`] of one frame in a slice; `None` where the slice is shorter than such a frame.
pub fn turn_round_slice(frame: &mut [u8], layout: Layout) -> Option<Turned> {
    if frame.len() < layout.least_bytes() {
        return None;
    }
    let mut result = None;
    // SAFETY: the slice is at least a frame of the layout, and it is borrowed mutably.
    unsafe { turn_round(&[frame.as_mut_ptr()], layout, |&data| data, |_, turned| result = Some(turned)) };
    result
}

/// [`swap_macs`] of one frame in a slice of at least 16 bytes; anything shorter is no frame and stays as it is.
pub fn swap_macs_slice(frame: &mut [u8]) {
    if frame.len() >= 16 {
        // SAFETY: the slice has 16 bytes and is borrowed mutably.
        unsafe { swap_macs(&[frame.as_mut_ptr()], |&data| data) };
    }
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
unsafe fn turn_ipv4(frame: *mut u8, network: usize) -> Turned {
    // SAFETY: everything lies within the headers that the caller vouches for; all accesses are unaligned.
    unsafe {
        let ip = frame.add(network);
        let ttl = *ip.add(8);
        if ttl <= 1 {
            return Turned::Expired;
        }
        swap_macs_scalar(frame);
        *ip.add(8) = ttl - 1;
        let checksum = ip.add(10).cast::<u16>();
        checksum.write_unaligned(after_ttl_decrement(u16::from_be(checksum.read_unaligned())).to_be());
        let addresses = ip.add(12).cast::<u64>();
        addresses.write_unaligned(addresses.read_unaligned().rotate_left(32));
        let ports = ip.add(20).cast::<u32>();
        ports.write_unaligned(ports.read_unaligned().rotate_left(16));
        Turned::Back
    }
}

/// # Safety
/// `frame` is valid for reading and writing Ethernet, IPv6 and UDP headers, IPv6 at `network`.
#[inline(always)]
unsafe fn turn_ipv6(frame: *mut u8, network: usize) -> Turned {
    // SAFETY: everything lies within the headers that the caller vouches for; all accesses are unaligned.
    unsafe {
        let ip = frame.add(network);
        let hop_limit = *ip.add(7);
        if hop_limit <= 1 {
            return Turned::Expired;
        }
        swap_macs_scalar(frame);
        *ip.add(7) = hop_limit - 1;
        let (source, destination) = (ip.add(8).cast::<u128>(), ip.add(24).cast::<u128>());
        let (from, to) = (source.read_unaligned(), destination.read_unaligned());
        source.write_unaligned(to);
        destination.write_unaligned(from);
        let ports = ip.add(40).cast::<u32>();
        ports.write_unaligned(ports.read_unaligned().rotate_left(16));
        Turned::Back
    }
}

/// The header checksum after the TTL, the high byte of its word, went down by one: HC' = ~(~HC + ~m + m') (RFC 1624 equation 3),
/// which here is HC + 0x0100 in one's complement.
#[inline(always)]
fn after_ttl_decrement(checksum: u16) -> u16 {
    let (sum, carry) = (!checksum).overflowing_add(!0x0100);
    !(sum + u16::from(carry))
}

#[cfg(target_arch = "x86_64")]
mod simd {
    use std::arch::x86_64::{__m128i, _mm_loadu_si128, _mm_setr_epi8, _mm_shuffle_epi8, _mm_storeu_si128};

    /// # Safety
    /// `frame` is valid for reading and writing 16 bytes.
    #[target_feature(enable = "ssse3")]
    #[inline]
    pub(super) unsafe fn swap_macs(frame: *mut u8) {
        let order = _mm_setr_epi8(6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5, 12, 13, 14, 15);
        // SAFETY: the caller vouches for the 16 bytes; both instructions take any alignment.
        unsafe {
            let addresses = _mm_loadu_si128(frame.cast::<__m128i>());
            _mm_storeu_si128(frame.cast::<__m128i>(), _mm_shuffle_epi8(addresses, order));
        }
    }
}

#[cfg(target_arch = "aarch64")]
mod simd {
    use std::arch::aarch64::{vld1q_u8, vqtbl1q_u8, vst1q_u8};

    const ORDER: [u8; 16] = [6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5, 12, 13, 14, 15];

    /// # Safety
    /// `frame` is valid for reading and writing 16 bytes.
    #[inline(always)]
    pub(super) unsafe fn swap_macs(frame: *mut u8) {
        // SAFETY: the caller vouches for the 16 bytes, and ORDER has 16.
        unsafe { vst1q_u8(frame, vqtbl1q_u8(vld1q_u8(frame), vld1q_u8(ORDER.as_ptr()))) };
    }
}
