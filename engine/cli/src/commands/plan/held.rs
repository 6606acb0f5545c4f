//! What is found while planning, kept until the plan is shown: what is wrong with it is read last.

use std::sync::{Arc, Mutex, PoisonError};

use muster_lang::Diags;
use muster_plan::Event;
use muster_run::Sink;

/// Diagnostics of a run that is still going on.
#[derive(Clone)]
pub(super) struct Held(Arc<Mutex<Option<Diags>>>);

impl Held {
    /// Nothing is held yet.
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Some(Diags::new()))))
    }

    /// A sink that hands on all events but diagnostics, and those too once they are let go.
    pub(super) fn before(&self, sink: Sink) -> Sink {
        let held = Arc::clone(&self.0);
        Arc::new(move |event| {
            if let Event::Diagnostic(diagnostic) = &event {
                let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(diags) = held.as_mut() {
                    return diags.push(diagnostic.clone());
                }
            }
            sink(event);
        })
    }

    /// Everything that was held; nothing is from now on.
    pub(super) fn let_go(&self) -> Diags {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.take().unwrap_or_default()
    }
}
