use super::Transport;

/// Whether a port is open, from the text of `/proc/net/tcp` and `tcp6` (or `udp` and `udp6`), one after the other.
///
/// Asks the kernel, not the server: a trial connection would use up an `iperf3 -s -1`.
pub fn is_listening(proc_net: &str, transport: Transport, port: u16) -> bool {
    // include/net/tcp_states.h: TCP_LISTEN is 0A; an open UDP socket that is not connected shows 07.
    let state = match transport {
        Transport::Tcp => "0A",
        Transport::Udp => "07",
        Transport::Icmp => return true,
    };
    proc_net.lines().any(|line| {
        let mut words = line.split_ascii_whitespace();
        let (_slot, local, _remote, found) = (words.next(), words.next(), words.next(), words.next());
        let open = local.and_then(|local| local.rsplit_once(':')).and_then(|(_, port)| u16::from_str_radix(port, 16).ok());
        open == Some(port) && found == Some(state)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TCP: &str = "  sl  local_address rem_address   st tx_queue rx_queue\n   0: 0100007F:1451 00000000:0000 0A 00000000:00000000 00:00000000\n   1: 0100007F:1452 0100007F:A1B2 01 00000000:00000000 00:00000000\n";

    #[test]
    fn a_listening_port_is_told_from_a_connected_one() {
        assert!(is_listening(TCP, Transport::Tcp, 0x1451));
        assert!(!is_listening(TCP, Transport::Tcp, 0x1452));
        assert!(!is_listening(TCP, Transport::Udp, 0x1451));
        assert!(!is_listening("", Transport::Tcp, 1));
    }
}
