//! The machine that a DPDK is built for.

use std::fmt;
use std::str::FromStr;

/// Which machine a DPDK is built for. It decides the instructions, and the cache-line size and so the layout of every structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Platform {
    /// The processor that builds: every instruction that it has.
    #[default]
    Native,
    /// Any processor of this architecture.
    Generic,
    /// Any 64-bit Arm processor.
    Arm64,
    /// BlueField-2's Arm cores.
    BlueField2,
    /// BlueField-3's Arm cores.
    BlueField3,
}

/// The compiler, for every platform that is built with another machine's compiler.
pub(crate) const COMPILER: &str = include_str!("../cross/aarch64-linux-gnu.ini");

impl Platform {
    const NAMES: [(Platform, &str); 5] = [
        (Platform::Native, "native"),
        (Platform::Generic, "generic"),
        (Platform::Arm64, "arm64"),
        (Platform::BlueField2, "bluefield-2"),
        (Platform::BlueField3, "bluefield-3"),
    ];

    /// DPDK's name of it (`-Dplatform`, config/arm/meson.build).
    pub(crate) fn of_dpdk(self) -> &'static str {
        match self {
            Platform::Native => "native",
            Platform::Generic | Platform::Arm64 => "generic",
            Platform::BlueField2 => "bluefield",
            Platform::BlueField3 => "bluefield3",
        }
    }

    /// The cross file that names the processor; `None` for a build with this machine's own compiler. `on` is the architecture that builds: on Arm
    /// cores, their own compiler is used.
    pub(crate) fn cross_file(self, on: &str) -> Option<&'static str> {
        let file = match self {
            Platform::Native | Platform::Generic => return None,
            Platform::Arm64 => include_str!("../cross/generic.ini"),
            Platform::BlueField2 => include_str!("../cross/bluefield-2.ini"),
            Platform::BlueField3 => include_str!("../cross/bluefield-3.ini"),
        };
        (on != "aarch64").then_some(file)
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Platform::NAMES.iter().find(|(platform, _)| platform == self).map_or("", |(_, name)| name))
    }
}

impl FromStr for Platform {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let named = Platform::NAMES.iter().find(|(_, name)| *name == text);
        named.map(|(platform, _)| *platform).ok_or_else(|| {
            let names: Vec<&str> = Platform::NAMES.iter().map(|(_, name)| *name).collect();
            format!("{text:?} is not a platform; use one of: {}", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_platform_is_read_as_it_is_written_and_its_cross_file_has_dpdks_name() {
        for (platform, name) in Platform::NAMES {
            assert_eq!(name.parse(), Ok(platform));
            assert_eq!(platform.to_string(), name);
            assert_eq!(platform.cross_file("aarch64"), None, "Arm cores use their own compiler");
            if let Some(file) = platform.cross_file("x86_64") {
                assert!(file.contains(&format!("platform = '{}'", platform.of_dpdk())), "{name}: {file}");
            }
        }
        assert!("bluefield".parse::<Platform>().unwrap_err().contains("bluefield-2"));
    }
}
