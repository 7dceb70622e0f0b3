/// Fewer runs than this are not a level: a bad night is not a step.
pub const SHORTEST_LEVEL: usize = 3;
