/// The level of all tests: the chance of a claim where there is nothing to claim.
pub const LEVEL: f64 = 0.05;
