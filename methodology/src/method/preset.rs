use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::units::UnitError;

macro_rules! names {
    ($(#[$doc:meta])* $type:ident, $what:literal, $example:literal { $($(#[$vdoc:meta])* $variant:ident = $name:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $type {
            $($(#[$vdoc])* #[serde(rename = $name)] $variant),*
        }

        impl $type {
            /// Every one, in the order people are shown them.
            pub const ALL: &[$type] = &[$($type::$variant),*];

            /// The name as written in plans and on the command line.
            pub const fn name(self) -> &'static str {
                match self { $($type::$variant => $name),* }
            }
        }

        impl FromStr for $type {
            type Err = UnitError;
            fn from_str(text: &str) -> Result<Self, UnitError> {
                match text.trim() {
                    $($name => Ok($type::$variant),)*
                    _ => Err(UnitError::Unreadable { text: text.to_owned(), what: $what, example: $example }),
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

names! {
    /// The methods by name.
    MethodName, "method", "throughput, ndr-pdr, latency, pdv, frame-loss, back-to-back, system-recovery, reset, mrr, overload or soak" {
        /// RFC 2544 §26.1.
        Throughput = "throughput",
        /// Non-drop rate and partial-drop rate with MLRsearch.
        NdrPdr = "ndr-pdr",
        /// RFC 2544 §26.2 / RFC 8219 §7.2.
        Latency = "latency",
        /// RFC 8219 §7.3.
        Pdv = "pdv",
        /// RFC 2544 §26.3.
        FrameLoss = "frame-loss",
        /// RFC 2544 §26.4 / RFC 9004.
        BackToBack = "back-to-back",
        /// RFC 2544 §26.5.
        SystemRecovery = "system-recovery",
        /// RFC 2544 §26.6.
        Reset = "reset",
        /// CSIT's maximum receive rate.
        Mrr = "mrr",
        /// 100 to 200 % of NDR.
        Overload = "overload",
        /// The lower bound held for long.
        Soak = "soak",
    }
}

names! {
    /// Sets of values, named for what they comply with.
    Preset, "preset", "rfc2544, tst009, csit-ndr-pdr or quick" {
        /// 60-second trials, no loss, every phase in full.
        Rfc2544 = "rfc2544",
        /// ETSI GS NFV-TST 009: 60-second trials with loss verification, max(r) = 2.
        Tst009 = "tst009",
        /// FD.io CSIT: 1-second trials, 21-second sum, exceed ratio 50 %, width 0.5 %.
        CsitNdrPdr = "csit-ndr-pdr",
        /// For emulated endpoints and a first look: short trials and waits. Every departure is listed in the result.
        Quick = "quick",
    }
}
