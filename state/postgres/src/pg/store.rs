//! The state of one workspace.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use muster_snapshot::Snapshot;
use muster_store::{Codec, LockGuard, LockInfo, LockLoss, SealError, Store, StoreError, is_change};
use tokio_postgres::{Client, Transaction};

use super::lock::{Attempt, Session};
use super::seen::Seen;
use super::watch::Watch;
use super::{Database, holder};
use crate::fault::Fault;
use crate::link::Link;

/// The pauses between attempts to lock grow from the one to the other.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// For how long somebody who makes another workspace is waited for in any case: usually that is
/// only somebody who looks whether there is one.
const GRACE: Duration = Duration::from_millis(500);

/// The state of a workspace.
pub(super) struct PgStore {
    database: Arc<Database>,
    workspace: String,
    /// The session that holds the lock, if this store has taken it.
    held: Held,
    /// A session that has tried to lock in vain, for the next attempt.
    spare: Mutex<Option<Arc<Link>>>,
    /// The lineage of the state that was here: if it is gone, it was deleted.
    lineage: Mutex<Option<String>>,
    /// The text that was here.
    seen: Arc<Seen>,
}

type Held = Arc<Mutex<Option<Arc<Session>>>>;

fn get(held: &Held) -> MutexGuard<'_, Option<Arc<Session>>> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

impl PgStore {
    pub(super) fn new(database: Arc<Database>, workspace: &str) -> Self {
        Self {
            database,
            workspace: workspace.to_owned(),
            held: Arc::default(),
            spare: Mutex::default(),
            lineage: Mutex::default(),
            seen: Arc::default(),
        }
    }

    /// The text that is stored for a state.
    pub(super) fn encode(&self, snapshot: &Snapshot) -> Result<String, StoreError> {
        let sealed = self.database.codec.encode(snapshot).and_then(|bytes| {
            String::from_utf8(bytes)
                .map_err(|_| SealError("what it is encrypted to is not text".to_owned()))
        });
        sealed.map_err(|reason| StoreError::Seal {
            place: self.describe(),
            reason,
        })
    }

    fn read_row(&self) -> Result<Option<Snapshot>, StoreError> {
        let statement = format!("SELECT data FROM {} WHERE name = $1", self.database.table());
        let name = self.workspace.clone();
        let place = self.describe();
        let data = self
            .database
            .link
            .call(("read", &place), async move |client| {
                let row = client.query_opt(&statement, &[&name]).await?;
                Ok(row.and_then(|row| row.get::<_, Option<String>>(0)))
            })?;
        self.seen.set(data.as_deref());
        let state = decode(&self.database.codec, data, &place)?;
        if let Some(state) = &state {
            self.see(state);
        }
        Ok(state)
    }

    fn see(&self, state: &Snapshot) {
        *self.lineage() = Some(state.lineage.clone());
    }

    fn lineage(&self) -> MutexGuard<'_, Option<String>> {
        self.lineage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores a state, in the session that holds the lock if there is one: when that is lost, so
    /// is what it was about to do.
    fn store(&self, write: Write) -> Result<bool, StoreError> {
        let place = self.describe();
        let what = ("write", place.as_str());
        let session = get(&self.held).clone();
        match session {
            None => self.database.link.call(what, async move |client| {
                let tx = client.transaction().await?;
                let stored = write.run(&tx).await?;
                write.commit(tx, stored).await?;
                Ok(stored.is_some())
            }),
            Some(session) => {
                let holding = session.clone();
                session.link.call(what, async move |client| {
                    holding.keep(client, &write.place).await?;
                    write.run_holding(client, &holding).await
                })
            }
        }
    }

    fn spare(&self) -> MutexGuard<'_, Option<Arc<Link>>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refusal(&self, attempt: Attempt) -> Result<StoreError, StoreError> {
        let place = self.describe();
        let (within, locks) = (place.clone(), attempt.locks());
        let found = self
            .database
            .link
            .call(("lock", &place), async move |client| {
                holder::find(client, &locks, &within).await
            })?;
        Ok(StoreError::Locked {
            place,
            holder: found.map(|holder| Box::new(holder.info)),
        })
    }
}

