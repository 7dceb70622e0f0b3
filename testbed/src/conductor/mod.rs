//! The conductor: carries out a plan on a testbed, one measurement after the other, and keeps every record as it is made.
//!
//! - [`EndpointAgents`] holds an agent at each endpoint, and [`check_testbed`] uses them to check whether the testbed is ready;
//! - [`Claims`] keeps other runs off the interfaces of a run;
//! - [`Conductor`] goes through the steps of a plan;
//! - [`Measurements`] makes single measurements, for a search that chooses each by the results before it;
//! - `kernel` and `bypass` measure one step and make its record;
//! - `schedule` says which steps there are, [`Done`] which of them an earlier part of the run has measured.

mod bypass;
mod claim;
mod context;
mod doctor;
mod done;
mod endpoint_agents;
mod environment;
mod fits;
mod interface_ports;
mod kernel;
mod kernel_features;
mod machines;
mod measure_group;
mod measure_step;
mod observer;
mod path_device;
mod record;
mod run;
mod schedule;
mod single;
mod start_line;
mod together;

pub use claim::{ClaimError, Claims};
pub use doctor::{AGENT_CHECK, PlaceChecks, check_testbed};
pub use done::Done;
pub use endpoint_agents::EndpointAgents;
pub use environment::describe;
pub use interface_ports::check_interface_ports;
pub use kernel_features::{MissingFeature, check as check_kernel_features};
pub use observer::{Observer, StepInfo};
pub use run::{ConductError, Conductor, RunEnd, count};
pub use single::{Measurements, Outcome};
