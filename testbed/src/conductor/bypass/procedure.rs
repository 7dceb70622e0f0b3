//! A method of `methodology` over DPDK: MRR, searches, curves, delays.

use std::time::Duration;

use methodology::method::Method;
use methodology::procedures::{Conditions, KnownRates, Measured, MethodReport, RunError};
use methodology::trial::{Engine, Trial};
use methodology::units::{Frames, LinkSpeed};
use reporter::record::Record;

use super::calibration::{Calibrations, Configuration};
use super::histograms;
use super::measurer::{LastTrial, PairMeasurer};
use super::method_results::of_method;
use super::pair::BypassPair;
use super::step_error::StepError;
use crate::conductor::context::Context;
use crate::conductor::schedule::Step;

/// What a method found between a pair, and the reports of both ends of its last trial.
pub(super) struct Found {
    report: MethodReport,
    last: Option<LastTrial>,
}

/// Measures, and makes the record.
pub(super) fn measure(
    step: &Step<'_>,
    pair: &mut BypassPair,
    (method, link, reset): (&Method, Option<LinkSpeed>, &[String]),
    calibrations: &mut Calibrations,
    context: &mut Context<'_>,
) -> Result<Record, StepError> {
    let observer = &mut *context.observer;
    let mut note = |trial: &Trial| {
        let load = trial.input.stimulus.rate().map_or_else(|| "max".to_owned(), |rate| rate.to_string());
        observer.trial(&format!("trial {}: {load}, loss {}", trial.number, trial.outcome.loss_ratio()));
    };
    let measurer = PairMeasurer {
        pair,
        size: step.size,
        interrupted: context.interrupted,
        reset,
        start: None,
        device: context.device.get(),
        last: None,
    };
    let found = run(measurer, (method, link), &mut note)?;
    record(step, pair, found, calibrations, context)
}

/// Carries out a method.
pub(super) fn run(
    mut measurer: PairMeasurer<'_>,
    (method, link): (&Method, Option<LinkSpeed>),
    note: &mut dyn FnMut(&Trial),
) -> Result<Found, StepError> {
    let link = link.or(measurer.pair.link);
    let conditions = Conditions { frames: Frames::Fixed(measurer.size), link, known: KnownRates::default() };
    let report = methodology::procedures::run(method, &conditions, &mut measurer, note);
    match report {
        Ok(report) => Ok(Found { report, last: measurer.last.take() }),
        Err(RunError::Trial { source, .. }) => Err(StepError::Trial(source)),
        Err(other) => Err(StepError::Method(other.to_string())),
    }
}

impl Found {
    /// How long the frames of the last trial were sent; none where it was not one of one direction.
    pub(super) fn sent_for(&self) -> Option<Duration> {
        match &self.last {
            Some(LastTrial::OneWay(trial)) => Some(trial.sent.duration),
            _ => None,
        }
    }
}

/// The record of what a method found.
pub(super) fn record(
    step: &Step<'_>,
    pair: &BypassPair,
    found: Found,
    calibrations: &mut Calibrations,
    context: &mut Context<'_>,
) -> Result<Record, StepError> {
    let Found { mut report, last } = found;
    histograms::keep_measured(&mut report.measured, &step.id, context.directory)?;
    let mut results = of_method(&report, step.size);
    results.name_directions(&step.pair);
    match &last {
        Some(LastTrial::OneWay(trial)) => results.add_last_trial(trial, [Engine::Generator, Engine::Sink], &pair.ports, step.size),
        Some(LastTrial::BothWays(trial)) => {
            results.add_last_trial(&trial.forward, [Engine::FirstEnd, Engine::SecondEnd], &pair.ports, step.size);
        }
        Some(LastTrial::RoundTrips(trips)) => results.add_round_trips(trips, &pair.ports, step.size),
        None => {}
    }
    // The delays in the record's values are those at the first load, which is known only now.
    if let Measured::Latency(latency) = &report.measured
        && let Some(load) = latency.loads.first().filter(|_| results.values.rtt_ns.is_some())
    {
        let configuration = Configuration::of(step, pair, load.load);
        calibrations.of(context.testbed, configuration, context.interrupted).note(&mut results.parameters);
    }
    results.add_device(step, pair, context)?;
    Ok(results.into_record(step, &pair.ports, context))
}
