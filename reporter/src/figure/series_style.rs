use std::collections::BTreeMap;

use crate::record::Stack;

/// A colour by its place in the palette of Okabe and Ito (2008), which people with any common colour blindness can tell apart. The exporter
/// knows its values, because they differ between paper and a dark screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hue(pub u8);

/// How many hues the palette has on a white ground: yellow is left out, it vanishes there.
const HUES: usize = 7;

/// A mark's shape: tells series apart where colour does not print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    /// ●
    Circle,
    /// ■
    Square,
    /// ▲
    Triangle,
    /// ◆
    Diamond,
    /// ▼
    TriangleDown,
    /// ✚
    Plus,
    /// |
    Bar,
    /// ↑: this or more.
    Arrow,
    /// A tile of a map: fills its row and column, and has its value in it.
    Tile,
}

const MARKERS: [Marker; 6] = [Marker::Circle, Marker::Square, Marker::Triangle, Marker::Diamond, Marker::TriangleDown, Marker::Plus];

/// A line's texture: tells kernel bypass (solid) from the kernel (dashed).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dash {
    /// Kernel bypass.
    Solid,
    /// Kernel TCP.
    Dashed,
    /// Other kernel stacks.
    Dotted,
}

impl Dash {
    /// The line of a stack in figures whose colours tell pairs apart.
    pub fn of(stack: Stack) -> Self {
        if !stack.is_kernel() {
            Dash::Solid
        } else if stack == Stack::REFERENCE_KERNEL {
            Dash::Dashed
        } else {
            Dash::Dotted
        }
    }
}

/// How a series looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Its colour.
    pub hue: Hue,
    /// Its marks.
    pub marker: Marker,
    /// Its line.
    pub dash: Dash,
    /// Whether marks are filled (kernel bypass) or hollow (the kernel).
    pub filled: bool,
}

impl Style {
    /// That of a stack: its hue, hollow marks for the kernel's.
    pub fn of_stack(stack: Stack, marker: Marker, dash: Dash) -> Style {
        Style { hue: Hue(stack.hue()), marker, dash, filled: !stack.is_kernel() }
    }
}

/// One hue and marker for each name, the same in every figure of a report.
#[derive(Debug, Clone, Default)]
pub struct Styles {
    places: BTreeMap<String, usize>,
}

impl Styles {
    /// Hands out hues in the order of the names. Beyond seven names hues repeat, with another marker.
    pub fn of(names: impl IntoIterator<Item = String>) -> Self {
        let mut places = BTreeMap::new();
        for name in names {
            let next = places.len();
            places.entry(name).or_insert(next);
        }
        Styles { places }
    }

    /// The names in order.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.places.iter().collect();
        names.sort_by_key(|(_, place)| **place);
        names.into_iter().map(|(name, _)| name.as_str()).collect()
    }

    /// The style of a name on a stack.
    pub fn style(&self, name: &str, dash: Dash) -> Style {
        let place = self.places.get(name).copied().unwrap_or(0);
        let marker = MARKERS.get((place + place / HUES) % MARKERS.len()).copied().unwrap_or(Marker::Circle);
        Style { hue: Hue((place % HUES) as u8), marker, dash, filled: dash == Dash::Solid }
    }
}
