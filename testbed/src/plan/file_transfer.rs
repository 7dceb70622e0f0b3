//! A file that is moved over TCP, with or without TLS.

use std::fmt;
use std::num::NonZeroU32;

use serde::Deserialize;
use serde_json::{Value, json};

/// Smaller files are mostly connection and handshake, and larger ones take minutes each.
const FILE_BYTES: std::ops::RangeInclusive<u64> = 1_000_000..=1_000_000_000;

/// One file transfer of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileTransfer {
    /// The file.
    pub file: FileBytes,
    /// Where TLS ends, and which suite it uses; none for plain HTTP.
    pub tls: Option<Tls>,
    /// How often it is moved for one record.
    pub transfers: NonZeroU32,
}

/// TLS of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tls {
    /// Where it ends.
    pub at: TlsEnd,
    /// Which suite, and so which version.
    pub suite: CipherSuite,
}

/// The size of a file, from 1 MB to 1 GB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileBytes(NonZeroU32);

impl FileBytes {
    /// In bytes.
    pub const fn bytes(self) -> u32 {
        self.0.get()
    }

    pub(super) fn new(bytes: u64) -> Option<Self> {
        FILE_BYTES.contains(&bytes).then(|| u32::try_from(bytes).ok().and_then(NonZeroU32::new).map(FileBytes)).flatten()
    }
}

/// Where TLS ends, on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsEnd {
    /// In the endpoints' programs.
    Endpoint,
    /// In the endpoints' programs, with the records of the serving end encrypted by its kernel (kTLS).
    EndpointKtls,
    /// The same, encrypted by the NIC of the serving end (inline offload of kTLS).
    EndpointInline,
    /// At proxies on the SmartNIC endpoints of both systems: plain TCP inside each system.
    Dpu,
}

impl TlsEnd {
    /// Every place.
    pub const ALL: [TlsEnd; 4] = [TlsEnd::Endpoint, TlsEnd::EndpointKtls, TlsEnd::EndpointInline, TlsEnd::Dpu];

    /// The name in plans and records.
    pub const fn name(self) -> &'static str {
        match self {
            TlsEnd::Endpoint => "endpoint",
            TlsEnd::EndpointKtls => "endpoint-ktls",
            TlsEnd::EndpointInline => "endpoint-inline",
            TlsEnd::Dpu => "dpu",
        }
    }

    /// The end of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        TlsEnd::ALL.into_iter().find(|end| end.name() == name)
    }

    /// Whether the kernel of the serving end holds the keys.
    pub const fn needs_kernel_tls(self) -> bool {
        matches!(self, TlsEnd::EndpointKtls | TlsEnd::EndpointInline)
    }
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum TlsVersion {
    /// RFC 5246.
    #[serde(rename = "1.2")]
    V12,
    /// RFC 8446.
    #[serde(rename = "1.3")]
    V13,
}

impl TlsVersion {
    /// The number.
    pub const fn name(self) -> &'static str {
        match self {
            TlsVersion::V12 => "1.2",
            TlsVersion::V13 => "1.3",
        }
    }

    /// OpenSSL's name, which nginx uses too: `TLSv1.3`.
    pub const fn openssl_name(self) -> &'static str {
        match self {
            TlsVersion::V12 => "TLSv1.2",
            TlsVersion::V13 => "TLSv1.3",
        }
    }
}

/// A cipher suite: AEADs only, the ones that kTLS and NICs know among them. The certificates of a run have ECDSA keys, and so have the suites of TLS 1.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CipherSuite {
    /// OpenSSL's name.
    name: &'static str,
    version: TlsVersion,
}

impl CipherSuite {
    /// Those that a plan can name; the first of each version is the default.
    pub const ALL: [CipherSuite; 6] = [
        CipherSuite { name: "TLS_AES_128_GCM_SHA256", version: TlsVersion::V13 },
        CipherSuite { name: "TLS_AES_256_GCM_SHA384", version: TlsVersion::V13 },
        CipherSuite { name: "TLS_CHACHA20_POLY1305_SHA256", version: TlsVersion::V13 },
        CipherSuite { name: "ECDHE-ECDSA-AES128-GCM-SHA256", version: TlsVersion::V12 },
        CipherSuite { name: "ECDHE-ECDSA-AES256-GCM-SHA384", version: TlsVersion::V12 },
        CipherSuite { name: "ECDHE-ECDSA-CHACHA20-POLY1305", version: TlsVersion::V12 },
    ];

    /// OpenSSL's name.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// The version of TLS that it belongs to.
    pub const fn version(self) -> TlsVersion {
        self.version
    }
}

impl fmt::Display for CipherSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl FileTransfer {
    /// Where TLS ends, by its name in records.
    pub fn tls_at(&self) -> &'static str {
        self.tls.map_or("none", |tls| tls.at.name())
    }

    /// As a part of a record's id: `1000000-endpoint-TLS_AES_128_GCM_SHA256`.
    pub fn label(&self) -> String {
        let file = self.file.bytes();
        match self.tls {
            None => format!("{file}-none"),
            Some(Tls { at, suite }) => format!("{file}-{}-{suite}", at.name()),
        }
    }

    /// For people: `TLS 1.3 at endpoint, TLS_AES_128_GCM_SHA256`.
    pub fn in_words(&self) -> String {
        match self.tls {
            None => "no TLS".to_owned(),
            Some(Tls { at, suite }) => format!("TLS {} at {}, {suite}", suite.version().name(), at.name()),
        }
    }

    /// What tells transfers apart, as keys of a record's `parameters`.
    pub fn parameters(&self) -> impl Iterator<Item = (&'static str, Value)> {
        let suite = self.tls.map(|tls| tls.suite);
        let of_suite = suite.map(|suite| [("tls_version", json!(suite.version().name())), ("tls_cipher", json!(suite.name()))]);
        std::iter::once(("tls_at", json!(self.tls_at()))).chain(of_suite.into_iter().flatten())
    }
}
