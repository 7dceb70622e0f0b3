//! The ids of representors, as a driver lists them (`rte_eth_representor_info_get`).

use dpdk_sys as sys;

use super::argument::{Kind, Representor};

/// The ranges of ids that a driver gives to its representors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IdTable {
    /// The device's own controller and physical function, for representors that are written without.
    pub(super) controller: u16,
    pub(super) pf: u16,
    pub(super) ranges: Vec<Range>,
}

/// Ids of representors with consecutive numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) kind: u32,
    pub(super) controller: i32,
    pub(super) pf: i32,
    /// The number of the representor with the id `id_base`.
    pub(super) first: i32,
    pub(super) id_base: u32,
    pub(super) id_end: u32,
}

/// More ranges than any driver has: mlx5 has ten, sfc one for each port.
const MOST_RANGES: u32 = 1024;

impl IdTable {
    /// The table of the driver of `port`; `None` where it has none, so that a representor's id is the number of its virtual function.
    pub(super) fn read(port: u16) -> Option<IdTable> {
        let mut ranges = vec![sys::lr_representor_range::default(); MOST_RANGES as usize];
        let (mut controller, mut pf) = (0, 0);
        // SAFETY: the port exists; the call writes at most MOST_RANGES ranges.
        let count = unsafe { sys::lr_representor_ranges(port, &mut controller, &mut pf, ranges.as_mut_ptr(), MOST_RANGES) };
        ranges.truncate(usize::try_from(count).ok()?);
        let range = |range: &sys::lr_representor_range| Range {
            kind: range.kind,
            controller: range.controller,
            pf: range.pf,
            first: range.first,
            id_base: range.id_base,
            id_end: range.id_end,
        };
        Some(IdTable { controller, pf, ranges: ranges.iter().map(range).collect() })
    }

    /// The id of a representor (ethdev_driver.c, `rte_eth_representor_id_get`, which is DPDK's own and not for applications).
    pub(super) fn id_of(&self, representor: Representor) -> Option<u32> {
        let controller = i32::from(representor.controller.unwrap_or(self.controller));
        let pf = i32::from(representor.pf.unwrap_or(self.pf));
        let (kind, number) = match representor.kind {
            Kind::Vf(vf) => (sys::LR_REPRESENTOR_VF, i32::from(vf)),
            Kind::Sf(sf) => (sys::LR_REPRESENTOR_SF, i32::from(sf)),
            Kind::Pf => (sys::LR_REPRESENTOR_PF, pf),
        };
        self.ranges
            .iter()
            .filter(|range| range.kind == kind && range.controller == controller)
            .filter(|range| kind == sys::LR_REPRESENTOR_PF || range.pf == pf)
            .find_map(|range| range.id_of(number))
    }

    /// The representor with the id, written without the controller and the physical function of the device.
    pub(super) fn representor(&self, id: u32) -> Option<Representor> {
        // mlx5 lists the host's physical function in a range of its own, and the general range contains the same id.
        let range = self.ranges.iter().filter(|range| (range.id_base..=range.id_end).contains(&id)).min_by_key(|range| range.size())?;
        let number = u16::try_from(range.first + i32::try_from(id - range.id_base).ok()?).ok()?;
        let controller = u16::try_from(range.controller).ok().filter(|&controller| controller != self.controller);
        let pf = u16::try_from(range.pf).ok().filter(|&pf| pf != self.pf);
        Some(match range.kind {
            sys::LR_REPRESENTOR_SF => Representor { controller, pf, kind: Kind::Sf(number) },
            sys::LR_REPRESENTOR_PF => Representor { controller, pf: Some(number), kind: Kind::Pf },
            _ => Representor { controller, pf, kind: Kind::Vf(number) },
        })
    }
}

impl Range {
    fn size(&self) -> u32 {
        self.id_end.saturating_sub(self.id_base)
    }

    fn id_of(&self, number: i32) -> Option<u32> {
        let offset = u32::try_from(number - self.first).ok()?;
        (self.id_end >= self.id_base && offset <= self.size()).then(|| self.id_base + offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of mlx5 for two physical functions (mlx5_ethdev.c, `mlx5_representor_info_get`, the same in 22.11 and 25.11; ids by
    /// `MLX5_REPRESENTOR_ID`).
    fn mlx5() -> IdTable {
        let id = |pf: u32, kind: u32, number: u32| (pf << 14) + (kind << 12) + (number & 0xfff);
        let mut ranges = Vec::new();
        for pf in 0..2 {
            for kind in [sys::LR_REPRESENTOR_VF, sys::LR_REPRESENTOR_SF] {
                let range = |first, low| Range { kind, controller: 0, pf, first, id_base: low, id_end: id(pf as u32, kind, u32::MAX) };
                ranges.push(range(0, id(pf as u32, kind, 0)));
                ranges.push(range(65535, id(pf as u32, kind, u32::MAX)));
            }
        }
        IdTable { controller: 0, pf: 0, ranges }
    }

    fn id_of(table: &IdTable, value: &str) -> Option<u32> {
        table.id_of(Representor::only(value).unwrap())
    }

    #[test]
    fn ids_are_those_of_mlx5() {
        let table = mlx5();
        for (value, id) in [
            ("vf0", 0x1000),
            ("3", 0x1003),
            ("pf0vf1", 0x1001),
            ("c0pf1vf1", 0x5001),
            ("sf4", 0x2004),
            ("vf65535", 0x1fff),
            ("pf1sf65535", 0x6fff),
        ] {
            assert_eq!(id_of(&table, value), Some(id), "{value}");
        }
        for value in ["vf5000", "c1pf0vf0", "pf2vf0", "pf0"] {
            assert_eq!(id_of(&table, value), None, "{value}");
        }
    }

    #[test]
    fn an_id_is_written_as_the_user_writes_it() {
        let table = mlx5();
        for value in ["vf0", "vf7", "vf65535", "sf4", "pf1vf2", "pf1vf65535"] {
            let id = id_of(&table, value).unwrap();
            assert_eq!(table.representor(id).unwrap().to_string(), value);
        }
        assert_eq!(table.representor(0xffff), None, "mlx5's id of a port that is no representor");
    }
}
