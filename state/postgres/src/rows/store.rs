//! The state of one workspace.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use muster_snapshot::Snapshot;
use muster_store::{LockGuard, LockInfo, Part, Store, StoreError, Version};
use tokio_postgres::{Client, IsolationLevel};

use super::Database;
use super::lease::{self, Conflict, Lease};
use super::load::{Loaded, Stored};
use super::write::{Made, Write, Written};
use crate::fault::Fault;

/// The pauses between attempts to lock grow from the one to the other.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// The state of a workspace, as rows.
pub struct RowsStore {
    database: Arc<Database>,
    workspace: String,
    session: Arc<Mutex<Session>>,
}

#[derive(Default)]
struct Session {
    /// The lock, if this store has taken it.
    lease: Option<Arc<Lease>>,
    /// What was stored when this store last looked.
    known: Option<Arc<Loaded>>,
}

fn get(session: &Mutex<Session>) -> MutexGuard<'_, Session> {
    // What is in there stays valid whatever a panicking thread was doing.
    session.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Which state is to be read.
#[derive(Clone)]
enum Wanted {
    Current,
    /// The latest one with this number.
    Serial(i64),
    /// The one with this number that was stored at this time.
    At(i64, String),
}

/// When a version was stored, in the form of RFC 3339.
const CREATED: &str =
    "to_char(version.created AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')";

/// A state that was looked for.
enum Found {
    Known(Arc<Loaded>),
    Stored(Stored),
}

impl RowsStore {
    pub(super) fn new(database: Arc<Database>, workspace: &str) -> Self {
        Self {
            database,
            workspace: workspace.to_owned(),
            session: Arc::default(),
        }
    }

    fn load(&self, wanted: Wanted) -> Result<Option<Arc<Loaded>>, StoreError> {
        let known = get(&self.session).known.clone();
        let (database, name) = (self.database.clone(), self.workspace.clone());
        let place = self.describe();
        let found = self
            .database
            .link
            .call(("read", &place), async move |client| {
                look(client, &database, &name, &wanted, known.as_ref()).await
            })?;
        Ok(match found {
            None => None,
            Some(Found::Known(loaded)) => Some(loaded),
            Some(Found::Stored(stored)) => {
                let loaded = stored.decode(&self.database.codec, &place)?;
                Some(Arc::new(loaded))
            }
        })
    }

    fn store(&self, next: Arc<Snapshot>, made: Made) -> Result<Written, StoreError> {
        let (lease, known) = {
            let session = get(&self.session);
            (session.lease.clone(), session.known.clone())
        };
        let who = match &lease {
            Some(lease) => lease.info.who.clone(),
            None => LockInfo::new("", "").who,
        };
        let write = Write {
            database: self.database.clone(),
            name: self.workspace.clone(),
            who,
            lease,
            known,
            next,
            made,
            tried: AtomicBool::new(false),
        };
        let place = self.describe();
        let (written, now) = self
            .database
            .link
            .call(("write", &place), async move |client| {
                write.run(client).await
            })?;
        get(&self.session).known.clone_from(&now);
        Ok((written, now))
    }

    fn try_lock(
        &self,
        info: &LockInfo,
        part: Option<&Part>,
    ) -> Result<Option<Conflict>, StoreError> {
        let (database, name) = (self.database.clone(), self.workspace.clone());
        let (place, info, part) = (self.describe(), info.clone(), part.cloned());
        self.database
            .link
            .call(("lock", &place), async move |client| {
                lease::take(client, &database, &name, &info, part.as_ref()).await
            })
    }

    fn lock_extent(
        &self,
        mut info: LockInfo,
        part: Option<Part>,
        timeout: Duration,
    ) -> Result<LockGuard, StoreError> {
        let place = self.describe();
        info.path.clone_from(&place);
        let started = Instant::now();
        let mut pause = PAUSES.0;
        while let Some(conflict) = self.try_lock(&info, part.as_ref())? {
            let left = timeout.saturating_sub(started.elapsed());
            if left.is_zero() {
                return Err(StoreError::Locked {
                    place: match conflict.resource {
                        Some(resource) => format!("{resource} in {place}"),
                        None => place,
                    },
                    holder: Some(Box::new(conflict.holder)),
                });
            }
            thread::sleep(pause.min(left));
            pause = (pause * 2).min(PAUSES.1);
        }
        let is_shared = part.is_some();
        let lease = Lease::new(&self.database, &self.workspace, info.clone(), part);
        let loss = lease.loss.clone();
        get(&self.session).lease = Some(Arc::new(lease));
        let (session, database) = (self.session.clone(), self.database.clone());
        let (name, id) = (self.workspace.clone(), info.id.clone());
        let guard = LockGuard::new(info, move || {
            get(&session).lease = None;
            release(&database, &name, &id, &place)
        });
        let guard = guard.watched(loss);
        Ok(match is_shared {
            true => guard.shared(),
            false => guard,
        })
    }
}

