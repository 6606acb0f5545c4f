//! The state behind an address.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use muster_snapshot::Snapshot;
use muster_store::{Codec, LockGuard, LockInfo, Store, StoreError, is_change};
use reqwest::{Method, Url};

use crate::client::{Client, Reply, Request};
use crate::config::Endpoint;

/// The pause between the first two attempts to lock.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A state behind an HTTP server.
#[derive(Debug)]
pub(crate) struct HttpStore {
    client: Arc<Client>,
    codec: Codec,
    /// The lock that this store holds: updates name it.
    held: Arc<Held>,
}

/// The id of a lock, while it is held.
#[derive(Debug, Default)]
struct Held(Mutex<Option<String>>);

/// What became of an attempt to lock.
enum Locking {
    Done,
    /// By whom, if that can be told.
    Held(Option<LockInfo>),
}

impl HttpStore {
    pub(crate) fn new(client: Arc<Client>, codec: Codec) -> Self {
        Self {
            client,
            codec,
            held: Arc::default(),
        }
    }

    fn update(&self, snapshot: &Snapshot) -> Result<(), StoreError> {
        let bytes = self.codec.encode(snapshot).map_err(|reason| {
            let place = self.describe();
            StoreError::Seal { place, reason }
        })?;
        let Endpoint { url, method } = &self.client.config().update;
        let mut url = url.clone();
        if let Some(id) = self.held.get().as_deref() {
            name_lock(&mut url, id);
        }
        let request = Request {
            method: method.clone(),
            url,
            body: Some(Bytes::from(bytes)),
        };
        let reply = self.ask("write", request)?;
        match reply.status {
            409 | 423 => Err(StoreError::Locked {
                place: self.describe(),
                holder: holder(&reply).map(Box::new),
            }),
            _ => self.accept("write", &reply),
        }
    }

    /// Whether this very state is stored.
    fn has(&self, snapshot: &Snapshot) -> bool {
        matches!(self.read(), Ok(Some(stored)) if stored == *snapshot)
    }

    fn try_lock(&self, endpoint: &Endpoint, info: &LockInfo) -> Result<Locking, StoreError> {
        let reply = self.ask("lock", about_lock(endpoint, info))?;
        if !matches!(reply.status, 409 | 423) {
            self.accept("lock", &reply)?;
            return Ok(Locking::Done);
        }
        let holder = holder(&reply);
        // The answer of an earlier attempt was lost, but not what it asked for.
        let is_ours = reply.repeated && holder.as_ref().is_some_and(|h| h.id == info.id);
        match is_ours {
            true => Ok(Locking::Done),
            false => Ok(Locking::Held(holder)),
        }
    }

    /// Tries to lock until `timeout` is over.
    fn wait_for_lock(
        &self,
        endpoint: &Endpoint,
        info: &LockInfo,
        timeout: Duration,
    ) -> Result<(), StoreError> {
        let started = Instant::now();
        let mut pause = FIRST_PAUSE;
        while let Locking::Held(holder) = self.try_lock(endpoint, info)? {
            let left = timeout.saturating_sub(started.elapsed());
            if left.is_zero() {
                return Err(StoreError::Locked {
                    place: self.describe(),
                    holder: holder.map(Box::new),
                });
            }
            std::thread::sleep(pause.min(left));
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        Ok(())
    }

    fn ask(&self, action: &'static str, request: Request) -> Result<Reply, StoreError> {
        ask(&self.client, action, request)
    }

    fn accept(&self, action: &'static str, reply: &Reply) -> Result<(), StoreError> {
        accept(&self.client, action, reply)
    }
}

impl Store for HttpStore {
    fn describe(&self) -> String {
        self.client.place()
    }

    /// Without an address for locks, the state is not locked.
    fn lock(&self, mut info: LockInfo, timeout: Duration) -> Result<LockGuard, StoreError> {
        info.path = self.describe();
        let Some(endpoint) = &self.client.config().lock else {
            return Ok(LockGuard::new(info, || Ok(())));
        };
        self.wait_for_lock(endpoint, &info, timeout)?;
        self.held.set(Some(info.id.clone()));
        let (client, held, given) = (self.client.clone(), self.held.clone(), info.clone());
        Ok(LockGuard::new(info, move || {
            held.set(None);
            release(&client, &given)
        }))
    }

    fn read(&self) -> Result<Option<Snapshot>, StoreError> {
        let request = Request {
            method: Method::GET,
            url: self.client.config().update.url.clone(),
            body: None,
        };
        let reply = self.ask("read", request)?;
        if matches!(reply.status, 204 | 404) {
            return Ok(None);
        }
        self.accept("read", &reply)?;
        if reply.body.is_empty() {
            return Ok(None);
        }
        let state = self.codec.decode(&reply.body);
        state.map(Some).map_err(|reason| StoreError::Corrupt {
            place: self.describe(),
            reason,
            backup: None,
        })
    }

