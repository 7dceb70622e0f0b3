//! The proof that the kernel or the NIC encrypted: counters of sessions in `/proc/net/tls_stat`, which each network namespace has its own of.

use serde::Serialize;

use crate::plan::TlsEnd;

/// Sessions whose records the kernel encrypted, and those whose records a NIC did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
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

    /// Those since an earlier reading.
    pub(super) fn since(self, before: Self) -> Self {
        TlsSessions { software: self.software.saturating_sub(before.software), device: self.device.saturating_sub(before.device) }
    }

    /// Why the sessions during some transfers are not those that the plan asks for; none where they are.
    pub(super) fn doubt(during: Option<Self>, at: TlsEnd, transfers: u32) -> Option<String> {
        let transfers = u64::from(transfers);
        let (name, sessions) = match (at, during) {
            (TlsEnd::Endpoint | TlsEnd::Dpu, None) => return None,
            // Fewer than the transfers are those of another program.
            (TlsEnd::Endpoint | TlsEnd::Dpu, Some(during)) => {
                let sessions = during.software + during.device;
                return (sessions >= transfers).then(|| {
                    format!(
                        "/proc/net/tls_stat counted {sessions} sessions during {transfers} transfers: the kernel encrypted what nginx sent, or \
                         what another program there did, and the plan's tls-at is a program (OpenSSL's own configuration can have `Options = KTLS`)"
                    )
                });
            }
            (_, None) => return Some("/proc/net/tls_stat could not be read, so that nothing proves who encrypted".to_owned()),
            (TlsEnd::EndpointKtls, Some(during)) if during.device >= transfers => {
                return Some(format!(
                    "TlsTxDevice of /proc/net/tls_stat counted {} sessions during {transfers} transfers: the NIC encrypted, and the plan's tls-at is \
                     the kernel (`ethtool -K INTERFACE tls-hw-tx-offload off`; measure endpoint-ktls and endpoint-inline in two runs)",
                    during.device
                ));
            }
            (TlsEnd::EndpointKtls, Some(during)) => ("TlsTxSw", during.software),
            (TlsEnd::EndpointInline, Some(during)) => ("TlsTxDevice", during.device),
        };
        (sessions < transfers).then(|| {
            format!(
                "{name} of /proc/net/tls_stat counted {sessions} sessions during {transfers} transfers: the plan's tls-at was not in effect \
                 (nginx and OpenSSL need kTLS compiled in, and the cipher suite one that the kernel has)"
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
        let before = TlsSessions::parse(BEFORE).unwrap();
        let doubt = |software: u64, device: u64, at| TlsSessions::doubt(Some(TlsSessions { software, device }.since(before)), at, 5);
        assert_eq!(doubt(12, 2, TlsEnd::EndpointKtls), None);
        assert!(doubt(11, 2, TlsEnd::EndpointKtls).unwrap().contains("TlsTxSw of /proc/net/tls_stat counted 4 sessions"));
        assert_eq!(doubt(7, 7, TlsEnd::EndpointInline), None);
        assert!(doubt(7, 7, TlsEnd::EndpointKtls).unwrap().contains("tls-hw-tx-offload off"), "the NIC did what the kernel should");
        assert!(doubt(12, 2, TlsEnd::EndpointInline).unwrap().contains("TlsTxDevice"), "the kernel did what the NIC should");
        assert!(TlsSessions::doubt(None, TlsEnd::EndpointKtls, 5).unwrap().contains("could not be read"));
        assert_eq!(TlsSessions::parse("cat: no such file"), None);
    }

    #[test]
    fn a_kernel_that_encrypts_where_a_program_should_is_a_doubt() {
        let of = |software| TlsSessions::doubt(Some(TlsSessions { software, device: 0 }), TlsEnd::Endpoint, 5);
        assert!(of(5).unwrap().contains("the kernel encrypted"));
        assert_eq!(of(4), None, "sessions of another program");
        assert_eq!(TlsSessions::doubt(None, TlsEnd::Endpoint, 5), None);
    }
}
