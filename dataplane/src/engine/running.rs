use std::marker::PhantomData;

use crate::error::DataplaneError;
use crate::port::Port;
use crate::report::{ReceiveReport, ReceiveSnapshot, ReflectReport, ReflectSnapshot, SendReport, SendSnapshot};

/// A report that an engine ends with, and what it shows while it runs.
pub trait EngineReport: Send + 'static {
    /// Counters of a run that goes on.
    type Snapshot: Copy + Default + Send + std::fmt::Debug + serde::Serialize;
}

impl EngineReport for SendReport {
    type Snapshot = SendSnapshot;
}

impl EngineReport for ReceiveReport {
    type Snapshot = ReceiveSnapshot;
}

impl EngineReport for ReflectReport {
    type Snapshot = ReflectSnapshot;
}

/// An engine at work. Dropping it stops the engine and waits for it.
#[derive(Debug)]
pub struct Running<R: EngineReport> {
    report: PhantomData<R>,
}

impl<R: EngineReport> Running<R> {
    /// The counters now. Costs the poll loop nothing.
    pub fn snapshot(&self) -> R::Snapshot {
        unimplemented!()
    }

    /// Asks the engine to end: a sender at once, a sink and a reflector when the frames under way have come.
    pub fn stop(&self) {
        unimplemented!()
    }

    /// Whether the engine has ended, so that [`join`](Self::join) does not wait.
    pub fn is_finished(&self) -> bool {
        unimplemented!()
    }

    /// Waits for the end and gives the port back, with the report.
    pub fn join(self) -> (Port, Result<R, DataplaneError>) {
        unimplemented!()
    }
}
