//! The proof that the kernel or the NIC encrypted: counters of sessions in `/proc/net/tls_stat`, which each network namespace has its own of.

use crate::plan::TlsEnd;

/// Sessions whose records the kernel encrypted, and those whose records a NIC did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TlsSessions {
    software: u64,
    device: u64,
}

impl TlsSessions {
    /// Reads the counters by name (Documentation/networking/tls.rst, "Statistics"). None where the text has none of them.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let counter = |name: &str| {
            let values = text.lines().filter_map(|line| line.split_once(char::is_whitespace));
            values.into_iter().find(|(key, _)| *key == name)?.1.trim().parse().ok()
        };
        Some(TlsSessions { software: counter("TlsTxSw")?, device: counter("TlsTxDevice").unwrap_or(0) })
    }

    /// Why the transfers between two readings are not those that the plan asks for; none where they are.
    pub(super) fn doubt(before: Option<Self>, after: Option<Self>, at: TlsEnd, transfers: u32) -> Option<String> {
        let (name, of): (&str, fn(TlsSessions) -> u64) = match at {
            TlsEnd::Endpoint | TlsEnd::Dpu => return None,
            TlsEnd::EndpointKtls => ("TlsTxSw", |sessions| sessions.software),
            TlsEnd::EndpointInline => ("TlsTxDevice", |sessions| sessions.device),
        };
        let Some((before, after)) = before.zip(after) else {
            return Some("/proc/net/tls_stat could not be read, so that nothing proves who encrypted".to_owned());
        };
        let sessions = of(after).saturating_sub(of(before));
        (sessions < u64::from(transfers)).then(|| {
            format!(
                "{name} of /proc/net/tls_stat counted {sessions} sessions during {transfers} transfers: the plan's tls-at was not in effect"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The format of net/tls/tls_proc.c.
    const BEFORE: &str = "TlsCurrTxSw                     \t0\nTlsCurrRxSw                     \t0\nTlsCurrTxDevice                 \t0\n\
                          TlsTxSw                         \t7\nTlsRxSw                         \t0\nTlsTxDevice                     \t2\n";

    #[test]
    fn fewer_sessions_than_transfers_prove_nothing() {
        let before = TlsSessions::parse(BEFORE);
        let after = |sw: u64, device: u64| Some(TlsSessions { software: sw, device });
        let doubt = |after, at| TlsSessions::doubt(before, after, at, 5);
        assert_eq!(doubt(after(12, 2), TlsEnd::EndpointKtls), None);
        assert!(doubt(after(11, 2), TlsEnd::EndpointKtls).unwrap().contains("TlsTxSw of /proc/net/tls_stat counted 4 sessions"));
        assert_eq!(doubt(after(7, 7), TlsEnd::EndpointInline), None);
        assert!(doubt(after(12, 2), TlsEnd::EndpointInline).unwrap().contains("TlsTxDevice"), "the kernel did what the NIC should");
        assert!(doubt(None, TlsEnd::EndpointKtls).unwrap().contains("could not be read"));
        assert_eq!(doubt(None, TlsEnd::Endpoint), None);
        assert_eq!(TlsSessions::parse("cat: no such file"), None);
    }
}
