//! Transmit rings that the kernel empties only when it is asked to.
//!
//! net_af_packet writes frames into a ring that it shares with the kernel, and asks the kernel with `sendto` to send them (rte_eth_af_packet.c,
//! `eth_af_packet_tx`). The kernel takes them until the socket's send buffer is full of frames that are on their way, and returns EAGAIN for the
//! rest (net/packet/af_packet.c, `tpacket_snd`). The driver counts all of them as sent, and asks again only with the next frames. Without a
//! further call, the last frames of a trial leave the ring in the next one: they are lost in the first and foreign in the second.

use std::os::fd::RawFd;
use std::{fs, mem};

use nix::errno::Errno;
use nix::libc;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::{MsgFlags, send};

/// The transmit ring of one queue. The driver owns the socket and keeps it open as long as the port is.
#[derive(Debug)]
pub(crate) struct KernelRing {
    socket: RawFd,
}

/// What the kernel did when it was asked to empty a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// The ring was empty.
    Nothing,
    /// It took frames. More may be left.
    Some,
    /// It could not take the next frame now.
    NotNow,
}

impl KernelRing {
    /// The rings of a port that was just opened on `interface`, by queue. The driver opens one socket for each queue, in the order of the queues
    /// (`rte_pmd_init_internals`), and the kernel gives ascending numbers.
    pub(super) fn of_port(interface: &str, queues: u16) -> Vec<KernelRing> {
        let Ok(index) = if_nametoindex(interface) else { return Vec::new() };
        let descriptors = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
        let numbers = descriptors.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let mut sockets: Vec<RawFd> = numbers.filter(|&number| is_bound_to(number, index)).collect();
        sockets.sort_unstable();
        // Another port of this process on the same interface has the lower numbers.
        let others = sockets.len().saturating_sub(usize::from(queues));
        sockets.split_off(others).into_iter().map(|socket| KernelRing { socket }).collect()
    }

    /// Asks the kernel to take the frames in the ring.
    #[cold]
    pub(crate) fn empty(&self) -> Taken {
        match send(self.socket, &[], MsgFlags::MSG_DONTWAIT) {
            Ok(0) => Taken::Nothing,
            Ok(_) => Taken::Some,
            Err(Errno::EINTR) => Taken::Some,
            Err(_) => Taken::NotNow,
        }
    }
}

/// Whether a descriptor is a socket of AF_PACKET that is bound to the interface of this index. (`getsockname` of the crate nix refuses the address of
/// an Ethernet interface: the kernel gives 18 of its 20 bytes.)
fn is_bound_to(descriptor: RawFd, interface: u32) -> bool {
    // SAFETY: all zeros is a value of this structure of numbers.
    let mut address: libc::sockaddr_ll = unsafe { mem::zeroed() };
    let mut length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: the address and its length may be written, and the kernel writes no more bytes than `length` says. It refuses what is no socket.
    let error = unsafe { libc::getsockname(descriptor, (&raw mut address).cast(), &raw mut length) };
    error == 0 && i32::from(address.sll_family) == libc::AF_PACKET && u32::try_from(address.sll_ifindex) == Ok(interface)
}

#[cfg(test)]
mod tests {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn a_socket_is_found_by_the_interface_that_it_is_bound_to() {
        let loopback = if_nametoindex("lo").unwrap();
        let file = fs::File::open("/proc/self/status").unwrap();
        assert!(!is_bound_to(file.as_raw_fd(), loopback), "no socket");
        let unix = socket(AddressFamily::Unix, SockType::Stream, SockFlag::empty(), None).unwrap();
        assert!(!is_bound_to(unix.as_raw_fd(), loopback), "another family");
        // Needs CAP_NET_RAW.
        let Ok(packet) = socket(AddressFamily::Packet, SockType::Raw, SockFlag::empty(), None) else { return };
        assert!(!is_bound_to(packet.as_raw_fd(), loopback), "not bound");
        // SAFETY: all zeros is a value of this structure of numbers.
        let mut address: libc::sockaddr_ll = unsafe { mem::zeroed() };
        (address.sll_family, address.sll_ifindex) = (libc::AF_PACKET as u16, loopback as i32);
        // SAFETY: the address is as long as is said.
        assert_eq!(unsafe { libc::bind(packet.as_raw_fd(), (&raw const address).cast(), size_of_val(&address) as u32) }, 0);
        assert!(is_bound_to(packet.as_raw_fd(), loopback));
        assert!(!is_bound_to(packet.as_raw_fd(), loopback + 1));
        let found = KernelRing::of_port("lo", 1);
        assert_eq!(found.iter().map(|ring| ring.socket).collect::<Vec<_>>(), [packet.as_raw_fd()]);
    }
}
