//! Terraform's locks: advisory locks of a session, one by the number of the workspace's row, and
//! one for whoever makes a row, which everybody looks at. Whoever says that it makes the row of
//! another workspace is in nobody's way: so one run can lock several, such as to copy states.

use std::sync::atomic::{AtomicI32, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use muster_store::{LockInfo, StoreError};
use tokio_postgres::{Client, Transaction};

use super::holder;
use super::seen::Seen;
use crate::fault::{self, Fault};
use crate::link::Link;

/// The lock of whoever makes a row.
const CREATION: i64 = -1;
/// When the server was started.
const STARTED: &str = "pg_postmaster_start_time()::text";

/// A session that holds the lock of a workspace, or tries to.
pub(super) struct Session {
    pub(super) link: Arc<Link>,
    table: String,
    name: String,
    /// Names the lock.
    id: String,
    /// What every statement of the session begins with.
    mark: String,
    /// The server's process of the session that took the lock.
    pid: AtomicI32,
    /// Which lock is held.
    lock: AtomicI64,
    /// When the server was started that has given it.
    started: Mutex<String>,
    /// What the store knows of the state.
    seen: Arc<Seen>,
}

/// How an attempt to lock ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    Taken,
    /// Somebody holds the lock of the row.
    RowLocked(i64),
    /// Somebody makes a row, of this workspace or another.
    CreationLocked,
}

/// Why a session has lost its lock.
fn overtaken(holder: &LockInfo) -> String {
    let who = fault::holder(holder);
    format!("the connection was cut, which ended the lock, and {who} holds it now")
}

/// The same, where that one is gone again.
const CHANGED: &str =
    "the connection was cut, which ended the lock, and somebody else has changed the state since";

impl Attempt {
    /// The locks that may hold up a workspace with this row.
    pub(super) fn locks_of(row: Option<i64>) -> Vec<i64> {
        vec![row.unwrap_or(CREATION)]
    }

    /// The locks whose holder is in the way.
    pub(super) fn locks(self) -> Vec<i64> {
        match self {
            Self::Taken => Vec::new(),
            Self::RowLocked(id) => vec![id],
            Self::CreationLocked => vec![CREATION],
        }
    }
}

impl Session {
    pub(super) fn new(
        link: Arc<Link>,
        table: String,
        name: String,
        info: &LockInfo,
        seen: Arc<Seen>,
    ) -> Self {
        Self {
            link,
            table,
            name,
            id: info.id.clone(),
            mark: holder::mark(info),
            pid: AtomicI32::new(0),
            lock: AtomicI64::new(0),
            started: Mutex::default(),
            seen,
        }
    }

    /// Tries to take the lock.
    pub(super) async fn take(&self, client: &Client) -> Result<Attempt, Fault> {
        let Self { table, mark, .. } = self;
        let by_row = format!(
            "{mark}SELECT id, pg_try_advisory_lock(id), pg_try_advisory_lock({CREATION}),
             pg_backend_pid(), {STARTED} FROM {table} WHERE name = $1"
        );
        let creation =
            format!("{mark}SELECT pg_try_advisory_lock({CREATION}), pg_backend_pid(), {STARTED}");
        let is_there = format!("{mark}SELECT id FROM {table} WHERE name = $1");
        loop {
            if let Some(row) = client.query_opt(&by_row, &[&self.name]).await? {
                let (id, locked, may_create) = (row.get(0), row.get::<_, bool>(1), row.get(2));
                if may_create {
                    self.unlock(client, CREATION).await?;
                }
                if !locked {
                    return Ok(Attempt::RowLocked(id));
                }
                if may_create || self.is_made_elsewhere(client).await? {
                    return Ok(self.taken(id, row.get(3), row.get(4)));
                }
                self.unlock(client, id).await?;
                return Ok(Attempt::CreationLocked);
            }
            let row = client.query_one(&creation, &[]).await?;
            if !row.get::<_, bool>(0) {
                return Ok(Attempt::CreationLocked);
            }
            // Somebody may have made the row, and be done, since it was looked for.
            if client.query_opt(&is_there, &[&self.name]).await?.is_none() {
                return Ok(self.taken(CREATION, row.get(1), row.get(2)));
            }
            self.unlock(client, CREATION).await?;
        }
    }

    /// Whether the row that somebody makes is known to be that of another workspace. The lock of
    /// our row has to be held.
    async fn is_made_elsewhere(&self, client: &Client) -> Result<bool, Fault> {
        let found = holder::find(client, &[CREATION], &self.name).await?;
        Ok(found.is_some_and(|holder| holder.is_elsewhere(&self.name)))
    }

    fn taken(&self, lock: i64, pid: i32, started: String) -> Attempt {
        *self.started.lock().unwrap_or_else(PoisonError::into_inner) = started;
        self.lock.store(lock, Ordering::Relaxed);
        self.pid.store(pid, Ordering::Relaxed);
        Attempt::Taken
    }

