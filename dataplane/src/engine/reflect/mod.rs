//! The reflector: sends test frames back to where they came from.

mod plan;
mod report;
mod run;

pub use plan::{ReflectPlan, Turning};
pub use report::{ReflectReport, ReflectSnapshot};
