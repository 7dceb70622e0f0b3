//! The sections of a report, one file a subject. Each function turns the run into one [`Section`]; `compose` decides their order.

mod cost;
mod directions;
mod effects;
mod input;
mod ladder;
mod loss;
mod percentiles;
mod placement;
mod procedure_curves;
mod procedures;
mod queues;
mod ratio;
mod round_trips;
mod scaling;
mod stacks;
mod throughput;
mod tuned;
mod tuning;

pub use cost::cost;
pub use directions::directions;
pub use effects::effects;
pub use input::Input;
pub use ladder::ladder;
pub use loss::loss;
pub use percentiles::{percentiles, percentiles_under_load};
pub use placement::placement;
pub use procedure_curves::{back_to_back, bounds, frame_loss, latency_by_load, latency_by_share};
pub use procedures::procedures;
pub use queues::queues;
pub use ratio::ratio;
pub use round_trips::round_trips;
pub use scaling::scaling;
pub use throughput::{application_view, frame_view};
pub use tuned::tuned;
pub use tuning::tuning;