fn decode(
    codec: &Codec,
    data: Option<String>,
    place: &str,
) -> Result<Option<Snapshot>, StoreError> {
    let Some(data) = data.filter(|data| !data.is_empty()) else {
        return Ok(None);
    };
    let decoded = codec.decode(data.as_bytes()).map(Some);
    decoded.map_err(|reason| StoreError::Corrupt {
        place: place.to_owned(),
        reason,
        backup: None,
    })
}

impl Store for PgStore {
    fn describe(&self) -> String {
        let database = self.database.describe();
        format!("{}{database}", holder::path_of(&self.workspace))
    }

    fn lock(&self, mut info: LockInfo, timeout: Duration) -> Result<LockGuard, StoreError> {
        let place = self.describe();
        info.path.clone_from(&place);
        let database = &self.database;
        let spare = self.spare().take();
        let link = spare.unwrap_or_else(|| Arc::new(database.link.another()));
        let (name, seen) = (self.workspace.clone(), self.seen.clone());
        let session = Session::new(link, database.table(), name, &info, seen);
        let session = Arc::new(session);
        let started = Instant::now();
        let mut pause = PAUSES.0;
        loop {
            let trying = session.clone();
            let attempt = session.link.call(("lock", &place), async move |client| {
                trying.take(client).await
            })?;
            let patience = match attempt {
                Attempt::Taken => break,
                Attempt::RowLocked(_) => timeout,
                Attempt::CreationLocked => timeout.max(GRACE),
            };
            let left = patience.saturating_sub(started.elapsed());
            if left.is_zero() {
                *self.spare() = Some(session.link.clone());
                return Err(self.refusal(attempt)?);
            }
            thread::sleep(pause.min(left));
            pause = (pause * 2).min(PAUSES.1);
        }
        *get(&self.held) = Some(session.clone());
        let loss = LockLoss::default();
        let watch = Watch {
            session,
            database: self.database.clone(),
            place: place.clone(),
            loss: loss.clone(),
        };
        let (held, watch) = (self.held.clone(), watch.start());
        let guard = LockGuard::new(info, move || {
            drop(watch);
            let session = get(&held).take();
            session.map_or(Ok(()), |session| session.release(&place))
        });
        Ok(guard.watched(loss))
    }

    fn read(&self) -> Result<Option<Snapshot>, StoreError> {
        self.read_row()
    }

    fn write(&self, snapshot: &mut Snapshot) -> Result<bool, StoreError> {
        let next = Snapshot {
            serial: snapshot.serial.saturating_add(1),
            ..snapshot.clone()
        };
        let write = Write {
            table: self.database.table(),
            name: self.workspace.clone(),
            place: self.describe(),
            codec: self.database.codec.clone(),
            data: self.encode(&next)?,
            seen: self.seen.clone(),
            check: Some(Check {
                given: snapshot.clone(),
                was_there: self.lineage().as_ref() == Some(&snapshot.lineage),
                tried: AtomicBool::new(false),
            }),
        };
        let written = self.store(write)?;
        self.see(snapshot);
        if written {
            snapshot.serial = next.serial;
        }
        Ok(written)
    }

    fn replace(&self, snapshot: &Snapshot) -> Result<(), StoreError> {
        let write = Write {
            table: self.database.table(),
            name: self.workspace.clone(),
            place: self.describe(),
            codec: self.database.codec.clone(),
            data: self.encode(snapshot)?,
            seen: self.seen.clone(),
            check: None,
        };
        self.store(write).map(drop)
    }

    /// Ends the session that holds the lock.
    fn force_unlock(&self, id: &str) -> Result<(), StoreError> {
        let place = self.describe();
        let (within, id) = (place.clone(), id.to_owned());
        let (table, name) = (self.database.table(), self.workspace.clone());
        self.database
            .link
            .call(("unlock", &place), async move |client| {
                let statement = format!("SELECT id FROM {table} WHERE name = $1");
                let row = client.query_opt(&statement, &[&name]).await?;
                let locks = Attempt::locks_of(row.map(|row| row.get(0)));
                let Some(holder) = holder::find(client, &locks, &within).await? else {
                    let place = within.clone();
                    return Err(StoreError::NotLocked { place }.into());
                };
                if holder.info.id != id {
                    return Err(Fault::Store(StoreError::Locked {
                        place: within.clone(),
                        holder: Some(Box::new(holder.info)),
                    }));
                }
                holder::end(client, holder.pid).await
            })
    }
}

