//! Work on objects that is shown, which may take several questions.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use muster_addr::{InstanceAddr, ProviderConfigAddr};
use muster_plan::{Event, Shown};
use muster_snapshot::DeposedKey;

use crate::{Sink, Str};

/// An attribute that an object is known by, and its value.
type Id = (Str, Str);

/// See the module.
pub(crate) struct Works<'a> {
    sink: &'a Sink,
    /// What waits to be told.
    held: Mutex<Option<Vec<Event>>>,
    open: Mutex<HashMap<(InstanceAddr, Option<DeposedKey>), Work>>,
}

/// Work that has begun.
struct Work {
    shown: Shown,
    provider: ProviderConfigAddr,
    since: Instant,
}

impl<'a> Works<'a> {
    /// Nothing has begun.
    pub(crate) fn new(sink: &'a Sink) -> Self {
        Self {
            sink,
            held: Mutex::default(),
            open: Mutex::default(),
        }
    }

    /// Tells of something, now or when everything is that is held back.
    pub(crate) fn tell(&self, event: Event) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *held {
            Some(held) => held.push(event),
            None => {
                drop(held);
                (self.sink)(event);
            }
        }
    }

    /// Holds back what is told from now on.
    pub(crate) fn hold(&self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.get_or_insert_default();
    }

    /// Tells of what was held back.
    pub(crate) fn release(&self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let told = held.take();
        drop(held);
        told.into_iter().flatten().for_each(&**self.sink);
    }

    /// A question goes out.
    pub(crate) fn begin(&self, shown: &Shown, provider: &ProviderConfigAddr) {
        if !shown.part.begins() {
            return;
        }
        self.tell(Event::Started {
            addr: shown.addr.clone(),
            deposed: shown.deposed.clone(),
            provider: provider.clone(),
            operation: shown.operation,
            action: shown.action,
            id: shown.id.clone(),
        });
        let work = Work {
            shown: shown.clone(),
            provider: provider.clone(),
            since: Instant::now(),
        };
        let key = (shown.addr.clone(), shown.deposed.clone());
        self.lock().insert(key, work);
    }

    /// Its answer is there, a good one. `id` is how the object is known now, if that is in it.
    pub(crate) fn succeed(&self, shown: &Shown, id: Option<Id>) {
        if !shown.part.ends() {
            return;
        }
        let key = (shown.addr.clone(), shown.deposed.clone());
        let Some(work) = self.lock().remove(&key) else {
            return;
        };
        let ended = Instant::now();
        self.tell(Event::Finished {
            addr: shown.addr.clone(),
            deposed: shown.deposed.clone(),
            provider: work.provider,
            operation: shown.operation,
            action: shown.action,
            id: id.or_else(|| shown.id.clone()),
            elapsed: ended.duration_since(work.since),
            ended,
        });
    }

    /// Its answer is there, and the work has failed.
    pub(crate) fn fail(&self, addr: &InstanceAddr, deposed: Option<&DeposedKey>) {
        let work = self.lock().remove(&(addr.clone(), deposed.cloned()));
        if let Some(work) = work {
            self.tell(failed(work));
        }
    }

    /// Nothing goes on any more.
    pub(crate) fn abandon(&self) {
        let open = std::mem::take(&mut *self.lock());
        let mut open: Vec<_> = open.into_iter().collect();
        open.sort_by(|a, b| a.0.cmp(&b.0));
        for (_, work) in open {
            self.tell(failed(work));
        }
    }

    /// Locked for a moment only, never while anything is awaited.
    fn lock(&self) -> MutexGuard<'_, HashMap<(InstanceAddr, Option<DeposedKey>), Work>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failed(work: Work) -> Event {
    let ended = Instant::now();
    Event::Failed {
        addr: work.shown.addr,
        deposed: work.shown.deposed,
        provider: work.provider,
        operation: work.shown.operation,
        action: work.shown.action,
        elapsed: ended.duration_since(work.since),
        ended,
    }
}
