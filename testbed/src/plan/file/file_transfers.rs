//! The keys of a file transfer.

use std::num::NonZeroU32;

use super::combinations::{OneOrMany, values};
use super::key_problem::KeyProblem;
use super::keys::FILE_KEYS;
use super::measure::FileMeasure;
use super::source::Source;
use crate::plan::file_transfer::{CipherSuite, FileBytes, FileTransfer, Tls, TlsEnd, TlsVersion};
use crate::plan::model::MeasureKind;
use crate::text_file::FileProblem;

/// The most transfers of one record.
const MOST_TRANSFERS: u32 = 100;

/// Transfers of one record unless the plan says otherwise: as few as give a median and a spread.
const USUAL_TRANSFERS: NonZeroU32 = match NonZeroU32::new(5) {
    Some(count) => count,
    None => unreachable!(),
};

impl Source<'_> {
    /// The one method over TLS, in every combination of its keys.
    pub(super) fn file_transfers(&self, measure: &FileMeasure) -> Result<Vec<MeasureKind>, FileProblem> {
        let (method, stack) = (measure.method.get_ref().as_str(), measure.stack);
        if method != "file-transfer" {
            let message = format!("stack \"{stack}\" has no method \"{method}\"; use file-transfer");
            return Err(self.wrong(Some(measure.method.span()), message));
        }
        if let Some(sizes) = &measure.sizes {
            return Err(self.wrong(Some(sizes.span()), "method \"file-transfer\" has no frame sizes: give the sizes of files with `files`"));
        }
        self.only(measure, &[&["repetitions"], &FILE_KEYS[..]].concat())?;
        let keys = FileTransferKeys {
            files: measure.files.as_ref(),
            tls_at: measure.tls_at.as_ref(),
            tls_versions: measure.tls_versions.as_ref(),
            ciphers: measure.ciphers.as_ref(),
            repetitions: measure.repetitions,
        };
        let all = keys.all().map_err(|problem| self.wrong_key(problem))?;
        Ok(all.into_iter().map(MeasureKind::FileTransfer).collect())
    }
}

/// The keys of one file transfer in a plan.
struct FileTransferKeys<'k> {
    files: Option<&'k OneOrMany<String>>,
    tls_at: Option<&'k OneOrMany<String>>,
    tls_versions: Option<&'k OneOrMany<TlsVersion>>,
    ciphers: Option<&'k OneOrMany<String>>,
    repetitions: Option<u32>,
}

impl FileTransferKeys<'_> {
    /// Every combination of what the keys say. An error names the key and what is wrong.
    fn all(&self) -> Result<Vec<FileTransfer>, KeyProblem> {
        let Some(files) = values("files", self.files, |text| read_file_size(text))? else {
            return Err(KeyProblem::new("method", "method \"file-transfer\" needs `files`, such as files = [\"1 MB\", \"100 MB\"]"));
        };
        let transfers = match self.repetitions {
            None => USUAL_TRANSFERS,
            Some(count) => NonZeroU32::new(count)
                .filter(|count| count.get() <= MOST_TRANSFERS)
                .ok_or_else(|| KeyProblem::new("repetitions", format!("a record has 1 to {MOST_TRANSFERS} transfers, not {count}")))?,
        };
        let ends = values("tls-at", self.tls_at, |text| read_end(text))?.unwrap_or_else(|| vec![None, Some(TlsEnd::Endpoint)]);
        let suites = self.suites()?;
        if let Some(key) =
            [("tls-versions", self.tls_versions.is_some()), ("ciphers", self.ciphers.is_some())].iter().find(|(_, given)| *given)
            && ends.iter().all(Option::is_none)
        {
            return Err(KeyProblem::new(
                key.0,
                format!("`{}` has no effect: tls-at = \"none\" is without TLS; remove one of the two", key.0),
            ));
        }
        let tls: Vec<Option<Tls>> = ends
            .into_iter()
            .flat_map(|end| match end {
                None => vec![None],
                Some(at) => suites.iter().map(|&suite| Some(Tls { at, suite })).collect(),
            })
            .collect();
        let of_file = |&file: &FileBytes| FileTransfer { file, tls: None, transfers };
        let each_suite = |transfer: FileTransfer| tls.iter().map(move |&tls| FileTransfer { tls, ..transfer });
        Ok(files.iter().map(of_file).flat_map(each_suite).collect())
    }

    /// The suites of the versions that the plan names. Each version has at least one.
    fn suites(&self) -> Result<Vec<CipherSuite>, KeyProblem> {
        let versions = values("tls-versions", self.tls_versions, |&version| Ok(version))?.unwrap_or_default();
        let named = values("ciphers", self.ciphers, |name| {
            CipherSuite::ALL.into_iter().find(|suite| suite.name() == name).ok_or_else(|| {
                let known: Vec<&str> = CipherSuite::ALL.iter().map(|suite| suite.name()).collect();
                format!("`{}` is not a cipher suite that can be measured; use one of: {}", name.escape_debug(), known.join(", "))
            })
        })?
        .unwrap_or_default();
        let default_of = |version: TlsVersion| CipherSuite::ALL.into_iter().filter(move |suite| suite.version() == version).take(1);
        match (versions.is_empty(), named.is_empty()) {
            (true, true) => Ok(default_of(TlsVersion::V13).collect()),
            (false, true) => Ok(versions.into_iter().flat_map(default_of).collect()),
            (true, false) => Ok(named),
            (false, false) => {
                if let Some(suite) = named.iter().find(|suite| !versions.contains(&suite.version())) {
                    let version = suite.version().name();
                    return Err(KeyProblem::new("ciphers", format!("{suite} belongs to TLS {version}, which is not in `tls-versions`")));
                }
                match versions.iter().find(|version| named.iter().all(|suite| suite.version() != **version)) {
                    Some(version) => {
                        let version = version.name();
                        Err(KeyProblem::new(
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
    match text {
        "none" => Ok(None),
        _ => TlsEnd::named(text).map(Some).ok_or_else(|| {
            format!("`{}` is not a place where TLS can end: use none, {}", text.escape_debug(), TlsEnd::ALL.map(TlsEnd::name).join(", "))
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
        let all = FileTransferKeys { ciphers: Some(&suites), ..keys(&files, Some(&ends)) }
            .all()
            .unwrap_or_else(|problem| panic!("{}", problem.why));
        let labels: Vec<String> = all.iter().map(FileTransfer::label).collect();
        assert_eq!(labels[..3], ["1000000-none", "1000000-dpu-TLS_AES_128_GCM_SHA256", "1000000-dpu-ECDHE-ECDSA-CHACHA20-POLY1305"]);
        assert_eq!((labels.len(), labels[3].as_str()), (6, "1000000000-none"));
        assert_eq!(all[2].in_words(), "TLS 1.2 at dpu, ECDHE-ECDSA-CHACHA20-POLY1305");
        assert_eq!(all[0].parameters().collect::<Vec<_>>(), [("tls_at", json!("none"))]);
    }

    #[test]
    fn what_cannot_be_measured_is_named_with_its_key() {
        let files = many(&["1 MB"]);
        let refused = |keys: FileTransferKeys<'_>| keys.all().map_err(|KeyProblem { key, why }| (key, why)).unwrap_err();
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
        let labels: Vec<String> =
            keys(&files, None).all().unwrap_or_else(|problem| panic!("{}", problem.why)).iter().map(FileTransfer::label).collect();
        assert_eq!(labels, ["1000000-none", "1000000-endpoint-TLS_AES_128_GCM_SHA256"]);
    }
}
