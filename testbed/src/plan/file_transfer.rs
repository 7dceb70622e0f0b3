//! A file that is moved over TCP, with or without TLS: the keys of the plan and what they mean.

use std::fmt;
use std::num::NonZeroU32;

use serde::Deserialize;
use serde_json::{Value, json};

use super::tuning::{OneOrMany, each, values};

/// The keys of a file transfer.
pub(super) const FILE_KEYS: [&str; 4] = ["files", "tls-at", "tls-versions", "ciphers"];

/// Smaller files are mostly connection and handshake, and larger ones take minutes each.
const FILE_BYTES: std::ops::RangeInclusive<u64> = 1_000_000..=1_000_000_000;

/// The most transfers of one record.
const MOST_TRANSFERS: u32 = 100;

/// Transfers of one record unless the plan says otherwise: as few as give a median and a spread.
const USUAL_TRANSFERS: NonZeroU32 = match NonZeroU32::new(5) {
    Some(count) => count,
    None => unreachable!(),
};

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

    fn new(bytes: u64) -> Option<Self> {
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
    /// The name in plans and records.
    pub const fn name(self) -> &'static str {
        match self {
            TlsEnd::Endpoint => "endpoint",
            TlsEnd::EndpointKtls => "endpoint-ktls",
            TlsEnd::EndpointInline => "endpoint-inline",
            TlsEnd::Dpu => "dpu",
        }
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

/// The keys of one file transfer in a plan.
pub(super) struct FileTransferKeys<'k> {
    pub(super) files: Option<&'k OneOrMany<String>>,
    pub(super) tls_at: Option<&'k OneOrMany<String>>,
    pub(super) tls_versions: Option<&'k OneOrMany<TlsVersion>>,
    pub(super) ciphers: Option<&'k OneOrMany<String>>,
    pub(super) repetitions: Option<u32>,
}

impl FileTransferKeys<'_> {
    /// Every combination of what the keys say. An error names the key and what is wrong.
    pub(super) fn all(&self) -> Result<Vec<FileTransfer>, (&'static str, String)> {
        let files = values("files", self.files, |text| read_file_size(text))?;
        if files.is_empty() {
            return Err(("method", "method \"file-transfer\" needs `files`, such as files = [\"1 MB\", \"100 MB\"]".to_owned()));
        }
        let transfers = match self.repetitions {
            None => USUAL_TRANSFERS,
            Some(count) => NonZeroU32::new(count)
                .filter(|count| count.get() <= MOST_TRANSFERS)
                .ok_or_else(|| ("repetitions", format!("a record has 1 to {MOST_TRANSFERS} transfers, not {count}")))?,
        };
        let ends = values("tls-at", self.tls_at, |text| read_end(text))?;
        let ends = if ends.is_empty() { vec![None, Some(TlsEnd::Endpoint)] } else { ends };
        let suites = self.suites()?;
        if let Some(key) =
            [("tls-versions", self.tls_versions.is_some()), ("ciphers", self.ciphers.is_some())].iter().find(|(_, given)| *given)
            && ends.iter().all(Option::is_none)
        {
            return Err((key.0, format!("`{}` has no effect: tls-at = \"none\" is without TLS; remove one of the two", key.0)));
        }
        let tls: Vec<Option<Tls>> = ends
            .into_iter()
            .flat_map(|end| match end {
                None => vec![None],
                Some(at) => suites.iter().map(|&suite| Some(Tls { at, suite })).collect(),
            })
            .collect();
        let of_file = |&file: &FileBytes| FileTransfer { file, tls: None, transfers };
        Ok(each(&files.iter().map(of_file).collect::<Vec<_>>(), &tls, |transfer, tls| FileTransfer { tls, ..transfer }))
    }

    /// The suites of the versions that the plan names. Each version has at least one.
    fn suites(&self) -> Result<Vec<CipherSuite>, (&'static str, String)> {
        let versions = values("tls-versions", self.tls_versions, |&version| Ok(version))?;
        let named = values("ciphers", self.ciphers, |name| {
            CipherSuite::ALL.into_iter().find(|suite| suite.name == name).ok_or_else(|| {
                let known: Vec<&str> = CipherSuite::ALL.iter().map(|suite| suite.name).collect();
                format!("`{}` is not a cipher suite that can be measured; use one of: {}", name.escape_debug(), known.join(", "))
            })
        })?;
        let default_of = |version: TlsVersion| CipherSuite::ALL.into_iter().filter(move |suite| suite.version == version).take(1);
        match (versions.is_empty(), named.is_empty()) {
            (true, true) => Ok(default_of(TlsVersion::V13).collect()),
            (false, true) => Ok(versions.into_iter().flat_map(default_of).collect()),
            (true, false) => Ok(named),
            (false, false) => {
                if let Some(suite) = named.iter().find(|suite| !versions.contains(&suite.version)) {
                    let version = suite.version.name();
                    return Err(("ciphers", format!("{suite} belongs to TLS {version}, which is not in `tls-versions`")));
                }
                match versions.iter().find(|version| named.iter().all(|suite| suite.version != **version)) {
                    Some(version) => {
                        let version = version.name();
                        Err((
                            "ciphers",
                            format!("`ciphers` names no suite of TLS {version}: add one, or remove {version} from `tls-versions`"),
                        ))
                    }
                    None => Ok(named),
                }
            }
        }
    }
}

