use serde::{Deserialize, Serialize};
use thiserror::Error;

/// One knob and the values that it can have, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Axis {
    /// Its name, as in a plan.
    pub name: String,
    /// Its values, as in a plan.
    pub values: Vec<String>,
    /// Whether a change of it opens the ports anew. Trials of one block that share such values follow each other.
    pub costly: bool,
}

impl Axis {
    /// A knob with these values.
    pub fn new<V: ToString>(name: &str, values: impl IntoIterator<Item = V>, costly: bool) -> Self {
        Axis { name: name.to_owned(), values: values.into_iter().map(|value| value.to_string()).collect(), costly }
    }
}

/// Values with the names of their axes: `burst 64, queues 2`.
pub fn setting_in_words<V: AsRef<str>>(axes: &[Axis], values: impl IntoIterator<Item = V>) -> String {
    axes.iter().zip(values).map(|(axis, value)| format!("{} {}", axis.name, value.as_ref())).collect::<Vec<_>>().join(", ")
}

/// One setting of a [`Space`]: a value of each axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Candidate(pub(super) usize);

impl Candidate {
    /// Its place in the space.
    pub fn index(self) -> usize {
        self.0
    }
}

/// The settings to choose from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Space {
    axes: Vec<Axis>,
    settings: Vec<Vec<usize>>,
    cores: Vec<u32>,
    default: Candidate,
}

/// The most settings of a search: each takes memory, and no budget is large enough to measure those of a larger space twice.
const MOST_SETTINGS: usize = 100_000;

/// A space that cannot be searched.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SpaceError {
    /// An axis without values.
    #[error("axis \"{axis}\" has no values: give at least one")]
    NoValues {
        /// Which.
        axis: String,
    },
    /// A value twice.
    #[error("axis \"{axis}\" has the value {value} twice: remove one")]
    Twice {
        /// Which.
        axis: String,
        /// The value.
        value: String,
    },
    /// Too many combinations.
    #[error("the axes have {combinations} combinations, and at most {MOST_SETTINGS} can be searched: give fewer values")]
    TooLarge {
        /// How many.
        combinations: usize,
    },
    /// The default is not among the settings.
    #[error("the default setting is not allowed here: {setting}")]
    DefaultNotAllowed {
        /// The default.
        setting: String,
    },
}

impl Space {
    /// All combinations of the axes' values for which `cores` says how many CPU cores they take; `None` is not allowed. `default` has an index
    /// for each axis.
    ///
    /// # Errors
    /// An axis has no value, or one twice; there are too many combinations; the default is not allowed.
    pub fn new(axes: Vec<Axis>, default: &[usize], cores: impl Fn(&[usize]) -> Option<u32>) -> Result<Space, SpaceError> {
        for axis in &axes {
            if axis.values.is_empty() {
                return Err(SpaceError::NoValues { axis: axis.name.clone() });
            }
            if let Some(value) = axis.values.iter().enumerate().find(|(place, value)| axis.values[..*place].contains(value)) {
                return Err(SpaceError::Twice { axis: axis.name.clone(), value: value.1.clone() });
            }
        }
        let combinations = axes.iter().map(|axis| axis.values.len()).fold(1_usize, usize::saturating_mul);
        if combinations > MOST_SETTINGS {
            return Err(SpaceError::TooLarge { combinations });
        }
        let mut settings = Vec::new();
        let mut costs = Vec::new();
        for number in 0..combinations {
            let mut rest = number;
            let mut setting = vec![0; axes.len()];
            for (place, axis) in axes.iter().enumerate().rev() {
                setting[place] = rest % axis.values.len();
                rest /= axis.values.len();
            }
            if let Some(cost) = cores(&setting) {
                settings.push(setting);
                costs.push(cost);
            }
        }
        let found = settings.iter().position(|setting| setting == default);
        let Some(found) = found else {
            let values = axes.iter().zip(default).map(|(axis, &index)| axis.values.get(index).map_or("?", String::as_str));
            return Err(SpaceError::DefaultNotAllowed { setting: setting_in_words(&axes, values) });
        };
        Ok(Space { axes, settings, cores: costs, default: Candidate(found) })
    }