/// A state that is to be stored.
struct Write {
    table: String,
    name: String,
    place: String,
    codec: Codec,
    /// The text of the new state.
    data: String,
    seen: Arc<Seen>,
    /// `None` if it is stored whatever is there.
    check: Option<Check>,
}

/// What has to be stored before.
struct Check {
    /// What the new state says, with the serial number of the one that it was made from.
    given: Snapshot,
    /// There was a state of this lineage.
    was_there: bool,
    /// It may have been stored before the connection was cut.
    tried: AtomicBool,
}

/// A row that was stored: its number, if it is new.
type Stored = Option<Option<i64>>;

impl Write {
    /// Stores the state, unless it says nothing new.
    async fn run(&self, tx: &Transaction<'_>) -> Result<Stored, Fault> {
        let table = &self.table;
        let look = format!("SELECT data FROM {table} WHERE name = $1 FOR UPDATE");
        let row = tx.query_opt(&look, &[&self.name]).await?;
        if let (Some(check), Some(row)) = (&self.check, &row) {
            let stored = decode(&self.codec, row.get(0), &self.place)?;
            match check.on(stored.as_ref())? {
                Found::Same => return Ok(None),
                Found::Done => return Ok(Some(None)),
                Found::Other => {}
            }
        }
        if self.check.as_ref().is_some_and(|check| check.was_there) && row.is_none() {
            let place = self.place.clone();
            return Err(StoreError::Deleted { place }.into());
        }
        if row.is_some() {
            let change = format!("UPDATE {table} SET data = $2 WHERE name = $1");
            tx.execute(&change, &[&self.name, &self.data]).await?;
            return Ok(Some(None));
        }
        let add = format!(
            "INSERT INTO {table} (name, data) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING id"
        );
        let added = tx.query_opt(&add, &[&self.name, &self.data]).await?;
        // Without a row, somebody else has added one just now: that one has to be looked at.
        let added = added.ok_or_else(|| Fault::Busy(self.stale()))?;
        Ok(Some(Some(added.get(0))))
    }

    async fn commit(&self, tx: Transaction<'_>, stored: Stored) -> Result<(), Fault> {
        if let Some(check) = &self.check {
            check.tried.store(true, Ordering::Relaxed);
        }
        if stored.is_some() {
            self.seen.trying(&self.data);
        }
        tx.commit().await?;
        if stored.is_some() {
            self.seen.set(Some(&self.data));
        }
        Ok(())
    }

    async fn run_holding(&self, client: &mut Client, session: &Session) -> Result<bool, Fault> {
        let tx = client.transaction().await?;
        let stored = self.run(&tx).await?;
        if let Some(Some(id)) = stored {
            session.hold_row(&tx, id).await?;
        }
        self.commit(tx, stored).await?;
        // The state is stored, whatever happens to the rest.
        if let Some(Some(id)) = stored {
            let _ = session.row_made(client, id).await;
        }
        let _ = session.announce(client).await;
        Ok(stored.is_some())
    }

    fn stale(&self) -> StoreError {
        StoreError::Remote {
            place: self.place.clone(),
            action: "write",
            reason: "somebody else writes it at the same time".to_owned(),
        }
    }
}

enum Found {
    Same,
    Done,
    Other,
}

impl Check {
    fn on(&self, stored: Option<&Snapshot>) -> Result<Found, StoreError> {
        let given = &self.given;
        let is_done = stored.is_some_and(|stored| {
            stored.serial == given.serial.saturating_add(1) && stored.same_content(given)
        });
        if is_done && self.tried.load(Ordering::Relaxed) {
            return Ok(Found::Done);
        }
        Ok(match is_change(stored, given)? {
            true => Found::Other,
            false => Found::Same,
        })
    }
}