fn read_file_size(text: &str) -> Result<FileBytes, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let factor = match text[digits.len()..].trim() {
        "B" => Some(1),
        "kB" => Some(1_000),
        "MB" => Some(1_000_000),
        "GB" => Some(1_000_000_000),
        _ => None,
    };
    let bytes = digits.parse::<u64>().ok().zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
    let Some(bytes) = bytes else { return Err(format!("`{}` is not the size of a file: write \"1 MB\" or \"1 GB\"", text.escape_debug())) };
    FileBytes::new(bytes).ok_or_else(|| format!("a file has 1 MB to 1 GB, and `{text}` is {bytes} bytes"))
}

fn read_end(text: &str) -> Result<Option<TlsEnd>, String> {
    const ENDS: [TlsEnd; 4] = [TlsEnd::Endpoint, TlsEnd::EndpointKtls, TlsEnd::EndpointInline, TlsEnd::Dpu];
    match text {
        "none" => Ok(None),
        _ => ENDS.into_iter().find(|end| end.name() == text).map(Some).ok_or_else(|| {
            format!("`{}` is not a place where TLS can end: use none, {}", text.escape_debug(), ENDS.map(TlsEnd::name).join(", "))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys<'k>(files: &'k OneOrMany<String>, tls_at: Option<&'k OneOrMany<String>>) -> FileTransferKeys<'k> {
        FileTransferKeys { files: Some(files), tls_at, tls_versions: None, ciphers: None, repetitions: None }
    }

    fn many(words: &[&str]) -> OneOrMany<String> {
        OneOrMany::Many(words.iter().map(|&word| word.to_owned()).collect())
    }

    #[test]
    fn plain_http_is_measured_once_a_file_and_tls_with_each_suite() {
        let (files, ends, suites) =
            (many(&["1 MB", "1GB"]), many(&["none", "dpu"]), many(&["TLS_AES_128_GCM_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"]));
        let all = FileTransferKeys { ciphers: Some(&suites), ..keys(&files, Some(&ends)) }.all().unwrap();
        let labels: Vec<String> = all.iter().map(FileTransfer::label).collect();
        assert_eq!(labels[..3], ["1000000-none", "1000000-dpu-TLS_AES_128_GCM_SHA256", "1000000-dpu-ECDHE-ECDSA-CHACHA20-POLY1305"]);
        assert_eq!((labels.len(), labels[3].as_str()), (6, "1000000000-none"));
        assert_eq!(all[2].in_words(), "TLS 1.2 at dpu, ECDHE-ECDSA-CHACHA20-POLY1305");
        assert_eq!(all[0].parameters().collect::<Vec<_>>(), [("tls_at", json!("none"))]);
    }

    #[test]
    fn what_cannot_be_measured_is_named_with_its_key() {
        let files = many(&["1 MB"]);
        let refused = |keys: FileTransferKeys<'_>| keys.all().unwrap_err();
        for (text, why) in
            [("1 M", "is not the size"), ("999 kB", "1 MB to 1 GB"), ("2 GB", "1 MB to 1 GB"), ("99999999999999999999 GB", "is not")]
        {
            let files = many(&[text]);
            let (key, said) = refused(keys(&files, None));
            assert!(key == "files" && said.contains(why), "{said}");
        }
        let place = many(&["switch"]);
        assert_eq!(refused(keys(&files, Some(&place))).0, "tls-at");
        let suites = many(&["TLS_AES_128_GCM_SHA256"]);
        let both = OneOrMany::Many(vec![TlsVersion::V12, TlsVersion::V13]);
        let (key, said) = refused(FileTransferKeys { ciphers: Some(&suites), tls_versions: Some(&both), ..keys(&files, None) });
        assert!(key == "ciphers" && said.contains("no suite of TLS 1.2"), "{said}");
        let only_12 = OneOrMany::One(TlsVersion::V12);
        let (key, said) = refused(FileTransferKeys { ciphers: Some(&suites), tls_versions: Some(&only_12), ..keys(&files, None) });
        assert!(key == "ciphers" && said.contains("belongs to TLS 1.3"), "{said}");
        let none = many(&["none"]);
        assert_eq!(refused(FileTransferKeys { tls_versions: Some(&both), ..keys(&files, Some(&none)) }).0, "tls-versions");
        assert_eq!(refused(FileTransferKeys { repetitions: Some(0), ..keys(&files, None) }).0, "repetitions");
    }

    #[test]
    fn without_keys_the_first_suite_of_tls_1_3_is_compared_with_none() {
        let files = many(&["1 MB"]);
        let labels: Vec<String> = keys(&files, None).all().unwrap().iter().map(FileTransfer::label).collect();
        assert_eq!(labels, ["1000000-none", "1000000-endpoint-TLS_AES_128_GCM_SHA256"]);
    }
}
