//! What curl prints of one transfer: the headers of the reply (`-D -`), then one line of JSON (`-w '%{json}'`, curl 7.70 and newer), then its errors.

use serde::Deserialize;
use thiserror::Error;

use super::outcome::{ToolExit, shortened};

/// The header in which the server that ends TLS says which version and cipher suite it negotiated: `TLSv1.3 TLS_AES_128_GCM_SHA256`.
pub const TLS_HEADER: &str = "X-Linerate-TLS";

/// The header in which a proxy says how long its connection to the next server took, TLS handshake included, in seconds
/// (`$upstream_connect_time` of ngx_http_upstream_module).
pub const UPSTREAM_HEADER: &str = "X-Linerate-Upstream-Connect";

/// One transfer that curl completed.
#[derive(Debug, Clone, PartialEq)]
pub struct CurlTransfer {
    /// Seconds from the start to the last byte.
    pub total_s: f64,
    /// Seconds of the TLS handshake: curl's own, or that of the proxy's connection; none without TLS.
    pub handshake_s: Option<f64>,
    /// Bytes of the file that arrived.
    pub bytes: u64,
    /// What TLS was negotiated, where the server says so.
    pub tls: Option<NegotiatedTls>,
    /// libcurl with its version, then the TLS library with its own.
    pub version: Option<String>,
}

/// What client and server agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NegotiatedTls {
    /// `TLSv1.3`.
    pub version: String,
    /// OpenSSL's name of the cipher suite.
    pub cipher: String,
}

/// Why there was no transfer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CurlError {
    /// curl says why.
    #[error("curl reports: {message} ({exit})")]
    Reported {
        /// In its words.
        message: String,
        /// How it ended.
        exit: ToolExit,
    },
    /// It did not end.
    #[error("curl did not end within {limit_s} s and was ended")]
    TimedOut {
        /// The time it had.
        limit_s: u64,
    },
    /// There is no result in its output.
    #[error("curl printed no result ({exit}): {excerpt}")]
    NoResult {
        /// How it ended.
        exit: ToolExit,
        /// The end of what it printed.
        excerpt: String,
    },
}

/// The parts of curl's JSON that are read. Times are seconds since its start (curl(1), `--write-out`).
#[derive(Deserialize)]
struct Written {
    time_connect: f64,
    /// 0 where there was no TLS.
    time_appconnect: f64,
    time_total: f64,
    size_download: f64,
    #[serde(default)]
    exitcode: i64,
    errormsg: Option<String>,
    curl_version: Option<String>,
}

/// Reads what curl printed.
///
/// # Errors
/// The transfer failed; the error has curl's reason.
pub fn curl_transfer(text: &str, exit: ToolExit) -> Result<CurlTransfer, CurlError> {
    if let ToolExit::TimedOut(limit) = exit {
        return Err(CurlError::TimedOut { limit_s: limit.as_secs() });
    }
    let written = text.lines().find_map(|line| serde_json::from_str::<Written>(line.trim()).ok());
    let said = text.lines().find_map(|line| line.trim().strip_prefix("curl: ")).map(shortened);
    let failed = !matches!(exit, ToolExit::Code(0)) || written.as_ref().is_some_and(|written| written.exitcode != 0);
    match (written, failed) {
        (Some(written), false) => Ok(transfer(&written, text)),
        (written, _) => Err(match said.or(written.and_then(|written| written.errormsg).map(|message| shortened(&message))) {
            Some(message) => CurlError::Reported { message, exit },
            None => {
                let last = text.lines().map(str::trim).rfind(|line| !line.is_empty());
                CurlError::NoResult { exit, excerpt: last.map_or_else(|| "nothing at all".to_owned(), shortened) }
            }
        }),
    }
}