    fn write(&self, snapshot: &mut Snapshot) -> Result<bool, StoreError> {
        let stored = self.read()?;
        if !is_change(stored.as_ref(), snapshot)? {
            return Ok(false);
        }
        let given = snapshot.serial;
        snapshot.serial = given.saturating_add(1);
        let written = match self.update(snapshot) {
            // Only the answer may have been lost.
            Err(StoreError::Remote { .. }) if self.has(snapshot) => Ok(()),
            written => written,
        };
        if written.is_err() {
            snapshot.serial = given;
        }
        written.map(|()| true)
    }

    fn replace(&self, snapshot: &Snapshot) -> Result<(), StoreError> {
        self.update(snapshot)
    }

    fn force_unlock(&self, id: &str) -> Result<(), StoreError> {
        let (Some(endpoint), Some(_)) = (&self.client.config().lock, &self.client.config().unlock)
        else {
            return Err(StoreError::Unsupported {
                place: self.describe(),
                what: "lock states, as lock_address and unlock_address are not both set",
            });
        };
        // Servers do not tell who holds a lock except to those who want it.
        let ours = LockInfo {
            path: self.describe(),
            ..LockInfo::new("force-unlock", env!("CARGO_PKG_VERSION"))
        };
        match self.try_lock(endpoint, &ours)? {
            Locking::Done => {
                unlock(&self.client, &ours)?;
                let place = self.describe();
                Err(StoreError::NotLocked { place })
            }
            Locking::Held(Some(holder)) if holder.id != id => Err(StoreError::Locked {
                place: self.describe(),
                holder: Some(Box::new(holder)),
            }),
            Locking::Held(Some(holder)) => unlock(&self.client, &holder),
            Locking::Held(None) => {
                let id = id.to_owned();
                unlock(&self.client, &LockInfo { id, ..ours })
            }
        }
    }
}

impl Held {
    fn get(&self) -> MutexGuard<'_, Option<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, id: Option<String>) {
        *self.get() = id;
    }
}

/// Adds the lock to an address, in place of one that it may name already.
fn name_lock(url: &mut Url, id: &str) {
    let others: Vec<_> = url
        .query_pairs()
        .filter(|(name, _)| name != "ID")
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let mut query = url.query_pairs_mut();
    query.clear().append_pair("ID", id).extend_pairs(others);
}

fn about_lock(endpoint: &Endpoint, info: &LockInfo) -> Request {
    Request {
        method: endpoint.method.clone(),
        url: endpoint.url.clone(),
        // Texts are always JSON.
        body: Some(serde_json::to_vec(info).unwrap_or_default().into()),
    }
}

/// Who holds the lock, by the answer to somebody who wanted it.
fn holder(reply: &Reply) -> Option<LockInfo> {
    let info: LockInfo = serde_json::from_slice(&reply.body).ok()?;
    (!info.id.is_empty()).then_some(info)
}

/// Gives back a lock that is held. A server that has the lock of somebody else says so: ours was
/// taken away, and others may have worked on the state since.
fn release(client: &Client, info: &LockInfo) -> Result<(), StoreError> {
    let Some(reply) = ask_to_unlock(client, info)? else {
        return Ok(());
    };
    match holder(&reply) {
        Some(holder) if matches!(reply.status, 409 | 412 | 423) && holder.id != info.id => {
            Err(StoreError::LockLost {
                place: client.place(),
                reason: format!("it was taken away, and {} holds it now", holder.who),
            })
        }
        _ => accept(client, "unlock", &reply),
    }
}

/// Takes a lock away, where the server wants that.
fn unlock(client: &Client, info: &LockInfo) -> Result<(), StoreError> {
    ask_to_unlock(client, info)?.map_or(Ok(()), |reply| accept(client, "unlock", &reply))
}

/// What the server says when it is asked to unlock the state. `None` if there is nothing to do.
fn ask_to_unlock(client: &Client, info: &LockInfo) -> Result<Option<Reply>, StoreError> {
    let Some(endpoint) = &client.config().unlock else {
        return Ok(None);
    };
    let reply = ask(client, "unlock", about_lock(endpoint, info))?;
    // The answer of an earlier attempt was lost; now there is nothing to unlock, or somebody
    // else has the lock.
    let is_other = holder(&reply).is_none_or(|holder| holder.id != info.id);
    let is_done = reply.repeated && matches!(reply.status, 404 | 409 | 412 | 423) && is_other;
    Ok((!is_done).then_some(reply))
}

fn ask(client: &Client, action: &'static str, request: Request) -> Result<Reply, StoreError> {
    client.send(request).map_err(|reason| StoreError::Remote {
        place: client.place(),
        action,
        reason,
    })
}

fn accept(client: &Client, action: &'static str, reply: &Reply) -> Result<(), StoreError> {
    match reply.is_success() {
        true => Ok(()),
        false => Err(StoreError::Remote {
            place: client.place(),
            action,
            reason: reply.refusal(),
        }),
    }
}