/// Finds a state, as one transaction sees it.
async fn look(
    client: &mut Client,
    database: &Database,
    name: &str,
    wanted: &Wanted,
    known: Option<&Arc<Loaded>>,
) -> Result<Option<Found>, Fault> {
    let transaction = client.build_transaction().read_only(true);
    let tx = transaction
        .isolation_level(IsolationLevel::RepeatableRead)
        .start()
        .await?;
    let (workspaces, versions) = (database.table("workspaces"), database.table("versions"));
    let row = match wanted {
        Wanted::Current => {
            let look = format!("SELECT id, revision FROM {workspaces} WHERE name = $1");
            tx.query_opt(&look, &[&name]).await?
        }
        Wanted::Serial(serial) | Wanted::At(serial, _) => {
            let created = match wanted {
                Wanted::At(_, created) => Some(created),
                _ => None,
            };
            let look = format!(
                "SELECT workspace.id, version.revision FROM {workspaces} AS workspace
                 JOIN {versions} AS version ON version.workspace = workspace.id
                 WHERE workspace.name = $1 AND version.serial = $2
                 AND ($3::text IS NULL OR {CREATED} = $3)
                 ORDER BY version.revision DESC LIMIT 1"
            );
            tx.query_opt(&look, &[&name, serial, &created]).await?
        }
    };
    let number = row.map(|row| (row.get(0), row.get::<_, i64>(1)));
    let Some(number) = number.filter(|(_, revision)| *revision > 0) else {
        return Ok(None);
    };
    if let Some(known) = known.filter(|known| known.is(number.0, number.1)) {
        return Ok(Some(Found::Known(known.clone())));
    }
    let stored = Stored::fetch(&tx, database, number).await?;
    Ok(Some(Found::Stored(stored)))
}

impl Store for RowsStore {
    fn describe(&self) -> String {
        self.database.place(&self.workspace)
    }

    fn lock(&self, info: LockInfo, timeout: Duration) -> Result<LockGuard, StoreError> {
        self.lock_extent(info, None, timeout)
    }

    fn lock_part(
        &self,
        info: LockInfo,
        part: &Part,
        timeout: Duration,
    ) -> Result<LockGuard, StoreError> {
        self.lock_extent(info, Some(part.clone()), timeout)
    }

    fn read(&self) -> Result<Option<Snapshot>, StoreError> {
        let loaded = self.load(Wanted::Current)?;
        get(&self.session).known.clone_from(&loaded);
        Ok(loaded.map(|loaded| (*loaded.snapshot).clone()))
    }

    fn write(&self, snapshot: &mut Snapshot) -> Result<bool, StoreError> {
        let made_from = snapshot.serial;
        let next = Snapshot {
            serial: made_from.saturating_add(1),
            ..snapshot.clone()
        };
        let serial = next.serial;
        let (written, _) = self.store(Arc::new(next), Made::From(made_from))?;
        if written {
            snapshot.serial = serial;
        }
        Ok(written)
    }

    fn merge(&self, base: &Snapshot, snapshot: &mut Snapshot) -> Result<bool, StoreError> {
        let next = Arc::new(snapshot.clone());
        let made = Made::Beside(Box::new(base.clone()));
        let (written, now) = self.store(next, made)?;
        if let Some(now) = now {
            *snapshot = (*now.snapshot).clone();
        }
        Ok(written)
    }

    fn replace(&self, snapshot: &Snapshot) -> Result<(), StoreError> {
        let next = Arc::new(snapshot.clone());
        self.store(next, Made::Regardless).map(drop)
    }

    fn force_unlock(&self, id: &str) -> Result<(), StoreError> {
        let place = self.describe();
        let (database, name, id) = (self.database.clone(), self.workspace.clone(), id.to_owned());
        self.database
            .link
            .call(("unlock", &place), async move |client| {
                if lease::end(&*client, &database, &name, &id).await? {
                    return Ok(());
                }
                let place = database.place(&name);
                Err(
                    match lease::holder(&*client, &database, &name, &id).await? {
                        None => StoreError::NotLocked { place }.into(),
                        Some(holder) => Fault::Store(StoreError::Locked {
                            place,
                            holder: Some(Box::new(holder)),
                        }),
                    },
                )
            })
    }

    fn history(&self) -> Result<Vec<Version>, StoreError> {
        let statement = format!(
            "SELECT version.serial, version.who, version.instances, {CREATED}
             FROM {} AS workspace JOIN {} AS version ON version.workspace = workspace.id
             WHERE workspace.name = $1 ORDER BY version.revision DESC",
            self.database.table("workspaces"),
            self.database.table("versions"),
        );
        let name = self.workspace.clone();
        let place = self.describe();
        self.database
            .link
            .call(("read", &place), async move |client| {
                let rows = client.query(&statement, &[&name]).await?;
                let unsigned = |n: i64| u64::try_from(n).unwrap_or_default();
                let version = |row: &tokio_postgres::Row| Version {
                    serial: unsigned(row.get(0)),
                    who: row.get(1),
                    instances: unsigned(row.get(2)),
                    created: row.get(3),
                };
                Ok(rows.iter().map(version).collect())
            })
    }

    fn version(&self, serial: u64) -> Result<Option<Snapshot>, StoreError> {
        let Ok(serial) = i64::try_from(serial) else {
            return Ok(None);
        };
        let loaded = self.load(Wanted::Serial(serial))?;
        Ok(loaded.map(|loaded| (*loaded.snapshot).clone()))
    }

    fn version_of(&self, version: &Version) -> Result<Option<Snapshot>, StoreError> {
        let Ok(serial) = i64::try_from(version.serial) else {
            return Ok(None);
        };
        let loaded = self.load(Wanted::At(serial, version.created.clone()))?;
        Ok(loaded.map(|loaded| (*loaded.snapshot).clone()))
    }
}

fn release(database: &Arc<Database>, name: &str, id: &str, place: &str) -> Result<(), StoreError> {
    let (within, workspace, id) = (database.clone(), name.to_owned(), id.to_owned());
    let tried = AtomicBool::new(false);
    let was_held = database.link.call(("unlock", place), async move |client| {
        let had_tried = tried.swap(true, Ordering::Relaxed);
        // The answer to the first attempt may be lost.
        Ok(lease::end(&*client, &within, &workspace, &id).await? || had_tried)
    })?;
    match was_held {
        true => Ok(()),
        false => Err(StoreError::NotLocked {
            place: place.to_owned(),
        }),
    }
}
