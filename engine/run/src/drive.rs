//! One loop for every state machine: questions out, answers in.

use std::pin::pin;
use std::time::{Duration, Instant};

use futures::future::Fuse;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use muster_applier::Applier;
use muster_lang::Diags;
use muster_plan::{Ask, Event, Shown};
use muster_planner::{Planner, Validator};
use muster_provider::{ProviderError, Response};
use tokio::time::MissedTickBehavior;

use crate::Context;

/// How long a machine may be left alone while calls take their time.
const TICK: Duration = Duration::from_millis(100);

/// A state machine without I/O.
pub(crate) trait Machine {
    /// The next question that is ready.
    fn poll(&mut self) -> Option<Ask>;
    /// Takes an answer.
    fn answer(&mut self, id: u64, answer: Result<Response, ProviderError>);
    /// What was reported since the last call.
    fn take_diags(&mut self) -> Diags;
    /// Begins nothing new.
    fn stop(&mut self);
}

/// Drives a machine until nothing is left to ask. `after` is called after every
/// answer, and now and then while there is none.
pub(crate) async fn drive<M: Machine>(
    machine: &mut M,
    context: &Context,
    mut after: impl FnMut(&M),
) {
    let mut calls = FuturesUnordered::new();
    let mut stopped = false;
    // Asking the providers to hurry must not keep the answers in flight from arriving.
    let mut halting = pin!(Fuse::terminated());
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        if context.stop.is_requested() && !stopped {
            stopped = true;
            machine.stop();
            halting.set(context.pool.stop().fuse());
        }
        while calls.len() < context.parallelism {
            let Some(ask) = machine.poll() else { break };
            calls.push(call(context, ask));
        }
        report(machine.take_diags(), context);
        if calls.is_empty() {
            break;
        }
        tokio::select! {
            Some((id, answer)) = calls.next() => {
                machine.answer(id, answer);
                after(machine);
                report(machine.take_diags(), context);
            }
            // What could not be done right after an answer must not wait for the next one.
            _ = ticks.tick() => after(machine),
            () = context.stop.requested(), if !stopped => {}
            () = &mut halting => {}
            () = context.stop.forced() => break,
        }
    }
}

fn report(diags: Diags, context: &Context) {
    for diagnostic in diags {
        (context.sink)(Event::Diagnostic(diagnostic));
    }
}

async fn call(context: &Context, ask: Ask) -> (u64, Result<Response, ProviderError>) {
    let Ask {
        id,
        provider,
        request,
        shown,
    } = ask;
    let start = Instant::now();
    if let Some(shown) = &shown {
        (context.sink)(started(shown, &provider));
    }
    let answer = match context.pool.get(&provider).await {
        Ok(plugin) => plugin.call(request).await,
        Err(error) => Err(error),
    };
    if let Some(shown) = shown {
        (context.sink)(ended(shown, &provider, &answer, start));
    }
    (id, answer)
}

fn started(shown: &Shown, provider: &muster_addr::ProviderConfigAddr) -> Event {
    Event::Started {
        addr: shown.addr.clone(),
        deposed: shown.deposed.clone(),
        provider: provider.clone(),
        operation: shown.operation,
        action: shown.action,
        id: shown.id.clone(),
    }
}

fn ended(
    shown: Shown,
    provider: &muster_addr::ProviderConfigAddr,
    answer: &Result<Response, ProviderError>,
    start: Instant,
) -> Event {
    let elapsed = start.elapsed();
    let provider = provider.clone();
    let Shown {
        addr,
        deposed,
        operation,
        action,
        id,
    } = shown;
    let value = match answer {
        Ok(response) if !response.diags().has_errors() => match response {
            Response::State { value, .. } | Response::Read { value, .. } => Some(value),
            Response::Applied(applied) => Some(&applied.value),
            _ => None,
        },
        _ => {
            return Event::Failed {
                addr,
                deposed,
                provider,
                operation,
                action,
                elapsed,
            };
        }
    };
    let id = value.and_then(muster_plan::id_hint).or(id);
    Event::Finished {
        addr,
        deposed,
        provider,
        operation,
        action,
        id,
        elapsed,
    }
}

impl Machine for Planner {
    fn poll(&mut self) -> Option<Ask> {
        Self::poll(self)
    }
    fn answer(&mut self, id: u64, answer: Result<Response, ProviderError>) {
        Self::answer(self, id, answer);
    }
    fn take_diags(&mut self) -> Diags {
        Self::take_diags(self)
    }
    fn stop(&mut self) {
        Self::stop(self);
    }
}

impl Machine for Applier {
    fn poll(&mut self) -> Option<Ask> {
        Self::poll(self)
    }
    fn answer(&mut self, id: u64, answer: Result<Response, ProviderError>) {
        Self::answer(self, id, answer);
    }
    fn take_diags(&mut self) -> Diags {
        Self::take_diags(self)
    }
    fn stop(&mut self) {
        Self::stop(self);
    }
}

impl Machine for Validator {
    fn poll(&mut self) -> Option<Ask> {
        Self::poll(self)
    }
    fn answer(&mut self, id: u64, answer: Result<Response, ProviderError>) {
        Self::answer(self, id, answer);
    }
    fn take_diags(&mut self) -> Diags {
        Diags::new()
    }
    fn stop(&mut self) {}
}
