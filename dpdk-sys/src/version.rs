//! The guard against headers of one DPDK and a library of another.

use std::ffi::CStr;

/// DPDK's ABI: one a year, from the `.11` release on (DPDK ABI policy). 22.11, 23.03 and 23.07 are ABI 23.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Abi {
    major: u32,
    /// 0 for `.11`, 1 for `.03`, 2 for `.07`: each may add symbols.
    minor: u32,
}

/// The program and the library disagree about DPDK's ABI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VersionMismatch {
    /// Version of the headers.
    pub(crate) built: String,
    /// Version of the library.
    pub(crate) running: String,
}

impl Abi {
    /// The ABI of a version such as `22.11.3` or `24.11.0-rc1`.
    pub fn of(version: &str) -> Option<Abi> {
        let mut parts = version.split('.');
        let year: u32 = parts.next()?.parse().ok()?;
        let month: u32 = parts.next()?.parse().ok()?;
        match month {
            11 => Some(Abi { major: year + 1, minor: 0 }),
            // 20.05 and 21.05, 21.08 came at other months; what counts is that they are ordered.
            1..=12 => Some(Abi { major: year, minor: month.div_ceil(4) }),
            _ => None,
        }
    }

    /// The number behind `.so.` in the names of the libraries.
    pub(crate) fn major(self) -> u32 {
        self.major
    }

    /// Whether a program built for `self` runs with a library of ABI `library`: the same year's, and no older.
    pub fn runs_with(self, library: Abi) -> bool {
        self.major == library.major && self.minor <= library.minor
    }
}

/// The version of the headers that the program was built with, such as `22.11.11` or `24.11.0-rc1`.
pub fn built() -> String {
    let year_and_month = format!("{}.{:02}.{}", crate::LR_BUILT_YEAR, crate::LR_BUILT_MONTH, crate::LR_BUILT_MINOR);
    // 99 is a release, and anything below a candidate (rte_version.h).
    if crate::LR_BUILT_RELEASE == 99 { year_and_month } else { format!("{year_and_month}-rc{}", crate::LR_BUILT_RELEASE) }
}

/// The version of the loaded library, without DPDK's or a vendor's name. [`load`](crate::load) must have found DPDK.
pub(crate) fn of_library() -> String {
    // SAFETY: the caller has loaded DPDK; rte_version() gives a NUL-terminated string with static storage and does not need EAL.
    let running = unsafe { CStr::from_ptr(crate::rte_version()) };
    number(&running.to_string_lossy()).to_owned()
}

/// An error with both versions where the loaded library does not fit the headers.
///
/// The sonames catch most mixes before this runs; this catches the rest (a static or preloaded library, an older one of the same ABI, another
/// vendor's numbering).
pub(crate) fn check_version() -> Result<(), VersionMismatch> {
    compare(&built(), &of_library())
}

/// `22.11.11` of "DPDK 22.11.11" and of a vendor's "MLNX_DPDK 22.11.2310.5.1".
pub(crate) fn number(version: &str) -> &str {
    version.rsplit(' ').next().unwrap_or(version)
}

fn compare(built: &str, running: &str) -> Result<(), VersionMismatch> {
    match (Abi::of(number(built)), Abi::of(number(running))) {
        (Some(program), Some(library)) if program.runs_with(library) => Ok(()),
        _ => Err(VersionMismatch { built: built.to_owned(), running: number(running).to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_installed_library_fits_the_headers() {
        crate::load().unwrap();
        let running = of_library();
        assert!(Abi::of(&built()).is_some() && Abi::of(&running).is_some(), "{} {running}", built());
    }

    #[test]
    fn another_years_library_is_refused_with_both_versions() {
        assert!(compare("22.11.11", "DPDK 22.11.3").is_ok());
        assert!(compare("22.11.11", "DPDK 23.07.0").is_ok());
        assert!(compare("22.11.0", "MLNX_DPDK 22.11.2310.5.1").is_ok());
        for running in ["DPDK 23.11.0", "DPDK 21.11.9", "DPDK 22.07.0", "DPDK twenty-two"] {
            let error = compare("22.11.11", running).unwrap_err();
            assert_eq!((error.built.as_str(), error.running.as_str()), ("22.11.11", number(running)));
        }
        assert!(compare("23.07.0", "DPDK 22.11.3").is_err(), "23.07 may use symbols that 22.11 does not have");
    }
}
