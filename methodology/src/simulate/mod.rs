//! A device whose answer is known, and a measurer that tries it in simulated time; [`Surface`]s for the search of a setting.
//!
//! # The model
//! Frames arrive at a constant rate within each segment of a trial and are served at the device's capacity from one first-in,
//! first-out buffer a direction; what does not fit is dropped at the tail. Arrival and service are followed as a fluid, exactly,
//! from one change of rate to the next (a stall begins or ends, the buffer fills or runs empty), so a trial costs as many steps as
//! there are changes, not frames. Whole cycles of a stall that has settled are taken in one step. What overflows is rounded up to
//! whole frames; the frames that random loss, lossy bands, duplication, reordering and corruption take are drawn from the exact
//! binomial distribution with a seeded generator: the same seed gives the same run on every machine.
//! A trial over round trips passes the device twice: delays and random loss apply to each pass, and `round-trips` limits what comes back.
//! Stalls and hiccups keep absolute simulated time, which the waits of a trial advance too.

mod chance;
mod device;
mod fluid;
mod measurer;
mod parse;
mod summary;
mod surface;

pub use chance::pass_probability;
pub use device::{Band, Device, Livelock, Periodic};
pub use measurer::SimulatedMeasurer;
pub use parse::DeviceError;
pub use summary::{GoalSummary, NamedResults, SimulateError, SimulationRequest, SimulationSummary, simulate};
pub use surface::{Disturbance, Surface, SurfaceRun};
