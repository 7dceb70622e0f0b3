//! Every combination of the values of keys that take lists.

use methodology::tune::Axis;
use serde::Deserialize;

use super::key_problem::KeyProblem;

/// A key that takes one value, or a list to measure with each.
#[derive(Deserialize, Debug, Clone)]
#[serde(untagged, expecting = "expected one value, or a list to measure with each of them")]
pub(super) enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

/// Settings, in every combination of the keys until now. The values of the last key are next to each other.
#[derive(Debug)]
pub(super) struct Combinations<S> {
    settings: Vec<S>,
    axes: Vec<Axis>,
}

/// How a search among the values of a key treats it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Searched {
    /// A change costs time: a NIC starts anew, or ports are opened anew.
    Costly,
    /// A change costs nothing.
    Cheaply,
}

impl<S: Clone> Combinations<S> {
    /// One combination.
    pub(super) fn of(settings: S) -> Self {
        Combinations { settings: vec![settings], axes: Vec::new() }
    }

    /// With every value of a key; unchanged where it is not given.
    pub(super) fn with<T, U: Clone>(
        self,
        key: &'static str,
        given: Option<&OneOrMany<T>>,
        check: impl Fn(&T) -> Result<U, String>,
        set: impl Fn(S, U) -> S,
    ) -> Result<Self, KeyProblem> {
        let Some(values) = values(key, given, check)? else { return Ok(self) };
        let all = self.settings.iter().flat_map(|settings| values.iter().map(|value| set(settings.clone(), value.clone())));
        Ok(Combinations { settings: all.collect(), axes: self.axes })
    }

    /// The same for a key that can be searched: it is an axis if it has several values. `text` is a value as a person writes it.
    pub(super) fn with_axis<T, U: Clone>(
        self,
        (key, searched): (&'static str, Searched),
        given: Option<&OneOrMany<T>>,
        check: impl Fn(&T) -> Result<U, String>,
        text: impl Fn(&U) -> String,
        set: impl Fn(S, U) -> S,
    ) -> Result<Self, KeyProblem> {
        let several = values(key, given, &check)?.filter(|values| values.len() > 1);
        let axis = several.map(|values| Axis::new(key, values.iter().map(text), searched == Searched::Costly));
        let mut with = self.with(key, given, check, set)?;
        with.axes.extend(axis);
        Ok(with)
    }

    /// Every combination.
    pub(super) fn all(self) -> Vec<S> {
        self.settings
    }

    /// Every combination, and the keys that have several values, in the same order.
    pub(super) fn with_axes(self) -> (Vec<S>, Vec<Axis>) {
        (self.settings, self.axes)
    }
}

/// The values of a key, each of them checked; none where it is not given.
pub(super) fn values<T, U>(
    key: &'static str,
    given: Option<&OneOrMany<T>>,
    check: impl Fn(&T) -> Result<U, String>,
) -> Result<Option<Vec<U>>, KeyProblem> {
    let list = match given {
        None => return Ok(None),
        Some(OneOrMany::One(value)) => std::slice::from_ref(value),
        Some(OneOrMany::Many(values)) => values.as_slice(),
    };
    if list.is_empty() {
        return Err(KeyProblem::new(key, format!("an empty list of {key} measures nothing")));
    }
    let checked: Result<Vec<U>, String> = list.iter().map(check).collect();
    checked.map(Some).map_err(|why| KeyProblem::new(key, why))
}