    async fn unlock(&self, client: &Client, lock: i64) -> Result<(), Fault> {
        let statement = format!("{}SELECT pg_advisory_unlock({lock})", self.mark);
        client.batch_execute(&statement).await?;
        Ok(())
    }

    /// Makes sure that the lock is held by the session of this client: a new one takes it again,
    /// unless somebody else has had it for a change. The server may not know yet that the old one
    /// is gone, so a refusal is worth another try.
    pub(super) async fn keep(&self, client: &Client, place: &str) -> Result<(), Fault> {
        let pid: i32 = client
            .query_one("SELECT pg_backend_pid()", &[])
            .await?
            .get(0);
        if pid == self.pid.load(Ordering::Relaxed) {
            return Ok(());
        }
        let attempt = self.take(client).await?;
        if attempt == Attempt::Taken {
            return self.check_unchanged(client, place).await;
        }
        match self.other(client, &attempt.locks(), place).await? {
            Some(holder) if matches!(attempt, Attempt::RowLocked(_)) => {
                let (place, reason) = (place.to_owned(), overtaken(&holder));
                Err(Fault::Store(StoreError::LockLost { place, reason }))
            }
            _ => Err(Fault::Busy(StoreError::Remote {
                place: place.to_owned(),
                action: "write",
                reason: "the connection was cut, which ended the lock, and it cannot be had again"
                    .to_owned(),
            })),
        }
    }

    /// Makes sure, once the lock is taken again, that the state is the one that the store knows.
    /// Otherwise the lock is given back, so that it is not held by the next look either.
    async fn check_unchanged(&self, client: &Client, place: &str) -> Result<(), Fault> {
        let table = &self.table;
        let statement = format!("SELECT data FROM {table} WHERE name = $1");
        let checked = match client.query_opt(&statement, &[&self.name]).await {
            Ok(row) => {
                let data: Option<String> = row.and_then(|row| row.get(0));
                match self.seen.is(data.as_deref()) {
                    true => return Ok(()),
                    false => Fault::Store(StoreError::LockLost {
                        place: place.to_owned(),
                        reason: CHANGED.to_owned(),
                    }),
                }
            }
            Err(error) => error.into(),
        };
        self.pid.store(0, Ordering::Relaxed);
        // A session that is cut off gives it back, too.
        let _ = client
            .batch_execute("SELECT pg_advisory_unlock_all()")
            .await;
        Err(checked)
    }

    /// Whether the server was started again since it has given the lock: then nobody has meant
    /// this session when that was ended.
    pub(super) async fn has_restarted(&self, client: &Client) -> Result<bool, Fault> {
        let started = client.query_one(&format!("SELECT {STARTED}"), &[]).await?;
        let given = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(started.get::<_, String>(0) != *given)
    }

    /// Makes sure, without taking it, that nobody else holds the lock. Nothing is known of that
    /// as long as there is no row.
    pub(super) async fn look(&self, client: &Client, place: &str) -> Result<(), Fault> {
        let lock = self.lock.load(Ordering::Relaxed);
        if lock == CREATION {
            return Ok(());
        }
        match self.other(client, &[lock], place).await? {
            None => Ok(()),
            Some(holder) => {
                let (place, reason) = (place.to_owned(), overtaken(&holder));
                Err(Fault::Store(StoreError::LockLost { place, reason }))
            }
        }
    }

    /// Who else holds one of these locks. The session that this one stands in for is nobody else.
    async fn other(
        &self,
        client: &Client,
        locks: &[i64],
        place: &str,
    ) -> Result<Option<LockInfo>, Fault> {
        let found = holder::find(client, locks, place).await?;
        let other = found.filter(|holder| {
            holder.pid != self.pid.load(Ordering::Relaxed) && holder.info.id != self.id
        });
        Ok(other.map(|holder| holder.info))
    }

    /// Holds the lock of a row that was just made by this session. Nobody can see the row yet.
    pub(super) async fn hold_row(&self, tx: &Transaction<'_>, id: i64) -> Result<(), Fault> {
        let statement = format!("SELECT pg_try_advisory_lock({id})");
        tx.batch_execute(&statement).await?;
        Ok(())
    }

    /// Lets others make rows again, once the lock of the new row is held.
    pub(super) async fn row_made(&self, client: &Client, id: i64) -> Result<(), Fault> {
        if self.lock.swap(id, Ordering::Relaxed) == CREATION {
            self.unlock(client, CREATION).await?;
        }
        Ok(())
    }

    /// Tells others again who holds the lock.
    pub(super) async fn announce(&self, client: &Client) -> Result<(), Fault> {
        let statement = format!("{}SELECT 1", self.mark);
        client.batch_execute(&statement).await?;
        Ok(())
    }

    /// Gives the lock back. A session that is gone holds none.
    pub(super) fn release(&self, place: &str) -> Result<(), StoreError> {
        if !self.link.is_open() {
            return Ok(());
        }
        self.link.call_once(("unlock", place), async |client| {
            client
                .batch_execute("SELECT pg_advisory_unlock_all()")
                .await?;
            Ok(())
        })
    }
}
