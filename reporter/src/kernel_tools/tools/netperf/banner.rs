use crate::kernel_tools::{Direction, Method, Transport};

/// The transport, method and direction that a banner names: `MIGRATED TCP REQUEST/RESPONSE TEST from …`. MAERTS is STREAM the other way round.
pub(super) fn banner(text: &str) -> Option<(Transport, Method, Direction)> {
    let line = text.lines().find(|line| line.contains(" TEST from "))?;
    let transport = if line.contains("UDP") {
        Transport::Udp
    } else if line.contains("TCP") {
        Transport::Tcp
    } else {
        return None;
    };
    let method = if line.contains("REQUEST/RESPONSE") {
        Method::PingPong
    } else if line.contains("STREAM") || line.contains("MAERTS") {
        Method::Stream
    } else {
        return None;
    };
    let direction = if line.contains("MAERTS") { Direction::ServerToClient } else { Direction::ClientToServer };
    Some((transport, method, direction))
}