    /// The axes.
    pub fn axes(&self) -> &[Axis] {
        &self.axes
    }

    /// How many settings there are.
    pub fn len(&self) -> usize {
        self.settings.len()
    }

    /// Always false: the default is one of them.
    pub fn is_empty(&self) -> bool {
        self.settings.is_empty()
    }

    /// Every setting.
    pub fn candidates(&self) -> impl Iterator<Item = Candidate> {
        (0..self.settings.len()).map(Candidate)
    }

    /// The default setting.
    pub fn default_setting(&self) -> Candidate {
        self.default
    }

    /// The indices of its values, one for each axis.
    pub fn setting(&self, candidate: Candidate) -> &[usize] {
        &self.settings[candidate.0]
    }

    /// Its values, one for each axis.
    pub fn values(&self, candidate: Candidate) -> Vec<&str> {
        self.axes.iter().zip(self.setting(candidate)).map(|(axis, &index)| axis.values[index].as_str()).collect()
    }

    /// The CPU cores that it takes.
    pub fn cores(&self, candidate: Candidate) -> u32 {
        self.cores[candidate.0]
    }

    /// The setting with these values.
    pub fn find(&self, setting: &[usize]) -> Option<Candidate> {
        self.settings.iter().position(|other| other == setting).map(Candidate)
    }

    /// The values of the axes whose change opens the ports anew.
    pub(super) fn costly_values(&self, candidate: Candidate) -> Vec<usize> {
        let costly = self.axes.iter().zip(self.setting(candidate)).filter(|(axis, _)| axis.costly);
        costly.map(|(_, &index)| index).collect()
    }

    /// On how many axes two settings differ, where they differ by one step at most on each; `None` where they are further apart.
    pub(super) fn steps_between(&self, one: Candidate, other: Candidate) -> Option<usize> {
        let apart = self.setting(one).iter().zip(self.setting(other)).map(|(a, b)| a.abs_diff(*b));
        apart.clone().all(|steps| steps <= 1).then(|| apart.filter(|&steps| steps == 1).count())
    }

    /// Whether two settings differ on one axis only.
    pub(super) fn on_one_axis(&self, one: Candidate, other: Candidate) -> bool {
        self.setting(one).iter().zip(self.setting(other)).filter(|(a, b)| a != b).count() == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axes() -> Vec<Axis> {
        vec![Axis::new("queues", [1, 2], true), Axis::new("burst", [16, 32, 64], false)]
    }

    #[test]
    fn a_space_holds_the_combinations_that_are_allowed() {
        let space = Space::new(axes(), &[0, 1], |setting| (setting != [1, 0]).then_some(1 + setting[0] as u32)).unwrap();
        assert_eq!(space.len(), 5);
        assert_eq!(space.values(space.default_setting()), ["1", "32"]);
        assert_eq!(space.find(&[1, 0]), None);
        let other = space.find(&[1, 2]).unwrap();
        assert_eq!((space.cores(other), space.costly_values(other)), (2, vec![1]));
        assert_eq!(space.steps_between(space.default_setting(), other), Some(2));
        assert_eq!(space.steps_between(space.find(&[0, 0]).unwrap(), other), None);
    }

    #[test]
    fn what_cannot_be_searched_is_refused_and_named() {
        let refused = |axes: Vec<Axis>, default: &[usize]| Space::new(axes, default, |_| Some(1)).unwrap_err().to_string();
        assert!(refused(vec![Axis::new::<u32>("burst", [], false)], &[0]).contains("\"burst\" has no values"));
        assert!(refused(vec![Axis::new("burst", [8, 8], false)], &[0]).contains("the value 8 twice"));
        assert!(refused(vec![Axis::new("a", 0..400, false), Axis::new("b", 0..400, false)], &[0, 0]).contains("160000 combinations"));
        let none = Space::new(axes(), &[0, 1], |setting| (setting[0] == 1).then_some(1)).unwrap_err().to_string();
        assert!(none.contains("queues 1, burst 32"), "{none}");
    }
}