fn transfer(written: &Written, text: &str) -> CurlTransfer {
    let own = (written.time_appconnect > 0.0).then_some(written.time_appconnect - written.time_connect);
    let upstream = || header(text, UPSTREAM_HEADER)?.parse().ok();
    let tls = header(text, TLS_HEADER).and_then(|value| value.split_once(' '));
    CurlTransfer {
        total_s: written.time_total,
        handshake_s: own.or_else(upstream).filter(|seconds: &f64| seconds.is_finite() && *seconds >= 0.0),
        bytes: written.size_download as u64,
        tls: tls.map(|(version, cipher)| NegotiatedTls { version: version.to_owned(), cipher: cipher.trim().to_owned() }),
        version: written.curl_version.as_ref().map(|version| version.split(' ').take(2).collect::<Vec<_>>().join(" ")),
    }
}

/// The value of a header; names of headers have no case (RFC 9110 §5.1).
fn header<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.lines().filter_map(|line| line.split_once(':')).find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const ENDPOINT: &str = include_str!("../../tests/fixtures/curl/endpoint-tls13.txt");
    const PROXIED: &str = include_str!("../../tests/fixtures/curl/dpu-tls12.txt");
    const PLAIN: &str = include_str!("../../tests/fixtures/curl/plain.txt");
    const UNTRUSTED: &str = include_str!("../../tests/fixtures/curl/untrusted.txt");
    const CUT: &str = include_str!("../../tests/fixtures/curl/cut.txt");
    const BAD_GATEWAY: &str = include_str!("../../tests/fixtures/curl/bad-gateway.txt");
    const REFUSED: &str = include_str!("../../tests/fixtures/curl/refused.txt");

    #[test]
    fn a_transfer_has_its_time_its_handshake_and_what_was_negotiated() {
        let transfer = curl_transfer(ENDPOINT, ToolExit::Code(0)).unwrap();
        assert_eq!(transfer.bytes, 1_000_000);
        assert!(transfer.handshake_s.is_some_and(|seconds| seconds > 0.0 && seconds < transfer.total_s), "{transfer:?}");
        let tls = transfer.tls.unwrap();
        assert_eq!((tls.version.as_str(), tls.cipher.as_str()), ("TLSv1.3", "TLS_AES_128_GCM_SHA256"));
        assert_eq!(transfer.version.as_deref(), Some("libcurl/7.88.1 OpenSSL/3.0.19"));
        let plain = curl_transfer(PLAIN, ToolExit::Code(0)).unwrap();
        assert_eq!((plain.handshake_s, plain.tls), (None, None));
    }

    #[test]
    fn behind_a_proxy_the_handshake_is_that_of_the_proxy() {
        let transfer = curl_transfer(PROXIED, ToolExit::Code(0)).unwrap();
        assert_eq!(transfer.handshake_s, Some(0.002));
        assert_eq!(transfer.tls.unwrap().cipher, "ECDHE-ECDSA-AES128-GCM-SHA256");
    }

    #[test]
    fn a_failure_is_one_line_in_the_words_of_curl() {
        let why = |text: &str, code: i32| curl_transfer(text, ToolExit::Code(code)).unwrap_err().to_string();
        assert_eq!(why(UNTRUSTED, 60), "curl reports: (60) SSL certificate problem: self-signed certificate (exit code 60)");
        assert_eq!(why(CUT, 18), "curl reports: (18) transfer closed with 35666019 bytes remaining to read (exit code 18)");
        assert!(why(REFUSED, 7).contains("Failed to connect to 127.0.0.1 port 15299"), "{}", why(REFUSED, 7));
        assert_eq!(why(BAD_GATEWAY, 22), "curl reports: (22) The requested URL returned error: 502 (exit code 22)");
        assert_eq!(why("", 2), "curl printed no result (exit code 2): nothing at all");
        // Its own verdict counts, whatever the exit code is.
        assert!(curl_transfer(CUT, ToolExit::Code(0)).is_err());
        let hung = curl_transfer(ENDPOINT, ToolExit::TimedOut(Duration::from_secs(31))).unwrap_err();
        assert_eq!(hung.to_string(), "curl did not end within 31 s and was ended");
    }
}
