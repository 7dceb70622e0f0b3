use std::net::IpAddr;
use std::str::FromStr;

/// `[user@]host[:port]`, where an IPv6 address with a port is in brackets; or the same as a URI (ssh(1)), `ssh://user@host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshDestination {
    /// `user@host`, as ssh takes it.
    pub user_and_host: String,
    /// The port, where one is given.
    pub port: Option<u16>,
}

/// The text is not a destination of ssh.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not an ssh destination: {why}; write [user@]host[:port], or a Host of ~/.ssh/config, and an IPv6 address with a port in brackets"
)]
pub struct NotADestination {
    text: String,
    why: &'static str,
}

impl FromStr for SshDestination {
    type Err = NotADestination;

    /// A set of characters is allowed, so that nothing in a destination means something to a shell, to ssh's `%` tokens or to a terminal.
    fn from_str(text: &str) -> Result<Self, NotADestination> {
        let wrong = |why| NotADestination { text: text.escape_debug().to_string(), why };
        let plain = text.strip_prefix("ssh://").unwrap_or(text);
        let (user, place) = match plain.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, plain),
        };
        if user.is_some_and(|user| !is_name(user)) {
            return Err(wrong("the user has other characters than letters, digits, `.`, `_` and `-`, or begins with `-`"));
        }
        let (host, port) = match place.strip_prefix('[') {
            Some(rest) => {
                let (address, after) = rest.split_once(']').ok_or_else(|| wrong("a bracket is not closed"))?;
                if !is_ipv6(address) {
                    return Err(wrong("the text in brackets is not an IPv6 address"));
                }
                let port = match after {
                    "" => None,
                    _ => Some(after.strip_prefix(':').ok_or_else(|| wrong("only a port may follow the brackets"))?),
                };
                (address, port)
            }
            None if is_ipv6(place) => (place, None),
            None => match place.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (place, None),
            },
        };
        if !is_ipv6(host) && !is_name(host) {
            return Err(wrong("the host has other characters than letters, digits, `.`, `_` and `-`, or begins with `-`"));
        }
        let port = port
            .map(|port| port.parse::<u16>().ok().filter(|&port| port > 0).ok_or_else(|| wrong("the port is not a number from 1 to 65535")));
        let user = user.map(|user| format!("{user}@")).unwrap_or_default();
        Ok(SshDestination { user_and_host: format!("{user}{host}"), port: port.transpose()? })
    }
}

fn is_ipv6(text: &str) -> bool {
    let (ip, zone) = text.split_once('%').map_or((text, None), |(ip, zone)| (ip, Some(zone)));
    ip.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv6()) && zone.is_none_or(is_name)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('-') && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_ports_and_addresses_are_read() {
        let read = |text: &str| text.parse::<SshDestination>().map(|read| (read.user_and_host, read.port));
        assert_eq!(read("b-dpu"), Ok(("b-dpu".to_owned(), None)));
        assert_eq!(read("ubuntu@192.0.2.7:2222"), Ok(("ubuntu@192.0.2.7".to_owned(), Some(2222))));
        assert_eq!(read("root@[fe80::1%eth0]:22"), Ok(("root@fe80::1%eth0".to_owned(), Some(22))));
        assert_eq!(read("[2001:db8::1]"), Ok(("2001:db8::1".to_owned(), None)));
        assert_eq!(read("2001:db8::1"), Ok(("2001:db8::1".to_owned(), None)));
        assert_eq!(read("ssh://root@host:2222"), Ok(("root@host".to_owned(), Some(2222))));
        assert_eq!(read("ssh://[2001:db8::1]:22"), Ok(("2001:db8::1".to_owned(), Some(22))));
    }

    #[test]
    fn what_an_option_a_shell_or_a_terminal_could_read_is_refused() {
        let bad = [
            "",
            "-oProxyCommand=x",
            "a b",
            "a;b",
            "u@-h",
            "$(x)@h",
            "h:0",
            "h:70000",
            // A zone is a name.
            "fe80::1%",
            "fe80::1%$(x)",
            "[::1",
            "[x]:1",
            "[::1]22",
            "h\u{1b}[2J",
            "%h",
        ];
        for text in bad {
            assert!(text.parse::<SshDestination>().is_err(), "{text}");
        }
        assert!(!"h\u{1b}[2J".parse::<SshDestination>().unwrap_err().to_string().contains('\u{1b}'));
    }
}
