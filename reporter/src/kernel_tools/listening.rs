use super::Transport;

/// The sockets (inodes) on which a port is open, from the text of `/proc/net/tcp` and `tcp6` (or `udp` and `udp6`), one after the other.
///
/// Asks the kernel, not the server: a trial connection would use up an `iperf3 -s -1`. The process that has the inode open is the server.
pub fn listening_sockets(proc_net: &str, transport: Transport, port: u16) -> Vec<u64> {
    // include/net/tcp_states.h: TCP_LISTEN is 0A; an open UDP socket that is not connected shows 07.
    let state = match transport {
        Transport::Tcp => "0A",
        Transport::Udp => "07",
        Transport::Icmp | Transport::RawEthernet => return Vec::new(),
    };
    let socket = |line: &str| {
        // sl, local_address, rem_address, st, tx_queue:rx_queue, tr:tm->when, retrnsmt, uid, timeout, inode (proc_net_tcp(5)).
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let [_slot, local, _remote, found, _, _, _, _, _, inode, ..] = words[..] else { return None };
        let open = local.rsplit_once(':').and_then(|(_, port)| u16::from_str_radix(port, 16).ok());
        if open == Some(port) && found == state { inode.parse().ok() } else { None }
    };
    proc_net.lines().filter_map(socket).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TCP: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   0: 0100007F:1451 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 40123 1 0000000000000000 100 0 0 10 0\n   1: 0100007F:1452 0100007F:A1B2 01 00000000:00000000 00:00000000 00000000     0        0 40124 1 0000000000000000 20 4 30 10 -1\n";

    #[test]
    fn a_listening_port_is_told_from_a_connected_one() {
        assert_eq!(listening_sockets(TCP, Transport::Tcp, 0x1451), [40123]);
        assert!(listening_sockets(TCP, Transport::Tcp, 0x1452).is_empty());
        assert!(listening_sockets(TCP, Transport::Udp, 0x1451).is_empty());
        assert!(listening_sockets("", Transport::Tcp, 1).is_empty());
    }
}
