/// A key whose value is wrong, and why.
pub(super) struct KeyProblem {
    pub(super) key: &'static str,
    pub(super) why: String,
}

impl KeyProblem {
    pub(super) fn new(key: &'static str, why: impl Into<String>) -> Self {
        KeyProblem { key, why: why.into() }
    }
}
