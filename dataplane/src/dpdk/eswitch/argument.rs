//! The value of the devargs key `representor`, as DPDK's own parser reads it (ethdev_private.c, `rte_eth_devargs_parse_representor_ports`;
//! several patterns in one list since 24.03, and `(pfX)vfY` since 25.11).

use std::fmt;
use std::str::FromStr;

/// What a representor stands for. Numbers are those of DPDK's arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::dpdk) enum Kind {
    /// A virtual function; 65535 is the host's physical function on BlueField.
    Vf(u16),
    /// A subfunction.
    Sf(u16),
    /// A physical function.
    Pf,
}

/// One representor: what it stands for, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::dpdk) struct Representor {
    /// Absent: the controller of the device.
    pub(in crate::dpdk) controller: Option<u16>,
    /// Absent: the physical function of the device.
    pub(in crate::dpdk) pf: Option<u16>,
    pub(in crate::dpdk) kind: Kind,
}

impl Representor {
    /// Every representor that the value names; `None` where DPDK would refuse it.
    pub(in crate::dpdk) fn all(value: &str) -> Option<Vec<Representor>> {
        // A list of patterns: `[vf0,pf1vf[2-3]]`. A list of numbers alone is one pattern.
        let inner = value.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).filter(|inner| inner.contains(char::is_alphabetic));
        let mut all = Vec::new();
        for pattern in inner.map_or_else(|| vec![value], |inner| top_level_parts(inner).collect()) {
            all.extend(one_pattern(pattern)?);
        }
        Some(all)
    }

    /// The only representor that the value names.
    pub(in crate::dpdk) fn only(value: &str) -> Option<Representor> {
        match Representor::all(value)?.as_slice() {
            [one] => Some(*one),
            _ => None,
        }
    }
}

impl fmt::Display for Representor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(controller) = self.controller {
            write!(f, "c{controller}")?;
        }
        // `cX` must be followed by `pfX`.
        if let Some(pf) = self.pf.or(self.controller.map(|_| 0)) {
            write!(f, "pf{pf}")?;
        }
        match self.kind {
            Kind::Vf(vf) => write!(f, "vf{vf}"),
            Kind::Sf(sf) => write!(f, "sf{sf}"),
            Kind::Pf => Ok(()),
        }
    }
}

/// The parts between commas that are not within brackets.
pub(in crate::dpdk) fn top_level_parts(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0usize;
    text.split(move |c| {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
}

fn one_pattern(text: &str) -> Option<Vec<Representor>> {
    let (controllers, rest) = match text.strip_prefix('c') {
        Some(rest) => numbers(rest).map(|(numbers, rest)| (Some(numbers), rest))?,
        None => (None, text),
    };
    let bracket = rest.starts_with("(pf");
    let (pfs, rest) = match rest.trim_start_matches('(').strip_prefix("pf") {
        Some(rest) => numbers(rest).map(|(numbers, rest)| (Some(numbers), rest))?,
        None if controllers.is_some() => return None,
        None => (None, rest),
    };
    let rest = if bracket { rest.strip_prefix(')')? } else { rest };
    let kinds: Vec<Kind> = if pfs.is_some() && rest.is_empty() {
        vec![Kind::Pf]
    } else {
        let (make, list): (fn(u16) -> Kind, &str) = match (rest.strip_prefix("vf"), rest.strip_prefix("sf")) {
            (Some(list), _) => (Kind::Vf, list),
            (_, Some(list)) => (Kind::Sf, list),
            // A number alone is a virtual function, but not behind a physical function.
            _ if pfs.is_some() => return None,
            _ => (Kind::Vf, rest),
        };
        let (numbers, rest) = numbers(list)?;
        if !rest.is_empty() {
            return None;
        }
        numbers.into_iter().map(make).collect()
    };
    let each = |numbers: Option<Vec<u16>>| numbers.map_or_else(|| vec![None], |numbers| numbers.into_iter().map(Some).collect());
    let (controllers, pfs) = (each(controllers), each(pfs));
    let mut all = Vec::new();
    for &controller in &controllers {
        for &pf in &pfs {
            all.extend(kinds.iter().map(|&kind| Representor { controller, pf, kind }));
        }
    }
    Some(all)
}

/// A number, a range `0-3`, or a list of them in brackets, and what follows.
fn numbers(text: &str) -> Option<(Vec<u16>, &str)> {
    match text.strip_prefix('[') {
        Some(rest) => {
            let (list, rest) = rest.split_once(']')?;
            let mut all = Vec::new();
            for part in list.split(',') {
                let (some, rest) = range(part)?;
                if !rest.is_empty() {
                    return None;
                }
                all.extend(some);
            }
            Some((all, rest))
        }
        None => range(text),
    }
}

fn range(text: &str) -> Option<(Vec<u16>, &str)> {
    let (low, rest) = leading_number(text)?;
    match rest.strip_prefix('-').and_then(leading_number) {
        Some((high, rest)) if low <= high => Some(((low..=high).collect(), rest)),
        Some(_) => None,
        None => Some((vec![low], rest)),
    }
}

/// The decimal number that `text` begins with, and the rest.
pub(super) fn leading_number<N: FromStr>(text: &str) -> Option<(N, &str)> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, rest) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: &str) -> Option<String> {
        Representor::all(value).map(|all| all.iter().map(Representor::to_string).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn every_spelling_that_dpdk_accepts_is_read() {
        for (value, all) in [
            ("vf0", "vf0"),
            ("0", "vf0"),
            ("[0-3]", "vf0 vf1 vf2 vf3"),
            ("vf[0,1]", "vf0 vf1"),
            ("vf[0,4,6-8]", "vf0 vf4 vf6 vf7 vf8"),
            ("vf1-2", "vf1 vf2"),
            ("pf0vf1", "pf0vf1"),
            ("pf[0-1]vf2", "pf0vf2 pf1vf2"),
            ("c1pf0vf1", "c1pf0vf1"),
            ("c[0-1]pf0sf88", "c0pf0sf88 c1pf0sf88"),
            ("sf4", "sf4"),
            ("sf[0-1]", "sf0 sf1"),
            ("vf65535", "vf65535"),
            ("pf1", "pf1"),
            ("(pf1)vf0", "pf1vf0"),
            ("[vf0,pf1vf[2-3],sf5]", "vf0 pf1vf2 pf1vf3 sf5"),
        ] {
            assert_eq!(shown(value).as_deref(), Some(all), "{value}");
        }
    }

    #[test]
    fn what_dpdk_refuses_is_refused() {
        for value in
            ["", "vf", "vf-1", "vf3-1", "vf[0", "vf0]", "pf0xf1", "pf03x", "c1vf0", "c1", "vf65536", "vf0vf1", "x", "(pf0vf1", "[]"]
        {
            assert_eq!(shown(value), None, "{value}");
        }
    }

    #[test]
    fn a_port_is_one_representor() {
        assert_eq!(Representor::only("vf[7]").map(|one| one.to_string()).as_deref(), Some("vf7"));
        assert_eq!((Representor::only("vf[0,1]"), Representor::only("[0-3]")), (None, None));
    }
}
