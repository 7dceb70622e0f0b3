//! Which pairs a measure is for.

use reporter::record::{EndpointId, Pair};

/// The pairs a measure is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PairSelection {
    /// Every ordered pair of the testbed, one after the other.
    All,
    /// These, one after the other.
    Only(Vec<Pair>),
    /// These groups, one after the other; the pairs of a group at the same time.
    Groups(Vec<ConcurrentPairs>),
}

/// Pairs that are measured at the same time: at least two, and no endpoint twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConcurrentPairs(Vec<Pair>);

/// Why pairs cannot be measured at the same time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotConcurrent {
    /// There are too few of them.
    #[error("a group has at least two pairs, such as [[\"a-cpu:b-cpu\", \"a-dpu:b-dpu\"]]; write a single pair without its brackets")]
    TooFew,
    /// An endpoint is in two of them.
    #[error("endpoint `{endpoint}` is in `{one}` and in `{other}` of one group: it can be in one pair at a time")]
    Twice {
        /// The endpoint.
        endpoint: EndpointId,
        /// A pair that has it.
        one: Pair,
        /// Another.
        other: Pair,
    },
}

impl ConcurrentPairs {
    /// A group of these pairs.
    ///
    /// # Errors
    /// There are fewer than two, or an endpoint is in two of them.
    pub fn new(pairs: Vec<Pair>) -> Result<Self, NotConcurrent> {
        if pairs.len() < 2 {
            return Err(NotConcurrent::TooFew);
        }
        for (place, one) in pairs.iter().enumerate() {
            for other in &pairs[place + 1..] {
                if let Some(endpoint) = [&one.from, &one.to].into_iter().find(|id| [&other.from, &other.to].contains(id)) {
                    return Err(NotConcurrent::Twice { endpoint: endpoint.clone(), one: one.clone(), other: other.clone() });
                }
            }
        }
        Ok(ConcurrentPairs(pairs))
    }

    /// The pairs, in the order of the plan.
    pub fn pairs(&self) -> &[Pair] {
        &self.0
    }
}

impl PairSelection {
    /// The groups of pairs that are measured at the same time.
    pub fn groups(&self) -> &[ConcurrentPairs] {
        match self {
            PairSelection::All | PairSelection::Only(_) => &[],
            PairSelection::Groups(groups) => groups,
        }
    }

    /// The pairs that are named, alone or in groups; none where it is all of them.
    pub fn named(&self) -> Vec<&Pair> {
        match self {
            PairSelection::All => Vec::new(),
            PairSelection::Only(pairs) => pairs.iter().collect(),
            PairSelection::Groups(groups) => groups.iter().flat_map(ConcurrentPairs::pairs).collect(),
        }
    }

    /// For people: `all pairs`, `a→b, b→a`, or `a→b beside c→d`.
    pub fn in_words(&self) -> String {
        let listed = |pairs: &[Pair], between: &str| pairs.iter().map(Pair::to_string).collect::<Vec<_>>().join(between);
        match self {
            PairSelection::All => "all pairs".to_owned(),
            PairSelection::Only(pairs) => listed(pairs, ", "),
            PairSelection::Groups(groups) => groups.iter().map(|group| listed(group.pairs(), " beside ")).collect::<Vec<_>>().join("; "),
        }
    }

    /// Whether a pair is measured alone.
    pub fn has_alone(&self, pair: &Pair) -> bool {
        match self {
            PairSelection::All => true,
            PairSelection::Only(pairs) => pairs.contains(pair),
            PairSelection::Groups(_) => false,
        }
    }

    /// Whether a pair is measured, alone or in a group.
    pub fn has(&self, pair: &Pair) -> bool {
        self.has_alone(pair) || self.groups().iter().any(|group| group.pairs().contains(pair))
    }

    /// Whether some pair, or some group, is in both.
    pub fn overlaps(&self, other: &PairSelection) -> bool {
        match (self, other) {
            (PairSelection::Groups(groups), PairSelection::Groups(others)) => groups.iter().any(|group| others.contains(group)),
            (PairSelection::Groups(_), _) | (_, PairSelection::Groups(_)) => false,
            (PairSelection::All, _) | (_, PairSelection::All) => true,
            (PairSelection::Only(pairs), PairSelection::Only(others)) => pairs.iter().any(|pair| others.contains(pair)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(pairs: &[&str]) -> Result<ConcurrentPairs, NotConcurrent> {
        ConcurrentPairs::new(pairs.iter().map(|pair| pair.parse().unwrap()).collect())
    }

    #[test]
    fn a_group_has_two_pairs_or_more_and_each_endpoint_once() {
        assert_eq!(group(&["a:b", "c:d"]).unwrap().pairs().len(), 2);
        assert_eq!(group(&["a:b"]), Err(NotConcurrent::TooFew));
        let twice = group(&["a:b", "c:d", "d:e"]).unwrap_err().to_string();
        assert!(twice.contains("`d`") && twice.contains("c→d") && twice.contains("d→e"), "{twice}");
        assert!(group(&["a:b", "b:a"]).is_err() && group(&["a:b", "a:b"]).is_err());
    }

    #[test]
    fn a_pair_of_a_group_is_not_measured_alone() {
        let groups = PairSelection::Groups(vec![group(&["a:b", "c:d"]).unwrap()]);
        let pair: Pair = "a:b".parse().unwrap();
        assert!(groups.has(&pair) && !groups.has_alone(&pair));
        assert!(!groups.overlaps(&PairSelection::All) && groups.overlaps(&groups));
        assert!(PairSelection::Only(vec![pair.clone()]).overlaps(&PairSelection::All));
    }
}
