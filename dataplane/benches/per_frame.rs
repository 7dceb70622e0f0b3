//! What each per-frame piece costs.
fn main() {}
