//! A file from one endpoint to another: nginx serves it, curl gets it, and TLS ends where the plan says.
//!
//! The sender of the pair is the serving end, because the file goes from it to the client.

mod directory;
mod error;
mod nginx;
mod outcome;
mod route;
mod tls_counters;
mod transfer;
mod workspace;

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use reporter::archive::ArchiveError;
use reporter::record::{ReasonKind, Record};

use self::error::TransferError;
use self::outcome::Outcome;
use self::route::Route;
use self::tls_counters::TlsSessions;
use self::transfer::{Prepared, Transferred};
use self::workspace::{Contents, Workspace};
use super::processes::run_tool_at;
use crate::agent::WaitLimit;
use crate::conductor::context::Context;
use crate::conductor::endpoint_agents::EndpointAgents;
use crate::conductor::kernel_features::TLS_COUNTERS;
use crate::conductor::record::failed;
use crate::conductor::schedule::Step;
use crate::kernel_end::ToolCommand;
use crate::plan::FileTransfer;
use crate::topology::KernelEndpoint;

/// How long an endpoint may take to print its counters.
const LIMIT: Duration = Duration::from_secs(10);

/// Moves the file as often as the plan says, and makes the record.
pub(super) fn measure(
    step: &Step<'_>,
    transfer: &FileTransfer,
    ends: (KernelEndpoint<'_>, KernelEndpoint<'_>),
    context: &mut Context<'_>,
) -> Result<Record, ArchiveError> {
    let route = match Route::of(transfer, &step.pair, ends, context.testbed) {
        Ok(route) => route,
        Err(error) => return Ok(failed(step, context.directory, ReasonKind::Other, &error.to_string())),
    };
    let mut workspaces = Vec::new();
    let prepared = prepare(&route, transfer, &mut workspaces, context.agents, context.interrupted);
    let mut said = String::new();
    let measured = prepared.and_then(|()| {
        let Some(client) = workspaces.pop() else { return Ok(None) };
        let prepared = Prepared { route: &route, hops: std::mem::take(&mut workspaces), client, file: transfer.file };
        let outcome = all_transfers(&prepared, transfer, context.agents, context.interrupted, &mut said);
        let commands = prepared.commands();
        workspaces = prepared.hops;
        workspaces.push(prepared.client);
        outcome.map(|outcome| Some((outcome, commands)))
    });
    workspaces.into_iter().for_each(|workspace| workspace.remove(context.agents));
    let raw = if said.is_empty() {
        None
    } else {
        Some(context.directory.store_raw(&format!("{}.txt", step.id.0.replace('/', "_")), said.as_bytes())?)
    };
    match measured {
        Ok(Some((outcome, commands))) => Ok(Record { raw, ..outcome.record(step, transfer, &route, commands, context) }),
        Ok(None) => Ok(failed(step, context.directory, ReasonKind::Other, "the client has no directory")),
        Err(error) => Ok(Record { raw, ..failed(step, context.directory, error.reason_kind(), &error.to_string()) }),
    }
}

/// Makes a directory for each hop and then for the client. What was made before an error is in `made` all the same.
fn prepare<'a>(
    route: &Route<'a>,
    transfer: &FileTransfer,
    made: &mut Vec<Workspace<'a>>,
    agents: &mut EndpointAgents,
    interrupted: &AtomicBool,
) -> Result<(), TransferError> {
    // The certificate of the hop that ends TLS is what the next one trusts.
    let mut trusted = None;
    for hop in &route.hops {
        let contents = Contents {
            configuration: nginx::configuration(hop.endpoint.address, hop.listener, hop.source),
            file: (hop.source == nginx::Source::File).then_some(transfer.file),
            certificate_for: hop.has_certificate().then_some(hop.endpoint.address),
            trusted: trusted.take(),
        };
        let workspace = Workspace::make(hop.endpoint, contents, agents, interrupted)?;
        trusted.clone_from(&workspace.certificate);
        made.push(workspace);
    }
    made.push(Workspace::make(route.client, Contents { trusted, ..Contents::default() }, agents, interrupted)?);
    Ok(())
}

fn all_transfers(
    prepared: &Prepared<'_, '_>,
    transfer: &FileTransfer,
    agents: &mut EndpointAgents,
    interrupted: &AtomicBool,
    said: &mut String,
) -> Result<Outcome, TransferError> {
    let counted_at = prepared.route.hops.iter().find(|hop| hop.has_certificate());
    let before = counted_at.and_then(|server| tls_sessions(server.endpoint, agents));
    let mut all: Vec<Transferred> = Vec::new();
    for number in 1..=transfer.transfers.get() {
        all.push(prepared.transfer(number, agents, interrupted, said)?);
    }
    let after = counted_at.and_then(|server| tls_sessions(server.endpoint, agents));
    // Where kTLS was not asked for, the first transfer can have loaded the module: its counters began at zero.
    let asked_for = transfer.tls.is_some_and(|tls| tls.at.needs_kernel_tls());
    let sessions = match (before, after) {
        (Some(before), Some(after)) => Some(after.since(before)),
        (None, Some(after)) if !asked_for => Some(after),
        _ => None,
    };
    Ok(Outcome { transfers: all, sessions })
}

fn tls_sessions(endpoint: KernelEndpoint<'_>, agents: &mut EndpointAgents) -> Option<TlsSessions> {
    let command = ToolCommand { argv: vec!["cat".to_owned(), TLS_COUNTERS.to_owned()], timeout: LIMIT, counted: None };
    let wait = WaitLimit { limit: LIMIT * 2, interrupted: &AtomicBool::new(false) };
    let ran = run_tool_at(endpoint, command, "read the kernel's TLS counters", wait, agents).ok()?;
    TlsSessions::parse(&ran.text)
}
